"""Whatever ends a request, the traceback it leaves holds no secret: not in a local, an attribute, a request or a buffer."""

from __future__ import annotations

import base64
import http.client
import inspect
import json
import os
import pickle
import signal
import socket
import threading
import traceback
import types
from pathlib import Path
from urllib.parse import quote

import oauthlib.oauth1.rfc5849.signature
import pytest
import requests
import urllib3

import xframes as xf
from xframes import errors, write
from xframes.auth import Credentials, OAuth1, OAuth2, authorization, tokens
from xframes.client import Client, Retries
from xframes.wire import Request

from .clients import KEYS, POST, SEARCH, TOKEN, answering, chain, serving

pytestmark = pytest.mark.usefixtures("nowhere")

CLIENT, CLIENT_SECRET = "id-of-the-client", "secret-of-the-client"
ACCESS, REFRESH, RENEWED = "access-of-a-person-1", "refresh-of-a-person-1", "access-of-a-person-2"
FETCHED = "bearer-fetched-for-the-app"
PLAIN = (TOKEN, *KEYS[1:], CLIENT_SECRET, ACCESS, REFRESH, RENEWED, FETCHED, "verifier-of-pin", "code-of-the-browser")
BASIC = [base64.b64encode(f"{a}:{b}".encode()).decode() for a, b in ((KEYS[0], KEYS[1]), (CLIENT, CLIENT_SECRET))]
SECRETS = {form for one in PLAIN for form in (one, quote(one, safe=""))} | set(BASIC) | {"oauth_signature="}
STREAM = Request("GET", "/2/tweets/sample/stream", {}, "streams.sample")
HERE = str(Path(__file__).parent)


def texts(error):
    """Every text and all bytes that can be reached from the frames of an error, and from the error, but for ours here."""
    todo, seen = [], set()
    for one in chain(error):
        todo += [("error", one.args), ("error", vars(one)), ("error", repr(one))]
        trace = one.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if not frame.f_code.co_filename.startswith(HERE):
                todo += [(f"{frame.f_code.co_qualname}: {name}", value) for name, value in frame.f_locals.items()]
            trace = trace.tb_next
    while todo:
        where, value = todo.pop()
        if id(value) in seen or isinstance(value, type | types.ModuleType | int | float | None):
            continue
        seen.add(id(value))
        if isinstance(value, str):
            yield where, value
        elif isinstance(value, bytes | bytearray | memoryview):
            yield where, bytes(value).decode("latin-1")
        else:
            todo += [(where, part) for part in [value, *parts(value)][1:]]
            yield where, shown(value)


def shown(value):
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  as debuggers do
        return ""


def parts(value):
    if isinstance(value, dict | types.MappingProxyType):
        yield from [*value, *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, types.MethodType):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, types.FunctionType):
        yield from inspect.getclosurevars(value).nonlocals.values()
    elif isinstance(value, types.GeneratorType) and value.gi_frame is not None:
        yield dict(value.gi_frame.f_locals)
    yield getattr(value, "__dict__", None)
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            mangled = f"_{cls.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
            yield getattr(value, mangled, None)


def assert_clean(error, *more):
    found = {(where, secret) for where, text in texts(error) for secret in (*SECRETS, *more) if secret in text}
    assert not found
    assert error.__traceback__ is not None


class Halted(BaseException):
    """What no handler expects."""


KINDS = [KeyboardInterrupt, GeneratorExit, MemoryError, Halted]
SEAMS = {
    "answer": (socket.SocketIO, "readinto"),
    "sent": (http.client.HTTPConnection, "send"),
    "headers": (urllib3.connection.HTTPConnection, "endheaders"),
    "header": (urllib3.connection.HTTPConnection, "putheader"),
    "pool": (urllib3.connectionpool.HTTPConnectionPool, "urlopen"),
    "adapter": (requests.adapters.HTTPAdapter, "send"),
    "built": (requests.adapters.HTTPAdapter, "build_response"),
    "session": (requests.Session, "send"),
    "body": (urllib3.response.HTTPResponse, "read1"),
}


def halting(monkeypatch, seam, kind):
    """Make a seam raise."""
    owner, name = SEAMS.get(seam, seam)
    real = getattr(owner, name)

    def halt(*args, **kwargs):
        if threading.current_thread() is not threading.main_thread():  # the server's
            return real(*args, **kwargs)
        raise kind("halted")

    monkeypatch.setattr(owner, name, halt)


def clients(url):
    options = {"base_url": url, "retries": Retries(attempts=1), "writes": True, "on_wait": lambda *_: None}
    yield Client(TOKEN, **options)
    yield Client(oauth1=KEYS, **options)
    yield Client(oauth2=ACCESS, **options)


# requests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_ends_a_request_keeps_its_secrets(monkeypatch, seam, kind):
    with serving() as server:
        server.script = [lambda handler: handler.reply()] * 30
        halting(monkeypatch, seam, kind)
        for client in clients(server.url):
            for call in (lambda c: c.send(SEARCH), lambda c: c.send(POST), lambda c: list(c.stream(STREAM))):
                with pytest.raises((kind, errors.XframesError)) as caught:
                    call(client)
                assert_clean(caught.value)
            client.close()


