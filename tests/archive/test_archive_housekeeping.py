"""Housekeeping changes no answer: compacting, rebuilding; and looking over finds all damage."""

import json
import os
import re
import shutil

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.archives import EVERYTHING, Server, contents, names, page, post, search
from xframes.archive import Archive
from xframes.archive.upkeep import lifecycle
from xframes.errors import ArchiveError, Interrupted, Unavailable
from xframes.schema import STORED, TABLES


@pytest.fixture
def archive(tmp_path):
    with Archive(tmp_path / "archive") as made:
        yield made


# housekeeping --------------------------------------------------------------------------------------------------------


def fill(archive, times=3):
    """Some history: posts seen again, users too, an interrupted run, an import."""
    for i in range(times):
        posts = [post(n, public_metrics={"like_count": i}, entities={"hashtags": [{"tag": f"t{i}", "start": 0, "end": 1}]})
                 for n in range(i, i + 10)]
        archive.add(page(*posts, seconds=i, params=EVERYTHING if i % 2 else {}))
    with pytest.raises(Interrupted):
        archive.collect(search(), Server(pages=5, failures={2: Unavailable("gone")}))


@pytest.mark.slow
def test_compaction_changes_no_answer_and_leaves_sorted_unique_files(archive):
    fill(archive)
    before = contents(archive)
    archive.compact()
    assert all(before[name].equals(table) for name, table in contents(archive).items())
    for name in STORED:
        files = names(archive.path / "tables" / name)
        assert len(files) == (1 if before[name].num_rows else 0)
        assert all(f.startswith("base-") for f in files)
    (base,) = (archive.path / "tables" / "posts").glob("*.parquet")
    created = pq.read_table(base)["created_at"].to_pylist()
    assert created == sorted(created)
    assert len(names(archive.path / "pages")) == 1
    assert archive.verify().ok
    archive.compact()  # nothing to do: nothing is rewritten
    assert base.exists()
    archive.add(page(post(1000), post(3), seconds=50))
    assert archive.tables["posts"] == before["posts"].num_rows + 1
    archive.compact()
    assert archive.tables["posts"] == before["posts"].num_rows + 1
    assert archive.verify().ok


@pytest.mark.slow
def test_many_parts_are_put_together_without_being_asked(archive, monkeypatch):
    monkeypatch.setattr(lifecycle, "MOST_PARTS", 4)
    for i in range(12):
        archive.add(page(post(i), seconds=i))
        assert len(names(archive.path / "tables" / "posts")) <= 5
        assert len(names(archive.path / "pages")) <= 5
    assert archive.tables["posts"] == 12
    assert archive.verify().ok


def test_few_fresh_rows_are_put_together_without_rewriting_a_large_table(archive, monkeypatch):
    archive.add(page(*(post(i, text=os.urandom(400).hex()) for i in range(300))))
    archive.compact()
    base = names(archive.path / "tables" / "posts")
    monkeypatch.setattr(lifecycle, "MOST_PARTS", 3)
    monkeypatch.setattr(lifecycle, "FRESH_SHARE", 1)
    for i in range(5):
        archive.add(page(post(i, text="new"), seconds=i + 1))
    files = names(archive.path / "tables" / "posts")
    assert set(base) < set(files)
    assert len(files) <= 4
    assert archive.sql("select count(*), count(*) filter (text = 'new') from posts").fetchall() == [(300, 5)]


