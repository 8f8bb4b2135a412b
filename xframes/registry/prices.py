"""X's price card, in US dollars, as it was published in August 2026.

`xframes.billing.card` reads a newer card if there is one. Names of rows are those that X's live
card uses, where it is known to have the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xframes.registry.actions import Action

CARD = "X's price card of August 2026"
DATED = "2026-08-22"
SOURCE = "docs.x.com/x-api/getting-started/pricing"
LIVE = "https://console.x.com/api/credits/pricing"  # without authentication; X's guide names it

# Per object returned.
PER_RESOURCE = {
    "Post": 0.005, "User": 0.01, "DirectMessage": 0.01, "Follow": 0.01, "List": 0.005,
    "Space": 0.005, "Community": 0.005, "Note": 0.005, "News": 0.005, "Like": 0.001, "Mute": 0.001,
    "Block": 0.001, "ProfileUpdate": 0.005,
}
# Per request, for any number of objects.
PER_REQUEST = {
    "CountsRecent": 0.005, "CountsAll": 0.01, "Trends": 0.01, "PostCreate": 0.015,
    "PostCreateWithUrl": 0.2, "PostCreateSummoned": 0.01, "DmInteractionCreate": 0.015,
    "UserInteractionCreate": 0.015, "InteractionDelete": 0.01, "ContentManage": 0.005,
    "ListCreate": 0.01, "ListManage": 0.005, "Bookmark": 0.005, "MediaMetadata": 0.005,
    "PrivacyUpdate": 0.01, "MuteDelete": 0.005,
}
# Per object, of the reads that X calls owned: `Action.owned`, about the user who sends them.
OWNED = 0.001
# Per object, on the card of early 2026; the present card has no such row.
EARLIER = {"Media": 0.005, "Analytics": 0.005}
MONTHLY_POSTS = 3_000_000  # that pay-per-use reads in a billing month, at most

# Rows of X's live card that mean a row of ours.
ALIASES = {"ContentCreate": "PostCreate"}

# The row of included objects, by the key of `includes`; and of main objects whose action has none.
INCLUDED = {
    "tweets": "Post", "posts": "Post", "users": "User", "media": "Media", "places": "Place",
    "polls": "Poll", "topics": "Topic",
}
UNPRICED = {"media": "Media", "post_analytics": "Analytics", "media_analytics": "Analytics"}


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
