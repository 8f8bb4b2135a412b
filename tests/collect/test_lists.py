"""Lists of queries and users: one run each, one client, resumed as a whole."""

from __future__ import annotations

import json
import pickle

import pytest

import xframes as xf
from tests.clients import NOW, TOKEN, answer
from xframes import errors
from xframes.archive.ingest import collection
from xframes.archive.ingest.journal import open_journal
from xframes.archive.ingest.runs import Runs
from xframes.client import Client

RECENT = (int(NOW.timestamp() * 1000) - 3_600_000 - 1_288_834_974_657) << 22  # the id of a post an hour ago
QUERIES = ["tea", "milk", "sugar"]


class X:
    """A server with two pages of one post for each query; `faults` are answers to send instead, by query and page."""

    def __init__(self):
        self.field_params, self.faults, self.slept = [], {}, []
        self.client = Client(TOKEN, transport=self.answer, now=lambda: NOW, sleep=self.slept.append, retries=2,
                             on_wait=lambda *_: None)

    def answer(self, request):
        query = request.params.get("query") or request.path.split("/")[3]
        page = 2 if {"next_token", "pagination_token"} & set(request.params) else 1
        self.field_params.append((query, page))
        if found := self.faults.get((query, page)):
            if isinstance(found, BaseException):
                raise found
            return found
        post = {"id": str(RECENT + len(query) * 1000 + ord(query[0]) * 10 + page), "text": query}
        return answer(200, {"data": [post], "meta": {"next_token": "t"} if page == 1 else {}})


@pytest.fixture
def x():
    return X()


@pytest.fixture
def archive(tmp_path):
    return xf.Archive(tmp_path / "a")


CAPPED = answer(429, {"title": "UsageCapExceeded", "type": "https://api.x.com/2/problems/usage-capped", "status": 429})
REFUSED = answer(400, {"title": "Invalid Request", "errors": [{"parameters": {"query": ["milk"]}, "message": "no"}]})
PAGES = [(query, page) for query in QUERIES for page in (1, 2)]


def states(archive):
    return dict(zip((json.loads(a)["query"] for a in archive.runs()["arguments"]), archive.runs()["state"], strict=True))


def test_each_query_is_a_run(x, archive):
    runs = xf.search.recent([*QUERIES, "tea"], into=archive, client=x.client)
    assert x.field_params == PAGES
    assert isinstance(runs, Runs)
    assert (runs.state, runs.pages, runs.rows, len(runs)) == ("done", 6, 6, 3)
    assert [(run.state, run.rows) for run in runs] == [("done", 2)] * 3
    assert states(archive) == dict.fromkeys(QUERIES, "done")
    assert runs[1].frames().posts["text"].tolist() == ["milk"] * 2
    assert len(runs.frames().posts) == 6
    assert "3 runs" in repr(runs)
    assert archive.resume(runs.run_id, x.client).rows == 6
    assert x.field_params == PAGES


@pytest.mark.parametrize("faults", [{}, {("milk", 2): CAPPED}, {("milk", 1): REFUSED}, {("sugar", 2): KeyboardInterrupt()}])
def test_all_are_written_together(x, archive, faults):
    x.faults.update(faults)
    try:
        runs = xf.search.recent(QUERIES, into=archive, client=x.client)
    except errors.Interrupted as stop:
        runs = stop
    files = [len(list(table.glob("part-*"))) for table in (archive.path / "tables").iterdir()]
    assert set(files) == {1}
    assert len(list((archive.path / "pages").glob("part-*"))) == 1
    with open_journal(archive.path / "journal.sqlite") as journal:
        assert journal.pending() == []
        assert journal.unwritten() == []
    assert archive.sql("select count(*) from requests").fetchall() == [(runs.pages,)]
    assert archive.verify().ok


def test_what_a_killed_process_had_of_a_group_is_written_by_the_next(x, archive):
    def kill(request):
        if request.params["query"] == "sugar":
            raise SystemExit  # nothing else runs, as after a kill
        return x.answer(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection, "flush", lambda *_, **__: None)
        killed = Client(TOKEN, transport=kill, now=lambda: NOW)
        with pytest.raises(SystemExit):
            xf.search.recent(QUERIES, into=archive, client=killed)
    again = xf.Archive(archive.path)
    assert again.tables["posts"] == 4
    assert again.resume(again.runs()["run_id"].iloc[0], x.client).rows == 6
    assert again.verify().ok


def test_in_memory_all_are_one_result(x):
    frames = xf.search.recent(iter(QUERIES), client=x.client)
    assert sorted(frames.posts["text"]) == sorted(QUERIES * 2)
    limited = xf.search.recent(("tea", "milk"), limit=1, client=x.client)
    assert sorted(limited.posts["text"]) == ["milk", "tea"]


@pytest.mark.parametrize("call", [
    xf.search.all, xf.counts.recent, xf.counts.all, xf.timelines.user, xf.timelines.mentions, xf.messages.conversation,
    xf.users.followers, xf.lists.posts, xf.posts.quotes,
])
def test_every_collection_of_one_thing_takes_many(archive, call):
    x = X()
    if call is xf.messages.conversation:
        x.client = Client(oauth2="key-of-no-one", transport=x.answer, now=lambda: NOW)
    values = ["1900000000000000001", "1900000000000000002"]
    runs = call(values, into=archive, client=x.client)
    assert [query for query, page in x.field_params if page == 1] == values
    assert len(runs) == 2


