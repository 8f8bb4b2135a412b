"""Find out by a few cheap calls what X really sends, within a budget.

The report has no credentials, ids, names or texts: only names of actions, fields and headers,
statuses, counts, and prices. Names that occur as values in the answers are masked.
"""

from __future__ import annotations

import json
import platform
import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from xframes.auth import redact
from xframes.billing.budget import Budget
from xframes.client import Answer, Client, Retries
from xframes.errors import ApiError, BudgetReached, ConfigError, XframesError
from xframes.plan import plan
from xframes.plan.fields import LEAN, field_params
from xframes.registry import ACTIONS
from xframes.registry.params import ID
from xframes.schema.words import RENAMES
from xframes.settings import BASE_URL, READING
from xframes.version import VERSION
from xframes.wire import Request, problem_kind, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from xframes.schema import Vocabulary
    from xframes.wire import Page

__all__ = ["CallResult", "LiveCheck", "LiveReport"]

Outcome = Literal["answered", "refused", "failed", "not sent"]
_QUERY = "the lang:en"  # finds posts at any time
_ROWS = 10  # X's smallest page of a search
_LOOKED_UP = 5  # posts whose authors are requested
_CREDITS = Request("GET", "/2/usage/credits", action="usage.credits")
_OTHER: dict[Vocabulary, Vocabulary] = {"tweet": "post", "post": "tweet"}
_FURTHER_RENAMES = {  # of counts and of `includes`, which are not fields of a request
    "retweet_count": "repost_count", "tweet_count": "post_count",
    "total_tweet_count": "total_post_count", "tweets": "posts",
}
_NAME = re.compile(r"[A-Za-z_(][A-Za-z0-9_\-)]{0,60}")
_SHOWN_HEADERS = tuple(  # patterns of names and values that hold nothing of a person
    (re.compile(names), re.compile(values, re.IGNORECASE)) for names, values in (
        (r"x-[a-z]+-limit-(?:[0-9]+[a-z]+-)?[a-z]+|retry-after", r"[0-9]{1,15}"),
        (r"api-version", r"[0-9.]{1,15}"),
        (r"content-type",
         r"(?:application|text)/(?:[a-z]+\+)?(?:json|html|plain|xml)(?:; ?charset=utf-8)?"),
        (r"x-access-level", r"read(?:-write)?(?:-directmessages)?"),
    )
)
_KNOWN_PROBLEMS = frozenset({
    "about:blank", "client-disconnected", "client-forbidden", "conflict", "credits-depleted",
    "disallowed-resource", "field-hydration-failure", "field-unauthorized", "internal-error",
    "invalid-request", "not-authorized-for-field", "not-authorized-for-resource",
    "operational-disconnect", "rate-limit-exceeded", "resource-not-found", "resource-unavailable",
    "streaming-connection", "unsupported-authentication", "usage-capped",
})
"""The problem types of X's specifications and documentation."""

_MASKED = "(masked)"


@dataclass(frozen=True)
class CallResult:
    """What one call showed.

    Parameters
    ----------
    action, purpose
        The action, and what the call is for.
    outcome, status, kind
        What became of it; the HTTP status; and X's kind of problem, if it was refused.
    rows
        Number of main objects in the answer.
    sent, received
        The words of the request, and those in the answer ("tweet", "post"); empty if the answer
        has none that differ.
    unknown_fields, unknown_problems
        Names of fields, and kinds of problems, that no declaration knows.
    headers
        Names of the headers, with the values of those about limits and versions.
    price_low, price_high
        What it cost in dollars by the price card.
    """

    action: str
    purpose: str
    outcome: Outcome
    status: int | None = None
    kind: str | None = None
    rows: int = 0
    sent: str = ""
    received: tuple[str, ...] = ()
    unknown_fields: tuple[str, ...] = ()
    unknown_problems: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    price_low: float = 0.0
    price_high: float = 0.0


