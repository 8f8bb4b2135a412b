"""Records about the files of tables."""
