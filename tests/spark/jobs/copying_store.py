"""The S3-speaking server of the bucket tests, which also says when an object is copied: a job publishes."""

from tests.archive.buckets.test_s3 import S3


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
