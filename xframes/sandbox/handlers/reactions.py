"""What people do with posts of others: like, bookmark, repost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox import lexicon, problems, writing
from xframes.sandbox.model import Post

from .timelines import readable

if TYPE_CHECKING:
    from .context import Context, Handler

_FOLDERS_FROM = 1_600_000_000_000_000_000

def liked_posts(context: Context) -> dict[str, Any]:
    """The posts a person likes, newest first."""
    person, refusal = readable(context, context.asked.args["user_id"])
    return refusal if person is None else context.rows("posts", context.community.liked.get(person.id, []))


def bookmarks(context: Context) -> dict[str, Any]:
    """The posts the authenticated user bookmarked, newest bookmark first; those deleted since are gone."""
    kept = context.community.kept(context.me).bookmarks
    return context.rows("posts", [post for post in kept if post.visible])


def _folders(context: Context) -> dict[int, list[Post]]:
    """The authenticated user's bookmarks by the id of their folder: one for each topic."""
    found: dict[int, list[Post]] = {}
    for post in context.community.kept(context.me).bookmarks:
        if post.visible:
            found.setdefault(_FOLDERS_FROM + post.topic, []).append(post)
    return found


def bookmark_folders(context: Context) -> dict[str, Any]:
    """The folders the authenticated user keeps bookmarks in: X says nothing of further pages."""
    ids = sorted(_folders(context))
    return {"data": [{"id": str(id), "name": lexicon.TOPICS[id - _FOLDERS_FROM].word.capitalize()} for id in ids]}


def bookmarks_by_folder(context: Context) -> dict[str, Any]:
    """The ids of the posts in a folder, newest bookmark first. Raises Refusal (404) for a folder that is not there."""
    id, folders = context.asked.args["folder_id"], _folders(context)
    if id not in folders:
        raise problems.missing(context.words, "bookmark_folder", "folder_id", str(id))
    return {"data": [{"id": str(post.id)} for post in folders[id]]}


def target(context: Context, name: str = "post_id") -> Post:
    """Return the post a write is about. Raises Refusal: 404 for one that is not there, 403 for one not to be read."""
    id = context.asked.args[name]
    post = context.community.posts.get(id)
    if post is None or post.state == "deleted" or post.author.standing == "suspended":
        raise problems.missing(context.words, "post", context.asked.action.param(name).wire, str(id))
    if not context.answer().sees(post.author):
        raise problems.forbidden("You are not authorized to see the Post with the id in this request.")
    return post.original or post


def like(context: Context) -> dict[str, Any]:
    """Like a post."""
    me, post, community = context.me, target(context), context.community
    mine, people = community.liked.setdefault(me.id, []), community.likers.setdefault(post.id, [])
    if me not in people:
        people.insert(0, me)
        mine.insert(0, post)
        post.likes += 1
        me.likes_count += 1
    return {"data": {"liked": True}}


def unlike(context: Context) -> dict[str, Any]:
    """Like a post no more."""
    me, post, community = context.me, target(context), context.community
    mine, people = community.liked.setdefault(me.id, []), community.likers.setdefault(post.id, [])
    if me in people:
        people.remove(me)
        mine.remove(post)
        post.likes -= 1
        me.likes_count -= 1
    return {"data": {"liked": False}}


def bookmark(context: Context) -> dict[str, Any]:
    """Bookmark a post."""
    kept, post = context.community.kept(context.me).bookmarks, target(context)
    if post not in kept:
        kept.insert(0, post)
        post.bookmarks += 1
    return {"data": {"bookmarked": True}}


def remove_bookmark(context: Context) -> dict[str, Any]:
    """Take a bookmark away."""
    kept, post = context.community.kept(context.me).bookmarks, target(context)
    if post in kept:
        kept.remove(post)
        post.bookmarks = max(0, post.bookmarks - 1)
    return {"data": {"bookmarked": False}}


def _mine(context: Context, post: Post) -> Post | None:
    """The authenticated user's repost of a post."""
    reposts = context.community.referring.get(("retweeted", post.id), ())
    return next((each for each in reposts if each.author is context.me), None)


def repost(context: Context) -> dict[str, Any]:
    """Repost a post; doing it again changes nothing."""
    post, community = target(context), context.community
    if post.author.standing == "protected":
        raise problems.forbidden("Posts of protected accounts cannot be reposted.")
    made = _mine(context, post)
    if made is None:
        id = community.new_id(context.now)
        text, entities = writing.repost(post)
        made = Post(id, context.now, context.me, text, entities, post.lang, post.topic, id, (("retweeted", post.id),),
                    versions=(id,), original=post, media=post.media, contexts=post.contexts, sensitive=post.sensitive)
        community.enter(made)
    return {"data": {"retweeted": True, "rest_id" if context.words == "post" else "id": str(made.id)}}


def undo_repost(context: Context) -> dict[str, Any]:
    """Take a repost back."""
    made = _mine(context, target(context))
    if made is not None:
        context.community.leave(made, "deleted")
    return {"data": {"retweeted": False}}


HANDLERS: dict[str, Handler] = {
    "users.liked_posts": liked_posts, "users.bookmarks": bookmarks,
    "users.bookmark_folders": bookmark_folders, "users.bookmarks_by_folder": bookmarks_by_folder,
    "write.like": like, "write.unlike": unlike,
    "write.bookmark": bookmark, "write.remove_bookmark": remove_bookmark, "write.repost": repost,
    "write.undo_repost": undo_repost,
}
