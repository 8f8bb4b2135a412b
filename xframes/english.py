"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Say how many of something there are: "1 page", "2 pages", "1,000 replies"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
