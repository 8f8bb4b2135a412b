"""X's price card: what a call costs in US dollars (docs.x.com/x-api/getting-started/pricing, August 2026)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xframes.registry.actions import Action

CARD = "X's price card of August 2026"

# Per thing returned.
PER_RESOURCE = {
    "Post": 0.005, "User": 0.01, "DirectMessage": 0.01, "Follow": 0.01, "List": 0.005, "Space": 0.005,
    "Community": 0.005, "News": 0.005, "Like": 0.001, "Mute": 0.001, "Block": 0.001,
}
# Per request, whatever it returns.
PER_REQUEST = {
    "CountsRecent": 0.005, "CountsAll": 0.01, "Trends": 0.01, "PostCreate": 0.015, "PostCreateWithUrl": 0.2,
    "DmInteractionCreate": 0.015, "UserInteractionCreate": 0.015, "InteractionDelete": 0.01, "ContentManage": 0.005,
    "ListCreate": 0.01, "ListManage": 0.005, "Bookmark": 0.005, "MediaMetadata": 0.005, "PrivacyUpdate": 0.01,
    "MuteDelete": 0.005,
}


def dollars(amount: float) -> str:
    """An amount in cents, or in parts of a cent where there are some: "$0.20", "$0.005"."""
    cents = f"{amount:.2f}"
    return f"${cents}" if float(cents) == amount else f"${amount:g}"


def price(action: Action, rows: int) -> float | None:
    """What one page of so many main rows costs; None for actions the card does not name.

    Included objects are not counted, nor that X bills a thing read twice in a day only once.
    """
    if action.price in PER_RESOURCE:
        return PER_RESOURCE[action.price] * rows
    return PER_REQUEST.get(action.price or "")
