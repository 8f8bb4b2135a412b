"""HTTP sessions: through the proxies of the environment, except to this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xframes.settings import on_this_machine

if TYPE_CHECKING:
    import requests


def session_for(url: str) -> requests.Session:
    """A session for talking to the server of a URL. No proxy leads back to this machine, so none is asked for it."""
    import requests

    session = requests.Session()
    if on_this_machine(url):
        session.trust_env = False
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    return session
