"""A map of the places where posts come from."""

from __future__ import annotations

from math import cos, radians
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.drawing import COLORS, amount, ink, short
from xframes.plot.canvas.layout import label
from xframes.plot.canvas.pictures import plot
from xframes.plot.canvas.rows import MATCHES, listed, numbers, pandas, rows, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.axes import Axes

_BOX = ["west", "south", "east", "north"]
_QUERY = f"""
    SELECT p.id, p.latitude, p.longitude, p.place_id,
           l.full_name, l.west, l.south, l.east, l.north
    FROM (
        SELECT DISTINCT ON (id) id, latitude, longitude, place_id
        FROM posts ORDER BY id, latitude IS NULL
    ) p
    LEFT JOIN (
        SELECT DISTINCT ON (id) id, full_name, {", ".join(_BOX)}
        FROM places ORDER BY id, west IS NULL
    ) l ON l.id = p.place_id
    WHERE p.{MATCHES} AND (p.latitude IS NOT NULL OR l.west IS NOT NULL)"""
_LEGEND_MARK = 60.0  # area of a circle in the legend
_LARGEST = 500.0  # area of the largest circle, in square points
_MOST_CIRCLES = 40  # of the largest area; if all together have more, they are smaller
_LAYERS = ((False, COLORS[0], "places (their middle)"), (True, COLORS[3], "exact points"))


def map_data(frame: Any) -> pd.DataFrame:
    """Return the numbers that `map` draws.

    Parameters
    ----------
    frame
        As for `map`.

    Returns
    -------
    pandas.DataFrame
        One row per circle, most posts first: `longitude`, `latitude`, `posts`, `name`, `is_exact`,
        and the bounding box `west`, `south`, `east` and `north` of places.

    Raises
    ------
    ArgumentError
        As `map`.

    Examples
    --------
    >>> xf.plot.map.data(archive)
    """
    names = {"x": "longitude", "y": "latitude", "exact": "is_exact"}
    spots = _spots(frame).rename(columns=names)
    return spots[["longitude", "latitude", "posts", "name", "is_exact", *_BOX]]


@plot(map_data)
def map(frame: Any, ax: Axes | None = None, *, labels: int = 8) -> Axes:
    """Draw where posts come from: one circle per place, its area by the number of posts.

    Places are circles in the middle of their bounding box, which is drawn in a light color. Exact
    points have another color. The axes are longitude and latitude in degrees; no map is fetched.
    `map.data` returns the numbers.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with one row per post: `latitude` and `longitude`, or the
        bounding box `west`, `south`, `east` and `north` in degrees, and `full_name` for labels.
        From Frames and an Archive, only posts that a query returned are drawn, not the posts that
        they refer to.
    ax
        Axes to draw on. Without it, a new figure.
    labels
        Number of places to label, those with most posts first, if there is room. Default: 8.

    Returns
    -------
    Axes
        The axes, with the numbers of posts in the legend.

    Raises
    ------
    ArgumentError
        No post has a place, or columns are missing.

    Examples
    --------
    >>> xf.plot.map(xf.search.recent("coffee has:geo"))
    """
    spots = _spots(frame)
    ax = drawing.axes(ax, (8, 5))
    _boxes(ax, spots)
    share = spots["posts"] / spots["posts"].max()
    areas = _LARGEST * share * min(1.0, _MOST_CIRCLES / share.sum())
    for exact, color, name in _LAYERS:
        layer = spots[spots["exact"] == exact]
        if not layer.empty:
            ax.scatter(
                layer["x"], layer["y"], s=areas[layer.index].clip(lower=10), color=color,
                alpha=0.65, edgecolors="white", linewidths=0.7, zorder=3,
                label=f"{name}: {amount(layer['posts'].sum(), 'post')}",
            )
    _degrees(ax, spots)
    legend = ax.legend(
        title=f"area: posts (at most {short(spots['posts'].max())})",
        loc="upper right", bbox_to_anchor=(1, -0.1), ncols=2, frameon=False, fontsize="small",
        title_fontsize="small", alignment="right", labelcolor=ink(ax),
    )
    legend.get_title().set_color(ink(ax))
    marks: list[Any] = list(legend.legend_handles)
    for mark in marks:
        mark.set_sizes([_LEGEND_MARK])  # the largest circle would cover the text
    named = spots[spots["name"].notna()].head(labels)
    counts = zip(drawing.distinct(named["name"], 28), named["posts"], strict=True)
    label(
        ax, list(zip(named["x"], named["y"], strict=True)),
        [f"{name}: {short(posts)}" for name, posts in counts],
        [2 + area**0.5 / 2 for area in areas[named.index]],
    )
    return ax


