"""Errors between processes: each arrives as what it was, with what it carries, its cause, and the way to go on."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import threading
import traceback
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

import pytest

import xframes as xf
from xframes import errors, write
from xframes.client import Client, Retries
from xframes.sandbox import Fault

WHEN = datetime(2026, 3, 10, 12, tzinfo=UTC)
SEARCH = "/2/tweets/search/recent"


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


@pytest.mark.parametrize("place", ["memory", "archive"])
def test_a_collection_that_stopped_in_a_worker_goes_on_here(pool, sandbox, tmp_path, place):
    folder = tmp_path / "a" if place == "archive" else None
    sandbox.faults.add(Fault("503", at=3, path=SEARCH))
    with pytest.raises(errors.Interrupted) as caught:
        pool.submit(searching, sandbox.url, sandbox.bearer_token, folder).result(60)
    error = caught.value

    assert (error.pages, error.rows) == (2, 200)
    assert isinstance(error.__cause__, errors.Unavailable)
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


def test_an_archive_that_is_gone_is_told_by_resume_not_by_the_arrival(pool, sandbox, tmp_path):
    sandbox.faults.add(Fault("503", at=3, path=SEARCH))
    with pytest.raises(errors.Interrupted) as caught:
        pool.submit(searching, sandbox.url, sandbox.bearer_token, tmp_path / "a").result(60)
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").write_text("something else")
    with pytest.raises(errors.ArchiveError):
        caught.value.resume()
