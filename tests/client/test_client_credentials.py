"""The client's secrets: where they come from, and that they never show."""

from __future__ import annotations

import logging
import pickle

import pytest
import requests

import xframes as xf
from tests.clients import KEYS, TOKEN, Scripted, answer
from xframes import errors, write
from xframes.auth import KINDS, Secret, redact
from xframes.auth.credentials import BEARER_NAMES
from xframes.client import Client, current, use
from xframes.registry import ACTIONS

pytestmark = pytest.mark.usefixtures("nowhere")

# secrets -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [
    answer(401, {"title": "Unauthorized", "detail": f"Bearer {TOKEN} is no token", "errors": [{"message": TOKEN}]}),
    requests.ConnectionError(f"cannot send Authorization: Bearer {TOKEN}"), OSError(TOKEN), answer(400, TOKEN.encode()),
    answer(503, {"title": TOKEN}), answer(302, b"", location=f"https://{TOKEN}.example/"),
])
def test_no_error_holds_a_secret(failure, caplog):
    caplog.set_level(logging.DEBUG)
    scripted = Scripted(*[failure] * 6)
    with pytest.raises(errors.XframesError) as caught:
        scripted.send()
    texts = [str(caught.value), repr(caught.value), repr(caught.value.problems), caplog.text, *scripted.told]
    error = caught.value
    while error is not None:
        texts += [repr(error), *map(str, error.args)]
        error = error.__context__ or error.__cause__
    assert TOKEN not in "\n".join(texts)
    assert repr(scripted.client) == "<Client https://api.x.com: app>"


def test_secrets_do_not_show_and_are_not_kept():
    client = Client(TOKEN)
    for shown in (repr(client), repr(client._credentials), repr(vars(client)), str(client._credentials.bearer_token)):
        assert TOKEN not in shown
    with pytest.raises(TypeError, match="Client"):
        pickle.dumps(client._credentials.bearer_token)
    client.close()


def test_redaction_knows_every_form():
    kept = Secret("s3cr3t/with+odd=signs")
    text = "s3cr3t/with+odd=signs s3cr3t%2Fwith%2Bodd%3Dsigns Basic " + "QWxhZGRpbjpvcGVuIHNlc2FtZQ== http://me:pw@proxy:3128"
    assert redact(text) == "*** *** Basic *** http://***@proxy:3128"
    assert repr(kept) == "***"


@pytest.mark.parametrize("bad", ["", "  ", "two words", "caf\u00e9", "line\nbreak"])
def test_what_cannot_be_a_token_is_refused_without_repeating_it(bad):
    with pytest.raises(errors.ConfigError) as caught:
        Client(bad)
    assert not bad.strip() or bad not in str(caught.value)


# where credentials come from -----------------------------------------------------------------------------------------


def bearer(client):
    client.close()
    return client._credentials.bearer_token.reveal()


@pytest.mark.parametrize(("text", "said"), [
    ("[default]\nbearer_token = AAAA-secret\n", "at line 2, column"), ("[default\nsecret", "at line 1, column"),
])
def test_where_a_config_file_is_wrong_is_told_and_not_what_it_holds(nowhere, text, said):
    nowhere.write_text(text)
    nowhere.chmod(0o600)
    with pytest.raises(errors.ConfigError, match=said) as caught:
        Client.from_env()
    assert "secret" not in str(caught.value)


def test_a_folder_is_no_config_file(nowhere):
    nowhere.mkdir()
    with pytest.raises(errors.ConfigError, match="is a folder"):
        Client.from_env()


def test_arguments_then_environment_then_config_file(nowhere, monkeypatch):
    with pytest.raises(errors.ConfigError, match=r"XFRAMES_BEARER_TOKEN.*xframes demo"):
        Client.from_env()
    nowhere.write_text('[default]\nbearer_token = "from-the-file"\nbase_url = "https://file.example"\n')
    nowhere.chmod(0o600)
    client = Client.from_env()
    assert bearer(client) == "from-the-file"
    assert client.base_url == "https://file.example"
    for name in reversed(BEARER_NAMES):
        monkeypatch.setenv(name, f"from-{name}")
        assert bearer(Client()) == f"from-{name}"
    monkeypatch.setenv("XFRAMES_BASE_URL", "http://127.0.0.1:1/")
    client = Client("Bearer given")
    assert bearer(client) == "given"
    assert client.base_url == "http://127.0.0.1:1"
    assert bearer(current("search.recent")) == "from-XFRAMES_BEARER_TOKEN"
    use(client)
    assert current("search.recent") is client


