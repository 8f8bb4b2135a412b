"""Rows that tell of the pages themselves: problems, X's and ours, answers of writes, and things asked for in vain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pyarrow as pa

from xframes.flatten.coerce import coerce
from xframes.flatten.decode import Bad, Parsed
from xframes.registry.actions import NAMES
from xframes.schema import TABLES, Type
from xframes.wire import problem_kind, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.wire import Page

OWN_PROBLEMS_FROM = 1_000_000  # X's own problems keep their place on the page; ours are numbered from here,
UNKNOWN_FIELDS_FROM = 2_000_000  # and those of unknown names by the name, so that another run says the same
_TITLES = {"unreadable_page": "Unreadable page", "bad_value": "Unreadable value", "unknown_field": "Unknown field",
           "not_returned": "Not returned"}


def reported(error: Mapping[str, Any]) -> dict[str, Any]:
    """One of X's own problems as a row."""
    row = {c.name: text(error.get(c.path)) for c in TABLES["problems"].body if c.path}
    row["kind"] = problem_kind(error.get("type")) or text(error.get("code"))
    row["detail"] = row["detail"] or text(error.get("message"))
    return row


def own(bad: Bad) -> dict[str, Any]:
    """One of our own problems as a row."""
    row = {"kind": bad.kind, "title": _TITLES[bad.kind], "detail": bad.detail, "parameter": bad.parameter,
           "value": bad.value}
    return row | {"resource_id": bad.value} if bad.kind == "not_returned" else row


def unanswered(page: Page, parsed: Parsed) -> Iterator[Bad]:
    """Things a lookup asked for by name that X neither gave nor gave a reason for."""
    action = parsed.action
    if action is None or action.kind == "write" or action.paged or not 200 <= page.status < 300:
        return
    wire = next((p.wire for p in action.params if p.many and p.required and p.wire in NAMES), None)
    if wire is None:
        named = next((p for p in action.params if p.where == "path"), None)
        if named is not None and action.single and not parsed.main and not parsed.errors and not parsed.bad:
            yield _missing(named.wire, page.request.args.get(named.name))
        return
    told = {str(getattr(item, NAMES[wire], "")).lower() for item in parsed.main}
    told |= {str(error.get(name)).lower() for error in parsed.errors for name in ("value", "resource_id")}
    for one in page.request.params.get(wire, "").split(","):
        if one and one.lower() not in told:
            yield _missing(wire, one)


def _missing(parameter: str, value: str | None) -> Bad:
    return Bad("not_returned", f"X gave neither {value} nor a reason", parameter, value)


def unknown_problems(unknown: Mapping[str, Page]) -> pa.Table:
    """A `problems` row for each field name no column knows, on the page it was first seen."""
    rows = [
        own(Bad("unknown_field", f"X sends {name}, which no column knows; its values stay in the page", name))
        | {"position": UNKNOWN_FIELDS_FROM + crc32(name.encode()), "run_id": page.run_id,
           "observed_at": page.received_at, "page_id": page.page_id}
        for name, page in unknown.items()
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["problems"].schema)


def answer(body: bytes) -> str | None:
    """The `data` of an answer, as JSON text; None without one."""
    try:
        found = read_json(body)
    except ValueError:
        return None
    data = found.get("data") if isinstance(found, dict) else None
    return None if data is None else json.dumps(data, ensure_ascii=False)


def text(value: Any) -> str | None:
    """A value as text: texts as they are, others as JSON."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "nested too deeply"


def count(value: Any) -> int | None:
    """A number of X, or None where it is none."""
    try:
        return None if value is None else int(coerce(value, Type.INT))
    except (TypeError, ValueError, OverflowError):
        return None


