"""Whatever a page holds, flattening never raises, loses nothing that has an id, and both readers agree."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xframes as xf
from tests.effort import examples
from xframes.flattening import tolerant_reader
from xframes.flattening.decoder import Decoder
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ids = st.integers(1, 40).map(str)
texts = st.text(max_size=20)
counts = st.integers(0, 2**40)
spans = st.fixed_dictionaries({"start": st.integers(0, 99), "end": st.integers(0, 99)})


def with_span(**more):
    return st.builds(lambda a, b: a | b, st.fixed_dictionaries(more), spans)


users = st.fixed_dictionaries(
    {"id": ids, "username": texts, "name": texts},
    optional={"public_metrics": st.fixed_dictionaries({}, optional={"followers_count": counts, "tweet_count": counts}),
              "verified": st.booleans(), "description": texts, "created_at": st.just("2020-02-03T04:05:06.000Z"),
              "pinned_tweet_id": ids},
)
posts = st.fixed_dictionaries(
    {"id": ids, "text": texts},
    optional={
        "author_id": ids, "lang": st.sampled_from(["en", "und"]), "created_at": st.just("2026-02-03T04:05:06.000Z"),
        "public_metrics": st.fixed_dictionaries({}, optional={"like_count": counts, "retweet_count": counts}),
        "entities": st.fixed_dictionaries({}, optional={
            "hashtags": st.lists(with_span(tag=texts), max_size=3),
            "mentions": st.lists(with_span(username=texts, id=ids), max_size=3)}),
        "referenced_tweets": st.lists(st.fixed_dictionaries({"type": st.sampled_from(["quoted", "replied_to"]), "id": ids}),
                                      max_size=2),
        "edit_history_tweet_ids": st.lists(ids, max_size=3), "possibly_sensitive": st.booleans(),
    },
)
pages = st.fixed_dictionaries(
    {"data": st.lists(posts, max_size=5)},
    optional={"includes": st.fixed_dictionaries({}, optional={"users": st.lists(users, max_size=4),
                                                              "tweets": st.lists(posts, max_size=4)}),
              "meta": st.fixed_dictionaries({"result_count": st.integers(0, 9)})},
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6,
)


def page(document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode("utf-8", "surrogatepass")
    return Page(Request("GET", "/2/tweets/search/recent", {}, "search.recent"), body, NOW)


def unlike(document, draw):
    """The document with some of its parts replaced by anything."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 4))):
        holder, key, here = None, None, document
        while isinstance(here, dict | list) and here and (holder is None or draw(st.booleans())):
            key = draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
            holder, here = here, here[key]
        if holder is not None:
            holder[key] = draw(junk)
    return document


@settings(deadline=None, max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(pages)
def test_every_object_with_an_id_is_a_row_and_every_entity_is_there(document):
    frames = xf.flatten(page(document))
    included = document.get("includes", {})
    every = [*document["data"], *included.get("tweets", [])]
    first = {}
    for post in every:
        first.setdefault(post["id"], post)
    found = {r["id"]: r for r in frames["posts"].to_pylist()}
    assert found.keys() == first.keys()
    for id_, post in first.items():
        assert found[id_]["text"] == post["text"]
        assert found[id_]["like_count"] == post.get("public_metrics", {}).get("like_count")
        assert found[id_]["repost_count"] == post.get("public_metrics", {}).get("retweet_count")
    tags = sorted((p["id"], h["tag"], h["start"]) for p in first.values() for h in p.get("entities", {}).get("hashtags", []))
    assert sorted(zip(*(frames["post_hashtags"][c].to_pylist() for c in ("post_id", "tag", "start_index")), strict=True)) == tags
    assert set(frames["users"]["id"].to_pylist()) == {u["id"] for u in included.get("users", [])}
    assert set(frames["matches"]["post_id"].to_pylist()) == {p["id"] for p in document["data"]}


@settings(deadline=None, max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(pages, st.data())
def test_nothing_raises_and_nothing_is_lost_silently(document, data):
    spoilt = unlike(document, data.draw)
    frames = xf.flatten(page(spoilt))
    assert frames.tables == {name: frames[name].num_rows for name in frames.tables}  # a table is made when asked for
    assert frames["requests"].num_rows == 1
    kept = set(frames["posts"]["id"].to_pylist())
    main = spoilt.get("data") if isinstance(spoilt, dict) else None
    for item in main if isinstance(main, list) else []:
        if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"].isascii():
            assert item["id"] in kept or frames["problems"].num_rows, item
    told = main if isinstance(main, list) else [main]
    if any(item is not None for item in told) and not kept:
        assert frames["problems"].num_rows


old_user = {"id_str": "7", "screen_name": "ada", "followers_count": 3, "created_at": "Wed Oct 10 20:19:24 +0000 2018"}
old_post = {
    "id": 10, "id_str": "10", "full_text": "tea #a", "user": old_user, "source": "<a>web</a>",
    "created_at": "Wed Oct 10 20:19:24 +0000 2018", "withheld_in_countries": ["DE"],
    "entities": {"hashtags": [{"text": "a", "indices": [4, 6]}], "urls": [{"url": "https://t.co/1"}]},
    "extended_entities": {"media": [{"id_str": "5", "type": "video", "sizes": {"large": {"w": 3, "h": 4}},
                                     "video_info": {"variants": [{"bitrate": 3, "url": "https://v"}]}}]},
    "extended_tweet": {"full_text": "tea #a"}, "quoted_status": {"id_str": "11", "full_text": "x", "user": old_user},
    "place": {"id": "p", "bounding_box": {"coordinates": [[[1, 2], [3, 4]]]}},
    "coordinates": {"type": "Point", "coordinates": [1, 2]},
}
old_shapes = st.sampled_from([
    old_post, old_user, {"tweet": old_post}, {"statuses": [old_post], "search_metadata": {}},
    {"delete": {"status": {"id_str": "9"}}},
    {"account": [{"account": {"accountId": "7", "username": "ada"}}], "tweets": [{"tweet": old_post}]},
])


@settings(deadline=None, max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(old_shapes, st.data())
def test_old_shapes_never_raise_either(document, data):
    body = json.dumps(unlike(document, data.draw)).encode("utf-8", "surrogatepass")
    frames = xf.flatten(Page(Request("GET", "", {}, None), body, NOW))
    assert frames.tables == {name: frames[name].num_rows for name in frames.tables}
    assert frames["requests"].num_rows == 1


@settings(deadline=None, max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=60))
def test_any_bytes_end_in_tables_or_problems(body):
    frames = xf.flatten(page(body))
    assert frames.tables == {name: frames[name].num_rows for name in frames.tables}
    assert frames["requests"].num_rows == 1
    try:
        empty = json.loads(body) in ({}, [])  # a page that says nothing
    except ValueError:
        empty = False
    assert frames["requests"]["row_count"].to_pylist() != [0] or frames["problems"].num_rows or empty


@settings(deadline=None, max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(pages)
def test_the_fast_and_the_tolerant_reader_agree(document):
    one = page(document)
    decoder = Decoder()
    fast = decoder.decode(one)
    slow, _ = tolerant_reader.read_page(one, fast.action, decoder.structs)
    assert (slow.kind, list(slow.main), slow.misfits) == (fast.kind, list(fast.main), [])
    assert {k: list(v) for k, v in slow.includes.items() if v} == {k: list(v) for k, v in fast.includes.items() if v}
