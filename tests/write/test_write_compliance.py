"""Compliance jobs from end to end over real HTTP: made, uploaded, waited for, downloaded, also when killed on the way."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

import xframes as xf
from xframes import errors, write
from xframes.client import Client, Retries
from xframes.sandbox import Fault
from xframes.wire import Page, Request
from xframes.write.compliance_jobs import _bodies

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sandbox():
    with xf.sandbox.start(posts=400, users=60, rate_limits=False) as made:
        made.compliance.processing_seconds = 0
        yield made


@pytest.fixture
def client(sandbox):
    with Client(sandbox.bearer_token, base_url=sandbox.url, writes=True, sleep=lambda _: None,
                retries=Retries(attempts=3), on_wait=lambda *_: None) as made:
        yield made


@pytest.fixture
def archive(tmp_path):
    return xf.Archive(tmp_path / "a")


def posts(sandbox, number=300):
    return [str(id) for id in list(sandbox.community.posts)[:number]]


def users(sandbox):
    return [str(id) for id in sandbox.community.people]


def gone(sandbox):
    """The users of whom the sandbox says that they must go."""
    return {str(id) for id, person in sandbox.community.people.items() if person.standing in {"suspended", "protected", "deactivated"}}


def field_params(sandbox):
    return [r.action for r in sandbox.requests if r.action]


def test_a_job_tells_which_users_are_gone(sandbox, client, archive):
    frames = write.run_compliance_job(users(sandbox), "users", into=archive, client=client)

    removals = frames.removals
    assert frames.main == "removals"
    assert len(frames) == len(removals) > 0
    assert set(removals["id"]) == gone(sandbox)
    assert set(removals["action"]) == {"delete"}
    assert set(archive.frame("removals")["id"]) == set(removals["id"])
    assert archive.frame("compliance_jobs")["status"].tolist() == ["complete"]
    assert archive.frame("writes")["action"].tolist() == ["write.create_compliance_job"]
    assert archive.runs()[["action", "state"]].values.tolist() == [["write.run_compliance_job", "done"]]
    assert archive.frame("problems").empty


def test_a_job_tells_which_posts_are_gone_without_an_archive_too(sandbox, client):
    found = write.run_compliance_job(posts(sandbox), client=client)

    hidden = {str(id) for id, post in list(sandbox.community.posts.items())[:300]
              if post.state == "deleted" or post.author.standing in {"suspended", "protected", "deactivated"}}
    assert set(found.removals["id"]) == hidden
    assert len(hidden) > 0


def test_nothing_gone_is_an_empty_table_and_a_page_that_says_so(sandbox, client, archive):
    fine = [id for id in users(sandbox) if id not in gone(sandbox)]
    frames = write.run_compliance_job(fine, "users", into=archive, client=client)

    assert frames.removals.empty
    assert frames.tables["problems"] == 0
    assert archive.frame("requests")["path"].str.contains("/delivery/").sum() == 1


def test_no_credentials_go_to_the_addresses_of_a_job(sandbox, client, archive):
    write.run_compliance_job(posts(sandbox), into=archive, client=client)  # the sandbox refuses an Authorization header
    held = b"".join(p.read_bytes() for p in archive.path.rglob("*") if p.is_file())
    assert sandbox.bearer_token.encode() not in held


def test_a_result_that_is_in_the_archive_is_asked_for_anew(sandbox, client, archive):
    for _ in range(2):
        write.run_compliance_job(posts(sandbox), into=archive, client=client)
    assert field_params(sandbox).count("write.create_compliance_job") == 2
    assert archive.runs()["state"].tolist() == ["done", "done"]


def test_other_ids_are_another_job(sandbox, client, archive):
    write.run_compliance_job(posts(sandbox), into=archive, client=client)
    write.run_compliance_job(posts(sandbox, 200), into=archive, client=client)
    assert field_params(sandbox).count("write.create_compliance_job") == 2


@pytest.mark.parametrize("step", ["upload", "wait", "download"])
def test_a_job_that_stopped_is_gone_on_with(sandbox, client, archive, step, monkeypatch):
    if step == "upload":
        monkeypatch.setattr(client, "upload", lambda *_: (_ for _ in ()).throw(errors.Unavailable("down")))
    elif step == "wait":
        sandbox.compliance.processing_seconds = 3600
        monkeypatch.setattr(client, "sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    else:
        monkeypatch.setattr(client, "download", lambda *_: (_ for _ in ()).throw(errors.Unavailable("down")))
    with pytest.raises((errors.Unavailable, KeyboardInterrupt)):
        write.run_compliance_job(posts(sandbox), into=archive, client=client)
    assert archive.frame("removals").empty

    monkeypatch.undo()
    for job in sandbox.compliance.jobs.values():
        job.done = 0
    frames = write.run_compliance_job(posts(sandbox), into=archive, client=client)
    assert field_params(sandbox).count("write.create_compliance_job") == 1
    assert set(archive.frame("removals")["id"]) == set(frames.removals["id"]) != set()
    assert archive.runs()["state"].tolist() == ["interrupted", "done"]


def test_a_job_made_and_not_noted_is_found_at_x(sandbox, client, archive):
    made = xf.call("write.create_compliance_job", type="tweets", name="other", client=client)
    first = write.run_compliance_job(posts(sandbox), client=client)
    name = first.compliance_jobs["name"].iloc[-1]
    assert name != "other"
    write.create_compliance_job("tweets", name=name, client=client)  # as if the answer had come and not been kept
    before = field_params(sandbox).count("write.create_compliance_job")
    write.run_compliance_job(posts(sandbox), into=archive, client=client)
    assert field_params(sandbox).count("write.create_compliance_job") == before
    assert made.compliance_jobs["name"].tolist() == ["other"]


def test_a_job_found_that_takes_no_ids_any_more_has_them_and_is_waited_for(sandbox, client, archive, monkeypatch):
    """As when the process was killed after its upload, which X takes once, and has not looked at yet."""
    put, held = client.upload, []

    def refused(*given):
        held.append(given)
        raise errors.Forbidden("HTTP 403", status=403)

    monkeypatch.setattr(client, "upload", refused)
    with pytest.raises(errors.Forbidden):  # a new job has none
        write.run_compliance_job(posts(sandbox), into=archive, client=client)
    monkeypatch.setattr(client, "sleep", lambda _: put(*held.pop()) if held else None)
    frames = write.run_compliance_job(posts(sandbox), into=archive, client=client)
    assert not frames.removals.empty
    assert field_params(sandbox).count("write.create_compliance_job") == 1


def test_an_upload_address_that_has_ended_means_a_new_job(sandbox, client, archive, monkeypatch):
    monkeypatch.setattr(client, "upload", lambda *_: (_ for _ in ()).throw(errors.Unavailable("down")))
    with pytest.raises(errors.Unavailable):
        write.run_compliance_job(posts(sandbox), into=archive, client=client)
    monkeypatch.undo()
    sandbox.compliance.clock = lambda: time.time() + 1000
    write.run_compliance_job(posts(sandbox), into=archive, client=client)
    assert field_params(sandbox).count("write.create_compliance_job") == 2


@pytest.mark.slow
def test_a_job_that_takes_for_ever_is_interrupted_and_resumes(sandbox, client, archive):
    sandbox.compliance.processing_seconds = 10**6
    with pytest.raises(errors.Interrupted, match="6 hours") as caught:
        write.run_compliance_job(posts(sandbox), into=archive, client=client)
    for job in sandbox.compliance.jobs.values():
        job.done = 0
    assert not caught.value.resume().removals.empty
    assert field_params(sandbox).count("write.create_compliance_job") == 1


@pytest.mark.parametrize(("ids", "type", "message"), [
    ([], "tweets", "ids is empty"), (["x"], "tweets", "item 0 of ids"), (["1"], "lists", "type: .*'lists'"),
])
def test_a_job_is_checked_before_anything_is_asked(sandbox, client, ids, type, message):
    with pytest.raises(errors.ArgumentError, match=message):
        write.run_compliance_job(ids, type, client=client)
    assert sandbox.requests == []


def test_signed_addresses_stay_out_of_errors(client):
    for url in (f"{client.base_url}/compliance/1/delivery/9/ab?X-Goog-Signature=secret-signature",
                "http://127.0.0.1:9/compliance?X-Goog-Signature=secret-signature"):
        with pytest.raises(errors.ApiError) as caught:
            client.upload(url, b"1\n")
        assert "secret-signature" not in repr(caught.value) + str(caught.value)
        assert "PUT 127.0.0.1/compliance" in str(caught.value)


def test_addresses_are_https_unless_the_server_is_not():
    with Client("invented-bearer-token", writes=True) as client, pytest.raises(errors.InvalidRequest, match="not https"):
        client.upload("http://storage.example/file", b"1\n")


def test_an_upload_that_fails_is_sent_again(sandbox, client, archive):
    sandbox.faults.add(Fault("503", path="/compliance/*/submission/*"))
    sandbox.faults.add(Fault("cut", path="/compliance/*/delivery/*"))
    frames = write.run_compliance_job(posts(sandbox), into=archive, client=client)
    assert not frames.removals.empty


def test_a_line_that_is_no_json_spoils_no_other():
    lines = [json.dumps({"id": str(i), "action": "delete", "reason": "deleted"}).encode() for i in range(30_000)]
    bodies = list(_bodies([*(line + b"\r\n" for line in lines[:10]), b"{broken\n", *(line + b"\n" for line in lines[10:])]))
    assert bodies[0] == b"{broken"
    assert sum(len(json.loads(body)) for body in bodies[1:]) == 30_000
    assert max(map(len, bodies)) < 1_100_000
    frames = xf.flatten(Page(Request("GET", ""), body, datetime(2026, 3, 1, tzinfo=UTC)) for body in bodies[:2])
    found = len(json.loads(bodies[1]))
    assert (frames.tables["removals"], frames.problems["kind"].tolist()) == (found, ["unreadable_page"])


CHILD = """
import sys, time, xframes as xf
from xframes import write

