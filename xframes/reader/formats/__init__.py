"""The source formats of files, each declared once: recognised, converted, documented by it."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import (
    convert_records,
    include,
    joined,
    read_record,
    value_at,
)
from xframes.reader.formats.exports import (
    account_files,
    analytics_tables,
    community_notes,
    old_exports,
)
from xframes.reader.formats.file_objects import Converted, Notes
from xframes.reader.formats.flat import (
    capture_tables,
    nested_tables,
    own_tables,
    plain_tables,
    research_tables,
    twarc_tables,
    wire_tables,
)
from xframes.reader.formats.flat.own_tables import pages as own_pages
from xframes.reader.formats.flat.own_tables import table_of as own_table
from xframes.reader.formats.flat.record_holders import HOLDER, records_in
from xframes.reader.formats.flat.wire_tables import WIRE
from xframes.reader.formats.readings import as_time, is_nothing
from xframes.reader.formats.scrapers import apify, fourcat_objects, graphql, snscrape, twint
from xframes.reader.formats.source_format import Format
from xframes.reader.formats.streams import activities
from xframes.reader.formats.v11 import answers
from xframes.schema.leaves import leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = [
    "ID_LISTS", "WIRE", "Converted", "Format", "Notes", "convert", "export_format", "format_of",
    "formats", "include", "is_unrelated",
    "own_pages", "own_table", "read_export", "row_converter", "table_format", "table_refusal",
]

ID_LISTS = "a list of ids: `xframes hydrate` fetches the posts, `xframes users lookup` the users"
_LONG_ID = 15  # digits of X's ids since 2010
_OBJECTS_OF_V2 = ("public_metrics", "entities", "author", "edit_controls", "attachments")
_OF_OTHERS = frozenset({  # than lists with a name, and of lists alone
    "username", "text", "owner_id", "member_count", "follower_count", "private", "full_name",
    "public_metrics", "created_at", "media_key", "description", "place_type", "screen_name",
})
_INLINE = frozenset({
    "author", "in_reply_to_user", "pinned_tweet", "matching_rules", "__twarc", "__redacted", "type",
    "media", "users", "tweets", "places", "polls", "errors", "meta", "includes", "data",
})


@cache
def formats() -> tuple[Format, ...]:
    """Return all formats, in the order in which files are compared with them."""
    return (
        *account_files.FORMATS, *old_exports.FORMATS, *analytics_tables.FORMATS,
        *community_notes.FORMATS,
        *snscrape.FORMATS, *twint.FORMATS, *apify.FORMATS, *graphql.FORMATS,
        *fourcat_objects.FORMATS, *activities.FORMATS,
        *answers.FORMATS,
        *twarc_tables.FORMATS, *capture_tables.FORMATS, *research_tables.FORMATS,
        *nested_tables.FORMATS,
        *plain_tables.FORMATS, own_tables.PACKAGE, own_tables.OWN, WIRE,
        plain_tables.POSTS, plain_tables.USERS, plain_tables.OBJECTS, HOLDER,
    )


@cache
def _of_form(form: str) -> tuple[Format, ...]:
    return tuple(each for each in formats() if each.form == form)


# objects of JSON ----------------------------------------------------------------------------------


def format_of(
    document: Mapping[str, Any], mapping: Mapping[str, str] | None = None
) -> Format | None:
    """Return the format of a document of JSON, or None if it is unknown or X's own (v2)."""
    if mapping and document.keys() & mapping.keys():
        return plain_tables.adapted(plain_tables.mapped(mapping), document)
    for each in _of_form("json"):
        if each.fits is not None and each.fits(document):
            return each
        if any(_has(document, mark) for mark in each.certain):
            return each
    if "id" in document and _is_of_v2(document):
        return None
    own = plain_tables.adapted(plain_tables.OBJECTS, document)
    assert own.shape is not None
    if plain_tables.fits(own.shape, document, [document]):
        return own
    return HOLDER if records_in(document) is not None else None


def is_unrelated(document: Mapping[str, Any]) -> bool:
    """Whether an object has an id and a text, and nothing else that X's objects have.

    Also an id, a name and what lists of X do not have.
    """
    if {"id", "name"} <= document.keys() and not _OF_OTHERS & document.keys():
        return bool(document.keys() - leaves("list").fields.keys() - _INLINE)
    others = document.keys() - {"id", "text"}
    if not {"id", "text"} <= document.keys() or not others or len(str(document["id"])) >= _LONG_ID:
        return False
    known = leaves("post").fields.keys() | leaves("dm").fields.keys() | _INLINE
    return not others & known and not any(name.startswith("__") for name in others)


def _is_of_v2(document: Mapping[str, Any]) -> bool:
    """Whether a bare object has no keys that only other tools use."""
    if any(isinstance(document.get(name), dict) for name in _OBJECTS_OF_V2):
        return True
    others = document.keys() - leaves("post").fields.keys() - leaves("user").fields.keys() - _INLINE
    return not plain_tables.has_names(others)


