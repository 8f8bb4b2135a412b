"""What the tests of archives share: pages of made-up posts, an X that gives them, and how to look at what is kept."""

import json
from datetime import UTC, datetime, timedelta

from xframes.plan import plan
from xframes.schema import TABLES, fields
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERYTHING = {"tweet.fields": ",".join(fields("post")), "user.fields": ",".join(fields("user"))}


def post(number, **more):
    return {"id": str(number), "text": f"post &amp; number {number}", "author_id": "7", "lang": "en",
            "created_at": f"2026-02-{1 + number % 28:02}T12:00:00.000Z", **more}


def page(*posts, seconds=0, token=None, params=EVERYTHING, run_id=None, **more):
    body = {"data": list(posts), "includes": {"users": [{"id": "7", "name": "Ada", "username": "ada"}]},
            "meta": {"result_count": len(posts), **({"next_token": token} if token else {})}, **more}
    request = Request("GET", "/2/tweets/search/recent", {"query": "cats", **params}, "search.recent")
    return Page(request, json.dumps(body).encode(), NOW + timedelta(seconds=seconds), run_id=run_id)


class Server:
    """Stands in for a client: so many pages of so many posts; `failures` maps a page's number to what it raises once."""

    def __init__(self, pages=3, size=10, failures=(), before=None):
        self.pages, self.size, self.failures, self.before = pages, size, dict(failures), before
        self.field_params = []

    def send(self, request):
        number = int(request.params.get("next_token", "t0")[1:])
        self.field_params.append(number)
        if self.before:
            self.before(number)
        if number in self.failures:
            raise self.failures.pop(number)
        posts = [post(number * self.size + i) for i in range(self.size)]
        made = page(*posts, seconds=number, token=f"t{number + 1}" if number + 1 < self.pages else None)
        return Page(request, made.body, made.received_at)


def search(limit=None):
    return plan("search.recent", {"query": "cats", "limit": limit}, now=NOW)


def contents(archive, *without):
    """Every table whole, to be compared."""
    return {name: archive[name] for name in TABLES if name not in without}


def names(folder):
    return sorted(p.name for p in folder.glob("*.parquet"))
