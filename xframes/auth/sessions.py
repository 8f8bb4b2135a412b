"""HTTP sessions: through the proxies of the environment, except to this machine; bounded answers.

Credentials join a request here. requests and urllib3 keep requests in frames, responses and errors. So
the request they keep has no credentials: they are added last, to a copy that exists only while it is
sent (`transport.Limited`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xframes.settings import on_this_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    Sign = Callable[[requests.PreparedRequest], requests.PreparedRequest]


ANSWER_SECONDS = 180.0  # for an answer, from the first byte of its headers to the last of its body


def session_for(url: str, seconds: float = ANSWER_SECONDS) -> requests.Session:
    """A session for talking to the server of a URL.

    No proxy leads back to this machine, so none is used for it. Each answer has so many seconds,
    and the bound of bodies in the settings.
    """
    from xframes.auth.transport import Session

    session = Session(seconds)
    if on_this_machine(url):
        session.trust_env = False
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    return session


def late(sign: Sign | None = None) -> Sign:
    """What requests takes as `auth`: note the function that adds credentials, for the adapter.

    Without a function, it only keeps requests from looking into .netrc.
    """

    def note(request: requests.PreparedRequest) -> requests.PreparedRequest:
        vars(request)["sign"] = sign
        return request

    return note
