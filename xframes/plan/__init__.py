"""Arguments → a plan: everything a collection will ask, checked before the first request and JSON-able, so that another
process can go on with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import msgspec

from xframes import registry
from xframes.errors import ArgumentError
from xframes.plan import values
from xframes.plan.fields import asked, asks_owner, takes_expansions, takes_fields
from xframes.schema import Vocabulary  # noqa: TC001  # msgspec reads the annotations of Plan
from xframes.wire import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.registry import Action, Param

__all__ = ["Plan", "asks_owner", "options", "plan"]

_LIMIT = registry.Param("limit", "int", min=1)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked collection: `arguments` by their Python names, normalised (ids and times as text, lists of text).

    `limit` counts main rows over all pages, `words` is the vocabulary of the request, `asked` the `*.fields` and
    `expansions` parameters as they will be sent. Lists longer than X takes at once make several `batches`. `since`
    "last" is for an archive to replace by where its earlier runs ended; without `refresh` it leaves out what it holds.
    """

    action: str
    arguments: dict[str, Any]
    limit: int | None = None
    words: Vocabulary = "tweet"
    asked: dict[str, str] = field(default_factory=dict)
    since: Literal["last"] | None = None
    refresh: bool = False

    @property
    def declared(self) -> Action:
        """The action's declaration."""
        return registry.action(self.action)

    @property
    def batches(self) -> int:
        """How many requests (not counting further pages) the longest list needs, in each span of time."""
        return self._lists() * len(self._spans())

    @property
    def expected(self) -> int | None:
        """How many main rows to expect at most, where that is known: the limit, or one for each item looked up."""
        split = self._split()
        return len(self.arguments[split.name]) if self.limit is None and split else self.limit

    def page_size(self, rows: int) -> int | None:
        """The `max_results` to ask after `rows` rows: the most X gives, but no more than the limit leaves.

        Never so much that less than X's smallest page is left over, so that the sum is exact. A limit below the
        smallest page (10 in search) cannot be: X then sends, and bills, that smallest page.
        """
        if self.declared.paged is None:
            return None
        least, most = self.declared.paged
        if self.limit is None or (left := self.limit - rows) >= most + least or left == most:
            return most
        return max(least, left if left <= most else left - least)

    def request(
        self, batch: int = 0, *, token: str | None = None, max_results: int | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Request:
        """The request of one batch and page. `changes` replace arguments, e.g. a later page's `end_time`."""
        action, split = self.declared, self._split()
        part, span = batch % self._lists(), self._spans()[batch // self._lists()]
        given = {**self.arguments, **span, **(changes or {})}
        if split:
            most = split.max or 1
            given[split.name] = given[split.name][part * most : (part + 1) * most]
        path, params, body = action.path, dict[str, str](), dict[str, Any]()
        for param in action.params:
            value = given.get(param.name, param.default)
            if value is None or param.kind == "file" or param.where == "local":
                continue
            if param.where == "path":
                path = path.replace(f"{{{param.wire}}}", quote(str(value), safe=""))
            elif param.where == "query":
                params[param.wire] = _wire_text(value)
            else:
                _nest(body, param.wire.split("."), value)
        if max_results is not None:
            params["max_results"] = str(max_results)
        if token is not None:
            params[str(action.token)] = token
        args = {p.name: _args_text(p, given[p.name]) for p in action.params if p.name in given and _told(action, p)}
        return Request(action.method, path, params | self.asked, action.name, args, body or None)

    def in_words_of(self, client: object) -> Plan:
        """Return the plan in the words of a client, to resume it where X takes only those.

        A choice of single fields or expansions stays as it is: the other words may not have them.
        """
        words = getattr(client, "words", self.words)  # who sends in another way may have none
        if words == self.words or self.declared.streaming:
            return self
        for choice in ("all", "owner"):
            if self.asked == asked(self.declared, choice, "all", self.words):
                fields = asked(self.declared, choice, "all", words)
                return replace(self, words=words, asked=fields)
        return self

    def to_json(self) -> str:
        """The plan as JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """A plan from its JSON text, which may be a stranger's: only a read action can be planned.

        Raises ArgumentError when it is none, or of an action unknown here.
        """
        try:
            found = msgspec.json.decode(text, type=cls)
            kind = found.declared.kind
        except (msgspec.MsgspecError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise ArgumentError(f"not a plan this version can carry out: {error}") from None
        if kind != "read":
            raise ArgumentError(f"not a plan this version can carry out: {found.action} is not a read action")
        return found

    def _lists(self) -> int:
        """How many requests the longest list needs."""
        split = self._split()
        return -(-len(self.arguments[split.name]) // (split.max or 1)) if split else 1

    def _spans(self) -> list[dict[str, str]]:
        """The spans of time asked one after another, newest first, where X takes no longer ones."""
        days, start, end = self.declared.span_days, self.arguments.get("start_time"), self.arguments.get("end_time")
        if days is None or start is None or end is None:
            return [{}]
        grid = timedelta(days=7 if self.arguments.get("granularity") == "weekly" else 1)
        first, until, found = datetime.fromisoformat(start), datetime.fromisoformat(end), list[dict[str, str]]()
        while until > first:
            since = until - timedelta(days=days)
            since = max(first, since + (_MONDAY - since) % grid)  # no day or week falls into two requests
            found.append({"start_time": values.stamp(since), "end_time": values.stamp(until)})
            until = since
        return found

    def _split(self) -> Param | None:
        """The list that is sent in several requests, if there is one."""
        params = self.declared.params
        return next((p for p in params if p.name in self.arguments and p.splits), None)


def plan(
    action_name: str, arguments: Mapping[str, Any], *, now: datetime, words: Vocabulary = "tweet",
    query_limit: int | None = None,
) -> Plan:
    """Check arguments against the action's declaration and make its plan.

    `arguments` are those of the collector, with `limit`, `fields` and `expansions`; None counts as not given. Ids may
    be text or whole numbers, in any iterable of any length; `@` before a username is dropped; times need a zone, and
    fractions of a second are cut off (X takes whole ones). `query_limit` replaces the self-serve query length.

    Raises ArgumentError naming the argument and the way out, KeyError for an action that does not exist.
    """
    action = registry.action(action_name)
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        _known(action, given)
        checked = {
            p.name: values.check(p, given[p.name], now=now, query_limit=query_limit)
            for p in action.params if p.name in given
        }
        _together(action, checked, now)
        limit = values.check(_LIMIT, given["limit"], now=now) if "limit" in given else None
        since = _since(given)
        spoken: Vocabulary = "tweet" if action.streaming else words  # streams keep the old words in both specs
        chosen = asked(action, given.get("fields"), given.get("expansions"), spoken)
    except ArgumentError as error:
        raise ArgumentError(f"{action_name}: {error}", action=action_name) from None
    return Plan(action_name, checked, limit, words, chosen, since, bool(given.get("refresh")))


def options(action: Action) -> tuple[str, ...]:
    """What a plan takes beside the action's own parameters: limit, fields, … where they mean something."""
    paged = action.paged is not None or action.token is not None
    taken = {
        "since": action.follows, "limit": paged or action.streaming, "fields": takes_fields(action),
        "expansions": takes_expansions(action), "refresh": action.looks_up is not None,
    }
    return tuple(name for name, yes in taken.items() if yes)


def _since(given: Mapping[str, Any]) -> Literal["last"] | None:
    if "since" not in given:
        return None
    if given["since"] != "last":
        raise ArgumentError(f"since is 'last' (what an archive has), not {given['since']!r}; for ids there is since_id")
    if "since_id" in given:
        raise ArgumentError("since and since_id exclude each other: give one")
    if given.get("sort_order", "recency") != "recency":
        raise ArgumentError("since='last' needs the newest posts first: leave sort_order out")
    return "last"


def _known(action: Action, given: Mapping[str, Any]) -> None:
    names = [p.name for p in action.params] + list(options(action))
    for name in given:
        if name not in names and not (name in {"fields", "expansions"} and given[name] == "all"):
            raise ArgumentError(f"there is no argument {name!r}; {values.near(name, names)}")
    for p in action.params:
        if p.name not in given and (p.required or p.where == "path"):
            raise ArgumentError(f"{p.name} is required")


def _together(action: Action, checked: Mapping[str, Any], now: datetime) -> None:
    for group in action.exclusive:
        both = [name for name in group if name in checked]
        if len(both) > 1:
            raise ArgumentError(f"{' and '.join(both)} exclude each other: give one")
    for group in action.needed:
        if not any(name in checked for name in group):
            raise ArgumentError(f"one of {', '.join(group)} is required")
    for name, other in action.together:
        if name in checked and other not in checked:
            raise ArgumentError(f"{name} needs {other}")
    for low, high in action.ordered:
        times = action.param(low).kind == "time"
        if times and low in checked and _number(checked[low], times) > int(now.timestamp()) + 60:
            raise ArgumentError(f"{low} is {checked[low]}, in the future")
        if low in checked and high in checked and _number(checked[low], times) >= _number(checked[high], times):
            raise ArgumentError(f"{low} ({checked[low]}) must be before {high} ({checked[high]})")


def _number(value: str, time: bool) -> int:
    return int(datetime.fromisoformat(value).timestamp()) if time else int(value)


def _wire_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _told(action: Action, param: Param) -> bool:
    """Whether a page's request keeps an argument by its name: edges need it, and of writes it is all there is."""
    named = param.where == "path" or (action.edge is not None and action.edge.arg == param.name)
    return named or action.kind == "write"


def _args_text(param: Param, value: Any) -> str:
    if param.kind == "file":
        return PurePath(value).name
    return json.dumps(value, ensure_ascii=False) if param.kind in {"json", "texts"} else _wire_text(value)


def _nest(body: dict[str, Any], path: list[str], value: Any) -> None:
    for position, name in enumerate(path[:-1]):
        if name.endswith("[]"):
            body[name.removesuffix("[]")] = [{path[position + 1]: item} for item in value]
            return
        body = body.setdefault(name, {})
    body[path[-1]] = {**body.get(path[-1], {}), **value} if isinstance(value, dict) else value
