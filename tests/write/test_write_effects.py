"""Writes change what reads return: every one of the 31 by its name, over real HTTP, and read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import xframes as xf
from xframes import registry
from xframes.client import Client

SOURCE = Path(__file__).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sandbox():
    with xf.sandbox.start(posts=400, users=80, rate_limits=False) as made:
        made.uploads.processing_seconds = made.compliance.processing_seconds = 0
        yield made


@pytest.fixture(scope="module")
def client(sandbox):
    given = {"oauth1": sandbox.oauth1, "oauth2": sandbox.user_token, "base_url": sandbox.url}
    with Client(sandbox.bearer_token, **given, writes=True, on_wait=lambda *_: None) as made:
        yield made


@pytest.fixture(scope="module")
def do(client):
    """Write by name; X's answer."""

    def go(name, /, **arguments):
        frames = xf.call(f"write.{name}", **arguments, client=client)
        assert frames.tables["problems"] == 0
        assert frames.writes["action"].iloc[-1].startswith("write.")
        return json.loads(frames["writes"]["answer"][0].as_py() or "{}")

    return go


@pytest.fixture(scope="module")
def read(client):
    """Ids of a read's main rows."""

    def go(name, /, *, column="id", **arguments):
        action = registry.action(name)
        frames = xf.call(name, **arguments, client=client)
        return [] if not action.rows else frames[action.rows][column].to_pylist()

    return go


@pytest.fixture
def post(sandbox):
    """A post of somebody else's that everybody sees."""
    mine = int(sandbox.user_id)
    return str(next(p.id for p in reversed(sandbox.community.listed) if p.author.id != mine))


@pytest.fixture
def person(sandbox, read):
    taken = {sandbox.user_id, *read("users.following", user_id=sandbox.user_id), *read("users.muting"),
             *read("users.blocking")}
    return str(next(p.id for p in sandbox.community.people.values()
                    if p.standing == "active" and str(p.id) not in taken))


@pytest.mark.parametrize("case", [
    ("like", "unlike", "users.liked_posts"), ("bookmark", "remove_bookmark", "users.bookmarks"),
], ids=lambda case: case[0])
def test_what_is_done_to_a_post_is_seen_and_can_be_undone(do, read, sandbox, post, case):
    on, off, seen = case

    def there():
        return post in read(seen, user_id=sandbox.user_id)

    do(off, post_id=post)
    assert not there()
    do(on, post_id=post)
    assert there()
    do(off, post_id=post)
    assert not there()


def test_a_repost_is_seen_on_the_post_and_can_be_undone(do, read, sandbox, post):
    do("repost", post_id=post)
    assert sandbox.user_id in read("posts.reposted_by", post_id=post)
    do("undo_repost", post_id=post)
    assert sandbox.user_id not in read("posts.reposted_by", post_id=post)


@pytest.mark.parametrize("case", [
    ("follow", "unfollow", "users.following"), ("mute", "unmute", "users.muting"),
], ids=lambda case: case[0])
def test_what_is_done_to_a_person_is_seen_and_can_be_undone(do, read, sandbox, person, case):
    on, off, seen = case
    do(on, user_id=person)
    assert person in read(seen, user_id=sandbox.user_id)
    do(off, user_id=person)
    assert person not in read(seen, user_id=sandbox.user_id)


def test_a_post_is_published_answered_and_deleted(do, read, client, sandbox):
    made = do("create_post", text="The tide tables are wrong", poll_options=["yes", "no"], poll_duration_minutes=60)
    frames = xf.posts.get(made["id"], client=client)
    assert frames.posts["text"].tolist() == ["The tide tables are wrong"]
    assert frames.poll_options["label"].tolist() == ["yes", "no"]
    assert made["id"] in read("timelines.user", user_id=sandbox.user_id, limit=10)

    reply = do("create_post", text="Corrected", reply_to_post_id=made["id"])
    found = xf.posts.get(reply["id"], client=client).post_references
    assert found[["referenced_post_id", "type"]].values.tolist() == [[made["id"], "replied_to"]]

    do("delete_post", post_id=made["id"])
    assert read("posts.lookup", post_ids=[made["id"]]) == []


