"""The promise of the format: an archive written by any version stays readable. `fixtures/format-N.zip` are such archives.

They were written once, with the library of their time, and are never written again: made-up posts about tea, compacted
and fresh, observed twice, one removed, counts, and three posts in the journal of a process that died.
"""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

import xframes as xf
from xframes.archive.storage.folder import FORMAT
from xframes.wire import Page, Request

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("format-*.zip"))
IDS = [n for n in range(1, 28) if n != 3]


@pytest.fixture(params=[FIXTURES[0], *(pytest.param(path, marks=pytest.mark.slow) for path in FIXTURES[1:])], ids=lambda path: path.stem)
def archive(request, tmp_path):
    with zipfile.ZipFile(request.param) as file:
        file.extractall(tmp_path / "a")
    with xf.Archive(tmp_path / "a") as made:
        yield made


def test_there_is_an_archive_of_each_format():
    assert [path.stem for path in FIXTURES] == [f"format-{n + 1}" for n in range(FORMAT)]


def shown(archive):
    return {
        "likes": archive.sql("SELECT CAST(id AS INT) AS n, like_count FROM posts ORDER BY n").fetchall(),
        "texts": archive.sql("SELECT DISTINCT text = 'Tea no. ' || id || ' &amp; cake #tea' FROM posts").fetchall(),
        "plain": archive.sql("SELECT plain_text FROM posts WHERE id = '7'").fetchall(),
        "users": archive.sql("SELECT id, username, followers_count FROM users ORDER BY id").fetchall(),
        "tags": archive.sql("SELECT count(*), count(DISTINCT post_id) FROM post_hashtags WHERE tag = 'tea'").fetchall(),
        "seen": archive.sql("SELECT post_id, count(*) FROM post_metrics GROUP BY ALL HAVING count(*) > 1").fetchall(),
        "replies": archive.sql("SELECT post_id, referenced_post_id, type FROM post_references ORDER BY 1").fetchall(),
        "counts": archive.sql("SELECT query, start_at::DATE::VARCHAR, post_count FROM counts").fetchall(),
        "removed": archive.sql("SELECT resource_type, resource_id, reason FROM tombstones").fetchall(),
    }


def check(found):
    again = range(5, 25)  # observed a day later with a hundred likes more
    late = range(25, 28)
    assert found["likes"] == [(n, n + 100 if n in again else n + 7 if n in late else n) for n in IDS]
    assert found["texts"] == [(True,)]
    assert found["plain"] == [("Tea no. 7 & cake #tea",)]
    assert found["users"] == [(str(n), f"cook{n}", n * 10) for n in (1, 2, 3)]
    assert found["tags"] == [(26, 26)]
    assert sorted(found["seen"], key=lambda row: int(row[0])) == [(str(n), 2) for n in range(5, 21)]
    assert {row[1:] for row in found["replies"]} == {("4", "replied_to")}
    assert found["counts"] == [("tea", "2026-02-20", 7)]
    assert found["removed"] == [("post", "3", "asked by its author")]


def test_it_shows_what_was_put_into_it(archive):
    check(shown(archive))
    assert archive.verify().ok, archive.verify()
    assert archive.runs().set_index("run_id")["state"]["run-cut-short"] == "interrupted"
    assert len(list(archive.pages())) == 6


@pytest.mark.slow
def test_it_lives_on(archive):
    archive.rebuild()
    check(shown(archive))
    archive.compact()
    check(shown(archive))
    request = Request("GET", "/2/tweets/search/recent", {"query": "tea"}, "search.recent")
    body = {"data": [{"id": str(n), "text": "new"} for n in (3, 90)]}
    archive.add(Page(request, json.dumps(body).encode(), datetime(2026, 4, 1, tzinfo=UTC)))
    ids = {i for (i,) in archive.sql("SELECT id FROM posts").fetchall()}
    assert ids == {*map(str, IDS), "90"}  # what was removed stays removed
    assert archive.verify().ok
