"""Fetch X's live price card. It is on another host than the API and needs no credentials."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import requests
import urllib3

from xframes.auth.sessions import late, session_for
from xframes.billing.card import store
from xframes.errors import Unavailable
from xframes.registry.prices import LIVE

if TYPE_CHECKING:
    from xframes.billing.card import Card

__all__ = ["fetch_card"]


def fetch_card(url: str = LIVE, *, timeout: tuple[float, float] = (10.0, 30.0)) -> Card:
    """Fetch a price card, store it in the config folder, and return it.

    Raises
    ------
    Unavailable
        The server cannot be reached, or does not send a card.
    ConfigError
        What it sent is not a price card.
    """
    try:
        with session_for(url) as session, session.get(
            url, auth=late(), timeout=timeout, allow_redirects=False,
            headers={"Accept": "application/json"},
        ) as response:
            status, body = response.status_code, response.content
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable(f"no price card from {url} ({type(error).__name__})") from None
    if status != 200:
        raise Unavailable(f"no price card from {url} (HTTP {status})", status=status)
    try:
        document = json.loads(body)
    except ValueError:
        raise Unavailable(f"no price card from {url}: the answer is not JSON") from None
    return store(document, url, datetime.now(UTC))
