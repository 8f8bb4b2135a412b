"""polars, pyarrow, DuckDB and JupySQL take Frames and Archives as they are."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import xframes as xf
from xframes.schema import TABLES

SAMPLE = Path(__file__).parents[1] / "data" / "tweet-words.ndjson"


@pytest.fixture(scope="module")
def frames():
    return xf.flatten(xf.read_pages(SAMPLE))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    with xf.Archive(tmp_path_factory.mktemp("tools") / "archive") as archive:
        archive.import_pages(SAMPLE)
        archive.compact()
        yield archive


@pytest.fixture(params=["frames", "archive"])
def source(request):
    """Each test below holds for both."""
    return request.getfixturevalue(request.param)


def rows(source, name="posts"):
    return source.tables[name]


def test_polars(source):
    for frame in (pl.from_arrow(source["posts"]), pl.DataFrame(source["posts"]), pl.DataFrame(source),
                  source.sql("select * from posts").pl()):
        assert frame.height == rows(source)
        assert frame.schema["id"] == pl.String
        assert frame.schema["created_at"].time_zone == "UTC"
        assert frame.schema["like_count"] == pl.Int64
    likes = pl.DataFrame(source).group_by("lang").agg(pl.col("like_count").sum())
    assert likes["like_count"].sum() == source.sql("select sum(like_count) from posts").fetchall()[0][0]


def test_polars_sees_null_as_null(source):
    found = pl.DataFrame(source)["in_reply_to_user_id"].null_count()
    assert found == source.sql("select count(*) - count(in_reply_to_user_id) from posts").fetchall()[0][0]
    assert found > 0


def test_pyarrow(source):
    assert pa.table(source).schema == TABLES["posts"].schema
    assert pa.table(source["users"]).num_rows == rows(source, "users")
    assert pa.RecordBatchReader.from_stream(source).read_all().num_rows == rows(source)
    assert ds.dataset(source["posts"]).count_rows() == rows(source)


def test_pandas(source):
    if hasattr(pd.DataFrame, "from_arrow"):  # new in pandas 3
        assert len(pd.DataFrame.from_arrow(source)) == rows(source)
    assert len(pa.table(source).to_pandas()) == rows(source)
    assert len(source.sql("select * from users").df()) == rows(source, "users")


def test_duckdb(source):
    posts, users = source["posts"], source["users"]
    found = duckdb.sql("select count(*) from posts p join users u on u.id = p.author_id where p.lang is not null")
    assert found.fetchall() == source.sql(
        "select count(*) from posts p join users u on u.id = p.author_id where p.lang is not null").fetchall()
    assert duckdb.sql("select count(*) from source").fetchall() == [(rows(source),)]
    assert len(posts), len(users)


def test_a_duckdb_connection_sees_every_table(source):
    connection = source.connect()
    assert {name for (name,) in connection.execute("select view_name from duckdb_views() where not internal").fetchall()
            if not name.startswith("_")} == set(TABLES)
    assert connection.execute("select count(*), current_setting('TimeZone') from posts").fetchall() == [
        (rows(source), "UTC")]
    connection.execute("create table mine as select id from posts")  # one's own tables beside them
    assert connection.execute("select count(*) from mine").fetchall() == [(rows(source),)]
    connection.close()


def test_polars_and_duckdb_read_a_compacted_archives_files(archive):
    files = str(archive.path / "tables" / "posts" / "*.parquet")
    assert pl.scan_parquet(files).select(pl.len()).collect().item() == rows(archive)
    assert duckdb.sql(f"select count(distinct id) from '{files}'").fetchall() == [(rows(archive),)]


JUPYSQL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
import xframes as xf

shell = InteractiveShell.instance()
shell.run_cell("%load_ext sql").raise_error()
compacted, sample, fresh = sys.argv[1:]
for source in (xf.Archive(compacted), xf.flatten(xf.read_pages(sample)), xf.Archive(fresh)):
    shell.user_ns["connection"] = source.connect()
    for line in (f"%sql connection --alias {type(source).__name__}",
                 "answer = %sql select id, plain_text from posts order by id, page_id", "found = answer.DataFrame()"):
        shell.run_cell(line).raise_error()
    found = shell.user_ns["found"]
    print(type(source).__name__, list(found.columns), len(found), found["id"].iloc[0])
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sql") is None, reason="JupySQL is not installed: pip install '.[test]'")
def test_jupysql(frames, archive, tmp_path):
    """In a process of its own: it tells its makers of its use unless told not to, and keeps files in the home folder."""
    environment = {"PLOOMBER_STATS_ENABLED": "false", "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython")}
    with xf.Archive(tmp_path / "fresh") as fresh:
        fresh.import_pages(SAMPLE)
    command = [sys.executable, "-c", JUPYSQL, str(archive.path), str(SAMPLE), str(fresh.path)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300,
                           env=os.environ | environment)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count(f"Archive ['id', 'plain_text'] {rows(archive)} ") == 2
    for source in (frames, archive):
        first = source.sql("select min(id) from posts").fetchall()[0][0]
        assert f"{type(source).__name__} ['id', 'plain_text'] {rows(source)} {first}\n" in shown.stdout
