"""What was known when: changes of one thing, and the archive as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import xframes as xf
from xframes.errors import ArchiveError, ArgumentError
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def page(hours, *posts, users=()):
    body = {"data": list(posts), "includes": {"users": list(users)}}
    return Page(Request("GET", "/2/tweets", {"ids": "1"}, "posts.lookup"), json.dumps(body).encode(), NOW + timedelta(hours=hours))


def post(likes, text="t", **more):
    return {"id": "1", "text": text, "author_id": "7", "public_metrics": {"like_count": likes}} | more


@pytest.fixture
def archive(tmp_path):
    with xf.Archive(tmp_path / "a") as made:
        made.add([page(0, post(1), users=[{"id": "7", "username": "old"}]), page(1, post(1)), page(2, post(5)),
                  page(3, post(5, "edited", edit_history_tweet_ids=["0", "1"]), users=[{"id": "7", "username": "new"}])])
        made.compact()
        yield made


def test_changes_are_the_observations_that_say_something_new(archive):
    found = archive.changes("posts", 1)
    assert list(zip(found["like_count"], found["text"], strict=True)) == [(1, "t"), (5, "t"), (5, "edited")]
    assert found["observed_at"].tolist() == [NOW, NOW + timedelta(hours=2), NOW + timedelta(hours=3)]
    assert archive.changes("users", "7")["username"].tolist() == ["old", "new"]
    assert archive.changes("post_edits", "1")["edit_post_id"].tolist() == ["0", "1"]
    assert archive.changes("posts", "99").empty
    with pytest.raises(KeyError, match="tweets"):
        archive.changes("tweets", "1")


def test_metrics_keep_every_observation(archive):
    found = archive.sql("SELECT like_count FROM post_metrics ORDER BY observed_at").fetchall()
    assert found == [(1,), (1,), (5,), (5,)]


def test_the_archive_as_it_was(archive):
    then = archive.as_of(NOW + timedelta(hours=2))
    assert then.sql("SELECT like_count, text FROM posts").fetchall() == [(5, "t")]
    assert then.sql("SELECT username FROM users").fetchall() == [("old",)]
    assert archive.sql("SELECT text FROM posts").fetchall() == [("edited",)]
    path = Path(then.path)
    then.close()
    del then
    assert not path.exists()


def test_what_was_removed_since_is_not_in_it(archive):
    archive.remove(["1"], reason="deleted")
    then = archive.as_of(NOW + timedelta(days=1))
    assert then.sql("SELECT count(*) FROM posts").fetchall() == [(0,)]


def test_times_before_all_pages_and_without_zone_are_refused(archive):
    with pytest.raises(ArchiveError, match="2020-01-01"):
        archive.as_of(datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(ArchiveError, match="2019-12-31"):
        archive.as_of("2019-12-31")
    for value in (datetime(2026, 3, 1), "2026-03-01T12:00", "yesterday"):  # noqa: DTZ001  the mistake
        with pytest.raises(ArgumentError, match="when"):
            archive.as_of(value)


def test_a_moment_may_be_text(archive):
    text = (NOW + timedelta(hours=2)).isoformat()
    assert archive.as_of(text).tables == archive.as_of(NOW + timedelta(hours=2)).tables
