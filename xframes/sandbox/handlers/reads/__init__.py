"""Handlers that answer with what the sandbox has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    analytics_reads,
    list_reads,
    media_reads,
    message_reads,
    post_reads,
    project_reads,
    search_reads,
    space_reads,
    timeline_reads,
    topic_reads,
    user_reads,
)

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Handler

READS: dict[str, Handler] = {
    **search_reads.HANDLERS, **post_reads.HANDLERS, **user_reads.HANDLERS,
    **timeline_reads.HANDLERS, **list_reads.HANDLERS, **space_reads.HANDLERS,
    **message_reads.HANDLERS, **media_reads.HANDLERS, **topic_reads.HANDLERS,
    **analytics_reads.HANDLERS, **project_reads.HANDLERS,
}
