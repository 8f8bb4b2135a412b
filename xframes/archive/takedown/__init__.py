"""Removal of people and posts from an archive."""
