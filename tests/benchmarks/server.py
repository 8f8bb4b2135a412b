"""A server of search pages, in its own process: its processor time is not counted.

`python -m tests.benchmarks.server PAGES` prints its port, and answers until it is stopped.
"""

from __future__ import annotations

import contextlib
import http.server
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from tests.benchmarks.measuring import ROOT
from tests.benchmarks.pages import PAGE_POSTS, search_pages


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the page that `next_token` names: all tokens of our pages differ."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the client's acknowledgement

    def do_GET(self) -> None:
        token = parse_qs(urlsplit(self.path).query).get("next_token", [""])[0]
        body = self.server.pages[token]
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main(count: int) -> None:
    """Serve a search of so many pages."""
    pages: dict[str, bytes] = {}
    token = ""
    for body in search_pages(0, count * PAGE_POSTS):
        pages[token] = body
        token = body.rpartition(b'"next_token": "')[2].partition(b'"')[0].decode()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.pages = pages
        print(server.server_port, flush=True)
        server.serve_forever()


@contextlib.contextmanager
def serving(count: int) -> Iterator[str]:
    """The URL of a running server of so many pages."""
    with subprocess.Popen([sys.executable, "-m", __name__, str(count)], stdout=subprocess.PIPE,
                          text=True, cwd=ROOT) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    main(int(sys.argv[1]))
