"""SQL functions for texts in every script, links and emoji: the same in Frames and in an archive."""

import hashlib
import json
import re
from pathlib import Path

import pytest

import xframes as xf
from tests.clients import NOW
from xframes.wire import Page, Request

POSTS = [
    {"id": "1", "text": "RT @bob_x: Don\u2019t &amp; can't: CAFÉ cafe\u0301 #Tea_Time https://t.co/abc日本語"},
    {"id": "2", "text": "❤️ 1️⃣ 👩‍👩‍👧 🇩🇪 ☕ and 2 texts"},
    {"id": "3", "text": "no emoji"},
]


@pytest.fixture(params=["frames", "archive"])
def source(request, tmp_path):
    urls = [{"start": 0, "end": 9, "url": "https://t.co/abc", "expanded_url": "https://www.Example.com/a"}]
    data = [POSTS[0] | {"entities": {"urls": urls}}, *POSTS[1:]]
    page = Page(Request("GET", "/2/tweets/search/recent", {"query": "tea"}, "search.recent"),
                json.dumps({"data": data, "meta": {"result_count": 3}}).encode(), NOW)
    if request.param == "frames":
        return xf.flatten([page])
    archive = xf.Archive(tmp_path / "archive")
    archive.add([page])
    return archive


def of(source, query, *values):
    return source.sql(query, list(values) or None).fetchall()


def test_words_and_emoji_of_posts(source):
    rows = of(source, "SELECT id, words(text), emoji(text) FROM posts ORDER BY id")
    assert rows[0][1] == ["don't", "can't", "café", "café", "tea_time", "日本", "本語"]
    assert rows[1][1:] == (["and", "2", "texts"], ["❤️", "1️⃣", "👩‍👩‍👧", "🇩🇪", "☕"])
    assert rows[2][1:] == (["no", "emoji"], [])


def test_domains_of_links(source):
    assert of(source, "SELECT domain(expanded_url) FROM post_urls") == [("example.com",)]


def test_the_functions_are_in_connections_too(source):
    assert source.connect().cursor().execute("SELECT words('a B')").fetchall() == [(["a", "b"],)]


@pytest.fixture(scope="module")
def empty():
    return xf.flatten([])


@pytest.mark.parametrize(("text", "words"), [
    ("今天天气很好。", ["今天", "天天", "天气", "气很", "很好"]),
    ("東京タワーでコーヒーを飲む らーめん", ["東京", "タワー", "で", "コーヒー", "を", "飲", "む", "らーめん"]),
    ("می‌خواهم नमस्ते สวัสดีครับ 안녕하세요", ["می‌خواهم", "नमस्ते", "สวัสดีครับ", "안녕하세요"]),
    ("Жизнь Öl l'été", ["жизнь", "öl", "l'été"]),
    ("3.5 1,000 v2 'quoted' dogs'", ["3.5", "1,000", "v2", "quoted", "dogs"]),
    ("mail@host 5️⃣0 &lt;b&gt;", ["mail", "0", "b"]), ("@someone https://x.com/a", []), ("", []), (None, None),
])
def test_words_in_every_script(empty, text, words):
    assert of(empty, "SELECT words(?)", text) == [(words,)]


@pytest.mark.parametrize(("link", "host"), [
    ("http://user:pw@sub.Example.co.uk:8080/x?y=z@w", "sub.example.co.uk"), ("example.org/path", "example.org"),
    ("//cdn.x.com", "cdn.x.com"), ("https://[2001:db8::1]:80/a", "[2001:db8::1]"), ("https://münchen.de./x", "münchen.de"),
    ("https://ex.com?q=a@b.de", "ex.com"), ("two words", None), ("https:///x", None), ("", None), (None, None),
])
def test_the_domain_of_a_link(empty, link, host):
    assert of(empty, "SELECT domain(?)", link) == [(host,)]


# documented queries ---------------------------------------------------------------------------------------------------

SECTION = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").partition("## Texts in SQL")[2].partition("\n## ")[0]
QUERIES = dict(re.findall(r'# (\w[^\n]*)\nframes\.sql\("(?:"")?(.*?)"(?:"")?\)', SECTION, re.DOTALL))
TEXTS = ["Fresh coffee is the best thing in the morning, always", "fresh COFFEE is the best thing in the morning always! https://t.co/x",
         "Fresh coffee is the best thing in the morning, and always", "Something else about tea and cake", "tea"]


def documented(beginning):
    (query,) = [query for about, query in QUERIES.items() if about.startswith(beginning)]
    posts = [{"id": str(n), "text": text, "author_id": str(n % 2), "created_at": "2026-03-01T00:00:00.000Z"} for n, text in enumerate(TEXTS)]
    posts[4]["entities"] = {"urls": [{"start": 0, "end": 1, "url": "https://t.co/x", "expanded_url": url} for url in ("https://www.a.example/1", "https://x.com/1")]}
    page = Page(Request("GET", "/2/tweets/search/recent", {"query": "tea"}, "search.recent"), json.dumps({"data": posts}).encode(), NOW)
    return xf.flatten([page]).sql(query).fetchall()


def test_the_documented_queries_of_texts_have_the_right_rows():
    assert ("fresh", 2) in documented("words by")
    assert documented("the sites") == [("a.example", 1)]
    ((copies, authors, _, text),) = documented("copies")
    assert (copies, authors, text) == (2, 2, TEXTS[0])
    similar = {(one, other): similarity for one, other, similarity in documented("near-duplicates")}
    assert similar[("0", "1")] == 1
    assert set(similar) == {("0", "1"), ("0", "2"), ("1", "2")}


def test_a_seeded_sample_is_always_the_same():
    ids = [row[0] for row in documented("a random sample")]
    assert ids == sorted("01234", key=lambda one: hashlib.md5(f"42{one}".encode()).hexdigest())
