"""Archives in object storage: in memory, and in a real S3-speaking server on loopback whose requests are counted."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

import xframes as xf
from xframes.archive import Archive, bucket, compaction, folder
from xframes.archive.journal import open_journal
from xframes.archive.places import Content
from xframes.errors import ArchiveError, Interrupted
from xframes.wire import Page, Request

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def page(number, size=10, text="post"):
    posts = [{"id": str(number * 1000 + i), "text": f"{text} {number} {i}", "author_id": str(7 + number % 3), "lang": "en",
              "created_at": "2026-02-01T12:00:00.000Z"} for i in range(size)]
    users = [{"id": str(7 + n), "name": f"Ada {n}", "username": f"ada_{n}"} for n in range(3)]
    body = {"data": posts, "includes": {"users": users}, "meta": {"result_count": size}}
    request = Request("GET", "/2/tweets/search/recent", {"query": f"cats {number}"}, "search.recent")
    return Page(request, json.dumps(body).encode(), NOW + timedelta(seconds=number))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFRAMES_JOURNALS", str(tmp_path / "journals"))
    fsspec.filesystem("memory").store.clear()
    return tmp_path / "journals"


@contextmanager
def machine(monkeypatch, tmp_path, name):
    """Another machine: it shares the bucket, and neither journal nor locks."""
    with monkeypatch.context() as there:
        there.setenv("XFRAMES_JOURNALS", str(tmp_path / name))
        yield


def ids(archive):
    return {row[0] for row in archive.sql("SELECT id FROM posts").fetchall()}


def objects():
    return sorted(name for name in fsspec.filesystem("memory").find("/data"))


def replaced(names):
    return [name for name in names if "/replaced-" in name]


# in memory -----------------------------------------------------------------------------------------------------------


def test_what_is_added_is_there_for_whoever_opens_the_url(tmp_path, home):
    with Archive("memory://data/one") as archive:
        archive.add([page(n) for n in range(3)])
        assert len(ids(archive)) == 30
    with Archive("memory://data/one/") as again:
        assert str(again.path) == "memory://data/one"
        assert len(ids(again)) == 30
        assert [p.body for p in again.pages()] == [page(n).body for n in range(3)]
        assert again.verify().ok
        assert again.frame("users")["username"].tolist() == ["ada_0", "ada_1", "ada_2"]
    (local,) = home.iterdir()
    assert (local / "archive.txt").read_text() == "memory://data/one\n"
    assert not list((local / ".tmp").iterdir())
    assert {name.split("/")[3] for name in objects()} == {"pages", "tables", "xframes.json"}


def test_the_format_file_is_first_and_a_newer_format_is_refused():
    order = []
    Archive("memory://data/one").add(page(1))
    memory = fsspec.filesystem("memory")
    order = sorted(memory.store, key=lambda name: memory.store[name].created)
    assert order[0] == "/data/one/xframes.json"
    memory.pipe_file("/data/one/xframes.json", json.dumps({"format_version": 99, "writer_version": "9.9"}).encode())
    with pytest.raises(ArchiveError, match=r"memory://data/one has archive format 99, made by xframes 9\.9"):
        Archive("memory://data/one")


def test_a_prefix_that_holds_something_else_is_refused():
    fsspec.filesystem("memory").pipe_file("/data/one/photos/cat.jpg", b"miau")
    with pytest.raises(ArchiveError, match="not an xframes archive"):
        Archive("memory://data/one")


def test_pages_come_before_rows_and_what_hides_files_last(monkeypatch):
    """Whatever moment another machine looks at, no row lacks its page, and no file is hidden before its successor."""
    put = []
    true = bucket.Bucket._put
    monkeypatch.setattr(bucket.Bucket, "_put", lambda self, move: (put.append(move[1].key), true(self, move)))
    archive = Archive("memory://data/one")
    archive.add(page(1))
    archive.add(page(2))
    kinds = [key.split("/")[0] for key in put]
    assert kinds[0] == "xframes.json"
    assert "tables" in kinds
    for flush in "|".join(kinds[1:]).split("pages")[1:]:
        assert set(flush.strip("|").split("|")) == {"tables"}
    put.clear()
    archive.rebuild()
    names = [key.rpartition("/")[2] for key in put]
    first = next(i for i, name in enumerate(names) if name.startswith("replaced-"))
    assert first
    assert all(name.startswith("replaced-") for name in names[first:])


def test_compacting_hides_what_it_replaced_and_deletes_it_when_other_machines_are_done():
    now = [NOW]
    archive = Archive("memory://data/one", now=lambda: now[0])
    for n in range(3):
        archive.add(page(n))
    before = objects()
    archive.compact()
    assert set(before) < set(objects())
    assert replaced(objects())
    assert len(ids(archive)) == 30
    assert len(archive._folder.files("posts").all) == 1
    now[0] += HOUR
    archive.compact()
    assert not replaced(objects())
    assert not [name for name in objects() if "/part-" in name and "/tables/" in name]
    assert len(ids(archive)) == 30
    assert archive.verify().ok


def test_a_damaged_object_is_set_aside_and_the_tables_made_anew():
    archive = Archive("memory://data/one")
    for n in range(3):
        archive.add(page(n))
    archive.compact()
    memory = fsspec.filesystem("memory")
    for name in objects():
        if "/tables/posts/base" in name:
            memory.pipe_file(name, b"no parquet at all")
    broken = Archive("memory://data/one")
    assert not broken.verify().ok
    with pytest.raises(duckdb.Error, match="verify"):
        broken.sql("SELECT id FROM posts").fetchall()
    report = broken.verify(repair=True)
    assert report.ok, report
    assert "/damaged/tables/posts/base" in "".join(objects())
    assert len(ids(broken)) == 30
    broken.remove(post_ids=["1"], reason="asked")
    assert "/damaged/" not in "".join(objects())


def test_a_rebuild_keeps_what_another_machine_writes_meanwhile(tmp_path, monkeypatch):
    archive = Archive("memory://data/one")
    archive.add(page(1))
    with machine(monkeypatch, tmp_path, "other"):
        other = Archive("memory://data/one")
    from xframes.archive import importing
    true = importing.swap_tables

    def late(*arguments):
        other.add(page(2))
        true(*arguments)

    monkeypatch.setattr(importing, "swap_tables", late)
    archive.rebuild()
    assert len(ids(archive)) == len(ids(other)) == 20
    assert archive.verify().ok


def test_removal_takes_every_byte_out_of_every_object():
    archive = Archive("memory://data/one")
    for n in range(3):
        archive.add(page(n, text="unmistakable"))
    archive.compact()  # what it replaced still stands there
    archive.remove(user_ids=["8"], reason="asked")
    assert len(ids(archive)) == 20
    memory = fsspec.filesystem("memory")
    import io

    import pyarrow.parquet as pq
    for name in objects():
        if name.endswith(".parquet"):
            text = str(pq.read_table(io.BytesIO(memory.cat_file(name))).to_pylist())
            assert "unmistakable 1" not in text, name
            assert "ada_1" not in text, name
    assert archive.verify().ok


def test_what_another_machine_compacts_from_before_a_removal_stays_hidden(tmp_path, monkeypatch):
    archive = Archive("memory://data/one")
    for n in range(3):
        archive.add(page(n))
    with machine(monkeypatch, tmp_path, "other"):
        other = Archive("memory://data/one")
    stale = {name: fsspec.filesystem("memory").cat_file(name) for name in objects() if "/posts/part" in name}
    archive.remove(user_ids=["8"], reason="asked")
    for i, data in enumerate(stale.values()):  # as a compaction on another machine would leave them
        fsspec.filesystem("memory").pipe_file(f"/data/one/tables/posts/base-0123456789ab{i:08x}-0000.parquet", data)
    assert len(ids(archive)) == len(ids(other)) == 20
    other.compact()
    assert len(ids(archive)) == 20
    assert archive.verify().ok


@pytest.mark.parametrize("at_once", [True, False])
def test_two_machines_compact_and_write_in_any_order(tmp_path, monkeypatch, at_once):
    """Neither sees the other's locks: both read the same parts, and the first has deleted them before the second ends."""
    monkeypatch.setattr(folder, "GRACE_SECONDS", -1.0 if at_once else 600.0)
    here = Archive("memory://data/one")
    for n in range(3):
        here.add(page(n))
    with machine(monkeypatch, tmp_path, "other"):
        there = Archive("memory://data/one")
    assert here._folder.home != there._folder.home
    true = compaction._Job.run
    crossed = []

    def crossing(job, generation):
        if not crossed:  # the other machine compacts everything, and more comes, while this one has begun
            crossed.append(generation)
            there.compact()
            there.add(page(5))
        return true(job, generation)

    monkeypatch.setattr(compaction._Job, "run", crossing)
    here.compact()
    assert crossed
    for archive in (here, there, Archive("memory://data/one")):
        assert len(ids(archive)) == 40
        assert archive.tables["users"] == 3
        assert archive.verify().ok
    here.compact()
    there.compact()
    assert len(ids(there)) == len(ids(here)) == 40
    assert here.verify().ok


