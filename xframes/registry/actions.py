"""The declaration of an action, from which the code that needs its facts derives them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

ParamKind = Literal[
    "str", "query", "int", "seconds", "bool", "time", "id", "ids", "username", "usernames", "enum",
    "enums", "keys", "texts", "json", "file",
]
Where = Literal["path", "query", "body", "local"]
Tier = Literal["self-serve", "Enterprise"]

_NAMING = frozenset({"id", "ids", "usernames", "keys"})
NAMES = {"ids": "id", "usernames": "username", "media_keys": "media_key"}
"""The wire names of lists of ids or names, each with the key of such an id or name in an object."""

EXPANDABLE = frozenset({"post", "user", "list", "space", "dm", "like", "broadcast_message"})
"""The kinds of objects whose expansions the schema declares."""

DOCS = "https://docs.x.com/x-api/"
"""Address of the documentation pages of X's actions."""


@dataclass(frozen=True, slots=True)
class Param:
    """One argument of an action: its Python name, its name and place on the wire, and its bounds.

    `min` and `max` bound the value of a number, the length of a text, or the number of items of a
    list in one request (collectors split longer lists). `pattern` must match each item from start
    to end. `earliest` is the oldest valid time: an ISO date, or a number of days before now such
    as `-7d`. `default` is sent if the argument is missing. `doc` is its help.

    In a body, `wire` is a path: `poll.options` is nested, `attachments[].media_id` is a list of
    objects. If `where` is `local`, only xframes uses the argument and X does not receive it.
    """

    name: str
    kind: ParamKind = "str"
    wire: str = ""
    where: Where = "query"
    required: bool = False
    min: int | None = None
    max: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    earliest: str | None = None
    default: Any = None
    doc: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wire", self.wire or self.name)

    @property
    def names(self) -> str | None:
        """The table whose rows its ids name: users or posts; None for any other argument."""
        if self.kind not in {"id", "ids"}:
            return None
        hit = re.search(r"(user|participant|post)_ids?$|^(my)_id$", self.name)
        if hit is None:
            return None
        return "posts" if hit[1] == "post" else "users"

    @property
    def many(self) -> bool:
        """Whether the argument is a list, sent comma-separated."""
        return self.kind in {"ids", "usernames", "enums", "keys", "texts"}

    @property
    def splits(self) -> bool:
        """Whether a longer list is sent in several requests. Lists of choices are not."""
        return self.kind in {"ids", "usernames", "keys"} and self.where == "query" and self.required


