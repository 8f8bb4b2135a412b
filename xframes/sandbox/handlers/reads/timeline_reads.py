"""Read a person's posts: written, mentioning them, on their home timeline, liked, bookmarked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.context import window
from xframes.sandbox.handlers.targets import readable_person
from xframes.sandbox.protocol import problem_json
from xframes.sandbox.world import lexicon
from xframes.sandbox.world.snowflakes import DAY_MS, snowflake

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.world.model import Person, Post

_HOME_DAYS = 7  # age of the oldest post on the home timeline
_DEPTH = 3200  # how far back X lets a timeline be read, in posts
_DEPTH_SHORT = 800  # the same without replies, and for mentions
_FOLDERS_FROM = 1_600_000_000_000_000_000


def user(context: Context) -> dict[str, Any]:
    """Answer with a person's posts, newest first; `exclude` leaves out replies or reposts."""
    person, refusal = readable_person(context)
    if person is None:
        return refusal
    depth = _DEPTH
    if "replies" in context.request.args.get("exclude", ()):
        depth = _DEPTH_SHORT
    low, high = window(context.request.args)
    rows = _posts_of(context, person)[-depth:]
    return context.page(rows, without_excluded(context), low=low, high=high)


def _posts_of(context: Context, person: Person) -> list[Post]:
    """Return a person's posts, also those of a protected account, which are listed nowhere."""
    if person.standing != "protected":
        return context.community.by_author.get(person.id, [])
    posts = context.community.posts.values()
    live = [post for post in posts if post.author is person and post.state == "live"]
    return sorted(live, key=lambda post: post.id)


def without_excluded(context: Context) -> Callable[[Post], bool]:
    """Return the test that leaves out what `exclude` names: replies, reposts."""
    excluded = context.request.args.get("exclude", ())
    replies, reposts = "replies" in excluded, "retweets" in excluded

    def is_included(post: Post) -> bool:
        if replies and post.reply_to is not None:
            return False
        return not (reposts and post.original is not None)

    return is_included


def home(context: Context) -> dict[str, Any]:
    """Answer with the last week's posts of the user and those they follow, without muted people."""
    me, community = context.me, context.community
    muted = {person.id for person in community.kept(me).mutes}
    authors = {person.id for person in (me, *me.following)} - muted
    is_included = without_excluded(context)
    oldest = snowflake(context.now - _HOME_DAYS * DAY_MS)
    low, high = window(context.request.args, low=oldest)
    return context.page(
        community.listed,
        lambda post: post.author.id in authors and is_included(post),
        low=low,
        high=high,
    )


def mentions(context: Context) -> dict[str, Any]:
    """Answer with the posts that mention a person, newest first."""
    person, refusal = readable_person(context)
    if person is None:
        return refusal
    low, high = window(context.request.args)
    rows = context.community.mentions.get(person.id, [])[-_DEPTH_SHORT:]
    return context.page(rows, low=low, high=high)


def reposts_of_me(context: Context) -> dict[str, Any]:
    """Answer with the reposts of the authenticated user's posts, newest first."""
    me = context.me
    listed = context.community.listed
    mine = [post for post in listed if post.original is not None and post.original.author is me]
    return context.page(mine, span=False)


def liked_posts(context: Context) -> dict[str, Any]:
    """Answer with the posts a person likes, newest first."""
    person, refusal = readable_person(context)
    if person is None:
        return refusal
    return context.rows("posts", context.community.liked.get(person.id, []))


def bookmarks(context: Context) -> dict[str, Any]:
    """Answer with the authenticated user's bookmarks that still exist, newest bookmark first."""
    return context.rows("posts", _bookmarks(context))


def _bookmarks(context: Context) -> list[Post]:
    return [post for post in context.community.kept(context.me).bookmarks if post.visible]


def bookmark_folders(context: Context) -> dict[str, Any]:
    """Answer with the user's bookmark folders, one for each topic; X documents no further pages."""
    topics = sorted({post.topic for post in _bookmarks(context)})
    return {"data": [
        {"id": str(_FOLDERS_FROM + topic), "name": lexicon.TOPICS[topic].word.capitalize()}
        for topic in topics
    ] + [
        {"id": str(id), "name": name}
        for id, name in context.community.kept(context.me).folders.items()
    ]}


def bookmarks_by_folder(context: Context) -> dict[str, Any]:
    """Answer with the ids of the posts in a folder, newest bookmark first.

    Raises Refusal (404) for an unknown folder.
    """
    id = context.request.args["folder_id"]
    posts = [post for post in _bookmarks(context) if _FOLDERS_FROM + post.topic == id]
    if not posts:
        raise problem_json.missing(context.words, "bookmark_folder", "folder_id", str(id))
    return {"data": [{"id": str(post.id)} for post in posts]}


HANDLERS: dict[str, Handler] = {
    "timelines.user": user, "timelines.mentions": mentions, "timelines.home": home,
    "users.reposts_of_me": reposts_of_me, "users.liked_posts": liked_posts,
    "users.bookmarks": bookmarks, "users.bookmark_folders": bookmark_folders,
    "users.bookmarks_by_folder": bookmarks_by_folder,
}
