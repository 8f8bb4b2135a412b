"""An archive of a stranger: what it says about its own files is input, and nothing outside it ever changes."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xframes as xf
from tests.archives import NOW, Server, page, post, search
from tests.effort import examples
from xframes.archive.ingest.journal import open_journal
from xframes.archive.storage.folder import Folder
from xframes.errors import ArchiveError, ArgumentError, XframesError
from xframes.plan import Plan
from xframes.wire import Page

IDS = [str(n) for n in range(1, 7)]
A, B, C = "a" * 20, "b" * 20, "c" * 20


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An archive with compacted and fresh files, and a page in its journal."""
    path = tmp_path_factory.mktemp("hostile") / "a"
    with xf.Archive(path) as archive:
        archive.add(page(post(1), post(2)))
        archive.compact()
        archive.add(page(post(3), post(4), seconds=1))
    with open_journal(path / "journal.sqlite") as journal:
        journal.start([("run-old", "search.recent", {"query": "cats"}, None)], "run-old", NOW)
        one = page(post(5), post(6), seconds=2)
        journal.append([Page(one.request, one.body, one.received_at, run_id="run-old")], rows=2)
    return path


@pytest.fixture
def made(template, tmp_path):
    """A copy of the template, and a home with what must not change."""
    home = tmp_path / "home"
    (home / "thesis").mkdir(parents=True)
    for name in (".bashrc", "uv.lock", "thesis/chapter.txt", "thesis/part-0123456789abcdef0123.parquet"):
        (home / name).write_text(f"precious {name}")
    shutil.copytree(template, tmp_path / "shared" / "a")
    return tmp_path / "shared" / "a"


def outside(path):
    """Everything around an archive, byte by byte."""
    home = path.parents[1] / "home"
    return {str(p.relative_to(home)): p.read_bytes() if p.is_file() else None for p in sorted(home.rglob("*"))}


def everything(path):
    return {str(p.relative_to(path)): (p.read_bytes() if p.is_file() and not p.is_symlink() else None)
            for p in sorted(path.rglob("*"))}


def use(path, *, all_ways=False):
    """Do with an archive what people do; errors are of xframes, and nothing around it changes."""
    before = outside(path)
    mine = path.parents[1] / "mine"
    shutil.rmtree(mine, ignore_errors=True)
    shutil.rmtree(path.parents[1] / "export", ignore_errors=True)

    def ways():
        yield lambda a: (a.sql("SELECT 1").fetchall(), a.runs(), list(a.pages()))
        yield lambda a: xf.Archive(mine).merge(a)
        yield lambda a: a.compact()
        if all_ways:
            yield lambda a: a.export(path.parents[1] / "export", tables="posts", format="csv")
            yield lambda a: a.rebuild()
            yield lambda a: a.verify(repair=True)
            yield lambda a: a.remove(post_ids=["1"], reason="field_params")

    for way in ways():
        try:
            with xf.Archive(path) as archive:
                way(archive)
        except XframesError:
            pass
        assert outside(path) == before
    return mine


def ids(path):
    with xf.Archive(path) as archive:
        return sorted(i for (i,) in archive.sql("SELECT id FROM posts").fetchall())


# names ----------------------------------------------------------------------------------------------------------------

TARGETS = ["../../home/.bashrc", "../../../home/thesis", "/etc/passwd", "..", ".", "", "tables/posts/../../../../home/.bashrc",
           "tables/no_table/part-0123456789abcdef0123.parquet", "pages\\part-0123456789abcdef0123.parquet", "xframes.json",
           "journal.sqlite", "pages/part-0123456789abcdef0123.parquet\n", "tables/posts/part-x.parquet", 7, None, ["x"], {}]


def test_an_intent_moves_nothing_but_files_of_its_archive(made, caplog):
    (made / ".tmp" / "payload").write_text("overwritten")
    (made / ".tmp" / f"{A}.parquet").write_text("overwritten")
    temps = ("payload", f"{A}.parquet", "../../home/.bashrc", "/etc/passwd")
    pairs = list(product(temps, TARGETS))
    for number, pair in enumerate(pairs):
        (made / ".tmp" / f"commit-{number:02}{B[2:]}.json").write_text(json.dumps([pair]))
    before = outside(made)
    with caplog.at_level(logging.WARNING, "xframes"), xf.Archive(made) as archive:
        assert archive.tables["posts"] == 6
    assert len({r.getMessage() for r in caplog.records if "commit-" in r.getMessage()}) == len(pairs)
    assert outside(made) == before


