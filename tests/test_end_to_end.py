"""Whole collections over real HTTP, with everything a network does to them, compared with what the sandbox holds."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime, timedelta

import pytest
import requests

import xframes as xf
from xframes import errors
from xframes.sandbox import Fault

from .clients import chain

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = "2010-11-06T00:00:00Z"
WORD = "invented-for-these-tests"  # every credential of the sandbox has it in it
RECENT, ALL = "/2/tweets/search/recent", "/2/tweets/search/all"


@pytest.fixture(scope="module")
def started():
    with xf.sandbox.start(posts=10_500, users=30, now=NOW, rate_limits=False, bearer_token=WORD) as made:
        yield made


@pytest.fixture
def x(started):
    started.faults.clear()
    return started


@pytest.fixture
def slept():
    return []


@pytest.fixture
def client(x, slept):
    with xf.Client(bearer_token=x.bearer_token, base_url=x.url, on_wait=lambda *_: None, sleep=slept.append) as made:
        yield made


def loudest(x):
    """The twelve who post most, and the query that finds what they posted."""
    people = sorted(x.community.by_author, key=lambda p: -len(x.community.by_author[p]))[:12]
    return people, " OR ".join(f"from:{x.community.people[p].username}" for p in people)


def search(x, action, **arguments):
    """All posts of the loudest, asked of search.all or search.recent."""
    times = {"start_time": START} if action == "search.all" else {}
    return xf.call(action, query=loudest(x)[1], **times, **arguments)


def held(x, action):
    """What such a search should find, newest first, by what the sandbox holds."""
    since = 0 if action == "search.all" else (NOW - timedelta(days=7)).timestamp() * 1000
    posts = [p for person in loudest(x)[0] for p in x.community.by_author[person] if p.at >= since]
    return [str(p.id) for p in sorted(posts, key=lambda p: -p.id)]


def strike(x, kinds, every):
    """Let one fault of each kind happen, so many requests apart."""
    x.faults.add(*(Fault(kind, at=every * (n + 1), seconds=1) for n, kind in enumerate(kinds)))


def posts_of(archive):
    """Main posts in the order they came, and how many of them `posts` shows."""
    found = archive.sql("""
        SELECT post_id FROM matches JOIN requests USING (page_id) ORDER BY requests.observed_at, position
    """).fetchall()
    ids = "SELECT post_id FROM matches"
    shown = archive.sql(f"SELECT count(*), count(DISTINCT id), count(author_id) FROM posts WHERE id IN ({ids})").fetchall()
    return [i for (i,) in found], shown


EVERYTHING = ["reset", "cut", "503", "html", "rate_limit", "empty_page", "invalid_json"]


# five thousand posts -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_five_thousand_posts_survive_everything_in_memory(x, client, slept):
    action, pages = "search.all", 50
    strike(x, EVERYTHING, every=pages // 7 + 1)
    frames = search(x, action, limit=5000, client=client)
    assert frames["matches"]["post_id"].to_pylist() == held(x, action)[:5000]
    assert frames.posts.set_index("id").loc[frames.matches["post_id"], "author_id"].notna().all()
    assert all(fault.done for fault in x.faults)
    assert client.requests_made == pages + len(EVERYTHING)
    assert any(1 <= seconds < 4 for seconds in slept)  # the window of the 429 was waited for


@pytest.mark.slow
def test_five_thousand_posts_survive_everything_in_an_archive(x, client, tmp_path):
    action, pages = "search.recent", 50
    strike(x, EVERYTHING, every=pages // 7 + 1)
    with xf.Archive(tmp_path / "a") as archive:
        run = search(x, action, limit=5000, into=archive, client=client)
        assert (run.state, run.rows, run.pages) == ("done", 5000, pages + 1)  # an empty page is a page
        found, shown = posts_of(archive)
        assert found == held(x, action)[:5000]
        assert shown == [(5000, 5000, 5000)]
        assert archive.verify().ok
    assert all(fault.done for fault in x.faults)


@pytest.mark.slow
def test_without_a_limit_everything_there_is_comes(x, client):
    strike(x, EVERYTHING, 9)
    assert search(x, "search.recent", client=client)["matches"]["post_id"].to_pylist() == held(x, "search.recent")


def test_a_timeline_through_faults_is_what_its_author_posted(x, client):
    person = loudest(x)[0][0]
    strike(x, ["cut", "empty_page", "reset"], 3)
    found = xf.timelines.user(str(person), client=client)["matches"]["post_id"].to_pylist()
    assert found == [str(p.id) for p in reversed(x.community.by_author[person])][:3200]


def test_a_long_collection_keeps_to_a_real_rate_limit_and_is_never_refused():
    at = [datetime.now(UTC)]  # of both: their clocks move when the client sleeps

    def seconds():
        return at[0].timestamp()

    def sleep(time):
        at[0] += timedelta(seconds=time)

    with (
        xf.sandbox.start(posts=2000, users=5, now=NOW, clock=seconds) as made,
        xf.Client(made.bearer_token, base_url=made.url, now=lambda: at[0], sleep=sleep) as client,
    ):
        began = at[0]
        pages = xf.search.all("the OR a OR to", start_time=START, limit=1001, fields=["id"], expansions=[], client=client).pages
        assert at[0] - began > timedelta(seconds=2)  # X lets one in a second
        assert client.requests_made == len(pages) == 3


# what ends a collection ----------------------------------------------------------------------------------------------


def test_a_usage_cap_keeps_what_came_and_goes_on_later(x, client):
    x.faults.add(Fault("usage_capped", at=3))
    with pytest.raises(xf.Interrupted, match="usage cap") as caught:
        search(x, "search.all", limit=3000, client=client)
    whole = held(x, "search.all")
    assert caught.value.frames["matches"]["post_id"].to_pylist() == whole[:200]
    assert caught.value.resume()["matches"]["post_id"].to_pylist() == whole[:3000]


@pytest.mark.slow
def test_a_usage_cap_leaves_an_archive_with_which_another_session_goes_on(x, client, tmp_path):
    x.faults.add(Fault("usage_capped", at=4, times=2))
    with xf.Archive(tmp_path / "a") as archive, pytest.raises(xf.Interrupted, match=r"archive\.resume") as caught:
        search(x, "search.recent", limit=1000, into=archive, client=client)
    assert (caught.value.pages, caught.value.rows, caught.value.frames) == (3, 300, None)
    assert isinstance(caught.value.__cause__, errors.UsageCapped)
    with xf.Archive(tmp_path / "a") as archive:
        assert archive.runs()["state"].tolist() == ["interrupted"]
        assert posts_of(archive)[0] == held(x, "search.recent")[:300]
        with pytest.raises(xf.Interrupted, match="3 pages, 300 rows"):  # still capped: nothing is lost by trying
            archive.resume(caught.value.run_id, client)
        run = archive.resume(caught.value.run_id, client)
        assert (run.state, run.rows, run.pages) == ("done", 1000, 10)
        assert posts_of(archive)[0] == held(x, "search.recent")[:1000]
        assert archive.verify().ok


@pytest.mark.slow
def test_where_a_cursor_repeats_the_rest_is_asked_for_by_id(x, client, tmp_path):
    x.faults.add(Fault("repeat_cursor", at=3))
    whole = held(x, "search.all")[:3000]
    assert search(x, "search.all", limit=3000, client=client)["matches"]["post_id"].to_pylist() == whole
    x.faults.add(Fault("repeat_cursor", at=3))
    with xf.Archive(tmp_path / "a") as archive:
        run = search(x, "search.all", limit=3000, into=archive, client=client)
        assert (run.state, run.rows, run.pages) == ("done", 3000, 30)
        assert sorted(i for (i,) in archive.sql("SELECT post_id FROM matches").fetchall()) == sorted(whole)
        assert posts_of(archive)[1] == [(3000, 3000, 3000)]
        assert archive.verify().ok


def test_a_run_goes_on_where_its_cursor_is_not_known_any_more(x, client, tmp_path):
    x.faults.add(Fault("usage_capped", at=4))
    whole = held(x, "search.all")[:3000]
    with xf.Archive(tmp_path / "a") as archive:
        with pytest.raises(xf.Interrupted) as caught:
            search(x, "search.all", limit=3000, into=archive, client=client)
        x.faults.add(Fault("expired_token"))
        before = len(x.requests)
        run = caught.value.resume()
        assert (run.state, run.rows, run.pages) == ("done", 3000, 30)
        assert sorted(i for (i,) in archive.sql("SELECT post_id FROM matches").fetchall()) == sorted(whole)
        assert [r.params.get("until_id") for r in x.requests[before:]][:2] == [None, whole[299]]


def test_a_server_that_stays_down_ends_in_an_error_that_goes_on_when_it_is_back(x, client, tmp_path):
    x.faults.add(Fault("503", at=3, times=6))
    with xf.Archive(tmp_path / "a") as archive:
        with pytest.raises(xf.Interrupted, match=r"HTTP 503|Service Unavailable.*given up after 6 tries"):
            search(x, "search.recent", limit=500, into=archive, client=client)
        (run_id,) = archive.runs()["run_id"]
        assert archive.resume(run_id, client).rows == 500
        assert posts_of(archive)[0] == held(x, "search.recent")[:500]


# secrets -------------------------------------------------------------------------------------------------------------


def everything(error):
    """All an exception says, with its whole chain and the locals of every frame, each once: an Archive's repr asks SQL."""
    texts, held = [], {}
    for one in chain(error):
        texts += [repr(one), str(one), repr(one.__dict__)]
        texts += traceback.TracebackException.from_exception(one).format()
        for frame, _ in traceback.walk_tb(one.__traceback__):
            held |= {id(value): value for value in frame.f_locals.values()}
    return "\n".join(texts + [repr(value) for value in held.values()])


