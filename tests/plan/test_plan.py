"""Arguments → plan: refused before any request, or normalised and JSON-able."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xframes import registry, schema
from xframes.errors import ArgumentError
from xframes.plan import Plan, asks_owner, plan

NOW = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


def make(action="search.recent", words="tweet", query_limit=None, **arguments):
    if action.startswith(("search", "counts")):
        arguments.setdefault("query", "duckdb")
    return plan(action, arguments, now=NOW, words=words, query_limit=query_limit)


def refused(match, action="search.recent", **arguments):
    with pytest.raises(ArgumentError, match=match) as caught:
        make(action, **arguments)
    assert str(caught.value).startswith(f"{action}: ")


# what is refused -----------------------------------------------------------------------------------------------------


def test_missing_and_unknown_arguments_are_named():
    with pytest.raises(ArgumentError, match=r"search\.recent: query is required"):
        plan("search.recent", {"query": None}, now=NOW)
    refused("there is no argument 'start_tim'; did you mean start_time", start_tim="x")
    refused("there is no argument 'limit'", "posts.lookup", post_ids=["1"], limit=5)
    refused("user_id is required", "timelines.user")
    with pytest.raises(KeyError, match=r"did you mean.*search\.recent"):
        plan("search.recnt", {}, now=NOW)


@pytest.mark.parametrize("query", ["", "   ", "\t\n"])
def test_an_empty_query_is_refused(query):
    refused("query is empty", query=query)


def test_query_length_names_the_way_out():
    refused(r"query: .*512.*600.*Client\(query_limit=4096\)", query="x" * 600)
    refused(r"query: .*5,000.*4,096", query="x" * 5000)
    assert make(query="x" * 600, query_limit=1024).arguments["query"] == "x" * 600
    refused("query: .*100.*101", query="x" * 101, query_limit=100)
    refused("query: .*position 1", query="a\ud800")
    refused("query: .*text.*int", query=5)


@pytest.mark.parametrize(
    "value",
    [NOW.replace(tzinfo=None), pd.Timestamp("2026-03-09"), "2026-03-09T00:00:00", "2026-03-09 12:00",
     np.datetime64("2026-03-09T00:00", "ns")],
)
def test_times_without_a_zone_are_refused_with_the_way_out(value):
    refused(r"start_time: .*time zone.*2026-03-\S+Z$", start_time=value)


@pytest.mark.parametrize(
    "value", ["2026-03-09", " 2026-03-09 ", date(2026, 3, 9), np.datetime64("2026-03-09"),
              "2026-03-09T02:00:00+02:00"],
)
def test_a_date_is_its_midnight_in_utc(value):
    assert make(start_time=value).arguments["start_time"] == "2026-03-09T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "match"),
    [("yesterday", "'yesterday'"), (5, "int '5'"), (pd.NaT, "NaT"), (float("nan"), "nan"),
     (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), "start_time")],
)
def test_what_is_no_time_is_refused(value, match):
    refused(match, start_time=value)


def test_time_order_and_windows():
    refused(r"start_time: .*2026-03-03T12:00:00Z.*7 days.*2026-03-01T00:00:00Z",
            start_time="2026-03-01T00:00:00Z")
    assert make(start_time=NOW - timedelta(days=7, seconds=20))  # clocks differ; X has the last word
    refused(r"start_time: .*end_time \(2026-03-09T00:00:00Z\)", start_time="2026-03-09T00:00:00Z",
            end_time="2026-03-09T00:00:00.9Z")
    refused("start_time: .*2026-03-11T00:00:00Z", start_time="2026-03-11T00:00:00Z")
    refused(r"since_id: .*until_id \(3\).*20", since_id=20, until_id="3")
    refused("start_time and since_id exclude each other", start_time="2026-03-09T00:00:00Z", since_id=1)
    refused("2010-11-06", "timelines.user", user_id=1, start_time="2009-01-01T00:00:00Z")
    assert make("search.all", start_time="2006-03-21T00:00:00Z")


@pytest.mark.parametrize(
    ("value", "match"),
    [(True, "bool"), (1.5e18, "float .*dtype"), (np.float64(7), "float"),
     ("7a", "'7a'"), ("", "''"), (-5, "'-5'"), (10**19, str(10**19)),
     (float("nan"), "nan"), (pd.NA, "<NA>"), (b"7", "bytes"), ([7], "list"),
     ("\u0663", "\u0663"), ("7\n8", r"7\\n8")],
)
def test_what_is_no_id_is_refused(value, match):
    refused(match, "posts.get", post_id=value)


@pytest.mark.parametrize(
    ("value", "match"),
    [([], "post_ids is empty"), (pd.Series([1.0, 2.0]), r"float .*\(item 0 of post_ids\)"),
     (["1", None], r"None.*\(item 1"), (pd.Series([1, pd.NA], dtype="Int64"), "item 1"),
     ({"1": 2}, "dict"), (b"12", "bytes"),
     (pd.DataFrame({"id": ["1"], "n": 1}), r"2 columns.*table\['id'\]"),
     (pa.table({"id": ["1"], "n": [1]}), "2 columns"),
     (np.array([True]), "item 0")],
)
def test_what_is_no_list_of_ids_is_refused(value, match):
    refused(match, "posts.lookup", post_ids=value)


@pytest.mark.parametrize("limit", [0, -1, True, 2.5, "10"])
def test_limit_is_a_whole_number_from_one(limit):
    refused("limit", limit=limit)


def test_choices():
    refused("granularity: .*'hours'.*did you mean hour", "counts.recent", granularity="hours")
    refused("exclude: .*'quotes'.*item 0 of exclude", "timelines.user", user_id=1, exclude="quotes")
    made = make("timelines.user", user_id=1, exclude="replies, retweets")
    assert made.arguments["exclude"] == ["replies", "retweets"]


def test_usernames():
    assert make("users.by_username", username=" @XDevelopers ").request().path == "/2/users/by/username/XDevelopers"
    refused("username: .*'a b'", "users.by_username", username="a b")
    refused("username: .*int '7'", "users.by_username", username=7)


# what is normalised --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["2026-03-09T10:00:00Z", "2026-03-09T11:00:00.999+01:00", datetime(2026, 3, 9, 10, 0, 0, 999999, tzinfo=UTC),
     pd.Timestamp("2026-03-09T11:00:00.9", tz="Europe/Berlin"), "20260309T100000Z"],
)
def test_times_become_whole_seconds_of_utc(value):
    assert make(start_time=value).arguments["start_time"] == "2026-03-09T10:00:00Z"


IDS = ["1460323737035677698", "7"]
INTS = [1460323737035677698, 7]


@pytest.mark.parametrize(
    "value",
    [IDS, INTS, pd.Series(IDS), pd.Series(INTS), np.array(IDS), np.array(INTS), pa.array(IDS), pa.chunked_array([INTS]),
     (i for i in IDS), dict.fromkeys(IDS).keys(), " ".join(IDS), ",".join(IDS), [*IDS, *IDS],
     pd.Series(INTS, dtype="Int64"), pd.Index(IDS)],
)
def test_ids_come_from_any_iterable_and_stay_text(value):
    assert make("posts.lookup", post_ids=value).arguments["post_ids"] == IDS


def test_one_id_is_a_list_of_one():
    assert make("users.lookup", user_ids=12).request().params["ids"] == "12"


def test_long_lists_are_split():
    made = make("posts.lookup", post_ids=range(1, 251))
    sent = [made.request(batch).params["ids"].split(",") for batch in range(made.batches)]
    assert [len(ids) for ids in sent] == [100, 100, 50]
    assert [i for ids in sent for i in ids] == [str(i) for i in range(1, 251)]
    assert made.expected == 250


@pytest.mark.parametrize(("granularity", "weekday"), [("hourly", None), ("daily", None), ("total", None), ("weekly", 0)])
def test_times_longer_than_x_takes_are_split_so_that_no_day_or_week_is_asked_for_twice(granularity, weekday):
    start, end = NOW - timedelta(days=100, hours=5), NOW - timedelta(minutes=7)
    made = make("analytics.posts", post_ids=range(1, 151), start_time=start, end_time=end, granularity=granularity)
    sent = [made.request(batch).params for batch in range(made.batches)]
    assert [len(p["ids"].split(",")) for p in sent] == [100, 50] * (len(sent) // 2)
    spans = [(datetime.fromisoformat(p["start_time"]), datetime.fromisoformat(p["end_time"])) for p in sent[::2]]
    assert (spans[0][1], spans[-1][0]) == (end, start)
    assert all(timedelta(0) < until - since <= timedelta(days=30) for since, until in spans)
    for (since, _), (_, until) in pairwise(spans):
        assert since == until
        assert (since.hour, since.minute, since.second) == (0, 0, 0)
        assert weekday in {None, since.weekday()}
    with pytest.raises(ArgumentError, match="the last 365 days"):
        make("analytics.posts", post_ids=1, start_time=NOW - timedelta(days=366), end_time=NOW)


# requests ------------------------------------------------------------------------------------------------------------


def test_a_request_has_everything_where_it_belongs():
    request = make("timelines.user", user_id=7, start_time="2026-03-09T00:00:00Z", exclude=["replies"]).request(
        token="abc", max_results=5
    )
    assert (request.method, request.path, request.action) == ("GET", "/2/users/7/tweets", "timelines.user")
    assert request.args == {"user_id": "7"}
    assert request.body is None
    assert request.params["start_time"] == "2026-03-09T00:00:00Z"
    assert {"exclude": "replies", "max_results": "5", "pagination_token": "abc"}.items() <= request.params.items()
    assert "user_id" not in request.params


@pytest.mark.parametrize("words", ["tweet", "post"])
def test_everything_is_asked_for_unless_told_otherwise(words):
    params = make(words=words).request().params
    for name in schema.COMPANIONS["post"]:
        assert params[schema.fields_param(name, words)].split(",") == list(schema.fields(name, words))
    assert params["expansions"].split(",") == list(schema.EXPANSIONS[words]["post"])
    assert schema.is_complete("post", params)
    assert not asks_owner(params)
    assert ("post.fields" in params) == (words == "post")


def test_owner_fields_are_asked_for_on_request():
    params = make(fields="owner").request().params
    assert "non_public_metrics" in params["tweet.fields"]
    assert asks_owner(params)


def test_answers_that_hold_ids_only_are_not_asked_for_fields():
    made = make("users.bookmarks_by_folder", user_id=7, folder_id=3)
    assert made.request(max_results=100).params == {"max_results": "100"}
    refused("there is no argument 'fields'", "users.bookmarks_by_folder", user_id=7, folder_id=3, fields=["lang"])


def test_chosen_fields_and_expansions():
    params = make(fields=["lang", "created_at"], expansions=()).request().params
    assert params["tweet.fields"] == "lang,created_at"
    assert not {"expansions", "user.fields"} & params.keys()
    params = make(fields={"post": "lang", "user": ["name"]}, expansions="author_id").request().params
    assert (params["tweet.fields"], params["user.fields"], params["expansions"]) == ("lang", "name", "author_id")
    assert not make("counts.recent").field_params
    refused("there is no 'langg'; did you mean lang", fields=["langg"])
    refused("there is no 'author'.*author_id", expansions=["author"])
    refused("'dm'.*post, media", fields={"dm": "all"})
    refused("fields", "counts.recent", fields=["start"])
    refused("fields of post: .*int", fields=5)


# properties ----------------------------------------------------------------------------------------------------------

instants = st.timedeltas(timedelta(0), timedelta(days=7)).map(lambda ago: NOW - ago)
arguments = st.fixed_dictionaries(
    {"query": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=500).filter(str.strip)},
    optional={"end_time": instants, "since_id": st.integers(0, 10**19 - 1), "limit": st.integers(1, 10**6),
              "sort_order": st.sampled_from(["recency", "relevancy"])},
)


@settings(deadline=None)
@given(arguments, st.sampled_from(["tweet", "post"]))
def test_plans_survive_json(given_, words):
    made = plan("search.recent", given_, now=NOW, words=words)
    again = Plan.from_json(made.to_json())
    assert again == made
    assert again.request(token="t") == made.request(token="t")
    assert json.loads(made.to_json())["action"] == "search.recent"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"action": "no.such", "arguments": {}}', '{"action": "a", "x": 1}'])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(ArgumentError, match="plan"):
        Plan.from_json(text)


@settings(deadline=None)
@given(st.sampled_from([a.name for a in registry.ACTIONS.values() if a.paged and a.name.startswith("search")]),
       st.integers(1, 5000))
def test_page_sizes_add_up_to_the_limit(name, limit):
    made = plan(name, {"query": "q", "limit": limit, "fields": ["text"]}, now=NOW)
    least, most = made.declared.paged
    rows = requests = 0
    while rows < limit:
        size = made.page_size(rows)
        assert least <= size <= most
        rows, requests = rows + size, requests + 1
    assert rows == max(limit, least)
    assert requests == max(1, -(-limit // most))  # and not one request more than needed


def test_pages_may_be_smaller_than_x_allows():
    assert make(max_results=20).page_size(0) == 20
    assert make(max_results=20, limit=25).page_size(0) == 15
    whole = make("search.all", fields=["text"], max_results=300)
    assert (whole.page_size(0), type(whole).from_json(whole.to_json()).page_size(0)) == (300, 300)
    for wrong in ({"max_results": 9}, {"max_results": 101}, {"max_results": "many"}):
        with pytest.raises(ArgumentError, match="max_results"):
            make(**wrong)
    with pytest.raises(ArgumentError, match="context_annotations"):
        make("search.all", max_results=101)


def test_without_a_limit_pages_are_the_largest():
    assert make().page_size(12345) == 100
    assert make("search.all").page_size(0) == 100  # with context annotations, which X then refuses
    assert make("search.all", fields=["text"]).page_size(0) == 500
    assert make("posts.get", post_id=1).page_size(0) is None
