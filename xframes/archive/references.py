"""Which columns name what: posts, users, media and the other things, in every table."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

# Columns that name a row of another table wherever they stand.
_USUAL = {
    "posts": "post_id edit_post_id referenced_post_id pinned_post_id most_recent_post_id media_source_post_ids",
    "users": "user_id author_id in_reply_to_user_id mentioned_user_id creator_id owner_id sender_id follower_id "
             "followed_id blocked_id muted_id affiliation_user_ids",
    "media": "media_key media_keys",
    "places": "place_id contained_within",
    "polls": "poll_id",
    "spaces": "space_id",
    "topics": "topic_ids",
    "lists": "list_id",
    "communities": "community_id",
    "messages": "message_id",
    "news": "news_id",
    "bookmark_folders": "folder_id",
    "stream_rules": "rule_id",
    "runs": "run_id",
    "requests": "page_id",
}
_TARGETS = {column: target for target, columns in _USUAL.items() for column in columns.split()}
_SPECIAL = {("posts", "conversation_id"): "posts", ("requests", "newest_id"): "posts",
            ("requests", "oldest_id"): "posts"}


@cache
def references(table: str) -> Mapping[str, str]:
    """The columns of a table that name rows of other tables (or of itself), each with that table's name.

    A thing's own id is not among them: see `own_key`.
    """
    declared = TABLES[table]
    own = declared.key[0] if own_key(table) else None
    found = {c.name: _SPECIAL.get((table, c.name), _TARGETS.get(c.name)) for c in declared.columns if c.name != own}
    return MappingProxyType({name: target for name, target in found.items() if target})


@cache
def own_key(table: str) -> str | None:
    """The column by which other tables name a row of this one; None where nothing does."""
    declared = TABLES[table]
    return declared.key[0] if declared.kind == "entity" or table in {"runs", "requests"} else None


def is_list(table: str, column: str) -> bool:
    """Whether the column holds several ids."""
    return TABLES[table][column].type.value == "list of strings"
