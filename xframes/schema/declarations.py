"""What a column and a table are: the rows every other part of xframes is derived from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from html import escape
from typing import Literal

import pyarrow as pa


class Type(Enum):
    """A column type: its Arrow type, and the name the data dictionary shows."""

    STR = "string"
    INT = "integer"
    FLOAT = "float"
    BOOL = "boolean"
    TIME = "timestamp"
    DATE = "date"
    STRS = "list of strings"
    JSON = "JSON text"

    __hash__ = object.__hash__  # members are singletons; Enum hashes names in Python, on every look-up

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of such a column."""
        return _ARROW[self]


_ARROW: dict[Type, pa.DataType] = {
    Type.STR: pa.string(),
    Type.INT: pa.int64(),
    Type.FLOAT: pa.float64(),
    Type.BOOL: pa.bool_(),
    Type.TIME: pa.timestamp("ms", tz="UTC"),
    Type.DATE: pa.date32(),
    Type.STRS: pa.list_(pa.string()),
    Type.JSON: pa.string(),
}
STR, INT, FLOAT, BOOL, TIME, DATE, STRS, JSON = Type

Words = Literal["both", "tweet", "post"]
Kind = Literal["entity", "detail", "relation", "measure", "operation"]

# What a column holds. Each module that treats people's data has one dict from these kinds to its
# treatments, and none that names a table or a column.
Holds = Literal[
    "id",  # names a thing; what `names` says
    "handle",  # of an account
    "name",  # that an account shows
    "words",  # the whole text of a post, a message or a profile: its writer's own
    "label",  # short text: a title, a tag, a choice, a description of a picture
    "link",  # where a link in a text leads
    "shown_link",  # a link as X shows it, cut
    "preview",  # what the page behind a link says of itself
    "file",  # the address of a picture, a video or a card
    "profile",  # says who somebody is: where they live, whom they belong to
    "location",  # where somebody was
    "query",  # a search query or rule, and its tag
    "request",  # what was asked of X: a path, arguments
    "report",  # what X or xframes says of a request
    "subject",  # whom or what a report is about
    "content",  # JSON without a published schema
    "fact",  # X's own public words: topics, places, apps
    "code",  # one of a few words of X's or ours; those known stand in `values`
    "secret",  # for the caller alone: an address, a token, a link to sign in with
    "public",  # a number that says nothing private
]
# Whom a table's rows concern, where that is not the people studied.
Private = Literal[
    "caller",  # what the caller keeps and prefers
    "account",  # the caller's account at X and what was done with it
    "messages",  # of the caller and whom they talk to
    "log",  # what was asked of X and what went wrong
    "removed",  # what was taken out of the archive
]
_PUBLIC = frozenset({Type.INT, Type.BOOL, Type.TIME, Type.DATE})  # unless `holds` says otherwise


@dataclass(frozen=True, slots=True)
class Col:
    """One column: its name, where it stands on the wire, its type and meaning.

    `path` is read from the object's root (from the array item in a detail table); alternatives are parted by `|`, the
    first that is present wins, so both of X's vocabularies fit in one row. A trailing `[n]` takes the n-th item of an
    array. An empty path marks a column that flattening fills from the page (its request, its time, the parent's id).
    `words` tells in which vocabulary X knows the field; `owner` marks what X shows only to the object's owner:
    asked for on request, and a null there never counts as knowledge. `loose` marks numbers X also sends as text.
    `renames` maps wire values to ours.

    What follows is what takedown, pseudonyms, references and selections know of a column.
    `names` is the table whose rows its ids name. `holds` is what else it holds: every text that is
    no such id says so, and every fraction, which may be a place. `of` is the column that says
    whose handle or name it is, or which link is shown. `within` is the text in which a number
    counts code points, of this table or of its parent; `edge` is the end of a piece it marks
    (`last`: its last code point). `values` are the known words of a code. `legacy` is where the
    value stands in API v1.1 and in account exports, if elsewhere.
    """

    name: str
    path: str
    type: Type
    doc: str
    words: Words = "both"
    owner: bool = False
    loose: bool = False
    renames: tuple[tuple[str, str], ...] = ()
    names: str | None = field(default=None, kw_only=True)
    holds: Holds | None = field(default=None, kw_only=True)
    of: str | None = field(default=None, kw_only=True)
    within: str | None = field(default=None, kw_only=True)
    edge: Literal["start", "end", "last"] = field(default="start", kw_only=True)
    values: tuple[str, ...] = field(default=(), kw_only=True)
    legacy: str | None = field(default=None, kw_only=True)

    @property
    def content(self) -> Holds | None:
        """What the column holds; None when a text or fraction does not declare it: it is not exported then."""
        if self.holds is not None:
            return self.holds
        if self.names is not None:
            return "id"
        return "public" if self.type in _PUBLIC else None

    @property
    def paths(self) -> tuple[str, ...]:
        """The wire paths, in order of preference."""
        return tuple(self.path.split("|")) if self.path else ()


