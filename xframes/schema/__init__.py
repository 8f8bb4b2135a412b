"""The tables and columns of xframes: the one place where a column is declared.

The requested fields and expansions, the decoder, the Arrow schemas, the data dictionary and the
contract tests are derived from these declarations. A new field of X needs one new `Col`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from xframes.schema import words
from xframes.schema.declarations import Col, Source, Table, Type
from xframes.schema.measure_tables import (
    COUNTS,
    CREDIT_GRANTS,
    CREDITS,
    MEDIA_ANALYTICS,
    OF_FILES,
    PERSONALIZED_TRENDS,
    POST_ANALYTICS,
    RULE_COUNTS,
    TRENDS,
    USAGE,
    USAGE_DAILY,
)
from xframes.schema.object_tables import (
    BOOKMARK_FOLDERS,
    BROADCAST_MESSAGES,
    BROADCASTS,
    COMMUNITIES,
    LISTS,
    MEDIA,
    MEDIA_VARIANTS,
    MESSAGE_DETAILS,
    MESSAGES,
    NEWS,
    NEWS_POSTS,
    NOTES,
    PLACES,
    POLL_OPTIONS,
    POLLS,
    SCHEDULED_BROADCASTS,
    SPACE_PEOPLE,
    SPACES,
    STREAM_LIKES,
    TOPICS,
)
from xframes.schema.operation_tables import (
    COMPLIANCE_EVENTS,
    COMPLIANCE_JOBS,
    CONNECTIONS,
    MATCHES,
    MEDIA_UPLOADS,
    PROBLEMS,
    REMOVALS,
    REQUESTS,
    RUNS,
    SAMPLE_WINDOWS,
    SAMPLES,
    STREAM_RULES,
    TOMBSTONES,
    WRITES,
)
from xframes.schema.post_tables import POST_DETAILS, POST_METRICS, POSTS, RESULTS
from xframes.schema.relation_tables import RELATIONS
from xframes.schema.user_tables import USER_DETAILS, USER_METRICS, USERS
from xframes.schema.words import (
    COMPANIONS,
    EXPANSIONS,
    FIELDS_PARAM,
    MOST_INCLUDED,
    Vocabulary,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = [
    "COMPANIONS", "EXPANSIONS", "FIELDS_PARAM", "LEFT_OUT", "MOST_INCLUDED", "STORED", "TABLES",
    "Col", "Source", "Table", "Type", "Vocabulary", "dictionary", "fields", "fields_param",
    "is_complete", "table", "tables_of",
]


def __dir__() -> list[str]:
    return list(__all__)


TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        RESULTS, POSTS, USERS, MEDIA, PLACES, POLLS, POLL_OPTIONS, SPACES, TOPICS, LISTS, MESSAGES,
        COMMUNITIES, NEWS, BOOKMARK_FOLDERS, NOTES, BROADCASTS, SCHEDULED_BROADCASTS,
        BROADCAST_MESSAGES, STREAM_LIKES, *POST_DETAILS, MEDIA_VARIANTS, *USER_DETAILS,
        SPACE_PEOPLE, *MESSAGE_DETAILS, NEWS_POSTS, *RELATIONS, POST_METRICS, USER_METRICS,
        COUNTS, POST_ANALYTICS, MEDIA_ANALYTICS, USAGE, USAGE_DAILY, CREDITS,
        CREDIT_GRANTS, RULE_COUNTS, TRENDS,
        PERSONALIZED_TRENDS, *OF_FILES, MATCHES, SAMPLES, SAMPLE_WINDOWS, STREAM_RULES,
        CONNECTIONS, COMPLIANCE_JOBS, COMPLIANCE_EVENTS, REMOVALS, TOMBSTONES,
        MEDIA_UPLOADS, WRITES, PROBLEMS, REQUESTS, RUNS,
    )
}

# Those with rows of their own; views are derived from them by queries.
STORED: dict[str, Table] = {name: t for name, t in TABLES.items() if t.kind != "view"}

# Fields in X's specification without a column, by object and path, with the reason.
LEFT_OUT: dict[tuple[str, str], str] = {
    ("post", "note_tweet.entities.urls.images"): "entities.urls has the same images",
    ("user", "entities.description.annotations"): "X no longer sends annotations",
    ("space", "topics"): "objects of 2.159; they become rows of `topics` and ids in `topic_ids`",
}

def table(name: str) -> Table:
    """Return the declaration of a table: its key, columns and their meanings.

    Parameters
    ----------
    name
        The name of a table, e.g. `posts`.

    Returns
    -------
    Table
        A notebook shows it as a list of its columns.

    Raises
    ------
    KeyError
        For an unknown name. The message lists the tables.

    Examples
    --------
    >>> xf.schema.table("posts").key
    ('id',)
    """
    try:
        return TABLES[name]
    except KeyError:
        raise KeyError(f"unknown table {name!r}; the tables are: {', '.join(TABLES)}") from None


@cache
def tables_of(object_: str) -> tuple[Table, ...]:
    """Return the tables whose rows are read from a kind of wire object, e.g. "post"."""
    return tuple(t for t in TABLES.values() if t.object == object_)


@cache
def fields(
    object_: str, vocabulary: Vocabulary = "tweet", *, owner: bool = False
) -> tuple[str, ...]:
    """Return the values of the object's `*.fields` parameter, sorted.

    Parameters
    ----------
    object_
        A kind of wire object, e.g. "post".
    vocabulary
        "tweet" or "post": X's old or new names of fields.
    owner
        Also include the fields that X shows only to the object's owner.

    Returns
    -------
    tuple
        Names of fields.

    Examples
    --------
    >>> xf.schema.fields("poll")
    ('duration_minutes', 'end_datetime', 'id', 'options', 'voting_status')
    """
    names = _root_names(object_, vocabulary).items()
    return tuple(sorted(name for name, private in names if owner or not private))


@cache
def _root_names(object_: str, vocabulary: Vocabulary) -> dict[str, bool]:
    """First parts of the object's wire paths → whether only the owner sees all of its columns."""
    other, excluded = "post", set(words.RENAMES.values())
    if vocabulary == "post":
        other, excluded = "tweet", {*words.RENAMES, *words.EXPANSION_ONLY.get(object_, ())}
    excluded |= set(words.NOT_REQUESTED[vocabulary].get(object_, ()))
    names = dict.fromkeys(words.ALSO_REQUESTED[vocabulary].get(object_, ()), False)
    for t in tables_of(object_):
        sources: list[tuple[Source | Col, bool]] = [(source, False) for source in t.sources]
        if not sources:
            sources = [(col, col.owner) for col in t.body if col.words != other]
        for source, private in sources:
            for path in source.paths:
                name = path.split(".")[0].split("[")[0]
                if name not in excluded:
                    names[name] = names.get(name, True) and private
    return names