@dataclass
class LiveReport:
    """The report of a live check: each call, and what follows from them.

    Parameters
    ----------
    created_at
        When it was created.
    server, credentials, budget
        Whether the server is X; the kinds of credentials; the budget.
    calls
        The calls in their order.
    words_accepted, words_received
        The words that requests may use, and those in the answers.
    balance_change
        Dollars that the balance lost. None if X does not report it.
    price_reading
        "low" if X does not bill expanded objects, "high" if it does, else "unknown".
    settings
        The settings that the calls decided, and that differ from the present ones.
    """

    created_at: str
    server: str
    credentials: tuple[str, ...]
    budget: str
    calls: list[CallResult] = field(default_factory=list)
    words_accepted: tuple[str, ...] = ()
    words_received: tuple[str, ...] = ()
    balance_change: float | None = None
    price_reading: str = "unknown"
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def price(self) -> tuple[float, float]:
        """What the calls cost in dollars by the price card: low and high."""
        low = sum(call.price_low for call in self.calls)
        high = sum(call.price_high for call in self.calls)
        return round(low, 6), round(high, 6)

    def to_json(self) -> str:
        """Return the report as JSON text, without secrets and without data of people."""
        versions = {"xframes": VERSION, "python": platform.python_version()}
        low, high = self.price
        content = versions | asdict(self) | {"price_low": low, "price_high": high}
        return redact(json.dumps(content, indent=1, ensure_ascii=False))


class _Recorder(Client):
    """A client that keeps the last answer, with its headers."""

    last: Answer | None = None

    def _http(self, request: Request) -> Answer:
        self.last = None
        self.last = super()._http(request)
        return self.last


