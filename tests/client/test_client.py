"""The client's manners: waits, tries, and errors in words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
import requests

from tests.clients import DOWN, HTML, NOW, OK, POST, SEARCH, Scripted, answer, limited, problem
from xframes import errors
from xframes.client import Client, Retries
from xframes.wire import Request

# waiting and trying again --------------------------------------------------------------------------------------------


def test_a_page_is_what_came_with_its_request_and_time():
    scripted = Scripted(answer())
    page = scripted.send()
    assert (page.request, page.body, page.received_at, page.status) == (SEARCH, OK, NOW, 200)
    assert (scripted.client.requests_made, scripted.client.bytes_received, scripted.slept) == (1, len(OK), [])


def test_reads_survive_everything_that_passes():
    scripted = Scripted(DOWN, HTML, ConnectionResetError(104, "Connection reset by peer"), requests.Timeout("slow"),
                        answer(200, b'{"data":[{"id"'), answer())
    assert scripted.send().body == OK
    assert len(scripted.slept) == 5
    assert sum(scripted.slept) < 20


CAPPED = {"title": "UsageCapExceeded", "type": "https://api.x.com/2/problems/usage-capped"}
NO_PAGES = [
    b"null", b"[]", b'"Over capacity"', b"0", {"code": 130, "message": "Over capacity"},
    {"title": "Service Unavailable", "type": "about:blank", "status": 503},
    {"errors": [{"title": "Internal Error", "type": "https://api.x.com/2/problems/internal-error"}]},
]


@pytest.mark.parametrize("body", NO_PAGES)
def test_json_that_is_no_page_is_no_answer(body):
    assert Scripted(answer(200, body), answer()).send().body == OK
    with pytest.raises(errors.Unavailable, match=r"search\.recent: "):
        Scripted(*[answer(200, body)] * 6).send()


NO_NEXT_PAGES = [*NO_PAGES, b"{}", b'{"data": null}', {"errors": [{"title": "Not Found Error", "type": "about:blank"}]}]


@pytest.mark.parametrize("given", [*(answer(200, body) for body in NO_NEXT_PAGES), answer(204, b"")])
def test_where_a_next_page_was_promised_an_answer_without_rows_and_meta_is_none(given):
    second = replace(SEARCH, params={"query": "q", "next_token": "t"})
    assert Scripted(given, answer()).send(second).body == OK
    for end in (b'{"meta":{"result_count":0}}', b'{"data":[{"id":"1"}]}'):
        assert Scripted(answer(200, end)).send(second).body == end


GONE = {"errors": [{"title": "Not Found Error", "type": "x/resource-not-found"}]}
LOOKUP = Request("GET", "/2/tweets", {"ids": "1"}, "posts.lookup")
ONE = Request("GET", "/2/users/1", {}, "users.get", {"id": "1"})
COUNT = Request("GET", "/2/tweets/counts/recent", {"query": "q"}, "counts.recent")
TIMELINE = Request("GET", "/2/users/1/tweets", {}, "timelines.user", {"id": "1"})


@pytest.mark.parametrize(("request_", "body"), [(SEARCH, {}), (LOOKUP, GONE), (ONE, GONE)])
def test_an_answer_may_have_nothing_to_say(request_, body):
    assert Scripted(answer(200, body)).send(request_).body == json.dumps(body).encode()


@pytest.mark.parametrize("request_", [SEARCH, COUNT, TIMELINE], ids=lambda request: request.action)
@pytest.mark.parametrize(("kind", "expected"), [
    ("resource-not-found", errors.NotFound), ("not-authorized-for-resource", errors.Forbidden),
    ("invalid-request", errors.InvalidRequest), ("usage-capped", errors.UsageCapped), ("new-kind", errors.Unavailable),
])
def test_problems_alone_are_no_rows_of_a_search_a_count_or_a_timeline(request_, kind, expected):
    problems = [{"title": "Oh", "type": f"https://api.x.com/2/problems/{kind}", "detail": "no" * n} for n in (1, 40_000)]
    for told in (problems[:1], problems):  # small, and larger than answers of problems are
        with pytest.raises(expected):
            Scripted(*[answer(200, {"errors": told})] * 6).send(request_)
    page = {"errors": problems, "meta": {"result_count": 0}}
    assert Scripted(answer(200, page)).send(request_).body == json.dumps(page).encode()


ODD = ["9" * 400, "-1", "nan", "inf", "1e9", "soon", "", " ", "1_0", "\u0663", "9" * 5000, "0x10"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["x_rate_limit_reset", "x_rate_limit_remaining", "x_rate_limit_limit", "retry_after"])
def test_headers_that_say_no_number_say_nothing(name, odd):
    told = {"x_rate_limit_limit": 450, "x_rate_limit_remaining": 0, "x_rate_limit_reset": int(NOW.timestamp()) + 60}
    scripted = Scripted(answer(**told | {name: odd}), limited(**told | {name: odd}), answer(503, b"", **{name: odd}), answer())
    assert [scripted.send().body, scripted.send().body] == [OK, OK]
    assert sum(scripted.slept) < 200
    assert all(end.year < 2030 for _, _, end in scripted.client.limits.values())


def test_a_refusal_that_calls_itself_a_success_is_a_refusal():
    reset = int(NOW.timestamp()) + 300
    limit = answer(200, {"title": "Too Many Requests", "status": 429}, x_rate_limit_remaining=0, x_rate_limit_reset=reset)
    scripted = Scripted(limit, answer())
    assert scripted.send().body == OK
    assert sum(scripted.slept) > 300
    with pytest.raises(errors.Forbidden):
        Scripted(answer(200, {"title": "Client Forbidden", "type": "about:blank", "status": 403})).send()


def test_what_a_server_never_does_is_asked_for_once():
    scripted = Scripted(answer(501, {"title": "Not Implemented"}), answer())
    with pytest.raises(errors.Unavailable) as caught:
        scripted.send()
    assert not scripted.slept
    assert (caught.value.status, caught.value.retryable) == (501, False)


def sized(size):
    return replace(SEARCH, params={**SEARCH.params, "max_results": str(size)})


@pytest.mark.parametrize(("size", "failures", "sizes"), [
    (500, 5, [500, 500, 100, 100, 20, 20]), (100, 4, [100, 100, 20, 20, 10]), (100, 1, [100, 100]),
    (12, 3, [12, 12, 10, 10]), (10, 3, [10, 10, 10, 10]),
])
def test_pages_that_x_fails_to_send_repeatedly_become_smaller(size, failures, sizes):
    asked = []

    class Recording(Scripted):
        def answer(self, request):
            asked.append(int(request.params["max_results"]))
            return super().answer(request)

    page = Recording(*[DOWN] * failures, answer()).send(sized(size))
    assert (asked, page.request.params["max_results"]) == (sizes, str(sizes[-1]))


def test_only_failures_of_a_large_page_make_it_smaller():
    lost = [ConnectionResetError(104, "reset"), HTML, answer(500, b""), limited()]
    assert Scripted(*lost, answer()).send(sized(100)).request == sized(100)
    assert Scripted(DOWN, DOWN, DOWN, answer()).send().request == SEARCH


def test_tries_are_bounded_in_number():
    scripted = Scripted(*[DOWN] * 20)
    with pytest.raises(errors.Unavailable) as caught:
        scripted.send()
    assert len(scripted.left) == 14
    assert (caught.value.status, caught.value.action, caught.value.retryable) == (503, "search.recent", True)


def test_tries_are_bounded_in_silent_seconds():
    scripted = Scripted(*[DOWN] * 50, retries=Retries(attempts=50, silent=60))
    with pytest.raises(errors.Unavailable):
        scripted.send()
    assert sum(scripted.slept) <= 60
    slow = answer(503, b"", retry_after=600)
    with pytest.raises(errors.Unavailable):
        Scripted(slow, answer()).send()


def daily(ahead, pool="user", left=0, **more):
    """A 429 in a window with requests left; a limit of 24 hours is used up."""
    start = f"x_{pool}_limit_24hour"
    named = {f"{start}_limit": 25, f"{start}_remaining": left, f"{start}_reset": int(NOW.timestamp()) + ahead}
    return limited(x_rate_limit_limit=450, x_rate_limit_remaining=440,
                   x_rate_limit_reset=int(NOW.timestamp()) + 60, **named | more)


@pytest.mark.parametrize("pool", ["user", "app"])
def test_a_limit_of_a_day_is_not_waited_for(pool):
    scripted = Scripted(daily(72_000, pool), answer())
    with pytest.raises(errors.RateLimited, match="24-hour") as caught:
        scripted.send()
    assert (caught.value.retry_at, caught.value.retryable) == (NOW + timedelta(hours=20), True)
    with pytest.raises(errors.RateLimited):  # nor is the next request sent
        scripted.send()
    assert (len(scripted.left), scripted.slept) == (1, [])


def test_the_last_request_of_a_day_is_known_from_its_answer():
    scripted = Scripted(answer(x_user_limit_24hour_remaining=0, x_user_limit_24hour_reset=int(NOW.timestamp()) + 7200), answer())
    scripted.send()
    with pytest.raises(errors.RateLimited) as caught:
        scripted.send()
    assert caught.value.retry_at == NOW + timedelta(hours=2)


@pytest.mark.parametrize("told", [daily(72_000, left=5), daily(-60), daily(10**7), daily(0)])
def test_limits_of_a_day_with_requests_left_or_over_say_nothing(told):
    scripted = Scripted(told, answer())
    assert scripted.send().body == OK
    assert sum(scripted.slept) == 2  # X's limit of a second


def test_a_short_wait_for_a_limit_of_a_day_is_waited():
    scripted = Scripted(daily(1200), answer())
    assert (scripted.send().body, sum(scripted.slept)) == (OK, 1200)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_wrong_clock_neither_stalls_nor_hammers(hours):
    at_x = NOW + timedelta(hours=hours)  # the client's clock shows NOW
    headers = {"date": format_datetime(at_x, usegmt=True), "x_rate_limit_limit": 450, "x_rate_limit_remaining": 0,
               "x_rate_limit_reset": int(at_x.timestamp()) + 300}
    scripted = Scripted(limited(**headers), answer())
    assert scripted.send().body == OK
    assert 300 <= sum(scripted.slept) <= 303
    used_up = Scripted(answer(**headers), answer())
    used_up.send()
    used_up.send()  # waits for X's next window before it sends
    assert 300 <= sum(used_up.slept) <= 303


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Mar 2026 12:00:00 GMT", "9" * 50])
def test_a_date_that_is_none_says_nothing(date):
    reset = int(NOW.timestamp()) + 300
    scripted = Scripted(limited(date=date, x_rate_limit_limit=450, x_rate_limit_remaining=0, x_rate_limit_reset=reset),
                        answer())
    scripted.send()
    assert 300 <= sum(scripted.slept) <= 303


@pytest.mark.parametrize("refusal", [
    problem(402, "credits-depleted"), answer(402, b"Payment Required"), problem(403, "credits-depleted"),
    answer(200, {"errors": [{"title": "No credits", "type": "https://api.x.com/2/problems/credits-depleted"}]}),
])
def test_credits_that_are_used_up_are_a_cap(refusal):
    scripted = Scripted(refusal, answer())
    with pytest.raises(errors.UsageCapped, match="console") as caught:
        scripted.send()
    assert (caught.value.retryable, scripted.slept, len(scripted.left)) == (False, [], 1)


def test_a_pair_of_bounds_that_x_refuses_is_explained():
    refusal = problem(400, "invalid-request", errors=[{"parameters": {"until_id": ["9"]}, "message": "Invalid use"}])
    for name, is_explained in (("start_time", True), ("since_id", False)):
        asked = Request("GET", SEARCH.path, {"query": "q", name: "1", "until_id": "9"}, "search.recent")
        with pytest.raises(errors.InvalidRequest) as caught:
            Scripted(refusal).send(asked)
        assert ("since_id and until_id" in str(caught.value)) is is_explained


def test_a_refused_rule_is_named_with_its_reason():
    item = {"value": "tea (", "details": ["missing EOF at '('", "no more"], "title": "UnprocessableEntity",
            "type": "https://api.x.com/2/problems/invalid-rules"}
    with pytest.raises(errors.InvalidRequest) as caught:
        Scripted(answer(400, {"errors": [item], "meta": {}})).send()
    assert all(part in str(caught.value) for part in ("tea (", "missing EOF at '('", "no more"))


def test_a_rate_limit_is_waited_for_and_told():
    reset = int(NOW.timestamp()) + 300
    scripted = Scripted(limited(x_rate_limit_limit=450, x_rate_limit_remaining=0, x_rate_limit_reset=reset), answer())
    scripted.send()
    assert 300 <= sum(scripted.slept) <= 303
    assert "waiting 301 s: search.recent: Too Many Requests" in scripted.told[0]


def test_the_per_second_limit_is_a_short_wait():
    headers = {"x_rate_limit_limit": 300, "x_rate_limit_remaining": 200,
               "x_rate_limit_reset": int(NOW.timestamp()) + 800}
    scripted = Scripted(limited(**headers), answer())
    scripted.send()
    assert sum(scripted.slept) < 5


def test_refusals_without_an_end_are_bounded():
    scripted = Scripted(*[limited(x_rate_limit_remaining=1)] * 100)
    with pytest.raises(errors.RateLimited) as caught:
        scripted.send()
    assert sum(scripted.slept) <= 3700
    assert scripted.client.requests_made < 20
    assert caught.value.retry_at is not None


def test_a_reset_beyond_patience_is_an_error_at_once():
    reset = NOW + timedelta(hours=20)
    scripted = Scripted(limited(x_rate_limit_remaining=0, x_rate_limit_reset=int(reset.timestamp())))
    with pytest.raises(errors.RateLimited) as caught:
        scripted.send()
    assert not scripted.slept
    assert abs(caught.value.retry_at - reset) < timedelta(seconds=2)


@pytest.mark.parametrize("body", [
    {"title": "UsageCapExceeded", "type": "https://api.x.com/2/problems/usage-capped", "period": "Monthly"},
    {"errors": [{"type": "https://api.twitter.com/2/problems/usage-capped", "title": "Usage cap exceeded"}]},
    {"title": "Too Many Requests", "type": "about:blank", "status": 429, "errors": [CAPPED]},
    {"title": "Too Many Requests", "detail": "Usage cap exceeded: Monthly product cap", "type": "about:blank"},
])
def test_a_usage_cap_is_no_reason_to_wait(body):
    scripted = Scripted(answer(429, body, x_rate_limit_remaining=0))
    with pytest.raises(errors.UsageCapped):
        scripted.send()
    assert not scripted.slept


def test_a_wish_of_the_server_beyond_patience_is_an_error_at_once():
    scripted = Scripted(limited(retry_after=86_400))
    with pytest.raises(errors.RateLimited) as caught:
        scripted.send()
    assert not scripted.slept
    assert caught.value.retry_at == NOW + timedelta(days=1)


def test_long_collections_are_paced_by_the_headers():
    reset = int(NOW.timestamp()) + 900
    scripted = Scripted(*(
        answer(x_rate_limit_limit=450, x_rate_limit_remaining=449 - n, x_rate_limit_reset=reset) for n in range(450)
    ))
    for _ in range(450):
        scripted.send()
    assert 800 < sum(scripted.slept) < 905
    assert max(scripted.slept) < 10


def test_long_waits_are_told_on_stderr_without_a_listener(capsys):
    Scripted(limited(x_rate_limit_remaining=0, x_rate_limit_reset=int(NOW.timestamp()) + 60), answer(),
             on_wait=None).send()
    assert "xframes: waiting 61 s: search.recent" in capsys.readouterr().err


# writes --------------------------------------------------------------------------------------------------------------


def test_writing_needs_permission():
    with pytest.raises(errors.ArgumentError, match=r"write.create_compliance_job .*Client\(writes=True\)"):
        Scripted(answer()).send(POST)


@pytest.mark.parametrize("failure", [DOWN, HTML, ConnectionResetError(104, "reset"), requests.ReadTimeout("slow")])
def test_a_write_is_never_sent_twice(failure):
    scripted = Scripted(failure, answer(), writes=True)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        scripted.send(POST)
    assert POST.action in str(caught.value)
    assert len(scripted.left) == 1


def test_a_write_that_was_not_sent_says_so():
    with pytest.raises(errors.Unavailable) as caught:
        Scripted(requests.ConnectTimeout("slow"), writes=True).send(POST)
    assert caught.value.kind == "not-sent"
    with pytest.raises(errors.Forbidden):
        Scripted(problem(403, "client-forbidden"), writes=True).send(POST)


def test_a_write_refused_by_a_rate_limit_was_not_carried_out():
    scripted = Scripted(limited(x_rate_limit_remaining=5), answer(201), writes=True)
    assert scripted.send(POST).status == 201


# errors in words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [(problem(400, "invalid-request", errors=[{"parameters": {"query": ["q"]}, "message": "no such operator"}]),
      errors.InvalidRequest, r"search.recent: invalid-request; no such operator; query=\['q'\]"),
     (answer(401, {"title": "Unauthorized"}), errors.Unauthorized, "bearer token.*XFRAMES_BEARER_TOKEN"),
     (problem(403, "unsupported-authentication"), errors.Forbidden,
      "search.recent .*app's bearer token.*OAuth 2.0 user token.*tweet.read users.read"),
     (problem(404, "resource-not-found", detail="gone"), errors.NotFound, "gone"),
     (answer(401, {"errors": [{"code": 32, "message": "Could not."}]}), errors.Unauthorized, "Could not"),
     (answer(400, {"code": 1, "message": "plain"}), errors.InvalidRequest, "plain"),
     (answer(400, {"errors": {"odd": 1}}), errors.InvalidRequest, "HTTP 400"),
     (answer(400, {"errors": [{"parameters": ["odd"]}]}), errors.InvalidRequest, "HTTP 400"),
     (answer(302, b"", location="https://evil.example/x"), errors.InvalidRequest, "evil.*base_url")],
)
def test_refusals_are_one_readable_error(given, kind, words):
    scripted = Scripted(given)
    with pytest.raises(kind, match=words) as caught:
        scripted.send()
    assert caught.value.action == "search.recent"
    assert not scripted.slept


def test_without_fitting_credentials_the_error_names_what_is_needed():
    words = r"search.all .*app's bearer token.*OAuth 2.0 user token.*XFRAMES_BEARER_TOKEN"
    with Client(oauth2="key-of-no-one") as client, pytest.raises(errors.ConfigError, match=words):
        client.send(Request("GET", "/2/tweets/search/all", {}, "search.all"))

