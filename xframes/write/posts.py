"""Posts, likes, reposts, bookmarks, hidden replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.write.engine import Written, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xframes.archive import Archive
    from xframes.client import Client


def create_post(
    text: str | None = None, *, reply_to_post_id: str | int | None = None,
    exclude_reply_user_ids: Iterable[str | int] | None = None, auto_populate_reply_metadata: bool | None = None,
    quote_post_id: str | int | None = None, media_ids: Iterable[str | int] | None = None,
    tagged_user_ids: Iterable[str | int] | None = None, media_title: str | None = None,
    media_description: str | None = None, preview_media_id: str | int | None = None, embeddable: bool | None = None,
    call_to_actions: Any = None, poll_options: Sequence[str] | None = None, poll_duration_minutes: int | None = None,
    poll_reply_settings: str | None = None, place_id: str | None = None, community_id: str | int | None = None,
    previous_post_id: str | int | None = None, reply_settings: str | None = None, paid_partnership: bool | None = None,
    made_with_ai: bool | None = None, nullcast: bool | None = None, for_super_followers_only: bool | None = None,
    share_with_followers: bool | None = None, direct_message_deep_link: str | None = None, card_uri: str | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Publish a post: a row of `writes`, whose `answer` holds its id and text.

    POST /2/tweets (docs.x.com/x-api/posts/manage-tweets/introduction), a user's credentials with tweet.write: 100
    requests in 15 minutes. `text` or `media_ids` is needed; media (1 to 4, see `upload_media`), a poll (2 to 4 options
    of 25 characters, 5 to 10,080 minutes), a quoted post and a card exclude each other. `reply_settings`: following,
    mentionedUsers, subscribers or verified. `previous_post_id` edits that post. Since April 2026 self-serve access
    cannot quote, and replies only where the author summoned it.

    Raises ArgumentError before any request, InvalidRequest, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.create_post("Good morning", client=xf.Client(writes=True)).writes`
    """
    return write("write.create_post", locals())


def delete_post(
    post_id: str | int, *, into: Archive | None = None, client: Client | None = None, dry_run: bool = False
) -> Written:
    """Delete a post of your own: a row of `writes`. Deleting one version of an edited post deletes all.

    DELETE /2/tweets/{id} (docs.x.com/x-api/posts/manage-tweets/introduction), a user's credentials with tweet.write: 50
    requests in 15 minutes.

    Raises ArgumentError before any request, Forbidden, NotFound, OutcomeUnknown, the client's errors.

    Example: `write.delete_post("1460323737035677698")`
    """
    return write("write.delete_post", locals())


def like(
    post_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Like a post: a row of `writes`.

    POST /2/users/{id}/likes (docs.x.com/x-api/posts/likes/introduction), a user's credentials with like.write: 50
    requests in 15 minutes, 1,000 in 24 hours. X removed it from self-serve access in April 2026. `my_id` is asked of X
    once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.like("1460323737035677698")`
    """
    return write("write.like", locals())


def unlike(
    post_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Take a like back: a row of `writes`.

    DELETE /2/users/{id}/likes/{tweet_id} (docs.x.com/x-api/posts/likes/introduction), a user's credentials with
    like.write: 50 requests in 15 minutes, 1,000 in 24 hours. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.unlike("1460323737035677698")`
    """
    return write("write.unlike", locals())


def repost(
    post_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Repost a post: a row of `writes`.

    POST /2/users/{id}/retweets (docs.x.com/x-api/posts/retweets/introduction), a user's credentials with tweet.write:
    50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.repost("1460323737035677698")`
    """
    return write("write.repost", locals())


def undo_repost(
    post_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Take a repost back: a row of `writes`. `post_id` is the post that was reposted.

    DELETE /2/users/{id}/retweets/{source_tweet_id} (docs.x.com/x-api/posts/retweets/introduction), a user's credentials
    with tweet.write: 50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.undo_repost("1460323737035677698")`
    """
    return write("write.undo_repost", locals())


def bookmark(
    post_id: str | int, *, folder_id: str | int | None = None, my_id: str | int | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Bookmark a post, in a folder if you name one: a row of `writes`.

    POST /2/users/{id}/bookmarks (docs.x.com/x-api/posts/bookmarks/introduction), an OAuth 2.0 user token with
    bookmark.write: 50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.bookmark("1460323737035677698")`
    """
    return write("write.bookmark", locals())


def remove_bookmark(
    post_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Remove a bookmark: a row of `writes`.

    DELETE /2/users/{id}/bookmarks/{tweet_id} (docs.x.com/x-api/posts/bookmarks/introduction), an OAuth 2.0 user token
    with bookmark.write: 50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.remove_bookmark("1460323737035677698")`
    """
    return write("write.remove_bookmark", locals())


def unhide_reply(
    post_id: str | int, *, hidden: bool | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Show a hidden reply to a post of yours again, or with `hidden=True` hide it: a row of `writes`.

    PUT /2/tweets/{tweet_id}/hidden (docs.x.com/x-api/posts/hide-replies/introduction), a user's credentials with
    tweet.moderate.write: 50 requests in 15 minutes.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.unhide_reply("1460323737035677698")`
    """
    return write("write.unhide_reply", locals())
