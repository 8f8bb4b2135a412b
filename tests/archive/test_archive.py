"""The archive as people use it: its folder, adding, asking."""

import json
import subprocess
import sys
from datetime import datetime, timedelta

import pandas as pd
import pytest

import xframes as xf
from tests.archives import NOW, contents, page, post
from tests.dtypes import TEXT
from xframes.archive import Archive
from xframes.archive.storage.folder import Folder
from xframes.errors import ArchiveError
from xframes.schema import TABLES, Type
from xframes.wire import Page, Request


@pytest.fixture
def archive(tmp_path):
    with Archive(tmp_path / "archive") as made:
        yield made


# the folder ----------------------------------------------------------------------------------------------------------


def test_the_folder_is_made_on_the_first_write_only(tmp_path):
    archive = Archive(tmp_path / "new")
    for read in (
        lambda: archive.sql("select 1"), lambda: archive.tables, lambda: archive["posts"], archive.verify,
        archive.connect, archive.ids, archive.compact, archive.rebuild, lambda: list(archive.pages()),
        lambda: archive.export(tmp_path / "out"), lambda: archive.resume("nope"), lambda: archive.as_of(NOW),
    ):
        with pytest.raises(ArchiveError, match="new"):
            read()
    assert "new" in repr(archive)
    assert not archive.exists
    assert archive.runs().empty  # a program looks there whether to resume or to begin
    assert archive.user_ids(["@ada"]) == {}
    assert not (tmp_path / "new").exists()
    archive.add(page(post(1)))
    assert archive.exists
    written = json.loads((tmp_path / "new" / "xframes.json").read_text())
    assert written["format_version"] == 2
    assert written["writer_version"] == xf.__version__
    assert datetime.fromisoformat(written["created_at"]).tzinfo is not None
    assert {p.name for p in (tmp_path / "new").iterdir() if not p.name.startswith(".")} == {
        "xframes.json", "pages", "tables", "journal.sqlite"
    }


@pytest.mark.parametrize(("make", "named"), [
    (lambda home: home / "a-file", "a-file"),
    (lambda home: home, r"xframes\.json"),
    (lambda home: "nowhere://bucket/archive", "nowhere://"),
    (lambda home: "s3://key:word@bucket/archive", "s3://bucket/prefix"),
])
def test_what_is_no_archive_is_refused(tmp_path, make, named):
    (tmp_path / "a-file").write_text("something else")
    with pytest.raises(ArchiveError, match=named):
        Archive(make(tmp_path))
    assert (tmp_path / "a-file").read_text() == "something else"


def test_an_archive_of_a_newer_format_is_refused(archive):
    archive.add(page(post(1)))
    (archive.path / "xframes.json").write_text(json.dumps({"format_version": 3, "writer_version": "9.0"}))
    with pytest.raises(ArchiveError, match=r"format 3.*xframes 9\.0"):
        Archive(archive.path)
    (archive.path / "xframes.json").write_text("{")
    with pytest.raises(ArchiveError, match=r"xframes\.json"):
        Archive(archive.path)


def test_an_archive_in_the_making_is_no_strange_folder_to_another_process(tmp_path, monkeypatch):
    shown, place = [], Folder.place

    def looked_at(self, moves):
        shown.append([e.name for e in self.path.iterdir() if not e.name.startswith(".")])
        Folder(self.path)  # what another process does
        place(self, moves)

    monkeypatch.setattr(Folder, "place", looked_at)
    Folder(tmp_path / "new").create()
    assert shown == [[]]


def test_importing_the_package_loads_no_heavy_library():
    program = (
        "import sys; from xframes.archive import Archive; Archive('nothing-here'); "
        "import xframes.archive.storage.workers; print([m for m in ('pandas', 'duckdb', 'requests') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


# asking --------------------------------------------------------------------------------------------------------------


def test_an_empty_folder_is_an_empty_archive(tmp_path):
    archive = Archive(tmp_path)
    assert archive.tables == dict.fromkeys(TABLES, 0)
    assert archive.runs().empty
    assert archive.verify().ok
    assert list(archive.pages()) == []


def test_an_import_creates_the_archive_also_if_every_file_is_refused(tmp_path):
    (tmp_path / "notes.bin").write_bytes(bytes(range(256)))
    archive = Archive(tmp_path / "new")
    with pytest.raises(ArchiveError):
        archive.import_pages(tmp_path / "notes.bin")
    assert archive.tables["posts"] == 0
    assert archive.runs()["state"].tolist() == ["failed"]


def test_every_table_is_there_with_its_types_even_when_empty(archive):
    archive.path.mkdir()
    shown = {row[0] for row in archive.sql("SHOW TABLES").fetchall()}
    assert shown == set(TABLES)
    pandas = {Type.INT: "Int64", Type.BOOL: "boolean", Type.TIME: "datetime64[ms, UTC]", Type.FLOAT: "float64",
              Type.STR: TEXT, Type.JSON: TEXT, Type.STRS: "object"}
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
    with pytest.raises(KeyError, match=r"'tweets'.*posts"):
        archive.frame("tweets")


def test_an_empty_table_can_be_created_in_the_session(archive):
    archive.path.mkdir()
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
    with pytest.raises(ArchiveError, match="frames_or_pages"):
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
    assert "empty" not in repr(archive)  # a misspelt path is no empty archive
    run = archive.add(page(post(1)))
    assert "posts 1, users 1" in repr(archive)
    for shown in (archive._repr_html_(), run._repr_html_(), archive.verify()._repr_html_()):
        assert "/<b>" not in shown
        assert "&lt;b&gt;" in shown or "nothing wrong" in shown
    assert "done: 1 page, 1 row" in repr(run)


def test_the_repr_reads_footers_and_says_where_they_are_not_the_whole_truth(archive):
    for seconds in (0, 1):
        archive.add(page(post(1), seconds=seconds))
    assert repr(archive).startswith(f"<Archive {archive.path}: at most posts 2, users 2")
    assert "≤ 2</td>" in archive._repr_html_()
    for shown in (repr(archive), archive._repr_html_()):
        assert "1 result, 0 included" in shown

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


def test_only_rows_that_combine_observations_make_queries_longer(archive):
    """`known_at` of compacted files is read where a row has one, which takes far longer to plan."""
    def reads_known_at():
        return "known_at" in archive.sql("EXPLAIN SELECT text, lang FROM posts").fetchall()[0][1]

    archive.add(page(post(1), post(2)))
    archive.compact()
    archive.add(page(post(1), post(3), seconds=1))
    assert not reads_known_at()
    without_lang = {key: value for key, value in post(1).items() if key != "lang"}
    archive.add(page(without_lang, params={}, seconds=2))
    archive.compact()
    archive.add(page(post(4), seconds=3))
    assert reads_known_at()
    assert archive.sql("SELECT DISTINCT lang FROM posts").fetchall() == [("en",)]
