"""Source formats as declarations: how files of a tool are recognised, and what of them is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from xframes.reader.formats.readings import (
    APP,
    COUNT,
    FLAG,
    HANDLE,
    HANDLES,
    ID,
    IDS,
    JSON,
    LINKS,
    NUMBER,
    TAGS,
    TEXT,
    TIME,
    Reading,
)
from xframes.schema import TABLES, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xframes.reader.formats.file_objects import Converted, Notes, Objects

Family = Literal["exports", "v11", "flat", "scrapers", "streams"]
_REFERENCES = ("retweeted", "quoted", "replied_to")


@dataclass(frozen=True, slots=True)
class Key:
    """A column or key of a file, and the column of ours that it fills.

    Parameters
    ----------
    name
        The column's name, or the path of the key. `a|b` are alternatives; the first with a value
        is read.
    to
        `table.column`, e.g. `posts.like_count`; of a detail table, each item of a list fills a row.
        A table alone: the values are whole objects as the API v2 has them.
    read
        How the value is read.
    of
        Which object of the record it belongs to: empty for the record's own (and its author), or
        `retweeted`, `quoted`, `replied_to` for posts it refers to.
    item
        Keys with the same item fill one row of a detail table.
    """

    name: str
    to: str
    read: Reading = TEXT
    of: str = ""
    item: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The alternatives, in order of preference."""
        return tuple(self.name.split("|"))


_READS: dict[Type, Reading] = {
    Type.STR: TEXT, Type.INT: COUNT, Type.FLOAT: NUMBER, Type.BOOL: FLAG, Type.TIME: TIME,
    Type.DATE: TEXT, Type.STRS: IDS, Type.JSON: JSON,
}
_LISTS = {"post_hashtags": TAGS, "post_cashtags": TAGS, "post_mentions": HANDLES,
          "post_urls": LINKS}


def reading_of(to: str) -> Reading:
    """Return how the values of a column of ours are read, by its declaration."""
    table, _, column = to.partition(".")
    col = TABLES[table][column]
    if table in _LISTS:
        return _LISTS[table]
    if col.names in {"posts", "users"} and col.type is Type.STR:
        return ID
    if col.holds == "handle":
        return HANDLE
    return APP if column == "source" else _READS[col.type]


def keys_for(table: str, **columns: str) -> tuple[Key, ...]:
    """Return the keys for columns of a table that are read as their declaration says.

    Examples
    --------
    >>> keys_for("posts", id="tweet_id", like_count="favorite_count|favs")
    """
    targets = ((f"{table}.{column}", name) for column, name in columns.items())
    return tuple(Key(name, to, reading_of(to)) for to, name in targets)


@dataclass(frozen=True)
class Shape:
    """The keys of one kind of record.

    Parameters
    ----------
    kind
        The wire object that a record becomes, e.g. "post".
    keys
        What is read.
    inner
        Records inside the record: name, their shape, and whose they are (`author`, `quoted`, …).
    left_out
        Names that are left out on purpose; `*` matches any text.
    used
        Names that `prepare` reads.
    samples
        Values of such names, which the tests read back.
    prepare
        Returns the record with what its keys alone do not say.
    finish
        Completes the objects of a record.
    """

    kind: str
    keys: tuple[Key, ...]
    inner: tuple[Inner, ...] = ()
    left_out: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    samples: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    finish: Callable[[Mapping[str, Any], Objects], None] | None = None

    @cached_property
    def names(self) -> tuple[tuple[Key, tuple[str, ...]], ...]:
        """The keys that are read, each with its alternatives."""
        return tuple((key, key.names) for key in self.keys)

    @cached_property
    def known(self) -> frozenset[str]:
        """All names that are read, and the beginnings of their paths."""
        names = {name for key in self.keys for name in key.names} | set(self.used)
        names |= {inner.name for inner in self.inner}
        return frozenset(names)

    @cached_property
    def above(self) -> frozenset[str]:
        """The paths of objects that hold a key that is read or left out."""
        paths = set()
        for name in (*self.known, *self.left_out):
            parts = name.split(".")
            paths |= {".".join(parts[:length]) for length in range(1, len(parts))}
        return frozenset(paths)

    @cached_property
    def _left_out(self) -> re.Pattern[str]:
        escaped = (re.escape(name).replace(r"\*", ".*") for name in self.left_out)
        return re.compile("|".join(escaped) or r"(?!)", re.IGNORECASE)

    def leaves_out(self, name: str) -> bool:
        """Whether a name is left out on purpose."""
        return self._left_out.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Inner:
    """A record inside a record."""

    name: str
    shape: Callable[[], Shape]
    of: str


@dataclass(frozen=True)
class Format:
    """One format of files.

    Parameters
    ----------
    name
        Its name, such as `twarc1-csv`.
    tool
        The program that writes it.
    version
        Its versions, where they write other files; empty for all.
    family
        exports, v11, flat, scrapers or streams.
    form
        "table" (CSV, TSV), "json", or "js": a file of an account's export, by its name in it.
    shape
        What a record holds. None: the format is recognised and refused.
    certain
        Sets of columns or keys; a file with all of one set has this format.
        `key=value` also compares the value.
    cannot_say
        What the format does not have.
    way_out
        How to get the data of a refused format into an archive.
    records
        Returns the records of a document that holds records of other formats.
    observed
        Keys with the time of collection.
    choice
        The word of `include` without which the format is left out.
    label
        What its records are, in the plural.
    fits
        Whether a document has this format, where keys alone do not decide.
    convert
        Reads a document that is more than records of one shape.
    tables
        Tables that `convert` fills.
    """

    name: str
    tool: str
    family: Family
    form: Literal["table", "json", "js"]
    shape: Shape | None = None
    certain: tuple[tuple[str, ...], ...] = ()
    cannot_say: str = ""
    way_out: str = ""
    observed: tuple[str, ...] = ()
    choice: str = ""
    label: str = "posts"
    fits: Callable[[Mapping[str, Any]], bool] | None = None
    convert: Callable[[Mapping[str, Any], Notes], list[Converted]] | None = None
    tables: tuple[str, ...] = ()
    version: str = ""
    records: Callable[[Mapping[str, Any]], list[dict[str, Any]] | None] | None = None

    @property
    def source(self) -> str:
        """The program with its versions, as the documentation names it."""
        if not self.version:
            return self.tool
        return f"{self.tool}, {self.version}"

    @property
    def is_read(self) -> bool:
        """Whether files of the format are read; else they are recognised and refused."""
        if self.form == "js" or self.name in {"twarc-csv", "xframes"}:
            return True
        return any(way is not None for way in (self.shape, self.convert, self.records))

    @property
    def fills(self) -> tuple[str, ...]:
        """The tables that the format fills, in the order of the schema."""
        names = set(self.tables)
        waiting, seen = [self.shape], set[int]()
        while waiting:
            shape = waiting.pop()
            if shape is None or id(shape) in seen:
                continue
            seen.add(id(shape))
            names |= {key.to.split(".")[0] for key in shape.keys}
            if any(key.of in _REFERENCES for key in shape.keys):
                names.add("post_references")
            waiting += [inner.shape() for inner in shape.inner]
        return tuple(name for name in TABLES if name in names)
