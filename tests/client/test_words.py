"""X's two vocabularies as a setting, and servers that know only one of them."""

from __future__ import annotations

import json
from typing import get_args
from urllib.parse import parse_qs, urlsplit

import pytest

import xframes as xf
from tests.cli.running import run
from tests.clients import NOW, Scripted, answer, answering
from xframes import errors
from xframes.auth.finding import found, unknown_settings
from xframes.plan import plan
from xframes.schema import Vocabulary, fields
from xframes.settings import WORDS

pytestmark = pytest.mark.usefixtures("nowhere")

PARAMETER = {"tweet": "tweet.fields", "post": "post.fields"}
OTHER = {"tweet": "post", "post": "tweet"}
NEXT = "next"


def configure(path, words):
    path.write_text(f"[default]\nwords = {json.dumps(words)}\n")
    path.chmod(0o600)


def refusal(name, value, message):
    """A 400 as X writes it."""
    return {
        "errors": [{"parameters": {name: [value]}, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": "https://api.twitter.com/2/problems/invalid-request",
    }


@pytest.fixture
def server(monkeypatch):
    """A server whose `knows` is the only vocabulary it takes; each search has two pages."""
    with answering() as made:
        made.knows, made.field_params = "post", []

        def reply(handler, _):
            query = {
                name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()
            }
            made.field_params.append(query)
            wrong = PARAMETER[OTHER[made.knows]]
            if wrong in query:
                allowed = f"query,max_results,next_token,expansions,{PARAMETER[made.knows]}"
                text = f"The query parameter [{wrong}] is not one of [{allowed}]"
                return 400, refusal(wrong, query[wrong], text)
            page = 2 if "next_token" in query else 1
            rows = [{"id": str(100 * page + n), "text": "t"} for n in range(10)]
            more = {"next_token": NEXT} if page == 1 else {}
            return 200, {"data": rows, "meta": {"result_count": 10, **more}}

        made.answer = reply
        monkeypatch.setenv("XFRAMES_BASE_URL", made.url)
        monkeypatch.setenv("XFRAMES_BEARER_TOKEN", "invented")
        yield made


def sent(server):
    """The vocabulary of the last request."""
    (words,) = [words for words, name in PARAMETER.items() if name in server.field_params[-1]]
    return words


# the setting --------------------------------------------------------------------------------------


def test_the_setting_has_the_values_of_the_schema():
    assert set(WORDS.values) == set(get_args(Vocabulary))


def test_arguments_then_environment_then_config_file(nowhere, monkeypatch):
    assert xf.Client("t").words == "tweet"
    configure(nowhere, "post")
    assert xf.Client("t").words == "post"
    assert xf.Client.from_env(bearer_token="t", words="tweet").words == "tweet"
    monkeypatch.setenv("XFRAMES_WORDS", "tweet")
    assert xf.Client("t").words == "tweet"
    assert xf.Client("t", words="post").words == "post"
    monkeypatch.setenv("XFRAMES_WORDS", " ")
    assert xf.Client("t").words == "post"
    configure(nowhere, "")
    assert xf.Client("t").words == "tweet"


@pytest.mark.parametrize("wrong", ["toot", "Post", "tweet,post"])
def test_another_value_is_refused_with_its_source(nowhere, monkeypatch, wrong):
    configure(nowhere, wrong)
    with pytest.raises(errors.ConfigError) as caught:
        xf.Client("t")
    assert all(
        part in str(caught.value) for part in ("config file", "words", "tweet", "post", wrong)
    )
    monkeypatch.setenv("XFRAMES_WORDS", wrong)
    with pytest.raises(errors.ConfigError) as caught:
        xf.Client("t")
    assert all(part in str(caught.value) for part in ("XFRAMES_WORDS", "tweet", "post", wrong))
    with pytest.raises(errors.ArgumentError):
        xf.Client("t", words=wrong)
    assert xf.Client("t", words="post").words == "post"


@pytest.mark.parametrize("wrong", [5, True, ["post"], {"is": "post"}])
def test_what_is_no_text_is_refused(nowhere, wrong):
    nowhere.write_text(f"[default]\nwords = {json.dumps(wrong).replace(':', ' =')}\n")
    nowhere.chmod(0o600)
    with pytest.raises(errors.ConfigError):
        xf.Client("t")


def test_it_is_a_known_setting(nowhere):
    configure(nowhere, "post")
    assert unknown_settings() == []
    assert [each.setting for each in found()] == ["words"]


# a server with one vocabulary ---------------------------------------------------------------------


@pytest.mark.parametrize("knows", ["tweet", "post"])
def test_the_refusal_says_how_to_switch(server, monkeypatch, knows):
    server.knows = knows
    with xf.Client(words=OTHER[knows]) as client, pytest.raises(errors.InvalidRequest) as caught:
        xf.search.recent("q", client=client)
    told = str(caught.value)
    assert all(
        part in told for part in (f'words="{knows}"', f"XFRAMES_WORDS={knows}", f"--words {knows}")
    )
    assert (caught.value.status, caught.value.action, caught.value.retryable) == (
        400,
        "search.recent",
        False,
    )
    monkeypatch.setenv("XFRAMES_WORDS", knows)
    assert len(xf.search.recent("q", limit=10).matches) == 10
    assert sent(server) == knows


def test_the_shell_takes_them_too(server, nowhere, monkeypatch, tmp_path):
    words = ("search", "recent", "q", "--limit", 10)
    refused = run(*words)
    assert refused.exit_code == 1
    assert "--words post" in refused.stderr
    assert run(*words, "--words", "post").exit_code == 0
    assert run(*words, "--words", "toot").exit_code == 2
    configure(nowhere, "post")
    assert run(*words, "--archive", tmp_path / "a").exit_code == 0
    assert sent(server) == "post"
    server.field_params.clear()
    run("check", "101", "--words", "tweet", "--archive", tmp_path / "a")
    assert sent(server) == "tweet"
    monkeypatch.setenv("XFRAMES_WORDS", "toot")
    refused = run(*words)
    assert refused.exit_code == 1
    assert "XFRAMES_WORDS" in refused.stderr
    assert "words" in run("doctor", "--offline").stdout


@pytest.mark.parametrize("place", ["memory", "archive", "shell"])
def test_a_collection_that_x_refuses_midway_is_resumed_in_the_other_words(server, tmp_path, place):
    server.knows = "tweet"
    archive = xf.Archive(tmp_path / "a")
    into = {} if place == "memory" else {"into": archive}

    class Changing(xf.Client):
        """X learns the new words, and forgets the old ones, after the first page."""

        def send(self, request):
            page = super().send(request)
            server.knows = "post"
            return page

    with Changing() as client, pytest.raises(errors.Interrupted) as caught:
        xf.search.recent("q", limit=20, client=client, progress=False, **into)
    assert 'words="post"' in str(caught.value)
    with pytest.raises(errors.Interrupted):
        caught.value.resume(client=xf.Client())
    with xf.Client(words="post") as client:
        if place == "memory":
            assert len(caught.value.resume(client=client).matches) == 20
        elif place == "archive":
            assert archive.resume(caught.value.run_id, client=client).rows == 20
        else:
            command = (
                "resume",
                caught.value.run_id,
                "--words",
                "post",
                "--archive",
                tmp_path / "a",
            )
            assert run(*command).exit_code == 0
    assert server.field_params[-1]["post.fields"] == ",".join(fields("post", "post"))
    assert server.field_params[-1]["next_token"] == NEXT


# which refusals mean the vocabulary ---------------------------------------------------------------

ALLOWED = "is not one of [id,text,created_at,tweet.fields,post.fields]"
MEANT = [
    ("post", {"errors": [{"message": f"The query parameter [tweet.fields] {ALLOWED}"}]}),
    ("post", {"title": "Invalid Request", "detail": "Unknown parameter: tweet.fields"}),
    (
        "post",
        {"errors": [{"parameter": "tweet.fields", "detail": "This parameter is not supported."}]},
    ),
    (
        "post",
        refusal(
            "user.fields",
            "pinned_tweet_id,name",
            f"The `user.fields` query parameter value [pinned_tweet_id] {ALLOWED}",
        ),
    ),
    (
        "post",
        refusal(
            "expansions",
            "referenced_tweets.id",
            f"The `expansions` query parameter value [referenced_tweets.id] {ALLOWED}",
        ),
    ),
    ("tweet", refusal("post.fields", "text", f"The query parameter [post.fields] {ALLOWED}")),
    (
        "tweet",
        refusal(
            "expansions",
            "referenced_posts",
            f"The `expansions` query parameter value [referenced_posts] {ALLOWED}",
        ),
    ),
    (None, refusal("query", "q", "Reference to invalid operator 'foo'.")),
    (None, refusal("foo", "1", f"The query parameter [foo] {ALLOWED}")),
    (
        None,
        refusal(
            "tweet.fields", "text,foo", f"The `tweet.fields` query parameter value [foo] {ALLOWED}"
        ),
    ),
    (
        None,
        refusal(
            "max_results",
            "500",
            "The `max_results` query parameter value [500] is not valid with `tweet.fields`",
        ),
    ),
    (None, {"title": "Invalid Request"}),
    (
        None,
        {"errors": [{"parameters": ["tweet"], "message": 5}, {"parameters": 7}], "detail": ["x"]},
    ),
]


@pytest.mark.parametrize(("advised", "body"), MEANT, ids=[str(n) for n, _ in enumerate(MEANT)])
def test_only_words_of_a_vocabulary_are_advised_on(advised, body):
    with pytest.raises(errors.InvalidRequest) as caught:
        Scripted(answer(400, body)).send()
    told = str(caught.value)
    assert [words for words in PARAMETER if f"XFRAMES_WORDS={words}" in told] == (
        [advised] if advised else []
    )


def test_streams_keep_the_old_words_so_that_no_advice_helps(server):
    with (
        xf.Client(words="post", retries=1) as client,
        pytest.raises(errors.InvalidRequest) as caught,
    ):
        xf.streams.sample(limit=1, client=client)
    assert "XFRAMES_WORDS" not in str(caught.value)


@pytest.mark.parametrize(("choice", "changes"), [("all", True), ("owner", True), (["text"], False)])
def test_a_plan_changes_its_words_but_not_a_choice_of_fields(choice, changes):
    arguments = {"query": "q", "fields": choice}
    plans = {words: plan("search.recent", arguments, now=NOW, words=words) for words in PARAMETER}
    clients = {words: xf.Client("t", words=words) for words in PARAMETER}
    for words, made in plans.items():
        assert made.in_words_of(clients[words]) is made
        assert made.in_words_of(object()) is made
        other = made.in_words_of(clients[OTHER[words]])
        assert (other == plans[OTHER[words]]) == changes
        assert changes or other is made
    streaming = plan("streams.sample", {}, now=NOW, words="tweet")
    assert streaming.in_words_of(clients["post"]) is streaming
