"""The client over real HTTP: what goes wrong between it and a server."""

from __future__ import annotations

import contextlib
import gzip
import io
import logging
import socket
import threading
import time
import tracemalloc
import zlib

import pytest

import xframes as xf
from tests.clients import OK, POST, SEARCH, TOKEN, Handler, everything, serving
from xframes import errors
from xframes.auth.finding import unknown_settings
from xframes.auth.oauth2 import app_token
from xframes.auth.sessions import session_for
from xframes.client import Client, Retries
from xframes.settings import MAX_BODY, MAX_EMPTY, MAX_LINE
from xframes.wire import Request


@pytest.fixture
def server():
    with serving() as made:
        yield made


@pytest.fixture
def client(server):
    with Client(TOKEN, base_url=server.url, sleep=lambda _: None) as made:
        yield made


def test_real_failures_are_survived(server):
    over = threading.Event()
    server.script += [
        Handler.reset,
        lambda h: h.reply(OK[:10], promised=len(OK)),
        lambda h: h.reply(b"<html>", content_type="text/html"),
        lambda h: h.reply(b"", 502),
        lambda _: over.wait(60),  # no answer at all
        Handler.reply,
    ]
    with Client(TOKEN, base_url=server.url, sleep=lambda _: None, timeout=(10, 3)) as client:
        assert client.send(SEARCH).body == OK
    over.set()
    assert len(server.field_params) == 6
    assert {headers["Authorization"] for _, headers in server.field_params} == {f"Bearer {TOKEN}"}
    assert server.field_params[0][1]["User-Agent"] == f"xframes/{xf.__version__}"


def test_a_body_cut_where_json_ends_is_noticed(server, client):
    server.script += [lambda h: h.reply(OK, promised=len(OK) + 10), lambda h: h.reply(b'{"data":[]}')]
    assert client.send(SEARCH).body == b'{"data":[]}'


def test_a_body_that_drips_is_given_up_and_asked_for_again(server):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        with contextlib.suppress(OSError):  # until the client leaves
            while True:
                handler.wfile.write(b" " * 10)
                time.sleep(0.02)

    server.script += [drip, Handler.reply]
    patience = Retries(silent=0.5)
    with Client(TOKEN, base_url=server.url, sleep=lambda _: None, timeout=(5, 0.5), retries=patience) as client:
        with pytest.raises(errors.Unavailable, match=r"0\.5 s"):
            client.send(SEARCH)
        assert client.send(SEARCH).body == OK


def test_headers_that_drip_are_under_the_same_clock(server):
    def drip(handler):
        with contextlib.suppress(OSError):  # until the client leaves
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.02)

    def wait(handler):
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.02)

    server.script += [drip, wait, drip, Handler.reply]
    patience = Retries(silent=0.5)
    with Client(TOKEN, base_url=server.url, sleep=lambda _: None, timeout=(5, 0.5), retries=patience) as client:
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(errors.Unavailable):
                client.send(SEARCH)
        with pytest.raises(errors.Unavailable):
            list(client.stream(Request("GET", "/2/tweets/sample/stream", action="streams.sample")))
        assert time.monotonic() - began < 4
        assert client.send(SEARCH).body == OK


def bomb(megabytes):
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize("status", [200, 302, 400, 503])
def test_a_body_has_a_bound(server, client, monkeypatch, status):
    monkeypatch.setenv("XFRAMES_MAX_BODY_MB", "3")
    large = bomb(40)
    server.script += [lambda h: h.reply(large, status, content_encoding="gzip", location="/x")] * 3
    tracemalloc.start()
    with pytest.raises(errors.Unavailable) as caught:
        client.send(SEARCH)
    with pytest.raises(errors.Unavailable):
        app_token(server.url, "key", "secret")
    assert tracemalloc.get_traced_memory()[1] < 15_000_000
    tracemalloc.stop()
    assert (caught.value.kind, caught.value.retryable) == ("too-large", False)
    assert "XFRAMES_MAX_BODY_MB" in str(caught.value)
    with Client(TOKEN, base_url=server.url, writes=True) as writer, pytest.raises(errors.OutcomeUnknown):
        writer.send(POST)
    assert len(server.field_params) == 3


@pytest.mark.parametrize(("status", "headers"), [
    (302, {"location": "http://[::"}), (200, {"content_length": "9" * 5000}), (200, {"content_length": "-1"}),
    (200, {"transfer_encoding": "chunked"}), (200, {"content_encoding": "gzip"}), (503, {"retry_after": "soon"}),
    (200, {"set_cookie": "a=b; max-age=" + "9" * 5000}),
])
def test_odd_headers_of_a_real_answer_are_errors_of_ours_or_nothing(server, client, status, headers):
    def odd(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(b"-5\r\n" + OK)
        handler.close_connection = True

    client.writes = True
    stream = Request("GET", "/2/tweets/sample/stream", action="streams.sample")
    for ask in (lambda: client.send(SEARCH), lambda: list(client.stream(stream)),
                lambda: client.download(f"{server.url}/x", io.BytesIO())):
        server.script[:] = [odd] * 9
        with contextlib.suppress(errors.XframesError):
            ask()


def test_a_body_within_the_bound_is_whole(server, client, monkeypatch):
    monkeypatch.setenv("XFRAMES_MAX_BODY_MB", "3")
    body = b'{"data":[{"id":"1","text":"' + b"a" * 2_900_000 + b'"}]}'
    server.script += [lambda h: h.reply(gzip.compress(body), content_encoding="gzip"), Handler.reply]
    assert client.send(SEARCH).body == body
    assert client.send(SEARCH).body == OK
    assert client.bytes_received == len(body) + len(OK)


def test_a_line_of_a_stream_has_a_bound(server, client, monkeypatch):
    monkeypatch.setenv("XFRAMES_MAX_BODY_MB", "1")

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        handler.wfile.write(b'{"data":{"id":"1"}}\r\n\r\n')
        with contextlib.suppress(OSError):  # until the client leaves
            while True:
                handler.wfile.write(b"x" * 100_000)

    server.script.append(endless)
    found = []
    with pytest.raises(errors.Unavailable, match="XFRAMES_MAX_BODY_MB"):
        found.extend(client.stream(Request("GET", "/2/tweets/sample/stream", action="streams.sample")))
    assert found == [b'{"data":{"id":"1"}}', b""]


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "inf"])
def test_a_bound_is_a_positive_number(server, client, monkeypatch, value):
    monkeypatch.setenv("XFRAMES_MAX_BODY_MB", value)
    server.script.append(Handler.reply)
    with pytest.raises(errors.ConfigError):
        client.send(SEARCH)


