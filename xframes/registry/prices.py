"""X's price card of August 2026, in US dollars (docs.x.com/x-api/getting-started/pricing)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xframes.registry.actions import Action

CARD = "X's price card of August 2026"

# Per object returned.
PER_RESOURCE = {
    "Post": 0.005, "User": 0.01, "DirectMessage": 0.01, "Follow": 0.01, "List": 0.005,
    "Space": 0.005, "Community": 0.005, "News": 0.005, "Like": 0.001, "Mute": 0.001,
    "Block": 0.001,
}
# Per request, for any number of objects.
PER_REQUEST = {
    "CountsRecent": 0.005, "CountsAll": 0.01, "Trends": 0.01, "PostCreate": 0.015,
    "PostCreateWithUrl": 0.2, "DmInteractionCreate": 0.015, "UserInteractionCreate": 0.015,
    "InteractionDelete": 0.01, "ContentManage": 0.005, "ListCreate": 0.01, "ListManage": 0.005,
    "Bookmark": 0.005, "MediaMetadata": 0.005, "PrivacyUpdate": 0.01, "MuteDelete": 0.005,
}


def dollars(amount: float) -> str:
    """Format an amount with two decimals, or more where needed: "$0.20", "$0.005"."""
    cents = f"{amount:.2f}"
    if float(cents) == amount:
        return f"${cents}"
    return f"${amount:g}"


def price(action: Action, rows: int) -> float | None:
    """Return the price of one page with `rows` main rows, in US dollars.

    Returns None for actions that are not on the price card. Included objects are not counted.
    X bills an object only once a day; the price does not consider that.
    """
    if action.price in PER_RESOURCE:
        return PER_RESOURCE[action.price] * rows
    return PER_REQUEST.get(action.price or "")
