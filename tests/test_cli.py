"""The shell: every command has help and stands in the README; formats, exit codes, pipes, and how fast it starts."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import xframes as xf
from xframes.cli import main
from xframes.cli.tables import render
from xframes.cli.values import plain
from xframes.registry import ACTIONS
from xframes.sandbox import Fault

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MUCH = "coffee OR duckdb OR climate OR cycling OR chess"


@pytest.fixture(scope="module")
def sandbox():
    with xf.sandbox.start(seed=7, posts=600, users=80) as running:
        yield running


@pytest.fixture
def key(sandbox, monkeypatch, tmp_path):
    """Credentials as a shell would give them."""
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "no-config.toml"))
    monkeypatch.setenv("XFRAMES_BASE_URL", sandbox.url)
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", sandbox.bearer_token)
    return sandbox


@pytest.fixture(scope="module")
def archive(sandbox, tmp_path_factory):
    """An archive with two pages of search in it."""
    folder = tmp_path_factory.mktemp("cli") / "archive"
    client = xf.Client(bearer_token=sandbox.bearer_token, base_url=sandbox.url)
    xf.search.recent("coffee", limit=120, into=xf.Archive(folder), client=client)
    return folder


def run(*words, **options):
    return CliRunner().invoke(main, [str(word) for word in words], **options)


def shell(*words, **options):
    """A real process, as a terminal starts it."""
    return subprocess.run([sys.executable, "-m", "xframes.cli", *map(str, words)], capture_output=True, text=True,
                          check=False, timeout=300, **options)


def commands(group=main, before=()):
    for name, command in group.commands.items():
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


COMMANDS = dict(commands())


# every command -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_an_example_and_a_place_in_the_readme(words):
    shown = run(*words, "--help")

    assert shown.exit_code == 0
    command = COMMANDS[words]
    assert command.get_short_help_str(60), "one line for the list of commands"
    assert not command.get_short_help_str(60).endswith("...")
    assert f"xframes {' '.join(words)}" in README, "the README's table of commands names it"
    if not isinstance(command, click.Group):
        assert re.search(rf"Example:\s+xframes {' '.join(words)}", shown.output)


@pytest.mark.parametrize("name", [n for n, a in ACTIONS.items() if a.kind == "read" and not a.streaming])
def test_every_read_action_is_a_command_with_its_parameters(name):
    area, _, rest = name.partition(".")
    command = COMMANDS[area, rest.replace("_", "-")]

    assert {p.name for p in ACTIONS[name].params} <= {p.name for p in command.params}


def test_names_may_be_written_with_underscores():
    assert run("users", "by_username", "--help").exit_code == 0


def test_no_command_takes_a_secret():
    names = {option for command in COMMANDS.values() for p in command.params for option in p.opts}
    assert not [n for n in names - {"media_key", "media_keys"} if re.search("token|secret|key|password", n)]


# rows --------------------------------------------------------------------------------------------------------------

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
    assert lines[3:] == ["(the first 1 rows; there are more)", "(1 more columns that do not fit: text)"]


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


# collecting --------------------------------------------------------------------------------------------------------


def test_a_search_prints_its_rows(key):
    shown = run("search", "recent", "coffee", "--limit", 30, "--format", "csv")

    assert shown.exit_code == 0, shown.stderr
    head, *rows = shown.stdout.splitlines()
    assert head.startswith("id,text,author_id")
    assert len(rows) >= 30


def test_another_table_can_be_printed(key):
    shown = run("search", "recent", "coffee", "--limit", 10, "--format", "json", "--table", "users")
    assert {"username", "followers_count"} <= json.loads(shown.stdout)[0].keys()


def test_a_collection_into_an_archive_prints_its_run(key, tmp_path):
    shown = run("search", "recent", "duckdb", "--limit", 20, "--archive", tmp_path / "a", "--format", "json", "--table",
                "runs")
    assert shown.exit_code == 0, shown.stderr
    shown = run("counts", "recent", "duckdb", "--granularity", "day", "--archive", tmp_path / "a")

    assert shown.stdout.splitlines()[0] == "run_id,action,state,pages,rows,archive"
    assert ",counts.recent,done,1,8," in shown.stdout
    archive = xf.Archive(tmp_path / "a")
    assert archive.tables["counts"] == 8
    assert list(archive.runs()["action"]) == ["search.recent", "counts.recent"]


def test_rows_of_an_archived_run_can_be_written_too(key, tmp_path):
    path = tmp_path / "posts.parquet"
    assert run("search", "recent", "tea", "--limit", 10, "--archive", tmp_path / "a", "--output", path).exit_code == 0
    assert {"id", "text"} <= set(pq.read_schema(path).names)


def test_ids_come_from_a_pipe(key, archive):
    ids = run("sql", "select author_id from posts group by 1 order by 1 limit 7", "--archive", archive).stdout
    shown = run("users", "lookup", "-", "--format", "json", input=ids)

    assert shown.exit_code == 0, shown.stderr
    asked = key.requests[-1].params["ids"].split(",")
    assert asked == ids.split()[1:]


def test_times_are_dates_or_have_a_zone(key):
    day = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d")
    assert run("search", "recent", "coffee", "--start-time", day, "--limit", 10).exit_code == 0
    assert key.requests[-1].params["start_time"] == f"{day}T00:00:00Z"

    shown = run("search", "recent", "coffee", "--start-time", f"{day}T10:00:00")
    assert shown.exit_code == 2
    assert f"write {day}T10:00:00Z" in " ".join(shown.stderr.split())


def test_several_values_of_an_option(key):
    user = key.user_id
    shown = run("timelines", "user", user, "--exclude", "replies", "--exclude", "retweets", "--limit", 5)
    assert shown.exit_code == 0, shown.stderr
    assert key.requests[-1].params["exclude"] == "replies,retweets"


def test_lists_may_be_joined_by_commas_as_x_writes_them(key):
    run("posts", "lookup", "11,12", "13")
    assert key.requests[-1].params["ids"] == "11,12,13"

    shown = run("timelines", "user", key.user_id, "--exclude", "replies,retweets", "--limit", 5)
    assert shown.exit_code == 0, shown.stderr
    assert key.requests[-1].params["exclude"] == "replies,retweets"

    shown = run("timelines", "user", key.user_id, "--exclude", "replies,reposts")
    assert shown.exit_code == 2
    assert "'reposts' is not one of 'replies', 'retweets'" in " ".join(shown.stderr.split())


def test_texts_may_hold_commas(key, monkeypatch):
    monkeypatch.delenv("XFRAMES_BEARER_TOKEN")
    shown = run("write", "delete-stream-rules", "--values", '"yes, we can" has:media', "--dry-run")
    assert json.loads(shown.stdout)["body"] == {"delete": {"values": ['"yes, we can" has:media']}}


def test_another_server_can_be_named(sandbox, monkeypatch, tmp_path):
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", sandbox.bearer_token)
    assert run("counts", "recent", "tea", "--base-url", sandbox.url).exit_code == 0


# errors and exit codes ---------------------------------------------------------------------------------------------


@pytest.fixture
def no_key(monkeypatch, tmp_path):
    for name in list(os.environ):
        if "TOKEN" in name or "CONSUMER" in name or name.startswith("XFRAMES"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "none.toml"))


def one_line(shown):
    assert "Traceback" not in shown.stderr
    (line,) = shown.stderr.splitlines()
    return line


def test_without_a_key_one_line_says_where_to_put_it(no_key):
    shown = run("search", "recent", "coffee")

    assert shown.exit_code == 1
    assert "XFRAMES_BEARER_TOKEN" in one_line(shown)


def test_a_wrong_key_is_said_to_be_wrong(key, monkeypatch):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", "very-secret-and-wrong")
    shown = run("search", "recent", "coffee")

    assert shown.exit_code == 1
    assert "XFRAMES_BEARER_TOKEN" in one_line(shown)
    assert "very-secret" not in shown.output


@pytest.mark.parametrize("words", [
    ("search", "recent"), ("search", "recent", "tea", "--limit", 0), ("search", "recent", ""), ("nonsense",),
    ("users", "lookup", "not-an-id"), ("search", "recent", "tea", "--table", "nonsense"), ("schema", "nonsense"),
    ("search", "recent", "tea", "--start-time", "yesterday"), ("sql", "select 1", "--archive", "no-such-folder"),
    ("import", "no-such-file", "--archive", "a"), ("search", "recent", "x" * 600),
    ("search", "recent", "tea", "--since-id", "1", "--start-time", "2026-01-01"),
], ids=lambda words: " ".join(map(str, words))[:40])
def test_wrong_usage_is_exit_code_2(key, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = run(*words)

    assert shown.exit_code == 2, shown.output
    assert "Traceback" not in shown.stderr


def test_an_unknown_column_is_one_line_with_what_was_meant(archive):
    shown = run("sql", "select\n langg\nfrom posts", "--archive", archive)

    assert shown.exit_code == 1
    assert '"lang"' in one_line(shown)


def test_debug_shows_the_traceback(archive):
    shown = run("--debug", "sql", "select langg from posts", "--archive", archive)
    assert isinstance(shown.exception, xf.XframesError)


def test_what_x_does_not_give_is_said_beside_the_rows(key):
    shown = run("users", "by-username", "nobody_here_at")

    assert shown.exit_code == 0
    assert shown.stdout.startswith("id,username")
    assert "1 problem of kind resource-not-found" in one_line(shown)


def test_a_collection_that_stops_at_a_cap_is_exit_code_3_and_can_be_resumed(key, tmp_path):
    folder = tmp_path / "my archive"
    key.faults.add(Fault("usage_capped", at=2, path="/2/tweets/search/recent"))
    shown = run("search", "recent", MUCH, "--limit", 150, "--archive", folder)

    assert shown.exit_code == 3, shown.output
    *_, line = shown.stderr.splitlines()
    words = shlex.split(line.partition("go on with: ")[2])
    assert words[:2] == ["xframes", "resume"]
    assert xf.Archive(folder).runs()["state"].tolist() == ["interrupted"]

    shown = run(*words[1:])
    assert shown.exit_code == 0, shown.output
    runs = xf.Archive(folder).runs()
    assert runs["state"].tolist() == ["done"]
    assert runs["row_count"].tolist() == [150]


def test_without_an_archive_what_came_before_the_cap_is_printed(key):
    key.faults.add(Fault("usage_capped", at=2, path="/2/tweets/search/recent"))
    shown = run("search", "recent", MUCH, "--limit", 150)

    assert shown.exit_code == 3
    assert len(shown.stdout.splitlines()) > 100
    assert "stopped after 1 pages" in shown.stderr


def test_a_cap_at_the_first_page_is_exit_code_3(key):
    key.faults.add(Fault("usage_capped", path="/2/tweets/counts/recent"))
    assert run("counts", "recent", "tea").exit_code == 3


# archives ----------------------------------------------------------------------------------------------------------


def test_import_prints_the_tables_and_what_could_not_be_read(tmp_path):
    bad = tmp_path / "bad.ndjson"
    bad.write_text('{"data": [{"id": "1", "text": "x"}]}\nnot json\n')
    shown = run("import", ROOT / "data" / "tweet-words.ndjson", bad, "--archive", tmp_path / "a")

    assert shown.exit_code == 0, shown.stderr
    assert "\nusers,10\n" in shown.stdout
    assert "2 files, 5 pages" in shown.stderr
    assert "1 problem of kind unreadable_page" in shown.stderr


def test_import_twice_adds_nothing(tmp_path):
    words = ("import", ROOT / "data" / "tweet-words.ndjson", "--archive", tmp_path / "a", "--processes", 1)
    assert run(*words).stdout == run(*words).stdout


def test_the_housekeeping_commands_leave_the_answers_as_they_were(archive, tmp_path):
    counted = "select count(*) as posts, sum(like_count) as likes from posts"
    before = run("sql", counted, "--archive", archive).stdout
    for command in ("compact", "rebuild", "verify", "runs"):
        assert run(command, "--archive", archive).exit_code == 0
    assert run("sql", counted, "--archive", archive).stdout == before


def test_verify_says_what_is_wrong_and_fails(tmp_path):
    folder = tmp_path / "a"
    run("import", ROOT / "data" / "tweet-words.ndjson", "--archive", folder)
    part = min((folder / "pages").glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:-20])
    shown = run("verify", "--archive", folder, "--format", "json")

    assert shown.exit_code == 1
    assert "pages/part-" in shown.stdout
    assert "finding" in shown.stderr


def test_sql_from_stdin_and_statements_without_rows(archive):
    shown = run("sql", "-", "--archive", archive, input="select 1 as one\n")
    assert shown.stdout == "one\n1\n"
    assert run("sql", "set threads = 1", "--archive", archive).exit_code == 0


# reference ---------------------------------------------------------------------------------------------------------


def test_schema_lists_tables_columns_and_the_whole_dictionary():
    tables = run("schema", "--format", "table").stdout
    assert all(re.search(rf"^{name} ", tables, re.MULTILINE) for name in xf.schema.TABLES)
    columns = run("schema", "users", "--format", "csv").stdout
    assert columns.splitlines()[1].startswith("id,string,true,")
    assert len(run("schema").stdout.splitlines()) > 500


def test_actions_lists_them():
    rows = json.loads(run("actions", "--format", "json", "--kind", "read").stdout)
    assert "xf.search.recent" in {row["function"] for row in rows}
    assert {row["kind"] for row in rows} == {"read"}


# real processes ----------------------------------------------------------------------------------------------------


def test_head_may_stop_reading(archive):
    query = "select p.*, i from posts p, range(500) r(i)"
    words = shlex.join([sys.executable, "-m", "xframes.cli", "sql", query, "--archive", str(archive)])
    shown = subprocess.run(["bash", "-c", f"{words} | head -1; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True,
                           check=False, timeout=300)

    assert shown.stdout.startswith("id,text")
    assert shown.stderr == ""
    assert shown.returncode == 0


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["nonsense"], 2), (["sql"], 2)])
def test_exit_codes_of_a_process(words, code):
    assert shell(*words).returncode == code


def test_the_sandbox_runs_until_it_is_told_to_stop():
    process = subprocess.Popen([sys.executable, "-m", "xframes.cli", "sandbox", "--posts", "50", "--users", "20"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        lines = [process.stdout.readline() for _ in range(5)]
        exports = dict(line.split()[1].split("=", 1) for line in lines if line.startswith("export "))
        shown = shell("counts", "recent", "coffee", env=os.environ | exports)
        person = shell("users", "me", env=os.environ | exports)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert shown.returncode == 0, shown.stderr
    assert person.returncode == 0, person.stderr
    assert process.returncode == 0
    assert errors == ""


def imported(*words):
    """Modules a command has imported when it ends."""
    code = ("import sys\nfrom xframes.cli import main\ntry:\n    main()\nfinally:\n"
            "    print('\\n'.join(sys.modules), file=sys.stderr)")
    shown = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False)
    return set(shown.stderr.split())


@pytest.mark.parametrize("words", [("--help",), ("search", "recent", "--help"), ("import", "--help")])
def test_help_waits_for_no_heavy_library(words):
    heavy = {"pandas", "numpy", "pyarrow", "duckdb", "matplotlib", "requests", "werkzeug", "msgspec"}
    assert not heavy & imported(*words)
