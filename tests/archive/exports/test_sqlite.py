"""Exports to SQLite: read back by SQLite's own library, as datasette does."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pyarrow as pa
import pytest

import xframes as xf
from xframes.archive.export import job
from xframes.archive.export.pseudonyms import Pseudonyms
from xframes.errors import ArgumentError
from xframes.formats import FORMATS, Options, Rows, by_name
from xframes.schema import TABLES
from xframes.schema.declarations import Type

from .exported import ADA, FIRST, KEY, NOW, SECOND, page

SQLITE = by_name("sqlite", FORMATS)


def asked(path, query):
    with closing(sqlite3.connect(path)) as base:
        return base.execute(query).fetchall()


def value(kind, cell):
    """A value of the archive as SQLite has it."""
    if cell is None:
        return None
    if kind is Type.TIME:
        return cell.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{cell.microsecond // 1000:03}Z"
    if kind is Type.STRS:
        return json.dumps(cell, ensure_ascii=False)
    if kind is Type.DATE:
        return cell.isoformat()
    return int(cell) if kind is Type.BOOL else cell


@pytest.mark.slow
def test_every_table_has_the_rows_of_the_archive(collected, tmp_path):
    counts = collected.export(tmp_path / "study.sqlite")
    assert [p.name for p in tmp_path.iterdir()] == ["study.sqlite"]
    for name in counts:
        columns = TABLES[name].columns
        wanted = [tuple(value(c.type, row[c.name]) for c in columns) for row in collected[name].to_pylist()]
        found = asked(tmp_path / "study.sqlite", f'SELECT {", ".join(chr(34) + c.name + chr(34) for c in columns)} FROM "{name}"')
        assert sorted(found, key=repr) == sorted(wanted, key=repr), name
        assert len(found) == counts[name]
    assert asked(tmp_path / "study.sqlite", "PRAGMA integrity_check") == [("ok",)]
    assert asked(tmp_path / "study.sqlite", "PRAGMA foreign_key_check") == []


@pytest.mark.slow
def test_values_have_the_types_that_others_expect(archive, tmp_path):
    archive.add(page(FIRST | {"id": "1900000000000000005", "possibly_sensitive": True, "public_metrics": {"like_count": 7}}))
    archive.export(tmp_path / "study.sqlite")
    (row,) = asked(tmp_path / "study.sqlite", "SELECT id, typeof(id), created_at, possibly_sensitive, typeof(possibly_sensitive), "
                   "like_count, typeof(like_count), datetime(created_at, '+1 hour') FROM posts WHERE like_count = 7")
    assert row == ("1900000000000000005", "text", "2026-02-01T10:00:00.000Z", 1, "integer", 7, "integer", "2026-02-01 11:00:00")
    lists = asked(tmp_path / "study.sqlite", "SELECT value FROM places, json_each(contained_within)")
    assert lists == [("0ff",)]


def test_keys_indexes_and_meanings(archive, tmp_path):
    counts = archive.export(tmp_path / "study.sqlite")
    path = tmp_path / "study.sqlite"
    for name in counts:
        table = TABLES[name]
        info = asked(path, f'PRAGMA table_info("{name}")')
        key = tuple(column for _, column, *_, place in sorted(info, key=lambda c: c[-1]) if place)
        assert key == table.key, name
        leading = {asked(path, f'PRAGMA index_info("{index}")')[0][2] for _, index, *_ in asked(path, f'PRAGMA index_list("{name}")')}
        joins = {c.name for c in table.columns if c.names and c.type is not Type.STRS}
        assert joins <= leading, name
        ((sql,),) = asked(path, f"SELECT sql FROM sqlite_master WHERE type = 'table' AND name = '{name}'")
        assert all(doc in sql for doc in (table.doc, *(c.doc for c in table.columns))), name
    ((about,),) = asked(path, "SELECT text FROM about")
    assert "search.recent" in about
    assert SQLITE.about in about


@pytest.mark.slow
def test_awkward_text_is_kept(tmp_path):
    text = "lone \ud800 nul \x00 line\r\nquote \" ' 😀 " + "x" * 3_000_000
    with xf.Archive(tmp_path / "archive") as archive:
        archive.add(page(FIRST | {"text": text}))
        archive.export(tmp_path / "study.sqlite")
        ((kept,),) = archive.sql("SELECT text FROM posts").fetchall()
    assert asked(tmp_path / "study.sqlite", "SELECT text FROM posts") == [(kept,)]
    assert kept == text.replace("\ud800", "\ufffd")


def test_the_options_of_exports_work(archive, tmp_path):
    archive.export(tmp_path / "de.sqlite", where="lang = 'de'", tables=["posts", "users"])
    assert asked(tmp_path / "de.sqlite", "SELECT id FROM posts") == [(SECOND["id"],)]
    archive.export(tmp_path / "one.sqlite", posts=[FIRST["id"]])
    assert asked(tmp_path / "one.sqlite", "SELECT id FROM posts") == [(FIRST["id"],)]
    archive.export(tmp_path / "masked.sqlite", pseudonymise=KEY)
    assert (Pseudonyms(KEY).of("user", ADA["id"]),) in asked(tmp_path / "masked.sqlite", "SELECT id FROM users")
    content = (tmp_path / "masked.sqlite").read_bytes().decode("utf-8", "replace")
    assert [mark for mark in (ADA["id"], ADA["username"], ADA["name"], FIRST["id"]) if mark in content] == []
    archive.export(tmp_path / "one.sqlite", posts=[SECOND["id"]], overwrite=True)
    assert asked(tmp_path / "one.sqlite", "SELECT id FROM posts") == [(SECOND["id"],)]
    with pytest.raises(ArgumentError):
        archive.export(tmp_path / "s.sqlite", spreadsheet=True)


def test_a_key_that_repeats_is_none(tmp_path, monkeypatch):
    """Rows of an archive that others made, and queries under pseudonyms, may repeat."""
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        for seconds, query in enumerate(("from:ada", "from:Ada")):
            body = {"data": [{"start": "2026-02-01T00:00:00.000Z", "end": "2026-02-02T00:00:00.000Z", "tweet_count": seconds}]}
            request = xf.wire.Request("GET", "/2/tweets/counts/recent", {"query": query, "granularity": "day"}, "counts.recent")
            archive.add(xf.wire.Page(request, json.dumps(body).encode(), NOW))
        assert archive.export(tmp_path / "study.sqlite", tables="counts", pseudonymise=KEY) == {"counts": 2}
        monkeypatch.setattr(job.Selection, "rows", lambda self, table: f'(FROM "{table}" UNION ALL FROM "{table}")')
        monkeypatch.setattr(job.Selection, "lean", job.Selection.rows)
        assert archive.export(tmp_path / "twice.sqlite", tables="counts") == {"counts": 4}


def rows(schema, *batches):
    return Rows("result", pa.schema(schema), iter(batches))


def test_what_sqlite_cannot_hold_is_told(tmp_path):
    wide = pa.table({f"c{n}": [n] for n in range(2_001)})
    with pytest.raises(ArgumentError):
        SQLITE.write_all(tmp_path / "a", [rows(wide.schema, wide)], Options())


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="Windows has no such limit")
def test_a_file_that_cannot_be_written_is_an_error_of_the_system(archive, tmp_path):
    import resource

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
    try:
        with pytest.raises(OSError, match="SQLite"):
            archive.export(tmp_path / "study.sqlite")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [p.name for p in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize(("values", "wanted"), [
    (pa.array([2**64 - 1, 5], pa.uint64()), [str(2**64 - 1), 5]),
    (pa.array([2**70, 7], pa.decimal128(38, 0)), [str(2**70), 7]),
    (pa.array([float("nan"), float("inf")]), [None, float("inf")]),
    (pa.array([b"\xff\x00", None]), [b"\xff\x00", None]),
    (pa.array([{"a": datetime(2026, 1, 1, tzinfo=UTC)}, None]), ['{"a": "2026-01-01T00:00:00Z"}', None]),
    (pa.array([1, None], pa.timestamp("s", "Europe/Berlin")), ["1970-01-01T00:00:01Z", None]),
    (pa.array([1, None], pa.timestamp("us")), ["1970-01-01T00:00:00.000001", None]),
    (pa.nulls(2), [None, None]),
    (pa.array(["b", "a"]).dictionary_encode(), ["b", "a"]),
])
def test_values_of_any_result(tmp_path, values, wanted):
    table = pa.table({"v": values, "V": values})
    assert SQLITE.write_all(tmp_path / "a", [rows(table.schema, table)], Options()) == {"result": 2}
    assert asked(tmp_path / "a", "SELECT * FROM result") == [(v, v) for v in wanted]
