"""Orders of users: remove posts and people, apply compliance results, purge files."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from xframes.archive.storage.folder import utc_now
from xframes.archive.takedown import removal
from xframes.errors import ArchiveError, ArgumentError
from xframes.plan.values import check
from xframes.registry import Param
from xframes.registry.params import ID, USERNAME
from xframes.schema.operation_tables import RESTORING
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.archive.ingest.access import Access
    from xframes.archive.query.views import Views
    from xframes.archive.takedown.removal import PurgeWork

_KINDS = {"tweets": "post", "users": "user"}  # by the type of a compliance job


def remove(
    access: Access, post_ids: Iterable[str | int], user_ids: Iterable[str | int], reason: str,
    work: PurgeWork | None = None,
) -> dict[str, int]:
    """Do what `Archive.remove` describes; `work` reads and rewrites the files."""
    folder = access.folder
    posts = _ids("post_ids", post_ids, ID)
    users = _ids("user_ids", user_ids, f"{ID}|@{USERNAME}")
    if not posts and not users:
        raise ArchiveError("nothing to remove: pass post_ids or user_ids")
    with removal.plain_errors("nothing was removed"):
        folder.create()
        folder.for_writing()
        with suppress(OSError, ArchiveError):  # the purge also cleans pages in the journal
            access.freshen()
        users = _without_handles(access, users)
        counts = folder.steady(lambda: removal.write_tombstones(
            folder, access.readers, posts, users, reason))
    try:
        purge(access, work)
    except ArchiveError as error:
        raise ArchiveError(
            f"the removal of {counted(counts.barred, 'id')} is recorded and the data is hidden, "
            f"but it is still in files; the next purge or compaction tries again: {error}"
        ) from error
    return {"posts": counts.posts, "users": counts.users, "barred": counts.barred}


def apply_compliance(access: Access, views: Views, type: str) -> dict[str, int]:
    """Do what `Archive.apply_compliance` describes."""
    kind = _KINDS.get(type)
    if kind is None:
        raise ArchiveError(f"type: expected tweets or users, got {type!r}")
    with removal.plain_errors("nothing was removed"):
        access.freshen()
        ids = _gone(views, kind)
        located = _located(views) if kind == "user" else []
    if not ids and not located:
        return {"posts": 0, "users": 0, "barred": 0}
    reason = f"compliance: {type}"
    if kind == "post":
        return remove(access, ids, (), reason)
    return remove(access, located, ids, reason)


def _gone(views: Views, kind: str) -> list[str]:
    """Return what is to be removed, without what is removed already or was restored since."""
    taken_back = " OR ".join(
        f"(e.kind = '{event}' AND r.reason = '{reason}')" for event, reason in RESTORING.items()
    )
    rows = views.arrow(
        "SELECT DISTINCT id FROM removals r WHERE action = 'delete' "
        "AND (resource_type IS NULL OR resource_type = ?) AND id NOT IN "
        "(SELECT resource_id FROM tombstones WHERE resource_type = ?) AND NOT EXISTS "
        "(SELECT 1 FROM compliance_events e WHERE r.resource_type = 'user' AND e.user_id = r.id "
        f"AND e.event_at > r.redacted_at AND ({taken_back}))", [kind, kind],
    )
    ids: list[str] = rows["id"].to_pylist()
    return ids


def _located(views: Views) -> list[str]:
    """Return the posts with a location whose authors have taken the locations of posts back."""
    rows = views.arrow(
        "SELECT DISTINCT p.id FROM posts p JOIN removals r ON r.id = p.author_id "
        "WHERE r.action = 'scrub_geo' AND (p.place_id IS NOT NULL OR p.coordinates_type IS NOT NULL"
        " OR p.longitude IS NOT NULL) AND (r.up_to_post_id IS NULL "
        "OR TRY_CAST(p.id AS UBIGINT) <= TRY_CAST(r.up_to_post_id AS UBIGINT))"
    )
    ids: list[str] = rows["id"].to_pylist()
    return ids


def purge(access: Access, work: PurgeWork | None = None) -> int:
    """Do what `Archive.purge` describes; `work` reads and rewrites the files."""
    folder = access.folder
    if not folder.exists:
        return 0
    with suppress(OSError, ArchiveError):
        access.freshen()
    with removal.plain_errors("what was removed is hidden, but still in files"):
        return folder.steady(lambda: removal.purge(folder, access.readers, work))


def remove_returned(access: Access, work: PurgeWork | None = None) -> None:
    """Remove again what new data has brought back; if that fails, it stays hidden."""
    folder = access.folder
    if not folder.exists:
        return
    with suppress(ArchiveError), removal.plain_errors("what was removed is hidden"):
        if folder.steady(lambda: removal.returned(folder, access.readers)):
            purge(access, work)


def _without_handles(access: Access, users: set[str]) -> set[str]:
    """Replace handles by ids. Raises ArgumentError for a handle not of exactly one known user."""
    handles = {user.removeprefix("@").lower() for user in users if user.startswith("@")}
    if not handles:
        return users
    ids_by_handle = removal.people(access.folder, access.readers, handles)
    for handle, ids in sorted(ids_by_handle.items()):
        if len(ids) != 1:
            expected = "user_ids: expected ids, or handles of users in this archive"
            several = ""
            if ids:
                several = f", the handle of several users ({', '.join(sorted(ids))})"
            raise ArgumentError(f"{expected}, got '@{handle}'{several}. Pass the id")
    return {user for user in users if not user.startswith("@")}.union(*ids_by_handle.values())


def _ids(name: str, values: Any, pattern: str) -> set[str]:
    """Check ids as for collectors: an invalid id would remove nothing, without an error."""
    return set(check(Param(name, "ids", pattern=pattern), values, now=utc_now()))
