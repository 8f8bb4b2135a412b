"""Several collections of one call request their pages at the same time, and each keeps its own order."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

import xframes as xf
from tests.clients import TOKEN
from xframes import errors
from xframes.client.stopping import Stopped, pause, stoppable

QUERIES = [f"kettle{n}" for n in range(7)]
PAGES = 3
DELAY = 0.1
NEW = (int(datetime.now(UTC).timestamp() * 1000) - 3_600_000 - 1_288_834_974_657) << 22


class Server:
    """Answers each query with pages of one post, after a while. `fails` are statuses by query and page."""

    def __init__(self):
        self.field_params, self.most, self.fails, self.hook = [], 0, {}, lambda: None
        self._now, self._lock = Counter(), threading.Lock()
        self.overlaps = False  # of requests of one query

    def answer(self, query, page):
        with self._lock:
            self.field_params.append((query, page))
            self.overlaps = self.overlaps or self._now[query] > 0
            self._now[query] += 1
            self.most = max(self.most, self._now.total())
        time.sleep(DELAY)
        self.hook()
        with self._lock:
            self._now[query] -= 1
        if status := self.fails.get((query, page)):
            return status, {"title": "no", "status": status}
        number = QUERIES.index(query)
        meta = {"next_token": str(page + 1)} if page < PAGES else {}
        posts = [{"id": str(NEW + number * 100 + page), "text": query}, {"id": str(NEW + 5000), "text": "all"}]
        return 200, {"data": posts, "meta": meta}


@pytest.fixture
def server():
    played = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            params = parse_qs(urlsplit(self.path).query)
            status, document = played.answer(params["query"][0], int(params.get("next_token", ["1"])[0]))
            body = json.dumps(document).encode()
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        played.url = f"http://127.0.0.1:{listening.server_port}"
        yield played
        listening.shutdown()


@pytest.fixture
def client(server):
    with xf.Client(TOKEN, base_url=server.url, retries=1) as one:
        yield one


@pytest.fixture
def archive(tmp_path):
    with xf.Archive(tmp_path / "a") as one:
        yield one


def states(archive):
    return archive.runs()["state"].tolist()


def pages_of(server, query):
    return [page for asked, page in server.field_params if asked == query]


@pytest.mark.parametrize("in_memory", [True, False])
def test_pages_of_several_queries_are_fetched_at_once(server, client, archive, in_memory):
    found = xf.search.recent(QUERIES, client=client, into=None if in_memory else archive)
    assert server.most == 4
    assert not server.overlaps
    assert all(pages_of(server, query) == [1, 2, 3] for query in QUERIES)
    if in_memory:
        assert found.requests["params"].map(lambda text: json.loads(text)["query"]).tolist() == sorted(QUERIES * PAGES)
        return
    assert (found.state, found.pages) == ("done", len(QUERIES) * PAGES)
    posts = archive.sql("SELECT text FROM results").fetchall()
    assert [text for (text,) in posts if text != "all"] == sorted(QUERIES * PAGES)
    assert archive.sql("SELECT query FROM results WHERE text = 'all'").fetchall() == [(QUERIES[0],)]
    assert archive.verify().ok


def test_one_after_the_other_with_a_budget(server, archive, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with xf.Client(TOKEN, base_url=server.url, budget=xf.Budget(usd=5)) as client:
        xf.search.recent(QUERIES[:3], client=client, into=archive)
    assert server.most == 1


@pytest.mark.parametrize("in_memory", [True, False])
def test_an_error_stops_all_and_keeps_what_was_under_way(server, client, archive, in_memory):
    server.fails[QUERIES[1], 2] = 403
    with pytest.raises(errors.Interrupted) as stop:
        xf.search.recent(QUERIES, client=client, into=None if in_memory else archive)
    assert isinstance(stop.value.__cause__, errors.Forbidden)
    assert stop.value.pages == len(server.field_params) - 1
    if not in_memory:
        assert set(states(archive)) <= {"done", "interrupted"}
        assert archive.sql("SELECT count(*) FROM requests").fetchall() == [(len(server.field_params) - 1,)]
    asked = len(server.field_params)
    server.fails.clear()
    result = stop.value.resume()
    assert len(server.field_params) == asked + len(QUERIES) * PAGES - (asked - 1)
    assert all(sorted(set(pages_of(server, query))) == [1, 2, 3] for query in QUERIES)
    if not in_memory:
        assert result.state == "done"


def test_what_x_refuses_does_not_stop_the_others(server, client, archive):
    server.fails[QUERIES[0], 1] = 400
    with pytest.raises(errors.Interrupted) as stop:
        xf.search.recent(QUERIES, client=client, into=archive)
    assert isinstance(stop.value.__cause__, errors.InvalidRequest)
    assert states(archive) == ["failed"] + ["done"] * (len(QUERIES) - 1)


def test_ctrl_c_stops_all(server, client, archive):
    pressed = threading.Event()

    def press():
        if len(server.field_params) > 5 and not pressed.is_set():
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)

    server.hook = press
    with pytest.raises(errors.Interrupted) as stop:
        xf.search.recent(QUERIES, client=client, into=archive)
    assert isinstance(stop.value.__cause__, KeyboardInterrupt)
    asked = len(server.field_params)
    assert stop.value.pages == asked < len(QUERIES) * PAGES
    time.sleep(3 * DELAY)
    assert len(server.field_params) == asked
    assert set(states(archive)) <= {"done", "interrupted"}
    assert stop.value.resume().state == "done"
    assert len(server.field_params) == len(QUERIES) * PAGES


def test_a_wait_ends_when_its_thread_is_stopped():
    stop, ended = threading.Event(), []

    def wait():
        with stoppable(stop):
            try:
                pause(600, time.sleep)
            except Stopped as error:
                ended.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    stop.set()
    thread.join(timeout=30)
    assert len(ended) == 1
