"""Column and table: the declarations from which other parts of xframes are derived."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from html import escape
from typing import Literal

import pyarrow as pa


class Type(Enum):
    """A column type: its Arrow type, and its name in the data dictionary."""

    STR = "string"
    INT = "integer"
    FLOAT = "float"
    BOOL = "boolean"
    TIME = "timestamp"
    DATE = "date"
    STRS = "list of strings"
    JSON = "JSON text"

    __hash__ = object.__hash__  # faster than Enum's, which hashes the name in Python code

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of the column."""
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
Kind = Literal["entity", "detail", "relation", "measure", "operation", "view"]

# The kinds of content of columns. Each module that handles people's data has one dict from these
# kinds to what it does with them, and none that names a table or a column.
Holds = Literal[
    "id",  # an id; `names` says of which table
    "handle",  # of an account
    "name",  # that an account shows
    "words",  # the whole text of a post, a message or a profile, by its author
    "label",  # short text: a title, a tag, a choice, a description of a picture
    "link",  # where a link in a text leads
    "shown_link",  # a link as X shows it, truncated
    "preview",  # title, description or picture of a linked page
    "file",  # the address of a picture, a video or a card
    "profile",  # about a person: where they live, which organisation they belong to
    "location",  # where a person was
    "query",  # a search query or rule, and its tag
    "request",  # the path or arguments of a request
    "report",  # what X or xframes reports about a request
    "subject",  # the person or thing that a report is about
    "content",  # JSON without a published schema, and texts in it
    "fact",  # X's own public words: topics, places, apps
    "code",  # one of a few words of X or xframes; `values` has the known ones
    "secret",  # only for the account that collected: an address, a token, a link to log in
    "public",  # a number that is not private
]
# The subject of a table whose rows are not about the people studied.
Private = Literal[
    "caller",  # bookmarks, blocks and preferences of the account that collected
    "account",  # the X account that collected, and what was done with it
    "messages",  # direct messages of that account
    "log",  # requests and errors
    "removed",  # what was removed from the archive or must be
    "published",  # public files of X, whose ids lead back to the posts
]
_PUBLIC = frozenset({Type.INT, Type.BOOL, Type.TIME, Type.DATE})  # unless `holds` says otherwise


