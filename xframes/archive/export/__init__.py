"""Export of tables: formats, selection, descriptions, pseudonyms."""
