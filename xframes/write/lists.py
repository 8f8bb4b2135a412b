"""Lists: made, changed, filled, followed, pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.write.engine import Written, write

if TYPE_CHECKING:
    from xframes.archive import Archive
    from xframes.client import Client


def create_list(
    name: str, *, description: str | None = None, private: bool | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Make a list: a row of `writes`, whose `answer` holds its id and name.

    POST /2/lists (docs.x.com/x-api/lists/manage-lists/introduction), a user's credentials with list.write: 300 requests
    in 15 minutes. `name` has 1 to 25 characters, `description` 100 at most.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.create_list("Observatories", private=True)`
    """
    return write("write.create_list", locals())


def update_list(
    list_id: str | int, *, name: str | None = None, description: str | None = None, private: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Change a list of yours: a row of `writes`. One of `name`, `description`, `private` is needed.

    PUT /2/lists/{id} (docs.x.com/x-api/lists/manage-lists/introduction), a user's credentials with list.write: 300
    requests in 15 minutes. `name` has 1 to 25 characters, `description` 100 at most.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.update_list("1441162269824405510", name="Telescopes")`
    """
    return write("write.update_list", locals())


def delete_list(
    list_id: str | int, *, into: Archive | None = None, client: Client | None = None, dry_run: bool = False
) -> Written:
    """Delete a list of yours: a row of `writes`.

    DELETE /2/lists/{id} (docs.x.com/x-api/lists/manage-lists/introduction), a user's credentials with list.write: 300
    requests in 15 minutes.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.delete_list("1441162269824405510")`
    """
    return write("write.delete_list", locals())


def add_list_member(
    list_id: str | int, user_id: str | int, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Put a user on a list of yours: a row of `writes`.

    POST /2/lists/{id}/members (docs.x.com/x-api/lists/list-members/introduction), a user's credentials with list.write:
    300 requests in 15 minutes.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.add_list_member("1441162269824405510", "2244994945")`
    """
    return write("write.add_list_member", locals())


def remove_list_member(
    list_id: str | int, user_id: str | int, *, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Take a user off a list of yours: a row of `writes`.

    DELETE /2/lists/{id}/members/{user_id} (docs.x.com/x-api/lists/list-members/introduction), a user's credentials with
    list.write: 300 requests in 15 minutes.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.remove_list_member("1441162269824405510", "2244994945")`
    """
    return write("write.remove_list_member", locals())


def follow_list(
    list_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Follow a list: a row of `writes`.

    POST /2/users/{id}/followed_lists (docs.x.com/x-api/lists/list-follows/introduction), a user's credentials with
    list.write: 50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.follow_list("1441162269824405510")`
    """
    return write("write.follow_list", locals())


def unfollow_list(
    list_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Follow a list no longer: a row of `writes`.

    DELETE /2/users/{id}/followed_lists/{list_id} (docs.x.com/x-api/lists/list-follows/introduction), a user's
    credentials with list.write: 50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.unfollow_list("1441162269824405510")`
    """
    return write("write.unfollow_list", locals())


def pin_list(
    list_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Pin a list: a row of `writes`.

    POST /2/users/{id}/pinned_lists (docs.x.com/x-api/lists/pinned-lists/introduction), a user's credentials with
    list.write: 50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.pin_list("1441162269824405510")`
    """
    return write("write.pin_list", locals())


def unpin_list(
    list_id: str | int, *, my_id: str | int | None = None, into: Archive | None = None, client: Client | None = None,
    dry_run: bool = False,
) -> Written:
    """Unpin a list: a row of `writes`.

    DELETE /2/users/{id}/pinned_lists/{list_id} (docs.x.com/x-api/lists/pinned-lists/introduction), a user's credentials
    with list.write: 50 requests in 15 minutes. `my_id` is asked of X once when it is not given.

    Raises ArgumentError before any request, Forbidden, OutcomeUnknown, the client's errors.

    Example: `write.unpin_list("1441162269824405510")`
    """
    return write("write.unpin_list", locals())
