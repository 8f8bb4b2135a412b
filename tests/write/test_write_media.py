"""Uploads over real HTTP: in one piece and in chunks, with failures on the way, a slow X, and servers of both forms."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tracemalloc
from pathlib import Path

import pytest

import xframes as xf
from xframes import errors, write
from xframes.client import Client, Retries
from xframes.sandbox import Fault
from xframes.write.files import media_file

PNG = b"\x89PNG\r\n\x1a\n" + b"invented" * 100
GIF = b"GIF89a" + b"invented" * 100
SRT = b"1\n00:00:01,000 --> 00:00:02,000\nHello\n"
MB = 1024 * 1024
APPEND = "/2/media/upload/*/append"


@pytest.fixture
def sandbox():
    with xf.sandbox.start(posts=60, users=20, rate_limits=False) as made:
        made.uploads.processing_seconds = 0
        yield made


@pytest.fixture
def client(sandbox):
    slept = []
    with Client(oauth1=sandbox.oauth1, base_url=sandbox.url, writes=True, sleep=slept.append,
                retries=Retries(attempts=3), on_wait=lambda *_: None) as made:
        made.slept = slept
        yield made


@pytest.fixture
def video(tmp_path):
    """Three chunks: 10 MB, each of its bytes telling its place."""
    path = tmp_path / "clip.mp4"
    with path.open("wb") as file:
        file.write(b"\x00\x00\x00\x18ftypmp42")
        for number in range(10):
            file.write(bytes([number]) * MB)
    return path


def file(tmp_path, name, body):
    path = tmp_path / name
    path.write_bytes(body)
    return path


def kept(sandbox, frames):
    """What the sandbox holds under the id the frames tell."""
    return sandbox.community.uploads[int(frames["media_uploads"]["id"][-1].as_py())]


def sha(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def field_params(sandbox):
    return [(r.method, r.action) for r in sandbox.requests]


def test_an_image_goes_in_one_request_with_its_description(sandbox, client, tmp_path):
    path = file(tmp_path, "cat.png", PNG)
    frames = write.upload_media(path, alt_text="A cat on a ladder", client=client)

    found = kept(sandbox, frames)
    assert (found.sha256, found.category, found.media.alt) == (sha(path), "tweet_image", "A cat on a ladder")
    assert field_params(sandbox) == [("POST", "write.upload_media"), ("POST", "write.set_media_metadata")]
    assert frames.writes["action"].tolist() == ["write.upload_media", "write.set_media_metadata"]
    told = json.loads(frames.writes["arguments"][0])
    assert told == {"path": "cat.png", "media_category": "tweet_image"}
    assert frames.main == "writes"


def test_an_uploaded_image_can_be_posted_and_seen(sandbox, client, tmp_path):
    media = write.upload_media(file(tmp_path, "cat.png", PNG), alt_text="A cat", client=client).media_uploads["id"]
    made = json.loads(write.create_post("Look", media_ids=media, client=client).writes["answer"][0])
    frames = xf.posts.get(made["id"], client=client)

    assert frames.post_media["media_key"].tolist() == frames.media["media_key"].tolist()
    assert frames.media["alt_text"].tolist() == ["A cat"]


@pytest.mark.parametrize("form", ["endpoints", "command", "both"])
def test_a_video_goes_in_chunks_in_the_form_the_server_knows(sandbox, client, video, form):
    sandbox.uploads.form = form
    frames = write.upload_media(video, client=client)

    found = kept(sandbox, frames)
    assert (found.sha256, found.size, found.category) == (sha(video), video.stat().st_size, "tweet_video")
    assert frames.writes["action"].tolist() == ["write.finalize_upload"]
    assert frames.media_uploads["media_key"].notna().all()


@pytest.mark.parametrize("credential", ["oauth1", "oauth2"])
def test_the_command_form_is_signed_right_whatever_the_credential(sandbox, video, credential):
    sandbox.uploads.form = "command"
    given = sandbox.oauth1 if credential == "oauth1" else sandbox.user_token
    with Client(**{credential: given}, base_url=sandbox.url, writes=True) as client:
        assert kept(sandbox, write.upload_media(video, client=client)).ready


@pytest.mark.parametrize("case", [("loop.gif", GIF, "tweet_gif"), ("talk.srt", SRT, "subtitles")], ids=["gif", "srt"])
def test_gifs_and_subtitles_go_in_chunks(sandbox, client, tmp_path, case):
    name, body, category = case
    found = kept(sandbox, write.upload_media(file(tmp_path, name, body), client=client))
    assert (found.category, found.ready) == (category, True)
    assert ("POST", "write.initialize_upload") in field_params(sandbox)


def test_x_is_asked_again_until_a_video_is_processed(sandbox, client, video):
    ticks = iter(range(10_000))
    sandbox.uploads.processing_seconds, sandbox.uploads.check_after_secs = 40, 5
    start = sandbox.uploads.clock()
    client.sleep = lambda seconds: (client.slept.append(seconds), next(ticks))
    sandbox.uploads.clock = lambda: start + sum(client.slept)
    frames = write.upload_media(video, client=client)

    assert client.slept == [5] * 8
    assert frames.observations["media_uploads"]["state"].to_pylist() == ["pending", "succeeded"]
    assert field_params(sandbox)[-1] == ("GET", "media.upload_status")


def test_a_file_x_cannot_process_is_an_error(sandbox, client, video):
    sandbox.uploads.fails = "no video track"
    with pytest.raises(errors.InvalidRequest, match=r"clip\.mp4.*no video track"):
        write.upload_media(video, client=client)


def test_a_video_that_is_processed_for_ever_is_not_waited_for_for_ever(sandbox, client, video):
    sandbox.uploads.processing_seconds, sandbox.uploads.check_after_secs = 10**6, 60
    with pytest.raises(errors.XframesError, match=r'xf\.media\.upload_status\("[0-9]+"\)'):
        write.upload_media(video, client=client)
    assert sum(client.slept) == 3600


@pytest.mark.parametrize("kind", ["503", "reset", "cut", "html"])
def test_a_chunk_that_fails_is_sent_again(sandbox, client, video, kind):
    sandbox.faults.add(Fault(kind, at=2, path=APPEND))
    found = kept(sandbox, write.upload_media(video, client=client))

    assert found.sha256 == sha(video)
    assert field_params(sandbox).count(("POST", "write.append_upload")) == 4


@pytest.mark.parametrize("kind", ["503", "cut"])
def test_every_step_of_an_upload_may_fail_once(sandbox, client, video, kind):
    for path in ("/2/media/upload/initialize", "/2/media/upload/*/finalize", "/2/media/upload"):
        sandbox.faults.add(Fault(kind, at=1, path=path))
    sandbox.uploads.processing_seconds = 0.2
    client.sleep = __import__("time").sleep
    assert kept(sandbox, write.upload_media(video, client=client)).sha256 == sha(video)


def test_an_upload_whose_chunks_keep_failing_resumes_where_it_stopped(sandbox, client, video):
    sandbox.faults.add(Fault("503", at=2, times=3, path=APPEND))
    with pytest.raises(errors.Interrupted, match=r'1 of 3 chunks.*media_id="[0-9]+"') as caught:
        write.upload_media(video, client=client)
    before = field_params(sandbox).count(("POST", "write.append_upload"))
    frames = caught.value.resume()

    assert kept(sandbox, frames).sha256 == sha(video)
    assert field_params(sandbox).count(("POST", "write.append_upload")) == before + 2
    assert field_params(sandbox).count(("POST", "write.initialize_upload")) == 1


def test_another_process_goes_on_with_an_upload_by_its_archive(sandbox, client, video, tmp_path):
    sandbox.faults.add(Fault("503", at=3, times=3, path=APPEND))
    with pytest.raises(errors.Interrupted):
        write.upload_media(video, client=client, into=xf.Archive(tmp_path / "a"))
    before = field_params(sandbox).count(("POST", "write.append_upload"))
    archive = xf.Archive(tmp_path / "a")
    media_id = archive.frame("media_uploads")["id"].iloc[0]
    frames = write.upload_media(video, media_id=media_id, client=client, into=archive)

    assert kept(sandbox, frames).sha256 == sha(video)
    assert field_params(sandbox).count(("POST", "write.append_upload")) == before + 1
    assert archive.runs()["state"].tolist() == ["interrupted", "done"]
    assert archive.frame("media_uploads")["id"].tolist() == [media_id]


def test_subtitles_are_uploaded_added_and_taken_off(sandbox, client, video, tmp_path):
    media = write.upload_media(video, client=client).media_uploads["id"].iloc[-1]
    write.add_subtitles(media, file(tmp_path, "talk.srt", SRT), "EN", display_name="English", client=client)
    found = sandbox.community.uploads[int(media)]
    assert found.subtitles["EN"]["display_name"] == "English"

    write.delete_subtitles(media, "EN", client=client)
    assert found.subtitles == {}


@pytest.mark.parametrize("case", [
    ("none.png", None, None, "No such file"),
    ("empty.png", b"", None, "is empty"),
    ("notes.txt", b"just words", None, "video/quicktime"),
    ("cat.png", PNG, "tweet_video", "tweet_image or dm_image.*'tweet_video'"),
    ("large.png", PNG + bytes(5 * MB), None, r"5,242,880.*tweet_image"),
    ("large.gif", GIF + bytes(15 * MB), None, r"15,728,640.*tweet_gif"),
    ("cat.png", PNG, "poster", "media_category.*'poster'"),
], ids=lambda case: case[3][:20])
def test_files_x_would_refuse_are_refused_here(sandbox, client, tmp_path, case):
    name, body, category, message = case
    path = tmp_path / name if body is None else file(tmp_path, name, body)
    with pytest.raises(errors.ArgumentError, match=message):
        write.upload_media(path, media_category=category, client=client)
    assert sandbox.requests == []


def test_a_video_has_its_limit_too(tmp_path):
    path = file(tmp_path, "long.mp4", b"\x00\x00\x00\x18ftypmp42")
    os.truncate(path, 513 * MB)
    with pytest.raises(errors.ArgumentError, match="tweet_video"):
        media_file(path, None)
    assert media_file(path, "amplify_video").segments == 129
    os.truncate(path, 8000 * MB)
    assert media_file(path, "amplify_video").segments <= 1000


@pytest.mark.parametrize(("name", "body", "media_type"), [
    ("a.jpg", PNG, "image/png"), ("a", b"\xff\xd8\xff\xe0", "image/jpeg"), ("a", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ("a", b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"), ("a", b"\x1aE\xdf\xa3", "video/webm"), ("a", b"WEBVTT\n", "text/vtt"),
    ("a.SRT", SRT, "text/srt"), ("a.mp4", bytes(100), "video/mp4"), ("a", b"G" + bytes(187) + b"G", "video/mp2t"),
])
def test_what_a_file_is_is_told_by_its_content_first(tmp_path, name, body, media_type):
    assert media_file(file(tmp_path, name, body), None).media_type == media_type


def test_a_file_that_changes_while_it_is_uploaded_is_not_sent_mixed(sandbox, client, video):
    def grow(_):
        with video.open("ab") as more:
            more.write(b"more")

    sandbox.faults.add(Fault("503", at=1, path=APPEND))
    client.sleep = grow
    with pytest.raises(errors.ArgumentError, match=r"clip\.mp4"):
        write.upload_media(video, client=client)


def test_a_dry_run_of_an_upload_is_its_first_request(sandbox, client, video, tmp_path):
    image = write.upload_media(file(tmp_path, "cat.png", PNG), client=client, dry_run=True)
    first = write.upload_media(video, dry_run=True)

    assert (image.path, image.body, image.files) == ("/2/media/upload", {"media_category": "tweet_image"}, {"media": PNG})
    assert first.path == "/2/media/upload/initialize"
    assert first.body == {"media_type": "video/mp4", "total_bytes": video.stat().st_size, "media_category": "tweet_video"}
    assert sandbox.requests == []


@pytest.mark.slow
def test_a_50_mb_video_with_a_failed_chunk_and_slow_processing_completes(sandbox, tmp_path):
    path = file(tmp_path, "long.mp4", b"\x00\x00\x00\x18ftypmp42")
    with path.open("r+b") as sparse:
        for number in range(1, 50):
            sparse.seek(number * MB)
            sparse.write(b"chunk %d" % number)
        sparse.truncate(50 * MB)
    sandbox.uploads.processing_seconds = 3
    sandbox.faults.add(Fault("503", at=5, path=APPEND))
    archive = xf.Archive(tmp_path / "a")
    with Client(oauth1=sandbox.oauth1, base_url=sandbox.url, writes=True) as client:
        tracemalloc.start()
        frames = write.upload_media(path, client=client, into=archive, progress=False)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    found = kept(sandbox, frames)
    assert (found.sha256, found.size, found.ready) == (sha(path), 50 * MB, True)
    assert field_params(sandbox).count(("POST", "write.append_upload")) == 14
    assert field_params(sandbox).count(("GET", "media.upload_status")) >= 2
    assert frames.media_uploads["state"].iloc[-1] == "succeeded"
    assert archive.sql("select count(*) from writes where action = 'write.append_upload'").fetchall() == [(13,)]
    assert most < 45 * MB  # a few copies of a chunk, here and in the sandbox, never the file
    assert Path(path).stat().st_size == 50 * MB


# when the file is at X and what comes after fails --------------------------------------------------------------------

METADATA, STATUS = "/2/media/metadata", "/2/media/upload"


def sent(sandbox):
    """The requests that carried the file."""
    return [a for _, a in field_params(sandbox) if a in {"write.upload_media", "write.initialize_upload", "write.append_upload"}]


@contextlib.contextmanager
def refused(sandbox, path, status):
    """While it lasts, X answers this with that status."""
    sandbox.faults.add(Fault(str(status), path=path, times=100))
    yield
    sandbox.faults.clear()


@pytest.mark.parametrize("case", [("cat.png", 403, "resume"), ("cat.png", 503, "id"), ("clip.mp4", 503, "resume"), ("clip.mp4", 403, "archive")])
def test_a_description_that_fails_does_not_lose_the_upload(sandbox, client, video, tmp_path, case):
    name, status, how = case
    path = video if name == "clip.mp4" else file(tmp_path, name, PNG)
    into = xf.Archive(tmp_path / "a") if how == "archive" else None
    with refused(sandbox, METADATA, status), pytest.raises(errors.Interrupted) as caught:
        write.upload_media(path, alt_text="A cat", client=client, into=into)
    before, error = sent(sandbox), caught.value

    assert isinstance(error.__cause__, errors.Forbidden if status == 403 else errors.OutcomeUnknown)
    assert error.media_id in str(error)
    if how == "resume":
        frames = error.resume()
    else:
        frames = write.upload_media(path, alt_text="A cat", client=client, into=into, media_id=error.media_id)
    found = sandbox.community.uploads[int(error.media_id)]
    assert (found.media.alt, found.sha256) == ("A cat", sha(path))
    assert sent(sandbox) == before
    assert set(frames["media_uploads"]["id"].to_pylist()) == {error.media_id}


def test_a_question_how_far_it_is_that_fails_can_be_asked_again(sandbox, client, video):
    sandbox.uploads.processing_seconds = 10**6
    with refused(sandbox, STATUS, 500), pytest.raises(errors.Interrupted) as caught:
        write.upload_media(video, client=client)
    before = sent(sandbox)
    sandbox.community.uploads[int(caught.value.media_id)].processed = (0, 1)
    frames = caught.value.resume()

    assert isinstance(caught.value.__cause__, errors.Unavailable)
    assert frames.observations["media_uploads"]["state"].to_pylist() == ["pending", "succeeded"]
    assert sent(sandbox) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, "patience"])
def test_a_wait_that_ends_early_can_be_gone_on_with(sandbox, client, video, error):
    sandbox.uploads.processing_seconds, sandbox.uploads.check_after_secs = 10**6, 60

    def stop(_):
        raise KeyboardInterrupt

    client.sleep = stop if error is KeyboardInterrupt else client.sleep
    with pytest.raises(errors.Interrupted) as caught:
        write.upload_media(video, client=client)
    sandbox.community.uploads[int(caught.value.media_id)].processed = (0, 1)
    client.sleep = lambda _: None
    assert caught.value.resume().media_uploads["state"].tolist()[-1] == "succeeded"


def test_a_file_x_cannot_process_is_named_by_its_media_id(sandbox, client, video):
    sandbox.uploads.fails = "no video track"
    with pytest.raises(errors.InvalidRequest) as caught:
        write.upload_media(video, client=client)
    assert caught.value.media_id == str(max(sandbox.community.uploads))
    assert caught.value.media_id in str(caught.value)


def test_subtitles_that_were_uploaded_and_not_added_are_not_uploaded_again(sandbox, client, video, tmp_path):
    media = write.upload_media(video, client=client).media_uploads["id"].iloc[-1]
    path = file(tmp_path, "talk.srt", SRT)
    with refused(sandbox, "/2/media/subtitles", 403), pytest.raises(errors.Interrupted) as caught:
        write.add_subtitles(media, path, "EN", client=client)
    before = sent(sandbox)
    caught.value.resume()

    assert sandbox.community.uploads[int(media)].subtitles["EN"]["id"] == caught.value.media_id
    assert sent(sandbox) == before
