"""Check the parameters of a request against the action's declaration, as X does.

What X refuses with a 400 is refused here, in the same form: unknown parameters, bounds, patterns,
values outside enums, malformed or impossible times, parameters that exclude each other. Names are
accepted in both vocabularies and stored in tweet words.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from xframes import schema
from xframes.sandbox.world.snowflakes import DAY_MS, moment, stamp
from xframes.schema import words as vocabulary

from .body_params import check_body
from .problem_json import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xframes.registry import Action, Param
    from xframes.schema import Vocabulary

_TO_TWEET = {new: old for old, new in vocabulary.RENAMES.items()}
_EXPANSIONS_TO_TWEET = {
    **_TO_TWEET, "referenced_posts": "referenced_tweets.id", "affiliation": "affiliation.user_id",
    "username": "author_id",
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
_LEAST_AGE_MS = 10_000  # an end_time must lie this far back
_COUNT_FIELDS = frozenset({"start", "end", "tweet_count", "post_count"})
_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A checked request. `args` by Python name: ids and times (Unix ms) are ints, lists are lists.

    `fields` maps an object (`post`, `user`, …) to its requested fields; they and `expansions` are
    in tweet words. `size` is max_results or X's default, `token` the page's token, `scope` the
    requests that tokens of this one are valid for.
    """

    action: Action
    args: dict[str, Any]
    fields: dict[str, frozenset[str]]
    expansions: frozenset[str]
    size: int
    token: str | None
    scope: str


def check(
    action: Action, path_args: Mapping[str, str], query: Mapping[str, Sequence[str]],
    body: Mapping[str, Any] | None = None, *, now: int, words: Vocabulary,
) -> CheckedRequest:
    """Return the checked request; `now` is in Unix milliseconds.

    Without `body`, only path and query are checked. Raises Refusal (400) with all complaints.
    """
    flat = {name: ",".join(values) for name, values in query.items()}
    return _Check(action, words, now).run(path_args, flat, body)


