"""The tables and columns of xframes: the one place where a column is declared.

From these declarations follow the fields and expansions asked of X, the decoder, the Arrow schemas, the data dictionary
and the contract tests. Adding a field X invented is one `Col`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from xframes.schema import words
from xframes.schema.declarations import Col, Source, Table, Type
from xframes.schema.measure_tables import (
    COUNTS,
    MEDIA_ANALYTICS,
    PERSONALIZED_TRENDS,
    POST_ANALYTICS,
    TRENDS,
    USAGE,
    USAGE_DAILY,
)
from xframes.schema.object_tables import (
    BOOKMARK_FOLDERS,
    COMMUNITIES,
    LISTS,
    MEDIA,
    MEDIA_VARIANTS,
    MESSAGE_DETAILS,
    MESSAGES,
    NEWS,
    NEWS_POSTS,
    PLACES,
    POLL_OPTIONS,
    POLLS,
    SPACE_PEOPLE,
    SPACES,
    TOPICS,
)
from xframes.schema.operation_tables import (
    COMPLIANCE_JOBS,
    MATCHES,
    MEDIA_UPLOADS,
    PROBLEMS,
    REMOVALS,
    REQUESTS,
    RUNS,
    STREAM_RULES,
    TOMBSTONES,
    WRITES,
)
from xframes.schema.post_tables import POST_DETAILS, POST_METRICS, POSTS
from xframes.schema.relation_tables import RELATIONS
from xframes.schema.user_tables import USER_DETAILS, USER_METRICS, USERS
from xframes.schema.words import COMPANIONS, EXPANSIONS, FIELDS_PARAM, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

__all__ = [
    "COMPANIONS", "EXPANSIONS", "FIELDS_PARAM", "LEFT_OUT", "TABLES", "Col", "Source", "Table", "Type", "Vocabulary",
    "dictionary", "fields", "fields_param", "is_complete", "table", "tables_of",
]


def __dir__() -> list[str]:
    return list(__all__)


TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        POSTS, USERS, MEDIA, PLACES, POLLS, POLL_OPTIONS, SPACES, TOPICS, LISTS, MESSAGES,
        COMMUNITIES, NEWS, BOOKMARK_FOLDERS, *POST_DETAILS, MEDIA_VARIANTS, *USER_DETAILS,
        SPACE_PEOPLE, *MESSAGE_DETAILS, NEWS_POSTS, *RELATIONS, POST_METRICS, USER_METRICS,
        COUNTS, POST_ANALYTICS, MEDIA_ANALYTICS, USAGE, USAGE_DAILY, TRENDS,
        PERSONALIZED_TRENDS, MATCHES, STREAM_RULES, COMPLIANCE_JOBS, REMOVALS, TOMBSTONES,
        MEDIA_UPLOADS, WRITES, PROBLEMS, REQUESTS, RUNS,
    )
}

# Wire fields X publishes that no column holds, with the reason. Paths are (object, field path).
LEFT_OUT: dict[tuple[str, str], str] = {
    ("post", "note_tweet.entities.urls.images"): "the same images stand in entities.urls; read from there when no note",
    ("user", "entities.description.annotations"): "X stopped sending annotations and never sent these",
    ("space", "topics"): "objects of 2.159; they become rows of `topics` and ids in `topic_ids`",
}

def table(name: str) -> Table:
    """The declaration of one table. Raises KeyError naming the tables there are."""
    try:
        return TABLES[name]
    except KeyError:
        raise KeyError(f"there is no table {name!r}; the tables are: {', '.join(TABLES)}") from None


@cache
def tables_of(object_: str) -> tuple[Table, ...]:
    """The tables whose rows are read from objects of that kind."""
    return tuple(t for t in TABLES.values() if t.object == object_)


@cache
def fields(object_: str, vocabulary: Vocabulary = "tweet", *, owner: bool = False) -> tuple[str, ...]:
    """The names the object's `*.fields` parameter takes, sorted; with `owner`, also what only its owner may see."""
    return tuple(sorted(name for name, private in _roots(object_, vocabulary).items() if owner or not private))


@cache
def _roots(object_: str, vocabulary: Vocabulary) -> dict[str, bool]:
    """First segments of the object's wire paths in one vocabulary → whether all its columns are the owner's."""
    other = "post" if vocabulary == "tweet" else "tweet"
    foreign = set(words.RENAMES.values() if vocabulary == "tweet" else words.RENAMES)
    if vocabulary == "post":
        foreign |= set(words.EXPANSION_ONLY.get(object_, ()))
    foreign |= set(words.NOT_ASKED[vocabulary].get(object_, ()))
    found = dict.fromkeys(words.ALSO_ASKED[vocabulary].get(object_, ()), False)
    for t in tables_of(object_):
        if t.sources:
            paths = [(path, False) for source in t.sources for path in source.paths]
        else:
            paths = [(path, col.owner) for col in t.body if col.words != other for path in col.paths]
        for path, private in paths:
            root = path.split(".")[0].split("[")[0]
            if root not in foreign:
                found[root] = found.get(root, True) and private
    return found


def fields_param(object_: str, vocabulary: Vocabulary) -> str:
    """The query parameter that asks for the object's fields, e.g. `tweet.fields` or `post.fields`."""
    name = FIELDS_PARAM[object_]
    return "post.fields" if object_ == "post" and vocabulary == "post" else name


def is_complete(object_: str, params: Mapping[str, str]) -> bool:
    """Whether a request with these query parameters asked for every field of the object (the owner's aside)."""
    for vocabulary in ("tweet", "post"):
        asked = set(params.get(fields_param(object_, vocabulary), "").split(","))
        if asked.issuperset(fields(object_, vocabulary)) and len(asked) > 1:
            needed = words.EXPANSION_ONLY.get(object_, ()) if vocabulary == "post" else ()
            return set(needed) <= set(params.get("expansions", "").split(","))
    return False


def dictionary(tables: Iterable[str] | None = None) -> pd.DataFrame:
    """The data dictionary: one row per column (table, column, type, key, wire path, meaning), in table order."""
    import pandas as pd

    return pd.DataFrame(
        [
            (t.name, c.name, c.type.value, c.name in t.key, c.path, c.doc)
            for t in (TABLES.values() if tables is None else map(table, tables))
            for c in t.columns
        ],
        columns=["table", "column", "type", "key", "wire_path", "meaning"],
    )
