"""How an archive forgets: the methods `remove`, `apply_compliance` and `purge`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from xframes.archive.access import changes_archive
from xframes.archive.folder import utc_now
from xframes.errors import ArchiveError
from xframes.plan.values import check
from xframes.registry import Param
from xframes.registry.params import ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xframes.archive.folder import Folder
    from xframes.archive.views import Views


class Forgetting:
    """The part of `Archive` that takes out what must go."""

    _folder: Folder
    _views: Views

    @changes_archive
    def remove(
        self, post_ids: Iterable[str | int] = (), user_ids: Iterable[str | int] = (), *, reason: str
    ) -> dict[str, int]:
        """Remove posts and people, for good: hidden at once, then taken out of every file; gives how many of each.

        With a post go its other versions, and its author when no other post of theirs is here; with a user their posts.
        Other people's posts stay whole; mentions in them keep their place and lose the name. What stays of it are rows
        of `tombstones`: what, when, why. Those ids never show again here, whatever is added or merged later; an author
        who went with a last post does when another post of theirs comes.

        Raises ArgumentError for what is no id, ArchiveError when nothing is named, and when other processes keep
        reading (it is hidden then; `purge()` takes it out later).
        """
        from xframes.archive import removing

        posts, users = _ids("post_ids", post_ids), _ids("user_ids", user_ids)
        if not posts and not users:
            raise ArchiveError("nothing to remove: give post_ids or user_ids")
        self._folder.create()
        self._freshen()
        doomed = self._folder.steady(lambda: removing.bury(self._folder, posts, users, reason))
        self.purge()
        return {"posts": len(doomed.posts), "users": len(doomed.users)}

    @changes_archive
    def apply_compliance(self, type: Literal["tweets", "users"]) -> dict[str, int]:
        """Remove what compliance results in the table `removals` say is gone; gives how many posts and users went.

        `type` is that of the job: its lines do not say whether an id is a post's or a user's. Posts whose location
        alone must go (scrub_geo) go whole. What was removed already is left out, so this can be called at any time.

        Raises as `remove` does.
        """
        kind = {"tweets": "post", "users": "user"}.get(type)
        if kind is None:
            raise ArchiveError(f"type is tweets or users, not {type!r}")
        self._freshen()
        rows = self._views.arrow(
            "SELECT DISTINCT id FROM removals WHERE action = 'delete' AND id NOT IN "
            "(SELECT resource_id FROM tombstones WHERE resource_type = ?)", [kind],
        )
        if not rows.num_rows:
            return {"posts": 0, "users": 0}
        return self.remove(**{f"{kind}_ids": rows["id"].to_pylist()}, reason=f"compliance: {type}")

    @changes_archive
    def purge(self) -> int:
        """Take what was removed out of every file, also out of what was added since; gives how many were rewritten."""
        from xframes.archive import removing

        if not self._folder.exists:
            return 0
        self._freshen()
        return self._folder.steady(lambda: removing.purge(self._folder, self._views.readers))

    def _forget_again(self) -> None:
        """Take out what something added has brought back, unless others are reading: then it stays hidden."""
        from xframes.archive import removing

        if self._folder.exists and self._folder.steady(lambda: removing.returned(self._folder)):
            with suppress(ArchiveError):
                self.purge()

    def _freshen(self) -> None:
        raise NotImplementedError  # `Archive` has it; this class is a part of that one and never stands alone


def _ids(name: str, given: Any) -> set[str]:
    """Ids as collectors take them: what is none would remove nothing, and look as if it had."""
    return set(check(Param(name, "ids", pattern=ID), given, now=utc_now()))
