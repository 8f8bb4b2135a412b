"""What an action is: the declaration everything else about it is derived from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

ParamKind = Literal[
    "str", "query", "int", "seconds", "bool", "time", "id", "ids", "username", "usernames", "enum", "enums", "keys",
    "texts", "json", "file",
]
Where = Literal["path", "query", "body", "local"]


_NAMING = frozenset({"id", "ids", "usernames", "keys"})
NAMES = {"ids": "id", "usernames": "username", "media_keys": "media_key"}
"""What lists of names of things are called on the wire, and the key that holds such a name in the things."""

DOCS = "https://docs.x.com/x-api/"
"""Where the documentation pages of X's calls are."""


@dataclass(frozen=True, slots=True)
class Param:
    """One argument of an action: its Python name, its name and place on the wire, and its bounds.

    `min` and `max` bound a number's value, a text's length, or the number of items of a list sent in one request
    (collectors split longer lists). `pattern` must match each item whole. `earliest` bounds a time from below: an
    ISO date, or a number of days before now such as `-7d`. `default` is what is sent when nothing is given.

    In a body, `wire` is a path: `poll.options` nests, `attachments[].media_id` makes a list of objects. What is `local`
    is for xframes itself and not sent.
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
    def many(self) -> bool:
        """Whether the argument is a list, sent comma-separated."""
        return self.kind in {"ids", "usernames", "enums", "keys", "texts"}

    @property
    def splits(self) -> bool:
        """Whether longer lists are sent in several requests: names of things are, choices not."""
        return self.kind in {"ids", "usernames", "keys"} and self.where == "query" and self.required


@dataclass(frozen=True, slots=True)
class Window:
    """A rate limit: so many requests in so many seconds."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Edge:
    """The relation an action's answer states between its argument and each main row.

    `users.followers("7")` states `follows(follower_id=<row>, followed_id="7")`: the table, the column the argument
    `arg` fills, and the column the row's id fills.
    """

    table: str
    arg: str
    arg_column: str
    row_column: str


@dataclass(frozen=True, slots=True)
class Action:
    """One call of the X API v2.

    `rows` is the table of its main rows, `objects` the kind of object it returns (it decides the `*.fields` and
    `expansions` parameters), `paged` the bounds of `max_results` and `token` the parameter that takes the next page's
    token, `auth` the kinds of credential X accepts in the order they are tried, `limits` the rate limits of the app's
    and a user's pool as X writes them, `price` an entry of the price card. `exclusive` are groups of parameters of
    which one may be given, `needed` groups of which one must be, `together` pairs where the first needs the second,
    `ordered` pairs where the first must be smaller. `span_days` is the longest time from start_time to end_time in one
    request (longer ones are split). `bare` answers hold ids only, so that no fields can be asked for. `seen` is the
    read action that shows whether a write happened, `step_of` the write a request is a part of. `listed` tells the 79
    of the connector's listing from X's other calls; `note` is what X says of access, `caps` another
    limit that X documents, `docs` the path of X's documentation page below `DOCS`.
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
    auth: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    limits: tuple[str, str] = ("", "")
    price: str | None = None
    edge: Edge | None = None
    exclusive: tuple[tuple[str, ...], ...] = ()
    needed: tuple[tuple[str, ...], ...] = ()
    together: tuple[tuple[str, str], ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    span_days: int | None = None
    seen: str | None = None
    step_of: str | None = None
    bare: bool = False
    streaming: bool = False
    listed: bool = True
    note: str = ""
    docs: str = ""
    caps: str = ""

    @property
    def kind(self) -> Literal["read", "write"]:
        """read or write: the companion's actions are named `write.…`."""
        return "write" if self.name.startswith("write.") else "read"

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
        """HTTP method."""
        return self.endpoint.split(" ")[0]

    @property
    def path(self) -> str:
        """Path template, e.g. `/2/users/{id}/tweets`."""
        return self.endpoint.split(" ")[1]

    @property
    def single(self) -> bool:
        """Whether the answer's `data` is one object: the last part of the path names it."""
        return self.paged is None and self.path.endswith(("}", "/me"))

    @property
    def follows(self) -> bool:
        """Whether it gives posts as they were made, so that it can go on from the newest: `since_id` takes that."""
        return self.rows == "posts" and any(p.name == "since_id" for p in self.params)

    @property
    def looks_up(self) -> tuple[str, str] | None:
        """The parameter that lists what is looked up, and the column of its rows with those names; None for others."""
        if self.rows not in {"posts", "users", "media", "spaces"} or self.paged is not None:
            return None
        return next(((p.name, NAMES[p.wire]) for p in self.params if p.many and p.required and p.wire in NAMES), None)

    @property
    def names_things(self) -> bool:
        """Whether it looks up things by their names: an answer may hold problems alone then."""
        return self.single or (self.paged is None and any(map(_names, self.params)))

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches a filled path; its groups are the path parameters' wire names."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path) + r"/?")

    def param(self, name: str) -> Param:
        """The parameter of that Python name. Raises KeyError naming those there are."""
        for p in self.params:
            if p.name == name:
                return p
        raise KeyError(f"{self.name} has no parameter {name!r}; it has {', '.join(p.name for p in self.params)}")


def _names(param: Param) -> bool:
    """Whether a parameter names what is looked up; in a path, it may name who owns what is listed."""
    return param.required and param.where == "query" and param.kind in _NAMING


@cache
def windows(text: str) -> tuple[Window, ...]:
    """Rate limits from X's notation: `450/15min`, `1/sec, 300/15min`, `200/15min, 1,000/24hrs`."""
    seconds = {"sec": 1, "15min": 900, "24hrs": 86400, "24hr": 86400, "hr": 3600, "min": 60}
    return tuple(
        Window(int(count.replace(",", "")), seconds[unit])
        for count, unit in re.findall(r"([\d,]*\d)/(\w+)", text)
    )