def test_a_reader_that_finds_files_gone_looks_again(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "GRACE_SECONDS", -1.0)
    archive = Archive("memory://data/one")
    for n in range(3):
        archive.add(page(n))
    with machine(monkeypatch, tmp_path, "other"):
        reader = Archive("memory://data/one")
    true = bucket.Bucket.look
    looks = []

    def look(self):
        true(self)
        if self is reader._folder.bucket:
            looks.append(self)
            if len(looks) == 1:
                archive.compact()  # all that was listed is deleted before the first byte of it is read

    monkeypatch.setattr(bucket.Bucket, "look", look)
    assert len(ids(reader)) == 30
    assert 1 < len(looks) <= 4
    assert "/part-" not in "".join(n for n in objects() if "/tables/posts/" in n)
    looks.clear()
    archive.add(page(4))
    archive.add(page(5))
    assert len(list(reader.pages())) == 5
    looks.clear()
    archive.add(page(6))
    assert reader.verify().ok


def test_a_relation_is_read_after_another_machine_compacted(tmp_path, monkeypatch):
    archive = Archive("memory://data/one")
    for n in range(3):
        archive.add(page(n))
    with machine(monkeypatch, tmp_path, "other"):
        lazy = Archive("memory://data/one").sql("SELECT text FROM posts ORDER BY id")
    archive.compact()
    assert len(lazy.fetchall()) == 30


