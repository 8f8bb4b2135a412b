"""A replay answers a notebook's requests from the archive that it collected into, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import xframes as xf
from xframes import write
from xframes.errors import ArgumentError, NotRecorded


def notebook(into, client):
    """What a notebook collects: pages, counts, lookups, a timeline, a stream, relative times."""
    since = xf.now() - timedelta(days=3)
    xf.search.recent("coffee", limit=250, into=into, client=client)
    xf.search.recent("coffee", limit=20, into=into, client=client)
    xf.search.all("duckdb", start_time=since, limit=30, into=into, client=client)
    xf.counts.recent("coffee", granularity="day", into=into, client=client)
    ids = sorted(into.ids("posts"))[:150]
    xf.posts.lookup(ids, into=into, client=client)
    author = into.sql("SELECT min(author_id) FROM posts").fetchall()[0][0]
    xf.timelines.user(author, limit=10, into=into, client=client)
    xf.streams.sample(limit=5, into=into, client=client)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """An archive that a notebook collected into, and its pages."""
    path = tmp_path_factory.mktemp("recorded") / "archive"
    with xf.sandbox.start(posts=3_000, users=100) as x, xf.Archive(path) as archive:
        with xf.Client("sandbox", base_url=x.url) as client:
            xf.use(client)
            try:
                notebook(archive, client)
            finally:
                xf.use(None)
        yield archive


def content(archive, name):
    """A table in an order of its own; runs have new ids and times."""
    table = archive[name]
    columns = [c for c in table.column_names if c != "run_id"]
    return sorted(map(repr, table.select(columns).to_pylist()))


@pytest.mark.slow
def test_a_notebook_collects_the_same_again_without_a_server(recorded, tmp_path):
    client = xf.Client(replay=recorded)
    xf.use(client)
    try:
        with xf.Archive(tmp_path / "again") as again:
            notebook(again, client)
            assert {p.page_id for p in again.pages()} == {p.page_id for p in recorded.pages()}
            for name in recorded.tables:
                if name != "runs":
                    assert content(again, name) == content(recorded, name), name
    finally:
        xf.use(None)
    assert client.requests_made == 0


def test_what_does_not_choose_rows_may_differ(recorded):
    client = xf.Client(replay=recorded, words="post")
    frames = xf.search.recent("coffee", limit=250, expansions=(), client=client)
    assert len(frames.posts) > 200
    first = xf.search.recent("coffee", limit=1, client=client)
    assert set(first.posts["id"]) <= set(frames.posts["id"])


def test_a_request_that_was_not_recorded_names_the_nearest(recorded):
    client = xf.Client(replay=recorded)
    with pytest.raises(NotRecorded) as raised:
        xf.search.recent("coffees", client=client)
    assert raised.value.action == "search.recent"
    assert "query='coffee'" in str(raised.value)
    with pytest.raises(NotRecorded):
        xf.streams.filtered(limit=1, client=client)


def test_a_time_further_away_than_a_rerun_is_another_request(recorded):
    client = xf.Client(replay=recorded)
    since = client.now() - timedelta(days=2)
    with pytest.raises(NotRecorded):
        xf.search.all("duckdb", start_time=since, limit=30, client=client)


def test_its_clock_shows_the_recorded_times(recorded):
    client = xf.Client(replay=recorded)
    times = sorted(page.received_at for page in recorded.pages())
    assert client.now() == times[0]
    xf.search.recent("coffee", limit=250, client=client)
    assert times[0] < client.now() <= times[-1]
    assert xf.now() - datetime.now(UTC) < timedelta(minutes=1)


def test_a_stream_waits_as_long_as_the_recorded_one_if_asked(recorded):
    waits = []
    client = xf.Client(replay=xf.Replay(recorded, own_pace=True), sleep=waits.append)
    xf.streams.sample(limit=5, client=client)
    stream = [p.received_at for p in recorded.pages() if p.request.action == "streams.sample"]
    assert sum(waits) == pytest.approx((max(stream) - min(stream)).total_seconds())


def test_a_replay_changes_nothing_and_needs_pages(recorded):
    client = xf.Client(replay=recorded, writes=True)
    with pytest.raises(ArgumentError):
        write.like("1", client=client)
    with pytest.raises(ArgumentError):
        xf.Client(replay="archive")


def test_it_answers_again_when_a_cell_runs_twice(recorded):
    client = xf.Client(replay=recorded)
    counts = [xf.counts.recent("coffee", granularity="day", client=client).counts for _ in range(2)]
    assert counts[0].equals(counts[1])
