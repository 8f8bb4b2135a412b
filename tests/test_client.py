"""The client's manners: waits, tries, errors in words, and secrets that never show."""

from __future__ import annotations

import http.server
import json
import logging
import pickle
import socket
import struct
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta

import pytest
import requests
from requests.structures import CaseInsensitiveDict

import xframes as xf
from xframes import errors
from xframes.auth import Secret, redact
from xframes.auth.credentials import BEARER_NAMES, OAUTH1_NAMES, OAUTH2_NAMES
from xframes.client import Answer, Client, Retries, current, use
from xframes.wire import Request

TOKEN = "AAAAAAAAAAAAinvented%2Bfor%2Ftests%3D" + "x7Q" * 20
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
OK = b'{"data":[{"id":"1"}],"meta":{}}'
SEARCH = Request("GET", "/2/tweets/search/recent", {"query": "q"}, "search.recent")
POST = Request("POST", "/2/compliance/jobs", {}, "write.create_compliance_job", {}, {"type": "tweets"})


class Scripted:
    """A client whose transport plays answers and whose clock moves only when it sleeps."""

    def __init__(self, *answers, **options):
        self.left, self.slept, self.told, self.now = list(answers), [], [], NOW
        options.setdefault("on_wait", lambda _, message: self.told.append(message))
        self.client = Client(TOKEN, sleep=self.sleep, now=lambda: self.now, transport=self.answer, **options)

    def answer(self, _):
        found = self.left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def send(self, request=SEARCH):
        return self.client.send(request)


def answer(status=200, body=OK, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, CaseInsensitiveDict({k.replace("_", "-"): str(v) for k, v in headers.items()}), body)


def limited(**headers):
    return answer(429, {"title": "Too Many Requests", "status": 429}, **headers)


def problem(status, kind, **more):
    document = {"title": kind, "type": f"https://api.twitter.com/2/problems/{kind}", "status": status}
    return answer(status, document | more)


HTML = answer(200, b"<html>Hold on</html>", content_type="text/html")
DOWN = answer(503, b"")


# waiting and trying again --------------------------------------------------------------------------------------------


def test_a_page_is_what_came_with_its_request_and_time():
    scripted = Scripted(answer())
    page = scripted.send()
    assert (page.request, page.body, page.received_at, page.status) == (SEARCH, OK, NOW, 200)
    assert (scripted.client.requests_made, scripted.client.bytes_received, scripted.slept) == (1, len(OK), [])


def test_reads_survive_everything_that_passes():
    scripted = Scripted(DOWN, HTML, ConnectionResetError(104, "Connection reset by peer"), requests.Timeout("slow"),
                        answer(200, b'{"data":[{"id"'), answer())
    assert scripted.send().body == OK
    assert len(scripted.slept) == 5
    assert sum(scripted.slept) < 20


def test_tries_are_bounded_in_number():
    scripted = Scripted(*[DOWN] * 20)
    with pytest.raises(errors.Unavailable, match=r"search.recent: HTTP 503 \(given up after 6 tries") as caught:
        scripted.send()
    assert len(scripted.left) == 14
    assert (caught.value.status, caught.value.retryable) == (503, True)


def test_tries_are_bounded_in_silent_seconds():
    scripted = Scripted(*[DOWN] * 50, retries=Retries(attempts=50, silent=60))
    with pytest.raises(errors.Unavailable, match="given up"):
        scripted.send()
    assert sum(scripted.slept) <= 60
    slow = answer(503, b"", retry_after=600)
    with pytest.raises(errors.Unavailable):
        Scripted(slow, answer()).send()


def test_a_rate_limit_is_waited_for_and_told():
    reset = int(NOW.timestamp()) + 300
    scripted = Scripted(limited(x_rate_limit_limit=450, x_rate_limit_remaining=0, x_rate_limit_reset=reset), answer())
    scripted.send()
    assert 300 <= sum(scripted.slept) <= 303
    assert "waiting 301 s: search.recent: Too Many Requests" in scripted.told[0]


def test_the_per_second_limit_is_a_short_wait():
    headers = {"x_rate_limit_limit": 300, "x_rate_limit_remaining": 200,
               "x_rate_limit_reset": int(NOW.timestamp()) + 800}
    scripted = Scripted(limited(**headers), answer())
    scripted.send()
    assert sum(scripted.slept) < 5


def test_refusals_without_an_end_are_bounded():
    scripted = Scripted(*[limited(x_rate_limit_remaining=1)] * 100)
    with pytest.raises(errors.RateLimited) as caught:
        scripted.send()
    assert sum(scripted.slept) <= 3700
    assert scripted.client.requests_made < 20
    assert caught.value.retry_at is not None


