"""The price card: packaged, fetched or named by a file; and rates of what it does not say."""

import json
from datetime import UTC, datetime

import pytest

import xframes as xf
from tests.clients import answering
from xframes import registry
from xframes.billing import card as cards
from xframes.billing.resources import resources
from xframes.client.live_card import fetch_card

LIVE = {"eventTypePricing": {"Post": 0.004, "User": 0.0125}, "requestTypePricing": {"CountsAll": 0.02, "ContentCreate": 0.03}}
DOLLAR = 1_000_000_000


@pytest.fixture(autouse=True)
def config(nowhere):
    return nowhere


def test_the_packaged_card():
    card = cards.load()
    assert card.main(registry.action("search.all"), owned=False) == cards.Rate(5_000_000, 5_000_000)
    assert card.main(registry.action("users.followers"), owned=True) == cards.Rate(1_000_000, 1_000_000)
    assert card.main(registry.action("search.all"), owned=True).low == 5_000_000
    assert card.request(registry.action("counts.all")) == cards.Rate(10_000_000, 10_000_000)
    assert card.dated.year == 2026


@pytest.mark.parametrize("name", ["users.me", "usage.posts", "users.bookmark_folders", "compliance.jobs", "streams.rules"])
def test_free_reads(name):
    card, action = cards.load(), registry.action(name)
    body = b'{"data": {"id": "1"}, "includes": {"tweets": [{"id": "2"}]}}'
    assert resources(action, body, card, owned=False) == []
    assert card.request(action) == cards.Rate()


@pytest.mark.parametrize(("name", "high"), [("media.lookup", 5_000_000), ("analytics.posts", 5_000_000), ("posts.liking_users", 1_000_000)])
def test_what_has_no_row_or_may_be_free_is_free_in_the_low_reading(name, high):
    card, action = cards.load(), registry.action(name)
    (found,) = resources(action, b'{"data": [{"id": "1"}]}', card, owned=False)
    assert found.rate == cards.Rate(0, high)


@pytest.mark.parametrize(("body", "rate"), [
    ({"text": "hello"}, (15, 15)), ({"text": "see https://t.co/x"}, (200, 200)), ({"text": "example.com"}, (15, 200)),
    ({"text": "hello", "reply": {"in_reply_to_tweet_id": "1"}}, (10, 15)), ({"text": "The end."}, (15, 15)),
])
def test_a_new_post_costs_by_its_text(body, rate):
    found = cards.load().request(registry.action("write.create_post"), body)
    assert (found.low, found.high) == tuple(amount * 1_000_000 for amount in rate)


def test_a_file_can_name_other_prices(monkeypatch, tmp_path):
    path = tmp_path / "card.json"
    path.write_text(json.dumps(LIVE))
    monkeypatch.setenv("XFRAMES_PRICES", str(path))
    card = cards.load()
    assert card.resource("User") == cards.Rate(12_500_000, 12_500_000)
    assert card.request(registry.action("write.create_post"), {"text": "a"}).low == 30_000_000
    assert card.request(registry.action("counts.recent")).low == 5_000_000
    assert card.resource("List") == cards.Rate(0, 5_000_000)  # no row: the earlier price in the high reading only
    for content in ("[]", "{", '{"eventTypePricing": {"Post": "free"}}', '{"eventTypePricing": {"Post": -1}}'):
        path.write_text(content)
        with pytest.raises(xf.errors.ConfigError):
            cards.load()


def test_the_live_card_is_fetched_without_credentials(config, monkeypatch):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", "secret-token")
    with answering() as server:
        seen = []

        def answer(handler, body):
            seen.append(dict(handler.headers))
            return 200, LIVE

        server.answer = answer
        url = f"http://127.0.0.1:{server.server_port}/card"
        fetched = fetch_card(url)
    assert "Authorization" not in seen[0]
    assert cards.load() == fetched
    assert fetched.dated == datetime.now(UTC).date()
    with pytest.raises(xf.errors.Unavailable):
        fetch_card(url)
    assert cards.load() == fetched


def test_a_fetched_card_that_is_older_than_the_packaged_one_is_not_used(config):
    cards.card_path().write_text(json.dumps({**LIVE, "fetched_at": "2026-01-05T00:00:00+00:00"}))
    assert cards.load().resource("Post").low == 5_000_000
