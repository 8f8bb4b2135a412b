"""Collecting in the shell: what is asked and printed; errors in one line, exit codes, caps and going on."""

import gzip
import json
import os
import shlex
import sys
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

import xframes as xf
from xframes.sandbox import Fault

from .running import run

MUCH = "coffee OR duckdb OR climate OR cycling OR chess"


# collecting ----------------------------------------------------------------------------------------------------------


def test_a_search_prints_its_rows(key):
    shown = run("search", "recent", "coffee", "--limit", 30, "--format", "csv")

    assert shown.exit_code == 0, shown.stderr
    head, *rows = shown.stdout.splitlines()
    assert head.startswith("id,created_at,author_id")
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


@pytest.mark.parametrize(("words", "table"), [
    (("users", "get", "1"), ()), (("posts", "get", "1"), ("--table", "users")),
    (("users", "by-username", "not_there_1"), ()),
])
def test_one_missing_thing_fails_with_its_reason(key, tmp_path, words, table):
    for archive in ((), ("--archive", tmp_path / "a")):
        shown = run(*words, *table, *archive)
        assert (shown.exit_code, shown.stdout) == (1, "")
        assert words[-1] in shown.stderr
    assert xf.Archive(tmp_path / "a").tables["problems"] == 1


def test_files_of_ids_are_looked_up(key, archive, tmp_path):
    ids = run("sql", "select id from posts order by 1 limit 2", "--archive", archive).stdout.split()[1:]
    data = gzip.compress(f"n,status\n1,{ids[0]}\n2,none\n3,https://x.com/a/status/{ids[1]}\n".encode())
    (tmp_path / "ids").write_bytes(data)
    for words in (("hydrate", tmp_path / "ids"), ("check", "-")):
        again = (*words, "--column", "status", "--archive", archive)
        shown = run(*again, input=data)
        assert shown.exit_code == 2
        assert "line 3" in shown.stderr
        shown = run(*again, "--skip-bad", input=data)
        assert shown.exit_code == 0
        assert [line.split(",")[0] for line in shown.stdout.splitlines()] == ["id", *ids]
        assert "line 3" in shown.stderr


def test_ids_that_a_spreadsheet_has_rounded_are_reported(key, tmp_path):
    (tmp_path / "ids.txt").write_text("1790000000000010000\n1790000000000240000\n")
    (tmp_path / "posts.csv").write_text("id,text\n1790000000000010000,tea\n1790000000000240000,milk\n")
    for words in (("hydrate", tmp_path / "ids.txt"), ("import", tmp_path / "posts.csv")):
        shown = run(*words, "--archive", tmp_path / "a")
        assert shown.exit_code == 0
        assert "xframes: " in shown.stderr
        assert "spreadsheet" in shown.stderr
    kinds = xf.Archive(tmp_path / "a").sql("select count(*) from problems where kind = 'rounded_ids'")
    assert kinds.fetchall() == [(2,)]


def test_a_file_of_queries_is_collected_and_resumed_as_a_whole(key, tmp_path):
    (tmp_path / "queries.txt").write_text("coffee lang:en\n\n#tea OR tea\nduckdb\n")
    words = ("search", "recent", "--from-file", tmp_path / "queries.txt", "--limit", 10, "--archive", tmp_path / "a")
    key.faults.add(Fault("usage_capped", at=2, path="/2/tweets/search/recent"))
    stopped = run(*words)
    assert stopped.exit_code == 3, stopped.output
    line = stopped.stderr.splitlines()[-1]
    shown = run(*shlex.split(line[line.index("xframes resume"):])[1:])
    assert shown.exit_code == 0, shown.output
    assert len(shown.stdout.splitlines()) == 4
    runs = xf.Archive(tmp_path / "a").runs()
    assert runs["state"].tolist() == ["done"] * 3
    assert [json.loads(one)["query"] for one in runs["arguments"]] == ["coffee lang:en", "#tea OR tea", "duckdb"]


def test_a_file_of_users_may_have_handles_and_columns(key, archive, tmp_path):
    people = run("sql", "select id, username from users order by id limit 2", "--archive", archive).stdout.split()[1:]
    (first, _), (second, handle) = (one.split(",") for one in people)
    (tmp_path / "people.csv").write_text(f"n,user_id\n1,{first}\n2,@{handle}\n3,none\n")
    words = ("timelines", "user", "--from-file", tmp_path / "people.csv", "--archive", tmp_path / "a", "--limit", 5)
    assert run(*words).exit_code == 2
    shown = run(*words, "--skip-bad")
    assert shown.exit_code == 0, shown.output
    assert f"@{handle.lower()}" in shown.stderr
    assert "line 4" in shown.stderr
    paths = [request.path for request in key.requests[-3:]]
    assert paths == ["/2/users/by", f"/2/users/{first}/tweets", f"/2/users/{second}/tweets"]
    shown = run("users", "lookup", "--from-file", "-", "--format", "csv", input=f"{first}\n{second}\n")
    assert {line.split(",")[0] for line in shown.stdout.splitlines()} == {"id", first, second}


@pytest.mark.parametrize("words", [
    ("search", "recent"), ("search", "recent", "coffee", "--from-file", "-"), ("timelines", "user", "1", "--skip-bad"),
    ("posts", "lookup"), ("search", "recent", "--from-file", "nothing.txt"),
])
def test_a_query_or_a_file_is_needed(key, words):
    assert run(*words, input="coffee\n").exit_code == 2


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
    assert f"{day}T10:00:00Z" in " ".join(shown.stderr.split())


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


# errors and exit codes -----------------------------------------------------------------------------------------------


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


