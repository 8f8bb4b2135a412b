"""An archive with something of everything that pages show, and a browser of it over HTTP."""

import html
import json
from datetime import UTC, datetime, timedelta

import pytest
import requests

import xframes as xf
from tests.archives import EVERYTHING
from xframes.browsing import start
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>"
MARKS = "\u202eabc\u202c \u200f\u05d0\u05d1\u05d2 \u2067\u0645\u0631\u062d\u0628\u0627\u2069 \u6f22\u5b57"
EVIL = f"{SCRIPT} \"><img src=x onerror=alert(2)> {MARKS} </td></table> javascript:alert(3) =1+1"
LONG = "w" * 20_000
PEOPLE = [
    {"id": "1", "username": "ada", "name": EVIL, "description": EVIL, "url": "javascript:alert(4)",
     "public_metrics": {"followers_count": 5}},
    {"id": "2", "username": "bob", "name": "Bob", "public_metrics": {"followers_count": 7}},
]


def post(number, text, author="1", day=1, lang="en", likes=0, **more):
    return {
        "id": str(number), "text": html.escape(text, quote=False), "author_id": author, "lang": lang,
        "created_at": f"2026-02-{day:02}T10:00:00.000Z", "conversation_id": str(number),
        "edit_history_tweet_ids": [str(number)],
        "public_metrics": {"like_count": likes, "retweet_count": 0, "reply_count": 0, "quote_count": 0}, **more,
    }


def page(query, posts, minutes=0, users=PEOPLE, **includes):
    body = {"data": posts, "includes": {"users": users, **includes}, "meta": {"result_count": len(posts)}}
    request = Request("GET", "/2/tweets/search/recent", {"query": query, **EVERYTHING}, "search.recent")
    return Page(request, json.dumps(body).encode(), NOW + timedelta(minutes=minutes))


def replied(number, to, **more):
    return {"conversation_id": str(to), "referenced_tweets": [{"type": "replied_to", "id": str(to)}], **more}


def pages():
    medium = {"media_key": "3_1", "type": "photo", "alt_text": EVIL, "url": "https://pbs.example/a.jpg"}
    bad = {"media_key": "3_2", "type": "photo", "url": "javascript:alert(5)"}
    rich = {"attachments": {"media_keys": ["3_1", "3_2"]},
            "entities": {"urls": [{"start": 0, "end": 5, "url": "https://t.co/a", "expanded_url": "javascript:alert(6)"}]}}
    first = [
        post(100, f"green tea {EVIL}", day=3, likes=5, **rich),
        post(101, LONG, "2", day=4, likes=900), post(102, "قهوة وشاي", "2", day=5, lang="ar", **replied(102, 100)),
        post(104, "an edited text", day=6, edit_history_tweet_ids=["103", "104"]),
    ]
    older = post(103, "the text before", day=6, edit_history_tweet_ids=["103", "104"])
    included = post(90, "an included post", "2", day=1, lang="ja")
    return [
        page("tea", [*first, older], media=[medium, bad], tweets=[included]),
        page("cake", [post(101, LONG, "2", day=4, likes=950)], minutes=5),
        page("tea", [post(100, f"green tea {EVIL}", day=3, likes=9, **rich)], minutes=10),
        page("many", [post(1000 + n, f"post number {n}", "2", day=10 + n % 5, likes=n % 7) for n in range(120)], minutes=15),
    ]


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    with xf.Archive(tmp_path_factory.mktemp("browse") / "tea-study", now=lambda: NOW) as made:
        for item in pages():
            made.add([item])
        made.compact()  # views of one file are fast; those of several are tested where archives are
        yield made


class Browser:
    """A browser of a server, with its cookie."""

    def __init__(self, server):
        self.server, self.base = server, f"http://127.0.0.1:{server.port}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.first = self.session.get(server.url)

    def get(self, path, **more):
        return self.session.get(self.base + path, **more)

    def text(self, path, status=200):
        answer = self.get(path)
        assert answer.status_code == status, answer.text[-2000:]
        return answer.text


@pytest.fixture(scope="session")
def browser(archive):
    with start(archive) as server:
        yield Browser(server)
