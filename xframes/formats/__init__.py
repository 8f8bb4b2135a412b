"""The formats of tables, declared once for the shell's output and for exports.

To add one, write its function, declare it in `FORMATS`, and add its name to `FormatName` and to the
README's table; tests say what is missing. Options, suffixes, help, docstrings, messages and the
description of an export follow from the declaration. Heavy libraries are imported only to write.
"""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from xframes.errors import ArgumentError
from xframes.formats.columnar import write_parquet
from xframes.formats.databases import write_duckdb, write_sqlite
from xframes.formats.declaration import Format, Options, Rows
from xframes.formats.textfiles import write_csv, write_ids, write_json, write_jsonl
from xframes.formats.workbook import write_excel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "DEFAULT",
    "FORMATS",
    "Format",
    "FormatName",
    "Options",
    "Rows",
    "by_name",
    "check_spreadsheet",
    "choose",
    "declared",
    "described",
    "listing",
    "resolve",
    "row_formats",
    "with_formats",
]

FormatName = Literal["parquet", "csv", "json", "jsonl", "excel", "sqlite", "duckdb", "ids"]
DEFAULT: FormatName = "parquet"  # of a folder
_VERSION = re.compile(
    r"\.v?[0-9]+"
)  # `study.v2`, `export-2026.11.27`: part of a name, not a suffix
_Function = TypeVar("_Function", bound="Callable[..., object]")


def declared(*formats: Format) -> tuple[Format, ...]:
    """Return the formats. Raises ValueError if two have one name, or write one suffix."""
    for part in ("name", "suffix"):
        values = [getattr(f, part) for f in formats]
        if twice := sorted({v for v in values if values.count(v) > 1}):
            raise ValueError(f"two formats have the same {part}: {', '.join(twice)}")
    return formats


FORMATS = declared(
    Format(
        name="parquet",
        label="Parquet",
        suffixes=(".parquet",),
        media_type="application/vnd.apache.parquet",
        about="Parquet, compressed with zstd; times are timestamps in UTC.",
        write=write_parquet,
    ),
    Format(
        name="csv",
        label="CSV",
        suffixes=(".csv",),
        media_type="text/csv",
        about="CSV in UTF-8; times are in ISO 8601 (UTC), lists are JSON, null is nothing.",
        write=write_csv,
        text=True,
        spreadsheet="quoted",
    ),
    Format(
        name="json",
        label="JSON",
        suffixes=(".json",),
        media_type="application/json",
        about="One JSON array in UTF-8, with an object for each row; times are in ISO 8601 (UTC).",
        write=write_json,
        text=True,
        dialect=lambda _: {"json": {"keyed": True}},
    ),
    Format(
        name="jsonl",
        label="JSON lines",
        suffixes=(".jsonl", ".ndjson"),
        media_type="application/jsonl",
        about="JSON lines in UTF-8, with an object for each row; times are in ISO 8601 (UTC).",
        write=write_jsonl,
        text=True,
        dialect=lambda _: {"json": {"keyed": True}},
    ),
    Format(
        name="excel",
        label="Excel",
        suffixes=(".xlsx",),
        media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        about="An Excel workbook with a sheet for each table; ids are text, times are in UTC, "
        "lists are JSON.",
        write_all=write_excel,
        spreadsheet="typed",
        dialect=lambda table: {"excel": {"sheet": table}},
    ),
    Format(
        name="sqlite",
        label="SQLite",
        suffixes=(".sqlite", ".sqlite3", ".db"),
        media_type="application/vnd.sqlite3",
        about="A SQLite database of all tables, for datasette and other tools; times are ISO 8601 "
        "text (UTC), booleans are 0 or 1, lists are JSON text.",
        write_all=write_sqlite,
        dialect=lambda table: {"table": table},
    ),
    Format(
        name="duckdb",
        label="DuckDB",
        suffixes=(".duckdb", ".db"),
        media_type="application/vnd.duckdb",
        about="A DuckDB database of all tables; tables and columns have comments.",
        write_all=write_duckdb,
        dialect=lambda table: {"table": table},
    ),
    Format(
        name="ids",
        label="ids",
        suffixes=(".txt",),
        media_type="text/plain",
        about="The ids of one table (default: posts), one per line, to look up at X again.",
        write=write_ids,
        text=True,
        ids_only=True,
    ),
)


