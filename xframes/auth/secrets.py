"""Secrets that do not show: in a repr, a log, an exception, a pickle."""

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
_SHORTEST = 4  # shorter texts are no secrets, and occur in words
_HEADERS = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/%=-]{16,}")
_SIGNED = re.compile(r"(?i)\b(oauth_(?:token|signature|consumer_key))=\"?[^\s\",&]+\"?")
_URL_SIGNED = re.compile(r"(?i)([?&](?:x-goog-|x-amz-)?signature)=[^\s&\"']+")
_USERINFO = re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)")


class Secret:
    """A token or key. Only `reveal()` gives it; everything else shows `***`.

    It is kept under a random mask, so that debuggers that walk the objects of a traceback do not find it.
    Raises ConfigError for texts no header can carry: empty, with spaces, control codes or letters beyond ASCII.
    """

    __slots__ = ("__weakref__", "_mask", "_masked")

    @sealed
    def __init__(self, value: str, name: str = "credential") -> None:
        text = value.strip()
        if not text:
            raise ConfigError(f"{name} is empty")
        for position, char in enumerate(text):
            if not "!" <= char <= "~":
                raise ConfigError(f"{name} has a character at position {position} that no token has; copy it again")
        self._mask = secrets.token_bytes(len(text))
        self._masked = _mix(text.encode("ascii"), self._mask)
        with _lock:
            _known.add(self)

    def reveal(self) -> str:
        """The text itself: for a request's header, nothing else, in a function that is `sealed`."""
        return _mix(self._masked, self._mask).decode("ascii")

    @property
    def forms(self) -> set[str]:
        """How it may stand in a text: as it is, or percent-encoded."""
        text = self.reveal()
        return {text, quote(text, safe="")} if len(text) >= _SHORTEST else set()

    def __repr__(self) -> str:
        return _SHOWN

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not pickled; make a Client in each process")


def _mix(text: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(text, mask, strict=True))


_known: WeakSet[Secret] = WeakSet()
_lock = Lock()


def secret(value: str | Secret | None, name: str) -> Secret | None:
    """A text as a Secret; None stays None."""
    return value if value is None or isinstance(value, Secret) else Secret(value, name)


@sealed
def redact(text: str) -> str:
    """The text without any secret this process holds, nor what looks like one."""
    with _lock:
        known = list(_known)
    for form in sorted({form for one in known for form in one.forms}, key=len, reverse=True):
        text = text.replace(form, _SHOWN)
    text = _HEADERS.sub(rf"\1 {_SHOWN}", text)
    text = _URL_SIGNED.sub(rf"\1={_SHOWN}", _SIGNED.sub(rf"\1={_SHOWN}", text))
    return _USERINFO.sub(_SHOWN, text)


def redact_all(value: Any) -> Any:
    """A JSON value with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_all(item) for key, item in value.items()}
    return [redact_all(item) for item in value] if isinstance(value, list) else value


class _Redacted(logging.Filter):
    """Takes secrets out of what libraries log at DEBUG: URLs, all that is signed, and the header made of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


for _name in ("requests_oauthlib.oauth1_auth", "oauthlib.oauth1.rfc5849", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_Redacted())