def test_a_link_in_the_place_of_a_temporary_file_is_not_moved(made):
    (made / ".tmp" / f"{A}.parquet").symlink_to(made.parents[1] / "home" / ".bashrc")
    (made / ".tmp" / f"commit-{B}.json").write_text(json.dumps([[f"{A}.parquet", f"tables/posts/part-{A}.parquet"]]))
    use(made)
    assert not (made / "tables" / "posts" / f"part-{A}.parquet").exists()


MARKERS = [["../../../../home/thesis"], ["../../../../home/.bashrc"], ["/etc/passwd"], ["."], [7], {"a": 1},
           ["part-0123456789abcdef0123.parquet/../../../../../home/thesis"], "part"]


@pytest.mark.slow
def test_a_marker_removes_nothing_but_files_beside_it(made):
    for home in ("tables/posts", "pages", "tables/tombstones"):
        (made / home).mkdir(exist_ok=True)
        for number, names in enumerate(MARKERS):
            (made / home / f"replaced-{number}{A[1:]}.json").write_text(json.dumps(names))
    before = outside(made)
    with xf.Archive(made) as archive:
        for names in MARKERS:
            (made / "tables" / "tombstones" / "purged.json").write_text(json.dumps(names))
            assert archive.tables["posts"] == 6
        archive.compact()
        assert archive.tables["posts"] == 6
    assert outside(made) == before


def test_all_that_people_do_with_an_archive_changes_nothing_around_it(made):
    for number, final in enumerate(("../../home/.bashrc", "../../../home/thesis")):
        (made / ".tmp" / f"commit-{number}{B[1:]}.json").write_text(json.dumps([["payload", final]]))
    (made / ".tmp" / "payload").write_text("overwritten")
    for home in ("tables/posts", "pages"):
        (made / home / f"replaced-{A}.json").write_text(json.dumps(["../../../home/thesis"]))
    (made / "pages" / f"part-{A}.parquet").symlink_to(made.parents[1] / "home" / ".bashrc")
    with xf.Archive(made) as archive:
        kinds = {(f.kind, f.where) for f in archive.verify().findings}
    assert ("stray", f".tmp/commit-0{B[1:]}.json") in kinds
    assert ("stray", f"pages/part-{A}.parquet") in kinds
    use(made, all_ways=True)


names = st.one_of(
    st.sampled_from([t for t in TARGETS if isinstance(t, str)]), st.text(max_size=40),
    st.lists(st.sampled_from(["..", ".", "pages", "tables", "posts", "home", "thesis", ".bashrc", f"part-{A}.parquet", "~"]),
             max_size=6).map("/".join),
)
documents = st.recursive(st.none() | st.booleans() | st.integers() | names,
                         lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=2), max_leaves=12)


@pytest.mark.slow
@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(names, min_size=2, max_size=2), max_size=3) | documents, st.lists(names, max_size=3) | documents)
def test_no_bookkeeping_file_reaches_outside(made, intent, marker):
    path = made.parents[1] / "generated" / "a"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(made, path)
    (path / ".tmp" / "payload").write_text("overwritten")
    (path / ".tmp" / f"commit-{A}.json").write_text(json.dumps(intent))
    (path / "tables" / "posts" / f"replaced-{A}.json").write_text(json.dumps(marker))
    (path / "pages" / f"replaced-{B}.json").write_text(json.dumps(marker))
    before = outside(path)
    with xf.Archive(path) as archive:
        xf.Archive(path.parent / "mine").merge(archive)
        archive.compact()
        assert archive.tables["posts"] == 6
    assert outside(path) == before
    shutil.rmtree(path.parent)


def test_a_bookkeeping_file_that_is_no_plain_json_is_not_used(made):
    texts = ["[" * 5_000, "[" * 5_000 + "]" * 5_000, "{", "", "\ufeff[]", "NaN", "1e999"]
    for (number, text), name in product(enumerate(texts), (".tmp/commit", "tables/posts/replaced", "pages/replaced")):
        (made / f"{name}-{number}{A[1:]}.json").write_text(text, encoding="utf-8")
    assert ids(made) == IDS