def test_files_stay_as_long_as_another_process_reads_them(archive):
    archive.add(page(post(1)))
    archive.add(page(post(2), seconds=1))
    other = Archive(archive.path)
    relation = other.sql("select count(*) from posts")
    archive.compact()
    old = [n for n in names(archive.path / "tables" / "posts") if n.startswith("part-")]
    assert len(old) == 2
    assert relation.fetchall() == [(2,)]
    assert archive.verify().ok
    assert archive.tables["posts"] == 2
    del relation
    archive.add(page(post(3), seconds=2))
    archive.compact()
    assert len(names(archive.path / "tables" / "posts")) == 1
    assert other.tables["posts"] == 3
    other.close()


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_rebuild_gives_the_same_tables_from_the_pages_alone(archive, processes):
    fill(archive)
    before = contents(archive)
    archive.compact()
    archive.rebuild(processes=processes)
    assert all(before[name].equals(table) for name, table in contents(archive).items())
    # Nothing but the pages is left.
    archive.close()
    for path in sorted((archive.path / "tables").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (archive.path / "journal.sqlite").unlink()
    fresh = Archive(archive.path)
    fresh.rebuild()
    assert all(before[name].equals(table) for name, table in contents(fresh).items())
    assert fresh.runs()["state"].tolist() == ["done"] * 3 + ["interrupted"]
    assert fresh.run(fresh.runs()["run_id"][0]).pages == 1
    assert fresh.verify().ok


@pytest.mark.slow
def test_a_rebuild_cut_short_before_its_tables_are_whole_changes_nothing(archive, monkeypatch):
    archive.add(page(post(1)))
    before = contents(archive)

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("xframes.archive.upkeep.rebuild.swap_tables", dies)
    with pytest.raises(KeyboardInterrupt):
        archive.rebuild()
    again = Archive(archive.path)
    assert all(before[name].equals(table) for name, table in contents(again).items())
    assert again.verify().ok


@pytest.mark.parametrize("placed", [0, 1])
def test_a_rebuild_cut_short_while_its_tables_appear_is_completed(archive, placed):
    """After the intent every file may be in its place or not: the next process completes the rest."""
    archive.add(page(post(1)))
    before = contents(archive)
    home, temp = archive.path / "tables" / "posts", archive.path / ".tmp"
    (old,) = home.glob("part-*.parquet")
    moves = {f"{'a' * 20}.parquet": f"part-{'a' * 20}.parquet", f"{'b' * 20}.json": f"replaced-{'b' * 20}.json"}
    shutil.copy(old, temp / f"{'a' * 20}.parquet")
    (temp / f"{'b' * 20}.json").write_text(json.dumps([old.name]))
    (temp / f"commit-{'c' * 20}.json").write_text(json.dumps([[n, f"tables/posts/{f}"] for n, f in moves.items()]))
    for name, final in list(moves.items())[:placed]:
        (temp / name).rename(home / final)
    again = Archive(archive.path)
    assert all(before[name].equals(table) for name, table in contents(again).items())
    assert [p.name for p in again._folder.files("posts").all] == [f"part-{'a' * 20}.parquet"]
    assert not list(temp.glob("commit-*"))
    assert again.verify().ok


def test_a_rebuild_that_cannot_read_a_page_file_changes_nothing(archive):
    archive.add(page(post(1)))
    archive.add(page(post(2), seconds=1))
    (first, _) = sorted((archive.path / "pages").glob("*.parquet"))
    first.write_bytes(first.read_bytes()[:200])
    with pytest.raises(ArchiveError, match=re.escape(str(first))):
        archive.rebuild()
    assert archive.tables["posts"] == 2


# looking over --------------------------------------------------------------------------------------------------------


def kinds(archive):
    return sorted({f.kind for f in archive.verify().findings})


def part(archive, table):
    return next((archive.path / "tables" / table).glob("*.parquet"))


@pytest.mark.slow
def test_verify_finds_what_was_changed_lost_or_damaged(archive):
    fill(archive)
    assert kinds(archive) == []
    report = archive.verify()
    assert (report.pages, report.ok, len(report.frame())) == (5, True, 0)
    # A page's body changed.
    path = next((archive.path / "pages").glob("*.parquet"))
    kept = path.read_bytes()
    table = pq.read_table(path)
    at = table.schema.get_field_index("body")
    pq.write_table(table.set_column(at, "body", pa.array([b"{}"] * table.num_rows, pa.binary())), path)
    assert kinds(archive) == ["changed_page"]
    path.write_bytes(kept[:-100])
    assert kinds(archive) == ["unreadable_file"]
    path.unlink()
    assert kinds(archive) == ["missing_page"]
    path.write_bytes(kept)
    # Table files: one lost, one cut, one with a flipped bit, one of something else.
    lost = part(archive, "requests")
    kept = lost.read_bytes()
    lost.unlink()
    assert kinds(archive) == ["missing_rows"]
    lost.write_bytes(kept)
    cut = part(archive, "users")
    kept = cut.read_bytes()
    cut.write_bytes(kept[: len(kept) // 2])
    assert kinds(archive) == ["unreadable_file"]
    flipped = bytearray(kept)
    flipped[len(kept) // 4] ^= 0xFF
    cut.write_bytes(flipped)
    assert kinds(archive) in (["unreadable_file"], ["checksum"])  # as pyarrow can read it or not
    pq.write_table(pa.table({"id": [1], "observed_at": ["x"], "page_id": ["y"]}), cut)
    assert kinds(archive) == ["missing_page", "schema"]
    cut.write_bytes(kept)
    # Compacted files whose keys are not unique.
    archive.compact()
    base = part(archive, "posts")
    unnamed = base.with_name("-".join(base.stem.split("-")[:3]) + ".parquet")  # without its checksum, as the first had
    base.rename(unnamed)
    pq.write_table(pa.concat_tables([pq.read_table(unnamed)] * 2), unnamed)
    assert kinds(archive) == ["repeated_key"]
    assert "posts" in repr(archive.verify())
    archive.rebuild()
    assert kinds(archive) == []
    archive.close()
    (archive.path / "journal.sqlite").write_bytes(b"not a database, not at all, and long enough to be seen as none")
    with pytest.raises(ArchiveError, match="journal"):
        archive.tables  # noqa: B018  # the reading is the point


def test_a_damaged_table_leaves_the_others_usable(archive):
    archive.add(page(post(1)))
    part(archive, "users").write_bytes(b"PAR1 and nothing else")
    assert archive.sql("select count(*) from posts").fetchall() == [(1,)]
    with pytest.raises(duckdb.Error, match=r"users.*verify"):
        archive.sql("select * from users").fetchall()
    archive.rebuild()
    assert archive.sql("select count(*) from users").fetchall() == [(1,)]


def test_files_of_an_older_version_lack_columns_and_are_read(archive):
    archive.add([page(post(1)), page(post(2), seconds=1)])
    for step in (lambda: None, archive.compact):
        step()
        path = part(archive, "posts")
        pq.write_table(pq.read_table(path).drop_columns(["card_uri"]), path)
        again = Archive(archive.path)
        assert again["posts"].schema.equals(TABLES["posts"].schema)
        assert again.tables["posts"] == 2
        again.close()
    archive.add(page(post(2), post(3), seconds=2))
    archive.compact()
    assert archive.tables["posts"] == 3
