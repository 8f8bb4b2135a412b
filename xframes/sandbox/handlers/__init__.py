"""The handlers: one function per action, by area. An action without one is answered 501, naming it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import counts, posts, search, timelines, users

if TYPE_CHECKING:
    from .context import Handler

HANDLERS: dict[str, Handler] = {
    **search.HANDLERS, **counts.HANDLERS, **timelines.HANDLERS, **posts.HANDLERS, **users.HANDLERS,
}
