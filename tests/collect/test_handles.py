"""Handles in place of ids of users: the archive first, else one lookup."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

import xframes as xf
from tests.clients import NOW, TOKEN, answer
from xframes import errors, write
from xframes.client import Client
from xframes.wire import Page, Request

PEOPLE = {"ann_k": "11", "bob": "22", "cy": "33"}
NAMES = "/2/users/by"


class X:
    """A server with three people, which has the paths of all requests in `field_params`."""

    def __init__(self, **options):
        self.field_params = []
        self.client = Client(TOKEN, transport=self.answer, now=lambda: NOW, **options)

    def answer(self, request):
        self.field_params.append(request.path)
        names = request.params.get("usernames")
        if names is None:
            return answer(200, {"data": [{"id": "900", "text": "tea", "username": "fan"}], "meta": {}})
        users = [{"id": PEOPLE[n], "username": n.title()} for n in names.split(",") if n in PEOPLE]
        missing = [{"type": "resource-not-found", "resource_id": n} for n in names.split(",") if n not in PEOPLE]
        return answer(200, {"data": users, "errors": missing} if users else {"errors": missing})


@pytest.fixture
def x():
    return X()


@pytest.fixture
def archive(tmp_path):
    """An archive in which Ann had the handle of Bob before, and Bob has it now."""
    archive = xf.Archive(tmp_path / "a")
    for days, users in enumerate(([("11", "bob"), ("44", "dee")], [("22", "Bob"), ("11", "ann_k")])):
        body = json.dumps({"data": [{"id": id, "username": name} for id, name in users]}).encode()
        archive.add(Page(Request("GET", "/2/users", action="users.lookup"), body, NOW + timedelta(days)))
    return archive


@pytest.mark.parametrize("call", [
    xf.timelines.user, xf.timelines.mentions, xf.users.followers, xf.users.following, xf.users.get, xf.users.owned_lists,
])
def test_a_handle_costs_one_lookup(x, capsys, call):
    call("@Ann_K", client=x.client)
    assert x.field_params[0] == NAMES
    assert "/11" in x.field_params[1]
    assert len(x.field_params) == 2
    assert "@ann_k" in capsys.readouterr().err


def test_a_handle_that_the_archive_has_costs_nothing(x, archive, capsys):
    run = xf.users.followers("@ANN_k", into=archive, client=x.client)
    assert x.field_params == ["/2/users/11/followers"]
    assert archive.sql("select distinct followed_id from follows").fetchall() == [("11",)]
    assert run.rows == 1
    xf.timelines.user("@bob", into=archive, client=x.client)
    assert x.field_params[1:] == ["/2/users/22/tweets"]
    assert capsys.readouterr().err == ""


def test_a_looked_up_user_is_kept_in_the_archive(x, tmp_path):
    archive = xf.Archive(tmp_path / "new")
    for _ in range(2):
        xf.timelines.user("@cy", into=archive, client=x.client)
    assert x.field_params == [NAMES, "/2/users/33/tweets", "/2/users/33/tweets"]
    assert archive.user_ids(["CY", "@bob"]) == {"cy": "33"}


def test_several_handles_cost_one_lookup(x, archive):
    xf.users.lookup(iter(["@ann_k", "@cy", "55", "@Bob"]), client=x.client)
    assert x.field_params == [NAMES, "/2/users"]
    page = xf.spaces.by_creators("@ann_k,77", into=archive, client=x.client).frames().pages[0]
    assert page.request.params["user_ids"] == "11,77"


def test_a_handle_that_x_does_not_have_is_named(x, archive):
    for into in (None, archive):
        with pytest.raises(errors.NotFound, match="@dora") as missing:
            xf.timelines.user("@dora", into=into, client=x.client)
        assert missing.value.action == "timelines.user"
    assert x.field_params == [NAMES] * 2


def test_nothing_is_looked_up_before_all_arguments_are_checked(x):
    with pytest.raises(errors.ArgumentError, match="start_time"):
        xf.timelines.user("@ann_k", start_time="yesterday", client=x.client)
    with pytest.raises(errors.ArgumentError):
        xf.timelines.user("@no such user", client=x.client)
    with pytest.raises(errors.ArgumentError, match="'@ann_k'"):  # a handle needs its @
        xf.timelines.user("ann_k", client=x.client)
    assert x.field_params == []


def test_removing_never_looks_up(x, archive):
    xf.use(x.client)
    try:
        with pytest.raises(errors.ArgumentError, match="@cy"):
            archive.remove(user_ids=["@cy"], reason="their wish")
        assert archive.remove(user_ids=["@ann_k"], reason="their wish")["users"] == 1
    finally:
        xf.use(None)
    assert x.field_params == []


def test_writes_take_handles_too(archive):
    x = X(writes=True, oauth2=None)
    with pytest.raises(errors.ArgumentError, match="@cy"):
        write.add_list_member("5", "@cy", client=x.client, dry_run=True)
    shown = write.add_list_member("5", "@ann_k", into=archive, client=x.client, dry_run=True)
    assert shown.body == {"user_id": "11"}
    assert x.field_params == []
    client = Client(oauth2="key-of-no-one", transport=x.answer, now=lambda: NOW, writes=True)
    write.add_list_member("5", "@cy", client=client)
    assert x.field_params == [NAMES, "/2/lists/5/members"]


def test_files_of_users_may_have_handles(x, archive, tmp_path):
    (tmp_path / "people.txt").write_text("@ann_k\n@cy\n55\n")
    fates = xf.hydrate(tmp_path / "people.txt", into=archive, table="users", client=x.client)
    assert fates["id"].tolist() == ["11", "33", "55"]
    assert fates["fate"][0] == "stored"
    assert x.field_params == [NAMES, "/2/users"]


def test_a_check_of_users_takes_handles(x, archive):
    with pytest.raises(errors.ArgumentError):
        archive.check(["@cy", "cy"], table="users", client=x.client)
    assert x.field_params == []
    fates = archive.check(["@ann_k", "@Cy", "22"], table="users", client=x.client)
    assert x.field_params[0] == NAMES
    assert len(x.field_params) == 2
    assert fates["id"].to_list() == ["11", "33", "22"]


def test_bulk_writes_take_handles(archive):
    x = X(writes=True, oauth1={"consumer_key": "k", "consumer_secret": "s", "access_token": "900-t",
                               "access_token_secret": "s"})
    with pytest.raises(errors.ArgumentError):
        write.bulk(write.follow, ["@cy", "cy"], into=archive, client=x.client)
    assert x.field_params == []
    done = write.bulk(write.follow, iter(["@bob", "@CY", "33"]), into=archive, client=x.client)
    assert [path for path in x.field_params if path == NAMES] == [NAMES]
    assert done.iloc[:, 0].to_list() == ["22", "33"]


def test_the_price_of_a_lookup_is_told(x, capsys):
    xf.timelines.user("@bob", client=x.client)
    assert "$0.01" in capsys.readouterr().err
