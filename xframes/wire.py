"""Requests and pages as values, and what an answer means: no sockets here.

`classify` is the one place where status, headers and body become an error.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from xframes import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.errors import ApiError

_LONGEST_WINDOW = 90_000  # seconds: a day, and an hour for clocks that disagree
_LONGEST_CAP = 32 * 86_400  # seconds: caps are reset once a month
_SAME_TIME = 5.0  # seconds by which X's clock may differ: its times are whole seconds
_LEFT = re.compile(r"x-([a-z]+)-limit-([0-9a-z]+)-remaining")  # not x-rate-limit-remaining
_SPAN = re.compile(r"([0-9]+)([a-z]+)")
_CREDITS = frozenset({"credits-depleted", "credits"})  # kinds of the problem that money is used up
_TOP_UP = (
    "the account has no credits left. They are bought at https://console.x.com; then the work can "
    "be resumed"
)
TICK = timedelta(microseconds=1)
_SHORT = timedelta(seconds=1)  # a clock that is behind by more was set back
_NUMBER = re.compile(r"[0-9]{1,15}")  # of a header: no count and no time of X's is longer
_MEANT = {  # the statuses of problems that were sent with another one, by their kind
    "invalid-request": 400,
    "unsupported-authentication": 401,
    "client-forbidden": 403,
    "disallowed-resource": 403,
    "not-authorized-for-resource": 403,
    "not-authorized-for-field": 403,
    "resource-not-found": 404,
    "resource-unavailable": 404,
    "rate-limit-exceeded": 429,
    "usage-capped": 429,
    "credits-depleted": 402,
}


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a request is for: the run, and the archive if there is one."""

    run_id: str
    archive: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, without credentials.

    `action` is the name of the action (None for pages of unknown origin), `args` are the arguments
    that fill the path or name the edge that the response states (e.g. `user_id`), `params` is the
    query, and `body` the JSON body of a write. With `files` (name to bytes), both are sent as a
    form (multipart/form-data). `purpose` is not sent; the ledger of prices sums by it.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    action: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    files: Mapping[str, bytes] | None = field(default=None, repr=False)
    purpose: Purpose | None = field(default=None, repr=False, compare=False)


class Listed(msgspec.Struct, gc=False):
    """What an object of an answer is named by: an id, a media key, or the start of a count."""

    id: str | int | None = None
    media_key: str | None = None
    start: str | None = None


class Outline(msgspec.Struct):
    """What decides about an answer: which objects it lists, and its metadata. None: not sent.

    The content of objects is skipped. In a list, None is a value that is not an object.
    """

    data: list[Listed | None] | Listed | None = None
    includes: dict[str, list[Listed | None]] | None = None
    meta: dict[str, Any] | None = None

    @property
    def is_page(self) -> bool:
        """Whether it has rows or metadata."""
        return self.data is not None or self.meta is not None

    @property
    def rows(self) -> list[Listed | None]:
        """The main objects."""
        if isinstance(self.data, list):
            return self.data
        if self.data is None:
            return []
        return [self.data]


_outlines = msgspec.json.Decoder(Outline)


def read_outline(body: bytes) -> Outline:
    """Return the outline of a body; of one that is not JSON, an empty one."""
    try:
        return _outlines.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return _outline_of(_document(body))


def _outline_of(document: Mapping[str, Any]) -> Outline:
    """Return the outline of a body in which a type is not X's, or that only a lenient reader reads.

    Types that are not X's count as not sent.
    """
    data, includes, meta = (document.get(name) for name in ("data", "includes", "meta"))
    outline = Outline(meta=meta if isinstance(meta, dict) else None)
    if isinstance(data, list):
        outline.data = list(map(_listed, data))
    else:
        outline.data = _listed(data)
    if isinstance(includes, dict):
        outline.includes = {
            str(key): list(map(_listed, objects))
            for key, objects in includes.items() if isinstance(objects, list)
        }
    return outline


def _listed(value: Any) -> Listed | None:
    if not isinstance(value, dict):
        return None
    id, key, start = (value.get(name) for name in ("id", "media_key", "start"))
    return Listed(
        id if isinstance(id, str | int) else None,
        str(key) if isinstance(key, str | int) else None,
        start if isinstance(start, str) else None,
    )


@dataclass(frozen=True, slots=True)
class Page:
    """One response of X: its body byte for byte, its request, and when it was received (UTC).

    `outline` is that of the body where the client has read it already.
    """

    request: Request
    body: bytes
    received_at: datetime
    status: int = 200
    run_id: str | None = None
    page_id: str = ""
    outline: Outline | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.page_id:
            object.__setattr__(self, "page_id", page_id(self.request, self.body, self.received_at))