def test_a_reply_is_hidden_and_shown(do, sandbox):
    mine = do("create_post", text="Ask me about tides")["id"]
    reply = do("create_post", text="When is high water?", reply_to_post_id=mine)["id"]
    assert do("unhide_reply", post_id=reply, hidden=True) == {"hidden": True}
    assert do("unhide_reply", post_id=reply) == {"hidden": False}


def test_a_list_is_made_changed_filled_followed_pinned_and_deleted(do, read, client, sandbox, person):
    list_id = do("create_list", name="Observatories", private=False)["id"]
    me = sandbox.user_id
    assert list_id in read("users.owned_lists", user_id=me)
    do("update_list", list_id=list_id, description="Those that look up")
    assert xf.lists.get(list_id, client=client).lists["description"].tolist() == ["Those that look up"]
    do("add_list_member", list_id=list_id, user_id=person)
    assert read("lists.members", list_id=list_id) == [person]
    do("remove_list_member", list_id=list_id, user_id=person)
    assert read("lists.members", list_id=list_id) == []
    do("follow_list", list_id=list_id)
    assert list_id in read("users.followed_lists", user_id=me)
    do("unfollow_list", list_id=list_id)
    assert list_id not in read("users.followed_lists", user_id=me)
    do("pin_list", list_id=list_id)
    assert list_id in read("users.pinned_lists")
    do("unpin_list", list_id=list_id)
    assert list_id not in read("users.pinned_lists")
    do("delete_list", list_id=list_id)
    assert list_id not in read("users.owned_lists", user_id=me)


def test_messages_arrive(do, read, sandbox):
    people = [str(p.id) for p in sandbox.community.people.values() if p.standing == "active" and str(p.id) != sandbox.user_id]
    first = do("send_message", participant_id=people[0], text="Hello")
    assert first["dm_event_id"] in read("messages.with_participant", participant_id=people[0])
    group = do("create_conversation", participant_ids=people[:2], text="Hello, both")
    more = do("send_to_conversation", conversation_id=group["dm_conversation_id"], text="Still there?")
    found = read("messages.conversation", conversation_id=group["dm_conversation_id"])
    assert {group["dm_event_id"], more["dm_event_id"]} <= set(found)
    assert set(found) <= set(read("messages.events"))


def test_media_are_uploaded_described_subtitled_and_posted(do, read, client, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(5_000_000))
    (tmp_path / "talk.vtt").write_bytes(b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n")
    video = do("upload_media", path=tmp_path / "clip.mp4")["id"]
    words = do("upload_media", path=tmp_path / "talk.vtt")["id"]
    do("set_media_metadata", media_id=video, alt_text="The harbour at low water")
    do("add_subtitles", media_id=video, subtitles_media_id=words, language_code="EN", display_name="English")
    do("delete_subtitles", media_id=video, language_code="EN")
    made = do("create_post", media_ids=[video])
    frames = xf.posts.get(made["id"], client=client)
    assert frames.media[["type", "alt_text"]].values.tolist() == [["video", "The harbour at low water"]]


def test_rules_and_jobs_are_made_and_listed(do, read):
    do("add_stream_rules", rules=["tide"])
    assert "tide" in read("streams.rules", column="value")
    do("delete_stream_rules", ids=read("streams.rules"))
    assert read("streams.rules") == []
    job = do("create_compliance_job", type="users", name="july")
    assert job["id"] in read("compliance.jobs", type="users")


def test_no_listed_write_is_left_out_here():
    listed = [a.name.removeprefix("write.") for a in registry.ACTIONS.values() if a.kind == "write" and a.listed]
    assert len(listed) == 31
    assert [name for name in listed if f'"{name}"' not in SOURCE] == []