def test_merging_local_and_remote_both_ways(tmp_path):
    local, remote = Archive(tmp_path / "local"), Archive("memory://data/one")
    local.add(page(1))
    remote.add(page(2))
    assert local.merge(remote) > 0
    assert remote.merge(local) > 0
    assert remote.merge("memory://data/one") == 0
    assert ids(local) == ids(remote)
    assert len(ids(local)) == 20
    third = Archive("memory://data/two")
    assert third.merge(remote.path if isinstance(remote.path, str) else remote) > 0
    assert ids(third) == ids(local)
    for archive in (local, remote, third):
        assert archive.verify().ok
    local.remove(user_ids=["8"], reason="asked")
    remote.merge(local)
    assert len(ids(remote)) == 10


def test_flushing_lists_nothing_and_asking_lists_once(monkeypatch):
    lists = []
    true = bucket.Bucket._listed
    monkeypatch.setattr(bucket.Bucket, "_listed", lambda self: lists.append(self) or true(self))
    archive = Archive("memory://data/one")
    archive.add(page(1))
    for ask in (lambda: archive.sql("SELECT count(*) FROM posts").fetchall(), lambda: archive.tables,
                lambda: archive["posts"], lambda: list(archive.pages()), archive.verify):
        lists.clear()
        ask()
        assert len(lists) == 1
    from xframes.archive.flushing import flush
    with open_journal(archive._folder.journal) as journal:
        journal.start([("run-1", "search.recent", {}, None)], None, NOW)
        journal.append([xf.wire.Page(page(2).request, page(2).body, NOW, run_id="run-1")])
    lists.clear()
    assert flush(archive._folder)
    assert not lists
    assert len(ids(archive)) == 20


