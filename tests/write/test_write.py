"""The companion: every write's function, its request, its row; rules of the stream."""

from __future__ import annotations

import inspect
import json
import typing

import pytest
import requests
from click.testing import CliRunner

import xframes as xf
from tests.declared import minimal
from tests.writing import Server, answer
from xframes import errors, registry, write
from xframes.cli import main
from xframes.client import Client
from xframes.collect.dispatch import annotation
from xframes.write.sending import Written

LISTED = [a for a in registry.ACTIONS.values() if a.kind == "write" and a.listed]
FUNCTIONS = [*LISTED, registry.action("write.add_stream_rules")]
HANDLING = ("into", "client", "dry_run")  # arguments of every write that are no part of its request
EXTRA = {"upload_media": {"media_id", "progress"}}  # what functions take for themselves


@pytest.fixture
def server():
    return Server()


# functions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", FUNCTIONS, ids=lambda a: a.name)
def test_a_writes_function_takes_what_its_action_declares(action):
    name = action.name.removeprefix("write.")
    taken = inspect.signature(getattr(write, name)).parameters

    assert set(taken) == {p.name for p in action.params} | set(HANDLING) | EXTRA.get(name, set())
    assert [p for p in taken.values() if p.default is p.empty and not action.param(p.name).required] == []
    assert [p.name for p in action.params if p.required and taken[p.name].default is not inspect.Parameter.empty] == []
    assert taken["dry_run"].default is False


@pytest.mark.parametrize("action", FUNCTIONS, ids=lambda a: a.name)
def test_a_writes_function_is_typed_as_its_action_declares(action):
    function = getattr(write, action.name.removeprefix("write."))
    shown = inspect.signature(function, eval_str=True)
    own = [("write.add_subtitles", "subtitles_media_id")]  # takes a file as well

    for param in action.params:
        taken = shown.parameters[param.name]
        if param.kind != "json" and (action.name, param.name) not in own:
            wanted = annotation(param)
            assert taken.annotation in {wanted, wanted | None}
            assert (taken.default is taken.empty) == param.required
    assert shown.return_annotation == Written
    returned = {}
    for overload in typing.get_overloads(function):
        *same, dry_run = inspect.signature(overload).parameters.values()
        assert same == list(inspect.signature(function).parameters.values())[:-1]
        returned[dry_run.annotation] = inspect.signature(overload).return_annotation
    assert returned == {"Literal[False]": "Frames", "Literal[True]": "Request", "bool": "Written"}


@pytest.mark.parametrize("action", [a for a in FUNCTIONS if a.name != "write.upload_media"], ids=lambda a: a.name)
def test_every_argument_of_a_write_arrives_in_its_request(action):
    function = getattr(write, action.name.removeprefix("write."))
    for param in action.params:
        arguments = minimal(action, param)
        assert function(**arguments, dry_run=True).args.keys() == arguments.keys()


def test_all_writes_stand_in_the_companion_and_nothing_else_imports_it():
    assert {a.name.removeprefix("write.") for a in FUNCTIONS} <= set(write.__all__)
    assert write.__all__ == sorted(write.__all__)
    assert "write" not in xf.__all__


