"""Posting: new posts with all they can carry, edits, deletions, replies hidden and shown."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from xframes.sandbox import problems, writing
from xframes.sandbox.composing import compose, weigh
from xframes.sandbox.draft import ELLIPSIS, LIMIT, Draft
from xframes.sandbox.model import Media, Poll, Post, moment
from xframes.sandbox.objects import EDIT_MS, EDITS
from xframes.sandbox.people import short_link

from .reactions import target

if TYPE_CHECKING:
    from xframes.sandbox.model import Person, Place, Reference

    from .context import Context, Handler

_LONGEST = 25_000  # weighted characters of a long post
# Options that are kept with the post; of most of them nothing can be read.
_KEPT = (
    "paid_partnership", "made_with_ai", "nullcast", "for_super_followers_only", "share_with_followers", "card_uri",
    "direct_message_deep_link", "tagged_user_ids", "media_title", "media_description", "preview_media_id", "embeddable",
    "call_to_actions", "poll_reply_settings",
)


def create(context: Context) -> dict[str, Any]:
    """Post something, or edit what was posted. Accounts that are verified may write more than 280."""
    args, me, community = context.asked.args, context.me, context.community
    _check_text(context)
    before = _edited(context) if "previous_post_id" in args else None
    answered = _answered(context) if "reply_to_post_id" in args else None
    quoted = target(context, "quote_post_id") if "quote_post_id" in args else None
    poll, place, media = _poll(context), _place(context), attached(context, args.get("media_ids", ()))
    id = community.new_id(context.now)
    post = Post(
        id, context.now, me, "", {}, me.lang, me.topic, id, _references(answered, quoted, before),
        answered.author if answered else before.reply_to if before else None, media=media, poll=poll, place=place,
        versions=(id,), community_id=args.get("community_id"), reply_settings=args.get("reply_settings", "everyone"),
        made={name: args[name] for name in _KEPT if name in args},
    )
    if answered or before:
        post.conversation_id = (answered or before or post).conversation_id
    _write(context, post, quoted)
    if before:
        post.versions = (*before.versions, id)
        community.leave(before, "superseded")
    community.enter(post)
    for version in (community.posts[each] for each in post.versions):
        version.versions, version.wire = post.versions, None
    made: dict[str, Any] = {"id": str(id), "text": post.text}
    if context.words == "post":
        made["edit_history_post_ids"] = [str(each) for each in post.versions]
    return {"data": made}


# -- what a post carries ------------------------------------------------------------------------------------


def _check_text(context: Context) -> None:
    text: str = context.asked.args.get("text", "")
    used = weigh(text)
    if not text.strip() and "media_ids" not in context.asked.args:
        raise context.refuse("text", text, "$.text: a post needs a text or media")
    if used > LIMIT and (context.me.verified == "none" or used > _LONGEST):
        most = LIMIT if context.me.verified == "none" else _LONGEST
        raise context.refuse("text", text, f"Your Tweet text is too long: {used} weighted characters of {most}")


def _write(context: Context, post: Post, quoted: Post | None) -> None:
    """Fill in a post's text, entities and note: its opening mentions, what was written, the links X appends."""
    rng = Random(f"post {context.community.seed} {post.id}")  # noqa: S311  reproducible, not secret
    draft = _opening(context, post)
    if len(draft):
        draft.gap()
    post.shown_from = len(draft)
    raw: str = context.asked.args.get("text", "")
    compose(draft, raw, context.community, rng)
    if weigh(raw) > LIMIT:
        post.note = (draft.text, draft.entities)
        draft = writing.shorten(rng, draft, post.id)
    if quoted is not None:
        url = f"https://x.com/{quoted.author.username}/status/{quoted.id}"
        draft.gap().link(short_link(rng), {"expanded_url": url, "display_url": url[8:34] + ELLIPSIS})
    if post.media:
        draft.gap().link(short_link(rng), *writing.media_links(post.author, post.id, post.media))
    post.text, post.entities = draft.text, draft.entities


def _opening(context: Context, post: Post) -> Draft:
    """The mentions a reply opens with when it asks for them: whom it answers, and whom that one mentions."""
    draft = Draft()
    args = context.asked.args
    if not args.get("auto_populate_reply_metadata") or post.reply_to is None:
        return draft
    answered = context.community.posts[args["reply_to_post_id"]]
    known = context.community.people
    mentioned = [known[int(each["id"])] for each in answered.entities.get("mentions", ()) if "id" in each]
    left_out = {post.author.id, *args.get("exclude_reply_user_ids", ())}
    for person in dict.fromkeys((answered.author, *mentioned)):
        if person.id not in left_out:
            draft.gap().mention(person.username, person.id)
    return draft


