"""HTTP sessions: through the proxies of the environment, except to this machine. Credentials join a
request here.

requests and urllib3 keep requests in frames, responses and errors. So the request they keep has no
credentials: they are added last, to a copy that exists only while it is sent.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from xframes.sealing import sealed
from xframes.settings import on_this_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    Sign = Callable[[requests.PreparedRequest], requests.PreparedRequest]


def session_for(url: str) -> requests.Session:
    """A session for talking to the server of a URL. No proxy leads back to this machine, so none is asked for it."""
    import requests

    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _adapter()())
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


@cache
def _adapter() -> type[requests.adapters.HTTPAdapter]:
    """The class of adapters, made once: requests is imported when it is needed."""
    import requests

    class Adapter(requests.adapters.HTTPAdapter):
        @sealed
        def send(
            self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
        ) -> requests.Response:
            sign = getattr(request, "sign", None)
            signed = request if sign is None else sign(request.copy())
            try:
                response = super().send(signed, *args, **kwargs)
            except requests.RequestException as error:
                error.request = request
                raise
            response.request = request
            return response

    return Adapter
