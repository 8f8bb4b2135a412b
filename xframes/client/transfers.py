"""Upload and download files by signed URLs, e.g. of compliance jobs, without credentials."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3

from xframes.auth.sessions import late, session_for
from xframes.auth.transport import some
from xframes.errors import Forbidden, InvalidRequest, NotFound, Unavailable
from xframes.wire import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.client.retries import Retries
    from xframes.errors import ApiError


def transfer(
    method: str, url: str, *, body: bytes | None = None, into: IO[bytes] | None = None,
    insecure: bool, timeout: tuple[float, float], retries: Retries,
    wait: Callable[[float, str], None],
) -> None:
    """Send a body to a URL (PUT), or download it into a file (GET), with retries.

    Raises InvalidRequest for a URL that is not https (unless `insecure`), and InvalidRequest,
    Forbidden, NotFound or Unavailable for a failure. Errors name the server and the path, but not
    the query, which has the signature.
    """
    parts = urlsplit(url)
    label = f"{method} {parts.hostname}{parts.path}"
    if parts.scheme != "https" and not (insecure and parts.scheme == "http"):
        raise InvalidRequest(f"{label}: not sent, because the URL is not https")
    failures = 0
    while True:
        error = _once(method, url, timeout=timeout, body=body, into=into, label=label)
        if error is None:
            return
        failures += 1
        if not error.retryable or failures >= retries.attempts:
            raise error
        wait(retries.pause(failures), str(error))


def _once(
    method: str, url: str, *, timeout: tuple[float, float], body: bytes | None,
    into: IO[bytes] | None, label: str,
) -> ApiError | None:
    """Try once. Return the error, or None."""
    # without compression, because its length shows whether a file is complete
    headers = {"Accept-Encoding": "identity"}
    if body is not None:
        headers["Content-Type"] = "text/plain"
    try:
        with session_for(url) as session, session.request(
            method, url, data=body, headers=headers, auth=late(), timeout=timeout, stream=True,
            allow_redirects=False,
        ) as response:
            if not 200 <= response.status_code < 300:
                return _refused(response.status_code, label)
            if into is not None:
                _save(response, into)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # without the text of the error, which can have the URL
        return Unavailable(f"{label}: no answer ({type(error).__name__})")
    return None


def _save(response: requests.Response, into: IO[bytes]) -> None:
    into.seek(0)
    into.truncate()
    while piece := some(response.raw):
        into.write(piece)
    promised, came = whole_number(response.headers.get("Content-Length")), response.raw.tell()
    if promised is not None and came < promised:
        raise requests.ConnectionError(f"the file ended after {came:,} of {promised} bytes")


def _refused(status: int, label: str) -> ApiError:
    if status == 429 or status >= 500:
        return Unavailable(f"{label}: HTTP {status}", status=status)
    cls = {403: Forbidden, 404: NotFound}.get(status, InvalidRequest)
    return cls(f"{label}: HTTP {status} (signed URLs expire after some time)", status=status)
