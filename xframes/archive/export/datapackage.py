"""The description of an export: `datapackage.json` (Frictionless Data Package) and README.md."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xframes.archive.export.masking import is_pseudonym
from xframes.archive.storage.folder import FORMAT
from xframes.formats.workbook import CELL_UNITS
from xframes.schema import TABLES, Type
from xframes.screen import counted
from xframes.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from xframes.formats import Format
    from xframes.schema import Col

_TYPES = {
    Type.STR: "string",
    Type.INT: "integer",
    Type.FLOAT: "number",
    Type.BOOL: "boolean",
    Type.TIME: "datetime",
    Type.DATE: "date",
    Type.STRS: "array",
    Type.JSON: "string",
}
_MOST_QUERIES = 200
_IMPORT = (
    "A spreadsheet that opens such a file directly reads ids as numbers and changes their last "
    "digits: import it with every column as text, or export to Excel instead."
)
_VERBATIM = (
    f"{_IMPORT} Text is as X sent it, for pandas, R and other programs. A spreadsheet runs text "
    "that begins with `=`, `+`, `-`, `@`, a tab or a line end as a formula, and anyone can post "
    "one: for spreadsheets, export with `--spreadsheet` (`spreadsheet=True`) or to Excel."
)
_QUOTED = (
    f"{_IMPORT} This export is for spreadsheets: text that begins with `=`, `+`, `-`, `@`, a tab "
    "or a line end has an apostrophe (`'`) before it, because a spreadsheet would run it as a "
    "formula, and anyone can post one. To get the text as X sent it, remove that apostrophe, or "
    "export without `--spreadsheet` (`spreadsheet=True`)."
)


@dataclass(slots=True)
class Facts:
    """The facts of an export that its description states."""

    format: Format
    made_at: datetime
    counts: dict[str, int]
    columns: dict[str, Sequence[Col]]
    files: dict[str, Path]  # table → the file it is in
    description: str | None
    masked: bool
    keep_post_ids: bool
    left_out: dict[str, str]
    dropped: dict[str, list[str]]  # table → columns pseudonymisation left out
    dates: dict[str, tuple[datetime | None, datetime | None]]  # of what, from when to when
    queries: list[tuple[str, str, int]]  # action, its query, how often it was sent
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # table → column → (table, its column)
    links: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    cut: dict[tuple[str, str], int] = field(default_factory=dict)
    hashes: dict[Path, str] = field(default_factory=dict)
    spreadsheet: bool = False  # CSV in which no text is a formula


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def package(facts: Facts, name: str) -> dict[str, Any]:
    """Return the descriptor of an export."""
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": slug(name),
        "title": f"Posts of X, exported by xframes ({facts.made_at:%Y-%m-%d})",
        "description": "See README.md.",
        "created": f"{facts.made_at:%Y-%m-%dT%H:%M:%SZ}",
        "resources": [_resource(facts, table) for table in facts.counts],
        "xframes": {
            "version": VERSION,
            "format_version": FORMAT,
            "posts": facts.description,
            "pseudonymised": facts.masked,
            "left_out": facts.left_out,
            "spreadsheet": facts.spreadsheet,
        },
    }


def slug(name: str) -> str:
    """Return a name as descriptors need it: lower case, no blanks."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.") or "export"


def _resource(facts: Facts, table: str) -> dict[str, Any]:
    path = facts.files[table]
    format = facts.format
    made: dict[str, Any] = {
        "name": table,
        "type": "table",
        "path": path.name,
        "format": path.suffix[1:],
        "mediatype": format.media_type,
        "description": TABLES[table].doc,
        "bytes": path.stat().st_size,
        "hash": f"sha256:{facts.hashes[path]}",
        "rows": facts.counts[table],
        "schema": _schema(facts, table),
    }
    if format.text:
        made["encoding"] = "utf-8"
    if format.dialect is not None:
        made["dialect"] = dict(format.dialect(table))
    return made


def _schema(facts: Facts, table: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "fields": [
            {"name": c.name, "type": _TYPES[c.type], "description": c.doc}
            for c in facts.columns[table]
        ]
    }
    if table in facts.keys:
        made["primaryKey"] = list(facts.keys[table])
    links = []
    for column, (target, key) in facts.links.get(table, {}).items():
        resource = "" if target == table else target  # "" is the resource itself
        links.append({"fields": [column], "reference": {"resource": resource, "fields": [key]}})
    return made | ({"foreignKeys": links} if links else {})


def write_package(folder: Path, facts: Facts, name: str) -> None:
    """Write `datapackage.json` into the export's folder."""
    text = json.dumps(package(facts, name), indent=2, ensure_ascii=False)
    (folder / "datapackage.json").write_text(f"{text}\n", encoding="utf-8")


