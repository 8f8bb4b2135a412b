"""Errors between processes: each arrives as what it was, with what it carries, its cause, and the way to go on."""

from __future__ import annotations

import copy
import importlib
import multiprocessing
import pickle
import pkgutil
import threading
import traceback
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

import xframes as xf
from xframes import errors, write
from xframes.client import Client, Retries
from xframes.sandbox import Fault
from xframes.wire import classify

WHEN = datetime(2026, 3, 10, 12, tzinfo=UTC)
SEARCH = "/2/tweets/search/recent"


for module in pkgutil.walk_packages(xf.__path__, "xframes."):  # each may define errors of its own
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)


def classes(cls=errors.XframesError):
    yield cls
    for each in cls.__subclasses__():
        yield from classes(each)


CLASSES = sorted(set(classes()), key=lambda cls: cls.__name__)


class Unportable(Exception):
    """What no other process can be sent."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")
        self.lock = threading.Lock()


def made(cls):
    attributes = {}
    if issubclass(cls, errors.ApiError):
        attributes = {"status": 503, "action": "search.recent", "kind": "not-sent", "problems": [{"title": "t"}], "retry_at": WHEN}
    if issubclass(cls, errors.Interrupted):
        attributes = {"run_id": "run-1", "pages": 2, "rows": 20, "next_token": "t", "media_id": "7",
                      "resume": lambda: "here only"}
    error = cls("what \x1b[31m happened", **attributes)
    error.add_note("a note")
    return error


def failing(cls, cause):
    error = made(cls)
    causes = {"none": None, "ours": errors.RateLimited("wait", retry_at=WHEN), "ctrl-c": KeyboardInterrupt("halt"),
              "chain": OSError(5, "disk"), "unportable": Unportable("strange", "thing")}
    if cause == "none":
        raise error
    if cause == "chain":
        causes["chain"].__cause__ = ValueError("deeper")
    raise error from causes[cause]


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as made:
        yield made


def assert_same(found, cls):
    told = made(cls)
    assert type(found) is cls
    assert (str(found), found.args, found.__notes__) == (str(told), told.args, ["a note"])
    for name, value in vars(told).items():
        if name != "_resume":
            assert getattr(found, name) == value


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_comes_out_of_a_worker_as_it_was(pool, cls):
    for cause in ("none", "ours", "ctrl-c", "chain", "unportable"):
        with pytest.raises(cls) as caught:
            pool.submit(failing, cls, cause).result(60)
        error = caught.value
        assert_same(error, cls)
        text = "".join(traceback.format_exception(error))
        assert "in failing" in text  # where it was raised in the worker
        if cause == "ours":
            assert isinstance(error.__cause__, errors.RateLimited)
            assert error.__cause__.retry_at == WHEN
        elif cause == "ctrl-c":
            assert isinstance(error.__cause__, KeyboardInterrupt)
        elif cause == "chain":
            assert isinstance(error.__cause__, OSError)
            assert error.__cause__.errno == 5
            assert isinstance(error.__cause__.__cause__, ValueError)
        elif cause == "unportable":
            assert "Unportable" in str(error.__cause__)
            assert "strange" in str(error.__cause__)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e)),
                                 lambda e: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(e))))])
def test_every_error_is_copied_and_pickled_with_what_it_carries(cls, how):
    error = made(cls)
    error.__cause__ = cause = errors.Unavailable("down", status=503)
    found = how(error)

    assert found is not error
    assert_same(found, cls)
    assert (type(found.__cause__), found.__cause__.status) == (type(cause), 503)
    if cls is errors.Interrupted and how in (copy.copy, copy.deepcopy):
        assert found.resume() == "here only"
    elif cls is errors.Interrupted:
        with pytest.raises(errors.XframesError, match="run-1"):
            found.resume()
    if how is copy.deepcopy and issubclass(cls, errors.ApiError):
        assert found.problems[0] is not error.problems[0]


# what every error answers -------------------------------------------------------------------------

ANSWERS = {"retryable": False, "retry_at": None, "status": None, "action": None}
STATED = {"retryable": True, "retry_at": WHEN, "status": 503, "action": "search.recent"}


def answers(error):
    return {name: getattr(error, name) for name in ANSWERS}


def there_and_back(error):
    return pickle.loads(pickle.dumps(error))


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_answers_what_callers_decide_by(cls):
    usual = ANSWERS | {"retryable": cls in (errors.RateLimited, errors.Unavailable)}
    assert answers(cls("what happened")) == usual
    error = cls("what happened")
    for name, value in STATED.items():
        setattr(error, name, value)
    for found in (error, there_and_back(error), copy.copy(error), copy.deepcopy(error)):
        assert answers(found) == STATED


@pytest.mark.parametrize("cls", CLASSES)
def test_the_constructor_takes_the_answers_too(cls):
    assert answers(there_and_back(cls("what happened", **STATED))) == STATED


@pytest.mark.parametrize("cls", CLASSES)
def test_what_interrupted_answers_for_its_cause(cls):
    for cause in (cls("what happened"), errors.RateLimited("wait", **STATED)):
        with pytest.raises(errors.Interrupted) as caught:
            raise errors.Interrupted("stopped", run_id="run-1") from cause
        assert answers(caught.value) == answers(there_and_back(caught.value)) == answers(cause)


def test_interrupted_by_what_is_no_error_of_ours_is_not_retryable():
    for cause in (None, KeyboardInterrupt(), OSError(28, "full"), Unportable("a", "b")):
        with pytest.raises(errors.Interrupted) as caught:
            raise errors.Interrupted("stopped", action="search.recent") from cause
        assert answers(there_and_back(caught.value)) == ANSWERS | {"action": "search.recent"}


class Held(errors.RateLimited):
    """A kind of error that somebody else made, and that no other process can be sent."""

    def __init__(self, message, **stated):
        super().__init__(message, **stated)
        self.lock = threading.Lock()


def test_a_cause_that_arrives_as_its_text_still_answers():
    with pytest.raises(errors.Interrupted) as caught:
        raise errors.Interrupted("stopped") from Held("wait", **STATED)
    found = there_and_back(caught.value)
    assert type(found.__cause__) is errors.XframesError
    assert answers(found) == STATED


def test_a_write_without_an_answer_is_not_retryable(sandbox):
    sandbox.faults.add(Fault("503", at=1, path="/2/tweets"))
    client = client_of(sandbox.url, oauth1=sandbox.oauth1)
    with client, pytest.raises(errors.OutcomeUnknown) as caught:
        write.create_post("hello", client=client)
    assert answers(caught.value) == ANSWERS | {"status": 503, "action": "write.create_post"}


@pytest.mark.parametrize("seconds", [None, 60, 20 * 86_400])
def test_a_usage_cap_tells_when_it_is_reset_where_x_does(seconds):
    headers = {} if seconds is None else {"retry-after": str(seconds)}
    body = b'{"title": "UsageCapExceeded", "type": "https://api.x.com/2/problems/usage-capped"}'
    error = classify(429, headers, body, action="search.recent", now=WHEN)
    assert isinstance(error, errors.UsageCapped)
    until = None if seconds is None else WHEN + timedelta(seconds=seconds)
    assert answers(error) == ANSWERS | {"retry_at": until, "status": 429, "action": "search.recent"}


def test_a_refused_argument_names_its_action():
    with Client(bearer_token="t") as client:
        for wrong in (
            lambda: xf.search.recent("", client=client),
            lambda: xf.users.followers("x", client=client),
            lambda: xf.call("search.recent", quer="x"), lambda: xf.search.recent("x", client="c"),
        ):
            with pytest.raises(errors.ArgumentError) as caught:
                wrong()
            assert caught.value.action in {"search.recent", "users.followers"}


# the way to go on ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sandbox():
    with xf.sandbox.start(posts=800, users=60, rate_limits=False) as x:
        x.uploads.processing_seconds = 0
        yield x


def client_of(url, **credentials):
    return Client(**credentials, base_url=url, writes=True, retries=Retries(attempts=1), on_wait=lambda *_: None)


def searching(url, token, folder):
    with client_of(url, bearer_token=token) as client:
        into = {} if folder is None else {"into": xf.Archive(folder)}
        return xf.search.recent("the", limit=210, client=client, progress=False, **into)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["memory", "archive"])
def test_a_collection_that_stopped_in_a_worker_goes_on_here(pool, sandbox, tmp_path, place):
    folder = tmp_path / "a" if place == "archive" else None
    sandbox.faults.add(Fault("503", at=3, path=SEARCH))
    with pytest.raises(errors.Interrupted) as caught:
        pool.submit(searching, sandbox.url, sandbox.bearer_token, folder).result(60)
    error = caught.value

    assert (error.pages, error.rows) == (2, 200)
    assert isinstance(error.__cause__, errors.Unavailable)
    assert answers(error) == STATED | {"retry_at": None}
    assert (error.frames is None) == (place == "archive")
    assert error.frames is None or error.frames.tables["matches"] == 200
    with client_of(sandbox.url, bearer_token=sandbox.bearer_token) as client:
        found = error.resume(client=client)
    assert found.tables["matches"] if place == "memory" else len(found) >= 210
    assert sum(r.path == SEARCH for r in sandbox.requests) == 4


def uploading(url, keys, path, folder):
    with client_of(url, oauth1=keys) as client:
        return write.upload_media(path, client=client, into=xf.Archive(folder), progress=False)


def test_writes_that_stopped_in_a_worker_go_on_here(pool, sandbox, tmp_path):
    path = tmp_path / "loop.gif"
    path.write_bytes(b"GIF89a" + b"invented" * 100)
    sandbox.faults.add(Fault("503", at=1, times=3, path="/2/media/upload/*/append"))
    with pytest.raises(errors.Interrupted) as caught:
        pool.submit(uploading, sandbox.url, sandbox.oauth1, path, tmp_path / "a").result(60)
    sandbox.faults.clear()
    with client_of(sandbox.url, oauth1=sandbox.oauth1) as client:
        frames = caught.value.resume(client=client)
    assert frames["media_uploads"]["id"].to_pylist() == [caught.value.media_id]


@pytest.mark.slow
def test_an_archive_that_is_gone_is_told_by_resume_not_by_the_arrival(pool, sandbox, tmp_path):
    sandbox.faults.add(Fault("503", at=3, path=SEARCH))
    with pytest.raises(errors.Interrupted) as caught:
        pool.submit(searching, sandbox.url, sandbox.bearer_token, tmp_path / "a").result(60)
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").write_text("something else")
    with pytest.raises(errors.ArchiveError):
        caught.value.resume()
