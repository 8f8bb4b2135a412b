"""Create, edit and delete posts; hide replies."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.targets import target_post, uploaded_media
from xframes.sandbox.protocol import problem_json
from xframes.sandbox.protocol.object_json import EDIT_MS, EDITS
from xframes.sandbox.world import texts
from xframes.sandbox.world.draft import ELLIPSIS, LIMIT, Draft, short_link
from xframes.sandbox.world.entities import compose, weigh
from xframes.sandbox.world.model import Poll, Post
from xframes.sandbox.world.snowflakes import moment

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler
    from xframes.sandbox.world.model import Place, Reference

_LONGEST = 25_000  # weighted characters of a long post
_OPTIONS = (  # stored with the post; most of them appear in no answer
    "paid_partnership", "made_with_ai", "nullcast", "for_super_followers_only",
    "share_with_followers", "card_uri", "direct_message_deep_link", "tagged_user_ids",
    "media_title", "media_description", "preview_media_id", "embeddable", "call_to_actions",
    "poll_reply_settings",
)


def create(context: Context) -> dict[str, Any]:
    """Create a post, or edit one. Verified accounts may write more than 280 characters."""
    args, me, community = context.request.args, context.me, context.community
    _check_text(context)
    before = _post_to_edit(context) if "previous_post_id" in args else None
    parent = _post_to_reply(context) if "reply_to_post_id" in args else None
    quoted = target_post(context, "quote_post_id") if "quote_post_id" in args else None
    poll, place = _poll(context), _place(context)
    media = uploaded_media(context, args.get("media_ids", ()))
    id = community.new_id(context.now)
    post = Post(
        id, context.now, me, "", {}, me.lang, me.topic, id, _references(parent, quoted, before),
        media=media, poll=poll, place=place, versions=(id,), community_id=args.get("community_id"),
        reply_settings=args.get("reply_settings", "everyone"),
        made={name: args[name] for name in _OPTIONS if name in args},
    )
    if before is not None:
        post.reply_to, post.conversation_id = before.reply_to, before.conversation_id
    if parent is not None:
        post.reply_to, post.conversation_id = parent.author, parent.conversation_id
    _write(context, post, quoted)
    if before is not None:
        post.versions = (*before.versions, id)
        community.leave(before, "superseded")
    community.enter(post)
    for version in (community.posts[each] for each in post.versions):
        version.versions, version.wire = post.versions, None
    data: dict[str, Any] = {"id": str(id), "text": post.text}
    if context.words == "post":
        data["edit_history_post_ids"] = [str(each) for each in post.versions]
    return {"data": data}


# -- the content of a post ------------------------------------------------------------------------


def _check_text(context: Context) -> None:
    text: str = context.request.args.get("text", "")
    used = weigh(text)
    if not text.strip() and "media_ids" not in context.request.args:
        raise context.refuse("text", text, "$.text: a post needs a text or media")
    most = LIMIT if context.me.verified == "none" else _LONGEST
    if used > most:
        message = f"Your Tweet text is too long: {used} weighted characters of {most}"
        raise context.refuse("text", text, message)


def _write(context: Context, post: Post, quoted: Post | None) -> None:
    """Set a post's text, entities and note: opening mentions, the text, the links X appends."""
    rng = Random(f"post {context.community.seed} {post.id}")  # noqa: S311  reproducible, not secret
    draft = _opening(context, post)
    if len(draft):
        draft.gap()
    post.shown_from = len(draft)
    raw: str = context.request.args.get("text", "")
    compose(draft, raw, context.community, rng)
    if weigh(raw) > LIMIT:
        post.note = (draft.text, draft.entities)
        draft = texts.shorten(rng, draft, post.id)
    if quoted is not None:
        draft.gap().link(short_link(rng), texts.post_link(quoted, ELLIPSIS))
    if post.media:
        links = texts.media_links(post.author, post.id, post.media)
        draft.gap().link(short_link(rng), *links)
    post.text, post.entities = draft.text, draft.entities