class Receipts:
    """Times at which pages were received. No two are the same: they are the order of the pages."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: datetime | None = None

    def time(self, now: datetime) -> datetime:
        """Return the time of a page received now. A clock that was set back is followed."""
        with self._lock:
            last = self._last
            if last is not None and timedelta(0) <= last - now < _SHORT:
                now = last + TICK
            self._last = now
        return now


def page_id(request: Request, body: bytes, received_at: datetime | None = None) -> str:
    """Return the id of a page: a hash of its request, body and, if collected here, its time.

    Pages read from files omit the time, so that reading a file twice returns the same pages.
    """
    digest = hashlib.blake2b(digest_size=12)
    when = "" if received_at is None else received_at.isoformat()
    head: list[object] = [request.method, request.path, sorted(request.params.items()), when]
    if request.method != "GET":  # only the body of a write may name its object
        head.append(sorted(request.args.items()))
    digest.update(json.dumps(head).encode())
    digest.update(body)
    return digest.hexdigest()


def problem_kind(type_: object) -> str | None:
    """The last segment of X's problem type; its host changed from api.twitter.com to api.x.com."""
    return str(type_).rstrip("/").rsplit("/", 1)[-1] if type_ else None


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    action: str | None,
    now: datetime,
    further: bool = False,
    lists: bool = False,
    outline: Outline | None = None,
) -> ApiError | None:
    """Return the error that a response means, or None for a valid page.

    `headers` must ignore the case of keys. Bodies are X's problem JSON, `{errors: [...]}`,
    `{code, message}` or OAuth's `{error, error_description}`; the response to a write may have only
    a status. With `further`, an earlier page announced this one, so an empty response is an error.
    `lists` is for reads that do not look up things by name: for them, problems alone are an error.
    `outline` is that of the body, if it was read already.
    """
    if 200 <= status < 300:
        outline = outline or read_outline(body)
        meant = _success(
            status, headers, body, action=action, further=further, lists=lists, outline=outline
        )
        if not isinstance(meant, int):
            return meant
        status = meant
    document = _document(body)
    items = _items(document)
    kind = _kind(document, items)
    text = _message(document, items) or f"HTTP {status}"
    label = f"{action or 'X'}: {text}"
    problems = items or ([document] if document else [])
    common: dict[str, Any] = {
        "status": status,
        "action": action,
        "kind": kind,
        "problems": problems,
    }
    if status == 402 or kind in _CREDITS:
        return errors.UsageCapped(f"{label} ({_TOP_UP})", **common)
    if status == 429:
        if kind == "usage-capped" or "usage cap" in text.lower():
            return errors.UsageCapped(
                f"{label} (usage cap; waiting does not help until it resets)",
                **common,
                retry_at=_retry_after(headers, now, longest=_LONGEST_CAP),
            )
        limit = used_up(headers, now)
        if limit is not None:
            label += f" ({limit})"
        return errors.RateLimited(label, retry_at=retry_at(headers, now), **common)
    if status >= 500:
        return errors.Unavailable(
            label,
            retry_at=_retry_after(headers, now),
            retryable=status != HTTPStatus.NOT_IMPLEMENTED,
            **common,
        )
    cls = {401: errors.Unauthorized, 403: errors.Forbidden, 404: errors.NotFound}.get(
        status, errors.InvalidRequest
    )
    return cls(label, **common)


def _success(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    action: str | None,
    further: bool,
    lists: bool,
    outline: Outline,
) -> ApiError | int | None:
    """Return what a successful response means: None for a page, an error, or its JSON's status."""
    writes = (action or "").startswith("write.")
    if outline.is_page or (not further and not body.strip() and (status == 204 or writes)):
        return None
    if not is_json(body):
        what = f"not JSON ({len(body)} bytes, {headers.get('content-type') or 'no type'})"
    else:
        outcome = _outcome(read_json(body), writes=writes, further=further, lists=lists)
        if not isinstance(outcome, str):
            return outcome
        what = f"not a page ({outcome or body[:60].decode('utf-8', 'replace')})"
    return errors.Unavailable(
        f"{action or 'X'}: the answer is {what}", status=status, action=action
    )


def _outcome(document: Any, *, writes: bool, further: bool, lists: bool) -> int | str | None:
    """What JSON says that came as a success.

    None for a page, a status for a refusal, the words of what is neither.
    """
    found = document if isinstance(document, dict) else {}
    if any(found.get(name) is not None for name in ("data", "meta")):
        return None
    status, items = found.get("status"), _items(found)
    if isinstance(status, int) and 400 <= status < 600:
        return status
    kinds = [problem_kind(item.get("type")) for item in items]
    meant = next((_MEANT[kind] for kind in kinds if kind in _MEANT), None)
    if lists and not further and meant is not None:
        return meant
    failed = bool(items) and (lists or all(kind == "internal-error" for kind in kinds))
    failed = failed or document is not found or found.keys() >= {"code", "message"}
    if writes or not (further or failed):
        return None
    return _message(found, items)


