"""The objects that an answer returned, which X bills: main ones, and those it includes."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from xframes.billing.card import Rate, main_kind
from xframes.registry.prices import INCLUDED, PER_REQUEST
from xframes.wire import read_outline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from xframes.billing.card import Card
    from xframes.registry import Action
    from xframes.wire import Listed, Outline, Page

__all__ = ["Resource", "included_again", "included_kind", "resources"]


class Resource(NamedTuple):
    """One object of an answer: its kind on the card, its id, and its rate.

    Included objects are billed in the high reading only.
    """

    kind: str
    id: str
    rate: Rate
    main: bool


def resources(
    action: Action, body: bytes, card: Card, *, owned: bool, outline: Outline | None = None
) -> list[Resource]:
    """Return the objects of an answer that may be billed, each once.

    Free reads have none. Objects without an id are billed each time. `outline` is that of the body,
    if it was read already.
    """
    kind = main_kind(action)
    if kind is None:
        return []
    outline = outline or read_outline(body)
    rate = card.main(action, owned=owned)
    found = {(kind, id): Resource(kind, id, rate, main=True) for id in _ids(outline.rows)}
    for key, objects in (outline.includes or {}).items():
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


def _ids(objects: Iterable[Listed | None]) -> Iterator[str]:
    for number, one in enumerate(filter(None, objects)):
        id = one.id if one.id is not None else one.media_key
        yield str(id) if id is not None else f"#{number}"
