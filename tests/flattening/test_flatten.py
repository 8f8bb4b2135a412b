"""Pages become tables: what X sends in its many shapes, and what nobody should send."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

import xframes as xf
from xframes.schema import STORED
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def page(body, action=None, *, path="", params=None, args=None, run_id=None, method="GET"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Page(Request(method, path, params or {}, action, args or {}), body, NOW, run_id=run_id)


def flat(*bodies, **more):
    return xf.flatten([page(b, **more) for b in bodies])


def rows(frames, table, *columns):
    return [tuple(r.values()) for r in frames[table].select(list(columns)).to_pylist()]


POST = {"id": "10", "text": "tea &amp; toast", "author_id": "1", "created_at": "2026-02-01T10:00:00.000Z"}
USER = {"id": "1", "username": "ada", "name": "Ada"}


# which rows there are ------------------------------------------------------------------------------------------------


def test_a_post_in_data_and_includes_is_one_row_the_main_one():
    frames = flat({"data": [POST, {**POST, "id": "11"}], "includes": {"tweets": [{"id": "10", "text": "less"}]}})
    assert rows(frames, "posts", "id", "text") == [("10", "tea &amp; toast"), ("11", "tea &amp; toast")]


def test_a_post_twice_on_a_page_is_one_row_and_one_match():
    frames = flat({"data": [POST, POST]}, run_id="r")
    assert rows(frames, "posts", "id") == [("10",)]
    assert rows(frames, "matches", "run_id", "post_id", "position") == [("r", "10", 0)]


def test_the_same_post_on_two_pages_is_two_observations():
    frames = flat({"data": [POST]}, {"data": [POST | {"lang": "en"}]})
    assert rows(frames.observations, "posts", "id", "lang") == [("10", None), ("10", "en")]
    assert len(set(frames.observations["posts"]["page_id"].to_pylist())) == 2
    assert len(frames.posts) == 1


def test_only_main_posts_are_matches():
    frames = flat({"data": [POST], "includes": {"tweets": [{"id": "5", "text": "older"}]}})
    assert rows(frames, "matches", "post_id") == [("10",)]
    assert rows(frames, "posts", "id") == [("10",), ("5",)]


def test_a_long_post_has_its_whole_text_and_the_notes_entities():
    long = POST | {
        "text": "short…", "entities": {"hashtags": [{"tag": "no", "start": 0, "end": 3}]},
        "note_tweet": {"text": "the whole #yes", "entities": {"hashtags": [{"tag": "yes", "start": 10, "end": 14}]}},
    }
    frames = flat({"data": long})
    assert rows(frames, "posts", "text", "short_text") == [("the whole #yes", "short…")]
    assert rows(frames, "post_hashtags", "tag", "start_index") == [("yes", 10)]


def test_a_note_without_entities_takes_none_from_the_short_text():
    long = POST | {"entities": {"hashtags": [{"tag": "no", "start": 0, "end": 3}]}, "note_tweet": {"text": "whole"}}
    assert flat({"data": long})["post_hashtags"].num_rows == 0


def test_both_vocabularies_say_the_same():
    old = {"data": [POST | {"public_metrics": {"retweet_count": 3}, "edit_history_tweet_ids": ["9", "10"],
                            "referenced_tweets": [{"type": "retweeted", "id": "5"}]}],
           "includes": {"tweets": [{"id": "5", "text": "t"}],
                        "users": [USER | {"pinned_tweet_id": "5", "public_metrics": {"tweet_count": 7}}]}}
    new = {"data": [POST | {"public_metrics": {"repost_count": 3}, "edit_history_post_ids": ["9", "10"],
                            "referenced_posts": [{"type": "retweeted", "id": "5"}]}],
           "includes": {"posts": [{"id": "5", "text": "t"}],
                        "users": [USER | {"pinned_post_id": "5", "public_metrics": {"post_count": 7}}]}}
    one, two = flat(old), flat(new)
    for table in ("posts", "users", "post_references", "post_edits", "post_metrics", "user_metrics"):
        drop = ["page_id"]
        assert one[table].drop_columns(drop).equals(two[table].drop_columns(drop)), table
    assert rows(one, "post_references", "post_id", "referenced_post_id", "type") == [("10", "5", "reposted")]
    assert rows(one, "posts", "repost_count") == [(3,), (None,)]


def test_metrics_are_kept_with_the_moment_they_were_seen():
    frames = flat({"data": [POST | {"public_metrics": {"like_count": 5}}, {"id": "11", "text": "none"}]})
    assert rows(frames, "post_metrics", "post_id", "like_count", "observed_at") == [("10", 5, NOW)]


def test_private_metrics_have_columns_of_their_own():
    frames = flat({"data": [POST | {"non_public_metrics": {"impression_count": 9}, "organic_metrics": {"like_count": 2}}]})
    assert rows(frames, "posts", "non_public_impression_count", "organic_like_count", "impression_count") == [(9, 2, None)]


def test_an_action_states_the_relation_of_its_argument_to_each_row():
    body = {"data": [USER, {**USER, "id": "2"}]}
    frames = xf.flatten(page(body, "users.followers", path="/2/users/7/followers", args={"user_id": "7"}))
    assert rows(frames, "follows", "follower_id", "followed_id", "position") == [("1", "7", 0), ("2", "7", 1)]
    frames = xf.flatten(page(body, "users.following", path="/2/users/7/following", args={"user_id": "7"}))
    assert rows(frames, "follows", "follower_id", "followed_id") == [("7", "1"), ("7", "2")]
    frames = xf.flatten(page(body, path="/2/tweets/10/liking_users"))  # told by its path alone
    assert rows(frames, "likes", "user_id", "post_id") == [("1", "10"), ("2", "10")]


def test_a_stream_line_tells_which_rules_it_matched():
    line = {"data": POST, "matching_rules": [{"id": "7", "tag": "tea"}, {"id": "8"}]}
    assert rows(flat(line), "rule_matches", "rule_id", "post_id", "tag") == [("7", "10", "tea"), ("8", "10", None)]


def test_counts_carry_their_query_and_granularity():
    body = {"data": [{"start": "2026-02-01T00:00:00.000Z", "end": "2026-02-02T00:00:00.000Z", "tweet_count": 0}],
            "meta": {"total_tweet_count": 0}}
    frames = xf.flatten(page(body, "counts.recent", params={"query": "tea", "granularity": "day"}))
    assert rows(frames, "counts", "query", "granularity", "post_count") == [("tea", "day", 0)]
    assert rows(frames, "requests", "total_post_count", "row_count") == [(0, 1)]
    assert rows(flat(body), "counts", "query", "granularity") == [(None, "day")]


def test_analytics_stamped_or_flat_are_a_row_per_moment():
    stamped = {"data": [{"id": "10", "timestamped_metrics": [
        {"timestamp": "2026-02-01T00:00:00Z", "metrics": {"impressions": 5, "likes": 1}},
        {"timestamp": "2026-02-02T00:00:00Z", "metrics": {"impressions": 6}}]}]}
    frames = xf.flatten(page(stamped, "analytics.posts", params={"granularity": "daily"}))
    assert rows(frames, "post_analytics", "post_id", "granularity", "impressions", "likes") == [
        ("10", "daily", 5, 1), ("10", "daily", 6, None)]
    flat_ = {"data": [{"media_key": "3_1", "timestamp": "2026-02-01T00:00:00Z", "video_views": "7"}]}
    frames = xf.flatten(page(flat_, "analytics.media", params={}))
    assert rows(frames, "media_analytics", "media_key", "granularity", "video_views") == [("3_1", "daily", 7)]


@pytest.mark.parametrize("number", [str, int])
def test_usage_is_read_as_text_or_numbers(number):
    day = {"date": "2026-02-01T00:00:00.000Z", "usage": number(5)}
    body = {"data": {"project_id": "77", "project_cap": number(100), "project_usage": number(5), "cap_reset_day": 3,
                     "daily_project_usage": {"project_id": "77", "usage": [day]},
                     "daily_client_app_usage": [{"client_app_id": "9", "usage": [day], "usage_result_count": 1},
                                                {"client_app_id": "8"}]}}
    frames = xf.flatten(page(body, "usage.posts"))
    assert rows(frames, "usage", "project_id", "project_cap", "project_usage", "cap_reset_day") == [("77", 100, 5, 3)]
    assert rows(frames, "usage_daily", "scope", "id", "usage") == [("project", "77", 5), ("app", "9", 5)]


def test_messages_people_and_shared_posts():
    body = {"data": [{"id": "1", "event_type": "MessageCreate", "text": "hi", "sender_id": "2",
                      "dm_conversation_id": "2-3", "referenced_tweets": [{"id": "10"}]},
                     {"id": "4", "event_type": "ParticipantsJoin", "participant_ids": ["5", "6"]}]}
    frames = xf.flatten(page(body, "messages.events"))
    assert rows(frames, "messages", "id", "event_type", "text", "conversation_id") == [
        ("1", "MessageCreate", "hi", "2-3"), ("4", "ParticipantsJoin", None, None)]
    assert rows(frames, "message_people", "message_id", "user_id") == [("4", "5"), ("4", "6")]
    assert rows(frames, "message_posts", "message_id", "post_id") == [("1", "10")]


def test_compliance_lines_are_removals():
    line = {"id": "10", "action": "delete", "created_at": "2020-01-01T00:00:00Z", "reason": "deleted"}
    assert rows(flat(line), "removals", "id", "action", "reason") == [("10", "delete", "deleted")]


def test_a_write_is_a_row_with_its_arguments_and_answer():
    done = page({"data": {"liked": True}}, "write.like", method="POST", args={"post_id": "10"})
    frames = xf.flatten(done)
    assert rows(frames, "writes", "action", "arguments", "status", "answer") == [
        ("write.like", '{"post_id": "10"}', 200, '{"liked": true}')]
    assert frames["problems"].num_rows == 0


# problems ------------------------------------------------------------------------------------------------------------


def test_xs_own_problems_are_rows():
    error = {"title": "Not Found Error", "type": "https://api.twitter.com/2/problems/resource-not-found", "value": "11",
             "resource_type": "tweet", "resource_id": "11", "parameter": "ids", "detail": "Could not find tweet"}
    frames = flat({"data": [POST], "errors": [error]})
    assert rows(frames, "problems", "kind", "resource_type", "resource_id") == [("resource-not-found", "tweet", "11")]


def test_what_was_asked_for_in_vain_is_named():
    error = {"title": "Forbidden", "type": "about:blank", "value": "12", "parameter": "ids"}
    body = {"data": [POST], "errors": [error]}
    frames = xf.flatten(page(body, "posts.lookup", params={"ids": "10,11,12"}))
    assert rows(frames, "problems", "kind", "resource_id") == [("about:blank", None), ("not_returned", "11")]
    frames = xf.flatten(page({}, "posts.get", path="/2/tweets/13", args={"post_id": "13"}))
    assert rows(frames, "problems", "kind", "resource_id") == [("not_returned", "13")]
    frames = xf.flatten(page({"data": [USER]}, "users.by_usernames", params={"usernames": "ADA,bob"}))
    assert rows(frames, "problems", "kind", "value") == [("not_returned", "bob")]


def test_a_field_x_invented_keeps_the_row_and_is_named_once():
    new = {"data": [POST | {"mood": "calm", "public_metrics": {"sighs": 3, "like_count": 1}}]}
    frames = flat(new, new, {"data": [USER | {"aura": 1}]})
    assert rows(frames.observations, "posts", "like_count") == [(1,), (1,)]
    named = rows(frames, "problems", "kind", "parameter")
    assert sorted(named) == [("unknown_field", "post.mood"), ("unknown_field", "post.public_metrics.sighs"),
                             ("unknown_field", "user.aura")]


@pytest.mark.slow
def test_what_was_made_for_invented_fields_does_not_stay_for_ever():
    def alive():
        gc.collect()
        return sum(type(found).__name__ == "Structs" for found in gc.get_objects())

    for n in range(40):  # as many as are kept, and more
        flat({"data": [POST | {f"first_{n}": 1}]})
    before = alive()
    for n in range(40):
        flat({"data": [POST | {f"then_{n}": 1}]})
    assert alive() <= before


SEVERAL_AT_ONCE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
import xframes as xf
from xframes.flattening.nodes import structs
from xframes.wire import Page
from xframes.wire import Request

def page(n):
    post = {"id": "1", "text": "tea", ("lang", "source", "card_uri", "geo", "withheld", "scopes")[n % 6]: None,
            f"odd_{n % 9}": 1}
    user = {"id": "2", "username": "ada", ("url", "name", "location", "entities", "affiliation")[n % 5]: None}
    kind, main, included = (("search.recent", post, {"users": [user]}), ("users.lookup", user, {"tweets": [post]}))[n % 2]
    body = json.dumps({"data": [main], "includes": included}).encode()
    return Page(Request("GET", "", {}, kind), body, datetime(2026, 3, 1, tzinfo=UTC))

sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(8) as pool:
    for _ in range(3):
        structs.cache_clear()  # as in a process that has read nothing yet
        for frames in pool.map(xf.flatten, map(page, range(24))):
            assert (frames.tables["posts"], frames.tables["users"]) == (1, 1)
"""