@pytest.mark.parametrize("text", ["[" * 5_000, '{"format_version": 1e999}', '{"format_version": "x"}', "[]", '{"format_version": null}', ""])
def test_a_format_file_that_is_none_is_an_error_of_the_archive(made, text):
    (made / "xframes.json").write_text(text)
    with pytest.raises(ArchiveError):
        xf.Archive(made)


# links ----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_page_file_that_is_a_link_is_not_followed(made, tmp_path):
    with xf.Archive(tmp_path / "other") as other:
        other.add(page(post(99)))
    (secret,) = (tmp_path / "other" / "pages").glob("*.parquet")
    (table,) = (tmp_path / "other" / "tables" / "posts").glob("*.parquet")
    (made / "pages" / f"part-{A}.parquet").symlink_to(secret)
    (made / "tables" / "posts" / f"part-{A}.parquet").symlink_to(table)
    with xf.Archive(made) as archive:
        assert len(list(archive.pages())) == 3
        assert {f.where for f in archive.verify().findings} == {f"pages/part-{A}.parquet", f"tables/posts/part-{A}.parquet"}
    with xf.Archive(tmp_path / "mine") as mine:
        mine.merge(made)
        assert sorted(i for (i,) in mine.sql("SELECT id FROM posts").fetchall()) == IDS
    with xf.Archive(made) as archive:
        assert archive.verify(repair=True).ok
    assert secret.exists()
    assert table.exists()


@pytest.mark.parametrize("name", ["pages", "tables", ".tmp", ".locks", "journal.sqlite", "xframes.json", "damaged", "journal.mark",
                                  "journal.sqlite-wal", "journal.sqlite-journal", "tables/posts", "tables/tombstones"])
def test_a_link_in_the_place_of_a_part_of_an_archive_is_refused(made, name):
    path = made / name
    target = made.parents[1] / "home" / "elsewhere"
    if path.exists():
        path.rename(target)
    else:
        target.mkdir()
    path.symlink_to(target)
    before = outside(made)
    with pytest.raises(ArchiveError, match=str(made)), xf.Archive(made) as archive:
        archive.sql("SELECT 1").fetchall()
    with pytest.raises(ArchiveError, match=str(made)):
        xf.Archive(made.parents[1] / "mine").merge(made)
    assert outside(made) == before


@pytest.mark.slow
@pytest.mark.parametrize("target", [".bashrc", "new"])
def test_a_lock_that_is_a_link_empties_and_makes_nothing(made, target):
    for name in ("flush", "compact", "readers", "temp-0123abcd"):
        lock, aside = made / ".locks" / f"{name}.lock", made / ".locks" / "aside"
        was_there = lock.exists()
        if was_there:
            lock.rename(aside)
        lock.symlink_to(made.parents[1] / "home" / target)
        use(made)
        lock.unlink(missing_ok=True)
        if was_there:
            aside.rename(lock)


def test_the_folder_itself_may_be_reached_through_a_link(made, tmp_path):
    (tmp_path / "by-link").symlink_to(made)
    assert ids(tmp_path / "by-link") == IDS


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are those of Unix")
@pytest.mark.parametrize("name", ["xframes.json", f".tmp/commit-{A}.json", f"tables/posts/replaced-{A}.json",
                                  f"pages/part-{A}.parquet", f"tables/posts/part-{A}.parquet", "journal.sqlite"])
def test_a_pipe_in_the_place_of_a_file_stops_nothing(made, name):
    (made / name).unlink(missing_ok=True)
    os.mkfifo(made / name)
    use(made)


# the journal ----------------------------------------------------------------------------------------------------------


def test_the_owner_of_a_run_is_no_way_out(made):
    for folder in ("project", "home"):
        (made.parents[1] / folder).mkdir(exist_ok=True)
    (made.parents[1] / "home" / "uv.lock").write_text("precious")
    owners = ["../../project/uv", "../../../home/uv", "/etc/passwd", "..", "", "a/b", "x" * 5_000, "\0"]
    with sqlite3.connect(made / "journal.sqlite") as journal:
        journal.execute("CREATE TEMP TABLE one AS SELECT * FROM runs LIMIT 1")
        for number, owner in enumerate(owners):
            journal.execute("UPDATE one SET run_id = ?, state = 'running', owner = ?", (f"run-{number}", owner))
            journal.execute("INSERT INTO runs SELECT * FROM one")
        journal.execute("UPDATE runs SET state = 'running', owner = ? WHERE run_id = 'run-old'", (owners[0],))
    journal.close()
    assert ids(made) == IDS
    use(made)


