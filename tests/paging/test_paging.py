"""The page loop: where it goes on, when it ends, and what it never does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xframes.errors import ArgumentError, InvalidRequest, Unavailable
from xframes.paging.pages import State, pages
from xframes.plan import plan
from xframes.wire import Page

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Fake:
    """Answers requests with `answer(request)`: bytes, a document, or an exception."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = []

    def send(self, request):
        self.requests.append(request)
        found = self.answer(request)
        if isinstance(found, Exception):
            raise found
        return Page(request, found if isinstance(found, bytes) else json.dumps(found).encode(), NOW)


def search(limit=None, **arguments):
    return plan("search.recent", {"query": "q", "limit": limit, **arguments}, now=NOW)


def posts(rows, token=None, start=0):
    meta = {"result_count": rows} | ({"next_token": token} if token else {})
    return {"data": [{"id": str(start + i)} for i in range(rows)], "meta": meta} if rows else {"meta": meta}


def scripted(*answers):
    left = list(answers)
    return Fake(lambda _: left.pop(0))


def test_pages_follow_tokens_until_there_is_none():
    fake = scripted(posts(100, "a"), posts(3, "b"), posts(0, "c"), posts(100))
    states = [state for _, state in pages(fake, search())]
    assert [r.params.get("next_token") for r in fake.requests] == [None, "a", "b", "c"]
    assert {r.params["max_results"] for r in fake.requests} == {"100"}
    assert [s.rows for s in states] == [100, 103, 103, 203]
    assert [s.done for s in states] == [False, False, False, True]
    assert states[-1].pages == 4


def test_a_collection_goes_on_from_any_state_through_json():
    answers = {None: posts(100, "a"), "a": posts(100, "b"), "b": posts(50)}
    whole = list(pages(Fake(lambda r: answers[r.params.get("next_token")]), search()))
    for n, (_, state) in enumerate(whole):
        again = State.from_json(state.to_json())
        rest = list(pages(Fake(lambda r: answers[r.params.get("next_token")]), search(), again))
        assert [s for _, s in rest] == [s for _, s in whole[n + 1:]]


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(0, 500))
def test_limit_counts_rows_and_is_met_exactly_when_it_can_be(limit, there):
    def answer(request):
        start = int(request.params.get("next_token", 0))
        rows = min(int(request.params["max_results"]), there - start)
        return posts(rows, str(start + rows) if start + rows < there else None, start)

    bodies = [json.loads(page.body) for page, _ in pages(Fake(answer), search(limit))]
    found = [row["id"] for body in bodies for row in body.get("data", [])]
    assert len(found) == len(set(found)) == min(there, max(limit, 10))


def test_a_limit_reached_asks_for_nothing_more():
    fake = scripted(posts(100, "a"), posts(10, "b"))
    assert [s.done for _, s in pages(fake, search(110))] == [False, True]
    assert not list(pages(Fake(None), search(110), State(rows=110)))


def test_long_lists_go_batch_by_batch():
    made = plan("posts.lookup", {"post_ids": range(1, 251)}, now=NOW)
    fake = Fake(lambda r: {"data": [{"id": i} for i in r.params["ids"].split(",")]})
    states = [state for _, state in pages(fake, made)]
    assert [s.rows for s in states] == [100, 200, 250]
    assert [(s.batch, s.done) for s in states] == [(1, False), (2, False), (2, True)]
    assert len(list(pages(fake, made, states[0]))) == 2


def followers():
    return plan("users.followers", {"user_id": "7"}, now=NOW)


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"], ["a", "b", "b"]])
def test_a_repeated_token_ends_in_an_error_that_loses_nothing(tokens):
    fake = scripted(*(posts(100, token) for token in tokens))
    got = []
    with pytest.raises(Unavailable, match="next_token") as caught:
        got.extend(pages(fake, followers()))  # keeps what came before the error
    assert caught.value.kind == "repeated-cursor"
    assert len(got) == len(tokens)
    state = got[-1][1]
    assert (state.token, state.rows, state.done) == (tokens[-2], 100 * (len(tokens) - 1), False)