def _references(answered: Post | None, quoted: Post | None, before: Post | None) -> tuple[Reference, ...]:
    made: list[Reference] = []
    if quoted:
        made.append(("quoted", quoted.id))
    if answered:
        made.append(("replied_to", answered.id))
    return tuple(made) or (before.references if before else ())


def _poll(context: Context) -> Poll | None:
    args = context.asked.args
    if "poll_options" not in args:
        if "poll_duration_minutes" in args:
            raise context.refuse("poll.options", "", "$.poll.options: is missing but it is required")
        return None
    labels, minutes = tuple(args["poll_options"]), args["poll_duration_minutes"]
    id = context.community.new_id(context.now)
    return Poll(id, labels, (0,) * len(labels), minutes, context.now + minutes * 60_000)


def _place(context: Context) -> Place | None:
    id = context.asked.args.get("place_id")
    if id is not None and id not in context.community.places:
        raise context.refuse("geo.place_id", id, f"$.geo.place_id: there is no place {id}")
    return context.community.places.get(id) if id else None


def attached(context: Context, ids: list[int]) -> tuple[Media, ...]:
    """Return the media of uploads that are the authenticated user's and ready. Raises Refusal (400) otherwise."""
    found = []
    for id in ids:
        upload = context.community.uploads.get(id)
        if upload is None or upload.owner_id != context.me.id or not upload.ready:
            raise context.refuse("media_ids", str(id), "Your media IDs are invalid.")
        found.append(upload.media)
    return tuple(found)


# -- what a post is about -----------------------------------------------------------------------------------


def _answered(context: Context) -> Post:
    """The post to reply to. Raises Refusal where the authenticated user may not."""
    me, post = context.me, target(context, "reply_to_post_id")
    author = post.author
    named = any(each["username"].lower() == me.username.lower() for each in post.entities.get("mentions", ()))
    allowed = {"following": me in author.following, "verified": me.verified != "none",
               "subscribers": False, "mentionedUsers": False}.get(post.reply_settings, True)
    if not (allowed or named or author is me):
        raise problems.forbidden("Reply to this conversation is not allowed because you have not been mentioned or "
                                 "otherwise engaged by the author of the post you are replying to.")
    return post


def _edited(context: Context) -> Post:
    """The newest version of the post to edit. Raises Refusal where X would not let it be edited."""
    post = _own(context, target(context, "previous_post_id"))
    late = context.now > moment(post.versions[0]) + EDIT_MS
    if post.state != "live" or late or post.poll or post.original or len(post.versions) > EDITS:
        raise problems.forbidden("You are not permitted to edit this Tweet: only the newest version can be edited, "
                                 f"{EDITS} times and within an hour, and neither polls nor reposts.")
    return post


def _own(context: Context, post: Post) -> Post:
    me: Person = context.me
    if post.author is not me:
        raise problems.forbidden("You are not permitted to perform this action: the Tweet is not yours.")
    return post


# -- deleting and hiding ------------------------------------------------------------------------------------


def delete(context: Context) -> dict[str, Any]:
    """Delete a post with all its versions and all its reposts; a repost's id takes the repost back."""
    community = context.community
    id = context.asked.args["post_id"]
    post = community.posts.get(id)
    if post is None or post.original is None:
        post = target(context)
    for version in _own(context, post).versions:
        for repost in list(community.referring.get(("retweeted", version), ())):
            community.leave(repost, "deleted")
        community.leave(community.posts[version], "deleted")
    return {"data": {"deleted": True}}


def hide(context: Context) -> dict[str, Any]:
    """Hide a reply in a conversation of the authenticated user's, or show it again."""
    post = target(context)
    root = context.community.posts.get(post.conversation_id)
    if post.reply_to is None or root is None or root.author is not context.me:
        raise problems.forbidden("You are not permitted to hide this Tweet: it is no reply in a conversation of yours.")
    post.hidden = context.asked.args["hidden"]
    return {"data": {"hidden": post.hidden}}


HANDLERS: dict[str, Handler] = {
    "write.create_post": create, "write.delete_post": delete, "write.unhide_reply": hide,
}
