"""Sandboxes for one test each, to be made a file's `server` fixture, and what several files ask of them or look up in them."""

from __future__ import annotations

from datetime import UTC, datetime

import requests

from xframes import sandbox

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HALF_PAST = NOW.replace(minute=30)
RECENT, ALL = "/2/tweets/search/recent", "/2/tweets/search/all"
QUERY = "the OR a OR to"


def written_to():
    """A small one, whose posts and people a test changes."""
    with sandbox.start(posts=250, users=60, now=NOW, rate_limits=False) as made:
        yield made


def processing():
    """One whose uploads and compliance jobs are done in a moment."""
    with sandbox.start(posts=600, users=60, now=HALF_PAST, rate_limits=False) as made:
        made.uploads.processing_seconds = made.compliance.processing_seconds = 0.2
        yield made


def streaming():
    """One that streams faster than people post."""
    with sandbox.start(posts=400, users=60, now=NOW, rate_limits=False) as made:
        made.stream.rate = 4000
        made.stream.keep_alive = 0.05
        yield made


def asking(server, token):
    def ask(method, path, **more):
        return requests.request(method, server.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=30, **more)

    return ask


def ids(rows):
    return [row["id"] for row in rows]


def own(server, path):
    return f"/2/users/{server.user_id}/{path}"


def somebody(server, standing="active"):
    return next(p for p in server.community.people.values() if p.standing == standing and str(p.id) != server.user_id)


def original(server, of=None):
    me = int(server.user_id)
    return next(p for p in reversed(server.community.listed)
                if p.original is None and (p.author.id != me if of is None else p.author.id == of))


def metrics(send, id):
    return send("GET", f"/2/tweets/{id}", **{"tweet.fields": "public_metrics"}).json()["data"]["public_metrics"]
