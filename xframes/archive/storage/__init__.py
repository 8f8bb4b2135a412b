"""Where pages and table rows are kept: the folder or bucket, its files, and what they may hold."""
