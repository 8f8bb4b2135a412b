"""Files that are lost, cut or changed: `verify` sees each, and a repair loses nothing, however often, wherever it dies."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import zip_longest
from pathlib import Path

import pytest

import xframes as xf
from tests.archives import NOW, contents, page, post
from xframes.archive.ingest.journal import open_journal
from xframes.errors import ArchiveError
from xframes.wire import Page

ROOT = Path(__file__).parents[2]


def rich(number):
    return post(number, entities={"hashtags": [{"tag": f"t{number}", "start": 0, "end": 1}]}, public_metrics={"like_count": number})


def fill(path, *, compacted=False):
    with xf.Archive(path) as archive:
        archive.add(page(*map(rich, range(10)), errors=[{"type": "https://api.x.com/2/problems/resource-not-found", "title": "Not found",
                                                         "resource_id": "99", "value": "99", "resource_type": "tweet"}]))
        if compacted:
            archive.compact()
        archive.add(page(*map(rich, range(5, 15)), seconds=60, colour="an unknown field"))
        archive.add(page(*map(rich, range(15, 18)), seconds=120))
        archive.remove(post_ids=["3"], reason="field_params")
    return path


@pytest.fixture(scope="module", params=[False, True], ids=["fresh", "compacted"])
def filled(request, tmp_path_factory):
    return fill(tmp_path_factory.mktemp("filled") / "a", compacted=request.param)


@pytest.fixture
def path(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "a")
    return tmp_path / "a"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("filled") / "a", compacted=True)


@pytest.fixture
def mixed(whole, tmp_path):
    """A copy of an archive with compacted and fresh files, for tests that take long."""
    shutil.copytree(whole, tmp_path / "a")
    return tmp_path / "a"


def ids(archive):
    return sorted(int(i) for (i,) in archive.sql("SELECT id FROM posts").fetchall())


KEPT = [n for n in range(18) if n != 3]


# tables ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_file_of_a_table_that_is_lost_is_found_and_its_rows_come_back(mixed):
    with xf.Archive(mixed) as archive:
        before = contents(archive)
        assert archive.verify().ok
    by_table = [sorted(home.glob("*.parquet")) for home in sorted((mixed / "tables").iterdir())]
    assert sum(map(len, by_table)) > 15
    for files in zip_longest(*by_table):  # the first file of each table, then the second, ...
        copy = mixed.parent / "copy"
        shutil.copytree(mixed, copy)
        lost = [copy / file.relative_to(mixed) for file in files if file]
        for file in lost:
            file.unlink()
        with xf.Archive(copy) as archive:
            found = {(f.kind, f.where) for f in archive.verify().findings}
            assert {("missing_rows", file.parent.name) for file in lost} <= found
            assert archive.verify(repair=True).ok
            after = contents(archive, "problems")
            assert all(table.equals(before[name]) for name, table in after.items())
        shutil.rmtree(copy)


@pytest.mark.slow
def test_a_value_changed_in_a_table_is_found_and_repaired(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = min((path / "tables" / "posts").glob("part-*.parquet"))
    table = pq.read_table(file)
    at = table.schema.get_field_index("text")
    texts = pa.array(["laundered"] * table.num_rows, pa.string())
    pq.write_table(table.set_column(at, table.schema.field(at), texts), file.with_name(f"part-{'a' * 20}.parquet"))
    file.unlink()
    with xf.Archive(path) as archive:
        assert {(f.kind, f.where) for f in archive.verify().findings} == {("missing_rows", "posts")}
        assert archive.verify(repair=True).ok
        assert archive.sql("SELECT count(*) FROM posts WHERE text = 'laundered'").fetchall() == [(0,)]


@pytest.mark.slow
def test_damaged_tombstones_are_repaired_and_hide_what_they_hid(path):
    for file in (path / "tables" / "tombstones").glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-30])
    with xf.Archive(path) as archive:
        assert "tables/tombstones" in {f.where.rpartition("/")[0] for f in archive.verify().findings}
        assert archive.verify(repair=True).ok
        assert ids(archive) == KEPT


# pages ----------------------------------------------------------------------------------------------------------------


def flip(file, bit):
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << (bit % 8)
    file.write_bytes(data)


@pytest.mark.slow
def test_each_bit_flipped_in_a_file_of_pages_is_found_and_never_read(mixed):
    chance = random.Random(1)
    with xf.Archive(mixed) as archive:
        whole = {p.page_id: p for p in archive.pages()}
        for file in sorted((mixed / "pages").glob("*.parquet")):
            data = file.read_bytes()
            for bit in chance.sample(range(len(data) * 8), 2):
                flip(file, bit)
                assert {f.where for f in archive.verify().findings} == {f"pages/{file.name}"}, bit
                try:
                    for one in archive.pages():
                        assert one == whole[one.page_id]
                except ArchiveError:
                    pass
                file.write_bytes(data)
        assert archive.verify().ok


@pytest.mark.slow
def test_a_changed_page_is_not_rebuilt_not_merged_and_not_compacted(path, tmp_path):
    """Also one from which something was removed: its id cannot tell, the hash beside it can."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for file in (path / "pages").glob("*.parquet"):
        table = pq.read_table(file)
        if b"__redacted" in table["body"][0].as_py():
            break
    for column, value in (("body", b'{"data": []}'), ("params", '{"query": "dogs"}'), ("status", 500), ("run_id", "another")):
        at = table.schema.get_field_index(column)
        changed = pa.array([value] * table.num_rows, table.schema.field(at).type)
        pq.write_table(table.set_column(at, table.schema.field(at), changed).replace_schema_metadata(pq.read_schema(file).metadata),
                       path / "pages" / f"part-{'a' * 20}.parquet")
        with xf.Archive(path) as archive:
            assert ("changed_page", f"pages/part-{'a' * 20}.parquet") in {(f.kind, f.where) for f in archive.verify().findings}
            ways = [lambda: list(archive.pages())]
            if column == "body":
                ways += [archive.rebuild, archive.compact, lambda: xf.Archive(tmp_path / "b").merge(path)]
            for way in ways:
                with pytest.raises(ArchiveError, match=f"part-{'a' * 20}"):
                    way()
            assert ids(archive) == KEPT


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_rows_of_lost_pages_stay_however_often_it_is_repaired(mixed, harm):
    path = mixed
    shutil.copytree(path, path.parent / "copy")
    file = min((path / "pages").glob("*.parquet"))
    data = file.read_bytes()
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:-50] if harm == "cut" else data[:300] + bytes([data[300] ^ 1]) + data[301:])
    with xf.Archive(path) as archive:
        assert not archive.verify().ok
        for _ in range(2):
            report = archive.verify(repair=True)
            assert {f.kind for f in report.findings} == {"missing_page"}
            assert ids(archive) == KEPT
        marked = archive.sql("SELECT page_id FROM problems WHERE kind = 'missing_page'").fetchall()
        assert len(marked) == len(set(marked)) >= 1
        with pytest.raises(ArchiveError):
            archive.rebuild()
        archive.compact()
        assert ids(archive) == KEPT
        # Tables that are damaged as well come back as far as there are pages; nothing of the rest is lost.
        min((path / "tables" / "post_hashtags").glob("*.parquet")).unlink()
        archive.verify(repair=True)
        assert ids(archive) == KEPT
        archive.merge(path.parent / "copy")
        archive.rebuild()
        assert archive.verify().ok
        assert ids(archive) == KEPT


