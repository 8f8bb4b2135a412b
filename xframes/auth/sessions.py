"""HTTP sessions with limits, and with the proxies of the environment, except for this machine.

Credentials are added to a request here. requests and urllib3 keep requests in frames, responses and
errors, so the request that they keep has no credentials: these are added last, to a copy that
exists only while it is sent (`transport.Limited`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xframes.settings import on_this_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    Sign = Callable[[requests.PreparedRequest], requests.PreparedRequest]


ANSWER_SECONDS = 180.0  # for a response, from the first byte of its headers to the last of its body


def session_for(url: str, seconds: float = ANSWER_SECONDS) -> requests.Session:
    """Return a session for the server of a URL.

    For this machine, no proxy is used. Each response may take `seconds`, and may have the size that
    the settings allow.
    """
    from xframes.auth.transport import Session

    session = Session(seconds)
    if on_this_machine(url):
        session.trust_env = False
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        session.verify = bundle or True
    return session


def late(sign: Sign | None = None) -> Sign:
    """Return an `auth` for requests that stores the function `sign` for the adapter.

    Without a function, it only prevents requests from reading .netrc.
    """

    def note(request: requests.PreparedRequest) -> requests.PreparedRequest:
        vars(request)["sign"] = sign
        return request

    return note