@dataclass(frozen=True, slots=True)
class Source:
    """An array inside an object whose items are a detail table's rows.

    `const` fills one column for all of them. `legacy` is where the array stands in API v1.1.
    """

    path: str
    const: str | None = None
    legacy: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The wire paths of the array, in order of preference."""
        return tuple(self.path.split("|"))


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """One table: its columns, its key, and where its rows come from.

    `object` names the wire object whose fields the rows hold ("post", "user", ...; None for tables filled otherwise).
    Detail tables have a `parent`, the `sources` of their items, and in `const` the column a source's constant fills.
    `time` is the column a compacted table is sorted by before its key. Every table ends with the provenance columns
    `observed_at` and `page_id`; entities also carry `complete`.

    A row belongs to what its key names, and to what the column `owner` names: it goes when that
    is removed. Things of a table with a `carrier` belong to the posts that the carrier lists them
    with. `private` says whom the rows concern where that is not the people studied. `brings`: in
    an export of some posts, what these rows name comes, too.
    """

    name: str
    kind: Kind
    doc: str
    key: tuple[str, ...]
    body: tuple[Col, ...]
    object: str | None = None
    parent: str | None = None
    sources: tuple[Source, ...] = ()
    const: str | None = None
    time: str | None = None
    owner: str | None = field(default=None, kw_only=True)
    carrier: str | None = field(default=None, kw_only=True)
    private: Private | None = field(default=None, kw_only=True)
    brings: bool = field(default=False, kw_only=True)
    columns: tuple[Col, ...] = field(init=False)
    schema: pa.Schema = field(init=False)

    def __post_init__(self) -> None:
        columns = self.body + ((COMPLETE,) if self.kind == "entity" else ()) + PROVENANCE
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "schema", pa.schema([(c.name, c.type.arrow) for c in columns]))

    def __getitem__(self, column: str) -> Col:
        for col in self.columns:
            if col.name == column:
                return col
        raise KeyError(f"table {self.name} has no column {column!r}; it has {', '.join(c.name for c in self.columns)}")

    @property
    def parent_key(self) -> str:
        """The column of a detail table that names its parent, e.g. `post_id`."""
        return self.key[0]

    def _ipython_key_completions_(self) -> list[str]:
        return [c.name for c in self.columns]

    def __repr__(self) -> str:
        names = ", ".join(c.name for c in self.columns)
        return f"<Table {self.name} ({self.kind}): {self.doc} Key {', '.join(self.key)}; columns {names}>"

    def _repr_html_(self) -> str:
        """The declaration as a notebook shows it: one row per column, key columns in bold."""
        rows = [("<b>column</b>", "<b>type</b>", "<b>meaning</b>", "<b>on the wire</b>")]
        for c in self.columns:
            name = f"<b>{escape(c.name)}</b>" if c.name in self.key else escape(c.name)
            rows.append((name, escape(c.type.value), escape(c.doc), f"<code>{escape(c.path)}</code>" if c.path else ""))
        cells = ("".join(f"<td style='text-align:left'>{cell}</td>" for cell in row) for row in rows)
        title = f"<p><b>{escape(self.name)}</b> ({self.kind}): {escape(self.doc)}</p>"
        return f"<div>{title}<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table></div>"


COMPLETE = Col("complete", "", BOOL, "Whether the request asked for every field, so that a null means X had no value.")
PROVENANCE = (
    Col("observed_at", "", TIME, "When the page that says this was received."),
    Col("page_id", "", STR, "The page that says this (`pages`).", names="requests"),
)
