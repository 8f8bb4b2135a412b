"""Archives in a real S3-speaking server on loopback whose requests are counted."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

import xframes as xf
from tests.browsing.conftest import Browser
from xframes.archive import Archive
from xframes.browsing import start
from xframes.errors import ArchiveError, Interrupted

from .objects import ids, machine, page

pytestmark = pytest.mark.slow


class S3:
    """A server that speaks S3 on loopback; `field_params` are its requests, `before` is called with the number of each put."""

    def __init__(self):
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log(self, *_):
                pass

        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.field_params = []
        self.before = None
        self.refuses = ()  # kinds of requests

    def __call__(self, environ, start_response):
        kind = "LIST" if "list-type" in environ["QUERY_STRING"] else environ["REQUEST_METHOD"]
        self.field_params.append(kind)
        if self.before:
            self.before(kind)
        if kind in self.refuses:
            start_response("403 Forbidden", [("Content-Length", "0")])
            return []
        return self._app(environ, start_response)

    def counted(self):
        found = Counter(self.field_params)
        self.field_params.clear()
        return found

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("moto", reason="moto is not installed")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ACCESS_KEY_ID": "invented", "AWS_SECRET_ACCESS_KEY": "invented-word",
                            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}.items():
            patch.setenv(name, value)
        made = S3()
        patch.setenv("AWS_ENDPOINT_URL", made.url)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem(use_listings_cache=False).makedirs("data", exist_ok=True)  # moto keeps it between two servers
        yield made
        s3fs.S3FileSystem.clear_instance_cache()
        made.stop()


@pytest.fixture
def s3(server, request):
    server.before, server.refuses = None, ()
    server.counted()
    server.place = f"s3://data/{request.node.name.strip('[]').replace('[', '-')}"
    return server


@pytest.fixture(scope="module")
def x():
    with xf.sandbox.start(posts=3000, rate_limits=False, now=datetime(2026, 3, 1, 12, tzinfo=UTC)) as made:
        yield made


def client(x):
    return xf.Client(bearer_token=x.bearer_token, base_url=x.url)


def test_a_whole_life_on_s3(s3, x, tmp_path):
    with Archive(tmp_path / "local") as local, Archive(s3.place) as archive:
        run = xf.search.recent("a", limit=200, into=archive, client=client(x))
        assert run.rows == 200
        xf.search.recent("a", limit=200, into=local, client=client(x))
        assert archive.tables["posts"] == local.tables["posts"]
        assert set(run.frames().posts["id"]) == ids(archive)
        s3.counted()
        assert archive.sql("SELECT count(*) FROM posts").fetchall() == [(local.tables["posts"],)]
        assert s3.counted()["LIST"] == 1
        archive.compact()
        archive.compact()
        archive.rebuild()
        assert ids(archive) == ids(local)
        gone = min(ids(local))
        for some in (archive, local):
            some.remove(post_ids=[gone], reason="field_params")
        assert ids(archive) == ids(local)
        local.merge(archive)
        archive.merge(local)
        assert ids(archive) == ids(local)
        assert gone not in ids(archive)
        assert archive.verify().ok
    assert len(ids(Archive(s3.place))) == len(ids(local))


def test_requests_of_flushes_and_queries_are_bounded(s3):
    archive = Archive(s3.place)
    archive.add(page(1))
    s3.counted()
    archive.add(page(2))
    added = s3.counted()
    assert added["LIST"] <= 1  # to see whether there are too many parts
    assert added["PUT"] <= 12
    assert not added["DELETE"]
    for _ in range(3):
        archive.sql("SELECT count(*) FROM posts JOIN users ON users.id = author_id").fetchall()
    asked = s3.counted()
    assert asked["LIST"] == 3
    assert not asked["HEAD"]
    assert asked["GET"] <= len(archive._folder.storage._sizes)  # each object once at most
    s3.counted()
    assert len(archive.frame("posts")) == 20
    assert set(s3.counted()) == {"LIST"}  # nothing is read twice


def test_what_s3_refuses_is_one_readable_error(s3):
    archive = Archive("s3://no-such-bucket/one")
    with pytest.raises(ArchiveError, match="s3://no-such-bucket/one") as caught:
        archive.add(page(1))
    assert "invented" not in str(caught.value)


def test_two_machines_write_at_once(s3, tmp_path, monkeypatch):
    errors = []

    def write(archive, numbers):
        try:
            for n in numbers:
                archive.add(page(n))
            archive.compact()
        except Exception as error:  # noqa: BLE001  # told by the test
            errors.append(error)

    archives = []
    for name in ("one", "two"):
        with machine(monkeypatch, tmp_path, name):
            archives.append(Archive(s3.place))
    threads = [threading.Thread(target=write, args=(archive, range(i, 6, 2))) for i, archive in enumerate(archives)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for archive in (*archives, Archive(s3.place)):
        assert len(ids(archive)) == 60
    assert archives[0].verify().ok


PROGRAM = """
import sys, xframes as xf
with xf.Archive(sys.argv[1]) as archive:
    client = xf.Client(base_url=sys.argv[2], bearer_token=sys.argv[3])
    xf.search.recent("a", limit=200, into=archive, client=client)
    xf.search.recent("a -zebra", limit=200, into=archive, client=client)
    archive.compact()