class Dated:
    """Posts 999 to 0, newest first, 100 a page, of which some tokens are worth nothing."""

    def __init__(self, broken=(), repeated=()):
        self.field_params, self.broken, self.repeated = [], set(broken), set(repeated)

    def send(self, request):
        token, until = request.params.get("next_token"), int(request.params.get("until_id", 1000))
        self.field_params.append((token, request.params.get("until_id"), request.params.get("end_time")))
        if token in self.broken:
            raise InvalidRequest("search.recent: Invalid 'next_token'")
        top = min(int(token[1:]), until) if token else until
        ids = range(top - 1, max(top - 101, -1), -1)
        meta = {"next_token": token if token in self.repeated else f"t{ids[-1]}"} if ids and ids[-1] else {}
        return Page(request, json.dumps({"data": [{"id": str(i)} for i in ids], "meta": meta}).encode(), NOW)


@pytest.mark.parametrize("how", [{"broken": ["t700"]}, {"repeated": ["t700"]}, {"broken": ["t900", "t300"]},
                                 {"repeated": ["t900", "t800", "t100"]}, {"broken": ["t500"], "repeated": ["t400"]}])
def test_where_a_token_is_worth_nothing_what_is_older_is_asked_for_anew(how):
    x = Dated(**how)
    got = list(pages(x, search(end_time="2026-03-09T00:00:00Z")))
    ids = [row["id"] for page, _ in got for row in json.loads(page.body)["data"]]
    assert ids == [str(i) for i in range(999, -1, -1)]
    assert (got[-1][1].rows, got[-1][1].done) == (1000, True)
    assert all((until is None) != (end is None) for _, until, end in x.field_params)  # X takes one of them
    assert any(until and token is None for token, until, _ in x.field_params)


def test_a_collection_taken_up_with_a_token_that_has_expired_goes_on_below_what_is_stored():
    (_, _first), (_, state), *_ = pages(Dated(), search())
    assert (state.token, state.lowest) == ("t800", "800")
    again = State.from_json(state.to_json())
    rest = [row["id"] for page, _ in pages(Dated(broken=["t800"]), search(), again) for row in json.loads(page.body)["data"]]
    assert rest == [str(i) for i in range(799, -1, -1)]


ELEVEN = "2026-03-10T11:00:00Z"
ELEVEN_ID = (1773140400000 - 1288834974657) << 22  # the first id of that second


def beside_times(fake):
    """The bounds of each request, which X refuses if one is an id and one a time."""
    bounds = [{n: v for n, v in r.params.items() if n.endswith(("_id", "_time"))} for r in fake.requests]
    assert all(len({name.partition("_")[2] for name in each}) <= 1 for each in bounds)
    return bounds


@pytest.mark.parametrize(("made", "expected"), [
    (search(start_time=ELEVEN), {"since_id": str(ELEVEN_ID - 1), "until_id": str(ELEVEN_ID + 5)}),
    (search(start_time=ELEVEN, end_time="2026-03-10T11:30:00Z"),
     {"since_id": str(ELEVEN_ID - 1), "until_id": str(ELEVEN_ID + 5)}),
    (search(since_id="7"), {"since_id": "7", "until_id": str(ELEVEN_ID + 5)}),
    (plan("timelines.user", {"user_id": "7", "start_time": ELEVEN, "since_id": str(ELEVEN_ID + 1)}, now=NOW),
     {"since_id": str(ELEVEN_ID + 1), "until_id": str(ELEVEN_ID + 5)}),
], ids=["start", "start and end", "id", "start and id"])
def test_below_an_expired_token_bounds_are_ids_only(made, expected):
    first = {"data": [{"id": str(ELEVEN_ID + n)} for n in (9, 5)], "meta": {"next_token": "t"}}
    refusal = InvalidRequest(f"Invalid {made.declared.token}")
    fake = scripted(first, refusal, posts(3, "u"), posts(1))
    assert [s.rows for _, s in pages(fake, made)] == [2, 5, 6]
    again, further = fake.requests[2:]
    assert {n: v for n, v in again.params.items() if n.endswith(("_id", "_time"))} == expected
    assert {n: v for n, v in further.params.items() if n.endswith(("_id", "_time"))} == expected


def test_since_2006_no_id_says_the_start_so_the_end_becomes_a_time():
    ids = [ELEVEN_ID + 1, ELEVEN_ID]
    first = {"data": [{"id": str(id)} for id in ids], "meta": {"next_token": "t"}}
    fake = scripted(first, InvalidRequest("Invalid next_token"), posts(0))
    made = plan("search.all", {"query": "q", "start_time": "2006-03-21T00:00:00Z"}, now=NOW)
    assert len(list(pages(fake, made))) == 2
    assert beside_times(fake)[2] == {"start_time": "2006-03-21T00:00:00Z", "end_time": "2026-03-10T11:00:01Z"}