def fields_param(object_: str, vocabulary: Vocabulary) -> str:
    """Return the query parameter for the object's fields, e.g. `tweet.fields`."""
    if object_ == "post" and vocabulary == "post":
        return "post.fields"
    return FIELDS_PARAM[object_]


@cache
def _added(object_: str) -> frozenset[str]:
    """The object's fields that X added when archives had requests of all fields."""
    columns = (col for t in tables_of(object_) for col in t.body if col.since)
    return frozenset(path.split(".")[0] for col in columns for path in col.paths)


def is_complete(object_: str, params: Mapping[str, str]) -> bool:
    """Whether query parameters request every field of the object that every request could.

    Fields of its owner, and those that X has added since (`Col.since`), may be left out.
    """
    for vocabulary in ("tweet", "post"):
        requested = set(params.get(fields_param(object_, vocabulary), "").split(","))
        needed = set(fields(object_, vocabulary)) - _added(object_)
        if requested.issuperset(needed) and len(requested) > 1:
            if vocabulary == "tweet":
                return True
            expansions = set(params.get("expansions", "").split(","))
            return expansions.issuperset(words.EXPANSION_ONLY.get(object_, ()))
    return False


def dictionary(tables: Iterable[str] | None = None) -> pd.DataFrame:
    """Return the data dictionary.

    Parameters
    ----------
    tables
        Names of tables. Default: all.

    Returns
    -------
    DataFrame
        One row per column, in table order: `table`, `column`, `type`, `key` (whether it is part of
        the table's key), `wire_path`, `meaning`.

    Raises
    ------
    KeyError
        For an unknown table.

    Examples
    --------
    >>> xf.schema.dictionary(["posts", "users"])
    """
    import pandas as pd

    if tables is None:
        tables = TABLES
    rows = []
    for t in map(table, tables):
        rows += [(t.name, c.name, c.type.value, c.name in t.key, c.path, c.doc) for c in t.columns]
    columns = ["table", "column", "type", "key", "wire_path", "meaning"]
    return pd.DataFrame(rows, columns=columns)
