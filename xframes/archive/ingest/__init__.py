"""How pages come into an archive: the journal, collections, imports, and their runs."""
