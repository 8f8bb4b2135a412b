"""The archive as people use it: adding, asking, collecting, going on, housekeeping, looking over."""

import gzip
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import xframes as xf
from xframes.archive import Archive, flushing, lifecycle
from xframes.archive import collecting as collecting_module
from xframes.archive.folder import Folder
from xframes.archive.journal import open_journal
from xframes.errors import ArchiveError, Interrupted, RateLimited, Unavailable
from xframes.plan import plan
from xframes.schema import TABLES, Type, fields
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERYTHING = {"tweet.fields": ",".join(fields("post")), "user.fields": ",".join(fields("user"))}


def post(number, **more):
    return {"id": str(number), "text": f"post &amp; number {number}", "author_id": "7", "lang": "en",
            "created_at": f"2026-02-{1 + number % 28:02}T12:00:00.000Z", **more}


def page(*posts, seconds=0, token=None, params=EVERYTHING, run_id=None, **more):
    body = {"data": list(posts), "includes": {"users": [{"id": "7", "name": "Ada", "username": "ada"}]},
            "meta": {"result_count": len(posts), **({"next_token": token} if token else {})}, **more}
    request = Request("GET", "/2/tweets/search/recent", {"query": "cats", **params}, "search.recent")
    return Page(request, json.dumps(body).encode(), NOW + timedelta(seconds=seconds), run_id=run_id)


class Server:
    """Stands in for a client: so many pages of so many posts; `failures` maps a page's number to what it raises once."""

    def __init__(self, pages=3, size=10, failures=(), before=None):
        self.pages, self.size, self.failures, self.before = pages, size, dict(failures), before
        self.asked = []

    def send(self, request):
        number = int(request.params.get("next_token", "t0")[1:])
        self.asked.append(number)
        if self.before:
            self.before(number)
        if number in self.failures:
            raise self.failures.pop(number)
        posts = [post(number * self.size + i) for i in range(self.size)]
        made = page(*posts, seconds=number, token=f"t{number + 1}" if number + 1 < self.pages else None)
        return Page(request, made.body, made.received_at)


def search(limit=None):
    return plan("search.recent", {"query": "cats", "limit": limit}, now=NOW)


@pytest.fixture
def archive(tmp_path):
    with Archive(tmp_path / "archive") as made:
        yield made


def contents(archive, *without):
    """Every table whole, to be compared."""
    return {name: archive[name] for name in TABLES if name not in without}


def names(folder):
    return sorted(p.name for p in folder.glob("*.parquet"))


# the folder ----------------------------------------------------------------------------------------------------------


def test_the_folder_is_made_on_the_first_write_only(tmp_path):
    archive = Archive(tmp_path / "new")
    assert archive.tables == dict.fromkeys(TABLES, 0)
    assert archive.runs().empty
    assert archive.verify().ok
    assert list(archive.pages()) == []
    assert not (tmp_path / "new").exists()
    archive.add(page(post(1)))
    written = json.loads((tmp_path / "new" / "xframes.json").read_text())
    assert written["format_version"] == 1
    assert written["writer_version"] == xf.__version__
    assert datetime.fromisoformat(written["created_at"]).tzinfo is not None
    assert {p.name for p in (tmp_path / "new").iterdir() if not p.name.startswith(".")} == {
        "xframes.json", "pages", "tables", "journal.sqlite"
    }


@pytest.mark.parametrize(("make", "message"), [
    (lambda home: home / "a-file", "is a file"),
    (lambda home: home, "not an xframes archive"),
    (lambda home: "nowhere://bucket/archive", "no library for nowhere://"),
    (lambda home: "s3://key:word@bucket/archive", "credentials"),
])
def test_what_is_no_archive_is_refused(tmp_path, make, message):
    (tmp_path / "a-file").write_text("something else")
    with pytest.raises(ArchiveError, match=message):
        Archive(make(tmp_path))
    assert (tmp_path / "a-file").read_text() == "something else"