@pytest.mark.parametrize("page", [1, 2])
def test_a_stop_is_resumed_as_a_whole(x, archive, page):
    x.faults["milk", page] = CAPPED
    with pytest.raises(errors.Interrupted) as stop:
        xf.search.recent(QUERIES, into=archive, client=x.client)
    assert isinstance(stop.value.__cause__, errors.UsageCapped)
    assert (stop.value.pages, stop.value.rows) == (page + 1, page + 1)
    assert states(archive) == {"tea": "done", "milk": "failed" if page == 1 else "interrupted", "sugar": "interrupted"}
    x.faults.clear()
    x.field_params.clear()
    runs = stop.value.resume()
    assert x.field_params == [one for one in PAGES[1 + page:] if one != ("tea", 2)]
    assert (runs.state, runs.rows) == ("done", 6)
    assert states(archive) == dict.fromkeys(QUERIES, "done")


def test_another_process_resumes_all_by_any_of_the_runs(x, archive):
    x.faults["milk", 2] = CAPPED
    with pytest.raises(errors.Interrupted) as stop:
        xf.search.recent(QUERIES, into=archive, client=x.client)
    x.faults.clear()
    again = xf.Archive(archive.path)
    last = again.runs()["run_id"].iloc[-1]
    assert again.resume(last, x.client).rows == 6
    assert pickle.loads(pickle.dumps(stop.value)).resume(client=x.client).state == "done"
    assert states(again) == dict.fromkeys(QUERIES, "done")


def test_a_stop_in_memory_is_resumed_as_a_whole(x):
    x.faults["milk", 2] = CAPPED
    with pytest.raises(errors.Interrupted) as stop:
        xf.search.recent(QUERIES, client=x.client)
    assert sorted(stop.value.frames.posts["text"]) == ["milk", "tea", "tea"]
    x.faults.clear()
    x.field_params.clear()
    assert sorted(stop.value.resume().posts["text"]) == sorted(QUERIES * 2)
    assert x.field_params == [("milk", 2), ("sugar", 1), ("sugar", 2)]


def test_what_x_refuses_does_not_stop_the_others(x, archive):
    x.faults["milk", 1] = REFUSED
    for into in (None, archive):
        with pytest.raises(errors.Interrupted) as stop:
            xf.search.recent(QUERIES, into=into, client=x.client)
        assert isinstance(stop.value.__cause__, errors.InvalidRequest)
        assert stop.value.pages == 4
    assert states(archive) == {"tea": "done", "milk": "failed", "sugar": "done"}


def test_an_error_before_the_first_page_is_raised_itself(x, archive):
    x.faults["tea", 1] = CAPPED
    for into in (None, archive):
        with pytest.raises(errors.UsageCapped):
            xf.search.recent(QUERIES, into=into, client=x.client)


def test_all_are_checked_before_the_first_request(x, archive):
    for wrong in (["tea", "", "milk"], ["tea", "x" * 5000], [], ["tea", 5]):
        with pytest.raises(errors.ArgumentError):
            xf.search.recent(wrong, into=archive, client=x.client)
    with pytest.raises(errors.ArgumentError, match="item 1"):
        xf.timelines.user(["12", "nobody"], client=x.client)
    assert x.field_params == []
    assert not archive.path.exists()


def test_only_newer_posts_can_be_collected_of_each(x, archive):
    xf.search.recent(QUERIES, into=archive, client=x.client)
    x.field_params.clear()
    runs = xf.search.recent(QUERIES, since="last", into=archive, client=x.client)
    sent = [json.loads(arguments) for arguments in archive.runs()["arguments"]][3:]
    assert [one["query"] for one in sent] == QUERIES
    assert all("since_id" in one for one in sent)
    assert len(runs) == 3


def test_runs_whose_process_ended_are_resumed_too(x, archive):
    class Ended(BaseException):
        pass

    def end(request):
        if len(x.field_params) == 3:
            raise Ended
        return x.answer(request)

    client = Client(TOKEN, transport=end, now=lambda: NOW)
    with pytest.raises(Ended):
        xf.search.recent(QUERIES, into=archive, client=client)
    again = xf.Archive(archive.path)
    assert states(again) == {"tea": "done", "milk": "interrupted", "sugar": "interrupted"}
    assert again.resume(again.runs()["run_id"][1], x.client).rows == 6
    assert x.field_params == PAGES


def test_all_runs_share_one_rate_limit(x, archive):
    def limited(request):
        left = 1 - len(x.field_params) % 2
        page = x.answer(request)
        page.headers.update({"x-rate-limit-limit": "2", "x-rate-limit-remaining": str(left),
                             "x-rate-limit-reset": str(int(NOW.timestamp()) + 60)})
        return page

    slept = []
    client = Client(TOKEN, transport=limited, now=lambda: NOW, sleep=slept.append, on_wait=lambda *_: None)
    xf.search.recent(QUERIES, limit=1, into=archive, client=client)
    assert [page for _, page in x.field_params] == [1, 1, 1]
    assert len([seconds for seconds in slept if seconds > 50]) == 1