def _opening(context: Context, post: Post) -> Draft:
    """Return the mentions at the start of a reply, if requested: the author and those mentioned."""
    draft = Draft()
    args = context.request.args
    if not args.get("auto_populate_reply_metadata") or post.reply_to is None:
        return draft
    parent = context.community.posts[args["reply_to_post_id"]]
    known = context.community.people
    mentions = parent.entities.get("mentions", ())
    mentioned = [known[int(each["id"])] for each in mentions if "id" in each]
    left_out = {post.author.id, *args.get("exclude_reply_user_ids", ())}
    for person in dict.fromkeys((parent.author, *mentioned)):
        if person.id not in left_out:
            draft.gap().mention(person.username, person.id)
    return draft


def _references(
    parent: Post | None, quoted: Post | None, before: Post | None
) -> tuple[Reference, ...]:
    references: list[Reference] = []
    if quoted is not None:
        references.append(("quoted", quoted.id))
    if parent is not None:
        references.append(("replied_to", parent.id))
    if not references and before is not None:
        return before.references
    return tuple(references)


def _poll(context: Context) -> Poll | None:
    args = context.request.args
    if "poll_options" not in args:
        if "poll_duration_minutes" in args:
            message = "$.poll.options: is missing but it is required"
            raise context.refuse("poll.options", "", message)
        return None
    labels, minutes = tuple(args["poll_options"]), args["poll_duration_minutes"]
    id = context.community.new_id(context.now)
    return Poll(id, labels, (0,) * len(labels), minutes, context.now + minutes * 60_000)


def _place(context: Context) -> Place | None:
    id = context.request.args.get("place_id")
    if id is None:
        return None
    if id not in context.community.places:
        message = f"$.geo.place_id: there is no place {id}"
        raise context.refuse("geo.place_id", id, message)
    return context.community.places[id]


# -- the posts it refers to -----------------------------------------------------------------------


def _post_to_reply(context: Context) -> Post:
    """Return the post to reply to. Raises Refusal where the user may not."""
    me, post = context.me, target_post(context, "reply_to_post_id")
    author, name = post.author, me.username.lower()
    mentions = post.entities.get("mentions", ())
    is_mentioned = any(each["username"].lower() == name for each in mentions)
    is_allowed = {
        "following": me in author.following, "verified": me.verified != "none",
        "subscribers": False, "mentionedUsers": False,
    }.get(post.reply_settings, True)
    if not (is_allowed or is_mentioned or author is me):
        raise problem_json.forbidden(
            "Reply to this conversation is not allowed because you have not been mentioned or "
            "otherwise engaged by the author of the post you are replying to."
        )
    return post


def _post_to_edit(context: Context) -> Post:
    """Return the newest version of the post to edit. Raises Refusal where X would not allow it."""
    post = _own(context, target_post(context, "previous_post_id"))
    is_late = context.now > moment(post.versions[0]) + EDIT_MS
    is_fixed = post.poll is not None or post.original is not None
    if post.state != "live" or is_late or is_fixed or len(post.versions) > EDITS:
        raise problem_json.forbidden(
            "You are not permitted to edit this Tweet: only the newest version can be edited, "
            f"{EDITS} times and within an hour, and neither polls nor reposts."
        )
    return post


def _own(context: Context, post: Post) -> Post:
    if post.author is not context.me:
        raise problem_json.forbidden(
            "You are not permitted to perform this action: the Tweet is not yours."
        )
    return post


# -- deletion and hidden replies ------------------------------------------------------------------


def delete(context: Context) -> dict[str, Any]:
    """Delete a post with all versions and reposts; the id of a repost deletes only the repost."""
    community = context.community
    post = community.posts.get(context.request.args["post_id"])
    if post is None or post.original is None:
        post = target_post(context)
    for version in _own(context, post).versions:
        for repost in list(community.referring.get(("retweeted", version), ())):
            community.leave(repost, "deleted")
        community.leave(community.posts[version], "deleted")
    return {"data": {"deleted": True}}


def hide(context: Context) -> dict[str, Any]:
    """Hide a reply in one of the user's conversations, or show it again."""
    post = target_post(context)
    root = context.community.posts.get(post.conversation_id)
    if post.reply_to is None or root is None or root.author is not context.me:
        raise problem_json.forbidden(
            "You are not permitted to hide this Tweet: "
            "it is not a reply in a conversation of yours."
        )
    post.hidden = context.request.args["hidden"]
    return {"data": {"hidden": post.hidden}}


HANDLERS: dict[str, Handler] = {
    "write.create_post": create, "write.delete_post": delete, "write.unhide_reply": hide,
}
