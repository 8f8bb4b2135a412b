"""Archives in a bucket, which Python workers read through fsspec where Spark lacks the library for the store."""

import pytest

import xframes as xf
from tests.spark.states import assert_same, fill
from xframes.archive.upkeep import settling

pytest.importorskip("moto", reason="moto is not installed")
pytest.importorskip("s3fs", reason="s3fs is not installed")


@pytest.fixture
def store():
    from tests.spark.jobs.copying_store import serving

    with serving() as made:
        yield made


def test_views_and_the_data_source_through_fsspec(spark, store, monkeypatch):
    import xframes.spark
    from tests.spark.jobs.copying_store import tell_workers

    tell_workers(spark, store)
    monkeypatch.setattr(settling, "WORTH_BYTES", 0)
    url = "s3://jobs/read"
    archive = xf.Archive(url)
    fill(archive, 1)
    assert archive._folder.files("posts").settled.dead["posts"]
    xframes.spark.register(spark, url)
    for name in ("posts", "post_hashtags", "results"):
        assert_same(spark.table(name), archive, name)
    spark.dataSource.register(xframes.spark.XframesDataSource)
    users = spark.read.format("xframes").option("table", "users").load(url)
    assert_same(users, archive, "users")
