"""What a collection costs, before it is collected: for each way to collect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from math import ceil
from typing import TYPE_CHECKING, Any

from xframes import registry
from xframes.archive.ingest import coverage
from xframes.billing.bounds import bound_of
from xframes.billing.card import in_dollars, main_kind
from xframes.billing.resources import is_counted
from xframes.billing.sums import money
from xframes.client import checked, current
from xframes.collect import call
from xframes.collect.dispatch import function, own_ids
from xframes.errors import ApiError, ArgumentError, ConfigError
from xframes.plan import plan
from xframes.plan.fields import LEAN
from xframes.registry.prices import MONTHLY_POSTS
from xframes.schema import fields_param
from xframes.screen import counted, neutral
from xframes.wire import Request, read_json

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.plan import Plan

__all__ = ["Cost", "Way", "cost"]

_COUNTS = {"search.recent": "counts.recent", "search.all": "counts.all"}
_BOUNDS = ("query", "start_time", "end_time", "since_id", "until_id")
# X counts posts that it does not return (deleted, protected), and later posts can match.
_LEAST, _MOST = 0.85, 1.2
# Actions whose main objects the profile of another object counts: its action, the argument with its
# id, its field, and the most that X returns.
_PROFILES = {
    "timelines.user": ("users.get", "user_id", "tweet_count", 3200),
    "users.followers": ("users.get", "user_id", "followers_count", None),
    "users.following": ("users.get", "user_id", "following_count", None),
    "lists.members": ("lists.get", "list_id", "member_count", None),
    "lists.followers": ("lists.get", "list_id", "follower_count", None),
    "posts.quotes": ("posts.get", "post_id", "quote_count", None),
    "posts.reposted_by": ("posts.get", "post_id", "retweet_count", 100),
    "posts.liking_users": ("posts.get", "post_id", "like_count", 100),
}
_PEOPLE, _REFERENCED = 4, 2  # most per post: author, recipient and two others; two posts
_SECONDS = 0.6  # of one request


@dataclass(frozen=True, slots=True)
class Way:
    """One way to collect, and its price range in each reading.

    Parameters
    ----------
    name
        "posts only", "with people" or "with everything".
    call
        The call to run.
    requests
        Expected number of requests.
    low
        Least and greatest price in dollars if X bills main objects only.
    high
        The same if X also bills included objects.
    """

    name: str
    call: str
    requests: int
    low: tuple[float, float]
    high: tuple[float, float]


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

    @property
    def price_low(self) -> float:
        """Least price of the call in dollars: main objects only."""
        return self.ways[-1].low[0]

    @property
    def price_high(self) -> float:
        """Greatest price of the call in dollars: also included objects."""
        return self.ways[-1].high[1]

    @property
    def posts(self) -> int:
        """Expected number of posts found. 0 for actions that return other objects."""
        if registry.action(self.action).rows != "posts":
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

    def __getitem__(self, name: str) -> Any:
        return self.frame[name]

    def _row(self, way: Way) -> dict[str, Any]:
        cap = None
        if registry.action(self.action).rows == "posts" and self.rows is not None:
            cap = self.rows / MONTHLY_POSTS
        share = None
        if self.balance:
            share = way.high[1] / self.balance
        return {
            "way": way.name, "posts": self.posts, "rows": self.rows, "requests": way.requests,
            "seconds": round(self.seconds, 1), "price_low": way.low[0], "price_high": way.high[1],
            "low_min": way.low[0], "low_max": way.low[1], "high_min": way.high[0],
            "high_max": way.high[1], "cap_share": cap, "balance_share": share, "call": way.call,
        }

    def _lines(self) -> list[str]:
        rows = "an unknown number of rows" if self.rows is None else counted(self.rows, "row")
        facts = [f"{self.action}: about {rows} (by {self.source}), {self.seconds:,.0f} s"]
        if any(self.own_price):
            facts.append(f"finding out cost {money(*self.own_price)}")
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


def cost(
    action: str, /, *, into: Archive | None = None, client: Client | None = None, **arguments: Any
) -> Cost:
    """Return what a collection would cost, without collecting it.

    Searches are counted first, which costs one request of counts (`own_price`); for followers,
    timelines and the like, the profile is read. Everything else is estimated by the limit.

    Parameters
    ----------
    action
        Name of the action, e.g. `"search.all"`.
    into
        Archive to collect into: lookups of what it has are left out, and `since="last"` is taken
        into account.
    client
        Client to send with. Default: the one set with `xf.use`.
    arguments
        Arguments of the collector, such as `query` and `limit`.

    Returns
    -------
    Cost
        Price ranges for each way to collect: posts only, with people, with everything. It has
        `price_low`, `price_high`, `posts`, `requests`, and a `frame`.

    Raises
    ------
    ArgumentError
        The arguments are invalid for the action, or it is not a read.
    ApiError
        X refused to count.

    Examples
    --------
    >>> xf.cost("search.recent", query="coffee", start_time="2026-11-20T00:00:00Z")
    """
    try:
        declared = registry.action(action)
    except KeyError as error:
        raise ArgumentError(str(error.args[0])) from None
    if declared.kind != "read":
        raise ArgumentError(f"cost: expected a read action, got {action}", action=action)
    client = checked(client or current(action), action)
    values = {name: value for name, value in arguments.items() if value is not None}
    own = own_ids(declared, values)
    own_arguments = dict.fromkeys(own, client.user_id()) if own else {}
    planned = plan(
        action, own_arguments | values, now=client.now(), words=client.words,
        query_limit=client.query_limit,
    )
    held = None
    if into is not None and into.exists:
        planned = coverage.continued(into, planned, client)
        planned = coverage.without_known(into, planned)
        held = _held(into, planned)
    before = client.meter.so_far() or (0.0, 0.0)
    amount = _amount(planned, client)
    balance = _balance(client)
    after = client.meter.so_far() or (0.0, 0.0)
    paid = client.meter.billed_today(main_kind(declared), _span(planned))
    ways = _ways(planned, client, amount, paid, _Text(action, arguments, into))
    return Cost(
        action, amount.rows, (amount.least, amount.most), ways, amount.source,
        _wall_seconds(declared, client, ways[-1].requests),
        (after[0] - before[0], after[1] - before[1]), held, paid, balance, amount.buckets,
    )


# how much ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Amount:
    """The number of main objects: expected, least, most, and where they come from."""

    rows: int | None
    least: int
    most: int | None
    source: str
    buckets: Any = None


def _amount(planned: Plan, client: Client) -> _Amount:
    if planned.batches == 0:
        return _Amount(0, 0, 0, "the archive")
    name = planned.action
    if name in _COUNTS:
        return _limited(planned, _by_counts(planned, client))
    if name in _PROFILES:
        return _limited(planned, _by_profile(planned, client))
    if planned.declared.single:
        return _Amount(1, 0, 1, "id")
    if planned.expected is not None and planned.declared.looks_up is not None:
        return _Amount(planned.expected, 0, planned.expected, "list")
    return _limited(planned, _Amount(planned.expected, 0, None, "limit"))


def _limited(planned: Plan, amount: _Amount) -> _Amount:
    """Return an amount within the limit. The last page can have more rows than the limit."""
    limit = planned.limit
    if limit is None:
        return amount
    least, _ = planned.declared.paged or (1, 1)
    over = max(limit, least) + min(least - 1, ceil(0.4 * limit))
    rows = limit if amount.rows is None else min(limit, amount.rows)
    upper = over if amount.most is None else min(over, amount.most)
    return replace(amount, rows=rows, least=min(limit, amount.least), most=upper)


def _by_counts(planned: Plan, client: Client) -> _Amount:
    given = {name: planned.arguments[name] for name in _BOUNDS if name in planned.arguments}
    name = _COUNTS[planned.action]
    frames = call(name, **given, granularity="day", client=client, progress=False)
    frame = frames.counts
    total = int(frame["post_count"].sum())
    buckets = frame[["start_at", "end_at", "post_count"]].reset_index(drop=True)
    rate = in_dollars(client.meter.card.main(planned.declared, owned=False).high)
    buckets = buckets.assign(price=buckets["post_count"].astype("float64") * rate)
    return _Amount(total, *_around(total), "counts", buckets)


def _around(count: int) -> tuple[int, int]:
    """Return the least and greatest number of objects that X returns where it counts some."""
    return ceil(count * _LEAST), int(count * _MOST)


def _by_profile(planned: Plan, client: Client) -> _Amount:
    """Read how many rows there are from a profile, if X sends it."""
    name, argument, field, most = _PROFILES[planned.action]
    action = registry.action(name)
    fields = "member_count,follower_count" if action.objects == "list" else "public_metrics"
    params = {fields_param(str(action.objects), planned.words): fields}
    path = action.path.replace("{id}", str(planned.arguments[argument]))
    count = None
    try:
        page = client.send(Request("GET", path, params, name))
        data = read_json(page.body).get("data") or {}
        count = {**data, **data.get("public_metrics", {})}.get(field)
    except (ApiError, ValueError, AttributeError):
        count = None
    if not isinstance(count, int):
        return _Amount(planned.expected, 0, most, "bounds")
    reach = count if most is None else min(count, most)
    # a profile also counts what is deleted or protected, and older than X returns
    return _Amount(reach, 0, _around(reach)[1], "profile")


def _held(archive: Archive, planned: Plan) -> int | None:
    query = planned.arguments.get("query")
    if query is None:
        return None
    (row,) = archive.sql(
        "SELECT count(DISTINCT post_id) FROM matches WHERE run_id IN (SELECT run_id FROM runs "
        "WHERE json_valid(arguments) AND arguments->>'$.query' = $query)", {"query": query},
    ).fetchall()
    return int(row[0])


def _span(planned: Plan) -> tuple[datetime | None, datetime | None]:
    """Return the times between which the posts of a plan were published, as far as it says."""
    start, end = (planned.arguments.get(name) for name in ("start_time", "end_time"))
    return tuple(datetime.fromisoformat(time) if time else None for time in (start, end))  # type: ignore[return-value]  # two items


def _balance(client: Client) -> float | None:
    """Return the dollars that are left, which X reports without a charge; None if it does not."""
    if not client.guarded:
        return None
    try:
        page = client.send(Request("GET", "/2/usage/credits", action="usage.credits"))
        balance = read_json(page.body)["data"]["total_balance"]
    except (ApiError, ConfigError, ValueError, KeyError, TypeError):
        return None
    if isinstance(balance, int | float):
        return float(balance)
    return None


# what it costs -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    """The parts of the call to run."""

    action: str
    arguments: dict[str, Any]
    into: Archive | None

    def call(self, expansions: Any = None) -> str:
        arguments = {name: value for name, value in self.arguments.items() if value is not None}
        if expansions is not None:
            arguments["expansions"] = expansions
        words = [f"{name}={_shown(value)}" for name, value in arguments.items()]
        words += ["into=archive"] if self.into is not None else []
        named = function(registry.action(self.action))
        if named.endswith(")"):
            return f"{named[:-1]}, {', '.join(words)})"
        return f"{named}({', '.join(words)})"


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return repr(value.astimezone(UTC).isoformat())
    text = repr(value)
    return text if len(text) < 80 else "…"


def _ways(
    planned: Plan, client: Client, amount: _Amount, paid: int, text: _Text
) -> tuple[Way, ...]:
    given = text.arguments.get("expansions")
    asked = {"lean": "posts only", None: "with everything", "all": "with everything"}
    ways = []
    if planned.declared.expands and planned.declared.objects == "post":
        lean = _planned_lean(planned)
        ways.append(_way("posts only", lean, client, amount, paid=paid, call=text.call(LEAN)))
        ways.append(_with_people(ways[0], client, amount))
    if given != LEAN or not ways:
        name = asked.get(given if isinstance(given, str) else None, "as chosen")
        if not planned.declared.expands:
            name = "as called"
        ways.append(_way(name, planned, client, amount, paid=paid, call=text.call()))
    else:  # the way of the call is the last one
        ways = [ways[1], ways[0]]
    return tuple(ways)


def _planned_lean(planned: Plan) -> Plan:
    asked = {name: value for name, value in planned.asked.items() if name != "expansions"}
    return replace(planned, asked=asked)


def _way(
    name: str, planned: Plan, client: Client, amount: _Amount, *, paid: int, call: str
) -> Way:
    """Return a way to collect, with the least and most in each reading."""
    requests = _requests(planned, amount)
    if planned.batches == 0:
        return Way(name, call, 0, (0.0, 0.0), (0.0, 0.0))
    request = planned.request(max_results=planned.page_size(0))
    owned = client.owns(request)
    bound = bound_of(request, planned.declared, client.meter.card, owned=owned)
    if not is_counted(planned.declared):
        most = requests if amount.source != "counts" else requests + 1
        low, high = bound.request.low * requests, bound.request.high * most
        return Way(name, call, requests, _dollars(low, low), _dollars(high, high))
    rate = client.meter.card.main(planned.declared, owned=owned)
    least = max(amount.least - paid, 0)
    if amount.most is None:
        endless = float("inf")
        floor = in_dollars(rate.low * least)
        return Way(name, call, requests, (floor, endless), (floor, endless))
    return Way(
        name, call, requests, _dollars(rate.low * least, rate.low * amount.most),
        _dollars(rate.high * least, bound.high.units * amount.most),
    )


def _with_people(lean: Way, client: Client, amount: _Amount) -> Way:
    """Return the way that looks up people and referenced posts after a lean collection."""
    card, most = client.meter.card, amount.most
    call = f'{lean.call}; xf.complete(archive, "users")'
    if most is None:
        return replace(lean, name="with people", call=call)
    people = _PEOPLE * most * card.resource("User").high
    posts = _REFERENCED * most * card.resource("Post").high
    more = in_dollars(people + posts)
    lookups = ceil((_PEOPLE + _REFERENCED) * (amount.rows or 0) / 200)
    return Way(
        "with people", call, lean.requests + lookups, (lean.low[0], lean.low[1] + more),
        (lean.high[0], lean.high[1] + more),
    )


def _dollars(least: int, most: int) -> tuple[float, float]:
    return in_dollars(least), in_dollars(most)


def _requests(planned: Plan, amount: _Amount) -> int:
    """Return the expected number of requests."""
    if planned.declared.paged is None:
        return planned.batches
    size = planned.page_size(0) or 1
    return max(planned.batches, ceil((amount.rows or 0) / size))


def _wall_seconds(declared: registry.Action, client: Client, requests: int) -> float:
    """Return the expected time of some requests under the rate limits known now."""
    kinds = client.kinds
    windows = declared.app if "app" in kinds and "app" in declared.auth else declared.user
    waits = [0.0]
    for window in windows or declared.app:
        left = window.requests
        if declared.name in client.limits and window.seconds >= 60:
            most, left, _ = client.limits[declared.name]
            waits.append(max(0, requests - left) / max(most, 1) * window.seconds)
            continue
        waits.append(max(0, requests - left) / window.requests * window.seconds)
    return max(waits) + requests * _SECONDS