@pytest.mark.parametrize("name", ["signature_base_string", "_sign_hmac", "normalize_parameters"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_ends_the_signing_keeps_its_keys(monkeypatch, name, kind):
    halting(monkeypatch, (oauthlib.oauth1.rfc5849.signature, name), kind)
    with Client(oauth1=KEYS, base_url="http://127.0.0.1:1", retries=1) as client, pytest.raises(kind) as caught:
        client.send(SEARCH)
    assert_clean(caught.value)


@pytest.mark.parametrize("error", [
    requests.ConnectionError("gone"), requests.exceptions.InvalidHeader("x"), urllib3.exceptions.ProtocolError("cut"),
    OSError("reset"),
])
def test_errors_of_the_libraries_leave_without_the_request_they_hold(monkeypatch, error):
    def fail(self, request, **_):
        if isinstance(error, requests.RequestException):
            error.request = request
        raise error

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", fail)
    for client in clients("http://127.0.0.1:1"):
        for call in (lambda c: c.send(SEARCH), lambda c: list(c.stream(STREAM))):
            with pytest.raises((errors.Unavailable, errors.ConfigError)) as caught:  # streams take the app's token
                call(client)
            assert_clean(caught.value)
        assert_clean(error)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_ends_a_wait_or_a_stream_keeps_secrets(monkeypatch, kind):
    def halt(*_):
        raise kind("halted")

    with serving() as server:
        for client in clients(server.url):
            server.script = [lambda handler: handler.reply(b"", status=503), lambda handler: handler.reply(b"{}\r\n{}\r\n")]
            client.retries, client.sleep = Retries(attempts=3), halt
            with pytest.raises(kind) as caught:
                client.send(SEARCH)
            assert_clean(caught.value)
            if "app" in client.kinds:
                lines = client.stream(STREAM)
                next(lines)
                with pytest.raises(kind) as caught:
                    lines.throw(kind("halted"))
                assert_clean(caught.value)
            client.close()


def test_ctrl_c_during_a_request_to_a_silent_server_leaves_no_secret():
    done = threading.Event()
    with serving() as server:
        for client in clients(server.url):
            server.script = [lambda _: (done.wait(0.2), os.kill(os.getpid(), signal.SIGINT), done.wait(10))]
            with pytest.raises(KeyboardInterrupt) as caught:
                client.send(SEARCH)
            assert_clean(caught.value)
            assert any("urllib3" in line for line in traceback.format_tb(caught.value.__traceback__))  # where it was
            client.close()
        done.set()


def test_a_collection_and_an_upload_that_stop_leave_no_secret(monkeypatch, tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"invented" * 100)
    halting(monkeypatch, "answer", KeyboardInterrupt)
    with serving() as server:
        for client in clients(server.url):
            calls = [lambda c: write.upload_media(path, client=c), lambda c: xf.search.recent("q", client=c),
                     lambda c: xf.search.recent("q", client=c, into=xf.Archive(tmp_path / "a"))]
            for call in calls:
                with pytest.raises((KeyboardInterrupt, errors.ConfigError, errors.Interrupted)) as caught:
                    call(client)
                assert_clean(caught.value)
            client.close()


# tokens --------------------------------------------------------------------------------------------------------------


def token_server(handler, body):
    if "grant_type=client_credentials" in body:
        return 200, {"token_type": "bearer", "access_token": FETCHED}
    return 200, {"access_token": RENEWED, "refresh_token": REFRESH, "expires_in": 7200, "scope": "tweet.read"}


@pytest.mark.parametrize("seam", [*SEAMS, "disk", "adopted", "json"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_nothing_that_ends_getting_a_token_keeps_secrets(monkeypatch, tmp_path, seam, kind):
    seams = {"disk": (os, "replace"), "adopted": (tokens, "save"), "json": (json, "dump")}
    with answering() as server:
        server.answer = token_server
        person = OAuth2(CLIENT, CLIENT_SECRET, ACCESS, REFRESH, path=tmp_path / "tokens.json", expires_at=1.0)
        public = OAuth2(CLIENT, None, ACCESS, REFRESH, path=tmp_path / "tokens.json", expires_at=1.0)
        app = OAuth1(*KEYS[:2])
        halting(monkeypatch, seams.get(seam, seam), kind)
        for given in ({"oauth2": person}, {"oauth2": public}, {"oauth1": app}):
            with Client(base_url=server.url, retries=1, **given) as client:
                try:
                    client.send(SEARCH)
                except (kind, errors.XframesError) as error:
                    assert_clean(error)
                else:
                    assert "oauth1" in given  # an app's token is not kept on disk
                    assert seam in seams


@pytest.mark.parametrize("seam", ["answer", "sent", "pool", "built", "saved"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_nothing_that_ends_a_login_keeps_secrets(monkeypatch, tmp_path, seam, kind):
    def browse(url):
        from urllib.parse import parse_qs, urlsplit

        asked = parse_qs(urlsplit(url).query)
        host = urlsplit(asked["redirect_uri"][0]).netloc
        target = f"{asked['redirect_uri'][0]}?state={asked['state'][0]}&code=code-of-the-browser"
        threading.Thread(target=lambda: raw(host, target), daemon=True).start()

    with answering() as server:
        server.answer = token_server
        halting(monkeypatch, (os, "replace") if seam == "saved" else seam, kind)
        with pytest.raises((kind, errors.XframesError)) as caught:
            authorization.login(CLIENT, client_secret=CLIENT_SECRET, base_url=server.url, open_url=browse, timeout=2,
                        redirect_uri="http://127.0.0.1:0/callback", path=tmp_path / "tokens.json")
        assert_clean(caught.value)
        with pytest.raises((kind, errors.XframesError)) as caught:
            authorization.login_oauth1(*KEYS[:2], base_url=server.url, ask=lambda _: "verifier-of-pin", path=tmp_path / "t.json")
        assert_clean(caught.value)


def raw(host, target):
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=5) as made:
        made.sendall(f"GET {target[target.index('/callback'):]} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        made.recv(1000)


def test_ctrl_c_while_a_person_is_waited_for_leaves_no_secret(tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        authorization.login(CLIENT, client_secret=CLIENT_SECRET, open_url=stop, redirect_uri="http://127.0.0.1:0/callback")
    assert_clean(caught.value)
    with answering() as server:
        server.answer = lambda *_: (200, b"oauth_token=t&oauth_token_secret=secret-of-a-person")
        with pytest.raises(KeyboardInterrupt) as caught:
            authorization.login_oauth1(*KEYS[:2], base_url=server.url, ask=stop, path=tmp_path / "tokens.json")
    assert_clean(caught.value)


# arguments and files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda: Client(TOKEN, words="toot"), lambda: Client(TOKEN, base_url="ftp://x"),
    lambda: Client(oauth1=(*KEYS[:3], "two words")), lambda: Client(TOKEN, oauth2=OAuth2(CLIENT, CLIENT_SECRET)),
    lambda: OAuth1(KEYS[0], KEYS[1], "two words", KEYS[3]), lambda: OAuth1(*KEYS[:3]),
    lambda: OAuth2(CLIENT, CLIENT_SECRET), lambda: OAuth2(CLIENT, CLIENT_SECRET, "\x1b", REFRESH),
    lambda: Credentials(TOKEN, oauth2="two words"),
])
def test_arguments_that_are_refused_are_not_kept(make):
    with pytest.raises(errors.XframesError) as caught:
        make()
    assert_clean(caught.value, "two words")


def test_a_file_that_cannot_be_read_is_not_kept(nowhere, monkeypatch):
    nowhere.write_text(f'[default]\nbearer_token = "{TOKEN}"\nbase_url = 5\n')
    nowhere.chmod(0o600)
    with pytest.raises(errors.ConfigError) as caught:
        Client.from_env()
    assert_clean(caught.value)
    nowhere.write_text(f'[default]\nbearer_token = "{TOKEN}\n')
    monkeypatch.delenv("XFRAMES_JOURNALS")
    for read in (Client.from_env, xf.settings.journals_path):
        with pytest.raises(errors.ConfigError) as caught:
            read()
        assert_clean(caught.value)
    nowhere.unlink()
    tokens.tokens_path().write_text(json.dumps({"login": {"access_token": ACCESS}})[:-1])
    tokens.tokens_path().chmod(0o600)
    with pytest.raises(errors.ConfigError) as caught:
        Client.from_env()
    assert_clean(caught.value)


def test_frames_of_the_caller_and_what_it_handles_stay_as_they_are():
    kept = []

    def fail():
        mine = "a local of the caller"
        kept.append(mine)
        raise ValueError(mine)

    try:
        fail()
    except ValueError as before:
        with pytest.raises(errors.ConfigError) as caught:
            OAuth1(*KEYS[:3])
        assert caught.value.__context__ is before
        assert before.__traceback__.tb_next.tb_frame.f_locals["mine"] == "a local of the caller"


@pytest.mark.parametrize("cls", [Client, Credentials])
def test_what_is_half_made_has_a_repr(cls):
    made = cls.__new__(cls)
    assert repr(made)
    made.base_url = "https://api.x.com"
    assert repr(made)
    assert not hasattr(made, "_repr_html_") or made._repr_html_()


def test_a_secret_is_not_in_the_objects_of_a_client():
    for client in clients("http://127.0.0.1:1"):
        for one in (client, client._credentials):
            assert not [where for where, text in texts(RuntimeError(one)) if any(s in text for s in SECRETS)]
        with pytest.raises(TypeError):
            pickle.dumps(client)
        client.close()
