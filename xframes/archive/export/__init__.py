"""Writing tables for others: formats, selection, descriptions, pseudonyms."""