BODIES = [
    ("like", {"post_id": 5}, "POST /2/users/7/likes", {"tweet_id": "5"}),
    ("unlike", {"post_id": "5"}, "DELETE /2/users/7/likes/5", None),
    ("repost", {"post_id": "5", "my_id": "8"}, "POST /2/users/8/retweets", {"tweet_id": "5"}),
    ("undo_repost", {"post_id": "5"}, "DELETE /2/users/7/retweets/5", None),
    ("bookmark", {"post_id": "5", "folder_id": "6"}, "POST /2/users/7/bookmarks", {"tweet_id": "5", "folder_id": "6"}),
    ("remove_bookmark", {"post_id": "5"}, "DELETE /2/users/7/bookmarks/5", None),
    ("follow", {"user_id": "5"}, "POST /2/users/7/following", {"target_user_id": "5"}),
    ("unfollow", {"user_id": "5"}, "DELETE /2/users/7/following/5", None),
    ("mute", {"user_id": "5"}, "POST /2/users/7/muting", {"target_user_id": "5"}),
    ("unmute", {"user_id": "5"}, "DELETE /2/users/7/muting/5", None),
    ("unhide_reply", {"post_id": "5"}, "PUT /2/tweets/5/hidden", {"hidden": False}),
    ("follow_list", {"list_id": "5"}, "POST /2/users/7/followed_lists", {"list_id": "5"}),
    ("unpin_list", {"list_id": "5"}, "DELETE /2/users/7/pinned_lists/5", None),
    ("add_list_member", {"list_id": "5", "user_id": "6"}, "POST /2/lists/5/members", {"user_id": "6"}),
    ("remove_list_member", {"list_id": "5", "user_id": "6"}, "DELETE /2/lists/5/members/6", None),
    ("create_list", {"name": "Seen", "private": True}, "POST /2/lists", {"name": "Seen", "private": True}),
    ("update_list", {"list_id": "5", "description": ""}, "PUT /2/lists/5", {"description": ""}),
    ("send_message", {"participant_id": "5", "text": "hi", "media_ids": "6"},
     "POST /2/dm_conversations/with/5/messages", {"text": "hi", "attachments": [{"media_id": "6"}]}),
    ("create_conversation", {"participant_ids": [5, 6], "text": "hi"}, "POST /2/dm_conversations",
     {"participant_ids": ["5", "6"], "message": {"text": "hi"}, "conversation_type": "Group"}),
    ("create_post", {"text": "which?", "poll_options": ["a", "b"], "poll_duration_minutes": 60,
                     "reply_settings": "following", "place_id": "abc"}, "POST /2/tweets",
     {"text": "which?", "poll": {"options": ["a", "b"], "duration_minutes": 60}, "reply_settings": "following",
      "geo": {"place_id": "abc"}}),
    ("create_post", {"text": "yes", "reply_to_post_id": 5, "media_ids": ["8", "9"], "paid_partnership": True},
     "POST /2/tweets", {"text": "yes", "reply": {"in_reply_to_tweet_id": "5"}, "media": {"media_ids": ["8", "9"]},
                        "paid_partnership": True}),
    ("delete_post", {"post_id": "5"}, "DELETE /2/tweets/5", None),
    ("set_media_metadata", {"media_id": "5", "alt_text": "a cat"}, "POST /2/media/metadata",
     {"id": "5", "metadata": {"alt_text": {"text": "a cat"}}}),
    ("delete_subtitles", {"media_id": "5", "language_code": "EN"}, "DELETE /2/media/subtitles",
     {"id": "5", "language_code": "EN", "media_category": "TweetVideo"}),
    ("create_compliance_job", {"type": "tweets", "name": "july"}, "POST /2/compliance/jobs",
     {"type": "tweets", "name": "july"}),
    ("add_stream_rules", {"rules": ["cats", {"value": "dogs", "tag": "d"}]}, "POST /2/tweets/search/stream/rules",
     {"add": [{"value": "cats"}, {"value": "dogs", "tag": "d"}]}),
    ("delete_stream_rules", {"values": "cats lang:en"}, "POST /2/tweets/search/stream/rules",
     {"delete": {"values": ["cats lang:en"]}}),
]


@pytest.mark.parametrize(("name", "arguments", "endpoint", "body"), BODIES, ids=[b[0] for b in BODIES])
def test_a_write_makes_one_request_and_one_row(server, name, arguments, endpoint, body):
    server.respond = lambda _: answer(200, {"data": {"id": "1"}})
    frames = xf.call(f"write.{name}", **arguments, client=server.client)

    (sent,) = server.writes
    assert f"{sent.method} {sent.path}" == endpoint
    assert sent.body == body
    assert frames.main == "writes"
    assert len(frames) == 1
    row = frames.writes.iloc[0]
    assert (row["action"], row["status"], json.loads(row["answer"])) == (f"write.{name}", 200, {"id": "1"})
    assert arguments.keys() <= json.loads(row["arguments"]).keys()
    assert frames.tables["problems"] == 0


