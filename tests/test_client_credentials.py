"""The client's secrets: where they come from, and that they never show."""

from __future__ import annotations

import logging
import pickle

import pytest
import requests

from xframes import errors
from xframes.auth import Secret, redact
from xframes.auth.credentials import BEARER_NAMES
from xframes.client import Client, current, use

from .clients import TOKEN, Scripted, answer

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
    with pytest.raises(TypeError, match="not pickled"):
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
    with pytest.raises(errors.ConfigError, match=r"no credentials found; set one of: XFRAMES_BEARER_TOKEN.*xframes demo"):
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
    assert bearer(current()) == "from-XFRAMES_BEARER_TOKEN"
    use(client)
    assert current() is client


def test_a_config_file_others_may_read_is_refused(nowhere):
    nowhere.write_text('[default]\nbearer_token = "x"\n')
    nowhere.chmod(0o644)
    with pytest.raises(errors.ConfigError, match="chmod 600"):
        Client.from_env()
    nowhere.chmod(0o600)
    for text, words in (("[default]\nbearer_token = 5\n", "must be text"), ("default = 1", "a table"), ("=", "TOML")):
        nowhere.write_text(text)
        with pytest.raises(errors.ConfigError, match=words):
            Client.from_env()


@pytest.mark.parametrize(
    "options", [{"base_url": "api.x.com"}, {"base_url": "ftp://x"}, {"words": "toot"}, {"query_limit": 0},
                {"query_limit": 9999}],
)
def test_senseless_options_are_refused(options):
    with pytest.raises((errors.ConfigError, errors.ArgumentError)):
        Client("token", **options)

