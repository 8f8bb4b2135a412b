"""What archives in object storage are made of in these tests, and how to look at their objects."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from xframes.wire import Page, Request

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def page(number, size=10, text="post"):
    posts = [{"id": str(number * 1000 + i), "text": f"{text} {number} {i}", "author_id": str(7 + number % 3), "lang": "en",
              "created_at": "2026-02-01T12:00:00.000Z"} for i in range(size)]
    users = [{"id": str(7 + n), "name": f"Ada {n}", "username": f"ada_{n}"} for n in range(3)]
    body = {"data": posts, "includes": {"users": users}, "meta": {"result_count": size}}
    request = Request("GET", "/2/tweets/search/recent", {"query": f"cats {number}"}, "search.recent")
    return Page(request, json.dumps(body).encode(), NOW + timedelta(seconds=number))


@contextmanager
def machine(monkeypatch, tmp_path, name):
    """Another machine: it shares the bucket, and neither journal nor locks."""
    with monkeypatch.context() as there:
        there.setenv("XFRAMES_JOURNALS", str(tmp_path / name))
        yield


def ids(archive):
    return {row[0] for row in archive.sql("SELECT id FROM posts").fetchall()}


def objects():
    return sorted(name for name in fsspec.filesystem("memory").find("/data"))


def replaced(names):
    return [name for name in names if "/replaced-" in name]
