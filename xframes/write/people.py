"""Follows and mutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.write.engine import Written, write

if TYPE_CHECKING:
    from xframes.archive import Archive
    from xframes.client import Client


def follow(
    user_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Follow a user: a row of `writes`; its `answer` says `pending_follow` for protected accounts.

    POST /2/users/{id}/following (docs.x.com/x-api/users/follows/introduction), a user's credentials with follows.write:
    50 requests in 15 minutes. X removed it from self-serve access in April 2026. `my_id` is asked of X once when it is
    not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.follow("2244994945")`
    """
    return write("write.follow", locals())


def unfollow(
    user_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Follow a user no longer: a row of `writes`.

    DELETE /2/users/{source_user_id}/following/{target_user_id} (docs.x.com/x-api/users/follows/introduction), a user's
    credentials with follows.write: 50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.unfollow("2244994945")`
    """
    return write("write.unfollow", locals())


def mute(
    user_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Mute a user: a row of `writes`.

    POST /2/users/{id}/muting (docs.x.com/x-api/users/mutes/introduction), a user's credentials with mute.write: 50
    requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.mute("2244994945")`
    """
    return write("write.mute", locals())


def unmute(
    user_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Mute a user no longer: a row of `writes`.

    DELETE /2/users/{source_user_id}/muting/{target_user_id} (docs.x.com/x-api/users/mutes/introduction), a user's
    credentials with mute.write: 50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.unmute("2244994945")`
    """
    return write("write.unmute", locals())
