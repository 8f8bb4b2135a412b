"""The objects that an answer returned, which X bills: main ones, and those it includes."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from xframes.billing.card import Rate, main_kind
from xframes.registry.prices import INCLUDED, PER_REQUEST
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from xframes.billing.card import Card
    from xframes.registry import Action
    from xframes.wire import Page

__all__ = ["Resource", "included_again", "included_kind", "resources"]


class Resource(NamedTuple):
    """One object of an answer: its kind on the card, its id, and its rate.

    Included objects are billed in the high reading only.
    """

    kind: str
    id: str
    rate: Rate
    main: bool


class _Named(msgspec.Struct):
    id: str | int | None = None
    media_key: str | None = None


class _Body(msgspec.Struct):
    data: list[_Named] | _Named | None = None
    includes: dict[str, list[_Named]] = {}


_bodies = msgspec.json.Decoder(_Body)


def resources(action: Action, body: bytes, card: Card, *, owned: bool) -> list[Resource]:
    """Return the objects of an answer that may be billed, each once.

    Free reads have none. Objects without an id are billed each time.
    """
    kind = main_kind(action)
    if kind is None:
        return []
    read = _read(body)
    rate = card.main(action, owned=owned)
    listed = read.data
    if not isinstance(listed, list):
        listed = [listed] if listed is not None else []
    found = {(kind, id): Resource(kind, id, rate, main=True) for id in _ids(listed)}
    for key, objects in read.includes.items():
        kind = included_kind(key)
        rate = card.resource(kind)
        for id in _ids(objects):
            found.setdefault((kind, id), Resource(kind, id, rate, main=False))
    return list(found.values())


def included_again(
    pages: Iterable[Page], action: Action, card: Card, today: date
) -> tuple[int, int]:
    """Return how many objects that pages of earlier days include X bills again today, at most.

    Also return their price in the high reading, in billionths of a dollar. Those that pages of
    today have are billed already.
    """
    before: dict[tuple[str, str], int] = {}
    billed: set[tuple[str, str]] = set()
    for page in pages:
        found = resources(action, page.body, card, owned=False)
        if page.received_at.astimezone(UTC).date() >= today:
            billed.update((one.kind, one.id) for one in found)
            continue
        before |= {(one.kind, one.id): one.rate.high for one in found if not one.main}
    again = [rate for key, rate in before.items() if key not in billed and rate]
    return len(again), sum(again)


def included_kind(key: str) -> str:
    """Return the kind on the card of the objects below a key of `includes`."""
    return INCLUDED.get(key, key)


def is_counted(action: Action) -> bool:
    """Whether X bills the objects of an action, and not only its requests."""
    return action.price not in PER_REQUEST and main_kind(action) is not None


def _ids(objects: Iterable[_Named]) -> Iterator[str]:
    for number, one in enumerate(objects):
        id = one.id if one.id is not None else one.media_key
        yield str(id) if id is not None else f"#{number}"


def _read(body: bytes) -> _Body:
    try:
        return _bodies.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return _read_leniently(body)


def _read_leniently(body: bytes) -> _Body:
    try:
        document: Any = read_json(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return _Body()
    data, includes = document.get("data"), document.get("includes")
    listed = data if isinstance(data, list) else [data]
    found = _Body([_named(one) for one in listed if isinstance(one, dict)])
    if isinstance(includes, dict):
        found.includes = {
            str(key): [_named(one) for one in objects if isinstance(one, dict)]
            for key, objects in includes.items() if isinstance(objects, list)
        }
    return found


def _named(one: dict[str, Any]) -> _Named:
    names = [one.get("id"), one.get("media_key")]
    id, key = (name if isinstance(name, str | int) else None for name in names)
    return _Named(id, None if key is None else str(key))