def row_formats() -> tuple[Format, ...]:
    """Return the formats that hold rows, which the shell's output has too."""
    return tuple(f for f in FORMATS if not f.ids_only)


def listing(formats: Iterable[Format]) -> str:
    """Return names and suffixes for a message: "csv (.csv), jsonl (.jsonl, .ndjson)"."""
    return ", ".join(f"{f.name} ({', '.join(f.suffixes)})" for f in formats)


def described(formats: Iterable[Format], indent: str = "", width: int = 100) -> str:
    """Return a list for help: the name, the suffixes and the sentence of each format."""
    return "\n".join(
        textwrap.fill(
            f"- {f.name} ({', '.join(f.suffixes)}): {f.about}",
            width,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
        )
        for f in formats
    )


def by_name(name: str, formats: Sequence[Format]) -> Format:
    """Return the format of this name. Raises ArgumentError if there is none."""
    for format in formats:
        if format.name == name:
            return format
    raise ArgumentError(
        f"format: expected one of {', '.join(f.name for f in formats)}, got {name!r}"
    )


def choose(
    path: str | os.PathLike[str], name: str | None, formats: Sequence[Format], *, hint: str = ""
) -> Format | None:
    """Return the format of a file: by its suffix, or by name where the suffix belongs to no format.

    None if neither a suffix nor a name says it. Raises ArgumentError for a name or a suffix that no
    format has (with `hint` in the message), and for a name that contradicts the suffix.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    wanted = None if name is None else by_name(name, formats)
    owners = [f for f in formats if suffix in f.suffixes]
    if wanted in owners or not suffix:
        return wanted
    if owners and wanted is not None:
        raise ArgumentError(
            f"{file.name}: expected {' or '.join(wanted.suffixes)} for format {wanted.name!r}, "
            f"got {suffix!r}, which is {owners[0].name}"
        )
    if owners:
        return owners[0]
    if wanted is None:
        raise ArgumentError(
            f"{file.name}: unknown suffix {suffix!r}; the formats are: {listing(formats)}{hint}"
        )
    return wanted


def resolve(path: str | os.PathLike[str], name: str | None) -> tuple[Format, bool]:
    """Return the format of an export, and whether `path` is one file; else it is a folder.

    A path without a suffix is a folder, as is one that ends with a slash. With a format named, so
    is one that ends in a version or a date (`study.v2`). Raises ArgumentError for every other
    suffix that is not the format's.
    """
    text = os.fspath(path)
    suffix = Path(text).suffix.lower()
    if not text.endswith(("/", os.sep)):
        found = _without_slash(Path(text), name)
        return found, found.ids_only or suffix in found.suffixes
    if any(suffix in f.suffixes for f in FORMATS):
        raise ArgumentError(
            f"{text}: expected the name of a folder, got the suffix {suffix!r} of a file"
        )
    found = by_name(name or DEFAULT, FORMATS)
    if found.ids_only:
        raise ArgumentError(
            f"{text}: expected the name of a file for format {found.name!r}, got a folder"
        )
    return found, False


def _without_slash(file: Path, name: str | None) -> Format:
    hint = ". For a folder of this name, end the path with a slash"
    found = choose(file, name, FORMATS, hint=hint) or by_name(DEFAULT, FORMATS)
    suffix = file.suffix.lower()
    if suffix and suffix not in found.suffixes and not _VERSION.fullmatch(suffix):
        raise ArgumentError(
            f"{file.name}: expected {' or '.join(found.suffixes)} for format {found.name!r}, "
            f"got the unknown suffix {suffix!r}; the formats are: {listing(FORMATS)}{hint}"
        )
    return found


def check_spreadsheet(format: Format, formats: Iterable[Format], *, wanted: bool) -> None:
    """Raise ArgumentError if a format for spreadsheets is wanted and this is another one."""
    if wanted and format.spreadsheet == "no":
        fitting = ", ".join(f.name for f in formats if f.spreadsheet != "no")
        raise ArgumentError(
            f"spreadsheet: expected one of the formats {fitting}, got {format.name}"
        )


def with_formats(function: _Function) -> _Function:
    """Fill the formats in where a docstring says `{formats}`."""
    found = re.search(r"^( *)\{formats\}", function.__doc__ or "", re.MULTILINE)
    if function.__doc__ and found:
        listed = described(FORMATS, found[1])
        function.__doc__ = function.__doc__.replace(found[0], listed)
    return function
