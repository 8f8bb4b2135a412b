"""How much tests of random input do: little each time, all of it with `--hypothesis-profile=explore`."""

from hypothesis import settings


def examples(count: int) -> int:
    """Return how many of `count` examples are tried: a fifth, at least ten."""
    if settings.get_current_profile_name() == "explore":
        return count
    return max(min(count, 10), count // 5)
