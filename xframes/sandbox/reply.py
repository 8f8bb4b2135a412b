"""An answer before it is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .limits import Standing

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json; charset=utf-8"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


class HangUp(Exception):
    """The connection ends here, in the middle of an answer."""


@dataclass(slots=True)
class Reply:
    """An answer before it is sent. `cut` keeps the promised length and sends half, `reset` sends nothing at all.

    A `stream` is sent in place of `body`, each part as it comes.
    """

    status: int
    body: bytes
    type: str = JSON
    standing: Standing | None = None
    cut: bool = False
    reset: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    stream: Iterator[bytes] | None = None


def to_json(body: Any) -> bytes:
    """Return a body as X writes it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