def test_a_reset_beyond_patience_is_an_error_at_once():
    reset = NOW + timedelta(hours=20)
    scripted = Scripted(limited(x_rate_limit_remaining=0, x_rate_limit_reset=int(reset.timestamp())))
    with pytest.raises(errors.RateLimited) as caught:
        scripted.send()
    assert not scripted.slept
    assert abs(caught.value.retry_at - reset) < timedelta(seconds=2)


@pytest.mark.parametrize("body", [
    {"title": "UsageCapExceeded", "type": "https://api.x.com/2/problems/usage-capped", "period": "Monthly"},
    {"errors": [{"type": "https://api.twitter.com/2/problems/usage-capped", "title": "Usage cap exceeded"}]},
    {"title": "Too Many Requests", "detail": "Usage cap exceeded: Monthly product cap", "type": "about:blank"},
])
def test_a_usage_cap_is_no_reason_to_wait(body):
    scripted = Scripted(answer(429, body, x_rate_limit_remaining=0))
    with pytest.raises(errors.UsageCapped, match="waiting does not help"):
        scripted.send()
    assert not scripted.slept


def test_long_collections_are_paced_by_the_headers():
    reset = int(NOW.timestamp()) + 900
    scripted = Scripted(*(
        answer(x_rate_limit_limit=450, x_rate_limit_remaining=449 - n, x_rate_limit_reset=reset) for n in range(450)
    ))
    for _ in range(450):
        scripted.send()
    assert 800 < sum(scripted.slept) < 905
    assert max(scripted.slept) < 10


def test_long_waits_are_told_on_stderr_without_a_listener(capsys):
    Scripted(limited(x_rate_limit_remaining=0, x_rate_limit_reset=int(NOW.timestamp()) + 60), answer(),
             on_wait=None).send()
    assert "xframes: waiting 61 s: search.recent" in capsys.readouterr().err


# writes --------------------------------------------------------------------------------------------------------------


def test_writing_needs_permission():
    with pytest.raises(errors.ArgumentError, match=r"write.create_compliance_job .*Client\(writes=True\)"):
        Scripted(answer()).send(POST)


@pytest.mark.parametrize("failure", [DOWN, HTML, ConnectionResetError(104, "reset"), requests.ReadTimeout("slow")])
def test_a_write_is_never_sent_twice(failure):
    scripted = Scripted(failure, answer(), writes=True)
    with pytest.raises(errors.OutcomeUnknown, match=r"its outcome is unknown.*not sent again"):
        scripted.send(POST)
    assert len(scripted.left) == 1


def test_a_write_that_was_not_sent_says_so():
    with pytest.raises(errors.Unavailable, match="no answer from X"):
        Scripted(requests.ConnectTimeout("slow"), writes=True).send(POST)
    with pytest.raises(errors.Forbidden):
        Scripted(problem(403, "client-forbidden"), writes=True).send(POST)


def test_a_write_refused_by_a_rate_limit_was_not_carried_out():
    scripted = Scripted(limited(x_rate_limit_remaining=5), answer(201), writes=True)
    assert scripted.send(POST).status == 201


# errors in words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [(problem(400, "invalid-request", errors=[{"parameters": {"query": ["q"]}, "message": "no such operator"}]),
      errors.InvalidRequest, r"search.recent: invalid-request; no such operator; query=\['q'\]"),
     (answer(401, {"title": "Unauthorized"}), errors.Unauthorized, "does not accept the app's bearer token"),
     (problem(403, "unsupported-authentication"), errors.Forbidden,
      "search.recent takes the app's bearer token .* or .*OAuth 2.0 user token, scopes tweet.read users.read.*tier"),
     (problem(404, "resource-not-found", detail="gone"), errors.NotFound, "gone"),
     (answer(401, {"errors": [{"code": 32, "message": "Could not."}]}), errors.Unauthorized, "Could not"),
     (answer(400, {"code": 1, "message": "plain"}), errors.InvalidRequest, "plain"),
     (answer(400, {"errors": {"odd": 1}}), errors.InvalidRequest, "HTTP 400"),
     (answer(400, {"errors": [{"parameters": ["odd"]}]}), errors.InvalidRequest, "HTTP 400"),
     (answer(302, b"", location="https://evil.example/x"), errors.InvalidRequest, "redirects to evil.*base_url")],
)
def test_refusals_are_one_readable_error(given, kind, words):
    scripted = Scripted(given)
    with pytest.raises(kind, match=words) as caught:
        scripted.send()
    assert caught.value.action == "search.recent"
    assert not scripted.slept


