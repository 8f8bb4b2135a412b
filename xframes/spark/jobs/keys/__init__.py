"""Jobs on Spark that work on ranges of keys: they sample, settle and compact."""
