"""How an archive forgets: the methods `remove`, `apply_compliance` and `purge`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from xframes.archive.access import changes_archive
from xframes.archive.folder import utc_now
from xframes.errors import ArchiveError, ArgumentError
from xframes.plan.values import check
from xframes.registry import Param
from xframes.registry.params import ID, USERNAME

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
        """Remove posts and people for good: they are hidden at once, then taken out of every file.

        Removing a post also removes its other versions, and its author if the archive has no other
        post by them; removing a person also removes their posts. What other people wrote stays
        whole: posts, messages, profile texts. Mentions keep their place and id and lose the handle,
        and from all else (links, labels, queries, errors, unknown fields) the person's handle, name
        and words go. Rows of `tombstones` record what was
        removed, when and why. These ids never show again here, whatever is added or merged later; an
        author removed with a last post does when another post of theirs comes.

        `user_ids` may also hold `@handle`s, present or earlier ones, as far as this archive knows them;
        nothing is looked up at X.

        Returns how many `posts` and `users` were found here and removed, and how many ids are `barred`
        from now on: `{"posts": 0, "users": 0, "barred": 1}` for an id the archive does not hold.

        Raises ArgumentError for an invalid id and for a handle the archive does not know; ArchiveError
        when nothing is named, and when files cannot be rewritten now (other processes read them, the
        disk is full, one is damaged): the removal is recorded and hidden then, and the next `purge()`
        takes it out of the files.
        """
        from xframes.archive import removing

        posts, users = _ids("post_ids", post_ids), _people("user_ids", user_ids)
        if not posts and not users:
            raise ArchiveError("nothing to remove: give post_ids or user_ids")
        with removing.plain_errors("nothing was removed"):
            self._folder.create()
            self._folder.for_writing()
            with suppress(OSError, ArchiveError):  # what waits in the journal is cleaned there
                self._freshen()
            users = self._resolved(users)
            found = self._folder.steady(
                lambda: removing.bury(self._folder, self._views.readers, posts, users, reason)
            )
        try:
            self.purge()
        except ArchiveError as error:
            ids = f"{found.barred:,} id{'' if found.barred == 1 else 's'}"
            raise ArchiveError(f"the removal of {ids} is recorded and hidden, but not yet taken out of the "
                               f"files; the next purge or compaction tries again: {error}") from error
        return {"posts": found.posts, "users": found.users, "barred": found.barred}

    @changes_archive
    def apply_compliance(self, type: Literal["tweets", "users"]) -> dict[str, int]:
        """Remove what compliance results in the table `removals` say is gone, and return as `remove`.

        `type` is that of the job: its lines do not say whether an id is a post's or a user's. Posts whose location
        alone must go (scrub_geo) go whole. What was removed already is left out, so this can be called at any time.

        Raises as `remove` does.
        """
        kind = {"tweets": "post", "users": "user"}.get(type)
        if kind is None:
            raise ArchiveError(f"type is tweets or users, not {type!r}")
        from xframes.archive import removing

        with removing.plain_errors("nothing was removed"):
            self._freshen()
            rows = self._views.arrow(
                "SELECT DISTINCT id FROM removals WHERE action = 'delete' AND id NOT IN "
                "(SELECT resource_id FROM tombstones WHERE resource_type = ?)", [kind],
            )
        if not rows.num_rows:
            return {"posts": 0, "users": 0, "barred": 0}
        return self.remove(**{f"{kind}_ids": rows["id"].to_pylist()}, reason=f"compliance: {type}")

    @changes_archive
    def purge(self) -> int:
        """Take what was removed out of every file, also of those added since; returns how many changed.

        Raises ArchiveError when files cannot be rewritten now: what was removed stays hidden.
        """
        from xframes.archive import removing

        if not self._folder.exists:
            return 0
        with suppress(OSError, ArchiveError):
            self._freshen()
        with removing.plain_errors("what was removed is hidden, but still in files"):
            return self._folder.steady(lambda: removing.purge(self._folder, self._views.readers))

    def _resolved(self, users: set[str]) -> set[str]:
        """Ids in place of handles. Raises ArgumentError for a handle that says no one person."""
        from xframes.archive import removing

        handles = {user.removeprefix("@").lower() for user in users if user.startswith("@")}
        if not handles:
            return users
        found = removing.people(self._folder, self._views.readers, handles)
        for handle, ids in sorted(found.items()):
            if len(ids) != 1:
                several = f"a handle of several people here ({', '.join(sorted(ids))})"
                raise ArgumentError("user_ids: expected ids or handles that this archive knows, got "
                                    f"'@{handle}'{', ' * bool(ids)}{several if ids else ''}. Pass the id")
        return {user for user in users if not user.startswith("@")}.union(*found.values())

    def _forget_again(self) -> None:
        """Take out what something added has brought back; where that fails now, it stays hidden."""
        from xframes.archive import removing

        if not self._folder.exists:
            return
        with suppress(ArchiveError), removing.plain_errors("what was removed is hidden"):
            if self._folder.steady(lambda: removing.returned(self._folder, self._views.readers)):
                self.purge()

    def _freshen(self) -> None:
        raise NotImplementedError  # `Archive` has it; this class is a part of that one and never stands alone


def _ids(name: str, given: Any) -> set[str]:
    """Ids as collectors take them: what is none would remove nothing, and look as if it had."""
    return set(check(Param(name, "ids", pattern=ID), given, now=utc_now()))


def _people(name: str, given: Any) -> set[str]:
    """Ids, and handles with their sign."""
    return set(check(Param(name, "ids", pattern=f"{ID}|@{USERNAME}"), given, now=utc_now()))
