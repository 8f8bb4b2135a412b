"""What a client shows of itself in a notebook: where it talks to and what it may do, never a secret."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from xframes.auth import KINDS, redact

if TYPE_CHECKING:
    from xframes.client import Client


def html(client: Client) -> str:
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
