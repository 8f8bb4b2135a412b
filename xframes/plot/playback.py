"""A plot of how far people watch videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, amount, colors
from xframes.plot.canvas.pictures import plot
from xframes.plot.canvas.rows import (
    chosen,
    media_texts,
    newest,
    numbers,
    pandas,
    rows,
    shorten,
    table,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from matplotlib.axes import Axes

_ANALYTICS = [  # columns of media_analytics
    "playback_start", "playback25", "playback50", "playback75", "playback_complete",
]
# columns of media, which only the owner of a video receives
_NON_PUBLIC = [f"non_public_playback_{share}_count" for share in (0, 25, 50, 75, 100)]
_MARKERS = "os^D"
_QUARTILES = (0, 25, 50, 75, 100)


def retention_data(
    frame: Any, *, media: Iterable[str] | str | None = None, top: int = 5
) -> pd.DataFrame:
    """Return the numbers that `retention` draws.

    Parameters
    ----------
    frame, media, top
        As for `retention`.

    Returns
    -------
    pandas.DataFrame
        One row per video and position: `media_key`, `position` (0, 25, 50, 75, 100), `plays` that
        reached it, `share` of the started plays, and `of_all_time`.

    Raises
    ------
    ArgumentError
        As `retention`.

    Examples
    --------
    >>> xf.plot.retention.data(archive, top=3)
    """
    import pandas as pd

    playback = _chosen(frame, media, top)
    rows = []
    for key, video in playback.iterrows():
        for position, name in zip(_QUARTILES, _ANALYTICS, strict=True):
            share = video[name] / video[_ANALYTICS[0]]
            rows.append((key, position, int(video[name]), share, video["of_all_time"]))
    columns = ["media_key", "position", "plays", "share", "of_all_time"]
    return pd.DataFrame(rows, columns=columns)


@plot(retention_data)
def retention(
    frame: Any, ax: Axes | None = None, *, media: Iterable[str] | str | None = None, top: int = 5,
    share: bool = True,
) -> Axes:
    """Draw how many plays of your videos reached 25%, 50%, 75% and the end.

    Each video is one line. Numbers of `media_analytics` are sums over the collected spans. Videos
    that are only in the table `media` have numbers of all time, and their lines are dashed.
    `retention.data` returns the numbers.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with the columns of `media_analytics` (`media_key`,
        `granularity`, `at`, `playback_start`, `playback25`, `playback50`, `playback75`,
        `playback_complete`) or of `media` (`media_key`, `non_public_playback_0_count` and so on).
    ax
        Axes to draw on. Without it, a new figure.
    media
        Media keys to draw. Default: the `top` videos with most plays.
    top
        Number of videos if `media` is None. Default: 5.
    share
        Draw percentages of the started plays; False draws the number of plays. Default: True.

    Returns
    -------
    Axes
        The axes, with one line per video.

    Raises
    ------
    ArgumentError
        No video has plays.

    Examples
    --------
    >>> xf.plot.retention(archive, top=3)
    """
    playback = _chosen(frame, media, top)
    names, lengths = media_texts(frame, playback.index), _lengths(frame)
    ax = drawing.axes(ax, (9, 4))
    highest = 0.0
    for nth, (color, (key, row)) in enumerate(zip(colors(ax), playback.iterrows(), strict=False)):
        heights = [float(row[name]) for name in _ANALYTICS]
        details = amount(heights[0], "play")
        if str(key) in lengths:
            details = f"{lengths[str(key)]}, {details}"
        name = shorten(names.get(str(key), str(key)), drawing.LONGEST_LABEL - 3 - len(details))
        if share:
            heights = [100 * value / heights[0] for value in heights]
        highest = max(highest, *heights)
        ax.plot(
            _QUARTILES, heights, "--" if row["of_all_time"] else "-",
            marker=_MARKERS[nth // len(COLORS) % 4], markersize=4, color=color,
            label=f"{name} ({details})",
        )
    ax.set_xticks(_QUARTILES, ["start", "25%", "50%", "75%", "end"])
    ax.set_xlabel("position in the video")
    if playback["of_all_time"].any() and not playback["of_all_time"].all():
        drawing.note(ax, "dashed: of all time")
    label = "plays that reached the position"
    if share:
        label = "plays that reached the position (%)"
    smallest = None
    if not share:
        smallest = drawing.smallest_of(playback[_ANALYTICS].to_numpy(dtype="float64"))
    drawing.measure(ax.yaxis, label, smallest=smallest)
    ax.set_ylim(0, highest * 1.03)
    drawing.legend(ax, "medium", within="lower left")
    return ax


def _chosen(frame: Any, media: Iterable[str] | str | None, top: int) -> pd.DataFrame:
    """Return the plays of the media to draw."""
    playback = _playback(frame)
    if media is not None:
        playback = playback.loc[[key for key in chosen(media) if key in playback.index]]
    else:
        playback = playback.sort_values(_ANALYTICS[0], ascending=False, kind="stable")
        playback = playback.head(max(top, 1))
    if playback.empty:
        raise ArgumentError(
            "no playback to draw. To collect playback of your own videos, use "
            "xf.analytics.media(keys, start_time=…, end_time=…)"
        )
    return playback


def _playback(frame: Any) -> pd.DataFrame:
    """Return the plays that reached each position, by media key, of media with plays.

    `of_all_time` is true for the numbers of the table `media`.
    """
    import pandas as pd

    if not whole(frame):
        frame = pandas(frame)
    parts = []
    if whole(frame) or not set(_NON_PUBLIC) <= set(frame):
        parts.append(_of_analytics(frame))
    if whole(frame) or set(_NON_PUBLIC) <= set(frame):
        parts.append(_of_media(frame))
    filled = [part for part in parts if not part.empty]
    playback = pd.concat(filled or parts[:1])
    playback = playback[~playback.index.duplicated(keep="first")]
    return playback[playback[_ANALYTICS[0]] > 0]


def _of_analytics(frame: Any) -> pd.DataFrame:
    """Sum the rows of one granularity; the sum of several would count plays twice."""
    columns = ["media_key", "granularity", "at", "observed_at", *_ANALYTICS]
    spans = table(frame, "media_analytics", columns, optional=("observed_at",))
    spans = newest(numbers(spans, _ANALYTICS), ["media_key", "granularity", "at"])
    spans = spans.dropna(subset=_ANALYTICS)
    available = (g for g in ("total", "daily", "hourly") if (spans["granularity"] == g).any())
    spans = spans[spans["granularity"] == next(available, None)]
    sums: pd.DataFrame = spans.groupby("media_key")[_ANALYTICS].sum()
    return sums.assign(of_all_time=False)


def _of_media(frame: Any) -> pd.DataFrame:
    """Read the newest numbers of the table `media`, with the names of `media_analytics`."""
    columns = ["media_key", "observed_at", *_NON_PUBLIC]
    media = table(frame, "media", columns, optional=("observed_at",))
    media = newest(numbers(media, _NON_PUBLIC).dropna(subset=_NON_PUBLIC), ["media_key"])
    plays = media.set_index("media_key")[_NON_PUBLIC].set_axis(_ANALYTICS, axis="columns")
    return plays.assign(of_all_time=True)


def _lengths(frame: Any) -> dict[str, str]:
    """Return the length of each medium as minutes and seconds, as far as the frame knows."""
    if not whole(frame):
        return {}
    query = "SELECT media_key, max(duration_ms) AS ms FROM media GROUP BY media_key"
    media = rows(frame, query, ["media_key", "ms"]).dropna()
    seconds = (media["ms"].astype("int64") + 500) // 1000
    lengths = zip(media["media_key"], seconds, strict=True)
    return {str(key): f"{length // 60}:{length % 60:02d}" for key, length in lengths}