@dataclass(frozen=True, slots=True)
class Window:
    """A rate limit: the number of requests in a number of seconds."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Edge:
    """The relation between an argument of an action and each of its main rows.

    `users.followers("7")` yields rows `follows(follower_id=<row>, followed_id="7")`: `table` is
    the table, `arg_column` the column of the argument `arg`, `row_column` the column of the row's
    id.
    """

    table: str
    arg: str
    arg_column: str
    row_column: str


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the X API v2.

    Attributes
    ----------
    name, endpoint, n, title
        Its name, its method and path, and its number and title in X's listing.
    rows, objects
        The table of its main rows, and the kind of object it returns, which decides the `*.fields`
        and `expansions` parameters.
    paged, token
        The bounds of `max_results`, and the parameter for the next page's token.
    paged_with
        Pairs of a field and the largest `max_results` that X accepts together with it.
    auth, scopes
        The kinds of credential that X accepts, in order of preference, and the OAuth 2.0 scopes.
    limits
        The rate limits of the app's and a user's pool, in X's notation.
    price
        A row of the price card. None for what is free, and for kinds of objects without a row.
    owned, maybe_free
        Whether X bills less if the path names the user who sends the request; and whether X's
        sources disagree about whether it costs anything.
    edge
        The relation that its rows yield.
    exclusive, needed
        Groups of parameters: at most one, or at least one of each may be passed.
    together, ordered
        Pairs of parameters: the first needs the second, or must be smaller than the second.
    mixed_bounds
        Pairs of a time and an id that X refuses together, although its specification allows it.
        They are sent if a user passes them.
    span_days
        The longest time between start_time and end_time in one request; longer ones are split.
    window_days
        The days before the end that X searches if no start is passed.
    seen, step_of
        The read action that shows the effect of a write, and the write that a request is part of.
    bare
        Whether its answers have ids only, so that no fields can be requested.
    listed
        Whether it is one of the 79 actions of X's listing.
    by_call
        Whether it is a write without a function of its own: `xf.call` carries it out.
    tier, removed
        The access level that it needs, and when X removed it from self-serve access, if it did.
    note, caps, docs
        What else X says about access, another documented limit, and the documentation page below
        `DOCS`.
    """

    name: str
    endpoint: str
    n: int | None = None
    title: str = ""
    rows: str | None = None
    objects: str | None = None
    params: tuple[Param, ...] = ()
    paged: tuple[int, int] | None = None
    token: str | None = None
    paged_with: tuple[tuple[str, int], ...] = ()
    auth: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    limits: tuple[str, str] = ("", "")
    price: str | None = None
    owned: bool = False
    maybe_free: bool = False
    edge: Edge | None = None
    exclusive: tuple[tuple[str, ...], ...] = ()
    needed: tuple[tuple[str, ...], ...] = ()
    together: tuple[tuple[str, str], ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    mixed_bounds: tuple[tuple[str, str], ...] = ()
    span_days: int | None = None
    window_days: int | None = None
    seen: str | None = None
    step_of: str | None = None
    bare: bool = False
    streaming: bool = False
    listed: bool = True
    by_call: bool = False
    tier: Tier = "self-serve"
    removed: str = ""
    note: str = ""
    docs: str = ""
    caps: str = ""

    @property
    def kind(self) -> Literal["read", "write"]:
        """The kind of action, read or write. Names of writes begin with `write.`."""
        if self.name.startswith("write."):
            return "write"
        return "read"

    @property
    def app(self) -> tuple[Window, ...]:
        """The rate limits of the app's pool."""
        return windows(self.limits[0])

    @property
    def user(self) -> tuple[Window, ...]:
        """The rate limits of a user's pool."""
        return windows(self.limits[1])

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.endpoint.split(" ")[0]

    @property
    def path(self) -> str:
        """The path template, e.g. `/2/users/{id}/tweets`."""
        return self.endpoint.split(" ")[1]

    @property
    def removal(self) -> str:
        """What to say about its removal from self-serve access; empty if X did not remove it."""
        if not self.removed:
            return ""
        return f"X removed it from self-serve access in {self.removed}"

    @property
    def need(self) -> str:
        """What to say about the access level that it needs; empty if it is self-serve."""
        if self.tier == "self-serve":
            return ""
        return f"it needs {self.tier} access"

    @property
    def access_notes(self) -> tuple[str, ...]:
        """All that X says about access, one text each."""
        return tuple(text for text in (self.removal, self.need, self.note) if text)

    @property
    def single(self) -> bool:
        """Whether the answer's `data` is one object, which the last part of the path names."""
        return self.paged is None and self.path.endswith(("}", "/me"))

    @property
    def repeats(self) -> Param | None:
        """The argument that may also be a list of values, each collected as a run of its own.

        It is the only required argument of a collection of pages, such as a query or a user.
        """
        required = [param for param in self.params if param.required]
        if self.kind == "write" or self.streaming or len(required) != 1:
            return None
        if not (self.paged or self.token) or required[0].many or required[0].choices:
            return None
        return required[0]

    @property
    def shown(self) -> str | None:
        """The table with its main rows alone: `results` instead of `posts`."""
        if self.rows == "posts":
            return "results"
        return self.rows

    @property
    def expands(self) -> bool:
        """Whether its answers can include other objects than the main ones."""
        return self.kind == "read" and not self.bare and self.objects in EXPANDABLE

    @property
    def follows(self) -> bool:
        """Whether a later run can collect only newer posts, by `since_id`."""
        return self.rows == "posts" and any(p.name == "since_id" for p in self.params)

    @property
    def days_back(self) -> int | None:
        """The days before now that it reaches back; None without such a bound."""
        for param in self.params:
            if param.name == "start_time" and (param.earliest or "").startswith("-"):
                return int(str(param.earliest)[1:-1])
        return None

    @property
    def looks_up(self) -> tuple[str, str] | None:
        """The parameter with the ids or names to look up, and their column in the rows.

        None for actions that are not lookups.
        """
        if self.rows not in {"posts", "users", "media", "spaces"} or self.paged is not None:
            return None
        for param in self.params:
            if param.many and param.required and param.wire in NAMES:
                return param.name, NAMES[param.wire]
        return None

    @property
    def names_things(self) -> bool:
        """Whether it looks up objects by id or name, so that an answer may have only problems."""
        return self.single or (self.paged is None and any(map(_names, self.params)))

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern of a filled path. Its groups are the wire names of the path parameters."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path) + r"/?")

    def largest_page(self, fields: Collection[str] = ()) -> int | None:
        """Return the largest `max_results` with these fields; None for actions without pages."""
        if self.paged is None:
            return None
        fewer = [most for field, most in self.paged_with if field in fields]
        return min([self.paged[1], *fewer])

    def param(self, name: str) -> Param:
        """Return the parameter with a Python name. Raises KeyError, which lists all names."""
        for param in self.params:
            if param.name == name:
                return param
        names = ", ".join(param.name for param in self.params)
        raise KeyError(f"{self.name} has no parameter {name!r}; expected one of: {names}")


def _names(param: Param) -> bool:
    """Whether a parameter names the objects to look up. One in the path may name their owner."""
    return param.required and param.where == "query" and param.kind in _NAMING


@cache
def windows(text: str) -> tuple[Window, ...]:
    """Parse rate limits in X's notation, e.g. `450/15min` or `1/sec, 300/15min`."""
    seconds = {"sec": 1, "15min": 900, "24hrs": 86400, "24hr": 86400, "hr": 3600, "min": 60}
    return tuple(
        Window(int(count.replace(",", "")), seconds[unit])
        for count, unit in re.findall(r"([\d,]*\d)/(\w+)", text)
    )
