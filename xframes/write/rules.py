"""Rules of the filtered stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from xframes.archive import Archive
from xframes.client import Client
from xframes.collect.content import streams
from xframes.collect.dispatch import Ids, Names
from xframes.errors import ArgumentError, InvalidRequest
from xframes.frames import Frames, to_pandas
from xframes.registry.documentation import document
from xframes.wire import Request, problem_kind
from xframes.write.sending import (
    Sending,
    Written,
    answer,
    check,
    open_run,
    request,
    write,
    writing_client,
)

if TYPE_CHECKING:
    import pandas as pd  # noqa: TC004  nothing evaluates this one; pandas takes long to import

Rules: TypeAlias = str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
Rule: TypeAlias = tuple[str, str | None]  # value and tag, which identify a rule at X
Row: TypeAlias = tuple[str, str, str, str | None]  # change, id, value, tag
_FULL = {"rule-cap"}  # the kind of a problem that X's limit of rules is reached


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
        X rejected some of the rules. The error names them; the others are in force, unless X says
        that it created none.
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
    values: Names | None = None, *, ids: Ids | None = None, delete_all: bool | None = None,
    server_dry_run: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def delete_stream_rules(
    values: Names | None = None, *, ids: Ids | None = None, delete_all: bool | None = None,
    server_dry_run: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[True],
) -> Request: ...
@overload
def delete_stream_rules(
    values: Names | None = None, *, ids: Ids | None = None, delete_all: bool | None = None,
    server_dry_run: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool,
) -> Written: ...
@document("write.delete_stream_rules")
def delete_stream_rules(
    values: Names | None = None, *, ids: Ids | None = None, delete_all: bool | None = None,
    server_dry_run: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Delete rules of the filtered stream, by their texts or their ids, or all of them.

    Parameters
    ----------
    values
        Texts of the rules to delete. Default: none.
    ids
        Ids of the rules to delete. Default: none.
    delete_all
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
        "write.delete_stream_rules", values=values, ids=ids, delete_all=delete_all,
        server_dry_run=server_dry_run, into=into, client=client, dry_run=dry_run,
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
    client = writing_client(client, "write.set_stream_rules")
    wire_rules = [_wire(rule) for rule in desired]
    if desired:  # check the rules before any is deleted
        request("write.add_stream_rules", {"rules": wire_rules}, client)
    present = streams.rules(client=client)["stream_rules"].select(["id", "value", "tag"])
    ids = {(row["value"], row["tag"] or None): row["id"] for row in present.to_pylist()}
    rows = [("kept", id_, *rule) for rule, id_ in ids.items() if rule in desired]
    obsolete = {rule: id_ for rule, id_ in ids.items() if rule not in desired}
    missing = [rule for rule in desired if rule not in ids]
    if obsolete or missing:
        with open_run(into, "write.set_stream_rules", {"rules": wire_rules}) as keep:
            rows += _change(Sending(client, keep), obsolete, missing)
    return _frame(rows)


def _change(sending: Sending, obsolete: dict[Rule, str], missing: list[Rule]) -> list[Row]:
    """Add missing rules, then delete obsolete ones. Returns a row for each.

    The order ensures that the stream is never without rules and that a rule which X refuses does
    not cost any other. A rule whose value is still there with another tag has to wait.
    """
    old = {value for value, _ in obsolete}
    first = [rule for rule in missing if rule[0] not in old]
    added, remaining = _add(sending, first, may_be_full=bool(obsolete))
    if obsolete:
        sending.call("write.delete_stream_rules", ids=list(obsolete.values()))
    second = [rule for rule in missing if rule[0] in old or rule in remaining]
    added += _add(sending, second, may_be_full=False)[0]
    return [("deleted", id_, *rule) for rule, id_ in obsolete.items()] + added


def _add(
    sending: Sending, rules: list[Rule], *, may_be_full: bool
) -> tuple[list[Row], list[Rule]]:
    """Add rules. Returns the rows of those that X accepted, and the rules that X refused.

    Raises InvalidRequest for refused rules. If `may_be_full`, rules that exceed X's limit do not
    raise it.
    """
    if not rules:
        return [], []
    to_send = request("write.add_stream_rules", {"rules": [_wire(rule) for rule in rules]})
    try:
        page = sending.client.send(to_send)
    except InvalidRequest as error:  # X's answer where it added none of them
        if may_be_full and {problem_kind(each.get("type")) for each in error.problems} == _FULL:
            return [], rules
        raise
    sending.keep(page)
    _, problems = answer(page)
    kinds = {problem_kind(problem.get("type")) for problem in problems}
    if not may_be_full or kinds - _FULL:
        check(page)
    accepted = Frames.from_pages([page])["stream_rules"].to_pylist()
    refused = {problem.get("value") for problem in problems}
    rows = [("added", row["id"], row["value"], row["tag"]) for row in accepted]
    return rows, [rule for rule in rules if rule[0] in refused]


def _frame(rows: list[Row]) -> pd.DataFrame:
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in ("change", "id", "value", "tag")])
    records = [dict(zip(schema.names, row, strict=True)) for row in rows]
    return to_pandas(pa.Table.from_pylist(records, schema=schema))


def _pairs(rules: Rules) -> list[Rule]:
    """Return rules as values with tags.

    Raises ArgumentError for an invalid rule, and for a value with two tags.
    """
    if isinstance(rules, str | Mapping):
        rules = [rules]
    tags: dict[str, str | None] = {}
    for position, rule in enumerate(rules):
        value, tag = _pair(rule, position)
        if tags.setdefault(value, tag) != tag:
            raise ArgumentError(f"rules: {value!r:.80} has two tags; X accepts a value only once")
    return list(tags.items())


def _pair(rule: Any, position: int) -> Rule:
    """Return the value and tag of one rule."""
    if isinstance(rule, str):
        rule = {"value": rule}
    if not isinstance(rule, Mapping) or not _is_text(rule.get("value")):
        raise ArgumentError(
            f"rules: expected a text or {{'value': …, 'tag': …}} as item {position}, "
            f"got {rule!r:.80}"
        )
    if rule.keys() - {"value", "tag"} or not isinstance(rule.get("tag"), str | None):
        raise ArgumentError(
            f"rules: expected texts for value and tag, and nothing else, in item {position}, "
            f"got {rule!r:.80}"
        )
    return rule["value"], rule.get("tag") or None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _wire(rule: Rule) -> dict[str, str]:
    value, tag = rule
    if tag is None:
        return {"value": value}
    return {"value": value, "tag": tag}