def _spots(frame: Any) -> pd.DataFrame:
    """Return one row per circle: `x`, `y`, `posts`, `name` and the box; most posts first."""
    import pandas as pd

    columns = ["latitude", "longitude", "full_name", *_BOX]
    if not whole(frame):
        frame = pandas(frame)
        if not ({"latitude", "longitude"} <= set(frame) or set(_BOX) <= set(frame)):
            raise ArgumentError(
                "expected the columns 'latitude' and 'longitude', or 'west', 'south', 'east' and "
                f"'north' to draw, got the columns: {listed(frame)}"
            )
    posts = rows(frame, _QUERY, columns, tuple(columns)).reindex(columns=columns)
    degrees = [column for column in columns if column != "full_name"]
    at = numbers(posts, degrees)[degrees].astype("float64")
    exact = at["latitude"].notna() & at["longitude"].notna()
    east = at["east"].where(at["east"] >= at["west"], at["east"] + 360)  # across the date line
    middle = (at["west"] + east) / 2
    located = pd.DataFrame({
        "x": at["longitude"].where(exact, middle.where(middle <= 180, middle - 360)).round(3),
        "y": at["latitude"].where(exact, (at["south"] + at["north"]) / 2).round(3),
        "name": posts["full_name"].astype("string"), "exact": exact, "west": at["west"].mask(exact),
        "south": at["south"], "east": east, "north": at["north"],
    }).dropna(subset=["x", "y"])
    spots = located.groupby(["exact", "x", "y"], as_index=False).agg(
        posts=("x", "size"), name=("name", "first"), west=("west", "first"),
        south=("south", "first"), east=("east", "first"), north=("north", "first"),
    )
    spots["name"] = spots["name"].mask(spots["exact"])
    if spots.empty:
        raise ArgumentError(
            "no post with a place to draw. To find posts with a place, add has:geo to the query"
        )
    spots = spots.sort_values(["posts", "x", "y"], ascending=[False, True, True])
    return spots.reset_index(drop=True)


def _boxes(ax: Axes, spots: pd.DataFrame) -> None:
    from matplotlib.patches import Rectangle

    for spot in spots[spots["west"].notna()].to_dict("records"):
        width, height = spot["east"] - spot["west"], spot["north"] - spot["south"]
        box = Rectangle(
            (spot["west"], spot["south"]), width, height, facecolor=COLORS[0], alpha=0.1,
            edgecolor=COLORS[0], linewidth=0.6, zorder=2,
        )
        ax.add_patch(box)


def _degrees(ax: Axes, spots: pd.DataFrame) -> None:
    """Set the limits around the circles, and draw a grid with degrees as labels."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = float(spots["y"].min()), float(spots["y"].max())
    left, right = float(spots["x"].min()), float(spots["x"].max())
    stretch = 1 / max(cos(radians((low + high) / 2)), 0.2)
    height = max((high - low) * 1.25, (right - left) * 1.2 / stretch / 1.8, 0.5)
    width = max((right - left) * 1.2, height * stretch * 1.6)
    ax.set_xlim(max((left + right - width) / 2, -180), min((left + right + width) / 2, 180))
    ax.set_ylim(max((low + high - height) / 2, -90), min((low + high + height) / 2, 90))
    ax.set_aspect(stretch)
    for axis, below, above in ((ax.xaxis, "W", "E"), (ax.yaxis, "S", "N")):
        axis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 1.5, 2, 3, 4.5, 5, 6, 9, 10]))
        axis.set_major_formatter(FuncFormatter(_degree_labels(below, above)))
    ax.grid(visible=True, axis="both")
    ax.set_xlabel("longitude")
    ax.set_ylabel("latitude")


def _degree_labels(below: str, above: str) -> Callable[[float, int | None], str]:
    """Return a formatter of degrees: 30°W, 0°, 30°E."""

    def label_of(degrees: float, _: int | None) -> str:
        if degrees == 0:
            return "0°"
        return f"{abs(degrees):.6g}°{below if degrees < 0 else above}"

    return label_of
