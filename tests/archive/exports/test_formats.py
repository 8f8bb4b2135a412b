"""Exports: every format read back; where they are put, and what is refused."""

from __future__ import annotations

import csv
import dataclasses
import gc
import json
from datetime import datetime

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest

import xframes as xf
from xframes import formats
from xframes.archive.export.selection import NEVER, PRIVATE
from xframes.errors import ArgumentError, ConfigError
from xframes.formats import workbook
from xframes.schema import TABLES

from .exported import ADA, BOB, CY, FIRST, KEY, SECOND, everything, page

# formats ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_parquet_has_every_table_with_rows_as_the_archive_has_it(archive, tmp_path):
    counts = archive.export(tmp_path / "out")
    exported = {n for n, rows in archive.tables.items() if rows} - PRIVATE - set(NEVER)
    assert counts == {n: archive.tables[n] for n in counts}
    assert set(counts) == exported == {p.stem for p in (tmp_path / "out").glob("*.parquet")}
    for name in exported:
        assert pq.read_table(tmp_path / "out" / f"{name}.parquet").equals(archive[name]), name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive", "out"]


def test_csv_keeps_ids_nulls_and_text(archive, tmp_path):
    archive.export(tmp_path / "out", format="csv", tables=["posts", "media"])
    text = (tmp_path / "out" / "posts.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf\"id\"")
    with (tmp_path / "out" / "posts.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["id"] for r in rows] == [FIRST["id"], SECOND["id"]]
    assert rows[0]["text"] == FIRST["text"]
    assert rows[0]["created_at"] == "2026-02-01T10:00:00.000Z"
    assert rows[0]["in_reply_to_user_id"] == ""
    assert f'"{FIRST["id"]}"' in text.decode("utf-8-sig")


def test_jsonl_is_one_row_a_line_with_every_column(archive, tmp_path):
    archive.export(tmp_path / "places.jsonl", tables="places")
    rows = [json.loads(line) for line in (tmp_path / "places.jsonl").read_text().splitlines()]
    assert [r["id"] for r in rows] == ["01a", "0ff"]
    assert rows[0]["contained_within"] == ["0ff"]
    assert list(rows[0]) == [c.name for c in TABLES["places"].columns]
    assert rows[0]["observed_at"] == "2026-03-01T12:00:00.000Z"


def test_excel_keeps_ids_and_formulas_text(archive, tmp_path):
    counts = archive.export(tmp_path / "study.xlsx")
    book = openpyxl.load_workbook(tmp_path / "study.xlsx")
    assert book.sheetnames == [*counts, "README"]
    rows = list(book["posts"].iter_rows())
    first = {head.value: cell for head, cell in zip(rows[0], rows[1], strict=True)}
    assert (first["id"].value, first["id"].data_type) == (FIRST["id"], "s")
    assert (first["text"].value, first["text"].data_type) == (FIRST["text"], "s")
    assert first["created_at"].value == datetime(2026, 2, 1, 10)  # noqa: DTZ001  # cells have no zone
    assert first["longitude"].value == 1.5
    assert "posts" in " ".join(str(c.value) for (c,) in book["README"].iter_rows())


@pytest.mark.parametrize("sign", "=+-@")
def test_no_text_becomes_a_formula_in_excel(sign, tmp_path):
    with xf.Archive(tmp_path / "archive") as archive:
        archive.add(page(FIRST | {"text": f"{sign}HYPERLINK(1)"}))
        archive.export(tmp_path / "one.xlsx", tables="posts")
    sheet = openpyxl.load_workbook(tmp_path / "one.xlsx")["posts"]
    assert (sheet["B2"].value, sheet["B2"].data_type) == (f"{sign}HYPERLINK(1)", "s")


def test_excel_says_what_it_cut_and_refuses_what_it_cannot_hold(tmp_path, monkeypatch):
    with xf.Archive(tmp_path / "archive") as archive:
        archive.add(page(FIRST | {"text": "😀" * 20_000}, SECOND))
        archive.export(tmp_path / "out", format="excel", tables="posts")
        text = openpyxl.load_workbook(tmp_path / "out" / "out.xlsx")["posts"]["B2"].value
        assert text == "😀" * 16_383
        assert "The end of 1 value of `posts.text`" in (tmp_path / "out" / "README.md").read_text()
        monkeypatch.setattr(workbook, "SHEET_ROWS", 1)
        with pytest.raises(ArgumentError, match="posts has 2 rows"):
            archive.export(tmp_path / "more.xlsx", tables="posts")
    assert not (tmp_path / "more.xlsx").exists()


def test_excel_needs_its_extra(archive, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xlsxwriter", None)
    with pytest.raises(ConfigError, match="pip install xlsxwriter"):
        archive.export(tmp_path / "study.xlsx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive"]


def test_duckdb_has_tables_types_and_comments(archive, tmp_path):
    counts = archive.export(tmp_path / "study.duckdb")
    with duckdb.connect(str(tmp_path / "study.duckdb"), read_only=True) as base:
        base.execute("SET TimeZone = 'UTC'")
        found = {n: base.execute(f'SELECT count(*) FROM "{n}"').fetchall()[0][0] for n in counts}
        assert found == counts
        assert base.execute("SELECT id, created_at::VARCHAR FROM posts ORDER BY id").fetchall()[0] == (
            FIRST["id"], "2026-02-01 10:00:00+00")
        comments = dict(base.execute("SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'posts'").fetchall())
        assert comments["lang"] == TABLES["posts"]["lang"].doc
        tables = dict(base.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall())
        assert tables["posts"] == TABLES["posts"].doc
        assert "search.recent" in base.execute("SELECT text FROM about").fetchall()[0][0]


@pytest.mark.slow
def test_ids_are_of_the_posts_asked_for(archive, tmp_path):
    archive.add(page(FIRST, seconds=5, includes={"tweets": [SECOND | {"id": "99"}]}))
    assert archive.ids() == [FIRST["id"], SECOND["id"]]
    assert archive.ids(included=True) == ["99", FIRST["id"], SECOND["id"]]
    assert archive.ids("users") == [ADA["id"], BOB["id"], CY["id"]]
    assert archive.export(tmp_path / "ids.txt") == {"posts": 2}
    assert (tmp_path / "ids.txt").read_bytes() == f"{FIRST['id']}\n{SECOND['id']}\n".encode()
    assert archive.export(tmp_path / "some", format="ids", where="lang = 'de'") == {"posts": 1}
    assert archive.export(tmp_path / "people.txt", tables="users") == {"users": 3}
    with pytest.raises(ArgumentError, match="likes"):
        archive.ids("likes")


# targets ------------------------------------------------------------------------------------------------------------


def test_what_is_there_stays_unless_overwriting_is_asked(archive, tmp_path):
    target = tmp_path / "out"
    archive.export(target, format="csv")
    with pytest.raises(ArgumentError, match="out already exists"):
        archive.export(target)
    assert (target / "posts.csv").exists()
    archive.export(target, tables="posts", overwrite=True)
    assert sorted(p.name for p in target.iterdir()) == ["README.md", "datapackage.json", "posts.parquet"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(ArgumentError, match="datapackage"):
        archive.export(mine, overwrite=True)
    assert (mine / "thesis.txt").exists()
    archive.export(tmp_path / "ids.txt")
    archive.export(tmp_path / "ids.txt", where="lang = 'de'", overwrite=True)
    assert (tmp_path / "ids.txt").read_text() == f"{SECOND['id']}\n"


def test_nothing_half_done_is_left(archive, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    archive.export(tmp_path / "out", tables="posts")
    before = (tmp_path / "out" / "posts.parquet").read_bytes()
    broken = [dataclasses.replace(f, write=full) if f.name == "csv" else f for f in formats.FORMATS]
    monkeypatch.setattr(formats, "FORMATS", tuple(broken))
    with pytest.raises(OSError, match="No space"):
        archive.export(tmp_path / "out", format="csv", overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive", "out"]
    assert (tmp_path / "out" / "posts.parquet").read_bytes() == before


@pytest.mark.parametrize(("arguments", "message"), [
    ({"path": "archive/out"}, "inside the archive"),
    ({"path": "out", "format": "sas"}, "sas"),
    ({"path": "out", "tables": "tweets"}, "tweets"),
    ({"path": "out", "tables": "tombstones"}, "tombstones is not exported"),
    ({"path": "out.csv"}, "tables"),
    ({"path": "out", "where": "lang = 'en'", "posts": "SELECT 1"}, "both"),
    ({"path": "out", "where": "lang = 'xx'"}, "names no post of this archive"),
    ({"path": "out", "where": "langg = 'xx'"}, "query for posts"),
    ({"path": "out", "where": "text::INT > 1"}, "Conversion Error"),
    ({"path": "out", "posts": "SELECT id FROM posts; DROP TABLE posts"}, "query for posts"),
    ({"path": "out", "pseudonymise": "short"}, "could be guessed"),
    ({"path": "out", "pseudonymise": KEY, "tables": "requests"}, "requests is not exported"),
    ({"path": "ids.txt", "pseudonymise": KEY}, "pseudonymise"),
])
def test_what_makes_no_sense_is_refused(archive, tmp_path, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        archive.export(tmp_path / arguments.pop("path"), **arguments)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive"]


def test_an_archive_without_rows_has_nothing_to_export(tmp_path):
    (tmp_path / "archive").mkdir()
    with pytest.raises(ArgumentError, match="nothing to export"):
        xf.Archive(tmp_path / "archive").export(tmp_path / "out")


@pytest.mark.slow
def test_what_was_removed_never_appears(archive, tmp_path):
    archive.remove([SECOND["id"]], reason="asked to be left out")
    archive.add(page(SECOND, seconds=60))
    for format in ("parquet", "csv"):
        archive.export(tmp_path / format, format=format)
        text = everything(tmp_path / format)
        assert [mark for mark in ("Bob Plainname", SECOND["id"], "asked to be left out") if mark in text] == [], format
    assert archive.ids(included=True) == [FIRST["id"]]


def test_a_workbook_that_cannot_be_finished_leaves_nothing(archive, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workbook, "fitting", full)
    with pytest.raises(OSError, match="No space"):
        archive.export(tmp_path / "study.xlsx")
    gc.collect()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive"]


def test_an_archive_nobody_may_write_to_is_exported(archive, tmp_path):
    folders = [archive.path, *(p for p in archive.path.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert archive.export(tmp_path / "out")["posts"] == 2
    finally:
        for folder in folders:
            folder.chmod(0o755)
