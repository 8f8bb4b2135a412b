"""Archives in object storage, here in memory: what is put where and when, and what becomes of damage."""

import json

import duckdb
import pytest

from xframes.archive import Archive
from xframes.archive.ingest.journal import open_journal
from xframes.errors import ArchiveError
from xframes.wire import Page

from .objects import NOW, fsspec, ids, objects, page


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
    with pytest.raises(ArchiveError, match=r"memory://data/one.*99.*xframes 9\.9"):
        Archive("memory://data/one")


def test_a_prefix_that_holds_something_else_is_refused():
    fsspec.filesystem("memory").pipe_file("/data/one/photos/cat.jpg", b"miau")
    with pytest.raises(ArchiveError, match="memory://data/one"):
        Archive("memory://data/one")


def test_pages_come_before_rows_and_what_hides_files_last(monkeypatch):
    """Whatever moment another machine looks at, no row lacks its page, and no file is hidden before its successor."""
    put = []
    store = type(fsspec.filesystem("memory"))
    true = store.put_file
    monkeypatch.setattr(store, "put_file", lambda self, path, key: (put.append(key.partition("/one/")[2]), true(self, path, key)))
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


@pytest.mark.slow
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
    broken.remove(post_ids=["1"], reason="field_params")
    assert "/damaged/" not in "".join(objects())


def test_removal_takes_every_byte_out_of_every_object():
    archive = Archive("memory://data/one")
    for n in range(3):
        archive.add(page(n, text="unmistakable"))
    archive.compact()  # what it replaced still stands there
    archive.remove(user_ids=["8"], reason="field_params")
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


@pytest.mark.slow
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
    local.remove(user_ids=["8"], reason="field_params")
    remote.merge(local)
    assert len(ids(remote)) == 10


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
    store, count = type(fsspec.filesystem("memory")), []
    true = store.put_file

    def fails(self, path, key):
        count.append(key)
        if len(count) > 2:
            raise OSError("the network is gone")
        true(self, path, key)

    with monkeypatch.context() as broken:
        broken.setattr(store, "put_file", fails)
        with pytest.raises(ArchiveError, match=r"memory://data/one.*OSError: the network is gone"):
            archive.add(page(2))
    again = Archive("memory://data/one")
    assert len(ids(again)) == 20
    assert again.verify().ok
    assert not list(again._folder.temp.iterdir())


@pytest.mark.slow
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
    from xframes.archive.upkeep import health

    archive = Archive("memory://data/one")
    archive.add(page(1))
    assert repr(archive).startswith("<Archive memory://data/one: at most posts 10,")
    archive.compact()
    assert repr(archive).startswith("<Archive memory://data/one: posts 10,")
    archive.remove(user_ids=["8"], reason="field_params")
    assert not archive._folder.new_tombstones
    assert {state for _, state, _, _ in health.signs("memory://data/one") if state != "ok"} <= {"warn"}
    other = Archive(tmp_path / "local")
    other.add(page(1))
    other.merge("memory://data/one")
    assert not ids(other)
    assert archive.export(tmp_path / "out", tables=["posts"])
    two = Archive("memory://data/two")
    with pytest.raises(ArchiveError, match="data/two"):
        two.connect()
    two.add(page(2))
    connection = two.connect()
    assert connection.sql("SELECT count(*) FROM posts").fetchall() == [(10,)]
