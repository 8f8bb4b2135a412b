"""What the tests of the client share: answers played from a list, a server that does as it is told, and how to read all
an exception holds."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import struct
import threading
import traceback
from datetime import UTC, datetime, timedelta

from requests.structures import CaseInsensitiveDict

from xframes.client import Answer, Client
from xframes.wire import Request

TOKEN = "AAAAAAAAAAAAinvented%2Bfor%2Ftests%3D" + "x7Q" * 20
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
OK = b'{"data":[{"id":"1"}],"meta":{}}'
SEARCH = Request("GET", "/2/tweets/search/recent", {"query": "q"}, "search.recent")
KEYS = ("key-of-the-app", "secret-of-the-app", "token-of-a-person", "secret-of-a-person")
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


def chain(error):
    """An exception and all it came from or came after, each once."""
    seen, todo = set(), [error]
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            todo += [one.__cause__, one.__context__]
            yield one


def everything(error):
    """All an exception says, with its whole chain and the locals of its frames."""
    texts = []
    for one in chain(error):
        texts += [repr(one), str(one), repr(one.__dict__)]
        texts += traceback.TracebackException.from_exception(one, capture_locals=True).format()
    return "\n".join(texts)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        self.server.field_params.append((self.path, self.headers))
        self.server.script.pop(0)(self)

    do_POST = do_GET  # noqa: N815  http.server's own name

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


@contextlib.contextmanager
def serving():
    """A server that answers each request by the next function of its `script`, and keeps what it was asked."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.script, made.field_params, made.daemon_threads = [], [], True
        made.url = f"http://127.0.0.1:{made.server_port}"
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class Asked(http.server.BaseHTTPRequestHandler):
    """Answers by the `answer(handler, body)` of its server: a status and a document."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        status, answer = self.server.answer(self, body)
        answer = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = serve  # noqa: N815  http.server's own names
    do_POST = serve  # noqa: N815  the same

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def answering():
    """A server that answers each request by its function `answer(handler, body)`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked) as made:
        made.daemon_threads, made.url = True, f"http://127.0.0.1:{made.server_port}"
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()
