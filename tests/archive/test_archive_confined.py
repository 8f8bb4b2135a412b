"""A DuckDB for statements of others, and pages by their ids."""

import duckdb
import pytest

import xframes as xf
from tests.archives import page, post


@pytest.fixture
def archive(tmp_path):
    with xf.Archive(tmp_path / "a") as made:
        made.add([page(post(1)), page(post(2), seconds=1), page(post(3), seconds=2)])
        yield made


def test_sessions_see_one_state_each(archive):
    confined = archive.confined()
    count = "select count(*) from posts"
    with confined.session(["posts"]) as session:
        assert session.connection.execute(count).fetchall() == [(3,)]
        archive.add([page(post(4), seconds=3)])
        assert archive.sql(count).fetchall() == [(4,)]
        assert session.connection.execute(count).fetchall() == [(3,)]
    with confined.session(["posts", "users"]) as later:
        assert later.connection.execute(count).fetchall() == [(4,)]
        assert later.states["posts"] != session.states["posts"]
    with confined.session(["posts"]) as again:
        assert again.states["posts"] == later.states["posts"]
    confined.close()


@pytest.mark.parametrize("query", ["from read_text('/etc/passwd')", "attach '/tmp/x.db'", "copy (select 1) to '/tmp/x.csv'",
                                   "set memory_limit = '1GB'", "set enable_external_access = true", "from archive"])
def test_no_other_file_can_be_read_and_settings_are_locked(archive, query):
    confined = archive.confined()
    with confined.session(["posts"]) as session, pytest.raises(duckdb.Error):
        session.connection.execute(query)
    confined.close()


def test_no_session_keeps_a_file(archive):
    confined = archive.confined()
    with confined.session(["posts"]):
        pass
    assert archive.remove(post_ids=["1"], reason="a request")["posts"] == 1
    assert archive.purge() == 0
    with confined.session(["posts"]) as session:
        assert session.connection.execute("select count(*) from posts").fetchall() == [(2,)]
    confined.close()


def test_pages_by_their_ids(archive):
    ids = [p.page_id for p in archive.pages()]
    assert [p.page_id for p in archive.pages(page_ids=ids[1:])] == ids[1:]
    assert list(archive.pages(page_ids=[])) == []
    run_id = archive.runs()["run_id"][0]
    assert [p.page_id for p in archive.pages(run_id, page_ids=[ids[0], "x"])] == ids[:1]
    assert list(archive.pages("another", page_ids=ids)) == []


def test_rows_in_files(archive):
    assert archive.stored_rows()["posts"][0] >= 3