def test_counts_below_an_expired_token_keep_to_ids_too():
    fake = scripted(buckets(20, 21, token="a"), InvalidRequest("Invalid next_token"), buckets(18))
    assert len(list(pages(fake, counts(since_id="1000")))) == 2
    assert beside_times(fake)[2].keys() == {"since_id", "until_id"}


def test_a_pair_of_the_users_own_is_sent_as_passed():
    fake = scripted(posts(1))
    list(pages(fake, search(start_time=ELEVEN, until_id="99")))
    assert {"start_time", "until_id"} <= fake.requests[0].params.keys()


@pytest.mark.parametrize(("after", "rows"), [([posts(3)], 103), ([posts(3, "b"), posts(2)], 105), ([posts(0)], 100)])
def test_an_empty_page_for_a_valid_token_is_requested_once_more(after, rows):
    fake = scripted(posts(100, "a"), posts(0), *after)
    states = [state for _, state in pages(fake, search())]
    assert [r.params.get("next_token") for r in fake.requests[:3]] == [None, "a", "a"]
    assert (states[-1].rows, states[-1].done, fake.requests[3:4] == []) == (rows, True, len(after) == 1)
    assert (states[1].token, states[1].done) == ("a", False)  # also if the collection is resumed there


def test_an_empty_first_page_is_the_answer():
    assert [s.done for _, s in pages(scripted(posts(0)), search())] == [True]


def test_pages_stay_as_small_as_the_client_had_to_make_them():
    class Overloaded(Fake):
        def send(self, request):
            if int(request.params["max_results"]) > 20:
                request = replace(request, params={**request.params, "max_results": "20"})
            return super().send(request)

    fake = Overloaded(lambda r: posts(20, str(len(fake.requests)) if len(fake.requests) < 4 else None))
    assert [s.rows for _, s in pages(fake, search(limit=75))] == [20, 40, 60, 80]
    assert [r.params["max_results"] for r in fake.requests] == ["20", "20", "20", "15"]


def test_nothing_is_asked_for_anew_twice_from_one_place():
    class Stubborn(Dated):
        def send(self, request):
            if request.params.get("until_id"):
                raise InvalidRequest("search.recent: Invalid 'pagination_token'")
            return super().send(request)

    x = Stubborn(broken=["t900"])
    with pytest.raises(InvalidRequest):
        list(pages(x, search()))
    assert len(x.field_params) == 2


@pytest.mark.parametrize("made", [
    plan("users.followers", {"user_id": "7"}, now=NOW), plan("search.recent", {"query": "q", "sort_order": "relevancy"}, now=NOW),
], ids=["no until_id", "another order"])
def test_where_nothing_can_be_asked_anew_an_expired_token_is_an_error(made):
    name = str(made.declared.token)
    fake = scripted(posts(100, "a"), InvalidRequest(f"{made.action}: Invalid {name}"))
    loop = pages(fake, made)
    _, state = next(loop)
    with pytest.raises(InvalidRequest):
        next(loop)
    assert state == State(token="a", rows=100, pages=1)


def test_counts_go_on_by_time_where_a_token_has_expired():
    fake = scripted(buckets(20, 21, token="a"), InvalidRequest("Invalid next_token"), buckets(18, 19), buckets(17))
    made = counts(start_time="2026-01-17T00:00:00Z", end_time="2026-01-22T00:00:00Z")
    assert [s.rows for _, s in pages(fake, made)] == [2, 4, 5]
    assert [r.params["end_time"][8:10] for r in fake.requests] == ["22", "22", "20", "18"]


def test_a_repeated_token_does_not_matter_when_the_limit_is_met():
    assert len(list(pages(scripted(posts(100, "a"), posts(100, "a")), search(200)))) == 2


@pytest.mark.parametrize(
    ("body", "rows", "token"),
    [(b'{"data":{"id":"1"}}', 1, None), (b'{"errors":[]}', 0, None), (b'{"data":null,"meta":null}', 0, None),
     (b'{"data":[],"meta":{"next_token":"t"}}', 0, "t"), (b'{"data":[{}],"meta":{"next_token":""}}', 1, None),
     (b'{"data":[{}],"meta":{"next_token":1695203059209389429}}', 1, "1695203059209389429"),
     (b'\xef\xbb\xbf{"data":[{},{}],"meta":{"next_token":"t"}}', 2, "t"),
     (b'{"data":[{"text":"\\ud800"}],"meta":{"next_token":"t"}}', 1, "t"),
     (b'{"data":[{"text":"\xff"}],"meta":{"next_token":"t"}}', 1, "t"),
     (b'{"data":[{"n":NaN}],"meta":{"next_token":"t"}}', 1, "t"), (b'{"data":[{}],"meta":[1]}', 1, None),
     (b"[1]", 0, None), (b"", 0, None)],
)
def test_odd_bodies_are_read_all_the_same(body, rows, token):
    _, state = next(pages(Fake(lambda _: body), search()))
    assert (state.rows, state.token, state.done) == (rows, token, token is None)


