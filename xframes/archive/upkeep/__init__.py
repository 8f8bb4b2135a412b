"""Maintenance of an archive: compaction, rebuild, verification, repair, merge."""
