"""Archives in a bucket, which Python workers read through fsspec where Spark lacks the library for the store."""

import threading

import pytest

import xframes as xf
from tests.spark.states import assert_same, fill
from xframes.archive.upkeep import settling

pytest.importorskip("moto", reason="moto is not installed")
pytest.importorskip("s3fs", reason="s3fs is not installed")


@pytest.fixture
def bucket(monkeypatch):
    import s3fs
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    values = {"AWS_ACCESS_KEY_ID": "invented", "AWS_SECRET_ACCESS_KEY": "invented-word", "AWS_DEFAULT_REGION": "us-east-1",
              "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("spark")
    yield "s3://spark/archive"
    server.shutdown()
    thread.join()
    server.server_close()
    s3fs.S3FileSystem.clear_instance_cache()


def test_views_and_the_data_source_through_fsspec(spark, bucket, monkeypatch):
    import os

    import xframes.spark

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        spark.sparkContext.environment[name] = os.environ[name]  # of the workers
    monkeypatch.setattr(settling, "WORTH_BYTES", 0)
    archive = xf.Archive(bucket)
    fill(archive, 1)
    assert archive._folder.files("posts").settled.dead["posts"]
    xframes.spark.register(spark, bucket)
    for name in ("posts", "post_hashtags", "results"):
        assert_same(spark.table(name), archive, name)
    spark.dataSource.register(xframes.spark.XframesDataSource)
    users = spark.read.format("xframes").option("table", "users").load(bucket)
    assert_same(users, archive, "users")
