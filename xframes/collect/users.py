"""Users by their ids and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.collect.engine import collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xframes.client import Client
    from xframes.collect.engine import Into, R

__all__ = [
    "blocking", "bookmarks", "by_username", "by_usernames", "followed_lists", "followers",
    "following", "get", "liked_posts", "list_memberships", "lookup", "me", "muting",
    "owned_lists", "pinned_lists",
]


def __dir__() -> list[str]:
    return list(__all__)


def lookup(
    user_ids: Iterable[str | int], *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", refresh: bool = False, into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Users by id, any number of them: `users`, their pinned `posts`, and in `problems` what became of the others.

    GET /2/users (limits: docs.x.com/x-api/fundamentals/rate-limits): 100 ids a request (longer lists are split), 300
    requests in 15 minutes for an app, 900 for a user. `user_ids` is any iterable of texts or whole numbers, a column
    too; an id given twice is asked once. Suspended and missing users are rows of `problems`, not errors.

    What `into=archive` holds already is not asked for again, unless `refresh=True`.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.lookup(frame["author_id"].unique()).users`
    """
    return collect("users.lookup", locals())  # type: ignore[no-any-return]  # `into` decides


def by_username(
    username: str, *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """One user by name, with or without `@`: a row of `users`, or a row of `problems` that tells why there is none.

    GET /2/users/by/username/{username} (limits: docs.x.com/x-api/fundamentals/rate-limits): 300 requests in 15 minutes
    for an app, 900 for a user.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.users.by_username("@XDevelopers").users`
    """
    return collect("users.by_username", locals())  # type: ignore[no-any-return]  # `into` decides


def by_usernames(
    usernames: Iterable[str], *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", refresh: bool = False, into: Into[R] | None = None,
    client: Client | None = None, progress: bool | None = None,
) -> R:
    """Users by name, any number of them: `users`, their pinned `posts`, and in `problems` what became of the others.

    GET /2/users/by (limits: docs.x.com/x-api/fundamentals/rate-limits): 100 names a request (longer lists are split),
    300 requests in 15 minutes for an app, 900 for a user. An `@` before a name is dropped.

    What `into=archive` holds already is not asked for again, unless `refresh=True`.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.by_usernames(["XDevelopers", "X"]).users`
    """
    return collect("users.by_usernames", locals())  # type: ignore[no-any-return]  # `into` decides


def get(
    user_id: str | int, *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """One user by id: a row of `users`, or a row of `problems` that tells why there is none.

    GET /2/users/{id} (limits: docs.x.com/x-api/fundamentals/rate-limits): 300 requests in 15 minutes for an app, 900
    for a user.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.users.get("2244994945").users`
    """
    return collect("users.get", locals())  # type: ignore[no-any-return]  # `into` decides


def me(
    *, fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """The authenticated user: a row of `users`, their pinned post in `posts`.

    GET /2/users/me (limits: docs.x.com/x-api/fundamentals/rate-limits), a user's credentials: 75 requests in 15
    minutes.

    Raises ArgumentError before any request, NotFound, the client's errors.

    Example: `xf.users.me(fields="owner").users`
    """
    return collect("users.me", locals())  # type: ignore[no-any-return]  # `into` decides


def followers(
    user_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Followers of a user: `users` and `follows` with their `position` (newest first).

    GET /2/users/{id}/followers (docs.x.com/x-api/users/follows/introduction): 1 to 1,000 users a request, 300 requests
    in 15 minutes.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.followers("2244994945", limit=5000).users`
    """
    return collect("users.followers", locals())  # type: ignore[no-any-return]  # `into` decides


def following(
    user_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Whom a user follows: `users` and `follows` with their `position` (newest first).

    GET /2/users/{id}/following (docs.x.com/x-api/users/follows/introduction): 1 to 1,000 users a request, 300 requests
    in 15 minutes.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.following("2244994945").users`
    """
    return collect("users.following", locals())  # type: ignore[no-any-return]  # `into` decides


def blocking(
    user_id: str | int | None = None, *, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Whom you block: `users` and `blocks` with their `position`.

    GET /2/users/{id}/blocking (docs.x.com/x-api/users/blocks/introduction), a user's credentials: 1 to 1,000 users a
    request, 15 requests in 15 minutes. `user_id` is the authenticated user's unless given; X takes nobody else's.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.blocking().users`
    """
    return collect("users.blocking", locals())  # type: ignore[no-any-return]  # `into` decides


def muting(
    user_id: str | int | None = None, *, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Whom you mute: `users` and `mutes` with their `position`.

    GET /2/users/{id}/muting (docs.x.com/x-api/users/mutes/introduction), a user's credentials: 1 to 1,000 users a
    request, 15 requests in 15 minutes. `user_id` is the authenticated user's unless given; X takes nobody else's.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.muting().users`
    """
    return collect("users.muting", locals())  # type: ignore[no-any-return]  # `into` decides


def bookmarks(
    user_id: str | int | None = None, *, limit: int | None = None,
    fields: str | Iterable[str] | Mapping[str, Any] = "all", expansions: str | Iterable[str] = "all",
    into: Into[R] | None = None, client: Client | None = None, progress: bool | None = None,
) -> R:
    """Your bookmarked posts, newest first: `posts`, `bookmarks` with their `position`, `users`, `media` and details.

    GET /2/users/{id}/bookmarks (docs.x.com/x-api/posts/bookmarks/introduction), a user's credentials: 1 to 100 posts a
    request, 180 requests in 15 minutes. `user_id` is the authenticated user's unless given; X takes nobody else's.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.bookmarks(limit=100).posts`
    """
    return collect("users.bookmarks", locals())  # type: ignore[no-any-return]  # `into` decides


def liked_posts(
    user_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Posts a user likes, newest first: `posts`, `likes` with their `position`, `users`, `media` and details.

    GET /2/users/{id}/liked_tweets (docs.x.com/x-api/posts/likes/introduction), a user's credentials: 5 to 100 posts a
    request, 75 requests in 15 minutes.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.liked_posts("2244994945", limit=100).posts`
    """
    return collect("users.liked_posts", locals())  # type: ignore[no-any-return]  # `into` decides


def owned_lists(
    user_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Lists a user made: `lists` and their owner in `users`.

    GET /2/users/{id}/owned_lists (limits: docs.x.com/x-api/fundamentals/rate-limits): 1 to 100 lists a request, 15
    requests in 15 minutes. Private ones are shown to their owner only.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.owned_lists("2244994945").lists`
    """
    return collect("users.owned_lists", locals())  # type: ignore[no-any-return]  # `into` decides


def followed_lists(
    user_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Lists a user follows: `lists`, `list_followers` with their `position`, and their owners in `users`.

    GET /2/users/{id}/followed_lists (docs.x.com/x-api/lists/list-follows/introduction): 1 to 100 lists a request.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.followed_lists("2244994945").lists`
    """
    return collect("users.followed_lists", locals())  # type: ignore[no-any-return]  # `into` decides


def list_memberships(
    user_id: str | int, *, limit: int | None = None, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Lists a user is on: `lists`, `list_members` with their `position`, and their owners in `users`.

    GET /2/users/{id}/list_memberships (limits: docs.x.com/x-api/fundamentals/rate-limits): 1 to 100 lists a request,
    75 requests in 15 minutes.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.list_memberships("2244994945").lists`
    """
    return collect("users.list_memberships", locals())  # type: ignore[no-any-return]  # `into` decides


def pinned_lists(
    user_id: str | int | None = None, *, fields: str | Iterable[str] | Mapping[str, Any] = "all",
    expansions: str | Iterable[str] = "all", into: Into[R] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> R:
    """Lists you pinned: `lists`, `list_pins` with their `position`, and their owners in `users`.

    GET /2/users/{id}/pinned_lists (limits: docs.x.com/x-api/fundamentals/rate-limits), a user's credentials: one
    answer holds all, 15 requests in 15 minutes. `user_id` is the authenticated user's unless given; X takes nobody
    else's.

    Raises ArgumentError before any request, Interrupted with what came, the client's errors.

    Example: `xf.users.pinned_lists().lists`
    """
    return collect("users.pinned_lists", locals())  # type: ignore[no-any-return]  # `into` decides
