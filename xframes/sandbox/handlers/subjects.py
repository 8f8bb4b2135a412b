"""Communities and news stories: one by its id, or those whose words a query names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox import lexicon, subjects
from xframes.sandbox.terms import fold, tokens

if TYPE_CHECKING:
    from .context import Context, Handler

_HOUR_MS = 3_600_000


def _says(row: dict[str, Any], query: str) -> bool:
    """Whether the texts of a row hold every word of a query."""
    held = " ".join(str(row.get(name, "")) for name in ("name", "description", "hook", "summary", "keywords"))
    return set(tokens(fold(query))) <= set(tokens(fold(held)))


def community(context: Context) -> dict[str, Any]:
    """One community."""
    answer = context.answer()
    id = context.asked.args["community_id"]
    topic = subjects.topic_of(id)
    if topic is None:
        answer.errors.not_found("community", "id", str(id))
    return answer.body(None if topic is None else answer.communities([topic])[0])


def communities(context: Context) -> dict[str, Any]:
    """The communities whose name or description holds every word of the query."""
    query = context.asked.args["query"]
    found = [topic for topic in range(len(lexicon.TOPICS))
             if _says(subjects.community_json(context.community, topic), query)]
    body = context.rows("communities", found)
    body["meta"].pop("result_count", None)  # X counts no communities
    return body


def story(context: Context) -> dict[str, Any]:
    """One news story as it stands now."""
    answer = context.answer()
    id = context.asked.args["news_id"]
    found = subjects.story(context.community, id, context.now)
    if found is None:
        answer.errors.not_found("news", "id", str(id))
    return answer.body(answer.stories([found])[0] if found else None)


def stories(context: Context) -> dict[str, Any]:
    """The stories of the last hours that hold every word of the query, the latest first."""
    args = context.asked.args
    since = context.now - args.get("max_age_hours", 168) * _HOUR_MS
    found = [each for each in subjects.stories(context.community, since, context.now)
             if _says(subjects.story_json(each, context.words), args["query"])]
    return context.whole("stories", found[: args.get("max_results", 10)])


HANDLERS: dict[str, Handler] = {
    "communities.get": community, "communities.search": communities, "news.get": story, "news.search": stories,
}