EVIL = """
CREATE TABLE loot (x); CREATE VIEW sights AS SELECT * FROM pages;
CREATE TRIGGER one AFTER UPDATE ON runs BEGIN DELETE FROM pages; INSERT INTO loot VALUES ('run'); END;
CREATE TRIGGER two AFTER INSERT ON pages BEGIN DELETE FROM pages; END;
CREATE TRIGGER "thr""ee" AFTER DELETE ON pages BEGIN INSERT INTO loot VALUES (old.body); END;
CREATE INDEX four ON runs (upper(error));
"""


def test_triggers_views_and_tables_of_a_stranger_do_nothing(made):
    with sqlite3.connect(made / "journal.sqlite") as journal:
        journal.executescript(EVIL)
    journal.close()
    with xf.Archive(made.parents[1] / "mine") as mine:
        before = everything(made)
        mine.merge(made)
        assert everything(made) == before
        assert sorted(i for (i,) in mine.sql("SELECT id FROM posts").fetchall()) == IDS
    assert ids(made) == IDS
    with xf.Archive(made) as archive:
        archive.collect(search(), Server(pages=2, size=3))
        assert archive.verify().ok
        assert set(ids(made)) == {*IDS, "0"}
    with sqlite3.connect(made / "journal.sqlite") as journal:
        assert journal.execute("SELECT * FROM loot").fetchall() == []
    journal.close()


@pytest.mark.slow
@pytest.mark.parametrize("statement", [
    "DROP TABLE pages; CREATE VIEW pages AS SELECT * FROM runs", "ALTER TABLE pages ADD COLUMN more GENERATED ALWAYS AS (upper(body))",
    "DROP TABLE runs; CREATE TABLE runs (run_id, state CHECK (load_extension('x')))",
    "UPDATE runs SET started_at = 'never'", "UPDATE runs SET page_count = 'many'", "UPDATE runs SET resume_point = '{\"gaps\": []}'",
    "UPDATE runs SET resume_point = '['", "UPDATE pages SET params = '[]'", "UPDATE pages SET body = 7",
    "UPDATE pages SET received_at = 'x'", "UPDATE pages SET status = 'x'",
    "UPDATE sqlite_sequence SET seq = 9223372036854775807",
])
def test_a_journal_of_another_form_is_an_error_of_the_archive(made, statement):
    with sqlite3.connect(made / "journal.sqlite") as journal:
        journal.executescript(statement)
    journal.close()
    use(made)


