"""Whose a row is, and how rows of what was removed stay out of sight until a purge has taken them out."""

from __future__ import annotations

from dataclasses import dataclass

from xframes.schema.references import owners


@dataclass(frozen=True, slots=True)
class Stones:
    """The tombstones of an archive, as a FROM clause; `everywhere` while a purge is still to come.

    Compacted files hold nothing of what an earlier purge took out; parts may be newer, or come from another archive.
    """

    rows: str
    everywhere: bool

    def hide(self, source: str | None, table: str) -> str | None:
        """A FROM clause of a source's rows without those of removed posts and people."""
        tests = " AND ".join(
            f'("{column}" IS NULL OR "{column}" NOT IN '
            f"(SELECT resource_id FROM {self.rows} WHERE resource_type = '{kind}'))"
            for column, kind in owners(table) if kind in {"post", "user"}
        )
        return f"(SELECT * FROM {source} WHERE {tests})" if source and tests else source
