"""Handlers that change what the sandbox has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    job_writes,
    list_writes,
    media_writes,
    message_writes,
    post_writes,
    reaction_writes,
    relation_writes,
    rule_writes,
    service_writes,
)

if TYPE_CHECKING:
    from xframes.sandbox.handlers.calls import RawHandler
    from xframes.sandbox.handlers.context import Handler

WRITES: dict[str, Handler] = {
    **post_writes.HANDLERS, **reaction_writes.HANDLERS, **relation_writes.HANDLERS,
    **list_writes.HANDLERS, **message_writes.HANDLERS, **service_writes.HANDLERS,
}
RAW_WRITES: dict[str, RawHandler] = {**rule_writes.RAW, **media_writes.RAW, **job_writes.RAW}
