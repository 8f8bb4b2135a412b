"""Look up what an archive's posts name and the archive does not have: referenced posts, people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Literal

from xframes.archive import Archive, Run
from xframes.client import Client, checked
from xframes.errors import ArgumentError
from xframes.plan import plan
from xframes.registry.documentation import document

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["complete"]

# Posts that were collected for themselves, not to complete others.
_MAIN = """
    main AS (
        SELECT DISTINCT post_id AS id FROM matches WHERE run_id IS NULL OR run_id NOT IN (
            SELECT run_id FROM runs
            WHERE json_valid(arguments) AND arguments->>'$.completes' = 'true')
    ),
    referenced AS (
        SELECT DISTINCT referenced_post_id AS id FROM post_references WHERE post_id IN (FROM main)
    )
"""
_WANTED = {
    "posts": "SELECT id FROM referenced",
    "users": """
        SELECT author_id AS id FROM posts WHERE id IN (FROM main UNION FROM referenced)
        UNION SELECT in_reply_to_user_id FROM posts WHERE id IN (FROM main)
        UNION SELECT user_id FROM post_mentions WHERE post_id IN (FROM main)
    """,
}
_KINDS = {"posts": ("post", "tweet"), "users": ("user",)}
_LOOKUPS = {"posts": ("posts.lookup", "post_ids"), "users": ("users.lookup", "user_ids")}


@document("users.lookup", "posts.lookup")
def complete(
    archive: Archive, what: Literal["users", "posts"] = "users", *,
    max_age: timedelta | float | None = None, refresh: Iterable[float] | None = None,
    ids: Iterable[str | int] | None = None, client: Client | None = None,
    progress: bool | None = None,
) -> Run:
    """Look up people or referenced posts that an archive's posts name and it does not have.

    With `expansions="lean"`, a collection has the ids of authors and of referenced posts only. This
    looks up each of them once, 100 in a request, without further expansions. People include the
    authors of referenced posts, so "users" looks up referenced posts first.

    Parameters
    ----------
    archive
        Archive to complete.
    what
        "users" (people) or "posts" (those that the collected posts quote, repost or reply to).
    max_age
        Look up again what was last read longer ago: a timedelta, or a number of days. Default:
        only what the archive does not have.
    refresh
        Hours after publication, e.g. `[1, 6, 24, 72]`, at which to read the metrics of collected
        posts again (with "posts"). Posts that are due are looked up; call it regularly. Default:
        only referenced posts.
    ids
        Posts to refresh, or ids to look up. Default: all that the archive's posts name.
    client
    progress

    Returns
    -------
    Run
        The finished run of lookups. It has no pages if nothing was missing.

    Raises
    ------
    ArgumentError
        An argument is invalid.
    Interrupted
        The collection stopped early, for example at its budget. The same call continues.
    ApiError

    Examples
    --------
    >>> xf.search.recent("coffee", expansions="lean", since="last", into=archive)
    >>> xf.complete(archive, "users")
    """
    if what not in _LOOKUPS:
        raise ArgumentError(f"what: expected 'users' or 'posts', got {what!r:.40}")
    if not isinstance(archive, Archive):
        raise ArgumentError(f"archive: expected an Archive, got {archive!r:.60}")
    hours = _hours(refresh, what)
    client = checked(client, _LOOKUPS[what][0])
    chosen = None
    if ids is not None:
        action, param = _LOOKUPS[what]
        chosen = plan(action, {param: ids}, now=client.now()).arguments[param]
    before = _before(max_age, client.now())
    if hours:
        due = _due(archive, hours, client.now(), chosen)
        return _look_up(archive, "posts", due, client, progress)
    if what == "users":
        if posts := _missing(archive, "posts", None, None):
            _look_up(archive, "posts", posts, client, progress)
        _look_up_names(archive, client, progress)
    return _look_up(archive, what, _missing(archive, what, before, chosen), client, progress)


def _look_up(
    archive: Archive, what: str, ids: list[str], client: Client, progress: bool | None
) -> Run:
    action, param = _LOOKUPS[what]
    return _collect(archive, action, param, ids, client, progress=progress)


def _look_up_names(archive: Archive, client: Client, progress: bool | None) -> None:
    """Look up mentioned people whose id X did not send."""
    names = _column(archive, f"""
        WITH {_MAIN}
        SELECT DISTINCT lower(username) FROM post_mentions
        WHERE user_id IS NULL AND username IS NOT NULL AND post_id IN (FROM main)
        AND lower(username) NOT IN (SELECT lower(username) FROM users WHERE username IS NOT NULL)
        AND lower(username) NOT IN (
            SELECT lower(value) FROM problems WHERE value IS NOT NULL AND resource_type = 'user')
        ORDER BY 1
    """)
    if names:
        _collect(archive, "users.by_usernames", "usernames", names, client, progress=progress)


def _collect(
    archive: Archive, action: str, param: str, values: list[str], client: Client, *,
    progress: bool | None,
) -> Run:
    arguments = {param: values or ["1"], "expansions": "lean", "refresh": True}
    planned = plan(action, arguments, now=client.now(), words=client.words)
    planned = replace(planned, arguments={param: values}, completes=True)
    return archive.collect(planned, client, progress=progress)


def _missing(
    archive: Archive, what: str, before: datetime | None, chosen: Sequence[str] | None
) -> list[str]:
    """Return the ids that the archive's posts name and it does not have, or has from before.

    Ids that X did not return are requested again only with a time.
    """
    wanted = _WANTED[what]
    if chosen is not None:
        wanted = "SELECT unnest($chosen::VARCHAR[]) AS id"
    return _column(archive, f"""
        WITH {_MAIN}, wanted AS ({wanted}),
        known AS (
            SELECT id, max(observed_at) AS observed_at FROM {what} GROUP BY id
            UNION ALL SELECT coalesce(resource_id, value), max(observed_at) FROM problems
            WHERE list_contains($kinds::VARCHAR[], resource_type) GROUP BY ALL
        )
        SELECT DISTINCT id FROM wanted WHERE id IS NOT NULL
        AND id NOT IN (SELECT id FROM known
            WHERE id IS NOT NULL AND ($before IS NULL OR observed_at >= $before))
        AND id NOT IN (SELECT resource_id FROM tombstones
            WHERE resource_type = $kind AND resource_id IS NOT NULL)
        ORDER BY length(id), id
    """, before=before, kinds=list(_KINDS[what]), kind=_KINDS[what][0], chosen=chosen)


def _due(
    archive: Archive, hours: list[float], now: datetime, chosen: Sequence[str] | None
) -> list[str]:
    """Return the collected posts that were not read since the last hour of the schedule."""
    return _column(archive, f"""
        WITH {_MAIN},
        schedule AS (SELECT unnest($hours::DOUBLE[]) AS hour),
        read AS (
            SELECT post_id, max(observed_at) AS observed_at FROM post_metrics GROUP BY post_id
        ),
        due AS (
            SELECT p.id, max(p.created_at + to_seconds(s.hour * 3600)) AS due_at
            FROM posts p, schedule s
            WHERE CASE WHEN $chosen IS NULL THEN p.id IN (FROM main)
                       ELSE list_contains($chosen::VARCHAR[], p.id) END
            AND p.created_at + to_seconds(s.hour * 3600) <= $now::TIMESTAMPTZ GROUP BY p.id
        )
        SELECT d.id FROM due d LEFT JOIN read r ON r.post_id = d.id
        WHERE r.observed_at IS NULL OR r.observed_at < d.due_at ORDER BY length(d.id), d.id
    """, hours=hours, now=now, chosen=chosen)


def _column(archive: Archive, query: str, **params: Any) -> list[str]:
    used = {name: value for name, value in params.items() if f"${name}" in query}
    return [value for (value,) in archive.sql(query, used or None).fetchall()]


def _before(max_age: timedelta | float | None, now: datetime) -> datetime | None:
    if max_age is None:
        return None
    if isinstance(max_age, int | float) and not isinstance(max_age, bool) and max_age >= 0:
        max_age = timedelta(days=max_age)
    if not isinstance(max_age, timedelta):
        raise ArgumentError(f"max_age: expected a timedelta or days, got {max_age!r:.40}")
    return (now - max_age).astimezone(UTC)


def _hours(refresh: Iterable[float] | None, what: str) -> list[float]:
    if refresh is None:
        return []
    if what != "posts":
        raise ArgumentError("refresh: expected what='posts', whose metrics are read again")
    try:
        hours = sorted(float(hour) for hour in refresh)
    except (TypeError, ValueError):
        hours = []
    if not hours or hours[0] < 0:
        raise ArgumentError(f"refresh: expected hours such as [1, 6, 24], got {refresh!r:.40}")
    return hours