def test_without_fitting_credentials_the_error_names_what_is_needed():
    words = r"search.all needs the app's bearer token.*holds an OAuth 2.0 user token.*XFRAMES_BEARER_TOKEN"
    with Client(oauth2="token") as client, pytest.raises(errors.ConfigError, match=words):
        client.send(Request("GET", "/2/tweets/search/all", {}, "search.all"))


# secrets -------------------------------------------------------------------------------------------------------------


def everything(error):
    """All an exception says, with its whole chain and the locals of its frames."""
    seen, texts, todo = set(), [], [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        todo += [one.__cause__, one.__context__]
        texts += [repr(one), str(one), repr(one.__dict__)]
        texts += traceback.TracebackException.from_exception(one, capture_locals=True).format()
    return "\n".join(texts)


@pytest.mark.parametrize("failure", [
    answer(401, {"title": "Unauthorized", "detail": f"Bearer {TOKEN} is no token", "errors": [{"message": TOKEN}]}),
    requests.ConnectionError(f"cannot send Authorization: Bearer {TOKEN}"), OSError(TOKEN), answer(400, TOKEN.encode()),
    answer(503, {"title": TOKEN}), answer(302, b"", location=f"https://{TOKEN}.example/"),
])
def test_no_error_holds_a_secret(failure, caplog):
    caplog.set_level(logging.DEBUG)
    scripted = Scripted(*[failure] * 6)
    with pytest.raises(errors.XframesError) as caught:
        scripted.send()
    texts = [str(caught.value), repr(caught.value), repr(caught.value.problems), caplog.text, *scripted.told]
    error = caught.value
    while error is not None:
        texts += [repr(error), *map(str, error.args)]
        error = error.__context__ or error.__cause__
    assert TOKEN not in "\n".join(texts)
    assert repr(scripted.client) == "<Client https://api.x.com: app>"


def test_secrets_do_not_show_and_are_not_kept():
    client = Client(TOKEN)
    for shown in (repr(client), repr(client._credentials), repr(vars(client)), str(client._credentials.bearer_token)):
        assert TOKEN not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(client._credentials.bearer_token)
    client.close()


def test_redaction_knows_every_form():
    kept = Secret("s3cr3t/with+odd=signs")
    text = "s3cr3t/with+odd=signs s3cr3t%2Fwith%2Bodd%3Dsigns Basic " + "QWxhZGRpbjpvcGVuIHNlc2FtZQ== http://me:pw@proxy:3128"
    assert redact(text) == "*** *** Basic *** http://***@proxy:3128"
    assert repr(kept) == "***"


@pytest.mark.parametrize("bad", ["", "  ", "two words", "caf\u00e9", "line\nbreak"])
def test_what_cannot_be_a_token_is_refused_without_repeating_it(bad):
    with pytest.raises(errors.ConfigError) as caught:
        Client(bad)
    assert not bad.strip() or bad not in str(caught.value)


# where credentials come from -----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No credentials anywhere; gives the place of the config file."""
    ours = [*BEARER_NAMES, *(n for names in OAUTH2_NAMES.values() for n in names), "XFRAMES_BASE_URL"]
    for name in [*ours, *(f"{prefix}{n.upper()}" for prefix in ("XFRAMES_", "") for n in OAUTH1_NAMES)]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "config.toml"))
    use(None)
    yield tmp_path / "config.toml"
    use(None)


def bearer(client):
    client.close()
    return client._credentials.bearer_token.reveal()


def test_arguments_then_environment_then_config_file(nowhere, monkeypatch):
    with pytest.raises(errors.ConfigError, match="no credentials found; set one of: XFRAMES_BEARER_TOKEN"):
        Client.from_env()
    nowhere.write_text('[default]\nbearer_token = "from-the-file"\nbase_url = "https://file.example"\n')
    nowhere.chmod(0o600)
    client = Client.from_env()
    assert bearer(client) == "from-the-file"
    assert client.base_url == "https://file.example"
    for name in reversed(BEARER_NAMES):
        monkeypatch.setenv(name, f"from-{name}")
        assert bearer(Client()) == f"from-{name}"
    monkeypatch.setenv("XFRAMES_BASE_URL", "http://127.0.0.1:1/")
    client = Client("Bearer given")
    assert bearer(client) == "given"
    assert client.base_url == "http://127.0.0.1:1"
    assert bearer(current()) == "from-XFRAMES_BEARER_TOKEN"
    use(client)
    assert current() is client


