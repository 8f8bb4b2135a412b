"""Check OAuth 1.0a signatures (RFC 5849).

HMAC-SHA1 over method, address and parameters; each nonce is valid once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from xframes.sandbox.protocol import bodies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from wsgiref.types import WSGIEnvironment

_CLOCK_SKEW = 300  # seconds a timestamp may differ from ours


class Unsigned(Exception):
    """A request with a wrong OAuth 1.0a signature; the message has the reason."""


def header(environ: WSGIEnvironment) -> dict[str, str]:
    """Return the parameters of an `Authorization: OAuth …` header, {} without one."""
    scheme, _, rest = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "oauth":
        return {}
    pairs = (part.strip().partition("=") for part in rest.split(","))
    return {unquote(name): unquote(value.strip('"')) for name, _, value in pairs if name}


def base_string(method: str, url: str, params: Sequence[tuple[str, str]]) -> str:
    """Return the text to sign (RFC 5849 3.4.1): method, address without query, parameters."""
    normal = "&".join(
        f"{name}={value}" for name, value in sorted((_quote(n), _quote(v)) for n, v in params)
    )
    return "&".join(_quote(part) for part in (method.upper(), url, normal))


def sign(text: str, consumer_secret: str, token_secret: str) -> str:
    """Return the HMAC-SHA1 signature of a base string."""
    key = f"{_quote(consumer_secret)}&{_quote(token_secret)}".encode()
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha1).digest()).decode()


def _quote(text: str) -> str:
    return quote(text, safe="-._~")


class Signatures:
    """The check of signatures, with the nonces used so far."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, str, str]] = set()
        self._lock = Lock()

    def check(
        self,
        environ: WSGIEnvironment,
        given: Mapping[str, str],
        secrets: tuple[str, str],
        now: float,
    ) -> None:
        """Check a request against the secrets of its consumer and its token. Raises Unsigned."""
        if (
            given.get("oauth_signature_method") != "HMAC-SHA1"
            or given.get("oauth_version", "1.0") != "1.0"
        ):
            raise Unsigned("only HMAC-SHA1 of OAuth 1.0 is taken")
        stamp, nonce = given.get("oauth_timestamp", ""), given.get("oauth_nonce", "")
        if not stamp.isdecimal() or abs(int(stamp) - now) > _CLOCK_SKEW or not nonce:
            raise Unsigned("the timestamp is out of bounds, or there is no nonce")
        signed = [
            (name, value)
            for name, value in given.items()
            if name not in {"oauth_signature", "realm"}
        ]
        signed += parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        signed += bodies.form(environ)
        host = environ.get("HTTP_HOST", "").lower()
        url = f"{environ['wsgi.url_scheme']}://{host}{urlsplit(environ['REQUEST_URI']).path}"
        wanted = sign(base_string(environ["REQUEST_METHOD"], url, signed), *secrets)
        if not hmac.compare_digest(wanted.encode(), given.get("oauth_signature", "").encode()):
            raise Unsigned("the signature does not match")
        once = (given.get("oauth_consumer_key", ""), given.get("oauth_token", ""), stamp, nonce)
        with self._lock:
            if once in self._seen:
                raise Unsigned("this nonce was used before")
            self._seen.add(once)
