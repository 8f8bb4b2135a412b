"""The price card: what X bills for each object and each request.

The packaged card is that of `registry.prices`. `xframes prices --update` stores X's live card in
the config folder, and `XFRAMES_PRICES` names another file in the form of the live card. Rows of
these replace those of the packaged card.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xframes.errors import ConfigError
from xframes.registry.prices import (
    ALIASES,
    CARD,
    DATED,
    EARLIER,
    OWNED,
    PER_REQUEST,
    PER_RESOURCE,
    SOURCE,
    UNPRICED,
)
from xframes.settings import config_path, from_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.registry import Action

__all__ = ["Card", "Rate", "card_path", "in_dollars", "load", "store"]

UNIT = 1_000_000_000  # amounts are whole billionths of a dollar, so that sums are exact
_RESOURCES, _REQUESTS = "eventTypePricing", "requestTypePricing"  # X's names in the live card


@dataclass(frozen=True, slots=True)
class Rate:
    """What one object or request costs in both readings, in billionths of a dollar."""

    low: int = 0
    high: int = 0


@dataclass(frozen=True)
class Card:
    """A price card.

    Parameters
    ----------
    resources
        Dollars per object, by kind.
    requests
        Dollars per request, by kind.
    name
        What it is and where it comes from.
    dated
        The day when it was published or fetched.
    """

    resources: Mapping[str, float]
    requests: Mapping[str, float]
    name: str
    dated: date

    def resource(self, kind: str) -> Rate:
        """Return the rate of an object.

        A kind without a row costs nothing in the low reading, and what the earlier card said in
        the high one.
        """
        amount = self.resources.get(kind)
        if amount is not None:
            return Rate(_units(amount), _units(amount))
        return Rate(0, _units(EARLIER.get(kind, PER_RESOURCE.get(kind, 0.0))))

    def main(self, action: Action, *, owned: bool) -> Rate:
        """Return the rate of a main object of an action; `owned` if the user reads their own."""
        kind = main_kind(action)
        if kind is None:
            return Rate()
        rate = self.resource(kind)
        if owned and action.owned:
            own = _units(self.resources.get("OwnedRead", OWNED))
            return Rate(min(rate.low, own), min(rate.high, own))
        if action.maybe_free:
            return Rate(0, rate.high)
        return rate

    def request(self, action: Action, body: Mapping[str, Any] | None = None) -> Rate:
        """Return what a request costs, whatever it returns; of a post, also by its text.

        Without the body, a post can be any.
        """
        if action.price == "PostCreate":
            return self._post(body)
        amount = _units(self.requests.get(action.price or "", 0.0))
        return Rate(amount, amount)

    def is_priced(self, kind: str) -> bool:
        """Whether the card has a row for a kind of object."""
        return kind in self.resources

    @property
    def age_days(self) -> int:
        """Days since the card was published or fetched."""
        return (datetime.now(UTC).date() - self.dated).days

    def __str__(self) -> str:
        return f"{self.name}, {self.dated}"

    def _post(self, body: Mapping[str, Any] | None) -> Rate:
        """Return the price of a new post: with a link, in reply to a mention, or any other.

        X does not say what it takes for a link, and a client cannot know whether a reply was
        invited.
        """
        plain = _units(self.requests["PostCreate"])
        linked = _units(self.requests["PostCreateWithUrl"])
        if body is None:
            return Rate(min(plain, _units(self.requests["PostCreateSummoned"])), max(plain, linked))
        text = str(body.get("text") or "")
        if "http://" in text or "https://" in text:
            return Rate(linked, linked)
        low = high = plain
        if body.get("reply"):
            low = min(plain, _units(self.requests["PostCreateSummoned"]))
        if any("." in word.strip(".") for word in text.split()):
            high = linked
        return Rate(low, high)


def main_kind(action: Action) -> str | None:
    """Return the kind of an action's main objects on the card; None if X does not bill them."""
    if action.kind == "read" and action.price is None:
        return UNPRICED.get(action.objects or "")
    if action.kind == "read" and action.price not in PER_REQUEST:
        return action.price
    return None


def _units(dollars: float) -> int:
    return round(dollars * UNIT)


def in_dollars(units: int) -> float:
    """Return an amount of billionths in dollars."""
    return units / UNIT


def card_path() -> Path:
    """Return the path of the fetched card, in the config folder."""
    return config_path().parent / "prices.json"


def load() -> Card:
    """Return the card in force: that of `XFRAMES_PRICES`, else a fetched one, else the packaged.

    Raises
    ------
    ConfigError
        A file is not a price card.
    """
    named = from_environment("XFRAMES_PRICES")
    if named is not None:
        return _read(Path(named).expanduser(), "XFRAMES_PRICES")
    packaged = Card(PER_RESOURCE, PER_REQUEST, f"{CARD} ({SOURCE})", date.fromisoformat(DATED))
    if card_path().exists():
        fetched = _read(card_path(), "X's live price card")
        if fetched.dated >= packaged.dated:
            return fetched
    return packaged


def store(document: Any, source: str, now: datetime) -> Card:
    """Store a live card in the config folder, and return it. Raises ConfigError if it is none."""
    card = _parsed(document, "X's live price card", source, now.date())
    path = card_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    fetched = {**document, "source": source, "fetched_at": now.isoformat(timespec="seconds")}
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(fetched, indent=1), encoding="utf-8")
    temporary.replace(path)
    return card


def _read(path: Path, what: str) -> Card:
    try:
        document = json.loads(path.read_bytes())
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, ValueError) as error:
        reason = type(error).__name__
        raise ConfigError(f"{what}: {path} is not a readable JSON file ({reason})") from None
    notes = document if isinstance(document, dict) else {}
    dated = _time(str(notes.get("fetched_at")), changed).date()
    return _parsed(document, what, str(notes.get("source", path)), dated)


def _time(text: str, otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return otherwise


def _parsed(document: Any, what: str, source: str, dated: date) -> Card:
    """Return the card of a document in the form of X's live card.

    Kinds of objects without a row have none on this card either; the rows that X's live card is
    not known to have are those of the packaged card.
    """
    if not isinstance(document, dict) or not document.keys() & {_RESOURCES, _REQUESTS}:
        raise ConfigError(f"{what}: expected {_RESOURCES} and {_REQUESTS}, got {document!r:.60}")
    resources = _amounts(document.get(_RESOURCES, PER_RESOURCE), what)
    requests = {**PER_REQUEST, **_amounts(document.get(_REQUESTS, {}), what)}
    return Card(resources, requests, f"{what} ({source})", dated)


def _amounts(rows: Any, what: str) -> dict[str, float]:
    if not isinstance(rows, dict):
        raise ConfigError(f"{what}: expected prices by kind, got {rows!r:.60}")
    amounts = {}
    for name, amount in rows.items():
        is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not is_number or not 0 <= amount < 1000:
            raise ConfigError(f"{what}: {name}: expected a price in dollars, got {amount!r:.40}")
        amounts[ALIASES.get(name, name)] = float(amount)
    return {**amounts, **{name: float(rows[name]) for name in rows.keys() & ALIASES.values()}}
