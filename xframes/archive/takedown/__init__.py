"""Removing people and posts from an archive for good."""