def test_what_fails_for_other_reasons_than_a_key_speaks_of_none(key, sandbox, archive, tmp_path, monkeypatch):
    """An app's key cannot be told from here to help a person's request, a port in use or a missing library."""
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    excel = one_line(run("export", tmp_path / "a.xlsx", "--archive", archive))
    taken = one_line(run("sandbox", "--port", str(sandbox.port)))
    person = one_line(run("users", "me"))

    assert "BEARER" not in excel
    assert "BEARER" not in taken
    assert "XFRAMES_BEARER_TOKEN" not in person
    assert "XFRAMES_OAUTH2_ACCESS_TOKEN" in person
    monkeypatch.delenv("XFRAMES_BEARER_TOKEN")
    monkeypatch.setenv("XFRAMES_OAUTH2_ACCESS_TOKEN", "no-such-token")
    wrong = one_line(run("users", "me"))
    assert "XFRAMES_BEARER_TOKEN" not in wrong
    assert "XFRAMES_OAUTH2_ACCESS_TOKEN" in wrong


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


@pytest.mark.parametrize("output", ["rows.foo", "rows.xls", "rows", "missing/rows.csv"])
def test_an_output_that_cannot_be_is_refused_before_x_is_asked(key, tmp_path, output):
    before = len(key.requests)
    result = run("search", "recent", "coffee", "--limit", "10", "--output", tmp_path / output)
    assert result.exit_code == 2
    assert len(key.requests) == before


def test_an_unknown_column_is_one_line_with_what_was_meant(archive):
    shown = run("sql", "select\n langg\nfrom posts", "--archive", archive)

    assert shown.exit_code == 1
    assert '"lang"' in one_line(shown)


def test_debug_shows_the_traceback(archive):
    shown = run("--debug", "sql", "select langg from posts", "--archive", archive)
    assert isinstance(shown.exception, xf.XframesError)


def test_what_x_does_not_give_is_said_beside_the_rows(key):
    shown = run("users", "by-usernames", "nobody_here_at")

    assert shown.exit_code == 0
    assert shown.stdout.startswith("id,username")
    assert "1 problem of kind resource-not-found" in one_line(shown)


@pytest.mark.parametrize("words", [("users", "by-username", "nobody_here_at"), ("users", "get", "1"), ("posts", "get", "1")])
@pytest.mark.parametrize("is_archived", [False, True])
def test_one_thing_that_is_missing_is_a_failure_with_its_reason(key, tmp_path, words, is_archived):
    shown = run(*words, *(["--archive", tmp_path / "a"] if is_archived else []))

    assert shown.exit_code == 1
    assert "Could not find" in one_line(shown)
    assert is_archived or not shown.stdout


def test_a_collection_that_stops_at_a_cap_is_exit_code_3_and_can_be_resumed(key, tmp_path):
    folder = tmp_path / "my archive"
    key.faults.add(Fault("usage_capped", at=2, path="/2/tweets/search/recent"))
    shown = run("search", "recent", MUCH, "--limit", 150, "--archive", folder)

    assert shown.exit_code == 3, shown.output
    *_, line = shown.stderr.splitlines()
    words = shlex.split(line[line.index("xframes resume"):])
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
    assert "1 page," in shown.stderr
    assert "resume()" not in shown.stderr, "methods of Python mean nothing in the shell"


def test_a_cap_at_the_first_page_is_exit_code_3(key):
    key.faults.add(Fault("usage_capped", path="/2/tweets/counts/recent"))
    assert run("counts", "recent", "tea").exit_code == 3


@pytest.mark.parametrize("case", [
    (("search", "recent", "coffee"), "search.recent", "bearer token"), (("users", "me"), "users.me", "OAuth"),
    (("write", "like", "1", "--yes"), "write.like", "OAuth"), (("usage", "posts"), "usage.posts", "bearer token"),
    (("write", "upload-media", "loop.gif", "--yes"), "write.upload_media", "OAuth"),
    (("search", "recent", "coffee", "--archive", "a"), "search.recent", "bearer token"),
    (("hydrate", "1", "--archive", "a"), "posts.lookup", "bearer token"),
])
def test_without_a_key_the_action_that_was_asked_is_named(no_key, tmp_path, monkeypatch, case):
    words, name, takes = case
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.gif").write_bytes(b"GIF89a" + b"invented" * 100)
    shown = run(*words)
    assert shown.exit_code == 1
    assert f"xframes: {name} needs" in one_line(shown)
    assert takes in one_line(shown)


def test_an_upload_that_stops_says_the_command_that_goes_on(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("XFRAMES_BASE_URL", sandbox.url)
    monkeypatch.setenv("XFRAMES_OAUTH2_ACCESS_TOKEN", sandbox.user_token)
    path = tmp_path / "a cat.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"invented" * 100)
    sandbox.faults.add(Fault("503", at=1, path="/2/media/metadata"))
    shown = run("write", "upload-media", path, "--alt-text", "A cat", "--yes")
    assert shown.exit_code == 1
    (line,) = [line for line in shown.stderr.splitlines() if "xframes write upload-media" in line]

    _, *words = shlex.split(line[line.index("xframes write"):])
    again = run(*words)
    assert again.exit_code == 0, again.stderr
    media_id = words[words.index("--media-id") + 1]
    assert sandbox.community.uploads[int(media_id)].media.alt == "A cat"
    assert sum(r.action == "write.upload_media" for r in sandbox.requests) == 1


def test_a_replay_answers_in_the_shell_without_credentials(tmp_path):
    from tests.archives import page, post

    with xf.Archive(tmp_path / "a") as archive:
        archive.add(page(post(7, text="seven")))
    words = ["--replay", str(tmp_path / "a"), "--format", "csv"]
    result = run("search", "recent", "cats", *words)
    assert result.exit_code == 0, result.output
    assert "seven" in result.stdout
    assert run("search", "recent", "cats and dogs", *words).exit_code == 1
