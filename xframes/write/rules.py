"""Rules of the filtered stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from xframes.archive import Archive
from xframes.client import Client
from xframes.collect.content import streams
from xframes.collect.dispatch import Ids, Names
from xframes.errors import ArgumentError
from xframes.frames import Frames, to_pandas
from xframes.registry.documentation import document
from xframes.wire import Request, problem_kind
from xframes.write.sending import Sending, Written, check, keeping, opened, rejected, request, write

if TYPE_CHECKING:
    import pandas as pd  # noqa: TC004  nothing evaluates this one; pandas takes long to import

Rules: TypeAlias = str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
Rule: TypeAlias = tuple[str, str | None]  # value and tag: what X tells rules apart by
Row: TypeAlias = tuple[str, str, str, str | None]  # what was done, id, value, tag


@overload
def add_stream_rules(
    rules: Rules, *, server_dry_run: bool | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def add_stream_rules(
    rules: Rules, *, server_dry_run: bool | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def add_stream_rules(
    rules: Rules, *, server_dry_run: bool | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.add_stream_rules")
def add_stream_rules(
    rules: Rules, *, server_dry_run: bool | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Add rules to the filtered stream.

    Parameters
    ----------
    rules
        One or more rules, each its text or `{"value": text, "tag": label}`.
    server_dry_run
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row, `stream_rules` one per rule with its id.

    Raises
    ------
    InvalidRequest
        X rejected some of the rules. The error names them; the others are in force.
    ArgumentError
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.add_stream_rules([{"value": "telescope lang:en", "tag": "astronomy"}]).stream_rules
    """
    return write(
        "write.add_stream_rules", rules=[_wire(rule) for rule in _pairs(rules)],
        server_dry_run=server_dry_run, into=into, client=client, dry_run=dry_run,
    )


@overload
def delete_stream_rules(
    values: Names | None = None, *, ids: Ids | None = None, server_dry_run: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def delete_stream_rules(
    values: Names | None = None, *, ids: Ids | None = None, server_dry_run: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def delete_stream_rules(
    values: Names | None = None, *, ids: Ids | None = None, server_dry_run: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.delete_stream_rules")
def delete_stream_rules(
    values: Names | None = None, *, ids: Ids | None = None, server_dry_run: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Delete rules of the filtered stream, by their texts or their ids.

    Parameters
    ----------
    values
        Texts of the rules to delete. Default: none.
    ids
        Ids of the rules to delete. Default: none.
    server_dry_run
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    InvalidRequest
        X did not delete some of the rules. The error names them.
    ArgumentError
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.delete_stream_rules(["telescope lang:en"])
    """
    return write(
        "write.delete_stream_rules", values=values, ids=ids, server_dry_run=server_dry_run,
        into=into, client=client, dry_run=dry_run,
    )


@document("write.add_stream_rules", "write.delete_stream_rules")
def set_stream_rules(
    rules: Rules, *, into: Archive | None = None, client: Client | None = None,
) -> pd.DataFrame:
    """Make these the rules of the filtered stream: add the missing ones, delete all others.

    X cannot change a tag: a rule whose tag is new is deleted and added again. Rules are added
    before others are deleted, as far as X has room for both.

    Parameters
    ----------
    rules
        One or more rules, each its text or `{"value": text, "tag": label}`. An empty list deletes
        all rules.
    into
        Archive that also keeps X's answers. Default: none.
    client

    Returns
    -------
    pandas.DataFrame
        One row per rule: `change` (deleted, added or kept), `id`, `value` and `tag`.

    Raises
    ------
    InvalidRequest
        X rejected some of the rules. The error names them; the rules that were in force still are,
        with those added so far.
    ArgumentError
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.set_stream_rules(["telescope lang:en", {"value": "from:XDevelopers", "tag": "X"}])
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


def _pairs(rules: Rules) -> list[Rule]:
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
