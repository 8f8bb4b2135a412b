"""Whose a row is, and how rows of what was removed stay out of sight until a purge has taken them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

# Columns that say whose a row is, where it is not the usual `post_id` or `user_id`. Mentions stand in somebody else's
# text and are left out, as are ids in messages; what belongs to a medium or poll goes with it.
_OWNERS: dict[str, dict[str, tuple[str, ...]]] = {
    "post": {"posts": ("id",), "message_posts": ()},
    "user": {
        "posts": ("author_id",), "users": ("id",), "messages": ("sender_id",), "lists": ("owner_id",),
        "spaces": ("creator_id",), "follows": ("follower_id", "followed_id"), "blocks": ("user_id", "blocked_id"),
        "mutes": ("user_id", "muted_id"), "post_mentions": (), "message_people": (),
    },
    "media": {"media": ("media_key",), "media_variants": ("media_key",), "media_analytics": ("media_key",)},
    "poll": {"polls": ("id",), "poll_options": ("poll_id",)},
}
_USUAL = {"post": "post_id", "user": "user_id"}


def owners(table: str) -> Iterator[tuple[str, str]]:
    """The columns of a table that say whose its rows are, each with the kind of thing: post, user, media or poll."""
    columns = {c.name for c in TABLES[table].columns}
    for kind, special in _OWNERS.items():
        usual = _USUAL.get(kind, "")
        for column in special.get(table, (usual,) if usual in columns else ()):
            yield column, kind


@dataclass(frozen=True, slots=True)
class Stones:
    """The tombstones of an archive, as a FROM clause; `everywhere` while a purge is still to come.

    Compacted files hold nothing of what an earlier purge took out; parts may be newer, or come from another archive.
    """

    rows: str
    everywhere: bool

    def hide(self, source: str | None, table: str) -> str | None:
        """A FROM clause of a source's rows without those of removed posts and people."""
        tests = " AND ".join(
            f'("{column}" IS NULL OR "{column}" NOT IN '
            f"(SELECT resource_id FROM {self.rows} WHERE resource_type = '{kind}'))"
            for column, kind in owners(table) if kind in _USUAL
        )
        return f"(SELECT * FROM {source} WHERE {tests})" if source and tests else source
