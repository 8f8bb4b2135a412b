"""The live check: what a server takes, sends and bills, and a report without secrets or people."""

import contextlib
import http.server
import json
import threading
import tomllib
from urllib.parse import parse_qs, urlsplit

import pytest

import xframes as xf
from tests.cli.running import run
from xframes.errors import ConfigError
from xframes.planning.live_check import LiveCheck
from xframes.settings import config_path, save_setting

APP = "invented-live-key-5d1f77"
NAMES = ["quietheron", "loudmarten", "oldbadger"]
TEXT = "a private sentence about herons"


class Other:
    """A server that differs from the sandbox: its words, its fields, its errors, and its bills."""

    def __init__(self, words="post", expanded=0.01, is_late=False, moods=True, headers=()):
        self.headers = dict(headers)
        self.words, self.expanded, self.is_late, self.moods = words, expanded, is_late, moods
        self.balance, self.shown, self.billed, self.paths, self.spent = 20.0, 20.0, set(), [], 0.0

    def bill(self, kind, ids, price):
        for id in set(ids) - {id for name, id in self.billed if name == kind}:
            self.billed.add((kind, id))
            self.balance -= price
            self.spent += price

    def answer(self, path, params):
        self.paths.append(path)
        other = {"post": "tweet.fields", "tweet": "post.fields"}[self.words]
        if other in params:
            return 400, {"errors": [{"parameters": {other: ["id"]}, "message": f"The query parameter [{other}] is not one of [x]"}],
                         "title": "Invalid Request", "type": "https://api.x.com/2/problems/invalid-request", "status": 400}
        if path == "/2/usage/credits":
            shown = self.shown if self.is_late else self.balance
            return 200, {"data": {"free_balance": 0.0, "prepaid_balance": shown, "total_balance": shown}}
        if path == "/2/tweets/counts/recent":
            self.bill("counts", [len(self.paths)], 0.005)
            return 200, {"data": [{"start": "2026-03-01T00:00:00.000Z", "end": "2026-03-02T00:00:00.000Z", f"{self.words}_count": 3}], "meta": {}}
        if path == "/2/users":
            self.bill("user", params["ids"].split(","), 0.01)
            return 200, {"data": [self.user(id) for id in params["ids"].split(",")]}
        if path in {"/2/tweets/search/recent", "/2/tweets"}:
            return 200, self.posts(params)
        return 403, {"title": f"No {NAMES[0]}", "detail": TEXT, "type": "https://api.x.com/2/problems/moon-phase", "status": 403}

    def posts(self, params):
        ids = params.get("ids", ",".join(str(900001 + number) for number in range(10))).split(",")
        self.bill("post", ids, 0.005)
        post = {"text": TEXT, "edit_history_post_ids" if self.words == "post" else "edit_history_tweet_ids": ["1"]}
        if self.moods:
            post["mood"] = {"heron": 1}
            post[NAMES[1]] = {"7431": 1}  # a name and a number as keys
        rows = [post | {"id": id, "author_id": str(500001 + int(id) % 3)} for id in ids]
        body = {"data": rows, "meta": {"result_count": len(rows)}}
        if "author_id" in params.get("expansions", ""):
            people = {row["author_id"] for row in rows}
            self.bill("user", people, self.expanded)
            body["includes"] = {"users": [self.user(id) for id in people]}
        return body

    def user(self, id):
        return {"id": id, "username": NAMES[int(id) % 3], "name": NAMES[1]}


