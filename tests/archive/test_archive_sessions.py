"""Queries that overlap: readers, cursors, threads, other tools; archives that are still read."""

import gc
import pickle
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

import xframes as xf
from tests.archives import NOW, names, page, post
from xframes.archive import Archive

COUNT = "select count(*) from posts"


@pytest.fixture
def archive(tmp_path):
    """Two observations of each of 300 posts, not compacted."""
    with Archive(tmp_path / "archive") as archive:
        archive.add(page(*(post(n) for n in range(300))))
        archive.add(page(*(post(n, lang="de") for n in range(300)), seconds=5))
        yield archive


@pytest.fixture
def frames():
    return xf.flatten(page(*(post(n) for n in range(300))))


@pytest.fixture(params=["archive", "frames"])
def source(request):
    """Each test below holds for both."""
    return request.getfixturevalue(request.param)


# cursors of one connection ------------------------------------------------------------------------


def test_cursors_of_a_connection_see_the_tables_in_utc(source):
    connection = source.connect()
    cursor = connection.cursor()
    del connection
    gc.collect()
    assert cursor.execute(f"{COUNT} where lang is not null").fetchall() == [(300,)]
    assert cursor.cursor().execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]
    newest = cursor.execute("select max(created_at)::varchar from posts").fetchall()
    assert newest == [("2026-02-28 12:00:00+00",)]


def test_lists_of_tables_show_those_of_the_schema(source):
    shown = {name for (name,) in source.connect().cursor().execute("show tables").fetchall()}
    assert {name for name in shown if not name.startswith("_")} == set(source.tables)
    assert shown == {name for (name,) in source.sql("show tables").fetchall()}


def test_pandas_and_polars_read_from_a_connection(source):
    query = "select id, lang from posts order by length(id), id"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pandas only supports SQLAlchemy", UserWarning)
        found = pd.read_sql(query, source.connect())
    assert found["id"].tolist() == [str(n) for n in range(300)]
    assert pl.read_database(query, source.connect())["id"].to_list() == found["id"].tolist()


def test_threads_share_a_connection_by_cursors(source):
    connection = source.connect()

    def count(_):
        return connection.cursor().execute(COUNT).fetchall()[0][0]

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(count, range(20))) == {300}


# questions that overlap ---------------------------------------------------------------------------


def test_an_open_reader_blocks_no_other_query(source):
    reader = source.sql("from posts").to_arrow_reader(10)
    read = next(reader).num_rows
    assert source.sql(COUNT).fetchall() == [(300,)]
    other = source.sql("from users").to_arrow_reader(10)
    assert read + sum(batch.num_rows for batch in reader) == 300
    assert sum(batch.num_rows for batch in other) == 1


def test_an_archive_changes_while_a_reader_is_open(archive):
    reader = archive.sql("select * from posts").to_arrow_reader(10)
    read = next(reader).num_rows
    archive.add(page(post(1000), seconds=9))
    assert archive.tables["posts"] == 301
    archive.compact()
    archive.add(page(post(1001), seconds=10))
    assert archive.sql(COUNT).fetchall() == [(302,)]
    assert read + sum(batch.num_rows for batch in reader) == 300


def test_threads_ask_one_object(source):
    def ask(number):
        query = ("select p.id, u.username from posts p join users u on u.id = p.author_id "
                 "where p.id = $id")
        found = source.sql(query, {"id": str(number)}).fetchall()
        return found, len(source["users"])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(8))) == [([(str(n), "ada")], 1) for n in range(8)]
    assert source.tables["posts"] == 300


@pytest.mark.slow
def test_threads_ask_add_and_compact_one_archive(archive):
    def ask(_):
        query = "select count(*) from posts p join users u on u.id = p.author_id"
        assert archive.sql(query).fetchall()[0][0] >= 300
        assert archive.tables["posts"] >= 300
        assert len(archive.frame("users")) == 1

    def times(number, work):
        for i in range(number):
            work(i)

    with ThreadPoolExecutor(5) as pool:
        jobs = [pool.submit(times, number, work) for number, work in (
            (8, ask), (8, ask), (4, lambda _: archive.compact()),
            (6, lambda n: archive.add(page(post(1000 + n), seconds=10 + n))),
            (6, lambda n: archive.add(page(post(2000 + n), seconds=10 + n))),
        )]
        for job in jobs:
            job.result()
    assert archive.sql(COUNT).fetchall() == [(312,)]


def test_frames_of_the_caller_are_tables_of_a_query_and_of_what_is_made_from_it(source):
    mine = pd.DataFrame({"id": ["1", "2"]})
    relation = source.sql("select p.id from posts p semi join mine using (id)")
    del mine
    assert sorted(relation.filter("id <> '1'").fetchall()) == [("2",)]
    assert relation.to_arrow_reader().read_all().num_rows == 2


def test_frames_that_were_asked_are_copied_between_processes(frames):
    assert frames.sql(COUNT).fetchall() == pickle.loads(pickle.dumps(frames)).sql(COUNT).fetchall()
    assert xf.flatten(page(post(1))).sql(COUNT).filter("true").fetchall() == [(1,)]


# files stay as long as they are needed ------------------------------------------------------------


@pytest.mark.parametrize("open_", [
    lambda archive: archive.sql("select * from posts").filter("id <> '7'"),
    pytest.param(lambda archive: archive.sql("select * from posts").to_arrow_reader(10), marks=pytest.mark.slow),
    lambda archive: archive.connect().cursor(),
], ids=["relation", "reader", "cursor"])
def test_replaced_files_stay_until_nothing_reads_them(archive, open_):
    reading = open_(archive)
    gc.collect()
    archive.compact()
    assert len(names(archive.path / "tables" / "posts")) == 3
    with Archive(archive.path) as other:
        other.add(page(post(1000), seconds=9))
        other.compact()
    assert len(names(archive.path / "tables" / "posts")) == 5
    del reading
    gc.collect()
    archive.add(page(post(1001), seconds=10))
    archive.compact()
    assert len(names(archive.path / "tables" / "posts")) == 1
    assert archive.sql(COUNT).fetchall() == [(302,)]


def test_a_query_that_fails_keeps_no_files(archive):
    with pytest.raises(Exception, match="nothing_here") as failed:
        archive.sql("select nothing_here from posts")
    archive.compact()
    assert len(names(archive.path / "tables" / "posts")) == 1
    assert failed.value.__traceback__ is not None  # it holds the frames of the query


# as_of --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("open_", "read"), [
    (lambda then: then.sql("from posts").filter("true"), lambda found: len(found.df())),
    (lambda then: then.sql("from posts").to_arrow_reader(7),
     lambda found: found.read_all().num_rows),
    (lambda then: then.connect().cursor(), lambda found: found.execute(COUNT).fetchall()[0][0]),
    (lambda then: then.pages(), lambda found: len(xf.flatten(found))),
    (lambda then: then.run(then.runs()["run_id"][0]), lambda found: len(found.frames())),
], ids=["relation", "reader", "cursor", "pages", "run"])
def test_a_past_archive_lives_as_long_as_what_was_made_from_it(
    archive, monkeypatch, tmp_path, open_, read
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = open_(archive.as_of(NOW))
    gc.collect()
    assert len(list(Path(tmp_path).glob("xframes-as-of-*"))) == 1
    assert read(found) == 300
    del found
    gc.collect()
    assert list(Path(tmp_path).glob("xframes-as-of-*")) == []
