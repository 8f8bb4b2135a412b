"""Watch: collections, refreshes, checks and conditions that are repeated."""
