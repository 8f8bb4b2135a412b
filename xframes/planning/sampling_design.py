"""The design of a sample over time: from X's counts to the windows that are read.

Intervals with few posts are joined, those with many are cut, so that each window has about the same
number of posts. Strata are spans of time with about the same number of posts. In each, a few
windows are drawn with probability proportional to size: systematically, in random order.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from math import ceil, sqrt
from random import Random
from typing import TYPE_CHECKING

from xframes.plan.windows import Sample, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Interval", "draw"]

_WINDOWS = 200  # about how many to draw: more are better, but each needs a request
_PAGE = 10  # most posts expected in a window, which is X's smallest page
_IN_STRATUM = 4  # windows of a stratum
_MARGIN = 2.5  # standard deviations of the number of posts, so that it rarely exceeds the bound
_DISPERSION = 2.0  # posts come in bursts: their number in a part of an interval varies more than
# that of independent posts, whose variance is their mean
_SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A span of time in Unix milliseconds, and the number of posts in it."""

    start_ms: int
    end_ms: int
    posts: float


@dataclass(frozen=True, slots=True)
class _Block:
    """An interval that is cut into parts of equal length, of about `size` posts each."""

    interval: Interval
    parts: int

    @property
    def posts(self) -> float:
        return self.interval.posts

    @property
    def size(self) -> float:
        return self.interval.posts / self.parts

    def cuts(self) -> list[int]:
        """Return where the parts begin, and the end: between seconds, if they are long enough."""
        start, end = self.interval.start_ms, self.interval.end_ms
        unit = _SECOND_MS
        if self.parts > (end - start) // _SECOND_MS:
            unit = 1
        units = (end - start) // unit
        inner = [start + unit * (units * part // self.parts) for part in range(self.parts)]
        return [*inner, end]


@dataclass(frozen=True, slots=True)
class _Hit:
    """A part that was drawn."""

    part: Interval
    probability: float


def draw(
    intervals: Iterable[Interval], posts: int, seed: int, *, has_price: bool = False
) -> Sample:
    """Return a sample of windows that have at most about `posts` posts together.

    If there are no more posts than that, the sample has all of them. With the same intervals and
    seed, it is the same.
    """
    blocks = _blocks(intervals, min(_PAGE, max(1, ceil(posts / _WINDOWS))))
    total = sum(block.posts for block in blocks)
    random = Random(seed)  # noqa: S311  reproducible by its seed, nothing here is secret
    strata = [[_Hit(part, 1.0) for block in blocks for part in _parts(block)]]
    if total > posts:
        step = _step(blocks, total, posts)
        strata = [_hits(stratum, step, random) for stratum in _strata(blocks, step)]
    windows = _windows(strata)
    random.shuffle(windows)
    digest = blake2b(repr(windows).encode(), digest_size=6).hexdigest()
    return Sample(f"{digest}-{seed}", seed, tuple(windows), has_price)


def _blocks(intervals: Iterable[Interval], most: int) -> list[_Block]:
    """Return intervals of at most `most` posts, joined, or larger ones that are cut.

    An interval of up to twice as many is not cut: the number of its posts is known, that of a part
    is not.
    """
    blocks: list[_Block] = []
    joined: Interval | None = None
    for interval in intervals:
        if joined is not None and joined.posts + interval.posts <= most:
            joined = Interval(joined.start_ms, interval.end_ms, joined.posts + interval.posts)
            continue
        if joined is not None:
            blocks.append(_Block(joined, 1))
        joined = interval
        if interval.posts > min(_PAGE, 2 * most):
            blocks.append(_Block(interval, ceil(interval.posts / most)))
            joined = None
    if joined is not None:
        blocks.append(_Block(joined, 1))
    return [block for block in blocks if block.posts]


def _parts(block: _Block) -> list[Interval]:
    return [_part(block, block.cuts(), number) for number in range(block.parts)]


def _part(block: _Block, cuts: Sequence[int], number: int) -> Interval:
    start, end = cuts[number], cuts[number + 1]
    span = block.interval.end_ms - block.interval.start_ms
    return Interval(start, end, block.posts * (end - start) / span)


def _step(blocks: Sequence[_Block], total: float, posts: int) -> float:
    """Return how many posts a window represents: the least for which they are few enough."""
    low, high = 0.0, total
    for _ in range(60):
        step = (low + high) / 2
        if _most(blocks, total, step) > posts:
            low = step
        else:
            high = step
    return high


def _most(blocks: Sequence[_Block], total: float, step: float) -> float:
    """Return the number of posts that a sample with this step hardly ever exceeds."""
    expected = bursts = squares = cubes = 0.0
    for block in blocks:
        size, posts = block.size, block.posts
        drawn = posts * min(1.0, size / step)
        expected += drawn
        squares += posts * size
        cubes += posts * size**2
        if block.parts > 1:
            bursts += drawn * _DISPERSION
    of_sizes = max(0.0, cubes / total - (squares / total) ** 2) * total / step
    return expected + _MARGIN * sqrt(of_sizes + bursts)


def _strata(blocks: Sequence[_Block], step: float) -> list[list[_Block]]:
    """Return spans of time from which about the same number of windows are drawn."""
    total = sum(block.posts for block in blocks)
    number = max(1, int(total / step) // _IN_STRATUM)
    strata: list[list[_Block]] = [[] for _ in range(number)]
    before = 0.0
    for block in blocks:
        middle = before + block.posts / 2
        strata[min(number - 1, int(middle / total * number))].append(block)
        before += block.posts
    return [stratum for stratum in strata if stratum]


def _hits(blocks: Sequence[_Block], step: float, random: Random) -> list[_Hit]:
    """Draw windows from a stratum: at equal steps through its posts, in random order of blocks."""
    blocks = random.sample(blocks, len(blocks))
    total = sum(block.posts for block in blocks)
    step = total / max(1, round(total / step))
    at = random.random() * step
    before, hits = 0.0, []
    for block in blocks:
        cuts = block.cuts() if before + block.posts > at else []
        sizes = [_part(block, cuts, number).posts for number in range(len(cuts) - 1)]
        ends = [before + posts for posts in accumulate(sizes)]
        chosen = set()
        while ends and at < before + block.posts:
            chosen.add(min(bisect_right(ends, at), block.parts - 1))
            at += step
        parts = [_part(block, cuts, number) for number in sorted(chosen)]
        hits += [_Hit(part, min(1.0, part.posts / step)) for part in parts]
        before += block.posts
    return hits


def _windows(strata: Sequence[Sequence[_Hit]]) -> list[Window]:
    """Return the windows of all strata, numbered in the order of time."""
    windows: list[Window] = []
    for stratum, hits in enumerate(strata):
        for hit in sorted(hits, key=lambda hit: hit.part.start_ms):
            part = hit.part
            windows.append(Window(
                len(windows), part.start_ms, part.end_ms, stratum, len(hits), hit.probability,
                part.posts,
            ))
    return windows