def test_a_long_listing_is_repeated_until_two_agree(monkeypatch):
    archive = Archive("memory://data/one")
    archive.add(page(1))
    monkeypatch.setattr(bucket, "_ONE_ANSWER", 3)
    lists = []
    true = bucket.Bucket._listed

    def listed(self):
        lists.append(self)
        if len(lists) == 2:
            fsspec.filesystem("memory").pipe_file("/data/one/pages/part-x.txt", b"")
        return true(self)

    monkeypatch.setattr(bucket.Bucket, "_listed", listed)
    archive._folder.look()
    assert len(lists) == 3


def test_the_views_stay_while_nothing_changes(monkeypatch):
    archive = Archive("memory://data/one")
    archive.add(page(1))
    assert len(ids(archive)) == 10
    reads = []
    true = bucket.Bucket.read
    monkeypatch.setattr(bucket.Bucket, "read", lambda self, *a: reads.append(a) or true(self, *a))
    gets = []
    memory = fsspec.filesystem("memory")
    monkeypatch.setattr(type(memory), "cat_file", lambda *a, **k: gets.append(a))
    created = []
    monkeypatch.setattr(type(archive._views), "_create", lambda *a: created.append(a))
    assert len(ids(archive)) == 10
    assert reads
    assert not gets  # what was read once is kept: objects never change
    assert not created


def test_pieces_of_an_object_are_the_objects_bytes(monkeypatch):
    monkeypatch.setattr(bucket, "_BLOCK", 7)
    monkeypatch.setattr(bucket, "_BLOCKS", 3)
    data = bytes(range(100))
    fsspec.filesystem("memory").pipe_file("/data/one/pages/x", data)
    made = bucket.Bucket("memory://data/one")
    file = Content(made, "pages/x")
    for start in range(0, 100, 3):
        for length in (0, 1, 5, 7, 20, 200):
            assert file.seek(start) == start
            assert file.read(length) == data[start:start + length]
            assert file.tell() == min(100, start + length)
    file.seek(-5, os.SEEK_END)
    buffer = bytearray(10)
    assert file.readinto(buffer) == 5
    assert bytes(buffer[:5]) == data[-5:]
    assert len(made._blocks) <= 3


def test_a_run_that_died_is_taken_up_on_its_machine(home):
    archive = Archive("memory://data/one")
    archive.add(page(1))
    with open_journal(archive._folder.journal) as journal:
        journal.start([("run-1", "search.recent", {}, None)], "run-1", NOW)
        journal.append([Page(page(2).request, page(2).body, NOW, run_id="run-1")])
    again = Archive("memory://data/one")
    assert len(ids(again)) == 20
    assert again.runs().set_index("run_id").loc["run-1", "state"] == "interrupted"


def test_a_commit_cut_short_is_completed(monkeypatch):
    archive = Archive("memory://data/one")
    archive.add(page(1))
    true, count = bucket.Bucket._put, []

    def fails(self, move):
        count.append(move)
        if len(count) > 2:
            raise OSError("the network is gone")
        true(self, move)

    with monkeypatch.context() as broken:
        broken.setattr(bucket.Bucket, "_put", fails)
        with pytest.raises(ArchiveError, match=r"memory://data/one cannot be written to: OSError: the network is gone"):
            archive.add(page(2))
    again = Archive("memory://data/one")
    assert len(ids(again)) == 20
    assert again.verify().ok
    assert not list(again._folder.temp.iterdir())


def test_a_memory_archive_is_imported_in_this_process(tmp_path):
    file = tmp_path / "pages.jsonl"
    file.write_bytes(b"\n".join(page(n).body for n in range(4)))
    archive = Archive("memory://data/one")
    (run,) = archive.import_pages(file, processes=2)
    assert run.state == "done"
    assert len(ids(archive)) == 40
    archive.rebuild(processes=2)
    assert len(ids(archive)) == 40


