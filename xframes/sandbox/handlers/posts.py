"""Posts by id, what quotes them, and who likes and reposts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .timelines import unlike

if TYPE_CHECKING:
    from xframes.sandbox.model import Post

    from .context import Context, Handler


def lookup(context: Context) -> dict[str, Any]:
    """The posts of up to 100 ids, in the order asked, each once; missing ones are partial errors."""
    answer = context.answer()
    wanted = dict.fromkeys(context.asked.args["post_ids"])
    found = [post for id in wanted if (post := answer.find_post(id, "ids", "data")) is not None]
    return answer.body(answer.posts(found))


def get(context: Context) -> dict[str, Any]:
    """One post; a missing one is a 200 with `errors` and no `data`."""
    answer = context.answer()
    post = answer.find_post(context.asked.args["post_id"], "id", "data")
    return answer.body(answer.posts([post])[0] if post else None)


def readable(context: Context) -> tuple[Post | None, dict[str, Any]]:
    """Return the post something is asked about, or None and the answer that says why it is not shown."""
    answer = context.answer()
    post = answer.find_post(context.asked.args["post_id"], "id", "data")
    return post, answer.body(None)


def quotes(context: Context) -> dict[str, Any]:
    """The posts that quote a post, newest first."""
    post, refusal = readable(context)
    if post is None:
        return refusal
    found = context.community.referring.get(("quoted", post.id), [])
    return context.page(found, unlike(context), previous=False, span=False)


def liking_users(context: Context) -> dict[str, Any]:
    """The people of the community who like a post, newest like first; its count includes those beyond."""
    post, refusal = readable(context)
    return refusal if post is None else context.rows("people", context.community.likers.get(post.id, []))


def reposted_by(context: Context) -> dict[str, Any]:
    """The people of the community who reposted a post, newest first."""
    post, refusal = readable(context)
    if post is None:
        return refusal
    reposts = context.community.referring.get(("retweeted", post.id), [])
    return context.rows("people", [each.author for each in reversed(reposts)])


HANDLERS: dict[str, Handler] = {
    "posts.lookup": lookup, "posts.get": get, "posts.quotes": quotes, "posts.liking_users": liking_users,
    "posts.reposted_by": reposted_by,
}
