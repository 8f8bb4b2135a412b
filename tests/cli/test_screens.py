"""What a terminal is sent: no text of others steers it, and CSV for spreadsheets holds no formula. Data stays as it is."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import re
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import xframes as xf
from xframes import errors
from xframes.cli import terminal
from xframes.cli.output import say, write
from xframes.wire import Page, Request

from .running import run, shell

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\x7f\u202egnp.exe\u2066x\u2069\u2028\rline\nline\ttab"
STEERING = [chr(n) for n in (*range(9), *range(11, 32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x2070))]
OURS = re.compile("\x1b\\[(0|3[123])m")  # the doctor's colours
BAR = re.compile(r"\rimport: [^\r\n]*")  # the bar of an import, which some versions of tqdm draw at once
NAME = 'select 1 as "\x1b[31m\u202ered"'


def steers(text):
    return [c for c in text if c in STEERING]


@pytest.fixture
def evil(tmp_path):
    """An archive in which every text is hostile."""
    archive = xf.Archive(tmp_path / "evil")
    body = {"data": [{"id": "1", "text": EVIL, "author_id": "7"}],
            "includes": {"users": [{"id": "7", "username": "ada", "name": f"=1+1{EVIL}"}]},
            "errors": [{"title": EVIL, "detail": EVIL, "type": f"about:{EVIL}", "value": "1"}]}
    page = Page(Request("GET", "/2/tweets", {}, "posts.lookup"), json.dumps(body).encode(), xf.Archive(tmp_path / "x")._folder.now())
    with archive.keeping("posts.lookup", {"query": EVIL}) as keep:
        keep(page)
    return tmp_path / "evil"


COMMANDS = """
import sys
from xframes.cli import main
for words in eval(sys.argv[1]):
    try:
        main(words, prog_name="xframes")
    except SystemExit:
        pass
    except Exception:
        sys.excepthook(*sys.exc_info())
    print("<end>", flush=True)
