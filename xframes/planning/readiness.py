"""Whether an action can be carried out, before it is called; no request is sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from xframes import registry
from xframes.auth import KINDS
from xframes.auth.obstacles import Obstacle
from xframes.billing.bounds import bound_of
from xframes.billing.card import in_dollars
from xframes.billing.resources import is_counted
from xframes.billing.sums import money
from xframes.client import Client, current
from xframes.errors import ArgumentError, ConfigError
from xframes.plan.query_check import QueryCheck, check_query, is_query_action
from xframes.registry.documentation import rate_limits
from xframes.wire import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from xframes.registry import Action

__all__ = ["Access", "can"]


@dataclass(frozen=True)
class Access:
    """Whether an action can be carried out, and why not. It is true if nothing is known against it.

    Parameters
    ----------
    action
        Name of the action.
    obstacles
        What keeps it from being carried out; each has `kind`, `reason` and `fix`. X's refusals are
        reported with the same words.
    uses
        The kind of credentials it is sent with: app, oauth1 or oauth2. None if none fits.
    accepted, held
        The kinds of credentials that X accepts, and those that the client has.
    scopes, missing_scopes
        The OAuth 2.0 scopes that it needs, and those that the token lacks as far as is known.
    tier, removed
        The access level it needs, and when X removed it from self-serve access (or None).
    price_low, price_high, per
        Dollars for one main object or request ("object", "request"). The high price includes
        expanded objects, where their number has a bound.
    limits
        The documented rate limits.
    reported
        What X reported last: requests per window, requests left, and the end of the window. None
        before the first request.
    notes
        What else to know before the call.
    query
        The checked query, or None without one.
    """

    action: str
    obstacles: tuple[Obstacle, ...]
    uses: str | None
    accepted: tuple[str, ...]
    held: tuple[str, ...]
    scopes: tuple[str, ...]
    missing_scopes: tuple[str, ...]
    tier: str
    removed: str | None
    price_low: float
    price_high: float
    per: str
    limits: str
    reported: tuple[int, int, datetime] | None = None
    notes: tuple[str, ...] = ()
    query: QueryCheck | None = None

    @property
    def allowed(self) -> bool:
        """Whether nothing is known that keeps it from being carried out."""
        return not self.obstacles

    def __bool__(self) -> bool:
        return self.allowed

    def rows(self) -> list[tuple[str, str]]:
        """Return what is known, as pairs of a label and a text.

        Returns
        -------
        list of tuple
            The obstacles first, then credentials, scopes, access level, price and limits.

            Examples
        --------
        >>> dict(xf.can("write.like").rows())["scopes"]
        """
        return list(self._rows())

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield self.action, "yes" if self.allowed else "no"
        for obstacle in self.obstacles:
            yield obstacle.kind, str(obstacle)
        yield "accepted", ", ".join(self.accepted)
        yield "held", ", ".join(self.held) or "none"
        if self.uses:
            yield "sent with", KINDS[self.uses][0]
        if self.scopes:
            yield "scopes", " ".join(self.scopes)
        if self.missing_scopes:
            yield "missing", " ".join(self.missing_scopes)
        yield "access level", self.tier
        yield "price", self._price()
        yield "rate limits", self.limits
        if self.reported is not None:
            most, left, end = self.reported
            yield "left", f"{left:,} of {most:,} requests until {end:%H:%M} UTC"
        for note in self.notes:
            yield "note", note

    def _price(self) -> str:
        if not self.price_high:
            return "free, or not on the price card"
        return f"{money(self.price_low, self.price_high)} per {self.per}"

    def __repr__(self) -> str:
        rows = self.rows()
        width = max(len(label) for label, _ in rows)
        lines = [f"{label:<{width}}  {text}" for label, text in rows]
        if self.query is not None and self.query.notes:
            lines += ["", str(self.query)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{escape(label)}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for label, text in self.rows()
        )
        query = ""
        if self.query is not None and self.query.notes:
            query = f"<pre>{escape(str(self.query))}</pre>"
        return f"<table>{cells}</table>{query}"


def can(action: str, *, query: str | None = None, client: Client | None = None) -> Access:
    """Say whether an action can be carried out, and what it needs and costs. Sends no request.

    Parameters
    ----------
    action
        Name of an action, e.g. `"write.like"`.
    query
        Query of a search or of counts, or rule of a filtered stream, to check offline: operators,
        length, and what X ignores.
    client
        Client whose credentials are checked. Default: the client set with `xf.use`; without it, one
        with the credentials of the environment or the config file.

    Returns
    -------
    Access
        True if nothing is known against it. Printed, it shows credentials, scopes, access level,
        price and limits, and the query with a caret below each finding.

    Raises
    ------
    ArgumentError
        The action does not exist, or takes no query.
    ConfigError
        The config file is invalid.

    Examples
    --------
    >>> xf.can("write.like")
    >>> xf.can("search.recent", query="coffee since:2026-01-01").query.ok
    """
    declared = _declared(action)
    if client is None:
        client = _present()
    obstacles, checked = list(client.obstacles(declared)), None
    if query is not None:
        checked = _checked(action, query, client)
        obstacles += [Obstacle("query", note.message) for note in checked.errors]
    low, high, per = _prices(declared, client)
    missing: tuple[str, ...] = ()
    if client.scopes:
        missing = tuple(scope for scope in declared.scopes if scope not in client.scopes)
    return Access(
        action=action, obstacles=tuple(obstacles), uses=_kind(declared, client),
        accepted=declared.auth or tuple(KINDS), held=client.kinds, scopes=declared.scopes,
        missing_scopes=missing, tier=_tier(declared), removed=declared.removed or None,
        price_low=low, price_high=high, per=per, limits=rate_limits(declared),
        reported=client.limits.get(action), notes=tuple(_notes(declared, client)), query=checked,
    )


def _declared(action: str) -> Action:
    try:
        return registry.action(action)
    except KeyError as error:
        raise ArgumentError(f"action: {error.args[0]}") from None


def _present() -> Client:
    """Return the default client, or one that may have no credentials."""
    with suppress(ConfigError):
        return current("xf.can")
    return Client()


def _checked(action: str, query: str, client: Client) -> QueryCheck:
    if not is_query_action(action):
        raise ArgumentError(f"query: {action} takes no query of X's search language")
    if not isinstance(query, str):
        raise ArgumentError(f"query: expected text, got {query!r:.40}")
    return check_query(query, action, client.query_limit)


def _tier(action: Action) -> str:
    if action.removed:
        return "other than self-serve"
    return action.tier


def _kind(action: Action, client: Client) -> str | None:
    try:
        return client.may_send(action.name)
    except ConfigError:
        return None


def _prices(action: Action, client: Client) -> tuple[float, float, str]:
    """Return the dollars of one main object with all expansions, or of one request."""
    expansions = ""
    if action.expands:
        from xframes.plan.fields import field_params

        expansions = field_params(action, "all", "all", client.words).get("expansions", "")
    request = Request(action.method, action.path, {"expansions": expansions}, action.name)
    bound = bound_of(request, action, client.meter.card, owned=False)
    low, high = bound.amounts(1)
    per = "object" if is_counted(action) else "request"
    return in_dollars(low.units), in_dollars(high.units), per


def _notes(action: Action, client: Client) -> Iterator[str]:
    if "oauth2" in client.kinds and "oauth2" in action.auth and not client.scopes:
        yield "the scopes of the OAuth 2.0 token are not known"
    if action.kind == "write" and not client.writes:
        yield "this client only reads: create it with Client(writes=True)"
    if action.note:
        yield action.note
    if action.caps:
        yield action.caps
    if action.owned:
        yield "X bills less per object if the id is yours and you own the app"