def _items(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = document.get("errors")
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _kind(document: Mapping[str, Any], items: list[dict[str, Any]]) -> str | None:
    """What kind of problem it is: the first type that says anything."""
    kinds = [problem_kind(each.get("type")) for each in (document, *items)]
    return next((kind for kind in kinds if kind not in (None, "about:blank")), kinds[0])


def retry_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """When a rate-limited request may be sent again, by this machine's clock.

    The reset of a used-up limit of a day, if there is one. A 429 with requests left is X's limit
    per second: one or two seconds. Otherwise it is the reset of the window plus one second; a past
    time counts as a second, and one beyond X's longest window (a day) as a minute.
    """
    limit = used_up(headers, now)
    if limit is not None:
        return limit.until
    explicit = _retry_after(headers, now)
    if explicit is not None:
        return explicit
    if (whole_number(headers.get("x-rate-limit-remaining")) or 0) > 0:
        return now + timedelta(seconds=2)
    reset = whole_number(headers.get("x-rate-limit-reset"))
    ahead = None if reset is None else reset + 1 + clock_lead(headers, now) - now.timestamp()
    if ahead is None or ahead > _LONGEST_WINDOW:
        return now + timedelta(seconds=60)
    return now + timedelta(seconds=max(ahead, 1))


@dataclass(frozen=True, slots=True)
class UsedUp:
    """Another limit than the rate limit, e.g. of 24 hours, without requests left until a time."""

    name: str
    until: datetime

    def __str__(self) -> str:
        return f"the {self.name} is used up until {self.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def used_up(headers: Mapping[str, str], now: datetime) -> UsedUp | None:
    """Return the used-up limit that resets last, of those that X reports besides its rate limit.

    X's headers are `x-user-limit-24hour-remaining`, `…-reset` and `…-limit`, and the same for the
    app. Times are by this machine's clock, and none is later than in a day.
    """
    limits = []
    for header, left in headers.items():
        found = _LEFT.fullmatch(header.lower())
        if found is None or whole_number(left) != 0:
            continue
        pool, span = found.groups()
        reset = whole_number(headers.get(f"x-{pool}-limit-{span}-reset"))
        if reset is None:
            continue
        ahead = reset + clock_lead(headers, now) - now.timestamp()
        if 0 < ahead <= _LONGEST_WINDOW:
            length = _SPAN.sub(r"\1-\2", span)
            name = f"{length} limit of the {pool}"
            most = whole_number(headers.get(f"x-{pool}-limit-{span}-limit"))
            if most is not None:
                name += f" ({most:,})"
            limits.append(UsedUp(name, now + timedelta(seconds=ahead)))
    return max(limits, key=lambda limit: limit.until, default=None)


def clock_lead(headers: Mapping[str, str], now: datetime) -> float:
    """Return the seconds by which this machine's clock is ahead of X's, by the answer's `Date`.

    0 if they agree as far as whole seconds and the time of an answer show.
    """
    date = server_time(headers)
    if date is None:
        return 0.0
    lead = (now - date).total_seconds()
    return lead if abs(lead) > _SAME_TIME else 0.0


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the time of an answer by the server's clock, its `Date`. None without one."""
    try:
        date = parsedate_to_datetime(headers.get("date") or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return date


def _retry_after(
    headers: Mapping[str, str], now: datetime, longest: int = _LONGEST_WINDOW
) -> datetime | None:
    seconds = whole_number(headers.get("retry-after"))
    if seconds is None:
        return None
    return now + timedelta(seconds=min(max(seconds, 1), longest))


def whole_number(text: str | None) -> int | None:
    """The number a header says; None when it says none, or one that means nothing."""
    found = _NUMBER.fullmatch((text or "").strip())
    return int(found[0]) if found else None


def read_json(body: bytes) -> Any:
    """Read a body leniently: byte order marks, invalid UTF-8, lone surrogates, NaN, control codes.

    Raises ValueError when it is not JSON at all.
    """
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_json(body: bytes) -> bool:
    """Whether a body is JSON, if only for a lenient reader. The quick check builds no values."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError):
        try:
            read_json(body)
        except ValueError:
            return False
    return True


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = read_json(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _message(document: Mapping[str, Any], items: list[dict[str, Any]]) -> str:
    parts = [
        document.get(name) for name in ("title", "detail", "message", "error", "error_description")
    ]
    for item in items:
        if isinstance(item.get("details"), list):
            parts.append(describe(item))
            continue
        parts.append(item.get("message") or item.get("detail") or item.get("title"))
        named = item.get("parameters")
        if isinstance(named, dict):
            parts.extend(f"{name}={values}" for name, values in named.items())
    seen = dict.fromkeys(str(p).strip() for p in parts if p)
    return "; ".join(seen)[:1000]


def describe(problem: Mapping[str, Any]) -> str:
    """Describe a problem that names a value, e.g. a rule: what X refused, and why."""
    reasons = [str(problem[key]) for key in ("title", "detail", "message") if problem.get(key)]
    details = problem.get("details")
    if isinstance(details, list):
        reasons += map(str, details)
    reason = ": ".join(reasons)
    item = problem.get("value") or problem.get("resource_id")
    if item:
        return f"{item!r}: {reason}"
    return reason or "it without a reason"