def test_a_config_file_others_may_read_is_refused(nowhere):
    nowhere.write_text('[default]\nbearer_token = "x"\n')
    nowhere.chmod(0o644)
    with pytest.raises(errors.ConfigError, match="chmod 600"):
        Client.from_env()
    nowhere.chmod(0o600)
    for text, words in (("[default]\nbearer_token = 5\n", "bearer_token: .*text"), ("default = 1", "a table"), ("=", "TOML")):
        nowhere.write_text(text)
        with pytest.raises(errors.ConfigError, match=words):
            Client.from_env()


@pytest.mark.parametrize(
    "options", [{"base_url": "api.x.com"}, {"base_url": "ftp://x"}, {"words": "toot"}, {"query_limit": 0},
                {"query_limit": 9999}],
)
def test_senseless_options_are_refused(options):
    with pytest.raises((errors.ConfigError, errors.ArgumentError)):
        Client("key-of-no-one", **options)



# what is missing is told by the action that was asked ----------------------------------------------------------------

ARGUMENTS = {"id": "1", "ids": ["1"], "str": "coffee", "query": "coffee", "username": "X", "usernames": ["X"], "int": 1,
             "time": "2026-03-01T00:00:00Z", "keys": ["3_1"]}
GIVEN = {"media_key": "3_1", "space_id": "1a", "space_ids": ["1a"], "language_code": "EN", "rules": [{"value": "coffee"}],
         "subtitles_media_id": "2", "values": ["coffee"], "text": "hello", "name": "Observatories", "conversation_id": "1900000000000000001"}


def arguments_of(action, tmp_path):
    found = {p.name: GIVEN.get(p.name) or (p.choices[0] if p.choices else ARGUMENTS.get(p.kind)) for p in action.params
             if p.required}
    found |= {group[0]: GIVEN.get(group[0], "1") for group in action.needed}
    if "path" in found:
        found["path"] = tmp_path / "loop.gif"
        found["path"].write_bytes(b"GIF89a" + b"invented" * 100)
    if "end_time" in found:
        found["end_time"] = "2026-03-02T00:00:00Z"
    return found


@pytest.mark.parametrize("action", [a for a in ACTIONS.values() if a.step_of is None], ids=lambda a: a.name)
def test_missing_credentials_name_the_action_and_the_kinds_it_takes(action, tmp_path):
    def send(request):
        raise AssertionError(f"{request} is sent")

    others = {"app": {"bearer_token": TOKEN}, "oauth1": {"oauth1": KEYS}, "oauth2": {"oauth2": "token"}}
    lacking = [kind for kind in others if kind not in action.auth and not (kind == "oauth1" and "app" in action.auth)]
    arguments = arguments_of(action, tmp_path)
    clients = [None, Client(writes=True), *(Client(**others[k], writes=True, transport=send) for k in lacking)]
    for client in clients:
        with pytest.raises(errors.ConfigError) as caught:
            xf.call(action.name, **arguments, **({} if client is None else {"client": client}))
        assert str(caught.value).startswith(action.name)
        for kind, (words, _) in KINDS.items():
            wanted = str(caught.value).partition("; this client holds")[0]
            assert (words in wanted) == (kind in action.auth)


def test_what_goes_on_names_the_action_it_goes_on_with(tmp_path):
    archive = xf.Archive(tmp_path / "a")
    found = Scripted(answer(body={"data": [{"id": "1"}], "meta": {"next_token": "t"}}), OSError(), retries=1)
    with pytest.raises(errors.Interrupted) as caught:
        xf.search.recent("q", client=found.client, into=archive)
    for client in (None, Client()):
        with pytest.raises(errors.ConfigError) as told:
            archive.resume(caught.value.run_id, client)
        assert str(told.value).startswith("search.recent ")
    for call in (lambda: xf.hydrate(["1"], into=archive), lambda: archive.check(["1"])):
        with pytest.raises(errors.ConfigError) as told:
            call()
        assert str(told.value).startswith("posts.")
    for call in (lambda: write.bulk(write.like, ["1"]), lambda: write.run_compliance_job(["1"])):
        with pytest.raises(errors.ConfigError) as told:
            call()
        assert str(told.value).startswith("write.")
