"""A run as users hold it: what came, and how to look at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xframes.archive.archive import Archive
    from xframes.frames import Frames


@dataclass(frozen=True, slots=True)
class Run:
    """One collection or import in an archive: its id, action, state, and how many pages and main rows came.

    `state` is running, done, interrupted or failed. The rows stand in the archive's tables beside all others;
    `matches` and `requests` tell by `run_id` which are this run's.
    """

    run_id: str
    action: str | None
    state: str
    pages: int
    rows: int
    archive: Archive = field(repr=False, compare=False)

    def frames(self) -> Frames:
        """The tables of this run's pages alone, flattened anew, in memory."""
        from xframes.frames import Frames

        return Frames.from_pages(self.archive.pages(run_id=self.run_id))

    def __len__(self) -> int:
        return self.rows

    def _facts(self) -> str:
        return f"{self.action or 'collection'}, {self.state}: {self.pages:,} pages, {self.rows:,} rows"

    def _next(self) -> str:
        if self.state in {"interrupted", "failed"} and self.action != "import":
            return f'archive.resume("{self.run_id}")'
        return f"""archive.sql("select * from requests where run_id = '{self.run_id}'")"""

    def __repr__(self) -> str:
        return f"<Run {self.run_id}: {self._facts()} in {self.archive.path}\n  {self._next()}>"

    def _repr_html_(self) -> str:
        return (
            f"<div><p><b>{escape(self.run_id)}</b> · {escape(self._facts())} in "
            f"<bdi>{escape(str(self.archive.path))}</bdi></p>"
            f"<pre>{escape(self._next())}</pre></div>"
        )


def run_of(archive: Archive, row: Any) -> Run:
    """A run from the journal's row."""
    return Run(row.run_id, row.action, row.state, row.page_count, row.row_count, archive)
