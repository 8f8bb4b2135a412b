"""What a client shows of itself in a notebook: where it talks to and what it may do, never a secret."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Protocol

from xframes.auth import KINDS, redact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Displayed(Protocol):
    """A client, as far as it is displayed."""

    base_url: str
    writes: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its credentials."""
        ...

    @property
    def limits(self) -> Mapping[str, tuple[int, int, datetime]]:
        """Requests left and the end of the window, by action."""
        ...

    @property
    def requests_made(self) -> int:
        """How many so far."""
        ...

    @property
    def bytes_received(self) -> int:
        """How many so far."""
        ...


def html(client: Displayed) -> str:
    """The client as a notebook shows it: server, kinds of credential, requests made, limits X told of."""
    holds = "".join(f"<li>{escape(KINDS[kind][0])}</li>" for kind in client.kinds) or "<li>no credentials</li>"
    limits = "".join(
        f"<tr><td style='text-align:left'>{escape(action)}</td><td>{left:,} of {most:,}</td>"
        f"<td>{end:%H:%M:%S}</td></tr>"
        for action, (most, left, end) in sorted(client.limits.items())
    )
    table = f"<table><tr><th>action</th><th>requests left</th><th>until (UTC)</th></tr>{limits}</table>"
    counted = f"{client.requests_made:,} requests, {client.bytes_received:,} bytes"
    return (
        f"<div><p>Client of <b><bdi>{escape(redact(client.base_url))}</bdi></b>: "
        f"{'reads and writes' if client.writes else 'reads'}; {counted} so far. It holds</p>"
        f"<ul>{holds}</ul>{table if limits else ''}</div>"
    )
