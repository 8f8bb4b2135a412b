"""Like, bookmark and repost the posts of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.targets import target_post
from xframes.sandbox.protocol import problem_json
from xframes.sandbox.world import texts
from xframes.sandbox.world.model import Post

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler


def like(context: Context) -> dict[str, Any]:
    """Like a post."""
    me, post, community = context.me, target_post(context), context.community
    mine = community.liked.setdefault(me.id, [])
    people = community.likers.setdefault(post.id, [])
    if me not in people:
        people.insert(0, me)
        mine.insert(0, post)
        post.likes += 1
        me.likes_count += 1
    return {"data": {"liked": True}}


def unlike(context: Context) -> dict[str, Any]:
    """Undo a like."""
    me, post, community = context.me, target_post(context), context.community
    mine = community.liked.setdefault(me.id, [])
    people = community.likers.setdefault(post.id, [])
    if me in people:
        people.remove(me)
        mine.remove(post)
        post.likes -= 1
        me.likes_count -= 1
    return {"data": {"liked": False}}


def bookmark(context: Context) -> dict[str, Any]:
    """Bookmark a post."""
    bookmarks, post = context.community.kept(context.me).bookmarks, target_post(context)
    if post not in bookmarks:
        bookmarks.insert(0, post)
        post.bookmarks += 1
    return {"data": {"bookmarked": True}}


def remove_bookmark(context: Context) -> dict[str, Any]:
    """Remove a bookmark."""
    bookmarks, post = context.community.kept(context.me).bookmarks, target_post(context)
    if post in bookmarks:
        bookmarks.remove(post)
        post.bookmarks = max(0, post.bookmarks - 1)
    return {"data": {"bookmarked": False}}


def _my_repost(context: Context, post: Post) -> Post | None:
    """Return the authenticated user's repost of a post, if there is one."""
    reposts = context.community.referring.get(("retweeted", post.id), ())
    return next((each for each in reposts if each.author is context.me), None)


def repost(context: Context) -> dict[str, Any]:
    """Repost a post; a second time changes nothing."""
    post, community = target_post(context), context.community
    if post.author.standing == "protected":
        raise problem_json.forbidden("Posts of protected accounts cannot be reposted.")
    mine = _my_repost(context, post)
    if mine is None:
        id = community.new_id(context.now)
        text, entities = texts.repost(post)
        mine = Post(
            id, context.now, context.me, text, entities, post.lang, post.topic, id,
            (("retweeted", post.id),), versions=(id,), original=post, media=post.media,
            contexts=post.contexts, sensitive=post.sensitive,
        )
        community.enter(mine)
    id_name = "rest_id" if context.words == "post" else "id"
    return {"data": {"retweeted": True, id_name: str(mine.id)}}


def undo_repost(context: Context) -> dict[str, Any]:
    """Delete the authenticated user's repost of a post."""
    mine = _my_repost(context, target_post(context))
    if mine is not None:
        context.community.leave(mine, "deleted")
    return {"data": {"retweeted": False}}


HANDLERS: dict[str, Handler] = {
    "write.like": like, "write.unlike": unlike, "write.bookmark": bookmark,
    "write.remove_bookmark": remove_bookmark, "write.repost": repost,
    "write.undo_repost": undo_repost,
}
