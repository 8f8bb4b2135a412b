"""Broadcasts that were scheduled here, with their chats. The community broadcasts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Shows:
    """Scheduled broadcasts, started ones, and the messages of their chats, by id."""

    def __init__(self) -> None:
        self.scheduled: dict[str, dict[str, Any]] = {}
        self.live: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.muted: set[tuple[str, str]] = set()
        self._made = 0

    def _new_id(self) -> str:
        """Return an id of 13 digits that was not used before."""
        self._made += 1
        return str(10**12 + self._made)

    def schedule(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Schedule a broadcast and return it as X writes it."""
        id = self._new_id()
        shown = {"scheduled_broadcast_id": id, "broadcast_id": self._new_id(),
                 "state": "Scheduled", **self._details(args)}
        self.scheduled[id] = shown
        return shown

    def update(self, id: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Change a scheduled broadcast and return it."""
        self.scheduled[id] |= self._details(args)
        return self.scheduled[id]

    def start(self, id: str, user_id: int, now: int) -> dict[str, Any]:
        """Start a scheduled broadcast and return its schedule."""
        shown = self.scheduled[id]
        shown["state"] = "Live"
        self.live[shown["broadcast_id"]] = {
            "id": shown["broadcast_id"], "state": "RUNNING", "twitter_user_id": str(user_id),
            "title": shown.get("title", ""), "created_at_ms": str(now), "start_ms": str(now),
            "total_watching": "0", "total_watched": "0",
        }
        return shown

    def _details(self, args: Mapping[str, Any]) -> dict[str, Any]:
        names = ("title", "description", "locale", "chat_option", "available_for_replay",
                 "manual_publish", "source_id", "telecast_id", "thumbnail_media_id",
                 "scheduled_start_ms", "scheduled_end_ms")
        return {name: args[name] for name in names if name in args}