def test_of_a_damaged_file_of_pages_the_sound_ones_stay(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    with xf.Archive(tmp_path / "a") as archive:
        archive.add([page(rich(n), seconds=n) for n in range(4)])
        (file,) = (archive.path / "pages").glob("*.parquet")
        table = pq.read_table(file)
        bodies = [b.as_py() if n != 2 else b"{}" for n, b in enumerate(table["body"])]
        at = table.schema.get_field_index("body")
        changed = table.set_column(at, table.schema.field(at), pa.array(bodies, pa.binary()))
        pq.write_table(changed.replace_schema_metadata(pq.read_metadata(file).metadata), file)
        assert {f.kind for f in archive.verify().findings} == {"changed_page"}
        assert {f.kind for f in archive.verify(repair=True).findings} == {"missing_page"}
        assert len(list(archive.pages())) == 3
        assert ids(archive) == [0, 1, 2, 3]
        assert archive.runs()["page_count"].tolist() == [4]


# dying ----------------------------------------------------------------------------------------------------------------

REPAIR = """
import sys
import xframes as xf
archive = xf.Archive(sys.argv[1])
print("begun", flush=True)
archive.verify(repair=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a signal of Unix")
def test_a_repair_killed_at_any_moment_loses_nothing_and_can_be_repeated(mixed):
    chance = random.Random(2)
    for _ in range(2):
        copy = mixed.parent / "copy"
        shutil.copytree(mixed, copy)
        damaged = min((copy / "tables" / "posts").glob("*.parquet"))
        damaged.write_bytes(damaged.read_bytes()[:200])
        min((copy / "tables" / "matches").glob("*.parquet")).unlink()
        process = subprocess.Popen([sys.executable, "-c", REPAIR, str(copy)], stdout=subprocess.PIPE,
                                   env=os.environ | {"PYTHONPATH": str(ROOT)})
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.1, 1.5))
        process.kill()
        assert process.wait() in {0, -signal.SIGKILL}
        process.stdout.close()
        with xf.Archive(copy) as archive:
            assert archive.verify(repair=True).ok
            assert ids(archive) == KEPT
        shutil.rmtree(copy)


# what cannot be read --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_verify_raises_for_nothing_it_finds(mixed):
    """Damaged footers that one library reads and another does not; folders that are none."""
    chance = random.Random(3)
    with xf.Archive(mixed) as archive:
        for name in ("posts", "users", "post_hashtags", "requests"):
            file = max((mixed / "tables" / name).glob("*.parquet"))
            data = file.read_bytes()
            for _ in range(2):
                changed = bytearray(data)
                for _ in range(chance.randrange(1, 20)):
                    changed[-chance.randrange(1, min(3_000, len(data)))] ^= 1 << chance.randrange(8)
                file.write_bytes(changed)
                assert not archive.verify().ok
            file.write_bytes(data)
        assert archive.verify().ok
        for folder in ("tables/posts", "pages"):
            (mixed / folder).rename(mixed.parent / "aside")
            (mixed / folder).write_text("a file")
            assert "unreadable_folder" in {f.kind for f in archive.verify().findings}
            (mixed / folder).unlink()
            (mixed.parent / "aside").rename(mixed / folder)
        assert archive.verify().ok


# the journal ----------------------------------------------------------------------------------------------------------


def collecting(path, pages=3):
    """A journal with pages of a run that a dead process has left there."""
    xf.Archive(path).add(page(rich(50)))
    with open_journal(path / "journal.sqlite") as journal:
        journal.start([("run-old", "search.recent", {"query": "cats"}, None)], "run-old", NOW)
        for n in range(pages):
            one = page(rich(n), seconds=n)
            journal.append([Page(one.request, one.body, one.received_at, run_id="run-old")], rows=1)


@pytest.mark.parametrize("harm", ["missing", *(pytest.param(harm, marks=pytest.mark.slow) for harm in ("empty", "cut", "older"))])
def test_a_journal_that_lost_pages_is_told(tmp_path, harm):
    path = tmp_path / "a"
    journal = path / "journal.sqlite"
    xf.Archive(path).add(page(rich(60)))
    shutil.copy(journal, tmp_path / "older")
    collecting(path)
    for name in ("-wal", "-shm"):
        journal.with_name(journal.name + name).unlink(missing_ok=True)
    if harm == "cut":
        journal.write_bytes(journal.read_bytes()[:5_000])
    elif harm == "empty":
        journal.write_bytes(b"")
    else:
        journal.unlink()
        if harm == "older":
            shutil.copy(tmp_path / "older", journal)
    with xf.Archive(path) as archive:
        assert {(f.kind, f.where) for f in archive.verify().findings} == {("journal", "journal.sqlite")}
        archive.verify(repair=True)
        assert archive.verify().ok
        archive.add(page(rich(70)))
        assert ids(archive) == [50, 60, 70]


def test_the_mark_of_a_journal_goes_when_its_pages_are_in_tables(tmp_path):
    path = tmp_path / "a"
    collecting(path)
    assert (path / "journal.mark").exists()
    with xf.Archive(path) as archive:
        assert ids(archive) == [0, 1, 2, 50]
        assert not (path / "journal.mark").exists()
        (path / "journal.sqlite").unlink()
        assert archive.verify().ok
