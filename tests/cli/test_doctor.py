"""`xframes doctor`: says what is there and what is wrong, with what to do; never what a secret is."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

import xframes as xf
from xframes.archive.ingest.journal import open_journal
from xframes.archive.storage.folder import Folder
from xframes.archive.upkeep.health import signs
from xframes.cli import main
from xframes.plot.canvas.glyphs import lacking
from xframes.sandbox import Fault

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "verysecret0123456789"
posix = pytest.mark.skipif(os.name != "posix", reason="Windows knows no such permissions")


@pytest.fixture(scope="module")
def sandbox():
    with xf.sandbox.start(seed=7, posts=200, users=40) as running:
        yield running


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """A shell without any credential, and an empty home."""
    for name in list(os.environ):
        if "TOKEN" in name or "CONSUMER" in name or "PROXY" in name.upper() or name.startswith("XFRAMES"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "ada" / "config.toml"))
    (tmp_path / "ada").mkdir()
    return tmp_path / "ada"


@pytest.fixture
def key(sandbox, monkeypatch):
    monkeypatch.setenv("XFRAMES_BASE_URL", sandbox.url)
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", sandbox.bearer_token)
    return sandbox


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "archive"
    with xf.Archive(folder) as archive:
        archive.import_pages([ROOT / "data" / "tweet-words.ndjson"])
    return folder


def run(*words):
    return CliRunner().invoke(main, ["doctor", *map(str, words)])


def checks(*words):
    """What is said, by part and state; and the exit code."""
    shown = run("--format", "jsonl", *words)
    return [json.loads(line) for line in shown.stdout.splitlines()], shown.exit_code


def of(rows, part):
    return [row for row in rows if row["part"] == part]


def only(rows, part):
    (row,) = of(rows, part)
    return row


def test_all_is_well(key, folder, monkeypatch):
    shown = run("--archive", folder)

    assert shown.exit_code == 0, shown.output
    assert "found        bearer_token in variable XFRAMES_BEARER_TOKEN" in shown.stdout
    assert "may read 3,000,000 posts a month (pay-per-use)" in shown.stdout
    assert "of 50 such requests left" in shown.stdout
    assert re.search(r"ok    pages +\d in \d files, \d+ kB", shown.stdout)
    assert f"pandas {pytest.importorskip('pandas').__version__}" in shown.stdout
    assert "wrong" not in shown.stdout
    assert shown.stderr == "nothing wrong\n"


def test_the_call_is_the_one_x_bills_nothing_for(key):
    before = len(key.requests)
    run()
    assert [request.path for request in key.requests[before:]] == ["/2/usage/tweets"]
    run("--offline")
    assert len(key.requests) == before + 1


def test_without_a_key_it_says_where_to_put_one():
    rows, code = checks()
    assert code == 1
    assert only(rows, "credentials")["state"] == "wrong"
    assert "XFRAMES_BEARER_TOKEN" in only(rows, "credentials")["advice"]
    assert not of(rows, "access")
    assert only(rows, "server")["found"] == "https://api.x.com"

    rows, code = checks("--offline")
    assert code == 0
    assert only(rows, "credentials")["state"] == "warn"


def test_a_wrong_key_is_wrong_and_not_shown(key, monkeypatch):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", SECRET)
    shown = run()
    assert shown.exit_code == 1
    assert "does not accept the app's bearer token" in shown.stdout
    assert "developer console" in shown.stdout
    assert SECRET not in shown.output


@pytest.mark.parametrize(("fault", "state", "says"), [
    (Fault("usage_capped", path="/2/usage/tweets"), "wrong", "cap"),
    (Fault("rate_limit", path="/2/usage/tweets", seconds=600), "warn", "too many requests"),
    (Fault("503", times=9, path="/2/usage/tweets"), "wrong", "service unavailable"),
], ids=["cap", "limit", "server"])
def test_what_x_refuses(key, fault, state, says, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    key.faults.clear()
    key.faults.add(fault)
    rows, code = checks()
    key.faults.clear()
    assert only(rows, "access")["state"] == state
    assert says in only(rows, "access")["found"].lower()
    assert only(rows, "access")["advice"]
    assert code == (1 if state == "wrong" else 0)


def test_a_server_that_is_not_there(key):
    rows, code = checks("--base-url", "http://127.0.0.1:9")
    assert code == 1
    assert "no answer from X" in only(rows, "access")["found"]
    assert only(rows, "server")["found"] == "http://127.0.0.1:9 (by --base-url)"


@pytest.mark.parametrize(("used", "state"), [(10, "ok"), (95, "warn"), (100, "wrong")])
def test_the_cap_and_what_was_read_of_it(used, state):
    from xframes.cli.commands.doctor import _used

    check = _used({"project_cap": 100, "project_usage": used, "cap_reset_day": 8}, "")
    assert check.state == state
    assert f"has read {used};" in check.found
    assert "on day 8" in check.found
    assert bool(check.advice) == (state != "ok")


def test_a_persons_token_alone_is_asked_for_only_when_told(sandbox, monkeypatch):
    monkeypatch.setenv("XFRAMES_BASE_URL", sandbox.url)
    monkeypatch.setenv("XFRAMES_OAUTH2_ACCESS_TOKEN", sandbox.user_token)
    before = len(sandbox.requests)
    rows, code = checks()
    assert code == 0
    assert "--me" in only(rows, "access")["advice"]
    assert len(sandbox.requests) == before

    rows, code = checks("--me")
    assert code == 0
    assert f"@{sandbox.community.people[int(sandbox.user_id)].username}" in only(rows, "person")["found"]


# where credentials are --------------------------------------------------------------------------------------------


def test_each_setting_is_told_with_its_place(bare, monkeypatch):
    config = bare / "config.toml"
    config.write_text(f'[default]\nbearer_token = "{SECRET}"\nconsumer_key = "{SECRET}k"\n')
    config.chmod(0o600)
    monkeypatch.setenv("TWITTER_BEARER_TOKEN", f"{SECRET}t")
    rows, _ = checks("--offline")

    assert [row["found"] for row in of(rows, "found")] == [
        "bearer_token in variable TWITTER_BEARER_TOKEN; also in ~/config.toml [default], not used",
        "consumer_key in ~/config.toml [default]",
    ]
    assert only(rows, "config file")["found"] == "~/config.toml (-rw-------)"
    warned, held = of(rows, "credentials")
    assert "OAuth 1.0a is incomplete: consumer_secret" in warned["found"]
    assert held["found"] == "the app's bearer token (app-only)"
    assert SECRET not in json.dumps(rows)


@posix
def test_a_config_file_others_can_read_is_wrong(bare):
    (bare / "config.toml").write_text("[default]\n")
    (bare / "config.toml").chmod(0o644)
    rows, code = checks("--offline")
    assert code == 1
    row = only(rows, "config file")
    assert row["state"] == "wrong"
    assert "-rw-r--r--" in row["found"]
    assert row["advice"] == "chmod 600 ~/config.toml"


@pytest.mark.parametrize(("text", "part", "says"), [
    ("[default\n", "config file", "not readable TOML"),
    ('[default]\nbearer_tokn = "x"\n', "config file", "bearer_tokn"),
    ('bearer_token = "x"\n[default]\n', "config file", "bearer_token (it belongs below [default])"),
    ('journals = "/x"\nbearer_tokn = "x"\n', "config file", "bearer_tokn"),
    ('[default]\nbearer_token = "two words"\n', "credentials", "bearer_token"),
    ('[default]\nbase_url = "x.com"\n', "server", "base_url"),
])
def test_what_is_wrong_in_the_config_file(bare, text, part, says):
    (bare / "config.toml").write_text(text)
    (bare / "config.toml").chmod(0o600)
    rows, code = checks("--offline")
    row = next(row for row in of(rows, part) if row["state"] != "ok")
    assert says in row["found"]
    assert row["advice"]
    assert code == (0 if part == "config file" and "[default\n" not in text else 1)


def test_a_server_that_is_none_keeps_nothing_else_from_being_looked_at(monkeypatch, folder):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", "x")
    monkeypatch.setenv("XFRAMES_BASE_URL", "ftp://x")
    rows, code = checks("--archive", str(folder))
    assert code == 1
    assert [row["part"] for row in rows if row["state"] == "wrong"] == ["server"]
    assert of(rows, "archive")


def test_an_apps_key_and_secret_get_a_token_to_ask_with(sandbox, monkeypatch):
    monkeypatch.setenv("XFRAMES_CONSUMER_KEY", sandbox.oauth1[0])
    monkeypatch.setenv("XFRAMES_CONSUMER_SECRET", sandbox.oauth1[1])
    rows, code = checks("--base-url", sandbox.url)
    assert code == 0
    assert only(rows, "access")["found"].startswith("accepted")


def test_a_proxy_is_named_where_it_is_asked(sandbox, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert "proxy" not in only(checks("--offline", "--base-url", sandbox.url)[0], "server")["found"]
    assert "through the proxy in https_proxy" in only(checks("--offline")[0], "server")["found"]


def test_what_logging_in_stored(bare):
    record = {"client_id": "c", "access_token": SECRET, "refresh_token": f"{SECRET}r", "expires_at": NOW.timestamp(),
              "scopes": ["tweet.read", "users.read"]}
    tokens = bare / "tokens.json"
    tokens.write_text(json.dumps({"login": record}))
    tokens.chmod(0o600)
    rows, code = checks("--offline")
    assert code == 0
    assert only(rows, "found")["found"] == ("OAuth 2.0 login (scopes tweet.read users.read; valid until 2026-03-01 12:00 "
                                            "UTC, then renewed) in ~/tokens.json")
    assert SECRET not in json.dumps(rows)


def test_credentials_in_the_clear_are_a_warning(monkeypatch):
    monkeypatch.setenv("XFRAMES_BASE_URL", "http://ada:passw0rd@x.test")
    monkeypatch.setenv("https_proxy", "http://ada:passw0rd@proxy.test")
    rows, _ = checks("--offline")
    assert only(rows, "server")["state"] == "warn"
    assert "through the proxy in https_proxy" in only(rows, "server")["found"]
    assert "passw0rd" not in json.dumps(rows)


def test_a_library_that_does_not_import_is_wrong(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "msgspec", None)
    rows, code = checks("--offline")
    assert code == 1
    assert [row["state"] for row in of(rows, "libraries")] == ["ok", "wrong"]
    assert "--force-reinstall msgspec" in of(rows, "libraries")[1]["advice"]


# archives ---------------------------------------------------------------------------------------------------------


def look(folder):
    return {(part, state): (found, advice) for part, state, found, advice in signs(folder)}


def test_looking_changes_nothing(folder):
    def held():
        return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "journal" not in p.name}

    before = held()
    assert {state for _, state in look(folder)} == {"ok"}
    assert held() == before
    assert look(folder)["archive", "ok"][0].startswith(f"{folder}: format 2, created 20")


def test_no_archive_and_a_newer_one(tmp_path):
    assert "no archive" in look(tmp_path / "none")["archive", "wrong"][0]
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "xframes.json").write_text('{"format_version": 99, "writer_version": "9.0"}')
    assert "99" in look(tmp_path / "x")["archive", "wrong"][0]
    assert run("--offline", "--archive", tmp_path / "x").exit_code == 1


def test_damaged_files(folder):
    posts = next((folder / "tables" / "posts").glob("*.parquet"))
    posts.write_bytes(posts.read_bytes()[:100])
    page = next((folder / "pages").glob("*.parquet"))
    page.write_bytes((folder / "tables" / "users" / next(iter(os.listdir(folder / "tables" / "users")))).read_bytes())
    found = look(folder)
    assert f"{posts.name} cannot be read" in found["tables", "wrong"][0]
    assert "xframes rebuild" in found["tables", "wrong"][1]
    assert "1 damaged" in found["pages", "wrong"][0]


def test_a_damaged_journal(folder):
    for file in folder.glob("journal.sqlite*"):
        file.write_bytes(b"no database" * 1000)
    assert "journal" in look(folder)["journal", "wrong"][0]


def test_runs_that_stopped_and_runs_that_go_on(folder):
    made = Folder(folder)
    with open_journal(made.journal) as journal:
        for run_id in ("run-a", "run-b"):
            journal.start([(run_id, "search.recent", {}, "{}")], run_id, NOW)
        with made.lock("run-b").acquire():
            found, advice = look(folder)["runs", "warn"]
    assert "1 running, 1 interrupted" in found
    assert advice == f"xframes resume run-a --archive {folder}"


def test_what_is_hidden_and_not_yet_gone(folder, monkeypatch):
    archive = xf.Archive(folder)
    monkeypatch.setattr("xframes.archive.takedown.orders.purge", lambda *_: 0)
    archive.remove(post_ids=archive["posts"]["id"].to_pylist()[:1], reason="field_params")
    assert "xframes compact" in look(folder)["removals", "warn"][1]


def test_many_parts_and_little_room(folder, monkeypatch):
    monkeypatch.setattr("xframes.archive.upkeep.health.MOST_PARTS", 0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 5_000_000})())
    found = look(folder)
    assert "xframes compact" in found["tables", "warn"][1]
    assert found["disk", "warn"][0] == "5 MB free"


def test_fonts_for_plots_are_a_line():
    line = next(line for line in run("--offline").stdout.splitlines() if "fonts" in line)
    assert line.startswith("ok    fonts")
    for script in lacking():
        assert script in line
