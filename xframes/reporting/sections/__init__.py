"""The sections of a report, in their order. Completeness comes before any chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xframes.reporting.sections import activity, highlights, leaders, owned, provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xframes.reporting.blocks import Block
    from xframes.reporting.chosen import Selection


@dataclass(frozen=True, slots=True)
class Declared:
    """A section: its title, and the function that yields its blocks; none without data for it."""

    title: str
    build: Callable[[Selection], Iterable[Block]]


SECTIONS: dict[str, Declared] = {
    "collection": Declared("What was collected", provenance.collection),
    "completeness": Declared("How complete it is", provenance.completeness),
    "timeline": Declared("Posts over time", activity.timeline),
    "authors": Declared("Authors", leaders.authors),
    "hashtags": Declared("Hashtags", leaders.hashtags),
    "domains": Declared("Domains of links", leaders.domains),
    "words": Declared("Words", leaders.words),
    "languages": Declared("Languages", leaders.languages),
    "media": Declared("Kinds of media", leaders.media),
    "posts": Declared("Posts with the most engagement", highlights.posts),
    "engagement": Declared("Engagement", activity.engagement),
    "growth": Declared("Growth of metrics", activity.growth),
    "hours": Declared("Hours and weekdays", activity.hours),
    "conversations": Declared("Conversations", highlights.conversations),
    "network": Declared("Who mentions whom", highlights.network),
    "analytics": Declared("Analytics", owned.analytics),
    "usage": Declared("Usage of the project", owned.usage),
    "problems": Declared("Problems", provenance.problems),
    "methods": Declared("Methods and citation", provenance.methods),
}