def test_how_it_is_and_what_it_shows(tmp_path):
    from xframes.archive import health

    archive = Archive("memory://data/one")
    archive.add(page(1))
    assert repr(archive).startswith("<Archive memory://data/one: at most posts 10,")
    archive.compact()
    assert repr(archive).startswith("<Archive memory://data/one: posts 10,")
    archive.remove(user_ids=["8"], reason="asked")
    assert not archive._folder.buried
    assert {state for _, state, _, _ in health.signs("memory://data/one") if state != "ok"} <= {"warn"}
    other = Archive(tmp_path / "local")
    other.add(page(1))
    other.merge("memory://data/one")
    assert not ids(other)
    assert archive.export(tmp_path / "out", tables=["posts"])
    connection = Archive("memory://data/two").connect()
    assert connection.sql("SELECT count(*) FROM posts").fetchall() == [(0,)]


# addresses and errors ------------------------------------------------------------------------------------------------


def test_a_url_of_this_disk_is_a_folder(tmp_path):
    Archive(tmp_path / "one").add(page(1))
    archive = Archive(f"file://{tmp_path}/one")
    assert archive.path == tmp_path / "one"
    assert len(ids(archive)) == 10


def test_a_missing_library_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ArchiveError, match=r"its extra \[gcs\]"):
        Archive("gs://bucket/one")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ArchiveError, match="install fsspec"):
        Archive("memory://data/one")


@pytest.mark.parametrize("url", ["s3://key:word@bucket/one", "s3://bucket/one?secret=word"])
def test_credentials_do_not_belong_in_the_url(url):
    with pytest.raises(ArchiveError, match="credentials") as caught:
        Archive(url)
    assert "word" not in str(caught.value)


