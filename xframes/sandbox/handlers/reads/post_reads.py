"""Read posts by id, their quotes and reposts, and who likes and reposts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.targets import readable_post, target_post

from .timeline_reads import without_excluded

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler


def lookup(context: Context) -> dict[str, Any]:
    """Answer with the posts of up to 100 ids, in that order; missing ones are partial errors."""
    answer = context.answer()
    ids = dict.fromkeys(context.request.args["post_ids"])
    posts = [answer.find_post(id, "ids", "data") for id in ids]
    return answer.body(answer.posts(post for post in posts if post is not None))


def get(context: Context) -> dict[str, Any]:
    """Answer with one post; for a missing one, 200 with `errors` and without `data`."""
    answer = context.answer()
    post = answer.find_post(context.request.args["post_id"], "id", "data")
    if post is None:
        return answer.body(None)
    return answer.body(answer.posts([post])[0])


def quotes(context: Context) -> dict[str, Any]:
    """Answer with the posts that quote a post, newest first."""
    post, refusal = readable_post(context)
    if post is None:
        return refusal
    rows = context.community.referring.get(("quoted", post.id), [])
    return context.page(rows, without_excluded(context), previous=False, span=False)


def reposts(context: Context) -> dict[str, Any]:
    """Answer with the reposts of a post, newest first."""
    post = target_post(context)
    return context.page(context.community.referring.get(("retweeted", post.id), []), span=False)


def liking_users(context: Context) -> dict[str, Any]:
    """Answer with the people of the community who like a post, newest like first."""
    post, refusal = readable_post(context)
    if post is None:
        return refusal
    return context.rows("people", context.community.likers.get(post.id, []))


def reposted_by(context: Context) -> dict[str, Any]:
    """Answer with the people of the community who reposted a post, newest first."""
    post, refusal = readable_post(context)
    if post is None:
        return refusal
    reposts = context.community.referring.get(("retweeted", post.id), [])
    return context.rows("people", [each.author for each in reversed(reposts)])


HANDLERS: dict[str, Handler] = {
    "posts.lookup": lookup, "posts.get": get, "posts.quotes": quotes, "posts.reposts": reposts,
    "posts.liking_users": liking_users, "posts.reposted_by": reposted_by,
}
