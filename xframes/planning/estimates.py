"""Estimate shares and totals of all posts from a sample, with intervals by its design."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from math import exp, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from xframes.archive import Archive
from xframes.errors import ArgumentError
from xframes.frames import Frames, readable_sql
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

__all__ = ["estimate"]

log = logging.getLogger("xframes")
_LEVEL = 0.95
_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}  # Student's t for few degrees of freedom


def estimate(
    source: Frames | Archive, what: str, *, sample_id: str | None = None
) -> pd.DataFrame:
    """Estimate which share of all posts has each value, from a sample (`xf.search.sample`).

    The intervals follow the design of the sample: posts of one window of time are a cluster, not
    independent, and windows were drawn from strata. They contain the true value in about 95 of 100
    samples. A sample of all posts has intervals without width.

    Parameters
    ----------
    source
        Frames or an archive with a sample.
    what
        Column of `posts`, such as "lang", or an SQL expression of its columns, such as
        "like_count >= 10".
    sample_id
        Sample to use, from the table `samples`. Default: the last one collected.

    Returns
    -------
    pandas.DataFrame
        One row per value, the most frequent first: the value (the column has the name of `what`),
        `posts` (how many sampled posts have it), `share` of all posts from 0 to 1 with the ends of
        its interval, `share_low` and `share_high`, and `total`, the number of all posts with it,
        with `total_low` and `total_high`. Posts without a value have a row of their own.

    Raises
    ------
    ArgumentError
        An argument is invalid, or there is no sample.
    XframesError
        DuckDB refuses the expression.

    Examples
    --------
    >>> frames = xf.search.sample("tea", "2026-05-01T00:00Z", "2026-06-01T00:00Z")
    >>> xf.estimate(frames, "lang")
    """
    import pandas as pd

    if not isinstance(source, Frames | Archive):
        raise ArgumentError(f"source: expected Frames or an Archive, got {source!r:.60}")
    if not isinstance(what, str) or not what.strip():
        raise ArgumentError(f"what: expected a column of posts such as 'lang', got {what!r:.40}")
    sample_id = _sample_id(source, sample_id)
    windows = _read(source, sample_id, what)
    strata = _strata(windows)
    values = sum((window.posts for window in windows), Counter[Any]())
    rows = [_row(strata, value, posts) for value, posts in values.most_common()]
    rows.sort(key=lambda row: -row["share"])
    columns = ["value", "posts", *_COLUMNS]
    return pd.DataFrame(rows, columns=columns).rename(columns={"value": what}).convert_dtypes()


_COLUMNS = ("share", "share_low", "share_high", "total", "total_low", "total_high")


@dataclass
class _Window:
    """A window that was read: the number of its posts by value, and what each represents."""

    stratum: int
    drawn: int
    probability: float
    posts: Counter[Any] = field(default_factory=Counter)
    weight: float = 1.0

    @property
    def size(self) -> int:
        return self.posts.total()

    @property
    def missing(self) -> float:
        """The share of windows like this one that were not drawn."""
        return 1 - 1 / self.weight


# reading -----------------------------------------------------------------------------------------


def _query(source: Frames | Archive, query: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with readable_sql():
        rows: list[tuple[Any, ...]] = source.sql(query, params or None).fetchall()
    return rows


def _sample_id(source: Frames | Archive, sample_id: str | None) -> str:
    known = [id for (id,) in _query(source, """
        SELECT sample_id FROM sample_windows GROUP BY sample_id ORDER BY max(observed_at) DESC
    """, {})]
    if sample_id is None and known:
        return str(known[0])
    if sample_id not in known or sample_id is None:
        raise ArgumentError(
            f"sample_id: expected one of {', '.join(known[:5]) or 'none: there is no sample'}, got "
            f"{sample_id!r:.60}. xf.search.sample collects one"
        )
    return sample_id


def _read(source: Frames | Archive, sample_id: str, what: str) -> list[_Window]:
    """Return the windows of a sample with the values of their posts."""
    windows = {}
    for number, stratum, drawn, probability in _query(source, """
        SELECT "window", any_value(stratum), any_value(stratum_windows), any_value(probability)
        FROM sample_windows WHERE sample_id = $sample GROUP BY "window" ORDER BY "window"
    """, {"sample": sample_id}):
        windows[number] = _Window(stratum, drawn, probability)
    for number, value, posts in _query(source, f"""
        WITH chosen AS (
            SELECT DISTINCT post_id, "window" FROM samples WHERE sample_id = $sample
        ),
        named AS (
            SELECT id, any_value(({what})) AS value FROM posts
            WHERE id IN (SELECT post_id FROM chosen) GROUP BY id
        )
        SELECT c."window", n.value, count(*) FROM chosen c JOIN named n ON n.id = c.post_id
        GROUP BY ALL
    """, {"sample": sample_id}):
        windows[number].posts[_hashable(value)] += posts
    return list(windows.values())


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return value


# estimating --------------------------------------------------------------------------------------


def _strata(windows: Sequence[_Window]) -> list[list[_Window]]:
    """Return the windows by stratum, with their weights.

    If a sample was stopped early, the windows that were read, which are a random part, represent
    all that were drawn. A stratum with a single one is joined with the one before.
    """
    by_stratum: dict[int, list[_Window]] = defaultdict(list)
    for window in windows:
        by_stratum[window.stratum].append(window)
    strata: list[list[_Window]] = []
    for stratum in by_stratum.values():
        for window in stratum:
            window.weight = max(1.0, window.drawn / len(stratum)) / window.probability
        if strata and (len(stratum) < 2 or len(strata[-1]) < 2):
            strata[-1] += stratum
        else:
            strata.append(stratum)
    missing = sum(stratum[0].drawn - len(stratum) for stratum in by_stratum.values())
    if missing:
        log.warning(
            "the sample is incomplete: %s drawn but not read. Intervals are wider; resume the "
            "collection to complete it", counted(missing, "window"),
        )
    return strata


def _row(strata: Sequence[Sequence[_Window]], value: Any, posts: int) -> dict[str, Any]:
    """Return the row of one value."""
    windows = [window for stratum in strata for window in stratum]
    whole = sum(window.weight * window.size for window in windows)
    total = sum(window.weight * window.posts[value] for window in windows)
    share = total / whole

    def of_share(window: _Window) -> float:
        return (window.posts[value] - share * window.size) / whole

    t = _student(sum(max(0, len(stratum) - 1) for stratum in strata))
    share_error = _error([[(w, of_share(w)) for w in stratum] for stratum in strata])
    total_error = _error([[(w, w.posts[value]) for w in stratum] for stratum in strata])
    low, high = _share_bounds(share, share_error, t, _uncertain(windows))
    spread = exp(t * total_error / total)
    bounds = share, low, high, total, max(float(posts), total / spread), total * spread
    return {"value": value, "posts": posts, **dict(zip(_COLUMNS, bounds, strict=True))}


def _uncertain(windows: Iterable[_Window]) -> int:
    """Return how many windows were not drawn for sure."""
    return sum(window.missing > 0 for window in windows)


def _error(strata: Iterable[Sequence[tuple[_Window, float]]]) -> float:
    """Return the standard error of a total over windows (Hájek's estimator).

    It is that of windows drawn without replacement and with unequal probabilities, from strata.
    """
    variance = 0.0
    for stratum in strata:
        drawn = [(window, value) for window, value in stratum if window.missing > 0]
        if len(drawn) < 2:
            continue
        whole = sum(window.missing for window, _ in drawn)
        mean = sum(w.missing * w.weight * value for w, value in drawn) / whole
        squares = sum(w.missing * (w.weight * value - mean) ** 2 for w, value in drawn)
        variance += squares * len(drawn) / (len(drawn) - 1)
    return sqrt(variance)


def _share_bounds(share: float, error: float, t: float, windows: int) -> tuple[float, float]:
    """Return Wilson's interval for as many independent posts as have the same error.

    Unlike share ± error, it is right for rare values too. If all windows agree, they count as one
    post each.
    """
    if not windows:
        return share, share
    size = float(windows)
    if error:
        size = share * (1 - share) / error**2
    middle = (share + t**2 / (2 * size)) / (1 + t**2 / size)
    half = t / (1 + t**2 / size) * sqrt(share * (1 - share) / size + t**2 / (4 * size**2))
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def _student(freedom: int) -> float:
    """Return the factor of a 95 % interval for these degrees of freedom (Student's t)."""
    if freedom in _T:
        return _T[freedom]
    z = NormalDist().inv_cdf((1 + _LEVEL) / 2)
    if freedom < 1:
        return _T[1]
    first = (z**3 + z) / (4 * freedom)
    return z + first + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
