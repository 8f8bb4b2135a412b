"""Show a client in a notebook: its server, kinds of credentials and limits, never a secret."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Protocol

from xframes.auth import KINDS, redact
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Displayed(Protocol):
    """The parts of a client that are shown."""

    base_url: str
    writes: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its credentials."""
        ...

    @property
    def limits(self) -> Mapping[str, tuple[int, int, datetime]]:
        """Rate limits by action: requests per window, left, and its end."""
        ...

    @property
    def requests_made(self) -> int:
        """The number of requests so far."""
        ...

    @property
    def bytes_received(self) -> int:
        """The number of bytes so far."""
        ...


def html(client: Displayed) -> str:
    """Return a client as HTML: server, kinds of credentials, requests made, and X's limits."""
    kinds = [f"<li>{escape(KINDS[kind][0])}</li>" for kind in client.kinds]
    kinds = kinds or ["<li>no credentials</li>"]
    uses = "reads and writes" if client.writes else "reads"
    requests = counted(client.requests_made, "request")
    received = counted(client.bytes_received, "byte")
    return (
        f"<div><p>Client of <b><bdi>{escape(redact(client.base_url))}</bdi></b>: "
        f"{uses}; {requests}, {received} so far. Its credentials:</p>"
        f"<ul>{''.join(kinds)}</ul>{_table(client.limits)}</div>"
    )


def _table(limits: Mapping[str, tuple[int, int, datetime]]) -> str:
    if not limits:
        return ""
    rows = "".join(
        f"<tr><td style='text-align:left'>{escape(action)}</td><td>{left:,} of {most:,}</td>"
        f"<td>{end:%H:%M:%S}</td></tr>"
        for action, (most, left, end) in sorted(limits.items())
    )
    head = "<tr><th>action</th><th>requests left</th><th>until (UTC)</th></tr>"
    return f"<table>{head}{rows}</table>"