def readme(facts: Facts, name: str) -> str:
    """Return the README of an export, in Markdown."""
    made = (
        f"Made by xframes {VERSION} (archive format {FORMAT}) on "
        f"{facts.made_at:%Y-%m-%d %H:%M} UTC, from posts and people of X collected over its API."
    )
    lines = [f"# {name}", "", made, "", facts.format.about, ""]
    if facts.format.spreadsheet == "quoted":
        lines += [_QUOTED if facts.spreadsheet else _VERBATIM, ""]
    if facts.hashes:
        lines.append("`datapackage.json` says the same for programs (Frictionless Data Package).")
    lines += ["", "## Dates", ""]
    lines += [
        f"- {what}: {_span(*span)}" for what, span in facts.dates.items() if span[0] is not None
    ]
    lines += ["", "## What was queried", "", *_queries(facts)]
    lines += ["", "## What was left out", "", *_left_out(facts)]
    lines += ["", "## Tables", "", "| table | rows | what |", "|---|---:|---|"]
    lines += [f"| `{t}` | {n:,} | {_cell(TABLES[t].doc)} |" for t, n in facts.counts.items()]
    for table in facts.counts:
        lines += ["", f"### {table}", "", *_columns(facts, table)]
    if facts.hashes:
        lines += ["", "## Checksums", "", "| file | bytes | SHA-256 |", "|---|---:|---|"]
        lines += [
            f"| {path.name} | {path.stat().st_size} | `{digest}` |"
            for path, digest in facts.hashes.items()
        ]
    return "\n".join(lines) + "\n"


def _columns(facts: Facts, table: str) -> list[str]:
    links = facts.links.get(table, {})
    lines = ["| column | type | meaning |", "|---|---|---|"]
    for c in facts.columns[table]:
        key = " (key)" if c.name in TABLES[table].key else ""
        link = f" Names a row of `{links[c.name][0]}`." if c.name in links else ""
        masked = facts.masked and is_pseudonym(table, c.name, posts=not facts.keep_post_ids)
        given = " A pseudonym." if masked else ""
        lines.append(f"| `{c.name}`{key} | {c.type.value} | {_cell(c.doc)}{link}{given} |")
    return lines


def _queries(facts: Facts) -> list[str]:
    lines = []
    for action, query, count in facts.queries[:_MOST_QUERIES]:
        times = f" ({count:,} times)" if count > 1 else ""
        lines.append(f"- {action} {_code(query)}".rstrip() + times)
    rest = len(facts.queries) - _MOST_QUERIES
    if rest > 0:
        lines.append(f"- and {rest:,} more")
    return lines or ["- The archive has no record of that."]


def _left_out(facts: Facts) -> list[str]:
    lines = ["- Posts and people that were removed from the archive, and X's responses as sent."]
    if facts.description is not None:
        lines.append(
            f"- All but the posts of {_code(facts.description)} and what belongs to them: details, "
            "authors, people they mention and answer, media, places, polls. Posts they refer to "
            "are named, not included."
        )
    if facts.masked:
        ids = "Ids of posts are pseudonyms as well."
        if facts.keep_post_ids:
            ids = "Ids of posts are X's own: with them, everybody can find the authors."
        lines.append(
            "- People: ids, handles and names are pseudonyms (HMAC-SHA256 with a key that is not "
            "here), in every table, in mentions and links within texts, and as plain words in what "
            "they wrote themselves; long ids, and handles with `_` in them, as plain words in "
            f"every text. {ids} Short links (t.co) lead nowhere. The positions of entities fit the "
            "new texts."
        )
        lines.append("- This is not anonymous: texts, times and counts can be looked up at X.")
        lines += [
            f"- Columns of `{t}`: {', '.join(_dropped(t, c) for c in names)}."
            for t, names in facts.dropped.items()
        ]
    lines += [f"- Table `{table}`: it {reason}." for table, reason in facts.left_out.items()]
    lines += [
        f"- The end of {counted(count, 'value')} of `{t}.{c}`, too long for a cell of Excel "
        f"({CELL_UNITS:,} characters)."
        for (t, c), count in facts.cut.items()
    ]
    return lines


def _dropped(table: str, column: str) -> str:
    """A column that was left out, with what it holds."""
    return f"`{column}` ({TABLES[table][column].content})"


def _span(first: datetime | None, last: datetime | None) -> str:
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _code(text: str) -> str:
    text = " ".join(text.split())
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def missing(facts: Mapping[str, Sequence[Col]]) -> dict[str, list[str]]:
    """Return the columns of each table that an export does not have."""
    found = {}
    for table, columns in facts.items():
        kept = {c.name for c in columns}
        found[table] = [c.name for c in TABLES[table].columns if c.name not in kept]
    return {table: columns for table, columns in found.items() if columns}
