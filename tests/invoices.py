"""A small X that writes an invoice: each object once a day (UTC), in both readings of the card, without xframes' own code.

`Shop.faults` is taken one by one, a fault for each request: None, 503, 402, "drop" (billed, and the connection closed
without an answer) or "hang" (billed, and no answer while the event `hanging` is not set).
"""

import contextlib
import http.server
import json
import socket
import struct
import threading
from collections import defaultdict
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

PRICES = {"post": 5, "user": 10, "media": 5, "owned": 1, "counts": 5}  # thousandths of a dollar
ME = "900"


class Shop:
    """Posts, people and the invoice. `clock` decides the day."""

    def __init__(self, posts=400, people=40, clock=None):
        self.clock = clock or (lambda: datetime.now(UTC))
        self.posts = [self._post(number, people) for number in range(posts)]
        self.by_id = {post["id"]: post for post in self.posts}
        self.faults, self.field_params, self.lock = [], [], threading.Lock()
        self.hanging = threading.Event()
        self.low, self.high = set(), set()
        self.invoice = defaultdict(lambda: [0, 0])  # thousandths of a dollar by day: low, high
        self.requests = 0

    def _post(self, number, people):
        post = {
            "id": str(10_000 + number), "text": f"post {number} @u{number % 7}", "author_id": str(100 + number % people),
            "created_at": "2026-03-10T10:00:00.000Z", "topics": {f"t{number % 3}", f"u{number % 4}", "all"},
        }
        if number % 5 == 0 and number:
            post["referenced_tweets"] = [{"type": "quoted", "id": str(10_000 + number - 1)}]
        if number % 7 == 0 and number:
            post["in_reply_to_user_id"] = str(100 + (number + 3) % people)
        if number % 6 == 0:
            post["attachments"] = {"media_keys": [f"3_{number}"]}
        post["mentioned"] = [str(100 + (number + k) % people) for k in range(4)]
        return post

    def total(self):
        return tuple(sum(amounts[reading] for amounts in self.invoice.values()) / 1000 for reading in (0, 1))

    def bill(self, kind, ids, price, *, main):
        day = self.clock().date()
        for id in ids:
            for reading, billed in enumerate((self.low, self.high)):
                if (main or reading) and (day, kind, id) not in billed:
                    billed.add((day, kind, id))
                    self.invoice[day][reading] += price

    # answers --------------------------------------------------------------------------------------

    def answer(self, path, params, caller):
        parts = path.strip("/").split("/")[1:]
        if parts == ["tweets", "search", "recent"]:
            found = [post for post in reversed(self.posts) if params["query"] in post["topics"]]
            return self._page(found, params, "next_token", PRICES["post"])
        if parts == ["tweets"]:
            found = [self.by_id[id] for id in params["ids"].split(",") if id in self.by_id]
            return self._of_posts(found, params, PRICES["post"])
        if parts == ["users"]:
            ids = params["ids"].split(",")
            self.bill("user", ids, PRICES["user"], main=True)
            return {"data": [self._user(id) for id in ids]}
        if parts == ["users", "me"]:
            return {"data": self._user(ME)}
        if parts == ["tweets", "counts", "recent"]:
            for reading in (0, 1):
                self.invoice[self.clock().date()][reading] += PRICES["counts"]
            return {"data": [], "meta": {"total_tweet_count": 0}}
        if parts[0] == "users" and parts[2] == "tweets":
            whose = parts[1]
            found = [p for p in reversed(self.posts) if p["author_id"] == whose or (whose == ME and "t1" in p["topics"])]
            owned = whose == ME == caller
            return self._page(found, params, "pagination_token", PRICES["owned" if owned else "post"])
        raise AssertionError(path)

    def _page(self, found, params, token, price):
        first, most = int(params.get(token, 0)), int(params.get("max_results", 10))
        body = self._of_posts(found[first : first + most], params, price)
        body["meta"] = {"result_count": len(body["data"])}
        if first + most < len(found):
            body["meta"]["next_token"] = str(first + most)
        return body

    def _of_posts(self, found, params, price):
        named = set(params.get("expansions", "").split(","))
        users, posts, media = {}, {}, {}
        for post in found:
            if "author_id" in named:
                users[post["author_id"]] = 1
            if "in_reply_to_user_id" in named and "in_reply_to_user_id" in post:
                users[post["in_reply_to_user_id"]] = 1
            if "entities.mentions.username" in named:
                users.update(dict.fromkeys(post["mentioned"], 1))
            if "attachments.media_keys" in named:
                media.update(dict.fromkeys(post.get("attachments", {}).get("media_keys", []), 1))
            for reference in post.get("referenced_tweets", []):
                if "referenced_tweets.id" in named:
                    posts[reference["id"]] = 1
                if "referenced_tweets.id.author_id" in named:
                    users[self.by_id[reference["id"]]["author_id"]] = 1
        self.bill("post", [post["id"] for post in found], price, main=True)
        self.bill("post", posts, PRICES["post"], main=False)
        self.bill("user", users, PRICES["user"], main=False)
        self.bill("media", media, PRICES["media"], main=False)
        body = {"data": [self._json(post) for post in found]}
        included = {
            "users": [self._user(id) for id in users], "tweets": [self._json(self.by_id[id]) for id in posts],
            "media": [{"media_key": key, "type": "photo"} for key in media],
        }
        body["includes"] = {key: listed for key, listed in included.items() if listed}
        return body

    def _json(self, post):
        return {key: value for key, value in post.items() if key not in {"topics", "mentioned"}}

    def _user(self, id):
        return {"id": id, "username": f"user{id}", "name": f"User {id}"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        shop, url = self.server.shop, urlsplit(self.path)
        params = {name: values[0] for name, values in parse_qs(url.query).items()}
        caller = ME if "user" in (self.headers["Authorization"] or "") else None
        with shop.lock:
            shop.requests += 1
            shop.field_params.append((url.path, params))
            fault = shop.faults.pop(0) if shop.faults else None
            if isinstance(fault, int):
                return self._reply(fault, {"title": "fault", "status": fault})
            body = shop.answer(url.path, params, caller)
        if fault == "hang":
            shop.hanging.wait(30)
        if fault in {"drop", "hang"}:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return self.connection.close()
        return self._reply(200, body)

    def _reply(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def handle(self):
        with contextlib.suppress(OSError, ValueError):
            super().handle()

    def finish(self):
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(shop):
    """Serve a shop on this machine, and yield its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.shop, server.daemon_threads = shop, True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            shop.hanging.set()
            server.shutdown()
            thread.join()
