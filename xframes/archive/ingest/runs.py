"""Runs: the pages and rows of one collection or import."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from xframes.archive.ingest.journal import open_journal, records
from xframes.archive.storage.parts import runs_table
from xframes.billing.sums import money, run_prices
from xframes.errors import ArchiveError
from xframes.screen import counted, neutral

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from xframes.archive.ingest.imports import ImportedFile
    from xframes.archive.query.views import Views
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder
    from xframes.client import Client
    from xframes.frames import Frames
    from xframes.wire import Page


_UNFINISHED = ("interrupted", "failed", "running")


class RunArchive(Protocol):
    """The part of an archive that a run and its results need; see `xf.Archive`."""

    @property
    def path(self) -> Place:
        """The folder or URL of the archive."""
        ...

    def sql(self, query: str, params: object = None) -> duckdb.DuckDBPyRelation:
        """Query the tables of the archive."""
        ...

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table of the archive."""
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
    """One collection or import in an archive.

    Parameters
    ----------
    run_id
        Its id. `matches` and `requests` have it on each row of this run.
    action
        The action that was collected, such as "search.recent", or "import".
    state
        "running", "done", "interrupted" or "failed".
    pages
        Number of pages saved.
    rows
        Number of main rows, such as the posts that a search found.
    archive
        The archive, whose tables have the rows of this run together with all others.
    price_low
        Price in US dollars if X bills main objects only. None where it is unknown.
    price_high
        Price in US dollars if X also bills included objects. None where it is unknown.
    file
        Of an import that was just made: what was stored by table, left and refused of its file.

    Examples
    --------
    >>> run = xf.search.recent("duckdb lang:en", limit=500, into=archive)
    >>> run.frames().posts
    """

    run_id: str
    action: str | None
    state: str
    pages: int
    rows: int
    archive: RunArchive = field(repr=False, compare=False)
    price_low: float | None = None
    price_high: float | None = None
    file: ImportedFile | None = field(default=None, repr=False, compare=False)

    def frames(self) -> Frames:
        """Return the tables of this run's pages alone, in memory.

        Returns
        -------
        Frames
            All tables, flattened from the pages of this run.

        Raises
        ------
        ArchiveError
            The pages cannot be read.

        Examples
        --------
        >>> run.frames().results
        """
        from xframes.frames import Frames

        return Frames.from_pages(self.archive.pages(run_id=self.run_id))

    def __len__(self) -> int:
        return self.rows

    def _facts(self) -> str:
        counts = f"{counted(self.pages, 'page')}, {counted(self.rows, 'row')}"
        if self.price_high is not None:
            counts += f", {money(self.price_low, self.price_high)}"
        return f"{self._subject()}, {self.state}: {counts}"

    def _subject(self) -> str:
        return self.action or "collection"

    def _next(self) -> str:
        if self.state in {"interrupted", "failed"} and self.action != "import":
            return f'archive.resume("{self.run_id}")'
        return f"""archive.sql("select * from requests where run_id = '{self.run_id}'")"""

    def __repr__(self) -> str:
        text = f"<Run {self.run_id}: {self._facts()} in {self.archive.path}\n  {self._next()}>"
        return neutral(text, keep="\n")

    def _repr_html_(self) -> str:
        return (
            f"<div><p><b>{escape(self.run_id)}</b> · {escape(self._facts())} in "
            f"<bdi>{escape(str(self.archive.path))}</bdi></p>"
            f"<pre>{escape(self._next())}</pre></div>"
        )


def _sum(prices: Iterable[float | None]) -> float | None:
    """Add prices; None if all are unknown."""
    known = [price for price in prices if price is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True, repr=False)
class Runs(Run):
    """The runs of one call for several queries or users, one run each, in their order.

    It has the sums of a run's pages and rows, and the state of the run that came least far.
    Resuming one of the runs resumes all of them.

    Parameters
    ----------
    run_id
        The id of the first run.
    runs
        The runs. Also the items of this object: `runs[0]`, `for run in runs`.

    Examples
    --------
    >>> [run.rows for run in xf.search.recent(["duckdb", "polars"], into=archive)]
    """

    runs: tuple[Run, ...] = ()

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Runs:
        """Return several runs as one."""
        states = {run.state for run in runs}
        state = next(state for state in (*_UNFINISHED, "done") if state in states)
        return cls(
            runs[0].run_id, runs[0].action, state, sum(run.pages for run in runs),
            sum(run.rows for run in runs), runs[0].archive,
            price_low=_sum(run.price_low for run in runs),
            price_high=_sum(run.price_high for run in runs), runs=tuple(runs),
        )

    def frames(self) -> Frames:
        """Return the tables of the pages of all runs, in memory."""
        from xframes.frames import Frames

        return Frames.from_pages(
            page for run in self.runs for page in self.archive.pages(run_id=run.run_id)
        )

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __getitem__(self, index: int) -> Run:
        return self.runs[index]

    def _next(self) -> str:
        if self.state in _UNFINISHED:
            return f'archive.resume("{self.run_id}")'
        return "archive.runs()"

    def _subject(self) -> str:
        return f"{counted(len(self.runs), 'run')} of {self.action}"


def all_runs(folder: Folder, written: pa.Table) -> pa.Table:
    """Return the runs of an archive, oldest first: those in parts, updated from the journal."""
    rows = {row["run_id"]: row for row in written.to_pylist()}
    if folder.journal.exists():
        with open_journal(folder.journal) as journal:
            for record in records(journal.runs()):
                row = rows.get(record["run_id"])
                if row is None or row["observed_at"] <= record["observed_at"]:
                    rows[record["run_id"]] = _with_prices(record, row)
    return runs_table(sorted(rows.values(), key=lambda r: (r["started_at"], r["run_id"])))


def _with_prices(record: dict[str, Any], earlier: dict[str, Any] | None) -> dict[str, Any]:
    """Return a record with the prices of an earlier one, if this machine does not know them."""
    if record["price_high"] is not None or earlier is None:
        return record
    return record | {name: earlier[name] for name in ("price_low", "price_high")}


def run_by_id(archive: RunArchive, folder: Folder, views: Views, run_id: str) -> Run:
    """Return a run by its id, from the journal or else from parts.

    Raises ArchiveError if the archive does not have it.
    """
    if folder.journal.exists():
        with open_journal(folder.journal) as journal:
            if (row := journal.run(run_id)) is not None:
                return run_of(archive, row)
    rows = views.arrow("SELECT * FROM runs WHERE run_id = ?", [run_id]).to_pylist()
    if not rows:
        raise ArchiveError(f"{folder.path} has no run {run_id!r}; archive.runs() lists its runs")
    (row,) = rows
    pages, count = row["page_count"] or 0, row["row_count"] or 0
    prices = row["price_low"], row["price_high"]
    return Run(run_id, row["action"], row["state"], pages, count, archive, *prices)


def run_of(archive: RunArchive, row: Any) -> Run:
    """Return the run of a row of the journal."""
    prices = run_prices([row.run_id]).get(row.run_id, (None, None))
    return Run(
        row.run_id, row.action, row.state, row.page_count, row.row_count, archive, *prices
    )
