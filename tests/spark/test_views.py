"""The views of an archive in Spark SQL have the rows that DuckDB shows."""

import json

import pytest

import xframes as xf
from tests.archives import NOW, page, post
from tests.spark.states import assert_same, fill, hide, mixed
from xframes.errors import ArchiveError, ArgumentError
from xframes.schema import TABLES
from xframes.spark.archive_layout import hadoop_path
from xframes.wire import Page, Request

QUERIES = [  # of the README, as DuckDB and Spark both know them
    "select lang, count(*) as posts from results group by lang order by posts desc",
    "select username, count(*) as posts, sum(like_count) as likes from results group by username",
    "select distinct referenced_post_id from post_references",
    "select id, words(text) as words, emoji(text) as emoji from posts",
    "select domain(coalesce(unwound_url, expanded_url)) as site, count(distinct post_id) as posts from post_urls group by site",
]


def shown(archive):
    return [name for name, count in archive.tables.items() if count]


def as_texts(table):
    """Rows in any order, whatever the type of a sum."""
    return sorted([str(value) for value in row.values()] for row in table.to_pylist())


def test_files_in_every_state(spark, tmp_path):
    import xframes.spark

    archive = mixed(tmp_path / "a {1} [b]", tmp_path / "other")
    assert xframes.spark.register(spark, archive.path) == list(TABLES)
    for name in [*shown(archive), "polls"]:
        assert_same(spark.table(name), archive, name)
    for query in QUERIES:
        assert as_texts(spark.sql(query).toArrow()) == as_texts(archive.sql(query).to_arrow_table()), query


def test_what_was_removed_is_hidden_before_and_after_its_purge(spark, tmp_path):
    import xframes.spark

    archive = xf.Archive(tmp_path / "a")
    fill(archive, 1)
    archive.compact()
    fill(archive, 2, 1)
    hide(archive, post_ids=["5", "7"], user_ids=["8"])
    assert archive._folder.new_tombstones
    for _ in range(2):
        xframes.spark.register(spark, archive.path)
        for name in ("posts", "post_hashtags", "users", "tombstones", "results"):
            assert_same(spark.table(name), archive, name)
        assert spark.sql("select * from posts where author_id = '8' or id in ('5', '7')").isEmpty()
        archive.purge()
    assert not archive._folder.new_tombstones


def test_the_past(spark, tmp_path):
    import xframes.spark

    archive = xf.Archive(tmp_path / "a")
    fill(archive, 1)
    fill(archive, 2)
    archive.compact()
    when = NOW.replace(minute=4)
    xframes.spark.register(spark, archive.path, as_of=when)
    then = archive.as_of(when)
    assert 0 < then.tables["requests"] < archive.tables["requests"]
    for name in ("posts", "post_hashtags", "post_references", "users", "matches", "requests", "results"):
        assert_same(spark.table(name), then, name)
    with pytest.raises(ArchiveError):
        xframes.spark.register(spark, archive.path, as_of="2001-01-01")
    with pytest.raises(ArgumentError):
        xframes.spark.register(spark, archive.path, as_of="2026-01-01T00:00:00")


def counted(start, end, token=None, next_token=None):
    rows = [{"start": f"2026-02-{day:02}T00:00:00.000Z", "end": f"2026-02-{day + 1:02}T00:00:00.000Z", "tweet_count": day}
            for day in range(start, end)]
    params = {"query": "cats", "granularity": "day", **({"next_token": token} if token else {})}
    body = {"data": rows, "meta": {"next_token": next_token} if next_token else {}}
    request = Request("GET", "/2/tweets/counts/all", params, "counts.all")
    return Page(request, json.dumps(body).encode(), NOW.replace(second=int(bool(token))), run_id="counting")


def test_periods_that_x_left_out_between_pages_of_counts_are_filled(spark, tmp_path):
    import xframes.spark

    archive = xf.Archive(tmp_path / "a")
    archive.add([counted(20, 24, next_token="t1"), counted(5, 10, token="t1")])
    assert archive.sql("select count(*) from counts where filled").fetchall()[0][0] > 0
    xframes.spark.register(spark, archive.path)
    assert_same(spark.table("counts"), archive, "counts")


def test_a_damaged_file_stops_only_queries_of_its_table(spark, tmp_path):
    import xframes.spark

    archive = xf.Archive(tmp_path / "a")
    archive.add([page(post(1))])
    (file,) = (tmp_path / "a" / "tables" / "users").glob("part-*")
    file.write_bytes(b"not Parquet")
    xframes.spark.register(spark, archive.path)
    assert spark.table("posts").count() == 1
    with pytest.raises(Exception, match="cannot be read"):
        spark.table("users").toArrow()


def test_a_folder_without_an_archive_is_refused(tmp_path):
    pytest.importorskip("pyspark", reason="pyspark is not installed (extra `spark`)")
    import xframes.spark

    with pytest.raises(ArchiveError):
        xframes.spark.register(None, tmp_path / "nothing")


@pytest.mark.parametrize(("path", "expected"), [
    ("s3://bucket/a", "s3a://bucket/a"), ("gs://bucket/a", "gs://bucket/a"), ("/tmp/a b", "file:///tmp/a b"),
    ("/tmp/{1} [b]*?\\", r"file:///tmp/\{1\} \[b\]\*\?\\"),
])
def test_hadoop_has_its_own_names_of_storages(path, expected):
    assert hadoop_path(path) == expected
