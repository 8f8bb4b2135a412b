"""Tables without people: what becomes of each column when an archive is exported under pseudonyms.

A column that is not named here is left out: a new one has to be looked at before it can be shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.archive.pseudonyms import is_x_url
from xframes.archive.references import is_list, own_key, references
from xframes.schema import TABLES, Col, Type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xframes.archive.pseudonyms import Pseudonyms

# Tables that would name people in ways no rule can follow: texts of errors, tokens, links to sign in with, messages.
UNMASKED = frozenset({"messages", "message_people", "message_posts", "requests", "problems", "writes",
                      "compliance_jobs", "media_uploads", "usage", "usage_daily"})
_KINDS = {"users": "user", "posts": "post", "lists": "list", "spaces": "space"}
_USERNAMES = {("posts", "author_username"), ("users", "username"), ("post_mentions", "username"),
              ("user_mentions", "username")}
_NAMES = {("users", "name")}
_TEXTS = {
    "posts": "text short_text", "users": "description", "media": "alt_text", "poll_options": "label",
    "spaces": "title", "lists": "name description", "communities": "name description",
    "news": "name summary hook disclaimer", "post_hashtags": "tag", "user_hashtags": "tag", "post_cashtags": "tag",
    "user_cashtags": "tag", "post_annotations": "normalized_text", "trends": "name", "personalized_trends": "name",
    "post_urls": "url expanded_url unwound_url", "bookmark_folders": "name",
}
PREVIEWS = {"post_urls": "title description images"}  # of a page of X's they name whose it is
_SHOWN = {"post_urls": "display_url"}
_QUERIES = {"counts": "query", "stream_rules": "value tag", "rule_matches": "tag"}
_PLACES = {"start_index": "text", "end_index": "text", "display_text_start": "short_text",
           "display_text_end": "short_text"}
_KEPT = {
    "posts": "lang source reply_settings place_id card_uri community_id withheld_country_codes withheld_scope",
    "users": "verified_type subscription_type connection_status withheld_country_codes withheld_scope",
    "media": "media_key type url preview_image_url",
    "media_variants": "media_key content_type url",
    "media_analytics": "media_key granularity",
    "places": "id full_name name place_type country country_code geo_type geometry properties contained_within",
    "polls": "id voting_status", "poll_options": "poll_id",
    "spaces": "state lang topic_ids", "topics": "id name description", "space_people": "role",
    "communities": "id access join_policy", "news": "id category", "news_posts": "news_id",
    "bookmark_folders": "id", "bookmark_folder_posts": "folder_id",
    "post_annotations": "type",
    "post_contexts": "domain_id domain_name domain_description entity_id entity_name entity_description",
    "post_urls": "media_key", "post_media": "media_key", "post_polls": "poll_id", "post_references": "type",
    "user_hashtags": "field", "user_cashtags": "field", "user_mentions": "field", "user_urls": "field",
    "rule_matches": "rule_id", "stream_rules": "id", "counts": "granularity", "post_analytics": "granularity",
    "trends": "woeid", "personalized_trends": "post_count_text category trending_since",
    "runs": "run_id action state", "matches": "run_id",
}
_LEFT_OUT = {"posts": {"longitude", "latitude"}}  # where somebody stood
_WRITERS = {"posts": "author_id", "users": "id", "lists": "owner_id", "spaces": "creator_id"}
_SHOWN_LETTERS = 36  # of a link; X shows fewer, and handles are longer here
_HELPERS = ("_text", "_short_text", "_username", "_name")  # see `helpers`


@cache
def rule(table: str, column: str) -> str | None:
    """What becomes of a column: kept, a kind of pseudonym, a way of rewriting; None when it is left out."""
    declared = TABLES[table][column]
    if (way := _rewriting(table, column)) is not None:
        return way
    target = table if column == own_key(table) else references(table).get(column)
    if target in _KINDS:
        return _KINDS[target]
    if column in _PLACES:
        return f"{_PLACES[column]}_place"
    if column in _KEPT.get(table, "").split() or column == "page_id":
        return "kept"
    numeric = declared.type in {Type.INT, Type.FLOAT, Type.BOOL, Type.TIME, Type.DATE}
    return "kept" if numeric and column not in _LEFT_OUT.get(table, ()) else None


def _rewriting(table: str, column: str) -> str | None:
    """How a text is rewritten; None for what is no text."""
    if (table, column) in _USERNAMES | _NAMES:
        return "username" if (table, column) in _USERNAMES else "name"
    ways = {"text": _TEXTS, "shown": _SHOWN, "page": PREVIEWS, "query": _QUERIES}
    return next((way for way, columns in ways.items() if column in columns.get(table, "").split()), None)


def masked_columns(table: str) -> list[Col]:
    """The columns of a table that stay under pseudonyms."""
    return [c for c in TABLES[table].columns if rule(table, c.name)]


@cache
def helpers(table: str) -> dict[str, str]:
    """What the rewriting of a row needs beside it, name → SQL: who wrote it, and the texts its places are in.

    In the SQL, `w` is the writer and `p` the row's parent.
    """
    declared = TABLES[table]
    parent = table if table in _WRITERS else str(declared.parent)
    if parent not in _WRITERS or all(rule(table, c.name) in {"kept", None, *_KINDS.values()} for c in declared.columns):
        return {}
    texts = {"posts": {"_text": "p.text", "_short_text": "p.short_text"}, "users": {"_text": "p.description"}}
    return {"_username": "w.username", "_name": "w.name"} | (texts.get(parent, {}) if parent != table else {})


def source(table: str, rows: str) -> str:
    """A FROM clause of rows with what `helpers` names."""
    needed = helpers(table)
    if not needed:
        return rows
    more = ", ".join(f"{sql} AS {name}" for name, sql in needed.items())
    if table in _WRITERS:
        return f'(SELECT t.*, {more} FROM {rows} AS t LEFT JOIN users AS w ON w.id = t."{_WRITERS[table]}")'
    declared = TABLES[table]
    return (
        f'(SELECT t.*, {more} FROM {rows} AS t LEFT JOIN "{declared.parent}" AS p ON p.id = t."{declared.parent_key}" '
        f'LEFT JOIN users AS w ON w.id = p."{_WRITERS[str(declared.parent)]}")'
    )


@dataclass(frozen=True, slots=True)
class Mask:
    """Puts pseudonyms into the rows of a table."""

    table: str
    pseudonyms: Pseudonyms

    def batch(self, rows: pa.Table) -> pa.Table:
        """The rows without people; columns as `masked_columns` has them."""
        beside: dict[str, list[str | None]] = {
            h: rows[h].to_pylist() if h in rows.column_names else [None] * len(rows) for h in _HELPERS
        }
        columns = {c.name: self._column(c, rows, beside) for c in masked_columns(self.table)}
        return pa.table(columns)

    def _column(self, col: Col, rows: pa.Table, beside: dict[str, list[str | None]]) -> Any:
        way = str(rule(self.table, col.name))
        if way == "kept":
            return rows[col.name]
        values = rows[col.name].to_pylist()
        if way in {"user", "post", "list", "space", "username", "name"}:
            several = is_list(self.table, col.name)
            made: list[Any] = [self._ids(way, value) if several else self._id(way, value) for value in values]
        elif way.endswith("_place"):
            made = self._places(col.name, values, rows, beside)
        elif way == "query":
            made = [None if value is None else self.pseudonyms.query(value) for value in values]
        else:
            made = self._texts(way, values, rows, beside)
        return pa.array(made, col.type.arrow)

    def _id(self, kind: str, value: str | None) -> str | None:
        return None if value is None else self.pseudonyms.of(kind, value)

    def _ids(self, kind: str, values: list[str] | None) -> list[str] | None:
        return None if values is None else [self.pseudonyms.of(kind, value) for value in values]

    def _texts(
        self, way: str, values: Sequence[str | None], rows: pa.Table, beside: dict[str, list[str | None]]
    ) -> list[str | None]:
        urls = rows["expanded_url"].to_pylist() if way in {"shown", "page"} else [None] * len(values)
        made: list[str | None] = []
        for value, url, *who in zip(values, urls, beside["_username"], beside["_name"], strict=True):
            if value is None or (way == "page" and is_x_url(url)):
                made.append(None)
            elif way == "shown" and url is not None and is_x_url(url):
                made.append(_shown(self.pseudonyms.rewrite(url, *who).text))
            else:
                made.append(self.pseudonyms.rewrite(value, *who).text)
        return made

    def _places(
        self, column: str, values: Sequence[int | None], rows: pa.Table, beside: dict[str, list[str | None]]
    ) -> list[int | None]:
        if self.table == "posts":
            texts = rows["short_text"].to_pylist()
        elif self.table == "post_annotations":
            texts = beside["_short_text"]
        elif "field" in rows.column_names:  # a profile's link is no text: its places mean nothing and stay
            fields = rows["field"].to_pylist()
            texts = [t if f == "description" else None for t, f in zip(beside["_text"], fields, strict=True)]
        else:
            texts = beside["_text"]
        end = column.endswith("end") or column == "end_index"
        last = 1 if end and self.table == "post_annotations" else 0  # theirs is the last code point itself
        return [
            value if value is None or text is None
            else self.pseudonyms.rewrite(text, *who).place(value + last, end=end) - last
            for value, text, *who in zip(values, texts, beside["_username"], beside["_name"], strict=True)
        ]


def _shown(url: str) -> str:
    """A link as X shows it: without its scheme, cut."""
    bare = url.split("://", 1)[-1].removeprefix("www.")
    return bare if len(bare) <= _SHOWN_LETTERS else f"{bare[:_SHOWN_LETTERS - 1]}…"