def test_errors_show_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "an invented secret")
    archive = Archive("memory://data/one")
    archive.add(page(1))

    def refused(*_, **__):
        raise PermissionError("signature of 'an invented secret' does not match")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", refused)
    with pytest.raises(ArchiveError, match=r"memory://data/one cannot be listed: PermissionError.*\*\*\*") as caught:
        archive.sql("SELECT 1 FROM posts")
    error = caught.value
    while error:
        assert "invented" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_journal_that_has_no_place_says_which_setting_names_one(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XFRAMES_JOURNALS", str(tmp_path / "file"))
    with pytest.raises(ArchiveError, match="XFRAMES_JOURNALS"):
        Archive("memory://data/one").add(page(1))


def test_two_servers_have_two_journals(monkeypatch):
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    one = bucket.Bucket("s3://data/one")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:2")
    two = bucket.Bucket("s3://data/one/")
    assert one.home != two.home
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    assert bucket.Bucket("s3a://data/one").home == one.home


def test_the_shell_takes_urls():
    from click.testing import CliRunner

    from xframes.cli import main

    Archive("memory://data/one").add(page(1))
    found = CliRunner().invoke(main, ["sql", "select count(*) as n from posts", "--archive", "memory://data/one",
                                      "--format", "csv"])
    assert found.exit_code == 0, found.output
    assert found.output.split() == ["n", "10"]


# a real server -------------------------------------------------------------------------------------------------------


class S3:
    """A server that speaks S3 on loopback; `asked` are its requests, `before` is called with the number of each put."""

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
        self.asked = []
        self.before = None

    def __call__(self, environ, start_response):
        kind = "LIST" if "list-type" in environ["QUERY_STRING"] else environ["REQUEST_METHOD"]
        self.asked.append(kind)
        if self.before:
            self.before(kind)
        return self._app(environ, start_response)

    def counted(self):
        found = Counter(self.asked)
        self.asked.clear()
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
    server.before = None
    server.counted()
    server.place = f"s3://data/{request.node.name.strip('[]').replace('[', '-')}"
    return server


@pytest.fixture(scope="module")
def x():
    with xf.sandbox.start(posts=3000, rate_limits=False, now=datetime(2026, 3, 1, 12, tzinfo=UTC)) as made:
        yield made


def client(x):
    return xf.Client(bearer_token=x.bearer_token, base_url=x.url)


s3_test = pytest.mark.slow


@s3_test
def test_a_whole_life_on_s3(s3, x, tmp_path):
    with Archive(tmp_path / "local") as local, Archive(s3.place) as archive:
        run = xf.search.recent("a", limit=300, into=archive, client=client(x))
        assert run.rows == 300
        xf.search.recent("a", limit=300, into=local, client=client(x))
        assert archive.tables["posts"] == local.tables["posts"]
        assert set(run.frames().posts["id"]) == ids(archive)
        s3.counted()
        assert archive.sql("SELECT count(*) FROM posts").fetchall() == [(local.tables["posts"],)]
        assert s3.counted()["LIST"] == 1
        archive.compact()
        archive.compact()
        assert archive.verify().ok
        archive.rebuild()
        assert archive.verify().ok
        assert ids(archive) == ids(local)
        gone = min(ids(local))
        for some in (archive, local):
            some.remove(post_ids=[gone], reason="asked")
        assert ids(archive) == ids(local)
        local.merge(archive)
        archive.merge(local)
        assert ids(archive) == ids(local)
        assert gone not in ids(archive)
        assert archive.verify().ok
    assert len(ids(Archive(s3.place))) == len(ids(local))


@s3_test
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
    assert asked["GET"] <= len(archive._folder.bucket._sizes)  # each object once at most
    s3.counted()
    assert len(archive.frame("posts")) == 20
    assert set(s3.counted()) == {"LIST"}  # nothing is read twice


@s3_test
def test_what_s3_refuses_is_one_readable_error(s3):
    archive = Archive("s3://no-such-bucket/one")
    with pytest.raises(ArchiveError, match=r"s3://no-such-bucket/one cannot be written to: .*bucket does not exist") as caught:
        archive.add(page(1))
    assert "invented" not in str(caught.value)


@s3_test
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
    threads = [threading.Thread(target=write, args=(archive, range(i, 12, 2))) for i, archive in enumerate(archives)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for archive in (*archives, Archive(s3.place)):
        assert len(ids(archive)) == 120
    assert archives[0].verify().ok


PROGRAM = """
import sys, xframes as xf
with xf.Archive(sys.argv[1]) as archive:
    client = xf.Client(base_url=sys.argv[2], bearer_token=sys.argv[3])
    xf.search.recent("a", limit=200, into=archive, client=client)
    xf.search.recent("a -zebra", limit=200, into=archive, client=client)
    archive.compact()
"""


@s3_test
@pytest.mark.parametrize("moment", [2, 9, 30, 50, 70])
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


@s3_test
def test_a_collection_goes_on_when_the_store_is_back(s3, x, monkeypatch):
    archive = Archive(s3.place)
    archive.add(page(1))
    with monkeypatch.context() as offline:
        def refused(*_, **__):
            raise OSError("no route")
        offline.setattr(bucket.Bucket, "_put", refused)
        with pytest.raises((ArchiveError, Interrupted)):
            xf.search.recent("a", limit=200, into=archive, client=client(x))
    (run,) = [r.run_id for r in archive.runs().itertuples() if r.run_id.startswith("run-")]
    assert archive.resume(run, client(x)).state == "done"
    assert len(archive.sql("SELECT * FROM matches WHERE run_id = ?", [run]).fetchall()) == 200
    assert archive.verify().ok


@s3_test
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


@pytest.mark.parametrize("command", [["sql", "select 1"], ["runs"], ["compact"], ["verify"], ["export", "out"]])
def test_a_mistyped_url_is_told(command):
    from click.testing import CliRunner

    from xframes.cli import main

    Archive("memory://data/right").add(page(1))
    found = CliRunner().invoke(main, [*command, "--archive", "memory://data/wrong"])
    assert found.exit_code == 2, found.output
    assert "there is no archive at memory://data/wrong" in found.output