class _Check:
    def __init__(self, action: Action, words: Vocabulary, now: int) -> None:
        self._action = action
        self._words = words
        self._now = now
        self._complaints: list[tuple[str, Sequence[str], str]] = []
        self._objects = schema.COMPANIONS.get(action.objects or "", ())

    def run(
        self,
        path_args: Mapping[str, str],
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> CheckedRequest:
        declared = {p.wire: p for p in self._action.params if p.where == "query"}
        field_params = self._field_params()
        paging = self._paging_params()
        known = [*declared, *paging, *field_params]
        if self._expansions():
            known.append("expansions")
        for name in sorted(set(query) - set(known)):
            message = f"The query parameter [{name}] is not one of [{','.join(known)}]"
            self._complain(name, [query[name]], message)
        args = self._args(path_args, query)
        if body is not None:
            more, complaints = check_body(self._action, body)
            args |= more
            self._complaints += complaints
        fields = self._fields(
            {name: query[name] for name in field_params if name in query}, field_params
        )
        expansions = self._chosen("expansions", query.get("expansions"), self._expansions())
        size = 0
        if "max_results" in paging:
            size = self._size(query.get("max_results"))
            self._check_size_with(fields.get(self._action.objects or "", frozenset()), size)
        token = self._token(query, paging)
        self._between(args, query)
        if self._complaints:
            raise invalid(self._words, *self._complaints)
        wide = frozenset(_EXPANSIONS_TO_TWEET.get(name, name) for name in expansions)
        return CheckedRequest(
            self._action, args, fields, wide, size, token, _scope(self._action, args)
        )

    def _args(self, path_args: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Any]:
        """Return the valid arguments of path and query by Python name."""
        args: dict[str, Any] = {}
        for param in self._action.params:
            text = None
            if param.where == "path":
                text = path_args.get(param.name)
            elif param.where == "query":
                text = query.get(param.wire)
            else:
                continue
            value = self._value(param, text)
            if value is not None:
                args[param.name] = value
        return args

    def _complain(self, name: str, values: Sequence[str], message: str) -> None:
        self._complaints.append((name, values, message))

    # -- names ------------------------------------------------------------------------------------

    def _field_params(self) -> dict[str, str]:
        """Return the `*.fields` parameters of the action, each with its object."""
        found: dict[str, str] = {}
        vocabularies: tuple[Vocabulary, ...] = ("tweet", "post")
        for words in vocabularies:
            found |= {schema.fields_param(each, words): each for each in self._objects}
        if self._action.objects == "count":
            found["search_count.fields"] = "count"
        return found

    def _expansions(self) -> frozenset[str]:
        kind = self._action.objects or ""
        in_tweet_words = schema.EXPANSIONS["tweet"].get(kind, ())
        return frozenset(in_tweet_words).union(schema.EXPANSIONS["post"].get(kind, ()))

    def _paging_params(self) -> list[str]:
        names = []
        if self._action.paged:
            names.append("max_results")
        if self._action.token == "next_token":  # noqa: S105  the name of a parameter
            names += ["next_token", "pagination_token"]
        elif self._action.token:
            names.append(self._action.token)
        return names

    def _fields(
        self, texts: Mapping[str, str], params: Mapping[str, str]
    ) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for name, text in texts.items():
            kind = params[name]
            chosen = self._chosen(name, text, _names(kind))
            found[kind] = found.get(kind, frozenset()) | {
                _TO_TWEET.get(each, each) for each in chosen
            }
        return found

    def _chosen(self, name: str, text: str | None, allowed: frozenset[str]) -> frozenset[str]:
        if text is None:
            return frozenset()
        chosen = text.split(",")
        wrong = [each for each in chosen if each not in allowed]
        if wrong and allowed:
            self._complain(
                name, [text], _of(name, wrong[0], f"one of [{','.join(sorted(allowed))}]")
            )
        return frozenset(chosen)

    # -- values -----------------------------------------------------------------------------------

    def _value(self, param: Param, text: str | None) -> Any:
        """Return one parameter's value, typed; None if absent or invalid."""
        name = "id" if param.wire == "ids" else param.wire
        if text is None:
            if param.required:
                self._complain(name, [], f"The `{param.wire}` query parameter can not be empty")
            return None
        if param.many:
            return self._many(param, name, text)
        if param.kind == "time":
            return self._time(param, text)
        if param.kind == "int":
            return self._int(param, text)
        if self._fits(param, name, text):
            return _typed(param, text)
        return None

    def _fits(self, param: Param, name: str, text: str) -> bool:
        choices = ("true", "false") if param.kind == "bool" else param.choices
        if choices and text not in choices:
            self._complain(name, [text], _of(param.wire, text, f"one of [{','.join(choices)}]"))
        elif param.pattern and not re.fullmatch(param.pattern, text):
            self._complain(name, [text], _of(param.wire, text, "valid"))
        elif param.kind == "id" and text.isdigit() and int(text) > _INT64:
            self._complain(name, [text], _of(param.wire, text, "a 64-bit number"))
        elif param.kind in {"str", "query"} and not _is_length(param, len(text)):
            message = (
                f"The length of the `{param.wire}` query parameter value [{len(text)}] is not "
                f"between {param.min} and {param.max}"
            )
            self._complain(name, [text], message)
        else:
            return True
        return False

    def _many(self, param: Param, name: str, text: str) -> list[Any] | None:
        values = text.split(",")
        if not _is_length(param, len(values)):
            message = (
                f"The number of values in the `{param.wire}` query parameter list "
                f"[{len(values)}] is not between {param.min} and {param.max}"
            )
            self._complain(name, values, message)
            return None
        fits = [self._fits(param, name, each) for each in values]  # with a complaint for each
        if not all(fits):
            return None
        return [_typed(param, each) for each in values]

    def _int(self, param: Param, text: str) -> int | None:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            self._complain(param.wire, [text], _of(param.wire, text, "a number"))
            return None
        value = int(text)
        low = value if param.min is None else param.min
        high = value if param.max is None else param.max
        if not low <= value <= high:
            self._complain(param.wire, [text], _of(param.wire, text, f"between {low} and {high}"))
            return None
        return value

    def _size(self, text: str | None) -> int:
        low, high = self._action.paged or (1, 100)
        if text is None:
            return 10 if low > 1 else 100  # X's defaults: 10 for posts, 100 for lists of people
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            message = _of("max_results", text, f"between {low} and {high}")
            self._complain("max_results", [text], message)
            return low
        return int(text)

    def _check_size_with(self, fields: frozenset[str], size: int) -> None:
        """Check the page size that X accepts together with these fields of the main object."""
        for field, most in self._action.paged_with:
            if field in fields and size > most:
                message = (f"when requesting `tweet.fields={field}` `max_results` must be less "
                           f"than or equal to `{most}`")
                self._complain("max_results", [str(size)], message)

    def _token(self, query: Mapping[str, str], paging: Sequence[str]) -> str | None:
        tokens = [query[name] for name in paging if name != "max_results" and name in query]
        if len(tokens) > 1:
            message = "Only one of `next_token` and `pagination_token` may be given"
            self._complain("next_token", tokens, message)
        return next(iter(tokens), None)

    # -- times ------------------------------------------------------------------------------------

    def _time(self, param: Param, text: str) -> int | None:
        at = _instant(text)
        if at is None:
            self._complain(
                param.wire, [text], _of(param.wire, text, "a valid date-time: YYYY-MM-DDTHH:mm:ssZ")
            )
            return None
        earliest = self._earliest(param)
        if at < earliest:
            self._complain(
                param.wire, [text], _never(param.wire, text, f"on or after {stamp(earliest)}")
            )
            return None
        return at

    def _earliest(self, param: Param) -> int:
        if param.earliest is None:
            return -_INT64
        if days := re.fullmatch(r"-(\d+)d", param.earliest):
            oldest = self._now - int(days[1]) * DAY_MS
            # To the minute: a client's own "7 days ago" is older on arrival.
            return oldest - oldest % 60_000
        return int(datetime.fromisoformat(param.earliest).timestamp() * 1000)

    def _between(self, args: Mapping[str, Any], query: Mapping[str, str]) -> None:
        """Check combinations of parameters."""
        if self._action.kind == "read":  # those of writes are in the body
            self._check_exclusive(args, query)
        self._check_mixed(args, query)
        for one, other in self._action.ordered:
            if one in args and other in args and args[one] >= args[other]:
                message = _never(other, query[other], f"later than '{one}'")
                self._complain(other, [query[other]], message)
        if any(param.kind == "query" for param in self._action.params):
            self._check_search(args, query)

    def _check_exclusive(self, args: Mapping[str, Any], query: Mapping[str, str]) -> None:
        for one, other in self._action.exclusive:
            if one in args and other in args:
                message = f"`{one}` and `{other}` can not both be given"
                self._complain(other, [query[other]], message)

    def _check_mixed(self, args: Mapping[str, Any], query: Mapping[str, str]) -> None:
        """Refuse an id together with a time, as X does against its specification."""
        for time, id in self._action.mixed_bounds:
            if time in args and id in args:
                message = ("Invalid use of 'since_id' or 'until_id' in conjunction with "
                           "'start_time' or 'end_time'.")
                self._complain(id, [query[id]], message)

    def _check_search(self, args: Mapping[str, Any], query: Mapping[str, str]) -> None:
        """Check search's rules for end_time and the ids."""
        if "end_time" in args and args["end_time"] > self._now - _LEAST_AGE_MS:
            rule = f"a minimum of 10 seconds prior to the request time ({stamp(self._now)})"
            message = _never("end_time", query["end_time"], rule)
            self._complain("end_time", [query["end_time"]], message)
        for param in self._action.params:
            if param.name == "start_time" and param.earliest:
                self._check_ids(args, query, self._earliest(param))

    def _check_ids(
        self, args: Mapping[str, Any], query: Mapping[str, str], oldest: int
    ) -> None:
        for name in ("since_id", "until_id"):
            first = args.get(name, 0) + (name == "since_id")  # the first id that it lets through
            if name in args and moment(first) < oldest:
                rule = f"a tweet id created after {stamp(oldest)}"
                self._complain(name, [query[name]], _never(name, query[name], rule))


def _of(name: str, value: str, rule: str) -> str:
    return f"The `{name}` query parameter value [{value}] is not {rule}"


def _never(name: str, value: str, rule: str) -> str:
    return f"Invalid '{name}':'{value}'. '{name}' must be {rule}"


def _typed(param: Param, text: str) -> Any:
    """Return a valid value typed: numeric ids as int, the rest as text."""
    if param.kind == "bool":
        return text == "true"
    if param.kind in {"id", "ids"} and text.isascii() and text.isdigit():
        return int(text)
    return text


def _is_length(param: Param, length: int) -> bool:
    """Whether a text or list may have this length."""
    return (param.min or 0) <= length <= (param.max or length)


def _instant(text: str) -> int | None:
    """Return the Unix milliseconds of a date-time with a zone, None for other texts."""
    if not _TIME.fullmatch(text):
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp()) * 1000
    except ValueError:
        return None


def _names(kind: str) -> frozenset[str]:
    """Return all names of both vocabularies for the `*.fields` of an object."""
    if kind == "count":
        return _COUNT_FIELDS
    both = [*schema.fields(kind, "tweet", owner=True), *schema.fields(kind, "post", owner=True)]
    return frozenset(both) | frozenset(vocabulary.EXPANSION_ONLY.get(kind, ()))


def _scope(action: Action, args: Mapping[str, Any]) -> str:
    """Return the scope of tokens: the action and its arguments, without page size and fields."""
    return hashlib.blake2b(
        repr((action.name, sorted(args.items()))).encode(), digest_size=8
    ).hexdigest()
