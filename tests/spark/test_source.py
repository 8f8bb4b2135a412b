"""The data source `xframes`: tables read by Python workers have the rows that DuckDB shows."""

import pytest

import xframes as xf
from tests.archives import NOW
from tests.spark.states import assert_same, fill, mixed
from xframes.errors import ArgumentError


def read(spark, archive, table, **options):
    import xframes.spark

    spark.dataSource.register(xframes.spark.XframesDataSource)
    reader = spark.read.format("xframes").option("table", table)
    for name, value in options.items():
        reader = reader.option(name, value)
    return reader.load(str(archive.path))


def test_files_in_every_state(spark, tmp_path):
    archive = mixed(tmp_path / "a", tmp_path / "other")
    settled = archive._folder.files("posts").settled
    posts = read(spark, archive, "posts")
    assert posts.rdd.getNumPartitions() > len(settled.files["posts"])
    assert_same(posts, archive, "posts")
    for name in ("post_hashtags", "users", "results"):
        assert_same(read(spark, archive, name), archive, name)


def test_the_past(spark, tmp_path):
    archive = xf.Archive(tmp_path / "a")
    fill(archive, 1)
    when = NOW.replace(minute=4)
    assert_same(read(spark, archive, "posts", as_of=when.isoformat()), archive.as_of(when), "posts")


@pytest.mark.parametrize("options", [{"path": "a"}, {"path": "a", "table": "nothing"}, {"table": "posts"},
                                     {"path": "a", "table": "posts", "as_of": "no time"}])
def test_options_are_checked(options):
    pytest.importorskip("pyspark", reason="pyspark is not installed (extra `spark`)")
    from xframes.spark import XframesDataSource

    with pytest.raises(ArgumentError):
        XframesDataSource(options)
