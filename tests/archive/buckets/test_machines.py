"""Several machines on one archive in object storage: none sees another's locks, and nothing is lost or comes back."""

import pytest

from xframes.archive import Archive
from xframes.archive.storage import bucket
from xframes.archive.upkeep import compaction

from .objects import HOUR, NOW, fsspec, ids, machine, objects, page, replaced


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


def test_a_rebuild_keeps_what_another_machine_writes_meanwhile(tmp_path, monkeypatch):
    archive = Archive("memory://data/one")
    archive.add(page(1))
    with machine(monkeypatch, tmp_path, "other"):
        other = Archive("memory://data/one")
    from xframes.archive.upkeep import rebuild
    true = rebuild.swap_tables

    def late(*arguments):
        other.add(page(2))
        true(*arguments)

    monkeypatch.setattr(rebuild, "swap_tables", late)
    archive.rebuild()
    assert len(ids(archive)) == len(ids(other)) == 20
    assert archive.verify().ok


@pytest.mark.slow
def test_what_another_machine_compacts_from_before_a_removal_stays_hidden(tmp_path, monkeypatch):
    archive = Archive("memory://data/one")
    for n in range(3):
        archive.add(page(n))
    with machine(monkeypatch, tmp_path, "other"):
        other = Archive("memory://data/one")
    stale = {name: fsspec.filesystem("memory").cat_file(name) for name in objects() if "/posts/part" in name}
    archive.remove(user_ids=["8"], reason="field_params")
    for i, data in enumerate(stale.values()):  # as a compaction on another machine would leave them
        fsspec.filesystem("memory").pipe_file(f"/data/one/tables/posts/base-0123456789ab{i:08x}-0000.parquet", data)
    assert len(ids(archive)) == len(ids(other)) == 20
    other.compact()
    assert len(ids(archive)) == 20
    assert archive.verify().ok


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [True, False])
def test_two_machines_compact_and_write_in_any_order(tmp_path, monkeypatch, at_once):
    """Neither sees the other's locks: both read the same parts, and the first has deleted them before the second ends."""
    monkeypatch.setattr(bucket.Bucket, "grace_seconds", -1.0 if at_once else 600.0)
    here = Archive("memory://data/one")
    for n in range(3):
        here.add(page(n))
    with machine(monkeypatch, tmp_path, "other"):
        there = Archive("memory://data/one")
    assert here._folder.home != there._folder.home
    true = compaction.write_sorted
    crossed = []

    def crossing(*arguments):
        if not crossed:  # the other machine compacts everything, and more comes, while this one has begun
            crossed.append(arguments)
            there.compact()
            there.add(page(5))
        return true(*arguments)

    monkeypatch.setattr(compaction, "write_sorted", crossing)
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
    monkeypatch.setattr(bucket.Bucket, "grace_seconds", -1.0)
    archive = Archive("memory://data/one")
    for n in range(3):
        archive.add(page(n))
    with machine(monkeypatch, tmp_path, "other"):
        reader = Archive("memory://data/one")
    true = bucket.Bucket.look
    looks = []

    def look(self):
        true(self)
        if self is reader._folder.storage:
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
