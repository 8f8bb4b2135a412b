"""The formats of rows in the shell: every one written to a file and read back; what cannot be is refused first."""

import json
import sqlite3
import sys
from contextlib import closing

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest

from xframes.cli import output
from xframes.formats import FORMATS

from .running import run

QUERY = "select id, created_at, like_count, text from posts order by id limit 3"
FILES = [f for f in output.choices() if f.name != "table"]


def read(path, name):
    """The ids of a file's rows."""
    if name == "sqlite":
        with closing(sqlite3.connect(path)) as base:
            return [row[0] for row in base.execute("SELECT * FROM result")]
    if name == "duckdb":
        with duckdb.connect(str(path), read_only=True) as base:
            return [row[0] for row in base.execute("FROM result").fetchall()]
    if name == "excel":
        return [row[0].value for row in openpyxl.load_workbook(path)["result"].iter_rows()][1:]
    if name == "parquet":
        return pq.read_table(path)["id"].to_pylist()
    text = path.read_text(encoding="utf-8")
    if name in {"json", "jsonl"}:
        found = json.loads(text) if name == "json" else [json.loads(line) for line in text.splitlines()]
        return [row["id"] for row in found]
    import csv

    return [row["id"] for row in csv.DictReader(text.splitlines(keepends=True))]


@pytest.mark.parametrize("format", FILES, ids=lambda f: f.name)
def test_a_suffix_says_the_format(archive, tmp_path, format):
    ids = json.loads(run("sql", QUERY, "--archive", archive, "--format", "json").stdout)
    for suffix, more in ((format.suffix, ()), (format.suffix.upper(), ("--format", format.name))):
        path = tmp_path / f"rows{suffix}"
        if more:
            path.write_text("old")
        assert run("sql", QUERY, "--archive", archive, "--output", path, *more).exit_code == 0
        assert read(path, format.name) == [row["id"] for row in ids]
        path.unlink()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", FILES, ids=lambda f: f.name)
def test_a_format_that_contradicts_the_suffix_is_refused(archive, tmp_path, format):
    for other in output.choices():
        if other.suffix not in format.suffixes:
            words = ["--output", tmp_path / f"rows{other.suffix}", "--format", format.name]
            assert run("sql", QUERY, "--archive", archive, *words).exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", [f.name for f in FILES if f.whole])
def test_a_file_of_tables_needs_a_file_with_its_suffix(archive, tmp_path, format):
    assert run("sql", QUERY, "--archive", archive, "--format", format).exit_code == 2
    assert run("sql", QUERY, "--archive", archive, "--format", format, "--output", tmp_path / "rows.xls").exit_code == 2
    assert run("sql", QUERY, "--archive", archive, "--format", format, "--output", "/dev/null").exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["rows.xls", "rows.tsv", "rows.sqlite3x", "rows"])
@pytest.mark.parametrize("words", [
    ("search", "recent", "coffee"), ("hydrate", "1"), ("check", "1"), ("completeness", "coffee"), ("resume", "x"),
    ("users", "me"),
], ids=lambda words: words[0])
def test_every_command_refuses_an_unknown_suffix_before_a_request(key, archive, tmp_path, words, name):
    before = len(key.requests)
    shown = run(*words, "--archive", archive, "--output", tmp_path / name)
    assert shown.exit_code == 2
    assert all(f.suffix in shown.stderr for f in FORMATS if not f.ids_only)
    assert len(key.requests) == before
    assert list(tmp_path.iterdir()) == []


def test_a_file_for_programs_is_not_printed_on_a_terminal(archive, monkeypatch):
    monkeypatch.setattr(sys, "stdout", type("Terminal", (), {"isatty": lambda _: True})())
    for format in FILES:
        if not format.text:
            with pytest.raises(output.click.UsageError):
                output.check(format.name, None)
        else:
            assert output.check(format.name, None) is format
