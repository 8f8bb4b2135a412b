"""Read the text of a new post as X does: its weight, short links, tags and mentions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .draft import ELLIPSIS, URL_WEIGHT, short_link, weight

if TYPE_CHECKING:
    from random import Random

    from .community import Community
    from .draft import Draft

_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]'\u2026]")
_PART = re.compile(
    rf"(?P<link>{_LINK.pattern})|(?<![\w@])@(?P<name>\w{{1,15}})(?!\w)"
    r"|(?<![\w&#])#(?P<tag>\w*[^\W\d_]\w*)"
    r"|(?<![\w$])\$(?P<cash>[A-Za-z]{1,6})(?!\w)"
)
_POST = re.compile(r"https?://(?:www\.)?(?:x|twitter)\.com/\w+/status/([0-9]{1,19})\b")
_SHOWN = 28  # characters of a link that are displayed


def weigh(raw: str) -> int:
    """Return the weight of a text, of which 280 fit: links count 23, wide characters two."""
    return weight(_LINK.sub("", raw)) + URL_WEIGHT * len(_LINK.findall(raw))


def compose(draft: Draft, raw: str, community: Community, rng: Random) -> Draft:
    """Append a text with its entities to a draft; names of unknown accounts stay plain text."""
    done = 0
    for part in _PART.finditer(raw):
        draft.say(raw[done : part.start()])
        done = part.end()
        if part["link"]:
            draft.link(short_link(rng), _facts(part["link"]))
        elif part["tag"]:
            draft.hashtag(part["tag"])
        elif part["cash"]:
            draft.cashtag(part["cash"])
        elif (person := community.usernames.get(part["name"].lower())) is not None:
            draft.mention(part["name"], person.id)
        else:
            draft.say(part[0])
    return draft.say(raw[done:])


def _facts(url: str) -> dict[str, str]:
    shown = re.sub(r"^https?://(www\.)?", "", url)
    return {
        "expanded_url": url,
        "display_url": shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + ELLIPSIS,
    }


def linked_posts(raw: str, community: Community) -> tuple[int, ...]:
    """Return the ids of the existing posts that a text links to."""
    found = (int(number) for number in _POST.findall(raw))
    return tuple(id for id in dict.fromkeys(found) if id in community.posts)
