"""What is asked of a bucket: no listing and no byte twice."""

import os

import xframes as xf
from xframes.archive import Archive
from xframes.archive.ingest.journal import open_journal
from xframes.archive.storage import bucket
from xframes.archive.storage.paths import Content
from xframes.sql import newest

from .objects import NOW, fsspec, ids, page


def test_flushing_lists_nothing_and_asking_lists_once(monkeypatch):
    lists = []
    store = type(fsspec.filesystem("memory"))
    true = store.find
    monkeypatch.setattr(store, "find", lambda *a, **k: lists.append(a) or true(*a, **k))
    archive = Archive("memory://data/one")
    archive.add(page(1))
    for ask in (lambda: archive.sql("SELECT count(*) FROM posts").fetchall(), lambda: archive.tables,
                lambda: archive["posts"], lambda: list(archive.pages()), archive.verify):
        lists.clear()
        ask()
        assert len(lists) == 1
    from xframes.archive.ingest.flush import flush
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
    monkeypatch.setattr(bucket.Bucket, "one_response", 3)
    lists = []
    store = type(fsspec.filesystem("memory"))
    true = store.find

    def find(*args, **options):
        lists.append(args)
        if len(lists) == 2:
            fsspec.filesystem("memory").pipe_file("/data/one/pages/part-x.txt", b"")
        return true(*args, **options)

    monkeypatch.setattr(store, "find", find)
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
    monkeypatch.setattr(newest, "view", lambda *a: created.append(a))
    assert len(ids(archive)) == 10
    assert reads
    assert not gets  # what was read once is kept: objects never change
    assert not created


def test_pieces_of_an_object_are_the_objects_bytes():
    data = bytes(range(100))
    fsspec.filesystem("memory").pipe_file("/data/one/pages/x", data)
    made = bucket.Bucket("memory://data/one")
    made.block_bytes, made.most_blocks = 7, 3
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
