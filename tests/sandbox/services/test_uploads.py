"""The sandbox's uploads over HTTP."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import time

import psutil
import pytest

from tests.sandbox.servers import asking, processing
from xframes.sandbox import Fault
from xframes.sandbox.protocol.bodies import BodyError
from xframes.sandbox.services.upload_sessions import MB

UPLOAD = "/2/media/upload"
server = pytest.fixture(processing)


def begin(me, total, category="tweet_video", kind="video/mp4"):
    body = {"media_type": kind, "total_bytes": total, "media_category": category}
    return me("POST", f"{UPLOAD}/initialize", json=body).json()["data"]["id"]


def append(me, id, index, chunk):
    return me("POST", f"{UPLOAD}/{id}/append", data={"segment_index": index}, files={"media": ("blob", chunk)})


def status(me, id):
    return me("GET", UPLOAD, params={"command": "STATUS", "media_id": id}).json()["data"]


# uploads -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["multipart", "json"])
def test_an_image_is_uploaded_in_one_request(server, me, form):
    image = bytes(range(256)) * 8
    if form == "multipart":
        answer = me("POST", UPLOAD, data={"media_category": "tweet_image"}, files={"media": ("a.png", image)})
    else:
        answer = me("POST", UPLOAD, json={"media_category": "tweet_image", "media": base64.b64encode(image).decode()})
    made = answer.json()["data"]
    assert answer.status_code == 200
    assert made == {"id": made["id"], "media_key": f"3_{made['id']}", "size": 2048, "expires_after_secs": 86_400}
    kept = server.community.uploads[int(made["id"])]
    assert (kept.sha256, kept.ready, kept.media.kind) == (hashlib.sha256(image).hexdigest(), True, "photo")
    assert str(kept.owner_id) == server.user_id


def test_a_video_in_chunks_is_put_together_in_order_and_processed_for_a_while(server, me):
    chunks = [bytes([n]) * 1000 for n in range(5)]
    server.uploads.processing_seconds = 8
    began, states = time.time(), []
    server.uploads.clock = lambda: began + 0.5 * len(states)
    id = begin(me, 5000)
    for index in (3, 0, 4, 1, 2):
        answer = append(me, id, index, chunks[index])
        assert answer.json()["data"]["expires_at"] > time.time() + 1_000_000
    append(me, id, 2, chunks[2])  # sent again: in place of the first
    done = me("POST", f"{UPLOAD}/{id}/finalize").json()["data"]
    assert done["size"] == 5000
    assert done["processing_info"] == {"state": "pending", "progress_percent": 0, "check_after_secs": 1}
    assert not server.community.uploads[int(id)].ready
    states.append(done["processing_info"]["state"])
    while states[-1] not in {"succeeded", "failed"}:
        states.append(status(me, id)["processing_info"]["state"])
    assert list(dict.fromkeys(states)) == ["pending", "in_progress", "succeeded"]
    kept = server.community.uploads[int(id)]
    assert kept.sha256 == hashlib.sha256(b"".join(chunks)).hexdigest()
    assert (kept.ready, kept.media.kind, kept.media.key, kept.segments) == (True, "video", f"7_{id}", {})


def test_processing_can_fail_and_says_why(server, me):
    server.uploads.fails = "the video is upside down"
    id = begin(me, 3)
    append(me, id, 0, b"abc")
    me("POST", f"{UPLOAD}/{id}/finalize")
    time.sleep(0.3)
    info = status(me, id)["processing_info"]
    assert info["state"] == "failed"
    assert info["error"]["message"] == "the video is upside down"
    assert not server.community.uploads[int(id)].ready


def test_a_failed_chunk_can_be_sent_again(server, me):
    server.faults.add(Fault("503", at=2, path=f"{UPLOAD}/*/append"))
    id = begin(me, 6)
    assert [append(me, id, n, b"ab").status_code for n in (0, 1, 2)] == [200, 503, 200]
    refused = me("POST", f"{UPLOAD}/{id}/finalize")
    assert refused.status_code == 400
    assert "segments [0, 2], with gaps" in refused.json()["errors"][0]["message"]
    assert append(me, id, 1, b"ab").status_code == 200
    assert me("POST", f"{UPLOAD}/{id}/finalize").status_code == 200


def test_the_older_form_with_commands_does_the_same(server, me):
    server.uploads.form = "command"
    assert me("POST", f"{UPLOAD}/initialize", json={"media_type": "video/mp4", "total_bytes": 4}).status_code == 404
    made = me("POST", UPLOAD, data={"command": "INIT", "media_type": "video/mp4", "total_bytes": "4",
                                    "media_category": "tweet_video"}).json()["data"]
    for index, chunk in enumerate((b"ab", b"cd")):
        answer = me("POST", UPLOAD, data={"command": "APPEND", "media_id": made["id"], "segment_index": index},
                    files={"media": chunk})
        assert (answer.status_code, answer.content) == (204, b"")
    done = me("POST", UPLOAD, data={"command": "FINALIZE", "media_id": made["id"]}).json()["data"]
    assert done["size"] == 4
    assert server.community.uploads[int(made["id"])].sha256 == hashlib.sha256(b"abcd").hexdigest()
    server.uploads.form = "endpoints"
    assert me("POST", UPLOAD, data={"command": "INIT"}).status_code == 400
    assert me("POST", f"{UPLOAD}/initialize", json={"media_type": "video/mp4", "total_bytes": 4}).status_code == 200


@pytest.mark.parametrize(("body", "words"), [
    ({"media_type": "video/mp4"}, "total_bytes"), ({"total_bytes": 5}, "media_type"),
    ({"media_type": "video/avi", "total_bytes": 5}, "is not one of"),
    ({"media_type": "video/mp4", "total_bytes": 513 * MB}, "is not between 1 and 536870912"),
    ({"media_type": "image/gif", "total_bytes": 16 * MB, "media_category": "tweet_gif"}, "is not between"),
    ({"media_type": "image/png", "total_bytes": 6 * MB, "media_category": "tweet_image"}, "is not between"),
    ({"media_type": "image/png", "total_bytes": 0}, "is not between"),
    ({"media_type": "image/png", "total_bytes": 5, "media_category": "poster"}, "is not one of"),
    ({"media_type": "image/png", "total_bytes": 5, "colour": "red"}, "[colour] is not one of"),
])
def test_an_upload_beyond_the_limits_is_refused_before_it_begins(me, body, words):
    answer = me("POST", f"{UPLOAD}/initialize", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["errors"][0]["message"]


def test_chunks_that_do_not_fit_are_refused(server, me):
    id = begin(me, 4)
    assert append(me, id, 1000, b"ab").status_code == 400
    assert append(me, id, 0, b"").status_code == 400
    assert append(me, id, 0, b"x" * (server.uploads.chunk_most + 1)).status_code == 400
    assert append(me, "12", 0, b"ab").status_code == 400
    assert me("POST", f"{UPLOAD}/{id}/append", json={"segment_index": 0, "media": "!!!"}).status_code == 400
    assert me("POST", f"{UPLOAD}/{id}/append", json={"segment_index": 0}).status_code == 400
    assert append(me, id, 0, b"abc").status_code == 200
    short = me("POST", f"{UPLOAD}/{id}/finalize").json()
    assert "has 3 of the 4 bytes" in short["errors"][0]["message"]
    assert me("POST", f"{UPLOAD}/{id}/append", json={"segment_index": "1", "media": "ZA=="}).status_code == 200
    assert me("POST", f"{UPLOAD}/{id}/finalize").status_code == 200
    assert append(me, id, 2, b"x").status_code == 400


def test_an_upload_is_its_owners_and_needs_the_scope(server, me):
    id = begin(me, 4)
    other = next(p for p in server.community.people.values() if str(p.id) != server.user_id and p.standing == "active")
    they = asking(server, server.issue_token(user_id=str(other.id)).access_token)
    assert append(they, id, 0, b"abcd").status_code == 400
    assert they("GET", UPLOAD, params={"media_id": id}).status_code == 400
    reading = asking(server, server.issue_token(["tweet.read"]).access_token)
    assert "media.write" in reading("POST", f"{UPLOAD}/{id}/finalize").json()["detail"]
    assert asking(server, server.bearer_token)("POST", f"{UPLOAD}/{id}/finalize").status_code == 403


def test_alt_text_and_subtitles_become_those_of_the_media(server, me):
    picture = me("POST", UPLOAD, data={"media_category": "tweet_image"}, files={"media": b"png"}).json()["data"]["id"]
    said = me("POST", "/2/media/metadata", json={"id": picture, "metadata": {"alt_text": {"text": "a cup"}}}).json()
    assert said == {"data": {"id": picture, "associated_metadata": {"alt_text": {"text": "a cup"}}}}
    assert server.community.uploads[int(picture)].media.alt == "a cup"
    long = {"id": picture, "metadata": {"alt_text": {"text": "x" * 1001}}}
    assert me("POST", "/2/media/metadata", json=long).status_code == 400

    video = begin(me, 2)
    append(me, video, 0, b"ab")
    me("POST", f"{UPLOAD}/{video}/finalize")
    words = me("POST", UPLOAD, data={"media_category": "subtitles"}, files={"media": b"1\n"}).json()["data"]["id"]
    body = {"id": video, "media_category": "TweetVideo",
            "subtitles": {"id": words, "language_code": "EN", "display_name": "English"}}
    assert me("POST", "/2/media/subtitles", json=body).json()["data"] == {
        "id": video, "media_category": "TweetVideo", "associated_subtitles": [body["subtitles"]]}
    assert me("POST", "/2/media/subtitles", json=body | {"id": picture}).status_code == 400
    assert me("POST", "/2/media/subtitles", json=body | {"media_category": "tweet_video"}).status_code == 400
    gone = {"id": video, "media_category": "TweetVideo", "language_code": "EN"}
    assert me("DELETE", "/2/media/subtitles", json=gone).json() == {"data": {"deleted": True}}
    assert me("DELETE", "/2/media/subtitles", json=gone).json() == {"data": {"deleted": False}}


@pytest.mark.slow
def test_a_large_video_goes_to_disk_and_not_to_memory(server, me):
    server.uploads.chunk_most = 64 * MB
    piece = b"v" * MB
    before = psutil.Process().memory_info().rss

    id = begin(me, 320 * MB)
    for index in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        head = (f'--x\r\nContent-Disposition: form-data; name="segment_index"\r\n\r\n{index}\r\n--x\r\n'
                'Content-Disposition: form-data; name="media"; filename="v"\r\n\r\n').encode()
        body = iter([head, *[piece] * 64, b"\r\n--x--\r\n"])
        connection.request("POST", f"{UPLOAD}/{id}/append", body, {
            "Authorization": f"Bearer {server.user_token}", "Content-Type": "multipart/form-data; boundary=x",
        }, encode_chunked=True)
        assert connection.getresponse().status == 200
        connection.close()
    assert me("POST", f"{UPLOAD}/{id}/finalize").json()["data"]["size"] == 320 * MB
    assert psutil.Process().memory_info().rss - before < 64 * MB


def test_a_body_in_chunks_is_read_and_a_broken_one_ends_the_connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Authorization": f"Bearer {server.bearer_token}", "Content-Type": "application/json"}
    for _ in range(2):  # the connection goes on after a body in chunks
        body = iter([b'{"add":[{"va', b'lue":"coffee"}]}'])
        connection.request("POST", "/2/tweets/search/stream/rules", body, headers, encode_chunked=True)
        assert json.loads(connection.getresponse().read())["meta"]["summary"]["valid"] == 1
    connection.putrequest("POST", "/2/tweets/search/stream/rules")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"zz\r\n{}")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connection.getresponse()
    connection.close()
    assert issubclass(BodyError, ValueError)
