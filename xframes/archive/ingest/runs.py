"""A run as users hold it: what came, and how to look at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from xframes.archive.ingest.journal import open_journal
from xframes.archive.storage.parts import runs_table
from xframes.errors import ArchiveError
from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from xframes.archive.query.views import Views
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder
    from xframes.client import Client
    from xframes.frames import Frames
    from xframes.wire import Page


class RunArchive(Protocol):
    """The archive of a run, as far as a run and what it returns need it: see `xf.Archive`."""

    @property
    def path(self) -> Place:
        """The folder, or the URL."""
        ...

    def sql(self, query: str, params: object = None) -> duckdb.DuckDBPyRelation:
        """Query the tables of the whole archive."""
        ...

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table of the whole archive."""
        ...

    def pages(self, run_id: str | None = None) -> Iterator[Page]:
        """Read the pages of a run."""
        ...

    def resume(
        self, run_id: str, client: Client | None = None, *, progress: bool | None = None
    ) -> Run:
        """Continue a run."""
        ...


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
    archive: RunArchive = field(repr=False, compare=False)

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
        return neutral(f"<Run {self.run_id}: {self._facts()} in {self.archive.path}\n  {self._next()}>", keep="\n")

    def _repr_html_(self) -> str:
        return (
            f"<div><p><b>{escape(self.run_id)}</b> · {escape(self._facts())} in "
            f"<bdi>{escape(str(self.archive.path))}</bdi></p>"
            f"<pre>{escape(self._next())}</pre></div>"
        )


def all_runs(folder: Folder, written: pa.Table) -> pa.Table:
    """The runs of an archive, oldest first: those in parts, with what the journal knows better."""
    rows = {row["run_id"]: row for row in written.to_pylist()}
    if folder.journal.exists():
        with open_journal(folder.journal) as journal:
            for run in journal.runs():
                record = run.record()
                if run.run_id not in rows or rows[run.run_id]["observed_at"] <= record["observed_at"]:
                    rows[run.run_id] = record
    return runs_table(sorted(rows.values(), key=lambda r: (r["started_at"], r["run_id"])))


def run_by_id(archive: RunArchive, folder: Folder, views: Views, run_id: str) -> Run:
    """A run by its id, as the journal or else its parts know it. Raises ArchiveError when there is none."""
    if folder.journal.exists():
        with open_journal(folder.journal) as journal:
            if (row := journal.run(run_id)) is not None:
                return run_of(archive, row)
    rows = views.arrow("SELECT * FROM runs WHERE run_id = ?", [run_id]).to_pylist()
    if not rows:
        raise ArchiveError(f"{folder.path} has no run {run_id!r}; archive.runs() lists those it has")
    (r,) = rows
    return Run(run_id, r["action"], r["state"], r["page_count"] or 0, r["row_count"] or 0, archive)


def run_of(archive: RunArchive, row: Any) -> Run:
    """A run from the journal's row."""
    return Run(row.run_id, row.action, row.state, row.page_count, row.row_count, archive)
