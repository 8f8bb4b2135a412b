"""Articles: title and body are text columns, whatever X sends, and go with their author."""

import json

import pytest

import xframes as xf
from tests.clients import NOW
from xframes.wire import Page, Request


def page(*posts):
    body = {"data": [{"id": str(n), "text": "https://t.co/a", "author_id": "7", **post} for n, post in enumerate(posts)]}
    return Page(Request("GET", "/2/tweets/search/recent", {"query": "tea"}, "search.recent"), json.dumps(body).encode(), NOW)


@pytest.mark.parametrize(("post", "title", "text"), [
    ({"article": {"title": "A title", "plain_text": "One\n\ntwo 😀"}}, "A title", "One\n\ntwo 😀"),
    ({"article": {"title": "A title"}, "article_title": "Another"}, "A title", None),
    ({"article_title": "A title"}, "A title", None), ({"article_title": {"text": "A title"}}, "A title", None),
    ({"article": {"title": None, "plain_text": 5}}, None, None), ({"article": "odd"}, None, None), ({"article": None}, None, None), ({}, None, None),
    ({"article": {"title": "\ud800x"}}, "\ufffdx", None),
])
@pytest.mark.parametrize("odd", [{}, {"lang": 5}])  # numbers as text, and text as numbers, are read by the tolerant reader
def test_title_and_text_of_an_article_are_columns(post, title, text, odd):
    frames = xf.flatten([page(post | odd)])
    row = frames["posts"].to_pylist()[0]
    assert (row["article_title"], row["article_text"]) == (title, text)
    assert frames.tables["problems"] == 0


def test_the_article_is_requested_in_both_words():
    assert "article" in xf.schema.fields("post", "tweet")
    assert {"article", "article_title"} <= set(xf.schema.fields("post", "post"))
    assert "article_title" not in xf.schema.fields("post", "tweet")


def test_words_of_articles_are_counted_in_sql():
    frames = xf.flatten([page({"article": {"plain_text": "Tea and tea"}})])
    assert frames.sql("SELECT words(article_text) FROM posts").fetchall() == [(["tea", "and", "tea"],)]


def test_an_article_goes_with_its_post(tmp_path):
    archive = xf.Archive(tmp_path / "archive")
    archive.add([page({"article": {"title": "An unmistakable title", "plain_text": "An unmistakable body"}})])
    archive.remove(post_ids=["0"], reason="field_params")
    assert archive.sql("SELECT count(*) FROM posts").fetchall() == [(0,)]
    assert not [path for path in (tmp_path / "archive").rglob("*") if path.is_file() and b"unmistakable" in path.read_bytes()]
