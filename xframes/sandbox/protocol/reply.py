"""An answer before it is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json; charset=utf-8"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


class HangUp(Exception):
    """The connection ends here, in the middle of an answer."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a caller has left of one action's rate limit, and whether this request is refused.

    `reset` is in Unix seconds. `too_fast` marks a refusal by a per-second limit: `remaining` is
    then above 0.
    """

    limit: int
    remaining: int
    reset: int
    refused: bool = False
    too_fast: bool = False

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The x-rate-limit headers."""
        return [("x-rate-limit-limit", str(self.limit)),
                ("x-rate-limit-remaining", str(self.remaining)),
                ("x-rate-limit-reset", str(self.reset))]


@dataclass(slots=True)
class Reply:
    """An answer before it is sent.

    `cut` announces the whole length and sends half, `reset` sends nothing at all. A `stream` is
    sent instead of `body`, each part at once.
    """

    status: int
    body: bytes
    type: str = JSON
    quota: Quota | None = None
    cut: bool = False
    reset: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    stream: Iterator[bytes] | None = None


def to_json(body: Any) -> bytes:
    """Return a body as X writes it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