# counts that end early -----------------------------------------------------------------------------------------------


def buckets(*days, token=None):
    data = [{"start": f"2026-01-{d:02}T00:00:00.000Z", "end": f"2026-01-{d + 1:02}T00:00:00.000Z", "tweet_count": 1}
            for d in days]
    return {"data": data, "meta": {"next_token": token} if token else {}}


def counts(**arguments):
    return plan("counts.all", {"query": "q", "granularity": "day", **arguments}, now=NOW)


def test_counts_that_end_before_their_start_go_on_from_there():
    fake = scripted(buckets(20, 21, token="a"), buckets(18, 19), buckets(12, 13, token="b"), buckets(10, 11))
    states = [s for _, s in pages(fake, counts(start_time="2026-01-10T00:00:00Z", end_time="2026-01-22T00:00:00Z"))]
    assert [(r.params["end_time"], r.params.get("next_token")) for r in fake.requests] == [
        ("2026-01-22T00:00:00Z", None), ("2026-01-22T00:00:00Z", "a"),
        ("2026-01-18T00:00:00Z", None), ("2026-01-18T00:00:00Z", "b"),
    ]
    assert (states[-1].done, states[-1].rows) == (True, 8)
    assert State.from_json(states[1].to_json()) == states[1]


def test_counts_do_not_go_on_for_ever_when_there_is_nothing_older():
    fake = scripted(buckets(20, 21), {"meta": {}})
    assert [s.done for _, s in pages(fake, counts(start_time="2026-01-01T00:00:00Z"))] == [False, True]
    stubborn = Fake(lambda _: buckets(20, 21))
    assert len(list(pages(stubborn, counts(start_time="2026-01-01T00:00:00Z")))) == 2


def test_an_empty_last_page_does_not_hide_that_counts_ended_early():
    fake = scripted(buckets(20, 21, token="a"), {"meta": {}}, buckets(10, 11))
    assert len(list(pages(fake, counts(start_time="2026-01-10T00:00:00Z")))) == 3


def test_counts_that_reached_their_start_or_have_none_are_done():
    assert len(list(pages(scripted(buckets(10, 11)), counts(start_time="2026-01-10T00:00:00Z")))) == 1
    assert len(list(pages(scripted(buckets(10, 11)), counts()))) == 1


@pytest.mark.parametrize("text", ["", "[]", "[1]", '{"x": 1}'])
def test_what_is_no_state_is_refused(text):
    with pytest.raises(ArgumentError, match="state"):
        State.from_json(text)


def test_pages_without_rows_and_without_an_end_stop_and_go_on_with_a_fresh_count(monkeypatch):
    endless = Fake(lambda request: posts(0, f"t{len(endless.requests)}"))
    states = []
    with pytest.raises(Unavailable) as caught:
        states.extend(state for _, state in pages(endless, search(limit=10)))
    assert (len(endless.requests), caught.value.kind) == (50, "empty-pages")
    with pytest.raises(Unavailable):
        states.extend(state for _, state in pages(endless, search(limit=10), State(token="t50")))
    assert endless.requests[50].params["next_token"] == "t50"
    assert (len(endless.requests), states[-1].token) == (100, "t100")
    monkeypatch.setenv("XFRAMES_MAX_EMPTY_PAGES", "2")
    some = scripted(posts(0, "a"), posts(1, "b"), posts(0, "c"), posts(1, "d", 1), posts(0), posts(0))
    assert [state.rows for _, state in pages(some, search())] == [0, 1, 1, 2, 2, 2]


def test_batches_of_things_that_are_gone_are_no_empty_pages():
    gone = Fake(lambda _: {"errors": [{"title": "Not Found Error"}]})
    many = plan("posts.lookup", {"post_ids": [str(n) for n in range(6000)]}, now=NOW)
    assert len(list(pages(gone, many))) == 60