def _has(document: Mapping[str, Any], mark: tuple[str, ...]) -> bool:
    for name in mark:
        path, equals, value = name.partition("=")
        if equals:
            if str(value_at(document, path)) != value:
                return False
        elif path not in document and value_at(document, path) is None:
            return False
    return True


def convert(document: Mapping[str, Any], format_: Format, notes: Notes) -> list[Converted]:
    """Return the pages of a document of that format."""
    if format_.records is not None:
        records = format_.records(document) or ()
        return [page for record in records for page in _of_record(record, notes)]
    if format_.convert is not None:
        return format_.convert(document, notes)
    assert format_.shape is not None
    pages = convert_records(format_.shape, [document], notes)
    if format_.observed:
        pages[0].observed_at = _observed(format_, document)
    return pages


def _of_record(record: Mapping[str, Any], notes: Notes) -> list[Converted]:
    """Return the pages of a record in a document of records."""
    format_ = format_of(record, notes.mapping)
    if format_ is None and (is_unrelated(record) or not {"id", "text"} <= record.keys()):
        names = ", ".join(sorted(map(str, record)))[:200]
        notes.add_record(f"an object with {names}, which is not known as a post (see --map)")
        return []
    if format_ is None:
        return [Converted({"data": [dict(record)]}, "post")]
    if not format_.is_read or format_.records is not None:
        notes.refuse(format_.name, f"{format_.tool} are not read; {format_.way_out}")
        return []
    return convert(record, format_, notes)


def _observed(format_: Format, record: Mapping[str, Any]) -> Any:
    for name in format_.observed:
        value = value_at(record, name)
        if not is_nothing(value):
            try:
                return as_time(value)
            except (ValueError, TypeError, OverflowError):
                continue
    return None


# tables -------------------------------------------------------------------------------------------


def table_format(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]],
    mapping: Mapping[str, str] | None = None,
) -> Format | None:
    """Return the format of a table by its columns and first rows; None if it is unknown."""
    names = set(columns)
    if mapping and names & mapping.keys():
        return plain_tables.adapted(plain_tables.mapped(mapping), columns)
    for each in _of_form("table"):
        if any(names.issuperset(mark) for mark in each.certain):
            return each
    if wire_tables.kind_of(list(columns)) is not None:
        return WIRE
    for each in (plain_tables.POSTS, plain_tables.USERS):
        own = plain_tables.adapted(each, columns)
        assert own.shape is not None
        if plain_tables.fits(own.shape, columns, rows):
            return own
    return None


def table_refusal(file: str, columns: Sequence[str], format_: Format | None) -> str:
    """Return why a table is not read, and what can be done."""
    if format_ is not None:
        return f"{file}: {format_.tool} are not read; {format_.way_out}"
    shown = ", ".join(columns)[:200]
    has_ids, has_texts = plain_tables.first_names(columns)
    if len(columns) == 1 and has_ids:
        return f"{file}: only ids of posts ({shown}). `xframes hydrate` fetches the posts"
    if has_texts and not has_ids:
        return (
            f"{file}: a table of posts needs a column with their ids, got the columns: {shown}. "
            "Name it with --map, e.g. `--map my_id=id`"
        )
    return (
        f"{file}: expected a table of posts, with the columns `id` and `text` and more of X's, got "
        f"the columns: {shown}. Name them with --map, e.g. `--map my_id=id,my_text=text`"
    )


def row_converter(
    format_: Format, columns: Sequence[str], sample: Sequence[dict[str, Any]], notes: Notes
) -> Callable[[dict[str, Any]], list[Converted]]:
    """Return the function that converts the rows of a table."""
    if format_ is WIRE:
        kind = wire_tables.kind_of(list(columns)) or "post"
        cells = wire_tables.Cells(list(sample), kind, notes)
        return lambda row: [Converted(cells.object(row), "")]
    if format_.convert is not None:
        read = format_.convert
        return lambda row: read(row, notes)
    return partial(_row, format_, notes)


def _row(format_: Format, notes: Notes, row: dict[str, Any]) -> list[Converted]:
    shape = format_.shape
    assert shape is not None
    if all(is_nothing(cell) for cell in row.values()):
        return []
    objects = read_record(shape, row, notes)
    page = joined([objects], shape.kind, notes)
    return [Converted(page, shape.kind, observed_at=_observed(format_, row))]


# files of exports ---------------------------------------------------------------------------------


def export_format(kind: str) -> Format | None:
    """Return the format of a file of an account's export, by its kind; None if it is not read."""
    name, _, month = kind.partition(".")
    if name == "grailbird" and month.startswith("tweets_"):
        return old_exports.FORMATS[0]
    for each in account_files.FORMATS:
        if (kind,) in each.certain:
            return each
    return None


def read_export(
    format_: Format, items: list[Any], export: account_files.Export, notes: Notes
) -> Iterator[Converted]:
    """Return the pages of a file of an account's export."""
    read: Iterator[Converted] = account_files.READ[format_.name](items, export, notes)
    return read