"""


def screen(*commands):
    """What a real terminal is sent by each command."""
    pty = pytest.importorskip("pty")
    words = repr([[str(word) for word in command] for command in commands])
    pid, end = pty.fork()
    if pid == 0:  # the process of the commands
        os.execv(sys.executable, [sys.executable, "-c", COMMANDS, words])
    found = b""
    while True:
        try:
            piece = os.read(end, 65_536)
        except OSError:  # Linux ends a terminal so
            break
        if not piece:
            break
        found += piece
    os.close(end)
    os.waitpid(pid, 0)
    shown = found.decode().replace("\r\n", "\n").split("<end>\n")  # the terminal's own line ends
    assert len(shown) == len(commands) + 1
    return shown[:-1]


@pytest.mark.slow
def test_no_format_steers_a_terminal(evil):
    queries = [("sql", "select text, id from posts"), ("sql", NAME), ("runs",)]
    formats = ["table", "csv", "json"]
    shown = screen(*[(*q, "--archive", evil, "--format", f) for f in formats for q in queries])
    for one in shown:
        assert not steers(one)
    assert all("gnp.exe" in one for one in shown[::3])
    assert all("red" in one for one in shown[1::3])
    assert json.loads(shown[6]) == [{"text": EVIL, "id": "1"}]


def test_no_error_steers_a_terminal(evil):
    into = ("--archive", evil)
    commands = [
        ("sql", "select '\x1b[31m'; select nothing", *into), ("sql", "select * from \"\x1b[31m\u202e\"", *into),
        ("schema", "\x1b[31m"), ("search", "recent", "x", "--table", "\x1b[31m\u202e"), ("\x1b[31mno-such-command",),
        ("search", "recent", "x", "--start-time", "\x1b[31m"), ("import", "/no/such/\x1b[31m\u202efile", *into),
        ("runs", "--format", "\x1b[31m", *into), ("export", "/proc/\x1b[31m\u202e/x", "--table", "\x1b[31m", *into),
        ("resume", "\x1b[31m\u202e", *into), ("remove", "--post", "\x1b[31m", "--reason", "x", *into),
        ("--debug", "schema", "\x1b[31m"), ("--debug", "resume", "\x1b]0;", *into),
        ("doctor", "--offline", "--base-url", "ftp://\x1b]0;\u202e", *into),
    ]
    for shown in screen(*commands):
        assert not steers(OURS.sub("", shown))
        assert shown


@pytest.mark.slow
def test_problems_of_x_and_damage_do_not_steer(evil, tmp_path):
    (evil / "tables" / "posts" / "part-\x1b]0;.parquet").write_bytes(b"no parquet")
    bad = tmp_path / "bad\x1b]0;\u202e.jsonl"
    bad.write_text(f"{{{EVIL}\n")
    commands = [("verify",), ("doctor", "--offline"), ("import", bad)]
    for shown in screen(*[(*words, "--archive", evil) for words in commands]):
        assert not steers(OURS.sub("", BAR.sub("", shown)))


@pytest.mark.slow
def test_data_in_files_and_pipes_is_verbatim(evil, tmp_path):
    query = ("sql", "select text from posts", "--archive", evil)
    assert read(shell_bytes(*query, "--format", "csv")) == [["text"], [EVIL]]
    assert json.loads(shell_bytes(*query, "--format", "json")) == [{"text": EVIL}]
    for suffix in ("csv", "jsonl", "parquet"):
        run(*query, "--output", tmp_path / f"rows.{suffix}")
    assert read((tmp_path / "rows.csv").read_bytes().decode())[1] == [EVIL]
    assert json.loads((tmp_path / "rows.jsonl").read_text())["text"] == EVIL
    assert pq.read_table(tmp_path / "rows.parquet")["text"].to_pylist() == [EVIL]
    assert f"{EVIL[:5]}" not in shell(*query, "--format", "table").stdout


def shell_bytes(*words):
    return subprocess.run([sys.executable, "-m", "xframes.cli", *map(str, words)], capture_output=True, check=True).stdout.decode()


def test_rows_of_a_table_stay_rows():
    rows = pa.table({"a\nb": ["one\ntwo\r\nthree\tfour\x0b\x85five", "x"], "\u202eb": ["1", "2"]})
    lines = list(terminal.render(pa.RecordBatchReader.from_stream(rows), width=100))
    assert len(lines) == 4
    assert not [line for line in lines if steers(line) or "\t" in line or "\n" in line]


def test_messages_are_one_line_without_escapes(capsys):
    say(f"not read: {EVIL}", err=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert not steers(line)


def test_errors_logs_and_reprs_do_not_steer_in_python_either(evil, caplog):
    error = errors.NotFound(EVIL)
    assert not steers(str(error).replace("\n", ""))
    assert error.args == (EVIL,)
    logging.getLogger("xframes").warning("%s was cut short", EVIL)
    assert not steers(caplog.messages[-1])
    for shown in (repr(xf.Archive(evil)), *map(repr, [xf.Archive(evil).run(r) for r in xf.Archive(evil).runs()["run_id"]])):
        assert not steers(shown)


def test_progress_does_not_steer(capsys):
    from xframes.progress import bar

    with bar(True, f"upload {EVIL}", "B", 3) as advance:
        advance(3)
    assert not steers(capsys.readouterr().err.replace("\r", "").replace("\x1b[A", ""))


# spreadsheets --------------------------------------------------------------------------------------------------------

CELLS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "a=1", "", "'=1", "2-1"]
QUOTED = ["'" + c if c[:1] in "=+-@\t\r\n\uff1d" and c else c for c in CELLS]


def table_of_cells(tmp_path):
    rows = pa.table({"=cmd": CELLS, "n": [-1.5] * len(CELLS), "i": pa.array([-1] * len(CELLS)), "l": [["=1"]] * len(CELLS)})
    pq.write_table(rows, tmp_path / "cells.parquet")
    return f"select * from read_parquet('{tmp_path / 'cells.parquet'}')"


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("words", [["--spreadsheet"], ["--spreadsheet", "--format", "csv"], ["--format", "csv", "--spreadsheet"]])
def test_rows_for_a_spreadsheet_hold_no_formula(evil, tmp_path, words):
    query = table_of_cells(tmp_path)
    head, *rows = read(run("sql", query, "--archive", evil, *words).stdout_bytes.decode())

    assert head == ["'=cmd", "n", "i", "l"]
    assert [row[0] for row in rows] == QUOTED
    assert {tuple(row[1:]) for row in rows} == {("-1.5", "-1", '["=1"]')}
    verbatim = read(run("sql", query, "--archive", evil, "--format", "csv").stdout_bytes.decode())
    assert [row[0] for row in verbatim] == ["=cmd", *CELLS]
    run("sql", query, "--archive", evil, *words, "--output", tmp_path / "rows.csv")
    assert [row[0] for row in read((tmp_path / "rows.csv").read_bytes().decode())] == ["'=cmd", *QUOTED]


@pytest.mark.parametrize("words", [["--format", "json"], ["--format", "table"], ["--output", "rows.parquet"]])
def test_a_spreadsheet_takes_csv_only(evil, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shown = run("sql", "select 1", "--archive", evil, "--spreadsheet", *words)
    assert shown.exit_code == 2
    assert not (tmp_path / "rows.parquet").exists()


def test_an_export_for_spreadsheets_holds_no_formula_and_says_why(evil, tmp_path):
    archive = xf.Archive(evil)
    archive.export(tmp_path / "plain", tables=["users"], format="csv")
    assert run("export", tmp_path / "quoted", "--format", "csv", "--table", "users", "--spreadsheet", "--archive", evil).exit_code == 0
    archive.export(tmp_path / "one.csv", tables=["users"], spreadsheet=True)
    name = f"=1+1{EVIL}"
    for path, wanted in ((tmp_path / "plain" / "users.csv", name), (tmp_path / "quoted" / "users.csv", f"'{name}"),
                         (tmp_path / "one.csv", f"'{name}")):
        (row,) = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
        assert row["name"] == wanted
    assert "spreadsheet" in (tmp_path / "plain" / "README.md").read_text()
    assert "apostrophe" in (tmp_path / "quoted" / "README.md").read_text()
    with pytest.raises(errors.ArgumentError):
        archive.export(tmp_path / "p", format="parquet", spreadsheet=True)
    for command in ("export", "sql", "runs"):
        assert "formula" in run(command, "--help").stdout


def test_a_sheet_of_excel_holds_text_as_text(evil, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    archive = xf.Archive(evil)
    archive.export(tmp_path / "a.xlsx", tables=["users"])
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["users"]
    cells = {cell.value: cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None}
    assert {kind for value, kind in cells.items() if str(value).startswith("=1+1")} == {"s"}


def test_write_by_itself_takes_no_context(capsysbinary):
    write(pa.table({"a": ["=1"]}), "csv")
    assert capsysbinary.readouterr().out == b"a\n=1\n"
