"""Posts, likes, reposts, bookmarks and hidden replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from xframes.archive import Archive
from xframes.client import Client
from xframes.collect.dispatch import Id, Ids, Names
from xframes.registry.documentation import document
from xframes.write.sending import Written, write

if TYPE_CHECKING:
    from xframes.frames import Frames
    from xframes.wire import Request

ReplySettings: TypeAlias = Literal["following", "mentionedUsers", "subscribers", "verified"]


@overload
def create_post(
    text: str | None = None, *, reply_to_post_id: Id | None = None,
    exclude_reply_user_ids: Ids | None = None, auto_populate_reply_metadata: bool | None = None,
    quote_post_id: Id | None = None, media_ids: Ids | None = None,
    tagged_user_ids: Ids | None = None, media_title: str | None = None,
    media_description: str | None = None, preview_media_id: Id | None = None,
    embeddable: bool | None = None, call_to_actions: Any = None, poll_options: Names | None = None,
    poll_duration_minutes: int | None = None, poll_reply_settings: ReplySettings | None = None,
    place_id: str | None = None, community_id: Id | None = None, previous_post_id: Id | None = None,
    reply_settings: ReplySettings | None = None, paid_partnership: bool | None = None,
    made_with_ai: bool | None = None, nullcast: bool | None = None,
    for_super_followers_only: bool | None = None, share_with_followers: bool | None = None,
    direct_message_deep_link: str | None = None, card_uri: str | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def create_post(
    text: str | None = None, *, reply_to_post_id: Id | None = None,
    exclude_reply_user_ids: Ids | None = None, auto_populate_reply_metadata: bool | None = None,
    quote_post_id: Id | None = None, media_ids: Ids | None = None,
    tagged_user_ids: Ids | None = None, media_title: str | None = None,
    media_description: str | None = None, preview_media_id: Id | None = None,
    embeddable: bool | None = None, call_to_actions: Any = None, poll_options: Names | None = None,
    poll_duration_minutes: int | None = None, poll_reply_settings: ReplySettings | None = None,
    place_id: str | None = None, community_id: Id | None = None, previous_post_id: Id | None = None,
    reply_settings: ReplySettings | None = None, paid_partnership: bool | None = None,
    made_with_ai: bool | None = None, nullcast: bool | None = None,
    for_super_followers_only: bool | None = None, share_with_followers: bool | None = None,
    direct_message_deep_link: str | None = None, card_uri: str | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def create_post(
    text: str | None = None, *, reply_to_post_id: Id | None = None,
    exclude_reply_user_ids: Ids | None = None, auto_populate_reply_metadata: bool | None = None,
    quote_post_id: Id | None = None, media_ids: Ids | None = None,
    tagged_user_ids: Ids | None = None, media_title: str | None = None,
    media_description: str | None = None, preview_media_id: Id | None = None,
    embeddable: bool | None = None, call_to_actions: Any = None, poll_options: Names | None = None,
    poll_duration_minutes: int | None = None, poll_reply_settings: ReplySettings | None = None,
    place_id: str | None = None, community_id: Id | None = None, previous_post_id: Id | None = None,
    reply_settings: ReplySettings | None = None, paid_partnership: bool | None = None,
    made_with_ai: bool | None = None, nullcast: bool | None = None,
    for_super_followers_only: bool | None = None, share_with_followers: bool | None = None,
    direct_message_deep_link: str | None = None, card_uri: str | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.create_post")
def create_post(
    text: str | None = None, *, reply_to_post_id: Id | None = None,
    exclude_reply_user_ids: Ids | None = None, auto_populate_reply_metadata: bool | None = None,
    quote_post_id: Id | None = None, media_ids: Ids | None = None,
    tagged_user_ids: Ids | None = None, media_title: str | None = None,
    media_description: str | None = None, preview_media_id: Id | None = None,
    embeddable: bool | None = None, call_to_actions: Any = None, poll_options: Names | None = None,
    poll_duration_minutes: int | None = None, poll_reply_settings: ReplySettings | None = None,
    place_id: str | None = None, community_id: Id | None = None, previous_post_id: Id | None = None,
    reply_settings: ReplySettings | None = None, paid_partnership: bool | None = None,
    made_with_ai: bool | None = None, nullcast: bool | None = None,
    for_super_followers_only: bool | None = None, share_with_followers: bool | None = None,
    direct_message_deep_link: str | None = None, card_uri: str | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Publish a post.

    Parameters
    ----------
    text
        Text of the post. X counts its length itself. Default: none.
    reply_to_post_id
        Id of the post to reply to. Default: no reply.
    exclude_reply_user_ids
        Ids of users whom the reply does not mention. Default: none are excluded.
    auto_populate_reply_metadata
        Whether X fills in whom the reply mentions. Default: as X decides.
    quote_post_id
        Id of the post to quote. Default: no quote.
    media_ids
        Ids of uploaded media to attach, see `upload_media`. Default: none.
    tagged_user_ids
        Ids of users to tag in the media. Default: none.
    media_title
        Title of the media. Default: none.
    media_description
        Description of the media. Default: none.
    preview_media_id
        Id of an uploaded image that is shown until a video plays. Default: chosen by X.
    embeddable
        Whether the media can be shown on other sites. Default: as X decides.
    call_to_actions
        Buttons of the media, as X's JSON object. Default: none.
    poll_options
        Answers of a poll. Default: no poll.
    poll_duration_minutes
        Minutes for which the poll is open.
    poll_reply_settings
        Who can reply to the poll. Default: everyone.
    place_id
        Id of a place to show. Default: none.
    community_id
        Id of the community to post to. Default: to all followers.
    previous_post_id
        Id of a post of yours of which this is the new version. Default: a new post.
    reply_settings
        Who can reply. Default: everyone.
    paid_partnership
        Whether to label the post as a paid partnership. Default: no.
    made_with_ai
        Whether to label the post as made with AI. Default: no.
    nullcast
        Whether to show the post only where it is promoted. Default: no.
    for_super_followers_only
        Whether to show the post to subscribers only. Default: no.
    share_with_followers
        Whether a post to a community is also shown to followers. Default: no.
    direct_message_deep_link
        Link that opens a direct message from the post. Default: none.
    card_uri
        Address of a card to attach. Default: none.
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row, whose `answer` holds the id and text of the post.

    Raises
    ------
    ArgumentError
    InvalidRequest
        X refused the post; the message repeats why.
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.create_post("Good morning", client=xf.Client(writes=True)).writes
    """
    return write(
        "write.create_post", text=text, reply_to_post_id=reply_to_post_id,
        exclude_reply_user_ids=exclude_reply_user_ids,
        auto_populate_reply_metadata=auto_populate_reply_metadata, quote_post_id=quote_post_id,
        media_ids=media_ids, tagged_user_ids=tagged_user_ids, media_title=media_title,
        media_description=media_description, preview_media_id=preview_media_id,
        embeddable=embeddable, call_to_actions=call_to_actions, poll_options=poll_options,
        poll_duration_minutes=poll_duration_minutes, poll_reply_settings=poll_reply_settings,
        place_id=place_id, community_id=community_id, previous_post_id=previous_post_id,
        reply_settings=reply_settings, paid_partnership=paid_partnership, made_with_ai=made_with_ai,
        nullcast=nullcast, for_super_followers_only=for_super_followers_only,
        share_with_followers=share_with_followers,
        direct_message_deep_link=direct_message_deep_link, card_uri=card_uri, into=into,
        client=client, dry_run=dry_run,
    )