def test_a_dry_run_sends_nothing_and_gives_the_request(server):
    request = write.like("5", client=server.client, dry_run=True)

    assert (request.method, request.path, request.body) == ("POST", "/2/users/{id}/likes", {"tweet_id": "5"})
    assert write.like("5", my_id="7", dry_run=True).path == "/2/users/7/likes"
    assert server.field_params == []


def test_whose_account_it_is_is_asked_once(server):
    for post in ("5", "6"):
        write.like(post, client=server.client)
    write.mute("8", client=server.client)

    assert [r.path for r in server.field_params].count("/2/users/me") == 1


def test_a_client_writes_only_when_it_was_made_to():
    server = Server(writes=False)
    with pytest.raises(errors.ArgumentError, match=r"write\.like.*writes=True"):
        write.like("5", client=server.client)
    with pytest.raises(errors.ArgumentError, match="writes=True"):
        write.bulk(write.like, ["5"], client=server.client)
    assert server.field_params == []


@pytest.mark.parametrize(("name", "arguments", "message"), [
    ("create_post", {}, "one of text, media_ids is required"),
    ("create_post", {"text": "x", "poll_options": ["a", "b"]}, "poll_options needs poll_duration_minutes"),
    ("create_post", {"text": "x", "poll_options": ["a"], "poll_duration_minutes": 5}, "poll_options: .*2 items.*1"),
    ("create_post", {"text": "x", "media_ids": ["1"], "quote_post_id": "2"}, "exclude each other"),
    ("create_post", {"text": "x", "colour": "red"}, "'colour'"),
    ("like", {"post_id": 1.5}, "post_id.*float"),
    ("like", {}, "post_id is required"),
    ("update_list", {"list_id": "1"}, "one of name, description, private is required"),
    ("append_upload", {"media_id": "1"}, "write.upload_media"),
    ("add_stream_rules", {"rules": [{"value": "a", "colour": "red"}]}, "item 0.*'colour'"),
    ("add_stream_rules", {"rules": ["a", {"value": "a", "tag": "b"}]}, "two tags"),
])
def test_what_x_would_refuse_is_refused_before_anything_is_asked(server, name, arguments, message):
    with pytest.raises(errors.ArgumentError, match=message):
        xf.call(f"write.{name}", **arguments, client=server.client)
    assert server.field_params == []


def test_a_post_that_was_made_is_no_observation_of_a_post():
    server = Server(lambda _: answer(201, {"data": {"id": "99", "text": "hello", "edit_history_tweet_ids": ["99"]}}))
    frames = write.create_post("hello", client=server.client)

    assert frames.tables | {"writes": 0, "requests": 0} == dict.fromkeys(frames.tables, 0)
    assert json.loads(frames.writes["answer"][0])["id"] == "99"


@pytest.mark.parametrize("lost", [requests.ReadTimeout("read"), answer(503, {"title": "Service Unavailable"}),
                                  answer(200, b"<html>"), requests.ConnectionError("reset")])
def test_a_write_without_an_answer_is_not_sent_again_and_says_where_to_look(lost):
    server = Server(lambda _: lost)
    with pytest.raises(errors.OutcomeUnknown, match=r"xf\.timelines\.user"):
        write.create_post("hello", client=server.client)
    assert len(server.writes) == 1


def test_an_answer_without_a_body_is_a_yes():
    frames = write.unlike("5", client=Server(lambda _: answer(204, b"")).client)
    assert (len(frames), frames.tables["problems"]) == (1, 0)


def test_an_answer_that_refuses_with_200_is_an_error(tmp_path):
    refusal = {"errors": [{"title": "Not Found Error", "detail": "There is no such post.", "value": "5",
                           "type": "https://api.x.com/2/problems/resource-not-found"}]}
    archive = xf.Archive(tmp_path / "a")
    with pytest.raises(errors.InvalidRequest, match=r"'5'.*There is no such post") as caught:
        write.like("5", client=Server(lambda _: answer(200, refusal)).client, into=archive)

    assert caught.value.problems == refusal["errors"]
    assert archive.frame("problems")["kind"].tolist() == ["resource-not-found"]