def test_a_rollback_journal_that_names_another_file_deletes_nothing(made):
    """SQLite would finish the transaction and delete the file that the rollback journal names."""
    victim = str(made.parents[1] / "home" / ".bashrc").encode()
    head = bytes.fromhex("d9d505f920a163d7") + (0).to_bytes(4, "big") + bytes(4) + (1).to_bytes(4, "big")
    head += (512).to_bytes(4, "big") + (4096).to_bytes(4, "big")
    tail = (0x40000000 // 4096 + 1).to_bytes(4, "big") + victim + len(victim).to_bytes(4, "big")
    tail += (sum(victim) & 0xFFFFFFFF).to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7")
    (made / "journal.sqlite-journal").write_bytes(head.ljust(512, b"\0") + tail)
    use(made)
    with pytest.raises(ArchiveError):
        ids(made)


def test_a_plan_of_a_stranger_is_carried_out_only_as_its_record_says(made):
    plan = search().to_json()
    with open_journal(made / "journal.sqlite") as journal:
        journal.start([("run-1", "search.recent", {"query": "dogs"}, plan)], None, NOW)
        journal.update("run-1", NOW, state="interrupted")
    server = Server()
    with xf.Archive(made) as archive, pytest.raises(ArchiveError):
        archive.resume("run-1", server)
    assert server.field_params == []
    writing = json.dumps({"action": "write.create_post", "arguments": {"text": "spam"}})
    for text in (writing, "[" * 5_000, "{}", '{"action": 7, "arguments": {}}', '{"action": "search.recent", "arguments": []}'):
        with pytest.raises(ArgumentError):
            Plan.from_json(text)


# reading only ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_merging_changes_nothing_of_the_other_archive_and_brings_all_of_it(made, tmp_path):
    """Also what its dead processes left: commits begun, pages in the journal."""
    (part,) = (made / "tables" / "posts").glob("part-*.parquet")
    late = f"{A}.parquet"
    part.rename(made / ".tmp" / late)
    (made / ".tmp" / f"commit-{B}.json").write_text(json.dumps([[late, f"tables/posts/{part.name}"]]))
    shutil.rmtree(made / ".locks")
    before = everything(made)
    with xf.Archive(tmp_path / "mine") as mine:
        mine.merge(made)
        assert everything(made) == before
        assert sorted(i for (i,) in mine.sql("SELECT id FROM posts").fetchall()) == IDS
        assert mine.runs().set_index("run_id")["state"]["run-old"] == "interrupted"
        assert mine.verify().ok
        mine.merge(made)
        assert mine.tables["posts"] == 6
        assert mine.verify().ok


READ = """
import logging, os, sys
import xframes as xf
import xframes.archive.upkeep.verification, xframes.archive.export.job, duckdb, pandas  # before this process loses its rights
with xf.Archive(sys.argv[3]) as spare:
    spare.sql("SELECT count(*) FROM posts").fetchall(); spare.verify(); spare.runs(); list(spare.pages())
os.setuid(65534)
logging.basicConfig(format="%(message)s", stream=sys.stdout)
with xf.Archive(sys.argv[1]) as archive:
    print(archive.sql("SELECT count(*) FROM posts").fetchall()[0][0], len(list(archive.pages())), archive.verify().ok)
with xf.Archive(sys.argv[2]) as mine:
    mine.merge(sys.argv[1])
    print(mine.tables["posts"])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give up its rights")
def test_an_archive_nobody_may_write_is_read_and_merged_and_says_what_is_not_shown(made):
    home = Path(tempfile.mkdtemp())  # below pytest's own folders nobody else may look
    home.chmod(0o777)
    for name in ("a", "spare"):
        shutil.copytree(made, home / name)
    for each in [home / "a", *(home / "a").rglob("*")]:
        each.chmod(0o555 if each.is_dir() else 0o444)
    root = Path(__file__).parents[2]
    words = [sys.executable, "-c", READ, *(str(home / name) for name in ("a", "mine", "spare"))]
    found = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(root)})
    shutil.rmtree(home)
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[-2:] == ["4 2 True", "6"]
    assert any("run-old" in line and "1 page" in line for line in lines)


def test_a_damaged_file_of_another_archive_is_not_merged(made, tmp_path):
    (part, *_) = sorted((made / "pages").glob("*.parquet"))
    data = bytearray(part.read_bytes())
    data[40] ^= 1
    part.write_bytes(data)
    with xf.Archive(tmp_path / "mine") as mine:
        mine.add(page(post(50)))
        before = everything(tmp_path / "mine" / "pages") | everything(tmp_path / "mine" / "tables")
        with pytest.raises(ArchiveError, match=part.name):
            mine.merge(made)
        assert everything(tmp_path / "mine" / "pages") | everything(tmp_path / "mine" / "tables") == before
        assert mine.verify().ok


def test_hostile_records_in_a_page_file_are_an_error_of_the_archive(made):
    (part, *_) = sorted((made / "pages").glob("*.parquet"))
    table = pq.read_table(part).drop_columns(["hash"])  # as the first archives have it
    for records in (b"[" * 5_000, b'{"a": 1}', b'[{"run_id": 7, "observed_at": "x"}]', b'["x"]', b'[{"run_id": "r"}]', b"\xff"):
        pq.write_table(table.replace_schema_metadata({b"xframes.runs": records}), part, store_schema=True)
        use(made)


def test_only_files_of_tables_that_are_declared_are_read(made):
    (made / "tables" / "no_table").mkdir()
    pq.write_table(pa.table({"x": [1]}), made / "tables" / "no_table" / f"part-{A}.parquet")
    assert ids(made) == IDS
    assert f"tables/no_table/part-{A}.parquet" not in Folder(made).contents()
