"""Check arguments, and plan the requests of a collection.

A plan is complete before the first request. It can be saved as JSON, so that another process can
resume the collection.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from math import ceil
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import msgspec

from xframes import registry
from xframes.errors import ArgumentError
from xframes.plan import values
from xframes.plan.fields import LEAN, asks_owner, field_params, takes_expansions, takes_fields
from xframes.plan.windows import ARGUMENT, Sample
from xframes.schema import Vocabulary  # noqa: TC001  # msgspec reads the annotations of Plan
from xframes.wire import Purpose, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from xframes.registry import Action, Param

__all__ = ["Plan", "asks_owner", "options", "plan"]

log = logging.getLogger("xframes")
_LIMIT = registry.Param("limit", "int", min=1)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked collection.

    `arguments` are normalized, by their Python names: ids and times are text. `limit` counts main
    rows of all pages, `words` is the vocabulary of the request, and `field_params` are `*.fields`
    and `expansions` as they are sent. A list that is too long for one request is split
    into `batches`. For `since` "last", an archive replaces it by the end of earlier runs; without
    `refresh`, an archive does not fetch again what it has. `max_results` is the largest number of
    rows of a page, if it is not X's. `completes` is set for lookups of what the archive's posts
    name, which do not count as its own posts. With a `sample`, each of its windows is one batch,
    in pages of X's smallest size. `purpose` is what its requests are for; it is not saved. Plans
    with the same `group` are the runs of one call, which are resumed together.
    """

    action: str
    arguments: dict[str, Any]
    limit: int | None = None
    words: Vocabulary = "tweet"
    field_params: dict[str, str] = field(default_factory=dict)
    since: Literal["last"] | None = None
    refresh: bool = False
    max_results: int | None = None
    completes: bool = False
    sample: Sample | None = None
    purpose: Purpose | None = None
    group: str | None = None

    @property
    def declared(self) -> Action:
        """The action's declaration."""
        return registry.action(self.action)

    @property
    def batches(self) -> int:
        """The number of requests without further pages: lists in parts, for each span of time."""
        return self._lists() * len(self._spans())

    @property
    def expected(self) -> int | None:
        """The largest number of main rows, if known: the limit, or the number of ids to look up."""
        split = self._split()
        if self.limit is None and split:
            return len(self.arguments[split.name])
        return self.limit

    def page_size(self, rows: int, largest: int | None = None) -> int | None:
        """Return `max_results` for the next page, after `rows` rows; `largest` bounds it.

        It is X's largest page, or less at the end, so that the pages add up to the limit. If the
        limit is below X's smallest page (10 in search), X sends and bills that smallest page.
        """
        whole = self.declared.largest_page(_field_names(self.field_params))
        if self.declared.paged is None or whole is None:
            return None
        least = self.declared.paged[0]
        if self.sample is not None:
            return least
        most = max(least, min(whole, self.max_results or whole, largest or whole))
        if self.limit is None:
            return most
        left = self.limit - rows
        if most < left < most + least:  # the last page would be below the smallest one
            return max(least, left - least)
        return max(least, min(left, most))

    def request(
        self, batch: int = 0, *, token: str | None = None, max_results: int | None = None,
        changes: Mapping[str, Any] | None = None, skip: int = 0,
    ) -> Request:
        """Return the request of one batch and page.

        `changes` replace arguments of the plan, e.g. the `end_time` of a later page. `skip` is the
        number of values of the batch's list that were requested already.
        """
        action = self.declared
        arguments = self._arguments(batch, changes or {}, skip)
        path, params, body = action.path, dict[str, str](), dict[str, Any]()
        for param in action.params:
            value = arguments.get(param.name, param.default)
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
        args = {
            param.name: _args_text(param, arguments[param.name]) for param in action.params
            if param.name in arguments and _is_recorded(action, param)
        }
        has_body = action.method in {"POST", "PUT"} and "body" in {p.where for p in action.params}
        if self.sample is not None:
            args[ARGUMENT] = self.sample.argument(batch)
        return Request(
            action.method, path, params | self.field_params, action.name, args,
            body if body or has_body else None, purpose=self.purpose,
        )

    def in_words_of(self, client: object) -> Plan:
        """Return the plan in the words of a client, to resume it where X takes only those.

        A choice of single fields or expansions stays as it is: the other words may not have them.
        """
        words = getattr(client, "words", self.words)  # who sends in another way may have none
        if words == self.words or self.declared.streaming:
            return self
        for choice, expansions in product(("all", "owner"), ("all", LEAN)):
            if self.field_params == field_params(self.declared, choice, expansions, self.words):
                fields = field_params(self.declared, choice, expansions, words)
                return replace(self, words=words, field_params=fields)
        return self

    def part_after(self, sent: Request, batch: int, skip: int) -> int | None:
        """Return how many values of a batch's list are requested, if a request has only some.

        None if it has the rest of the batch. A budget can make a request smaller.
        """
        split = self._split()
        if split is None or split.wire not in sent.params:
            return None
        values = self._arguments(batch, {}, skip)[split.name]
        count = sent.params[split.wire].count(",") + 1
        if count >= len(values):
            return None
        return skip + count

    def _arguments(
        self, batch: int, changes: Mapping[str, Any], skip: int = 0
    ) -> dict[str, Any]:
        """Return the arguments of one batch: its part of the list, and its span of time."""
        span, part = divmod(batch, self._lists())
        arguments = {**self.arguments, **self._spans()[span], **changes}
        split = self._split()
        if split:
            most = split.max or 1
            first, last = part * most + skip, (part + 1) * most
            arguments[split.name] = arguments[split.name][first:last]
        return arguments

    def to_json(self) -> str:
        """Return the plan as JSON text."""
        return json.dumps(asdict(replace(self, purpose=None)), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read a plan from JSON text, also of an archive by an unknown person.

        Raises ArgumentError if it is not a plan of a read action that this version has.
        """
        try:
            plan = replace(msgspec.json.decode(text, type=cls), purpose=None)
            kind = plan.declared.kind
        except (msgspec.MsgspecError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise ArgumentError(f"this version cannot carry out the plan: {error}") from None
        if kind != "read":
            raise ArgumentError(
                f"plan: expected a read action, got {plan.action}, which changes something at X"
            )
        return plan

    def _lists(self) -> int:
        """Return the number of requests that the longest list needs."""
        split = self._split()
        if split is None:
            return 1
        return ceil(len(self.arguments[split.name]) / (split.max or 1))

    def _spans(self) -> Sequence[Mapping[str, str | None]]:
        """Return the spans of time to request, newest first, none longer than X accepts.

        The windows of a sample have an order of their own.
        """
        if self.sample is not None:
            return [window.bounds() for window in self.sample.windows]
        days, arguments = self.declared.span_days, self.arguments
        start, end = arguments.get("start_time"), arguments.get("end_time")
        if days is None or start is None or end is None:
            return [{}]
        grid = timedelta(days=7 if arguments.get("granularity") == "weekly" else 1)
        first, until = datetime.fromisoformat(start), datetime.fromisoformat(end)
        spans = []
        while until > first:
            since = until - timedelta(days=days)
            # spans end between days or weeks, so that none of these is in two requests
            since = max(first, since + (_MONDAY - since) % grid)
            spans.append({"start_time": values.stamp(since), "end_time": values.stamp(until)})
            until = since
        return spans

    def _split(self) -> Param | None:
        """Return the parameter whose list is sent in several requests, or None."""
        params = self.declared.params
        return next((p for p in params if p.name in self.arguments and p.splits), None)


def plan(
    action_name: str, arguments: Mapping[str, Any], *, now: datetime, words: Vocabulary = "tweet",
    query_limit: int | None = None,
) -> Plan:
    """Check arguments against the declaration of an action, and return the plan of its requests.

    `arguments` are those of the collector, with `limit`, `fields` and `expansions`; None is the
    same as leaving an argument out. Ids are text or whole numbers, in any iterable of any length.
    `@` before a username is dropped. Dates are UTC, times of day need a time zone; fractions of a
    second are cut off, because X accepts only whole seconds. `query_limit` is the largest length of
    a query, if it is not that of self-serve access.

    Raises ArgumentError that names the argument, and KeyError for an action that does not exist.
    """
    action = registry.action(action_name)
    arguments = {name: value for name, value in arguments.items() if value is not None}
    try:
        _check_names(action, arguments)
        checked = {
            param.name: values.check(
                param, arguments[param.name], now=now, query_limit=query_limit
            )
            for param in action.params if param.name in arguments
        }
        _check_together(action, checked, now)
        limit = None
        if "limit" in arguments:
            limit = values.check(_LIMIT, arguments["limit"], now=now)
        since = _since(arguments)
        # streams have the tweet words in both specifications of X
        vocabulary: Vocabulary = "tweet" if action.streaming else words
        fields, expansions = arguments.get("fields"), arguments.get("expansions")
        chosen = field_params(action, fields, expansions, vocabulary)
        size = _page_size(action, arguments, chosen, now)
        if arguments.get("expansions") == LEAN and vocabulary == "post":
            log.warning(
                "%s: in post words, X sends the ids of authors and of referenced posts only with "
                "expansions: they are unknown here. Use words='tweet'", action_name,
            )
    except ArgumentError as error:
        raise ArgumentError(f"{action_name}: {error}", action=action_name) from None
    refresh = bool(arguments.get("refresh"))
    return Plan(action_name, checked, limit, words, chosen, since, refresh, size)


def options(action: Action) -> tuple[str, ...]:
    """Return the arguments of an action that it does not declare itself: limit, fields, …"""
    is_paged = action.paged is not None or action.token is not None
    options = {
        "since": action.follows, "limit": is_paged or action.streaming,
        "max_results": action.paged is not None,
        "fields": takes_fields(action), "expansions": takes_expansions(action),
        "refresh": action.looks_up is not None,
    }
    return tuple(name for name, is_taken in options.items() if is_taken)


def _page_size(
    action: Action, arguments: Mapping[str, Any], chosen: Mapping[str, str], now: datetime
) -> int | None:
    """Return the page size that the caller chose, unless it is an argument of the action itself."""
    if "max_results" not in arguments or action.paged is None:
        return None
    least, most = action.paged
    size: int = values.check(
        registry.Param("max_results", "int", min=least, max=most), arguments["max_results"], now=now
    )
    for name, fewer in action.paged_with:
        if name in _field_names(chosen) and size > fewer:
            raise ArgumentError(
                f"max_results: expected {least:,} to {fewer:,} together with {name}, got "
                f"{size:,}. For larger pages, pass `fields` without it"
            )
    return size


def _field_names(parameters: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for text in parameters.values() for name in text.split(","))


def _since(arguments: Mapping[str, Any]) -> Literal["last"] | None:
    if "since" not in arguments:
        return None
    if arguments["since"] != "last":
        raise ArgumentError(
            f"since: expected 'last', got {arguments['since']!r}. For a post id, use since_id"
        )
    if "since_id" in arguments:
        raise ArgumentError("since and since_id exclude each other: pass one of them")
    if arguments.get("sort_order", "recency") != "recency":
        raise ArgumentError("since='last' needs the newest posts first: leave sort_order out")
    return "last"


def _check_names(action: Action, arguments: Mapping[str, Any]) -> None:
    names = [param.name for param in action.params] + list(options(action))
    for name, value in arguments.items():
        is_default = name in {"fields", "expansions"} and value in ("all", LEAN)
        if name not in names and not is_default:
            raise ArgumentError(f"there is no argument {name!r}; {values.near(name, names)}")
    for param in action.params:
        if param.name not in arguments and (param.required or param.where == "path"):
            raise ArgumentError(f"{param.name} is required")


def _check_together(action: Action, checked: Mapping[str, Any], now: datetime) -> None:
    for group in action.exclusive:
        both = [name for name in group if name in checked]
        if len(both) > 1:
            raise ArgumentError(f"{' and '.join(both)} exclude each other: pass one of them")
    for group in action.needed:
        if not any(name in checked for name in group):
            raise ArgumentError(f"one of {', '.join(group)} is required")
    for name, other in action.together:
        if name in checked and other not in checked:
            raise ArgumentError(f"{name} needs {other}")
    for low, high in action.ordered:
        _check_order(action, low, high, checked, now)


def _check_order(
    action: Action, low: str, high: str, checked: Mapping[str, Any], now: datetime
) -> None:
    if low not in checked:
        return
    number: Callable[[str], int] = int
    if action.param(low).kind == "time":
        number = _unix_seconds
        if number(checked[low]) > int(now.timestamp()) + 60:
            raise ArgumentError(f"{low}: expected a time in the past, got {checked[low]}")
    if high in checked and number(checked[low]) >= number(checked[high]):
        raise ArgumentError(
            f"{low}: expected a value before {high} ({checked[high]}), got {checked[low]}"
        )


def _unix_seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _wire_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)


def _is_recorded(action: Action, param: Param) -> bool:
    """Whether pages keep an argument by its name: those of paths, edges and writes."""
    is_edge = action.edge is not None and action.edge.arg == param.name
    return is_edge or param.where == "path" or action.kind == "write"


def _args_text(param: Param, value: Any) -> str:
    if param.kind == "file":
        return PurePath(value).name
    if param.kind in {"json", "texts"}:
        return json.dumps(value, ensure_ascii=False)
    return _wire_text(value)


def _nest(body: dict[str, Any], path: list[str], value: Any) -> None:
    for position, name in enumerate(path[:-1]):
        if name.endswith("[]"):
            body[name.removesuffix("[]")] = [{path[position + 1]: item} for item in value]
            return
        body = body.setdefault(name, {})
    name = path[-1]
    if isinstance(value, dict):
        value = {**body.get(name, {}), **value}
    body[name] = value
