"""Files that jobs stage in a bucket: invisible until they are published, and then all of them or none."""

import json

import pyarrow.parquet as pq
import pytest

from xframes.archive import Archive
from xframes.archive.storage.folder import Folder

from .objects import fsspec, ids, machine, objects, page

STAGE = f"{1_772_366_400_000:012x}" + "ab" * 8


@pytest.fixture
def staged():
    """An archive, and another whose files are staged in it: name → final path."""
    archive = Archive("memory://data/one")
    archive.add(page(1))
    other = Archive("memory://data/two")
    other.add(page(2))
    folder, moves = Folder("memory://data/one"), {}
    for number, (inside, place) in enumerate(sorted(other._folder.contents().items())):
        temp = folder.temp / f"{STAGE[:20]}{number:08x}.parquet"
        place.bucket.fetch(place.key, temp)
        assert pq.read_metadata(temp).num_rows
        folder.storage.stage(temp, STAGE)
        assert not temp.exists()
        moves[temp.name] = folder.path / inside
    return archive, folder, moves


def test_staged_files_are_no_part_of_the_archive(staged):
    archive, folder, moves = staged
    assert len(ids(archive)) == 10
    assert archive.verify().ok
    folder.publish(STAGE, moves)
    assert len(ids(archive)) == 20
    assert archive.verify().ok
    assert not [name for name in objects() if ".staging" in name]


def test_another_machine_completes_what_was_begun(staged, monkeypatch, tmp_path):
    archive, _, moves = staged
    store = fsspec.filesystem("memory")
    pairs = [[name, final.key] for name, final in moves.items()]
    store.pipe_file(f"/data/one/.staging/commit-{STAGE}.json", json.dumps(pairs).encode())
    name, final = pairs[0]  # one of them was copied and removed already
    store.mv(f"/data/one/.staging/{STAGE}/{name}", f"/data/one/{final}")
    reading = Folder("memory://data/one", only_read=True)
    reading.storage.look()
    assert {place.key for place in moves.values()} <= set(reading.contents())  # a reader who cannot write sees them
    with machine(monkeypatch, tmp_path, "other"):
        assert len(ids(Archive("memory://data/one"))) == 20
    assert not [name for name in objects() if ".staging" in name]
    assert len(ids(archive)) == 20


def test_what_names_other_files_is_refused(staged, caplog):
    archive, _, moves = staged
    name = next(iter(moves))
    for final in ("xframes.json", "../two/pages/part-0123456789ab.parquet", "journal.sqlite"):
        fsspec.filesystem("memory").pipe_file(f"/data/one/.staging/commit-{STAGE}.json", json.dumps([[name, final]]).encode())
        assert len(ids(archive)) == 10
    assert "is not used" in caplog.text


def test_stages_of_ended_jobs_are_removed(staged):
    archive, folder, moves = staged
    folder.look()
    folder.storage.forget_stages([], 1_772_366_400 + 86_400)
    assert sum(".staging" in name for name in objects()) == len(moves)
    folder.storage.forget_stages([], 1_772_366_400 + 30 * 86_400)
    assert not [name for name in objects() if ".staging" in name]
    assert len(ids(archive)) == 10
