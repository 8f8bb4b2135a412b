"""What an answer lists: read once, the same whether or not it is JSON to the letter."""

from __future__ import annotations

import json

import pytest

from tests.clients import NOW, Scripted, answer
from xframes.paging.pages import pages
from xframes.plan import plan
from xframes.wire import read_outline

BODY = {
    "data": [{"id": "10", "text": "harbour"}, {"id": "9", "text": "lantern"}],
    "includes": {"users": [{"id": "7", "name": "Ida"}], "media": [{"media_key": "3_4", "type": "photo"}]},
    "meta": {"next_token": "t", "result_count": 2},
}


def text(**changes):
    return json.dumps(BODY | changes).encode()


@pytest.mark.parametrize("made", [lambda body: body, lambda body: b"\xef\xbb\xbf" + body,
                                  lambda body: body.replace(b'"harbour"', b"NaN")])
def test_an_outline_has_ids_and_metadata(made):
    outline = read_outline(made(text()))
    assert [row.id for row in outline.rows] == ["10", "9"]
    assert {name: [one.id or one.media_key for one in objects] for name, objects in outline.includes.items()} == {
        "users": ["7"], "media": ["3_4"],
    }
    assert outline.meta["next_token"] == "t"
    assert outline.is_page


@pytest.mark.parametrize(("body", "ids", "is_page"), [
    (text(data={"id": 5}), [5], True), (text(data=None, meta=None), [], False), (text(data=[], meta=None), [], True),
    (text(data=[{"id": 1.5}, 3, {"id": "2"}]), [None, "2"], True), (text(data="no", meta=[1]), [], False),
    (text(includes={"users": "no"}), ["10", "9"], True), (b"<html>", [], False), (b"", [], False), (b"[1]", [], False),
    (text(data={"start": 4, "media_key": 3}), [None], True),
])
def test_types_that_are_not_those_of_x_count_as_not_sent(body, ids, is_page):
    outline = read_outline(body)
    assert [row.id for row in outline.rows if row is not None] == ids
    assert outline.is_page is is_page


def test_a_page_of_a_client_has_its_outline_until_the_next_one_is_known():
    scripted = Scripted(answer(body=text()), answer(body=text(meta={})))
    planned = plan("search.recent", {"query": "q", "limit": 4}, now=NOW)
    page = scripted.send()
    assert page.outline == read_outline(page.body)
    (kept, _), = pages(scripted.client, planned)
    assert kept.outline is None
    assert kept.body == text(meta={})
