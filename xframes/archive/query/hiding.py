"""Hiding rows of removed posts and people from queries until a purge has removed them."""

from __future__ import annotations

from dataclasses import dataclass

from xframes.schema.references import owners


@dataclass(frozen=True, slots=True)
class Stones:
    """The tombstones of an archive, as a FROM clause.

    With `everywhere`, a purge is still to come, and compacted files are filtered too. Otherwise
    only parts are, which may be newer than the last purge or come from another archive.
    """

    rows: str
    everywhere: bool

    def hide(self, source: str | None, table: str) -> str | None:
        """Return a FROM clause of a source's rows without those of removed posts and people."""
        pairs = [(column, kind) for column, kind in owners(table) if kind in {"post", "user"}]
        if not source or not pairs:
            return source
        joins = "".join(
            f" ANTI JOIN (SELECT resource_id FROM {self.rows} WHERE resource_type = '{kind}') "
            f'AS "hidden {column}" ON "hidden {column}".resource_id = shown."{column}"'
            for column, kind in pairs
        )
        return f"(SELECT shown.* FROM {source} AS shown{joins})"