# archives ------------------------------------------------------------------------------------------------------------


def test_writes_stand_in_an_archive_and_survive_a_rebuild(server, tmp_path):
    archive = xf.Archive(tmp_path / "a")
    write.like("5", client=server.client, into=archive)
    write.create_list("Seen", client=server.client, into=archive)

    def told():
        return archive.sql("select action, arguments, status from writes order by action").fetchall()

    before = told()
    assert before == [("write.create_list", '{"name": "Seen"}', 200),
                      ("write.like", '{"my_id": "7", "post_id": "5"}', 200)]
    assert archive.runs()[["action", "state", "page_count"]].values.tolist() == [
        ["write.like", "done", 1], ["write.create_list", "done", 1]]
    archive.rebuild()
    assert told() == before
    assert archive.verify().ok


def test_a_write_whose_outcome_is_unknown_is_noted_in_the_archive(tmp_path):
    archive = xf.Archive(tmp_path / "a")
    with pytest.raises(errors.OutcomeUnknown):
        write.create_post("hello", client=Server(lambda _: requests.ReadTimeout("read")).client, into=archive)

    (run,) = archive.runs().to_dict("records")
    assert (run["action"], run["state"]) == ("write.create_post", "failed")
    assert json.loads(run["arguments"]) == {"text": "hello"}
    assert "outcome is unknown" in run["error"]
    with pytest.raises(errors.ArchiveError, match="`writes`"):
        archive.resume(run["run_id"])


def test_into_takes_archives_only(server):
    with pytest.raises(errors.ArgumentError, match="into"):
        write.like("5", client=server.client, into="my-archive")
    assert server.writes == []


# rules ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def rules():
    with xf.sandbox.start(posts=60, users=20, rate_limits=False) as sandbox:
        yield sandbox


@pytest.fixture
def app(rules):
    with Client(rules.bearer_token, base_url=rules.url, writes=True, on_wait=lambda *_: None) as client:
        yield client


def there(client):
    frame = xf.streams.rules(client=client).stream_rules
    return {(r["value"], r["tag"] if isinstance(r["tag"], str) else None) for r in frame.to_dict("records")}


def test_rules_are_added_and_deleted_by_value_and_by_id(app):
    frames = write.add_stream_rules(["coffee", {"value": "tea", "tag": "t"}, "water"], client=app)
    made = dict(frames.stream_rules[["value", "id"]].values.tolist())

    assert there(app) == {("coffee", None), ("tea", "t"), ("water", None)}
    write.delete_stream_rules("coffee", client=app)
    write.delete_stream_rules(ids=[made["tea"]], client=app)
    assert there(app) == {("water", None)}


def test_a_dry_run_at_x_changes_nothing_there(app):
    frames = write.add_stream_rules(["coffee", "from:"], server_dry_run=True, client=app)

    assert frames.tables["problems"] >= 1
    assert there(app) == set()


def test_rejected_rules_are_an_error_that_names_them(app, tmp_path):
    archive = xf.Archive(tmp_path / "a")
    write.add_stream_rules("coffee", client=app)
    with pytest.raises(errors.InvalidRequest, match=r"'coffee'.*\b1 other\b"):
        write.add_stream_rules(["coffee", "tea"], client=app, into=archive)
    assert there(app) == {("coffee", None), ("tea", None)}
    assert archive.tables["problems"] == 1
    with pytest.raises(errors.InvalidRequest):
        write.delete_stream_rules(ids=["1"], client=app)


