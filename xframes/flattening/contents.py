"""What was read from a page, and the rows on the page itself: problems and answers of writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pyarrow as pa

from xframes.flattening.coercion import coerce
from xframes.registry.actions import NAMES
from xframes.schema import TABLES, Type
from xframes.wire import problem_kind, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from xframes.registry import Action
    from xframes.wire import Page

# X's own problems have their position on the page. Positions of ours begin at these numbers, those
# of unknown names follow from the name, so that another run numbers them the same.
OWN_PROBLEMS_FROM = 1_000_000
UNKNOWN_FIELDS_FROM = 2_000_000
_TITLES = {"unreadable_page": "Unreadable page", "bad_value": "Unreadable value",
           "unknown_field": "Unknown field", "not_returned": "Not returned",
           "refused_format": "Format that is not read", "truncated_text": "Text that was cut"}
# Kinds of problems that the reader of a file notes on its pages.
OF_FILES = frozenset(_TITLES) - {"not_returned"}


@dataclass(slots=True)
class Misfit:
    """Something on a page that no table can hold, with the reason; a row of `problems`.

    `verify` compares stored rows with the pages read again, so a detail that is reworded here
    differs from those in archives of earlier versions.
    """

    kind: str
    detail: str
    parameter: str | None = None
    value: str | None = None


@dataclass(slots=True)
class Contents:
    """What a page holds: main objects of one kind, included objects, X's problems, metadata."""

    kind: str | None
    main: Sequence[Any] = ()
    includes: dict[str, Sequence[Any]] = field(default_factory=dict)
    errors: Sequence[dict[str, Any]] = ()
    meta: dict[str, Any] = field(default_factory=dict)
    matching_rules: Sequence[dict[str, Any]] = ()
    misfits: list[Misfit] = field(default_factory=list)
    action: Action | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()  # ids of main objects that an archive removed


def error_row(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return one of X's own problems as a row of `problems`."""
    row = {c.name: to_text(error.get(c.path)) for c in TABLES["problems"].body if c.path}
    row["kind"] = problem_kind(error.get("type")) or to_text(error.get("code"))
    row["detail"] = row["detail"] or to_text(error.get("message"))
    return row


def misfit_row(misfit: Misfit) -> dict[str, Any]:
    """Return a misfit as a row of `problems`."""
    row = {"kind": misfit.kind, "title": _TITLES[misfit.kind], "detail": misfit.detail,
           "parameter": misfit.parameter, "value": misfit.value}
    if misfit.kind == "not_returned":
        row["resource_id"] = misfit.value
    return row


def missing_objects(page: Page, contents: Contents) -> Iterator[Misfit]:
    """Yield what a lookup requested by id or name and X neither returned nor explained."""
    action = contents.action
    if action is None or action.kind == "write" or action.paged or not 200 <= page.status < 300:
        return
    wire = next((p.wire for p in action.params if p.many and p.required and p.wire in NAMES), None)
    if wire is not None:
        yield from _missing_of_many(wire, page, contents)
    elif action.single and not contents.main and not contents.errors and not contents.misfits:
        for param in action.params:
            if param.where == "path":
                yield _missing(param.wire, page.request.args.get(param.name))
                break


def _missing_of_many(wire: str, page: Page, contents: Contents) -> Iterator[Misfit]:
    names = {str(getattr(item, NAMES[wire], "")).lower() for item in contents.main}
    for error in contents.errors:
        names |= {str(error.get(name)).lower() for name in ("value", "resource_id")}
    for name in page.request.params.get(wire, "").split(","):
        if name and name.lower() not in names:
            yield _missing(wire, name)


def _missing(parameter: str, value: str | None) -> Misfit:
    return Misfit("not_returned", f"X gave neither {value} nor a reason", parameter, value)


def unknown_field_problems(unknown: Mapping[str, Page]) -> pa.Table:
    """Return a row of `problems` for each unknown field name, on the page that has it first."""
    rows = []
    for name, page in unknown.items():
        detail = f"no column reads {name}; its values are kept in the page"
        rows.append(misfit_row(Misfit("unknown_field", detail, name)) | {
            "position": UNKNOWN_FIELDS_FROM + crc32(name.encode()), "run_id": page.run_id,
            "observed_at": page.received_at, "page_id": page.page_id,
        })
    return pa.Table.from_pylist(rows, schema=TABLES["problems"].schema)


def write_answer(body: bytes) -> str | None:
    """Return the `data` of a write's answer as JSON text, or None without any."""
    try:
        document = read_json(body)
    except ValueError:
        return None
    if not isinstance(document, dict) or document.get("data") is None:
        return None
    return json.dumps(document["data"], ensure_ascii=False)


def to_text(value: Any) -> str | None:
    """Return a text as it is, and any other value as JSON."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "nested too deeply"


def to_count(value: Any) -> int | None:
    """Return a number of X as an integer, or None where it is not a number."""
    if value is None:
        return None
    try:
        return int(coerce(value, Type.INT))
    except (TypeError, ValueError, OverflowError):
        return None
