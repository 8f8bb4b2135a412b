"""Collectors of users, what they keep, and the numbers of an account."""
