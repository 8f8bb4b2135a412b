"""Where posts come from."""

from __future__ import annotations

from math import cos, radians
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, ink, short
from xframes.plot.canvas.layout import label
from xframes.plot.canvas.rows import numbers, pandas, rows, shorten, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_BOX = ["west", "south", "east", "north"]
_QUERY = f"""
    SELECT p.id, p.latitude, p.longitude, p.place_id, l.full_name, l.west, l.south, l.east, l.north
    FROM (SELECT DISTINCT ON (id) id, latitude, longitude, place_id FROM posts ORDER BY id, latitude IS NULL) p
    LEFT JOIN (SELECT DISTINCT ON (id) id, full_name, {", ".join(_BOX)} FROM places ORDER BY id, west IS NULL) l
    ON l.id = p.place_id
    WHERE p.id IN (SELECT post_id FROM matches) AND (p.latitude IS NOT NULL OR l.west IS NOT NULL)"""
_LARGEST = 500.0  # area of the largest circle, in square points


def map(frame: Any, ax: Axes | None = None, *, labels: int = 8) -> Axes:
    """Draw where posts come from: a circle for each place and exact point, its area by the number of posts.

    A place stands at the middle of its box, which is drawn faintly; exact points (`latitude`, `longitude`) where they
    are. Of Frames and archives the posts that were asked for are drawn. Other frames have a row for each post, with
    `latitude` and `longitude`, or the box of its place in degrees: `west`, `south`, `east`, `north`, best with
    `full_name`. The `labels` places with most posts are named where there is room. The axes are degrees, as wide as
    they are in the middle of the picture; no map is fetched.

    Raises ArgumentError when no post has a place.
    """
    spots = _spots(frame)
    if spots.empty:
        raise ArgumentError("no post has a place to draw; few posts have one, has:geo in a query finds those")
    ax = drawing.axes(ax, (8, 5))
    _boxes(ax, spots)
    areas = _LARGEST * spots["posts"] / spots["posts"].max()
    for exact, color, name in ((False, COLORS[0], "places (their middle)"), (True, COLORS[3], "exact points")):
        there = spots[spots["exact"] == exact]
        if not there.empty:
            ax.scatter(there["x"], there["y"], s=areas[there.index].clip(lower=10), color=color, alpha=0.65,
                       edgecolors="white", linewidths=0.7, zorder=3,
                       label=f"{name}: {short(there['posts'].sum())} posts")
    _degrees(ax, spots)
    ax.legend(title=f"area: posts (at most {short(spots['posts'].max())})", loc="upper right", bbox_to_anchor=(1, -0.1),
              ncols=2, frameon=False, fontsize="small", title_fontsize="small", alignment="right",
              labelcolor=ink(ax)).get_title().set_color(ink(ax))
    named = spots[spots["name"].notna()].head(labels)
    label(ax, list(zip(named["x"], named["y"], strict=True)),
          [f"{shorten(name, 28)}: {short(n)}" for name, n in zip(named["name"], named["posts"], strict=True)],
          [2 + area**0.5 / 2 for area in areas[named.index]])
    return ax


def _spots(frame: Any) -> pd.DataFrame:
    """Where circles go (`x`, `y`), of how many posts, called what, with the box around them; most posts first."""
    import pandas as pd

    columns = ["latitude", "longitude", "full_name", *_BOX]
    if not whole(frame):
        frame = pandas(frame)
        if not ({"latitude", "longitude"} <= set(frame) or set(_BOX) <= set(frame)):
            there = ", ".join(str(column) for column in frame.columns)
            raise ArgumentError("there are no columns 'latitude' and 'longitude', or 'west', 'south', 'east', 'north' "
                                f"to draw; the columns are: {there}")
    found = rows(frame, _QUERY, columns, tuple(columns)).reindex(columns=columns)
    measured = [c for c in columns if c != "full_name"]
    at = numbers(found, measured)[measured].astype("float64")
    exact = at["latitude"].notna() & at["longitude"].notna()
    east = at["east"].where(at["east"] >= at["west"], at["east"] + 360)  # across the date line
    middle = (at["west"] + east) / 2
    made = pd.DataFrame({
        "x": at["longitude"].where(exact, middle.where(middle <= 180, middle - 360)).round(3),
        "y": at["latitude"].where(exact, (at["south"] + at["north"]) / 2).round(3),
        "name": found["full_name"].astype("string"), "exact": exact, "west": at["west"].mask(exact),
        "south": at["south"], "east": east, "north": at["north"],
    }).dropna(subset=["x", "y"])
    spots = made.groupby(["exact", "x", "y"], as_index=False).agg(
        posts=("x", "size"), name=("name", "first"), west=("west", "first"), south=("south", "first"),
        east=("east", "first"), north=("north", "first"))
    spots["name"] = spots["name"].mask(spots["exact"])
    return spots.sort_values(["posts", "x", "y"], ascending=[False, True, True]).reset_index(drop=True)


def _boxes(ax: Axes, spots: pd.DataFrame) -> None:
    from matplotlib.patches import Rectangle

    for spot in spots[spots["west"].notna()].to_dict("records"):
        width, height = spot["east"] - spot["west"], spot["north"] - spot["south"]
        ax.add_patch(Rectangle((spot["west"], spot["south"]), width, height, facecolor=COLORS[0], alpha=0.1,
                               edgecolor=COLORS[0], linewidth=0.6, zorder=2))


def _degrees(ax: Axes, spots: pd.DataFrame) -> None:
    """Axes in degrees around the circles, at least twice as wide as high where the world is, with a graticule."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = float(spots["y"].min()), float(spots["y"].max())
    left, right = float(spots["x"].min()), float(spots["x"].max())
    stretch = 1 / max(cos(radians((low + high) / 2)), 0.2)
    height = max((high - low) * 1.25, (right - left) * 1.2 / stretch / 1.8, 0.5)
    width = max((right - left) * 1.2, height * stretch * 1.6)
    ax.set_xlim(max((left + right - width) / 2, -180), min((left + right + width) / 2, 180))
    ax.set_ylim(max((low + high - height) / 2, -90), min((low + high + height) / 2, 90))
    ax.set_aspect(stretch)
    for axis, signs in ((ax.xaxis, "WE"), (ax.yaxis, "SN")):
        axis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 1.5, 2, 3, 4.5, 5, 6, 9, 10]))
        axis.set_major_formatter(FuncFormatter(
            lambda degrees, _, signs=signs: f"{abs(degrees):.6g}°{'' if degrees == 0 else signs[int(degrees > 0)]}"))
    ax.grid(visible=True, axis="both")
    ax.set_xlabel("longitude")
    ax.set_ylabel("latitude")