class LiveCheck:
    """A live check with the user's own credentials.

    Parameters
    ----------
    base_url
        Another server than X.
    words
        The words of requests. Default: those of the settings.
    usd
        Dollars that it may cost, in the high reading.
    """

    def __init__(
        self, base_url: str | None = None, words: Vocabulary | None = None, usd: float = 0.25
    ) -> None:
        budget = Budget(usd=usd, reading="high")
        self.client = _Recorder(
            base_url=base_url, words=words, budget=budget, timeout=(5, 30),
            retries=Retries(attempts=2, wait=5),
        )
        self.report = LiveReport(
            created_at=self._now().isoformat(timespec="seconds"), server=_server(self.client),
            credentials=self.client.kinds, budget=str(budget),
        )
        self._balances: list[float | None] = []
        self._pages: dict[str, Page] = {}
        self._words: Vocabulary = self.client.words  # those that the server accepted
        self._values: set[str] = set()  # of all answers: names that are among them are masked

    def run(self) -> Iterator[CallResult]:
        """Send the calls one by one, yield what each showed, and complete the report."""
        with self.client:
            for result in self._calls():
                self.report.calls.append(result)
                yield result
        self._conclude()

    def _now(self) -> datetime:
        return self.client.now()

    # the calls -----------------------------------------------------------------------------------

    def _calls(self) -> Iterator[CallResult]:
        first = self._balance("the balance before")
        yield first
        if first.outcome == "failed" and first.status is None:
            return  # the server cannot be reached
        yield from self._free()
        yield self._send("counts.recent", "a count", query=_QUERY, granularity="day")
        yield from self._search()
        yield self._balance("the balance after the search")
        ids = _ids(self._pages.get("search.recent"), "id")[:_LOOKED_UP]
        yield from self._of_posts(ids)
        authors = _ids(self._pages.get("search.recent"), "author_id")[:1]
        if authors:
            yield self._send("users.lookup", "the lookup of one person", user_ids=authors)
        me = _ids(self._pages.get("users.me"), "id")
        if me:
            yield self._send("timelines.user", "your own posts", user_id=me[0], limit=_LOOKED_UP)
        yield self._balance("the balance at the end")

    def _search(self) -> Iterator[CallResult]:
        """Search in the present words, and in the other ones if the server refuses these."""
        purpose, other = "a search without expansions", _OTHER[self._words]
        result = self._send("search.recent", purpose, query=_QUERY, limit=_ROWS)
        yield result
        if result.outcome == "refused" and result.status == 400:
            result = self._send(
                "search.recent", f"{purpose}, in {other} words", other, query=_QUERY, limit=_ROWS
            )
            yield result
            if result.outcome == "answered":
                self._words = other

    def _free(self) -> Iterator[CallResult]:
        for name in ("usage.posts", "users.me"):
            if not self.client.obstacles(ACTIONS[name]):
                yield self._send(name, "a free request")

    def _of_posts(self, ids: list[str]) -> Iterator[CallResult]:
        if not ids:
            return
        yield self._send(
            "posts.lookup", "posts of today with their authors, which shows what X bills",
            post_ids=ids, expansions=["author_id"],
        )
        yield self._balance("the balance after it")
        words = _OTHER[self._words]
        yield self._send("posts.lookup", f"a request in {words} words", words, post_ids=ids[:1])

    def _balance(self, purpose: str) -> CallResult:
        result, page = self._sent(_CREDITS, "usage.credits", purpose, "")
        self._balances.append(_balance_of(page))
        return result

    def _send(
        self, name: str, purpose: str, words: Vocabulary | None = None, **arguments: Any
    ) -> CallResult:
        client = self.client
        words = words or self._words
        arguments = {"expansions": LEAN, **arguments}
        planned = plan(name, arguments, now=client.now(), words="tweet")
        chosen = field_params(planned.declared, "all", arguments["expansions"], words)
        planned = replace(planned, words=words, field_params=chosen)
        request = planned.request(max_results=planned.page_size(0))
        shown = words if "post" in "".join(chosen) or "tweet" in "".join(chosen) else ""
        result, page = self._sent(request, name, purpose, shown)
        if page is not None:
            self._pages.setdefault(name, page)
        return result

    def _sent(
        self, request: Request, name: str, purpose: str, words: str
    ) -> tuple[CallResult, Page | None]:
        before = self.client.meter.so_far() or (0.0, 0.0)
        page: Page | None = None
        outcome: Outcome = "answered"
        status = kind = None
        self.client.last = None
        try:
            page = self.client.send(request)
            status = page.status
        except BudgetReached:
            outcome = "not sent"
        except ApiError as error:
            status, kind = error.status, error.kind
            outcome = "failed" if error.retryable else "refused"
        except (ConfigError, XframesError):
            outcome = "not sent"
        after = self.client.meter.so_far() or (0.0, 0.0)
        answer = self.client.last
        document = _document(answer)
        self._values.update(_texts(document))
        result = CallResult(
            action=name, purpose=purpose, outcome=outcome, status=status, kind=kind,
            rows=_count(document), sent=words, received=_words_in(document),
            unknown_fields=_unknown_fields(page), unknown_problems=_unknown_problems(document),
            headers=_headers(answer),
            price_low=round(after[0] - before[0], 6), price_high=round(after[1] - before[1], 6),
        )
        return self._masked(result), page

    def _masked(self, call: CallResult) -> CallResult:
        """Return what a call showed, without names that may be data of people."""
        return replace(
            call, kind=_mask(call.kind, self._values),
            unknown_fields=_mask_all(call.unknown_fields, self._values),
            unknown_problems=_mask_all(call.unknown_problems, self._values),
            headers=_mask_names(call.headers, self._values),
        )

    # what follows --------------------------------------------------------------------------------

    def _conclude(self) -> None:
        report = self.report
        report.calls = [self._masked(call) for call in report.calls]  # later answers have more
        report.words_accepted = tuple(
            words for words in _OTHER if any(
                call.sent == words and call.outcome == "answered" for call in report.calls
            )
        )
        received = {words for call in report.calls for words in call.received}
        report.words_received = tuple(sorted(received))
        first, last = self._balances[0], self._balances[-1]
        if first is not None and last is not None:
            report.balance_change = round(first - last, 6)
        report.price_reading = self._reading()
        present = self.client.words
        if report.words_accepted == (_OTHER[present],):
            report.settings["words"] = _OTHER[present]
        if report.price_reading not in {"unknown", READING.value}:
            report.settings["price_reading"] = report.price_reading

    def _reading(self) -> str:
        """Return the reading that the change of the balance fits, if only one does.

        The lookup of posts of today costs nothing in the low reading. The search before it shows
        whether the balance is up to date.
        """
        if len(self._balances) < 4 or None in self._balances[:3]:
            return "unknown"
        start, searched, looked_up = (balance or 0.0 for balance in self._balances[:3])
        lookup = next(call for call in self.report.calls if call.action == "posts.lookup")
        expected = sum(call.price_low for call in self.report.calls
                       if call.action in {"counts.recent", "search.recent"})
        difference = lookup.price_high - lookup.price_low
        is_current = abs(start - searched - expected) <= 0.2 * expected
        if expected <= 0 or difference <= 0 or not is_current:
            return "unknown"
        for reading, price in (("low", lookup.price_low), ("high", lookup.price_high)):
            if abs(searched - looked_up - price) < difference / 4:
                return reading
        return "unknown"


