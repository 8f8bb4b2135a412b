"""Collectors of posts and what belongs to them."""
