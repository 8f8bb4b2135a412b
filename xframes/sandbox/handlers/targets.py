"""Find what a request is about, or refuse the request as X does.

Reads answer with partial errors: their functions return None and that answer. Writes raise Refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.protocol import problem_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.sandbox.world.model import Conversation, Media, Person, Post, UserList

    from .context import Context

Body = dict[str, Any]


def readable_person(context: Context, name: str = "user_id") -> tuple[Person | None, Body]:
    """Return the account named by an argument, or None and the answer that says why not."""
    id = context.request.args[name]
    answer = context.answer()
    person = answer.find_person(context.community.people.get(id), "id", str(id))
    if person is not None and not answer.sees(person):
        answer.errors.not_authorized("user", "id", str(id), "data")
        person = None
    return person, answer.body(None)


def readable_post(context: Context) -> tuple[Post | None, Body]:
    """Return the post of the path, or None and the answer that says why not."""
    answer = context.answer()
    post = answer.find_post(context.request.args["post_id"], "id", "data")
    return post, answer.body(None)


def readable_list(context: Context) -> tuple[UserList | None, Body]:
    """Return the list of the path, or None and the answer that says it does not exist."""
    answer = context.answer()
    id = context.request.args["list_id"]
    found = context.community.lists.get(id)
    if found is None or not is_visible(context, found):
        answer.errors.not_found("list", "id", str(id))
        return None, answer.body(None)
    return found, {}


def is_visible(context: Context, each: UserList) -> bool:
    """Whether the viewer may see a list: private ones are for their owner."""
    return not each.private or each.owner is context.viewer


def target_post(context: Context, name: str = "post_id") -> Post:
    """Return the post a request is about; of a repost, the original.

    Raises Refusal: 404 for a missing post, 403 for one the user may not read.
    """
    id = context.request.args[name]
    post = context.community.posts.get(id)
    if post is None or post.state == "deleted" or post.author.standing == "suspended":
        wire = context.request.action.param(name).wire
        raise problem_json.missing(context.words, "post", wire, str(id))
    if not context.answer().sees(post.author):
        raise problem_json.forbidden(
            "You are not authorized to see the Post with the id in this request."
        )
    return post.original or post


def target_person(context: Context, name: str = "user_id") -> Person:
    """Return the account a write is about. Raises Refusal: 404 if missing, 403 for oneself."""
    id = context.request.args[name]
    person = context.community.people.get(id)
    if person is None or person.standing == "suspended":
        wire = context.request.action.param(name).wire
        raise problem_json.missing(context.words, "user", wire, str(id))
    if person is context.me:
        raise problem_json.forbidden("You cannot perform this action on your own account.")
    return person


def target_list(context: Context, *, own: bool) -> UserList:
    """Return the list a write is about; with `own`, it must be the user's.

    Raises Refusal: 404 for a missing list, 403 for the list of another person.
    """
    id = context.request.args["list_id"]
    found = context.community.lists.get(id)
    if found is None or not is_visible(context, found):
        wire = context.request.action.param("list_id").wire
        raise problem_json.missing(context.words, "list", wire, str(id))
    if own and found.owner is not context.me:
        raise problem_json.forbidden("You are not allowed to change a List of another user.")
    return found


def own_conversation(context: Context) -> Conversation:
    """Return the conversation of the path. Raises Refusal (403) for conversations of others."""
    id = str(context.request.args["conversation_id"])
    for each in context.community.mail(context.me):
        if each.id == id:
            return each
    raise problem_json.forbidden(f"You do not have access to the conversation [{id}].")


def uploaded_media(context: Context, ids: Iterable[int]) -> tuple[Media, ...]:
    """Return the media of the user's uploads. Raises Refusal (400) unless all are ready."""
    media = []
    for id in ids:
        upload = context.community.uploads.get(id)
        if upload is None or upload.owner_id != context.me.id or not upload.ready:
            raise context.refuse("media_ids", str(id), "Your media IDs are invalid.")
        media.append(upload.media)
    return tuple(media)