@dataclass(frozen=True, slots=True)
class Col:
    """One column: its name, its path on the wire, its type and meaning.

    Parameters
    ----------
    name
        The name of the column.
    path
        Path from the object's root (in a detail table, from the array item). `a|b` are
        alternatives, of which the first present one is read, e.g. X's old and new names. `a[n]` is
        item n of an array. `a/b` is the text b inside JSON without a published schema, and `a/`
        that JSON if it is a text itself. Empty: flattening fills the column from the page.
    type
        The type of the column.
    doc
        The meaning, a sentence for the data dictionary.
    words
        The vocabulary in which X has the field.
    owner
        X shows the field only to the object's owner. It is requested only on demand, and a null in
        it never replaces a value.
    since
        The version of X's specification that added the field, if archives have requests of all
        fields from before. Rows can be complete without it, so a null in it never replaces a value.
    loose
        X also sends the number as text.
    renames
        Pairs of a value on the wire and the value in the column.
    names
        The table whose ids the column has.
    holds
        The kind of content. Needed for every text that is not an id and for every float, which
        might be a location.
    of
        The column with the id of the person whose handle, name or words this is, or the link that
        this column shows. Words are the row owner's without it.
    within
        The text, in this table or its parent, in which this number is a position.
    edge
        The end of the piece of text at that position (`last`: its last code point).
    values
        The known values of a code.
    legacy
        The path in API v1.1 and in account exports, if it differs.
    merge
        Which value holds if observations differ: the `newest` known one, or for `any` true once
        one of them was true.
    never_null
        Flattening fills it in every row, so a null is from an archive of an earlier version.
    """

    name: str
    path: str
    type: Type
    doc: str
    words: Words = "both"
    owner: bool = False
    loose: bool = False
    renames: tuple[tuple[str, str], ...] = ()
    since: str | None = field(default=None, kw_only=True)
    names: str | None = field(default=None, kw_only=True)
    holds: Holds | None = field(default=None, kw_only=True)
    of: str | None = field(default=None, kw_only=True)
    within: str | None = field(default=None, kw_only=True)
    edge: Literal["start", "end", "last"] = field(default="start", kw_only=True)
    values: tuple[str, ...] = field(default=(), kw_only=True)
    legacy: str | None = field(default=None, kw_only=True)
    merge: Literal["newest", "any"] = field(default="newest", kw_only=True)
    never_null: bool = field(default=False, kw_only=True)

    @property
    def null_is_known(self) -> bool:
        """Whether a null in a complete row says that there is no value."""
        return not self.owner and self.since is None

    @property
    def content(self) -> Holds | None:
        """The kind of content; None if it is not declared, and then the column is not exported."""
        if self.holds is not None:
            return self.holds
        if self.names is not None:
            return "id"
        if self.type in _PUBLIC:
            return "public"
        return None

    @property
    def paths(self) -> tuple[str, ...]:
        """The wire paths, in order of preference, without what is inside JSON."""
        return tuple(dict.fromkeys(path.partition("/")[0] for path in self.alternatives))

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The alternatives of the path."""
        if not self.path:
            return ()
        return tuple(self.path.split("|"))


@dataclass(frozen=True, slots=True)
class Source:
    """An array inside an object whose items are the rows of a detail table.

    Parameters
    ----------
    path
        The path of the array; `a|b` are alternatives.
    const
        A value for one column of all these rows.
    legacy
        The path of the array in API v1.1.
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
    """One table: its columns, its key, and the origin of its rows.

    The last columns of every table are `observed_at` and `page_id`; entities also have `complete`.

    Parameters
    ----------
    name
        The name of the table.
    kind
        entity, detail, relation, measure, operation, or view: derived from the others by a query.
    doc
        The meaning of its rows, a sentence.
    key
        The columns that identify a row. A row is removed with the post or user that a key names.
    body
        The columns, without those that every table has.
    object
        The wire object that the rows are read from, e.g. "post". None: filled in another way.
    parent
        The table to which a detail table belongs.
    sources
        The arrays with the rows of a detail table.
    const
        The column that `Source.const` fills.
    time
        The column by which compacted files are sorted first.
    owner
        The column with the user or post that the row also belongs to, and is removed with.
    carrier
        The detail table that lists rows of this table for a post; they belong to these posts.
    private
        The subject of the rows, if it is not the people studied.
    brings
        In an export of some posts, rows that these rows refer to are also exported.
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
        columns = self.body
        if self.kind == "entity":
            columns += (COMPLETE,)
        columns += PROVENANCE
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "schema", pa.schema([(c.name, c.type.arrow) for c in columns]))

    def __getitem__(self, column: str) -> Col:
        for col in self.columns:
            if col.name == column:
                return col
        names = ", ".join(c.name for c in self.columns)
        raise KeyError(f"table {self.name} has no column {column!r}; its columns are: {names}")

    @property
    def merges(self) -> bool:
        """Whether the newest known value of each column is used, not the newest row."""
        if self.kind == "measure":
            return "observed_at" not in self.key
        return self.kind == "entity"

    @property
    def parent_key(self) -> str:
        """The column of a detail table with the id of its parent, e.g. `post_id`."""
        return self.key[0]

    def _ipython_key_completions_(self) -> list[str]:
        return [c.name for c in self.columns]

    def __repr__(self) -> str:
        names = ", ".join(c.name for c in self.columns)
        key = ", ".join(self.key)
        return f"<Table {self.name} ({self.kind}): {self.doc} Key: {key}; columns {names}>"

    def _repr_html_(self) -> str:
        """Show one row per column, with key columns in bold."""
        rows = [("<b>column</b>", "<b>type</b>", "<b>meaning</b>", "<b>wire path</b>")]
        for c in self.columns:
            name, path = escape(c.name), ""
            if c.name in self.key:
                name = f"<b>{name}</b>"
            if c.path:
                path = f"<code>{escape(c.path)}</code>"
            rows.append((name, escape(c.type.value), escape(c.doc), path))
        html = ""
        for row in rows:
            cells = "".join(f"<td style='text-align:left'>{cell}</td>" for cell in row)
            html += f"<tr>{cells}</tr>"
        title = f"<p><b>{escape(self.name)}</b> ({self.kind}): {escape(self.doc)}</p>"
        return f"<div>{title}<table>{html}</table></div>"


COMPLETE = Col(
    "complete", "", BOOL,
    "Whether every field was requested, so that a null means that X has no value.",
)
PROVENANCE = (
    Col("observed_at", "", TIME, "When the page with this row was received."),
    Col("page_id", "", STR, "The page with this row (`requests`).", names="requests"),
)