def test_the_rules_are_made_equal_to_a_list(app, rules, tmp_path):
    archive = xf.Archive(tmp_path / "a")
    write.add_stream_rules([{"value": "coffee", "tag": "c"}, "tea", {"value": "water", "tag": "old"}], client=app)
    desired = [{"value": "coffee", "tag": "c"}, {"value": "water", "tag": "new"}, "milk"]
    found = write.set_stream_rules(desired, client=app, into=archive)

    told = {(r["change"], r["value"], r["tag"] if isinstance(r["tag"], str) else None) for r in found.to_dict("records")}
    assert told == {("kept", "coffee", "c"), ("deleted", "tea", None), ("deleted", "water", "old"),
                    ("added", "water", "new"), ("added", "milk", None)}
    assert found["id"].str.fullmatch("[0-9]+").all()
    assert there(app) == {("coffee", "c"), ("water", "new"), ("milk", None)}
    assert archive.tables["writes"] == 3  # milk added, tea and water deleted, water added with its new tag

    before = len(rules.requests)
    again = write.set_stream_rules(desired, client=app, into=archive)
    assert set(again["change"]) == {"kept"}
    assert [r.method for r in rules.requests[before:]] == ["GET"]
    assert write.set_stream_rules([], client=app)["change"].tolist() == ["deleted"] * 3
    assert there(app) == set()


def test_a_refused_rule_costs_none_of_those_in_force(app):
    write.add_stream_rules(["tea", {"value": "water", "tag": "old"}], client=app)
    with pytest.raises(errors.InvalidRequest, match="'from:'"):
        write.set_stream_rules(["coffee", {"value": "water", "tag": "new"}, "from:"], client=app)
    assert there(app) == {("tea", None), ("water", "old"), ("coffee", None)}

    write.set_stream_rules(["coffee", {"value": "water", "tag": "new"}], client=app)
    assert there(app) == {("coffee", None), ("water", "new")}


def test_full_rules_make_room_before_others_come(app):
    write.add_stream_rules([f"coffee {number}" for number in range(999)], client=app)
    desired = ["coffee 1", *(f"tea {number}" for number in range(999))]
    found = write.set_stream_rules(desired, client=app)

    assert found["change"].value_counts().to_dict() == {"added": 999, "deleted": 998, "kept": 1}
    assert there(app) == {(value, None) for value in desired}


# the shell -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(rules, monkeypatch, tmp_path):
    """The command, with a person's token for the sandbox."""
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "no-config.toml"))
    monkeypatch.setenv("XFRAMES_BASE_URL", rules.url)
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", rules.bearer_token)
    monkeypatch.setenv("XFRAMES_OAUTH2_ACCESS_TOKEN", rules.user_token)
    return lambda *words, **options: CliRunner().invoke(main, ["write", *map(str, words)], **options)


@pytest.mark.parametrize("action", FUNCTIONS, ids=lambda a: a.name)
def test_every_write_is_a_command_with_its_parameters(action):
    command = main.commands["write"].commands[action.name.removeprefix("write.").replace("_", "-")]
    assert {p.name for p in action.params} | {"yes", "dry_run", "folder"} <= {p.name for p in command.params}


def test_a_command_writes_and_keeps_the_answer(shell, rules, tmp_path):
    done = shell("create-list", "Observatories", "--private", "--yes", "--archive", tmp_path / "a", "--format", "json")

    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert (row["action"], json.loads(row["arguments"])) == ("write.create_list", {"name": "Observatories", "private": "true"})
    assert xf.Archive(tmp_path / "a").tables["writes"] == 1
    assert [r.action for r in rules.requests] == ["write.create_list"]


def test_a_command_changes_nothing_unless_told_to(shell, rules):
    done = shell("like", "5")
    assert done.exit_code == 2
    assert "--yes" in done.output
    assert "--dry-run" in done.output
    assert rules.requests == []


def test_a_dry_run_in_the_shell_prints_the_request(shell, rules, tmp_path):
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(92))
    image = json.loads(shell("upload-media", tmp_path / "cat.png", "--dry-run").output)
    added = json.loads(shell("add-stream-rules", '[{"value": "coffee", "tag": "c"}]', "--dry-run").output)

    assert image["files"] == {"media": "100 bytes"}
    assert added["body"] == {"add": [{"value": "coffee", "tag": "c"}]}
    assert rules.requests == []


def test_the_shell_refuses_rules_that_are_no_json(shell):
    done = shell("add-stream-rules", "coffee lang:en", "--yes")
    assert done.exit_code == 2
    assert "'coffee lang:en'" in done.output