@pytest.mark.slow
def test_several_threads_may_flatten_at_once():
    done = subprocess.run([sys.executable, "-c", SEVERAL_AT_ONCE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # it was a segmentation fault


@pytest.mark.parametrize("first", ["little", "much", "nulls", "odd"])
def test_what_was_read_before_changes_nothing(first):
    bodies = {
        "little": {"data": [{"id": "10", "text": "tea"}]},
        "much": {"data": [POST | {"lang": "en", "withheld": {"country_codes": ["DE"]}}],
                 "includes": {"users": [USER | {"verified": True}], "media": [{"media_key": "3_1", "alt_text": "a cup"}]}},
        "nulls": {"data": [POST | {"lang": None, "source": None}], "includes": {"users": [USER | {"location": None}]}},
        "odd": {"data": [POST | {"id": 12, "card_uri": "card://1"}], "includes": {"users": [USER | {"url": 1.5}]}},
    }
    order = [first, *(name for name in bodies if name != first)]
    said = []
    for together in (False, True):
        if together:
            frames = flat(*map(bodies.get, order), action="search.recent")
            told = {name: frames.observations[name].to_pylist() for name in STORED}
        else:
            parts = [flat(bodies[name], action="search.recent") for name in order]
            told = {name: [row for part in parts for row in part.observations[name].to_pylist()] for name in STORED}
        said.append(told)
    assert said[0] == said[1]
    found = dict(zip(order, said[0]["posts"], strict=True))
    assert found["much"]["lang"] == "en"
    assert found["much"]["withheld_country_codes"] == ["DE"]
    assert found["odd"]["card_uri"] == "card://1"
    assert [m["alt_text"] for m in said[0]["media"]] == ["a cup"]
    assert {u["verified"] for u in said[0]["users"]} == {True, None}


STATE = """
import sys
from datetime import UTC, datetime
import xframes as xf
from xframes.wire import Page
from xframes.wire import Request

def page(body, action="search.recent"):
    return Page(Request("GET", "", {}, action), body, datetime(2026, 3, 1, tzinfo=UTC))

def state():
    modules = [module for name, module in sorted(sys.modules.items()) if name.startswith("xframes.flattening")]
    held = [(m.__name__, name, value) for m in modules for name, value in sorted(vars(m).items())]
    return [(*where, repr(value)) for *where, value in held
            if isinstance(value, dict | list | set | bytearray) and not where[1].startswith("__")]

first = page(b'{"data": [{"id": "1", "text": "tea"}]}')
xf.flatten(first)
before = state()
assert before
xf.flatten(page(b'''{"data": [{"id": "1", "text": "tea", "lang": "en", "source": "web", "mood": "calm", "geo": null}],
    "includes": {"users": [{"id": "2", "username": "ada", "location": "Bath"}], "media": [{"media_key": "3_1"}]}}'''))
xf.flatten(page(b'{"data": [{"id": "2", "username": "ada"}]}', None))
assert state() == before
"""


def test_the_process_remembers_nothing_of_what_it_read():
    done = subprocess.run([sys.executable, "-c", STATE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("first", ["posts", "users", "lists", "nothing"])
def test_pages_of_unknown_requests_are_read_by_what_they_hold(first):
    bodies = {
        "posts": {"data": [POST]}, "users": {"data": [USER]}, "nothing": {"data": []},
        "lists": {"data": [{"id": "5", "name": "Friends", "owner_id": "2"}]},
        "one list": {"data": {"id": "6", "name": "Foes"}}, "null first": {"data": [None, USER | {"id": "3"}]},
        "included": {"includes": {"users": [USER | {"id": "4"}]}},
    }
    frames = flat(*map(bodies.get, [first, *(name for name in bodies if name != first)]))
    assert [r["id"] for r in frames["posts"].to_pylist()] == [POST["id"]]
    assert sorted(r["id"] for r in frames["users"].to_pylist()) == sorted([USER["id"], "3", "4"])
    assert sorted(r["id"] for r in frames["lists"].to_pylist()) == ["5", "6"]
    assert frames["problems"].num_rows == 0


@pytest.mark.parametrize("body", [
    b"", b"not json", b"<html></html>", b'{"data": [', b"[1, 2]", b'"text"', b"null", b'{"colour": "red"}',
    b'{"data": 5}', b"\x00\x01", b"[" * 3000, b'{"data": [[]]}',
])
def test_a_page_nobody_can_read_is_kept_and_said(body):
    frames = flat(body)
    assert frames["requests"].num_rows == 1
    assert frames["problems"].num_rows >= 1, frames
    assert frames.tables == {name: frames[name].num_rows for name in frames.tables}
    assert frames["problems"]["page_id"].to_pylist()[0] == frames["requests"]["page_id"].to_pylist()[0]


# odd input -----------------------------------------------------------------------------------------------------------

ODD = {
    "data is one object": json.dumps({"data": POST}).encode(),
    "numbers as text": json.dumps({"data": [POST | {"public_metrics": {"like_count": "5"}}]}).encode(),
    "ids as numbers": json.dumps({"data": [POST | {"id": 10, "author_id": 1}]}).encode(),
    "edits_remaining as text": json.dumps({"data": [POST | {"edit_controls": {"edits_remaining": "5"}}]}).encode(),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps({"data": [POST]}).encode(),
    "carriage returns": json.dumps({"data": [POST]}, indent=1).replace("\n", "\r\n").encode(),
    "NUL around": b"\x00" + json.dumps({"data": [POST]}).encode() + b"\x00",
    "a key twice": json.dumps({"data": [POST]}).encode().replace(b'"id": "10"', b'"id": "9", "id": "10"'),
    "NaN": json.dumps({"data": [POST | {"geo": {"coordinates": {"coordinates": [float("nan"), 1.0]}}}]}).encode(),
    "a flag as a word": json.dumps({"data": [POST | {"possibly_sensitive": "true"}]}).encode(),
    "an object where a list belongs": json.dumps({"data": [POST], "includes": {"users": USER}}).encode(),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_input_is_read_all_the_same(name):
    frames = flat(ODD[name])
    assert rows(frames, "posts", "id", "text", "author_id") == [("10", "tea &amp; toast", "1")], frames["problems"]


@pytest.mark.parametrize("body", [
    b'{"data": [{"id": "1", "text": "half \\ud83d of it"}]}', b'{"data": [{"id": "1", "text": "bad \xff byte"}]}',
    b'{"data": [{"id": "1", "text": "a \x01 control"}]}',
])
def test_text_that_is_not_unicode_is_mended_and_the_row_kept(body):
    frames = flat(body)
    (text,) = frames["posts"]["text"].to_pylist()
    assert text.encode()
    assert frames["posts"]["id"].to_pylist() == ["1"]


def test_a_value_that_fits_nowhere_is_null_and_named():
    frames = flat({"data": [POST | {"created_at": "yesterday", "public_metrics": {"like_count": "many"}}]})
    assert rows(frames, "posts", "id", "created_at", "like_count") == [("10", None, None)]
    assert {p for (p,) in rows(frames, "problems", "parameter")} == {"post.created_at", "post.public_metrics.like_count"}
    assert {v for (v,) in rows(frames, "problems", "value")} == {"yesterday", "many"}


def test_null_where_an_object_belongs_is_an_object_not_sent():
    bare = {**POST, "id": "11", "public_metrics": None, "entities": None, "attachments": None}
    full = POST | {"public_metrics": {"like_count": 3}, "entities": {"hashtags": [{"start": 0, "end": 3, "tag": "tea"}]}}
    frames = flat({"data": [bare, full, {**POST, "id": "12", "public_metrics": {}}]}, action="search.recent")
    assert rows(frames, "posts", "id", "like_count") == [("11", None), ("10", 3), ("12", None)]
    assert rows(frames, "post_hashtags", "post_id", "tag") == [("10", "tea")]
    assert not len(frames["problems"])


def test_an_object_without_an_id_is_named():
    frames = flat({"data": [POST, {"text": "who?"}]}, action="search.recent")
    assert rows(frames, "posts", "id") == [("10",)]
    assert "a post without id" in frames["problems"]["detail"].to_pylist()[0]


def test_a_very_long_line_is_read():
    frames = flat({"data": [POST | {"text": "x" * 20_000_000}]})
    assert len(frames["posts"]["text"][0].as_py()) == 20_000_000


def test_twarcs_flattened_posts_are_whole_pages():
    post = POST | {
        "author": USER, "in_reply_to_user": {"id": "2", "username": "bob", "name": "B"}, "in_reply_to_user_id": "2",
        "referenced_tweets": [{"type": "quoted", "id": "5", "text": "quoted", "author_id": "2"}],
        "attachments": {"media_keys": ["3_1"], "media": [{"media_key": "3_1", "type": "photo"}]},
        "geo": {"place_id": "p", "id": "p", "full_name": "Here"},
        "entities": {"mentions": [{"start": 0, "end": 4, "username": "bob", "id": "2", "name": "B", "verified": True}]},
        "__twarc": {"url": "https://api.twitter.com/2/tweets/search/all", "retrieved_at": "2022-01-01T00:00:00+00:00"},
    }
    frames = flat(post)
    assert rows(frames, "posts", "id", "place_id") == [("10", "p"), ("5", None)]
    assert {i for (i,) in rows(frames, "users", "id")} == {"1", "2"}
    assert rows(frames, "media", "media_key") == [("3_1",)]
    assert rows(frames, "places", "id", "full_name") == [("p", "Here")]
    assert rows(frames, "post_mentions", "username", "user_id") == [("bob", "2")]
    assert rows(frames, "matches", "post_id") == [("10",)]


@pytest.mark.slow
def test_flattening_gives_the_same_every_time():
    pages = [page({"data": [POST], "includes": {"users": [USER]}}) for _ in range(3)]
    one, two = xf.flatten(pages), xf.flatten(pages)
    assert all(one[t].equals(two[t]) for t in one.tables)
