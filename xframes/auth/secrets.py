"""Secrets that stay hidden in a repr, a log, an exception and a pickle."""

from __future__ import annotations

import logging
import re
import secrets
from threading import Lock
from typing import Any, NoReturn
from urllib.parse import quote
from weakref import WeakSet

from xframes.errors import ConfigError
from xframes.sealing import sealed

_SHOWN = "***"
_SHORTEST = 4  # shorter texts occur in words
_HEADERS = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/%=-]{16,}")
_SIGNED = re.compile(r"(?i)\b(oauth_(?:token|signature|consumer_key))=\"?[^\s\",&]+\"?")
_URL_SIGNED = re.compile(r"(?i)([?&](?:x-goog-|x-amz-)?signature)=[^\s&\"']+")
_USERINFO = re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)")


class Secret:
    """A token or key. Only `reveal()` returns it; everything else shows `***`.

    It is stored under a random mask, so that a debugger that shows the objects of a traceback does
    not show it. Raises ConfigError for a text that no header can have: empty, or with spaces,
    control characters or letters that are not ASCII.
    """

    __slots__ = ("__weakref__", "_mask", "_masked")

    @sealed
    def __init__(self, value: str, name: str = "credential") -> None:
        text = value.strip()
        if not text:
            raise ConfigError(f"{name} is empty")
        for position, char in enumerate(text):
            if not "!" <= char <= "~":
                raise ConfigError(
                    f"{name}: the character at position {position} cannot be part of a token. "
                    "Copy it again"
                )
        self._mask = secrets.token_bytes(len(text))
        self._masked = _mix(text.encode("ascii"), self._mask)
        with _lock:
            _known.add(self)

    def reveal(self) -> str:
        """Return the text, only for the header of a request, in a `sealed` function."""
        return _mix(self._masked, self._mask).decode("ascii")

    @property
    def forms(self) -> set[str]:
        """The forms that a text can contain: plain and percent-encoded."""
        text = self.reveal()
        if len(text) < _SHORTEST:
            return set()
        return {text, quote(text, safe="")}

    def __repr__(self) -> str:
        return _SHOWN

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials cannot be pickled. Create a Client in each process")


def _mix(text: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(text, mask, strict=True))


_known: WeakSet[Secret] = WeakSet()
_lock = Lock()


def secret(value: str | Secret | None, name: str) -> Secret | None:
    """Return a text as a Secret; None stays None."""
    if value is None or isinstance(value, Secret):
        return value
    return Secret(value, name)


@sealed
def redact(text: str) -> str:
    """Remove all secrets of this process, and everything that looks like one, from a text."""
    with _lock:
        known = list(_known)
    forms = set().union(*(one.forms for one in known))
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, _SHOWN)
    text = _HEADERS.sub(rf"\1 {_SHOWN}", text)
    text = _URL_SIGNED.sub(rf"\1={_SHOWN}", _SIGNED.sub(rf"\1={_SHOWN}", text))
    return _USERINFO.sub(_SHOWN, text)


def redact_all(value: Any) -> Any:
    """Redact every text in a JSON value."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_all(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact_all(item) for item in value]
    return value


class _Redacted(logging.Filter):
    """Removes secrets from the DEBUG logs of libraries: URLs, signatures and headers."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


for _name in ("requests_oauthlib.oauth1_auth", "oauthlib.oauth1.rfc5849", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_Redacted())
