"""The S3-speaking server of the bucket tests, which also says when an object is copied: a job publishes."""

import contextlib

import pytest

from tests.archive.buckets.test_s3 import S3

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "invented", "AWS_SECRET_ACCESS_KEY": "invented-word",
               "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


class Store(S3):
    """`on_copy` is called with the number of each copy since it was set."""

    def __init__(self):
        super().__init__()
        self.on_copy = None
        self._copies = 0

    def watch(self, on_copy):
        self.on_copy, self._copies = on_copy, 0

    def __call__(self, environ, start_response):
        if self.on_copy and "HTTP_X_AMZ_COPY_SOURCE" in environ:
            self._copies += 1
            self.on_copy(self._copies)
        return super().__call__(environ, start_response)


@contextlib.contextmanager
def serving():
    """A store with the bucket `jobs`, which this process and those that it starts find by their environment."""
    import s3fs

    made = Store()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": made.url}.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem(use_listings_cache=False).makedirs("jobs", exist_ok=True)
        yield made
        s3fs.S3FileSystem.clear_instance_cache()
    made.stop()


def tell_workers(spark, store):
    """Let the Python workers of a session that runs already find the store."""
    spark.sparkContext.environment.update({**CREDENTIALS, "AWS_ENDPOINT_URL": store.url})
