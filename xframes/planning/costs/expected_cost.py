"""The result of `xf.cost`: price ranges by way to collect, as a frame, a text and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from xframes import registry
from xframes.billing.sums import money
from xframes.errors import ArgumentError
from xframes.registry.prices import MONTHLY_POSTS
from xframes.screen import counted, neutral

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from xframes.planning.costs.ways import Way

__all__ = ["SAMPLE", "Cost"]

SAMPLE = "search.sample"


@dataclass(frozen=True)
class Cost:
    """What a collection costs before it is collected, as `xf.cost` returns it.

    Parameters
    ----------
    action
        The action.
    rows
        Expected number of main objects; None if nothing limits it.
    range
        Least and greatest number of main objects.
    ways
        The ways to collect. The last one is that of the arguments.
    source
        What the numbers come from: counts, profile, list, limit, or bounds.
    seconds
        Expected time under the rate limits.
    own_price
        What it cost to find out, in dollars (low and high).
    held
        How many of the posts the archive has already. None without an archive.
    paid_today
        How many of these objects can be among those that X billed today already, at most.
    balance
        Dollars that are left, if X reports them.
    buckets
        Posts and price per interval of the counts. None without counts.
    read
        How many posts were read to narrow the ranges. They are part of `paid_today`, and no part of
        the prices. The ranges then contain the price in about 95 of 100 cases.

    Examples
    --------
    >>> xf.cost("search.recent", query="coffee").frame
    """

    action: str
    rows: int | None
    range: tuple[int, int | None]
    ways: tuple[Way, ...]
    source: str
    seconds: float
    own_price: tuple[float, float]
    held: int | None = None
    paid_today: int = 0
    balance: float | None = None
    buckets: pd.DataFrame | None = None
    read: int = 0

    @property
    def price_low(self) -> float:
        """Least price of the call in dollars, in both readings or that of `price_reading`."""
        return self.ways[-1].price[0]

    @property
    def price_high(self) -> float:
        """Greatest price of the call in dollars, in both readings or that of `price_reading`."""
        return self.ways[-1].price[1]

    @property
    def posts(self) -> int:
        """Expected number of posts found. 0 for actions that return other objects."""
        if not self._finds_posts:
            return 0
        return self.rows or 0

    @property
    def requests(self) -> int:
        """Expected number of requests of the call."""
        return self.ways[-1].requests

    @property
    def call(self) -> str:
        """The call to run."""
        return self.ways[-1].call

    @property
    def frame(self) -> pd.DataFrame:
        """One row per way to collect.

        `price_low` to `price_high` covers both readings; `low_min` to `low_max` is the range if X
        bills main objects only, `high_min` to `high_max` that with included objects.
        """
        import pandas as pd

        return pd.DataFrame([self._row(way) for way in self.ways])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the price range of each way to collect, in both readings.

        Parameters
        ----------
        ax
            Axes to draw on. Default: a new figure.

        Returns
        -------
        Axes
            The axes: a line from the least to the greatest price for each way and reading.

        Raises
        ------
        ArgumentError
            Nothing limits the price: pass a limit to `xf.cost`.

        Examples
        --------
        >>> xf.cost("search.recent", query="coffee").plot()
        """
        from xframes.plot.canvas import drawing

        if self.price_high == float("inf"):
            raise ArgumentError("the price has no upper bound to draw; pass limit= to xf.cost")
        ax = drawing.axes(ax)
        labels = [way.name for way in self.ways]
        styles = drawing.strokes(ax)
        readings = ("main objects only", "with included objects")
        for offset, reading in zip((-0.15, 0.15), readings, strict=True):
            ranges = [way.low if offset < 0 else way.high for way in self.ways]
            places = [place + offset for place in range(len(ranges))]
            least, most = zip(*ranges, strict=True)
            ax.hlines(places, least, most, linewidth=6, label=reading, **next(styles))
        ax.set_yticks(range(len(labels)), labels)
        ax.invert_yaxis()
        ax.set_xlim(left=0)
        ax.set_xlabel("US dollars")
        ax.legend()
        return ax

    @property
    def _finds_posts(self) -> bool:
        return self.action == SAMPLE or registry.action(self.action).rows == "posts"

    def __getitem__(self, name: str) -> Any:
        return self.frame[name]

    def _row(self, way: Way) -> dict[str, Any]:
        cap = None
        if self._finds_posts and self.rows is not None:
            cap = self.rows / MONTHLY_POSTS
        share = None
        if self.balance:
            share = way.price[1] / self.balance
        return {
            "way": way.name, "posts": self.posts, "rows": self.rows, "requests": way.requests,
            "seconds": round(self.seconds, 1),
            "price_low": way.price[0], "price_high": way.price[1],
            "low_min": way.low[0], "low_max": way.low[1], "high_min": way.high[0],
            "high_max": way.high[1], "cap_share": cap, "balance_share": share, "call": way.call,
        }

    def _lines(self) -> list[str]:
        rows = "an unknown number of rows" if self.rows is None else counted(self.rows, "row")
        facts = [f"{self.action}: about {rows} (by {self.source}), {self.seconds:,.0f} s"]
        if any(self.own_price):
            facts.append(f"finding out cost {money(*self.own_price)}")
        if self.read:
            facts.append(
                f"{counted(self.read, 'post')} read for it, which cost nothing more today; the "
                "ranges are for 95 of 100 cases"
            )
        if self.held is not None:
            facts.append(f"{self.held:,} already in the archive")
        if self.paid_today:
            facts.append(f"up to {self.paid_today:,} billed today already")
        if self.balance is not None:
            facts.append(f"balance ${self.balance:,.2f}")
        return ["; ".join(facts), *(f"{way.name}: {_range(way)}" for way in self.ways)]

    def __repr__(self) -> str:
        lines = "\n  ".join([*self._lines(), self.call])
        return neutral(f"<Cost of {lines}>", keep="\n")

    def _repr_html_(self) -> str:
        facts, *_ = self._lines()
        ways = "".join(
            f"<tr><td style='text-align:left'>{escape(way.name)}</td><td>{way.requests:,}</td>"
            f"<td>{escape(_range(way))}</td></tr>" for way in self.ways
        )
        head = "<tr><th>way</th><th>requests</th><th>price</th></tr>"
        return (
            f"<div><p>{escape(facts)}</p><table>{head}{ways}</table>"
            f"<pre>{escape(self.call)}</pre></div>"
        )


def _range(way: Way) -> str:
    if way.high[1] == float("inf"):
        return f"from {money(way.low[0], way.low[0])}, without an upper bound"
    low, high = money(*way.low), money(*way.high)
    if low == high:
        return low
    return f"{low} (main objects only), {high} (with included ones)"
