"""Rules of the filtered stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xframes.collect import streams
from xframes.errors import ArgumentError
from xframes.frames import Frames, to_pandas
from xframes.wire import problem_kind
from xframes.write.engine import Sending, Written, check, keeping, opened, rejected, request, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from xframes.archive import Archive
    from xframes.client import Client

Rule = tuple[str, str | None]  # value and tag: what X tells rules apart by
Row = tuple[str, str, str, str | None]  # what was done, id, value, tag


def add_stream_rules(
    rules: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]], *, server_dry_run: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Add rules to the filtered stream: a row of `writes`, the rules with their ids in `stream_rules`.

    POST /2/tweets/search/stream/rules (docs.x.com/x-api/posts/filtered-stream/introduction), an app-only bearer token:
    100 requests in 15 minutes. A rule is its text, or {"value": …, "tag": …}; 1,000 rules of 1,024 characters on
    self-serve access. With `server_dry_run` X only checks them: what it would reject is in `problems`.

    Raises InvalidRequest naming the rules X rejected (the others are in force), ArgumentError before any request,
    OutcomeUnknown, the client's errors.

    Example: `write.add_stream_rules([{"value": "telescope lang:en", "tag": "astronomy"}]).stream_rules`
    """
    arguments = locals()
    return write("write.add_stream_rules", arguments | {"rules": [_wire(rule) for rule in _pairs(rules)]})


def delete_stream_rules(
    values: str | Iterable[str] | None = None, *, ids: str | int | Iterable[str | int] | None = None,
    server_dry_run: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Delete rules of the filtered stream, by their texts or by their ids: a row of `writes`.

    POST /2/tweets/search/stream/rules (docs.x.com/x-api/posts/filtered-stream/introduction), an app-only bearer token:
    100 requests in 15 minutes. With `server_dry_run` X only checks: what it would refuse is in `problems`.

    Raises InvalidRequest naming what X did not delete, ArgumentError before any request, OutcomeUnknown, the client's
    errors.

    Example: `write.delete_stream_rules(["telescope lang:en"])`
    """
    return write("write.delete_stream_rules", locals())


def set_stream_rules(
    rules: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]], *, into: Archive | None = None,
    client: Client | None = None,
) -> pd.DataFrame:
    """Make the rules of the filtered stream equal to these: adds what is missing, then deletes what is not among them.

    Gives one row per rule: `change` (deleted, added, kept), `id`, `value`, `tag`. A rule is its text, or
    {"value": …, "tag": …}. X cannot change a tag, so a rule with another tag is deleted and added; so are all where X
    has no room for both. An empty list deletes all.

    Raises InvalidRequest naming the rules X rejected (those in force before still are, beside what was added),
    ArgumentError before any request, OutcomeUnknown, the client's errors.

    Example: `write.set_stream_rules(["telescope lang:en", {"value": "from:XDevelopers", "tag": "X"}])`
    """
    desired = dict.fromkeys(_pairs(rules))
    client = opened(client, "write.set_stream_rules")
    if desired:  # checked before anything is deleted
        request("write.add_stream_rules", {"rules": [_wire(rule) for rule in desired]}, client)
    found = streams.rules(client=client)["stream_rules"].select(["id", "value", "tag"]).to_pylist()
    there = {(row["value"], row["tag"] or None): row["id"] for row in found}
    rows = [("kept", id_, *rule) for rule, id_ in there.items() if rule in desired]
    gone = {rule: id_ for rule, id_ in there.items() if rule not in desired}
    missing = [rule for rule in desired if rule not in there]
    if gone or missing:
        with keeping(into, "write.set_stream_rules", {"rules": [_wire(rule) for rule in desired]}) as keep:
            rows += _changed(Sending(client, keep), gone, missing)
    return _frame(rows)


def _changed(sending: Sending, gone: dict[Rule, str], missing: list[Rule]) -> list[Row]:
    """Add before deleting: a rule X refuses costs none of the others, and the stream is never without rules."""
    old = {value for value, _ in gone}
    made, left = _added(sending, [rule for rule in missing if rule[0] not in old], gone)
    if gone:
        sending.ask("write.delete_stream_rules", ids=list(gone.values()))
    made += _added(sending, [rule for rule in missing if rule[0] in old or rule in left], {})[0]
    return [("deleted", id_, *rule) for rule, id_ in gone.items()] + made


def _added(sending: Sending, rules: list[Rule], gone: Mapping[Rule, str]) -> tuple[list[Row], list[Rule]]:
    """Rows of the rules X took, and those it had no room for: no error as long as others are to go."""
    if not rules:
        return [], []
    page = sending.client.send(request("write.add_stream_rules", {"rules": [_wire(rule) for rule in rules]}))
    sending.keep(page)
    _, problems = rejected(page)
    if not gone or any(problem_kind(each.get("type")) != "rule-cap" for each in problems):
        check(page)
    made = Frames.from_pages([page])["stream_rules"].to_pylist()
    full = {each.get("value") for each in problems}
    rows = [("added", row["id"], row["value"], row["tag"]) for row in made]
    return rows, [rule for rule in rules if rule[0] in full]


def _frame(rows: list[Row]) -> pd.DataFrame:
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in ("change", "id", "value", "tag")])
    return to_pandas(pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema))


def _pairs(rules: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]) -> list[Rule]:
    """Rules as value and tag. Raises ArgumentError for what is none, and for one value with two tags."""
    several = [rules] if isinstance(rules, str | Mapping) else list(rules)
    tags: dict[str, str | None] = {}
    for position, rule in enumerate(several):
        given = {"value": rule} if isinstance(rule, str) else rule
        if not isinstance(given, Mapping) or not isinstance(given.get("value"), str) or not given["value"].strip():
            raise ArgumentError(f"rules: item {position} must be a text or {{'value': …, 'tag': …}}, not {rule!r:.80}")
        if given.keys() - {"value", "tag"} or not isinstance(given.get("tag"), str | None):
            raise ArgumentError(f"rules: item {position} has value and tag, nothing else, both texts: {rule!r:.80}")
        value, tag = given["value"], given.get("tag") or None
        if tags.setdefault(value, tag) != tag:
            raise ArgumentError(f"rules: {value!r:.80} stands there with two tags; X takes each value once")
    return list(tags.items())


def _wire(rule: Rule) -> dict[str, str]:
    value, tag = rule
    return {"value": value} if tag is None else {"value": value, "tag": tag}