@contextlib.contextmanager
def serving(other):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            url = urlsplit(self.path)
            status, document = other.answer(url.path, {name: values[0] for name, values in parse_qs(url.query).items()})
            body = json.dumps(document).encode() if isinstance(document, dict) else document.encode()
            self.send_response(status)
            headers = {"content-type": "application/json", "api-version": "2.171", "x-moon": APP, "x-rate-limit-limit": "15",
                       "content-length": str(len(body)), **other.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", APP)


def checked(other, **options):
    with serving(other) as url:
        check = LiveCheck(url, **options)
        list(check.run())
    return check.report


def test_another_server_is_described():
    report = checked(Other())
    assert (report.words_accepted, report.words_received) == (("post",), ("post",))
    assert report.settings == {"words": "post", "price_reading": "high"}
    search = next(call for call in report.calls if call.rows == 10)
    assert set(search.unknown_fields) == {"post.mood", "post.(masked)"}
    assert (search.headers["api-version"], search.headers["x-rate-limit-limit"], search.headers["x-moon"]) == ("2.171", "15", "(masked)")
    usage = next(call for call in report.calls if call.action == "usage.posts")
    assert (usage.outcome, usage.status, usage.unknown_problems) == ("refused", 403, ("moon-phase",))


@pytest.mark.parametrize(("other", "reading"), [
    (Other(words="tweet", expanded=0.01), "high"), (Other(words="tweet", expanded=0.0), "low"),
    (Other(words="tweet", is_late=True), "unknown"), (Other(words="tweet", expanded=0.004), "unknown"),
])
def test_the_balance_shows_whether_expanded_objects_are_billed(other, reading):
    report = checked(other)
    assert report.price_reading == reading
    assert report.settings == ({} if reading == "unknown" else {"price_reading": reading})
    if not other.is_late:
        assert report.balance_change == pytest.approx(other.spent, abs=1e-6)
        assert other.spent <= report.price[1] + 1e-9


@pytest.mark.parametrize("usd", [0, 0.004, 0.03, 0.06, 0.1, 0.25])
def test_the_budget_is_kept(usd):
    other = Other(words="tweet")
    report = checked(other, usd=usd)
    assert other.spent <= usd + 1e-9
    assert report.price[1] <= usd + 1e-9
    assert any(call.outcome == "answered" for call in report.calls)


def test_the_report_has_no_secrets_and_no_data_of_people():
    text = checked(Other()).to_json().lower()
    for part in (APP, *NAMES, TEXT, "heron sentence", "900001", "500001", "7431", "127.0.0.1", "20.0"):
        assert part.lower() not in text
    assert json.loads(text)["calls"]


@pytest.mark.parametrize("status", [200, 403, 404, 500])
def test_pages_of_html_and_odd_headers_hold_nothing_of_a_person(status, monkeypatch):
    monkeypatch.setenv("XFRAMES_OAUTH2_ACCESS_TOKEN", "invented-live-key-of-a-person")

    class Page(Other):
        def answer(self, path, _):
            if path == "/2/users/me":
                return 200, {"data": {"id": "1", "username": NAMES[1]}}
            return status, f"<html>{NAMES[0]} {APP} {TEXT}</html>"

    report = checked(Page(headers={"x-limit-owner": NAMES[0], "x-access-level": NAMES[0], f"x-{NAMES[1]}-limit": "4"}))
    assert report.calls[0].outcome in {"failed", "refused"}
    assert not any(part in report.to_json().lower() for part in (APP, *NAMES, TEXT))


def test_the_sandbox_needs_no_settings(monkeypatch, tmp_path):
    with xf.sandbox.start(posts=300, users=50) as sandbox:
        monkeypatch.setenv("XFRAMES_BEARER_TOKEN", sandbox.bearer_token)
        monkeypatch.setenv("XFRAMES_OAUTH2_ACCESS_TOKEN", sandbox.user_token)
        monkeypatch.setenv("XFRAMES_BASE_URL", sandbox.url)
        monkeypatch.chdir(tmp_path)
        result = run("doctor", "--live", "--budget", "0.25")
        people = [person.username.lower() for person in sandbox.community.people.values()]
    assert result.exit_code == 0
    (path,) = tmp_path.glob("xframes-live-*.json")
    report = json.loads(path.read_text())
    assert report["words_accepted"] == ["tweet", "post"]
    assert "words" not in report["settings"]
    assert report["price_high"] <= 0.25
    text = path.read_text().lower()
    assert sandbox.bearer_token not in text.replace("sandboxed", "")
    assert not [name for name in people if f'"{name}"' in text]


def test_settings_are_saved_when_wanted(tmp_path):
    config_path().write_text('# mine\n[default]\nbudget = "5"\nwords = "tweet"\n\n[other]\nx = 1\n')
    config_path().chmod(0o600)
    with serving(Other()) as url:
        first = run("doctor", "--live", "--base-url", url, "--report", tmp_path / "one.json")
        assert 'words = "post"' in first.stdout
        assert tomllib.loads(config_path().read_text())["default"]["words"] == "tweet"
        run("doctor", "--live", "--save", "--base-url", url, "--report", tmp_path / "two.json")
    saved = tomllib.loads(config_path().read_text())
    assert saved["default"] == {"budget": "5", "words": "post"}
    assert config_path().read_text().startswith("# mine\n")
    assert saved["other"] == {"x": 1}
    assert config_path().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("before", [None, "", "journals = 'j'\n", "[default] # mine\nwords = 'tweet' # old\n[x]\ny = 1\n", "[x]\ny = 1"])
def test_a_setting_is_saved_in_any_file(before):
    if before is not None:
        config_path().write_text(before)
        config_path().chmod(0o600)
    save_setting("words", "post")
    saved = tomllib.loads(config_path().read_text())
    assert saved.pop("default") == {"words": "post"}
    assert saved == {key: value for key, value in tomllib.loads(before or "").items() if key != "default"}
    assert config_path().stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_changed_is_left_as_it_is():
    config_path().write_text("default = {words = 'tweet'}\n")
    config_path().chmod(0o600)
    with pytest.raises(ConfigError):
        save_setting("words", "post")
    assert config_path().read_text() == "default = {words = 'tweet'}\n"


def test_odd_servers_end_no_check():
    class Odd(Other):
        def posts(self, params):
            body = super().posts(params)
            for number, row in enumerate(body["data"]):
                row["id"], row["author_id"] = [f"x{number}", number, None, {"a": 1}][number % 4], "someone"
            return body | {"errors": ["text", {"type": 7, "title": NAMES[0]}], "includes": []}

    report = checked(Odd(words="tweet"))
    assert report.price_reading == "unknown"
    assert report.calls[-1].action == "usage.credits"
    gone = LiveCheck("http://127.0.0.1:9")
    assert [call.outcome for call in gone.run()] == ["failed"]


def test_live_and_offline_exclude_each_other():
    assert run("doctor", "--live", "--offline").exit_code == 2
