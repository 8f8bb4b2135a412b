"""`xf.search`: the searches of X, and samples of what they would find."""

from __future__ import annotations

from xframes.collect.content.search import all, recent  # noqa: A004  X's name
from xframes.planning.sampling import sample

__all__ = ["all", "recent", "sample"]


def __dir__() -> list[str]:
    return list(__all__)
