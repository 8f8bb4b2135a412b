"""SQL that Frames and archives share."""
