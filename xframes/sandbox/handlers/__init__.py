"""The handlers: one function per action, by topic; streams are answered line by line elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reads import READS
from .writes import RAW_WRITES, WRITES

if TYPE_CHECKING:
    from .calls import RawHandler
    from .context import Handler

HANDLERS: dict[str, Handler] = {**READS, **WRITES}
RAW: dict[str, RawHandler] = RAW_WRITES  # these read the request's body themselves
CREATED = frozenset({  # answered with 201
    "write.create_post", "write.create_list", "write.send_message", "write.send_to_conversation",
    "write.create_conversation", "write.create_bookmark_folder", "write.schedule_broadcast",
})