@overload
def delete_post(
    post_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def delete_post(
    post_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: Literal[True],
) -> Request: ...
@overload
def delete_post(
    post_id: Id, *, into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.delete_post")
def delete_post(
    post_id: Id, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Delete a post of your own.

    Deleting one version of an edited post deletes all versions.

    Parameters
    ----------
    post_id
        Id of the post.
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    NotFound
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.delete_post("1460323737035677698")
    """
    return write("write.delete_post", post_id=post_id, into=into, client=client, dry_run=dry_run)


@overload
def like(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def like(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def like(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.like")
def like(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Like a post.

    Parameters
    ----------
    post_id
        Id of the post.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.like("1460323737035677698")
    """
    return write(
        "write.like", post_id=post_id, my_id=my_id, into=into, client=client, dry_run=dry_run,
    )


@overload
def unlike(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def unlike(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def unlike(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.unlike")
def unlike(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Undo a like.

    Parameters
    ----------
    post_id
        Id of the post liked.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.unlike("1460323737035677698")
    """
    return write(
        "write.unlike", post_id=post_id, my_id=my_id, into=into, client=client, dry_run=dry_run,
    )


@overload
def repost(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def repost(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def repost(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.repost")
def repost(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Repost a post.

    Parameters
    ----------
    post_id
        Id of the post.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.repost("1460323737035677698")
    """
    return write(
        "write.repost", post_id=post_id, my_id=my_id, into=into, client=client, dry_run=dry_run,
    )


@overload
def undo_repost(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def undo_repost(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def undo_repost(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.undo_repost")
def undo_repost(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Undo a repost.

    Parameters
    ----------
    post_id
        Id of the post that was reposted, not of the repost.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.undo_repost("1460323737035677698")
    """
    return write(
        "write.undo_repost", post_id=post_id, my_id=my_id, into=into, client=client,
        dry_run=dry_run,
    )


@overload
def bookmark(
    post_id: Id, *, folder_id: Id | None = None, my_id: Id | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def bookmark(
    post_id: Id, *, folder_id: Id | None = None, my_id: Id | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def bookmark(
    post_id: Id, *, folder_id: Id | None = None, my_id: Id | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.bookmark")
def bookmark(
    post_id: Id, *, folder_id: Id | None = None, my_id: Id | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Bookmark a post.

    Parameters
    ----------
    post_id
        Id of the post.
    folder_id
        Id of the bookmark folder to add it to. Default: no folder.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.bookmark("1460323737035677698")
    """
    return write(
        "write.bookmark", post_id=post_id, folder_id=folder_id, my_id=my_id, into=into,
        client=client, dry_run=dry_run,
    )


@overload
def remove_bookmark(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def remove_bookmark(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def remove_bookmark(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.remove_bookmark")
def remove_bookmark(
    post_id: Id, *, my_id: Id | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Remove a bookmark.

    Parameters
    ----------
    post_id
        Id of the post bookmarked.
    my_id
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.remove_bookmark("1460323737035677698")
    """
    return write(
        "write.remove_bookmark", post_id=post_id, my_id=my_id, into=into, client=client,
        dry_run=dry_run,
    )


@overload
def unhide_reply(
    post_id: Id, *, hidden: bool | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def unhide_reply(
    post_id: Id, *, hidden: bool | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def unhide_reply(
    post_id: Id, *, hidden: bool | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.unhide_reply")
def unhide_reply(
    post_id: Id, *, hidden: bool | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Unhide a hidden reply to a post of yours, or hide one.

    Parameters
    ----------
    post_id
        Id of the reply.
    hidden
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row.

    Raises
    ------
    ArgumentError
    Forbidden
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.unhide_reply("1460323737035677698")
    """
    return write(
        "write.unhide_reply", post_id=post_id, hidden=hidden, into=into, client=client,
        dry_run=dry_run,
    )
