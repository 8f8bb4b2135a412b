"""How far people watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, colors, short
from xframes.plot.canvas.rows import chosen, media_texts, newest, numbers, pandas, rows, shorten, table, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from matplotlib.axes import Axes

_REPORTED = ["playback_start", "playback25", "playback50", "playback75", "playback_complete"]  # of media_analytics
_SHOWN = [f"non_public_playback_{share}_count" for share in (0, 25, 50, 75, 100)]  # of media, to the owner
_MARKERS = "os^D"
_QUARTILES = (0, 25, 50, 75, 100)


def retention(
    frame: Any, ax: Axes | None = None, *, media: Iterable[str] | str | None = None, top: int = 5, share: bool = True
) -> Axes:
    """Draw how many of the plays of your videos reached a quarter, a half, three quarters and the end.

    Reads `media_analytics` (the sum over the spans collected), and for media that are not in it the non-public metrics
    of the table `media` (of all time, drawn dashed). A frame may hold either. One line for each of the `top` media with
    most plays, or of those `media` names by key; in percent of the plays begun, or in plays with `share=False`.

    Raises ArgumentError when there is no playback to draw.
    """
    found = _playback(frame)
    if media is not None:
        found = found.loc[[key for key in chosen(media) if key in found.index]]
    else:
        found = found.sort_values(_REPORTED[0], ascending=False, kind="stable").head(max(top, 1))
    if found.empty:
        raise ArgumentError("there is no playback to draw; xf.analytics.media(keys, start_time=…, end_time=…) collects "
                            "that of your own videos")
    called, lengths = media_texts(frame, found.index), _lengths(frame)
    ax = drawing.axes(ax, (9, 4))
    highest = 100.0 if share else 0.0
    for nth, (color, (key, row)) in enumerate(zip(colors(ax), found.iterrows(), strict=False)):
        plays = [float(row[name]) for name in _REPORTED]
        heights = [100 * value / plays[0] for value in plays] if share else plays
        told = ", ".join([*([lengths[str(key)]] if str(key) in lengths else []), f"{short(plays[0])} plays"])
        name = shorten(called.get(str(key), str(key)), drawing.LONGEST_LABEL - 3 - len(told))
        highest = max(highest, *heights)
        ax.plot(_QUARTILES, heights, "--" if row["of_all_time"] else "-", marker=_MARKERS[nth // len(COLORS) % 4],
                markersize=4, color=color,
                label=f"{name} ({told})")
    ax.set_xticks(_QUARTILES, ["start", "25%", "50%", "75%", "end"])
    ax.set_xlabel("part of the video played")
    if found["of_all_time"].any() and not found["of_all_time"].all():
        drawing.note(ax, "dashed: of all time")
    drawing.measure(ax.yaxis, "plays that got there (% of those begun)" if share else "plays that got there")
    ax.set_ylim(0, highest * 1.03)
    drawing.legend(ax, "medium", within="lower left")
    return ax


def _playback(frame: Any) -> pd.DataFrame:
    """Plays begun and reached, by media key, of what has any; `of_all_time` tells the `media` table's."""
    import pandas as pd

    if not whole(frame):
        frame = pandas(frame)
    parts = []
    if whole(frame) or not set(_SHOWN) <= set(frame):
        parts.append(_reported(frame))
    if whole(frame) or set(_SHOWN) <= set(frame):
        shown = table(frame, "media", ["media_key", "observed_at", *_SHOWN], optional=("observed_at",))
        shown = newest(numbers(shown, _SHOWN).dropna(subset=_SHOWN), ["media_key"]).set_index("media_key")[_SHOWN]
        parts.append(shown.set_axis(_REPORTED, axis="columns").assign(of_all_time=True))
    found = pd.concat([part for part in parts if not part.empty] or parts[:1])
    found = found[~found.index.duplicated(keep="first")]
    return found[found[_REPORTED[0]] > 0]


def _reported(frame: Any) -> pd.DataFrame:
    """The sums of one granularity: those of several would count the same plays twice."""
    columns = ["media_key", "granularity", "at", "observed_at", *_REPORTED]
    found = table(frame, "media_analytics", columns, optional=("observed_at",))
    found = newest(numbers(found, _REPORTED), ["media_key", "granularity", "at"]).dropna(subset=_REPORTED)
    used = next((g for g in ("total", "daily", "hourly") if (found["granularity"] == g).any()), None)
    sums: pd.DataFrame = found[found["granularity"] == used].groupby("media_key")[_REPORTED].sum()
    return sums.assign(of_all_time=False)


def _lengths(frame: Any) -> dict[str, str]:
    """The length of each medium as minutes and seconds, where known."""
    if not whole(frame):
        return {}
    found = rows(frame, "SELECT media_key, max(duration_ms) AS ms FROM media GROUP BY media_key", ["media_key", "ms"])
    found = found.dropna()
    seconds = (found["ms"].astype("int64") + 500) // 1000
    return {str(key): f"{s // 60}:{s % 60:02d}" for key, s in zip(found["media_key"], seconds, strict=True)}