def test_an_archive_of_a_newer_format_is_refused(archive):
    archive.add(page(post(1)))
    (archive.path / "xframes.json").write_text(json.dumps({"format_version": 2, "writer_version": "9.0"}))
    with pytest.raises(ArchiveError, match=r"format 2, made by xframes 9\.0.*reads up to format 1.*pip install"):
        Archive(archive.path)
    (archive.path / "xframes.json").write_text("{")
    with pytest.raises(ArchiveError, match="cannot be read"):
        Archive(archive.path)


def test_importing_the_package_loads_no_heavy_library():
    program = (
        "import sys; from xframes.archive import Archive; Archive('nothing-here'); "
        "import xframes.archive.worker; print([m for m in ('pandas', 'duckdb', 'requests') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


# asking --------------------------------------------------------------------------------------------------------------


def test_every_table_is_there_with_its_types_even_when_empty(archive):
    shown = {row[0] for row in archive.sql("SHOW TABLES").fetchall()}
    assert shown == set(TABLES)
    pandas = {Type.INT: "Int64", Type.BOOL: "boolean", Type.TIME: "datetime64[ms, UTC]", Type.FLOAT: "float64",
              Type.STR: "str", Type.JSON: "str", Type.STRS: "object"}
    for filled in (False, True):
        for name, table in TABLES.items():
            assert archive[name].schema.equals(table.schema), name
            frame = archive.frame(name)
            for column in table.columns:
                if column.type in pandas:
                    assert str(frame[column.name].dtype) == pandas[column.type], (name, column.name)
        if not filled:
            archive.add(page(post(1)))


def test_posts_are_asked_with_sql_in_utc(archive):
    archive.add(page(post(1, text="1 &lt; 2 &amp;amp; 3"), post(2)))
    assert archive.tables["posts"] == 2
    assert len(archive.frame("posts")) == 2
    row = archive.sql("select text, plain_text, date_trunc('day', created_at)::varchar from posts where id = '1'").fetchall()
    assert row == [("1 &lt; 2 &amp;amp; 3", "1 < 2 &amp; 3", "2026-02-02 00:00:00+00")]
    assert "plain_text" not in archive.frame("posts").columns
    assert archive.frame("users")["username"].tolist() == ["ada"]
    assert archive.sql("select count(*) from posts where id = ?", ["2"]).fetchall() == [(1,)]
    assert archive.sql("select count(*) from posts where id = $id", {"id": "2"}).fetchall() == [(1,)]
    wanted = pd.DataFrame({"id": ["2"], "why": ["because"]})
    assert archive.sql("select why from posts join wanted using (id)").fetchall() == [("because",)]
    assert len(wanted) == 1
    with pytest.raises(KeyError, match="there is no table 'tweets'; the tables are: posts"):
        archive.frame("tweets")


def test_an_empty_table_can_be_created_in_the_session(archive):
    archive.sql("create table mine as select 1 as x")
    assert archive.sql("select x from mine").fetchall() == [(1,)]


def test_adding_twice_changes_nothing(archive):
    pages = [page(post(1), post(2)), page(post(2), post(3), seconds=5)]
    first = archive.add(pages)
    before = contents(archive)
    again = archive.add(xf.Frames.from_pages(pages))
    assert again == first
    assert (again.pages, again.rows, again.state) == (2, 4, "done")
    assert all(before[name].equals(table) for name, table in contents(archive).items())
    assert [p.page_id for p in archive.pages()] == [p.page_id for p in pages]
    assert archive.tables | {"matches": 4, "posts": 3, "post_metrics": 0} == archive.tables
    with pytest.raises(ArchiveError, match="no page to add"):
        archive.add([])


def test_pages_come_back_as_they_were(archive):
    odd = Page(Request("GET", "/2/x", {"query": "\ud800 half"}, "search.recent", {"user_id": "7"}), b"\xff\x00 no JSON",
               NOW + timedelta(microseconds=123457), 503, "a-run")
    archive.add([odd, page(post(1), run_id="other")])
    assert next(iter(archive.pages())) == odd
    assert [p.run_id for p in archive.pages("other")] == ["other"]
    assert list(archive.pages("none")) == []
    assert archive.sql("select kind from problems").fetchall() == [("unreadable_page",)]


def test_a_field_that_was_not_asked_for_is_never_erased_one_that_is_gone_is(archive):
    archive.add(page(post(1, lang="en", public_metrics={"like_count": 3}, possibly_sensitive=False)))
    archive.add(page({"id": "1", "text": "t"}, seconds=10, params={}))
    row = "select lang, like_count, possibly_sensitive, complete from posts"
    assert archive.sql(row).fetchall() == [("en", 3, False, True)]
    archive.add(page({"id": "1", "text": "t", "public_metrics": {"like_count": 9}}, seconds=20))
    assert archive.sql(row).fetchall() == [(None, 9, None, True)]
    archive.compact()
    assert archive.sql(row).fetchall() == [(None, 9, None, True)]
    assert archive.frame("post_metrics")["like_count"].tolist() == [3, 9]


def test_a_relation_asked_before_a_compaction_answers_after_it(archive):
    archive.add(page(post(1)))
    relation = archive.sql("select count(*) from posts")
    archive.add(page(post(2), seconds=1))
    archive.compact()
    assert relation.fetchall() == [(2,)]


def test_the_repr_tells_what_is_there_and_escapes_it(tmp_path):
    archive = Archive(tmp_path / "<b>")
    assert repr(archive).endswith("<b>: empty>")
    run = archive.add(page(post(1)))
    assert "posts 1, users 1" in repr(archive)
    for shown in (archive._repr_html_(), run._repr_html_(), archive.verify()._repr_html_()):
        assert "/<b>" not in shown
        assert "&lt;b&gt;" in shown or "nothing wrong" in shown
    assert "done: 1 pages, 1 rows" in repr(run)


def test_the_repr_reads_footers_alone_and_says_where_they_are_not_the_whole_truth(archive, monkeypatch):
    for seconds in (0, 1):
        archive.add(page(post(1), seconds=seconds))
    monkeypatch.setattr(archive, "_views", None)  # no question is asked of DuckDB
    assert repr(archive).startswith(f"<Archive {archive.path}: at most posts 2, users 2")
    assert "≤ 2</td>" in archive._repr_html_()
    monkeypatch.undo()

    archive.compact()
    assert repr(archive).startswith(f"<Archive {archive.path}: posts 1, users 1")
    assert "≤" not in archive._repr_html_()


def test_a_connection_is_somebody_elses_and_keeps_its_files(archive):
    archive.add(page(post(1)))
    connection = archive.connect()
    archive.add(page(post(2), seconds=1))
    archive.compact()
    assert connection.execute("SELECT count(*), current_setting('TimeZone') FROM posts").fetchall() == [(1, "UTC")]
    archive.close()
    assert connection.execute("SELECT count(*) FROM posts").fetchall() == [(1,)]
    assert archive.connect().execute("SELECT count(*) FROM posts").fetchall() == [(2,)]


def test_keys_complete(archive):
    assert archive._ipython_key_completions_() == list(TABLES)


# collecting ----------------------------------------------------------------------------------------------------------


def test_a_collection_ends_in_the_tables(archive):
    run = archive.collect(search(), Server(pages=3))
    assert (run.action, run.state, run.pages, run.rows) == ("search.recent", "done", 3, 30)
    assert archive.tables["posts"] == 30
    assert archive.sql("select count(*) from matches where run_id = ?", [run.run_id]).fetchall() == [(30,)]
    assert len(run.frames()) == 30
    (row,) = archive.runs().to_dict("records")
    assert (row["state"], row["page_count"], row["row_count"]) == ("done", 3, 30)
    assert json.loads(row["arguments"]) == {"query": "cats"}
    assert archive.sql("select state from runs").fetchall() == [("done",)]
    assert archive.resume(run.run_id) == run
    assert not list((archive.path / ".locks").glob("run-*"))


def test_a_page_is_on_disk_before_the_next_is_asked_for(archive):
    def look(number):
        if number:
            journal = sqlite3.connect(archive.path / "journal.sqlite")
            assert journal.execute("SELECT count(*) FROM pages").fetchone() == (number,)
            point = json.loads(journal.execute("SELECT resume_point FROM runs").fetchone()[0])
            assert (point["token"], point["pages"]) == (f"t{number}", number)
            journal.close()
            assert names(archive.path / "pages") == []  # parts are written by size or at the end, never for a page

    archive.collect(search(), Server(pages=4, before=look))
    assert archive.tables["posts"] == 40
    with open_journal(archive.path / "journal.sqlite") as journal:
        assert journal.pending() == {}


@pytest.mark.parametrize("failure", [Unavailable("gone"), RateLimited("slow down"), KeyboardInterrupt(), OSError("net")])
def test_what_stops_a_collection_keeps_what_came_and_resume_completes_it(archive, failure):
    server = Server(pages=5, failures={2: failure})
    with pytest.raises(Interrupted) as caught:
        archive.collect(search(), server)
    error = caught.value
    assert error.__cause__ is failure
    assert (error.pages, error.rows, error.next_token, error.frames) == (2, 20, "t2", None)
    assert archive.tables["posts"] == 20
    assert archive.runs()["state"].tolist() == ["interrupted"]
    assert archive.runs()["error"].tolist() == [str(failure) or "KeyboardInterrupt"]
    run = error.resume()
    assert (run.run_id, run.state, run.pages, run.rows) == (error.run_id, "done", 5, 50)
    assert server.asked == [0, 1, 2, 2, 3, 4]
    assert archive.tables["posts"] == 50
    assert archive.runs()["state"].tolist() == ["done"]
    assert pd.isna(archive.runs()["error"][0])
    assert archive.verify().ok


def test_another_process_can_go_on(archive):
    with pytest.raises(Interrupted) as caught:
        archive.collect(search(limit=45), Server(pages=9, failures={3: Unavailable("gone")}))
    run = Archive(archive.path).resume(caught.value.run_id, Server(pages=9))
    assert (run.state, run.pages, run.rows) == ("done", 5, 50)


def test_a_collection_without_a_page_raises_what_stopped_it(archive):
    with pytest.raises(Unavailable, match="gone"):
        archive.collect(search(), Server(failures={0: Unavailable("gone")}))
    (row,) = archive.runs().to_dict("records")
    assert (row["state"], row["page_count"], row["error"]) == ("failed", 0, "gone")
    assert archive.resume(row["run_id"], Server(pages=1)).rows == 10


def test_runs_that_cannot_be_resumed_say_why(archive, tmp_path):
    with pytest.raises(ArchiveError, match="has no run 'nope'"):
        archive.resume("nope")
    with pytest.raises(ArchiveError, match="has no run 'nope'"):
        archive.run("nope")
    file = tmp_path / "bad.jsonl.gz"
    file.write_bytes(gzip.compress(page(post(1)).body + b"\n" + os.urandom(100_000))[:-2000])
    with pytest.raises(ArchiveError, match="not all could be read"):
        archive.import_pages(file)
    with pytest.raises(ArchiveError, match="import its file again"):
        archive.resume(archive.runs()["run_id"][0])


def test_a_living_run_is_left_alone_a_dead_one_is_not(archive):
    seen = []

    def look(number):
        if number == 2:
            other = Archive(archive.path)
            seen.append((other.tables["posts"], other.runs()["state"].tolist(), other.runs()["page_count"].tolist()))
            with pytest.raises(ArchiveError, match="being collected by another process"):
                other.resume(other.runs()["run_id"][0], Server())
            other.close()

    archive.collect(search(), Server(pages=4, before=look))
    assert seen == [(0, ["running"], [2])]
    assert archive.tables["posts"] == 40
    # A run whose process is gone: its lock is free.
    with open_journal(archive.path / "journal.sqlite") as journal:
        journal.start([("dead", "search.recent", {}, search().to_json())], "dead", NOW)
        journal.append([page(post(99), run_id="dead")], rows=1)
    assert archive.tables["posts"] == 41
    states = archive.runs().set_index("run_id")
    assert states.loc["dead", "state"] == "interrupted"
    assert states.loc["dead", "error"] == flushing.DIED
    assert archive.sql("select state from runs where run_id = 'dead'").fetchall() == [("interrupted",)]


def test_a_long_collection_is_flushed_by_size(archive, monkeypatch):
    monkeypatch.setattr(collecting_module, "FLUSH_BYTES", 4000)
    parts = []
    archive.collect(search(), Server(pages=12, before=lambda _: parts.append(len(names(archive.path / "pages")))))
    assert 2 <= max(parts) <= 6
    assert archive.tables["posts"] == 120
    assert archive.tables["requests"] == 12
    assert archive.tables["runs"] == 1


def test_pages_stay_safe_in_the_journal_while_the_archive_is_busy(archive, monkeypatch):
    monkeypatch.setattr(collecting_module, "FLUSH_BYTES", 1)
    archive.add(page(post(500)))
    held = threading.Event()
    done = threading.Event()

    def rebuilding():
        with archive._folder.lock("flush"):
            held.set()
            done.wait(10)

    thread = threading.Thread(target=rebuilding)
    thread.start()
    held.wait(10)

    def look(number):
        if number == 4:
            done.set()
            thread.join()

    archive.collect(search(), Server(pages=5, before=look))
    assert archive.tables["posts"] == 51


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
    for name in TABLES:
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
    monkeypatch.setattr(lifecycle, "_FRESH_SHARE", 1)
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


@pytest.mark.parametrize("processes", [1, 2])
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


def test_a_rebuild_cut_short_is_finished_or_forgotten(archive):
    archive.add(page(post(1)))
    before = contents(archive)
    tables, temp = archive.path / "tables", archive.path / ".tmp"
    (temp / "rebuild-half").mkdir()  # cut short before its tables were whole
    tables.rename(temp / "rebuilt-1")  # ... and after, when the old ones were already out of the way
    again = Archive(archive.path)
    assert all(before[name].equals(table) for name, table in contents(again).items())
    assert not list(temp.glob("rebuilt-*"))


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
    assert kinds(archive) == ["missing_request"]
    lost.write_bytes(kept)
    cut = part(archive, "users")
    kept = cut.read_bytes()
    cut.write_bytes(kept[: len(kept) // 2])
    assert kinds(archive) == ["unreadable_file"]
    flipped = bytearray(kept)
    flipped[len(kept) // 4] ^= 0xFF
    cut.write_bytes(flipped)
    assert kinds(archive) == ["unreadable_file"]
    pq.write_table(pa.table({"id": [1], "observed_at": ["x"], "page_id": ["y"]}), cut)
    assert kinds(archive) == ["missing_page", "schema"]
    cut.write_bytes(kept)
    # Compacted files whose keys are not unique.
    archive.compact()
    base = part(archive, "posts")
    pq.write_table(pa.concat_tables([pq.read_table(base)] * 2), base)
    assert kinds(archive) == ["repeated_key"]
    assert "posts" in repr(archive.verify())
    archive.rebuild()
    assert kinds(archive) == []
    archive.close()
    (archive.path / "journal.sqlite").write_bytes(b"not a database, not at all, and long enough to be seen as none")
    with pytest.raises(ArchiveError, match="the journal cannot be used"):
        archive.tables  # noqa: B018  # the reading is the point


def test_a_damaged_table_leaves_the_others_usable(archive):
    archive.add(page(post(1)))
    part(archive, "users").write_bytes(b"PAR1 and nothing else")
    assert archive.sql("select count(*) from posts").fetchall() == [(1,)]
    with pytest.raises(duckdb.Error, match="a file of users cannot be read; verify"):
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


def test_an_archive_in_the_making_is_no_strange_folder_to_another_process(tmp_path, monkeypatch):
    shown, place = [], Folder.place

    def looked_at(self, moves):
        shown.append([e.name for e in self.path.iterdir() if not e.name.startswith(".")])
        Folder(self.path)  # what another process does
        place(self, moves)

    monkeypatch.setattr(Folder, "place", looked_at)
    Folder(tmp_path / "new").create()
    assert shown == [[]]