def contents(archive):
    """Everything in an archive's files: as the bytes they are, and as what they say."""
    files = [p.read_bytes() for p in archive.path.rglob("*") if p.is_file()]
    rows = [str(archive[name].to_pylist()) for name in ("requests", "problems", "posts", "users")]
    pages = [repr(page.request) + page.body.decode() for page in archive.pages()]
    return b"\n".join([*files, *(text.encode("utf-8", "replace") for text in [*rows, str(archive.runs().to_dict()), *pages])])


CREDENTIALS = {
    "app": lambda x: {"bearer_token": x.bearer_token}, "oauth2": lambda x: {"oauth2": x.user_token},
    "oauth1": lambda x: {"oauth1": x.oauth1}, "wrong": lambda x: {"bearer_token": f"{WORD}-wrong"},
}


@pytest.mark.parametrize(("kind", "faults"), [
    ("app", [("cut", 6)]), ("oauth2", [("html", 6)]), ("oauth1", [("reset", 3), ("usage_capped", 4)]), ("wrong", []),
])
def test_no_credential_is_left_in_logs_errors_or_archives(x, kind, faults, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    x.faults.add(*(Fault(fault, at=3, times=times) for fault, times in faults))
    client = xf.Client(**CREDENTIALS[kind](x), base_url=x.url, sleep=lambda _: None)
    with client, xf.Archive(tmp_path / "a") as archive:
        with pytest.raises(errors.XframesError) as caught:
            search(x, "search.recent", into=archive, client=client)
        assert isinstance(caught.value, xf.Interrupted if faults else errors.Unauthorized)
        assert {r.name.partition(".")[0] for r in caplog.records} >= {"urllib3", *(["oauthlib"] if kind == "oauth1" else [])}
        shown = "\n".join([everything(caught.value), caplog.text, repr(client), repr(vars(client)), repr(archive)])
        for word in (WORD, requests.utils.quote(WORD)):
            assert word not in shown
            assert word.encode() not in contents(archive)


def test_the_check_for_credentials_would_find_one(x, client, tmp_path):
    def fail(token):
        return int(token)

    with xf.Archive(tmp_path / "a") as archive:
        xf.search.recent(f"{WORD[:8]} OR the", limit=10, into=archive, client=client)
        assert WORD[:8].encode() in contents(archive)
    with pytest.raises(ValueError, match=WORD) as caught:
        fail(x.bearer_token)
    assert everything(caught.value).count(WORD) >= 3
