"""The handlers: one function per action, by area; streams are answered line by line elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    analytics,
    beyond,
    compliance,
    counts,
    lists,
    media,
    messages,
    posts,
    publishing,
    reactions,
    relations,
    search,
    spaces,
    streams,
    subjects,
    timelines,
    usage,
    users,
)

if TYPE_CHECKING:
    from .context import Handler
    from .raw import RawHandler

HANDLERS: dict[str, Handler] = {
    **search.HANDLERS, **counts.HANDLERS, **timelines.HANDLERS, **posts.HANDLERS, **users.HANDLERS,
    **streams.HANDLERS, **media.HANDLERS, **compliance.HANDLERS, **analytics.HANDLERS, **usage.HANDLERS,
    **relations.HANDLERS, **reactions.HANDLERS, **lists.HANDLERS, **spaces.HANDLERS, **publishing.HANDLERS,
    **messages.HANDLERS, **beyond.HANDLERS, **subjects.HANDLERS,
}
# Those that read their request's body themselves.
RAW: dict[str, RawHandler] = {**streams.RAW, **media.RAW, **compliance.RAW}
CREATED = frozenset({  # answered 201
    "write.create_post", "write.create_list", "write.send_message", "write.send_to_conversation",
    "write.create_conversation",
})
