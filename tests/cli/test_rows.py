"""Rows the shell prints: every format keeps ids, times and awkward text; a table fits the terminal and cannot reach it."""

import json
import os
import stat
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import xframes as xf
from xframes.cli.terminal import render
from xframes.formats.scalars import plain

from .running import run

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = pa.table({
    "id": ["1234567890123456789", "2"], "n": pa.array([7, None], pa.int64()), "x": [0.1, float("nan")],
    "at": pa.array([NOW, None], pa.timestamp("ms", "UTC")), "ok": [True, None], "tags": [["a", "b"], None],
    "text": ['say "hi",\nthere\r', "猫 \x1b[31m"], "none": pa.nulls(2),
})


def test_csv_keeps_ids_times_and_awkward_text(tmp_path, archive):
    path = tmp_path / "rows.csv"
    query = "select id, created_at, text || chr(10) || '\"x\",' as text, null as none from posts order by id"
    assert run("sql", query, "--archive", archive, "--output", path).exit_code == 0

    types = pa.csv.ConvertOptions(column_types={"id": pa.string(), "created_at": pa.timestamp("ms", "UTC")})
    back = pa.csv.read_csv(path, convert_options=types, parse_options=pa.csv.ParseOptions(newlines_in_values=True))
    told = xf.Archive(archive).sql(query).to_arrow_table()
    for column in ("id", "created_at", "text"):
        assert back[column].to_pylist() == told[column].to_pylist()


def test_json_is_one_array_and_jsonl_one_object_a_line(archive):
    query = "select id, created_at, like_count, 'nan'::double as bad from posts order by id limit 3"
    lines = run("sql", query, "--archive", archive, "--format", "jsonl").stdout.splitlines()
    rows = json.loads(run("sql", query, "--archive", archive, "--format", "json").stdout)

    assert [json.loads(line) for line in lines] == rows

    assert len(rows) == 3
    assert isinstance(rows[0]["id"], str)
    assert isinstance(rows[0]["like_count"], int)
    assert rows[0]["created_at"].endswith("Z")
    assert rows[0]["bad"] is None


def test_parquet_keeps_the_types(tmp_path, archive):
    path = tmp_path / "posts.parquet"
    assert run("sql", "select * exclude (plain_text) from posts", "--archive", archive, "--output", path).exit_code == 0

    assert pq.read_schema(path).field("id").type == pa.string()
    assert pq.read_schema(path).field("like_count").type == pa.int64()
    assert pq.read_metadata(path).num_rows == xf.Archive(archive).tables["posts"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("format_", ["table", "csv", "json", "jsonl", "parquet"])
def test_columns_of_one_name_are_all_kept(tmp_path, archive, format_):
    path = tmp_path / "rows"
    query = "select 1 as a, 2 as b, 3 as a, 4 as a_1, 5 as a"
    assert run("sql", query, "--archive", archive, "--format", format_, "--output", path).exit_code == 0

    if format_ == "parquet":
        found = pq.read_table(path).to_pylist()
    elif format_ in {"json", "jsonl"}:
        found = [json.loads(path.read_text())[0] if format_ == "json" else json.loads(path.read_text())]
    else:
        head, *_, row = path.read_text().splitlines()
        parts = [head.split(","), row.split(",")] if format_ == "csv" else [head.split(), row.split()]
        found = [dict(zip(parts[0], map(int, parts[1]), strict=True))]
    assert found == [{"a": 1, "b": 2, "a_2": 3, "a_1": 4, "a_3": 5}]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_an_output_that_is_no_plain_file_is_written_to_and_not_replaced(tmp_path, archive):
    pipe, link, real = tmp_path / "pipe.csv", tmp_path / "link.csv", tmp_path / "real.csv"
    os.mkfifo(pipe)
    real.write_text("old")
    link.symlink_to(real)

    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert run("sql", "select 1 as a", "--archive", archive, "--output", pipe).exit_code == 0
    assert os.read(reader, 99) == b"a\n1\n"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)

    assert run("sql", "select 2 as a", "--archive", archive, "--output", link).exit_code == 0
    assert link.is_symlink()
    assert real.read_text() == "a\n2\n"


def test_a_suffix_that_says_nothing_is_refused(tmp_path, archive):
    shown = run("sql", "select 1", "--archive", archive, "--output", tmp_path / "rows.xls")
    assert shown.exit_code == 2
    assert ".parquet" in shown.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("value", "text"), [
    (None, ""), (True, "true"), (7, "7"), (0.5, "0.5"), (Decimal(45), "45"), (Decimal("1.50"), "1.5"), ("a,b", "a,b"),
    (NOW, "2026-03-01T12:00:00Z"), (NOW + timedelta(milliseconds=5), "2026-03-01T12:00:00.005Z"),
    (NOW.replace(hour=0, tzinfo=None), "2026-03-01T00:00:00"), (date(2026, 3, 1), "2026-03-01"), (b"\xff", "\\xff"),
    (["a", NOW], '["a", "2026-03-01T12:00:00Z"]'), ({"猫": 1}, '{"猫": 1}'),
])
def test_a_value_as_text(value, text):
    assert plain(value) == text


def test_a_table_is_aligned_and_says_what_it_leaves_out():
    lines = list(render(pa.RecordBatchReader.from_stream(ROWS), rows=1, width=70))

    assert lines[0].split() == ["id", "n", "x", "at", "ok", "tags"]
    assert lines[2].split() == ["1234567890123456789", "7", "0.1", "2026-03-01", "12:00:00", "true", '["a",', '"b"]']
    (rows, columns) = lines[3:]
    assert "1 row;" in rows
    assert "1 column " in columns
    assert "text" in columns


def test_a_table_of_hostile_text_cannot_reach_the_terminal():
    shown = "\n".join(render(pa.RecordBatchReader.from_stream(ROWS.select(["text"])), width=40))
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert "猫 ·[31m" in shown


def test_a_table_counts_wide_characters_as_two():
    rows = pa.table({"a": ["猫猫猫", "abc"], "b": ["x", "y"]})
    lines = list(render(pa.RecordBatchReader.from_stream(rows), width=40))
    assert lines[2:] == ["猫猫猫  x", "abc     y"]


def test_a_narrow_terminal_shrinks_long_text_first():
    rows = pa.table({"id": ["1" * 19], "text": ["word " * 30]})
    (_, _, line) = render(pa.RecordBatchReader.from_stream(rows), width=50)
    assert line.startswith("1" * 19)
    assert line.endswith("…")
    assert len(line) == 50


def test_no_rows_are_said_to_be_none():
    assert list(render(pa.RecordBatchReader.from_stream(pa.table({"a": pa.nulls(0)})), width=40))[-1] == "(no rows)"