def test_bounds_stand_in_the_config_file(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text("[default]\nmax_line_mb = 7\nmax_empty_pages = 'x'\n")
    path.chmod(0o600)
    monkeypatch.setenv("XFRAMES_CONFIG", str(path))
    assert (MAX_LINE.bytes, MAX_BODY.value) == (7_000_000, 64)
    with pytest.raises(errors.ConfigError):
        _ = MAX_EMPTY.value
    assert unknown_settings() == []


def test_a_file_is_asked_for_unpacked_so_that_a_cut_shows(server, client):
    def cut(handler):
        packed = handler.headers["Accept-Encoding"] != "identity"
        body = gzip.compress(b"1\n" * 100_000)[:150] if packed else b"1\n" * 1000
        handler.reply(body, promised=len(body) if packed else 200_000, content_encoding="gzip" if packed else "identity")

    server.script += [cut, lambda h: h.reply(b"1\n" * 100_000)]
    client.download(f"{server.url}/results", into := io.BytesIO())
    assert into.getvalue() == b"1\n" * 100_000


def test_redirects_take_no_credentials_elsewhere(server, client):
    server.script += [lambda h: h.reply(b"", 302, location=f"{server.url}/elsewhere"), Handler.reply]
    with pytest.raises(errors.InvalidRequest) as caught:
        client.send(SEARCH)
    assert caught.value.status == 302
    assert len(server.field_params) == 1


def test_netrc_is_not_looked_at(server, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine x.invalid login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", server.url)
    server.script += [Handler.reply] * 2
    with Client(TOKEN, base_url="http://x.invalid") as client:
        client.send(SEARCH)
        client.download("http://x.invalid/file", io.BytesIO())
    assert [headers["Authorization"] for _, headers in server.field_params] == [f"Bearer {TOKEN}", None]


def test_a_proxy_is_asked_for_servers_elsewhere_and_never_for_this_machine(server, client, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.script += [Handler.reply, lambda h: h.reply(b'{"access_token":"invented-token"}'), lambda h: h.reply(b"1\n")]
    assert client.send(SEARCH).body == OK
    assert app_token(server.url, "key", "secret").reveal() == "invented-token"
    client.download(f"{server.url}/file", into := io.BytesIO())
    assert into.getvalue() == b"1\n"

    monkeypatch.setenv("http_proxy", server.url)
    server.script += [Handler.reply, lambda h: h.reply(b"2\n")]
    with Client(TOKEN, base_url="http://x.invalid") as far:
        assert far.send(SEARCH).body == OK
        far.download("http://x.invalid/file", into := io.BytesIO())
    assert into.getvalue() == b"2\n"
    assert [path.partition("?")[0] for path, _ in server.field_params[3:]] == [
        "http://x.invalid/2/tweets/search/recent", "http://x.invalid/file",
    ]
    assert "Authorization" not in server.field_params[4][1]


def test_certificates_named_by_the_environment_count_for_this_machine_too(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/certificates.pem")
    assert session_for("https://localhost:8443").verify == "/certificates.pem"
    assert session_for("https://api.x.com").trust_env


def test_what_is_asked_arrives_unchanged(server, client):
    server.script += [Handler.reply]
    query = 'a+b "c d" #e @f é 😀 %41 & ? ='
    client.send(Request("GET", "/2/tweets/search/recent", {"query": query}, "search.recent"))
    from urllib.parse import parse_qs, urlsplit

    assert parse_qs(urlsplit(server.field_params[0][0]).query) == {"query": [query]}


def test_a_failed_connection_names_the_reason_and_no_secret(caplog):
    caplog.set_level(logging.DEBUG)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Client(TOKEN, base_url=url, sleep=lambda _: None) as client:
        with pytest.raises(errors.Unavailable, match=r"[Rr]efused") as caught:
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


def test_a_signed_url_stays_out_of_the_logs(server, client, caplog):
    caplog.set_level(logging.DEBUG)
    server.script += [lambda h: h.reply(b"1\n"), lambda h: h.reply(b"", 404)]
    client.download(f"{server.url}/results?X-Goog-Expires=900&X-Goog-Signature=0badcafe&alt=media", io.BytesIO())
    with pytest.raises(errors.NotFound):
        client.download(f"{server.url}/results?Signature=0badcafe", io.BytesIO())
    assert "/results?X-Goog-Expires=900" in caplog.text
    assert "0badcafe" not in caplog.text


def test_threads_share_a_client(server, client):
    from concurrent.futures import ThreadPoolExecutor

    server.script += [Handler.reply] * 40
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda _: client.send(SEARCH), range(40)))
    assert len(pages) == client.requests_made == 40