"""


@pytest.mark.parametrize("moment", [20])
def test_killed_at_a_put_and_gone_on(s3, x, moment):
    """A process dies in the middle of its puts; whoever opens the archive on that machine ends what it began."""
    puts = []

    def kill(kind):
        if kind == "PUT":
            puts.append(kind)
            if len(puts) == moment:
                os.kill(worker.pid, signal.SIGKILL)
                time.sleep(0.1)

    s3.before = kill
    worker = subprocess.Popen([sys.executable, "-c", PROGRAM, s3.place, x.url, x.bearer_token])
    assert worker.wait(timeout=120) == -signal.SIGKILL
    s3.before = None
    archive = Archive(s3.place)
    for run in archive.runs().itertuples():
        assert archive.resume(run.run_id, client(x)).state == "done"
        assert len(archive.sql("SELECT * FROM matches WHERE run_id = ?", [run.run_id]).fetchall()) == 200
    assert archive.verify().ok
    archive.compact()
    assert archive.verify().ok
    assert not [entry for entry in archive._folder.temp.iterdir() if entry.name.startswith("commit-")]


def test_a_collection_goes_on_when_the_store_is_back(s3, x):
    archive = Archive(s3.place)
    archive.add(page(1))
    s3.refuses = {"PUT", "POST"}
    with pytest.raises((ArchiveError, Interrupted)):
        xf.search.recent("a", limit=200, into=archive, client=client(x))
    s3.refuses = ()
    (run,) = [r.run_id for r in archive.runs().itertuples() if r.run_id.startswith("run-")]
    assert archive.resume(run, client(x)).state == "done"
    assert len(archive.sql("SELECT * FROM matches WHERE run_id = ?", [run]).fetchall()) == 200
    assert archive.verify().ok


def test_earlier_versions_of_what_was_removed_go_too(s3):
    import s3fs

    fs = s3fs.S3FileSystem(use_listings_cache=False)
    fs.mkdir("versioned")
    fs.call_s3("put_bucket_versioning", Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    with Archive("s3://versioned/one") as archive, Archive("s3://versioned/one-more") as beside:
        archive.add(page(1))
        beside.add(page(1))
        beside.compact()
        archive.compact()
        archive.remove(post_ids=["1000"], reason="why")
    listed = fs.call_s3("list_object_versions", Bucket="versioned")
    versions = [v["Key"] for v in listed["Versions"]]
    assert len(versions) == len(set(versions))
    assert all(v["IsLatest"] for v in listed["Versions"])
    assert not [m for m in listed.get("DeleteMarkers", ()) if m["Key"].startswith("one/")]
    assert sorted(fs.find("versioned")) == sorted(f"versioned/{key}" for key in versions)


def test_an_archive_on_s3_is_browsed(s3, x):
    """The SQL of its user runs in a process that has its tables as files."""
    with Archive(s3.place) as archive:
        xf.search.recent("a", limit=200, into=archive, client=client(x))
        post_id, page_id, number = archive.sql("SELECT min(id), any_value(page_id), count(*) FROM posts").fetchall()[0]
        with start(archive) as server:
            browser = Browser(server)
            assert archive.path.name in browser.first.text
            assert f"{number:,} rows" in browser.text("/table/posts")
            assert post_id in browser.text(f"/post/{post_id}")
            assert "result_count" in browser.text(f"/page/{page_id}")
            run_id = archive.runs()["run_id"][0]
            assert "/page/" in browser.text(f"/run/{run_id}")
            assert f"<bdi>{number:,}</bdi>" in browser.text("/sql?q=select+count(*)+from+posts")
            assert browser.get("/download/table/posts.csv").text.count("\n") >= number
            for query in ("from 's3://data/x'", "from read_parquet('s3://data/**')", "from glob('s3://data/**')"):
                assert browser.get("/sql", params={"q": query}).status_code == 400
            archive.remove(post_ids=[post_id], reason="a request")
            assert browser.get(f"/post/{post_id}").status_code == 404
            assert f"<bdi>{number - 1:,}</bdi>" in browser.text("/sql?q=select+count(*)+from+posts")