# answers -----------------------------------------------------------------------------------------


def _server(client: Client) -> str:
    if client.base_url == BASE_URL:
        return "X"
    return "another server"


def _document(answer: Answer | None) -> Any:
    if answer is None:
        return None
    try:
        return read_json(answer.body)
    except ValueError:
        return None


def _rows_of(document: Any) -> list[dict[str, Any]]:
    data = document.get("data") if isinstance(document, dict) else None
    rows = data if isinstance(data, list) else [data]
    return [row for row in rows if isinstance(row, dict)]


def _count(document: Any) -> int:
    return len(_rows_of(document))


def _ids(page: Page | None, name: str) -> list[str]:
    """Return the ids in a field of the main objects, each once."""
    if page is None:
        return []
    texts = dict.fromkeys(str(row.get(name)) for row in _rows_of(read_json(page.body)))
    return [text for text in texts if re.fullmatch(ID, text)]


def _balance_of(page: Page | None) -> float | None:
    """Return the dollars of an answer about credits, or None."""
    if page is None:
        return None
    rows = _rows_of(read_json(page.body))
    if not rows:
        return None
    amounts = [rows[0].get(name) for name in ("free_balance", "prepaid_balance")]
    numbers = [one for one in amounts if isinstance(one, int | float)]
    total = rows[0].get("total_balance")
    if isinstance(total, int | float):
        return float(total)
    return float(sum(numbers)) if numbers else None


def _words_in(document: Any) -> tuple[str, ...]:
    """Return the words that an answer's names are in, as far as they differ."""
    names = set(_names(document))
    renames = {**RENAMES, **_FURTHER_RENAMES}
    found = []
    if names & renames.keys():
        found.append("tweet")
    if names & set(renames.values()):
        found.append("post")
    return tuple(found)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text and number that is a value, and the names mentioned in texts."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name != "type":  # types of problems and of media are names
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        text = str(value).lower()
        yield text
        yield from re.findall(r"@(\w+)", text)


def _mask(name: str | None, values: set[str]) -> str | None:
    """Return a name of X's, or a mask for its parts that may be data: of a person, or a number."""
    if name is None or name in _KNOWN_PROBLEMS:
        return name
    return ".".join(
        part if _NAME.fullmatch(part) and part.lower() not in values else _MASKED
        for part in name.split(".")
    )


def _mask_all(names: tuple[str, ...], values: set[str]) -> tuple[str, ...]:
    return tuple(sorted({_mask(name, values) or "" for name in names}))


def _unknown_fields(page: Page | None) -> tuple[str, ...]:
    if page is None or page.request.action is None:
        return ()
    from xframes.frames import flatten

    problems = flatten([page])["problems"].to_pylist()
    return tuple(row["parameter"] for row in problems if row["kind"] == "unknown_field")


def _unknown_problems(document: Any) -> tuple[str, ...]:
    """Return the kinds of problems of an answer that X's documents do not have."""
    if not isinstance(document, dict):
        return ()
    listed = document.get("errors")
    items = [document, *(listed if isinstance(listed, list) else [])]
    kinds = {problem_kind(item.get("type")) for item in items if isinstance(item, dict)}
    return tuple(kind for kind in kinds if kind and kind not in _KNOWN_PROBLEMS)


def _headers(answer: Answer | None) -> dict[str, str]:
    """Return the names of headers, with the values of those about limits and versions."""
    if answer is None:
        return {}
    shown = {}
    for name, value in answer.headers.items():
        lower = name.lower()
        is_shown = any(
            names.fullmatch(lower) and values.fullmatch(value) for names, values in _SHOWN_HEADERS
        )
        shown[redact(lower)] = redact(value) if is_shown else _MASKED
    return dict(sorted(shown.items()))


def _mask_names(headers: dict[str, str], values: set[str]) -> dict[str, str]:
    """Return headers, with names masked that have a value of the answers, such as a handle."""
    return {
        _MASKED if values.intersection(name.split("-")) else name: value
        for name, value in headers.items()
    }