def test_a_config_file_others_may_read_is_refused(nowhere):
    nowhere.write_text('[default]\nbearer_token = "x"\n')
    nowhere.chmod(0o644)
    with pytest.raises(errors.ConfigError, match="chmod 600"):
        Client.from_env()
    nowhere.chmod(0o600)
    for text, words in (("[default]\nbearer_token = 5\n", "must be text"), ("default = 1", "a table"), ("=", "TOML")):
        nowhere.write_text(text)
        with pytest.raises(errors.ConfigError, match=words):
            Client.from_env()


@pytest.mark.parametrize(
    "options", [{"base_url": "api.x.com"}, {"base_url": "ftp://x"}, {"words": "toot"}, {"query_limit": 0},
                {"query_limit": 9999}],
)
def test_senseless_options_are_refused(options):
    with pytest.raises((errors.ConfigError, errors.ArgumentError)):
        Client("token", **options)


# over real HTTP ------------------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_GET(self):
        self.server.asked.append((self.path, self.headers))
        self.server.script.pop(0)(self)

    def log_message(self, *args):
        pass

    def reply(self, body=OK, status=200, promised=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = promised is not None

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile.close()
        self.connection.close()


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.script, made.asked, made.daemon_threads = [], [], True
        made.url = f"http://127.0.0.1:{made.server_port}"
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def client(server):
    with Client(TOKEN, base_url=server.url, sleep=lambda _: None, timeout=(5, 1)) as made:
        yield made


def test_real_failures_are_survived(server, client):
    server.script += [
        Handler.reset,
        lambda h: h.reply(OK[:10], promised=len(OK)),
        lambda h: h.reply(b"<html>", content_type="text/html"),
        lambda h: h.reply(b"", 502),
        lambda _: time.sleep(1.3),
        Handler.reply,
    ]
    assert client.send(SEARCH).body == OK
    assert len(server.asked) == 6
    assert {headers["Authorization"] for _, headers in server.asked} == {f"Bearer {TOKEN}"}
    assert server.asked[0][1]["User-Agent"] == f"xframes/{xf.__version__}"


def test_a_body_cut_where_json_ends_is_noticed(server, client):
    server.script += [lambda h: h.reply(OK, promised=len(OK) + 10), lambda h: h.reply(b'{"data":[]}')]
    assert client.send(SEARCH).body == b'{"data":[]}'


def test_redirects_take_no_credentials_elsewhere(server, client):
    server.script += [lambda h: h.reply(b"", 302, location=f"{server.url}/elsewhere"), Handler.reply]
    with pytest.raises(errors.InvalidRequest, match="redirects are not followed"):
        client.send(SEARCH)
    assert len(server.asked) == 1


def test_netrc_is_not_looked_at(server, client, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.script += [Handler.reply]
    client.send(SEARCH)
    assert server.asked[0][1]["Authorization"] == f"Bearer {TOKEN}"


def test_what_is_asked_arrives_unchanged(server, client):
    server.script += [Handler.reply]
    query = 'a+b "c d" #e @f é 😀 %41 & ? ='
    client.send(Request("GET", "/2/tweets/search/recent", {"query": query}, "search.recent"))
    from urllib.parse import parse_qs, urlsplit

    assert parse_qs(urlsplit(server.asked[0][0]).query) == {"query": [query]}


def test_a_failed_connection_names_the_reason_and_no_secret(caplog):
    caplog.set_level(logging.DEBUG)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Client(TOKEN, base_url=url, sleep=lambda _: None) as client:
        with pytest.raises(errors.Unavailable, match=r"no answer from X .*[Rr]efused") as caught:
            client.send(SEARCH)
        assert TOKEN not in everything(caught.value) + caplog.text
    with Client(TOKEN, base_url=url, writes=True) as client, pytest.raises(errors.Unavailable):
        client.send(POST)


def test_a_cut_answer_leaves_no_secret_behind(server, client, caplog):
    caplog.set_level(logging.DEBUG)
    server.script += [lambda h: h.reply(OK[:10], promised=len(OK))] * 6
    with pytest.raises(errors.Unavailable) as caught:
        client.send(SEARCH)
    assert TOKEN not in everything(caught.value) + caplog.text


def test_threads_share_a_client(server, client):
    from concurrent.futures import ThreadPoolExecutor

    server.script += [Handler.reply] * 40
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda _: client.send(SEARCH), range(40)))
    assert len(pages) == client.requests_made == 40