home, url, token, when = sys.argv[1:5]

def stop(word):
    print(word, flush=True)
    time.sleep(60)

client = xf.Client(token, base_url=url, writes=True, sleep=lambda _: stop("wait"))
put = client.upload
if when == "made":
    client.upload = lambda *given: stop("made")
if when == "upload":
    client.upload = lambda *given: (put(*given), stop("upload"))
write.run_compliance_job(sys.stdin.read().split(), into=xf.Archive(home), client=client)
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["made", "upload", "wait"])
def test_sigkill_in_the_middle_of_a_job_continues_it(sandbox, client, archive, when):
    sandbox.compliance.processing_seconds = 3600
    command = [sys.executable, "-c", CHILD, str(archive.path), sandbox.url, sandbox.bearer_token, when]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        child.stdin.write("\n".join(posts(sandbox)))
        child.stdin.close()
        assert child.stdout.readline().strip() == when
        os.kill(child.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(60)
    assert child.returncode == -signal.SIGKILL

    sandbox.compliance.processing_seconds = 0
    for job in sandbox.compliance.jobs.values():
        job.done = 0
    again = xf.Archive(archive.path)
    frames = write.run_compliance_job(posts(sandbox), into=again, client=client)

    assert field_params(sandbox).count("write.create_compliance_job") == 1
    assert set(again.frame("removals")["id"]) == set(frames.removals["id"]) != set()
    assert again.runs()["state"].tolist() == ["interrupted", "done"]
    assert again.frame("writes")["action"].tolist() == ["write.create_compliance_job"]
    assert again.verify().ok
