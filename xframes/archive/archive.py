"""`Archive`: a folder of pages and tables, the union of everything ever observed."""

from __future__ import annotations

import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, Self

from xframes.archive import collecting, coverage, importing, lifecycle
from xframes.archive.access import Unshown, changes_archive, housekeeping, writing
from xframes.archive.checking import Report, verify
from xframes.archive.compaction import MEMORY
from xframes.archive.flushing import flush
from xframes.archive.folder import Folder, utc_now
from xframes.archive.forgetting import Forgetting
from xframes.archive.journal import journal_state
from xframes.archive.repairing import repair as repair_findings
from xframes.archive.runs import Run, all_runs, run_by_id
from xframes.archive.scrubbing import without_marks
from xframes.archive.sharing import Sharing
from xframes.archive.showing import Shown
from xframes.archive.store import all_pages
from xframes.archive.threads import Threads
from xframes.archive.views import Readers, Views
from xframes.errors import ArchiveError
from xframes.schema import table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from xframes.archive.places import Place
    from xframes.client import Client
    from xframes.frames import Frames
    from xframes.plan import Plan
    from xframes.wire import Page


class Archive(Shown, Sharing, Forgetting, Threads):
    """A folder of X's pages, verbatim, and of the tables made from them, asked with SQL.

    `path` may be a URL (s3://bucket/prefix, gs://…, memory://…; fsspec knows the credentials): pages and tables are
    objects there; what is not yet in them stays on this machine, in a folder below `XFRAMES_JOURNALS`.

    The folder is made on the first write. An archive is a set of observations: adding is union, the order of adding
    never matters, adding twice changes nothing. Each table shows the newest known value of every column: a request that
    did not ask for a field never erases it. Several processes may collect into one archive, import and query at once.
    The object itself exports its posts through the Arrow PyCapsule interface.

    Raises ArchiveError for files, folders that hold something else, archives of a newer format, and URLs that cannot be
    read.
    """

    def __init__(self, path: str | os.PathLike[str], *, now: Callable[[], datetime] = utc_now) -> None:
        self._folder = Folder(path, now)
        self._views = Views(self._folder)
        self._journal_seen: object = None
        self._journal_tried: object = None
        self._unshown = Unshown(self._folder)

    @property
    def path(self) -> Place:
        """The folder, or the place in a bucket; its text is the path or URL."""
        return self._folder.path

    def __reduce__(self) -> tuple[type[Archive], tuple[str]]:
        return Archive, (str(self.path),)  # another process opens it for itself

    # asking ------------------------------------------------------------------------------------------------------

    def sql(self, query: str, params: object = None) -> duckdb.DuckDBPyRelation:
        """Ask DuckDB, in UTC, over one view per table: a relation with `.df() .pl() .arrow() .fetchall()`.

        Every table of `xf.schema` is there, empty ones too; `posts` also has `plain_text`, the text unescaped. Frames
        in the caller's variables can be named as well. `params` fill `?` or `$name` in the query.

        Each query runs in a session of its own: an open `.to_arrow_reader()` blocks no other, and
        threads can share the archive. Temporary tables and settings need one session: `connect()`.

        Raises duckdb.Error for what DuckDB refuses.
        """
        self._freshen()
        return self._views.relation(query, params)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection that sees the tables by name: for JupySQL, pandas, Ibis.

        It shows the archive as it is now, in UTC, and so do its cursors, one for each thread. To
        see what is added later, call this again.
        """
        self._freshen()
        return Views(self._folder).open_connection()

    def frame(self, name: str) -> pd.DataFrame:
        """A table as pandas, sorted by time and key: Int64, boolean, str (`string` in pandas 2),
        datetime64[ms, UTC]; lists stay objects.

        Raises KeyError naming the tables there are.
        """
        from xframes.frames import to_pandas

        return to_pandas(self[name])

    def __getitem__(self, name: str) -> pa.Table:
        declared = table(name)
        self._freshen()
        order = ", ".join(f'"{c}"' for c in dict.fromkeys((*filter(None, [declared.time]), *declared.key)))
        columns = ", ".join(f'"{c.name}"' for c in declared.columns)
        return self._views.arrow(f'SELECT {columns} FROM "{name}" ORDER BY {order}').cast(declared.schema)

    @property
    def tables(self) -> dict[str, int]:
        """Rows of every table, by name, in the schema's order."""
        self._freshen()
        return self._views.counts()

    def pages(self, run_id: str | None = None) -> Iterator[Page]:
        """Read the pages of one run or of all, each once, oldest file first; one row group is held.

        They are verbatim but for what was removed, whether files still hold that or not.
        """
        from xframes.archive import removing

        self._freshen()
        seen: set[str] = set()
        self._views.readers.enter()
        try:
            for page in all_pages(self._folder, run_id, removing.hiding(self._folder)):
                if page.page_id not in seen:
                    seen.add(page.page_id)
                    yield without_marks(page)
        finally:
            self._views.readers.leave()

    def changes(self, name: str, id: str | int) -> pd.DataFrame:
        """How one thing changed: every observation of it that says something new, oldest first, from the pages.

        `name` is a table of things (posts, users, …) or of what hangs on them (post_edits, user_urls, …: each
        observation whole). Columns as in the table; `observed_at` tells when. Reads every page that names the id.

        Raises KeyError naming the tables there are.
        """
        from xframes.archive import history
        from xframes.frames import to_pandas

        return to_pandas(history.observations(self.pages(), table(name).name, str(id)))

    def as_of(self, when: datetime | str) -> Archive:
        """The archive as it was at a moment: a temporary one, of the pages received until then.

        Its tables show the newest known values of that time; what was removed since is not in it. It is made anew from
        the pages, so it takes as long as a rebuild. Its files are deleted when neither it nor a
        relation, reader, connection or iterator made from it is left.

        Raises ArchiveError when there was no page yet, or the time has no zone.
        """
        from xframes.archive import history

        moment = history.moment(when)
        self._freshen()
        home = history.copy_until(self._folder, self.pages(), moment)
        then = Archive(home.name, now=lambda: moment)
        weakref.finalize(then._folder, home.cleanup)  # whatever reads it keeps it
        return then

    def runs(self) -> pd.DataFrame:
        """All collections and imports, oldest first, with the columns of the table `runs`; those running now, too."""
        from xframes.frames import to_pandas

        return to_pandas(all_runs(self._folder, self["runs"]))

    # adding ------------------------------------------------------------------------------------------------------

    @changes_archive
    def add(self, frames_or_pages: Frames | Page | Iterable[Page]) -> Run:
        """Add the pages of Frames, or pages: what they say is in the tables when this returns.

        Adding twice is harmless. Pages keep the run they came from; those without one become a new run.

        Gives the run of the first page. Raises ArchiveError when there is no page, ArgumentError for what is none.
        """
        from xframes.frames import only_pages

        given = getattr(frames_or_pages, "pages", frames_or_pages)
        run_ids = importing.add_pages(self._folder, only_pages(given))
        if not run_ids:
            raise ArchiveError("there is no page to add")
        self._forget_again()
        self._tidy()
        return self.run(run_ids[0])

    @changes_archive
    def import_pages(
        self, paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, processes: int | None = None,
        progress: bool | None = None,
    ) -> list[Run]:
        """Import files of pages or posts (see `xf.read_pages`), each as a run; gives the runs in the files' order.

        A folder stands for all files in it; those that hold no pages are runs that failed, with the reason.

        Streams with flat memory, on all cores when there is much to read (`processes` to decide). A run's id comes
        from the file's name and first bytes: importing a file again adds nothing. What cannot be read stays as a
        page, with a row in `problems`. `progress`: a bar; by default on a terminal only.

        Raises ArchiveError when a file is missing, and, when all are read, for those that could not
        be read to their end (what came before is kept, their runs are `failed`), and for archives
        and folders of which nothing was read, with the reasons.
        """
        try:
            ids = importing.import_files(self._folder, importing.as_paths(paths), processes, progress)
        finally:
            self._forget_again()
        self._tidy()
        return [self.run(run_id) for run_id in ids]

    @changes_archive
    def merge(self, other: Archive | str | os.PathLike[str]) -> int:
        """Add everything of another archive, by copying its files; gives how many came.

        Merging is union: in any order, any number of times, the tables show the same. What was removed from either
        stays removed. Runs that stopped go on in the archive they began in. The other archive is only read, and every
        file of it is checked before any comes.

        Raises ArchiveError when the other is no archive, or a file of it is damaged.
        """
        source = Folder(other.path if isinstance(other, Archive) else other, only_read=True)
        if not source.exists:
            raise ArchiveError(f"{source.path} is not an archive")
        self._folder.create()
        readers = Readers(source)
        readers.enter()
        try:
            count = lifecycle.merge(self._folder, source)
            importing.add_journal(self._folder, source)
        finally:
            readers.leave()
        self.purge()
        self._tidy()
        return count

    @changes_archive
    def collect(self, plan: Plan, client: Client, *, progress: bool | None = None) -> Run:
        """Carry out a plan: each page is on disk before the next is asked for. Gives the finished run.

        Of lookups only what is not here is asked, unless the plan says `refresh`; `since` "last" begins where the
        newest run of the same question ended, after those that stopped have come to their end.

        Raises Interrupted when it stops on the way (its `resume()`, or `archive.resume(run_id)`, goes on from the last
        page kept), and the error itself when not a single page came.
        """
        self._folder.create()
        plan = coverage.continued(self, self._folder, plan, client, progress)
        plan = coverage.unknown(self, plan)
        return self._collected(collecting.start(self, self._folder, plan, client, progress))

    def check(
        self, ids: Iterable[str | int], *, table: Literal["posts", "users"] = "posts", client: Client | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        """Look posts or users up again, and tell what became of each: which have vanished, and why.

        Columns, a row for each id in the order given: `id`, `fate` (found, not_found: deleted or never there,
        suspended, not_authorized: protected, withheld, removed from this archive, not_returned, or X's own kind of
        problem), `detail` in X's words, `observed_at`. Each costs what a lookup costs; the pages are added.

        Raises ArgumentError for what is no id, Interrupted when it stops on the way, the client's errors.
        """
        from xframes.frames import to_pandas

        return to_pandas(coverage.looked_up(self, ids, table, client, progress, refresh=True))

    def completeness(self, query: str | None = None, *, granularity: str | None = None) -> pd.DataFrame:
        """How much of what X counts for a query was collected by searches for it, span by span, oldest first.

        Columns: `query`, `granularity`, `start_at`, `end_at`, `counted` by X, `collected`, `missing`, and `price`, what
        collecting those costs (US dollars). `granularity` is the finest that was counted, unless given. Posts
        deleted since they were counted are missing, too.

        Without a query, the gaps of streams: `run_id`, `action`, `start_at`, `end_at`, `collected` (posts made in the
        gap that came later all the same), `detail` with the cause.

        Raises ArchiveError when nothing was counted: `xf.counts.recent(query, into=archive)` does.
        """
        from xframes.frames import to_pandas

        self._freshen()
        found = coverage.stream_gaps(self) if query is None else coverage.completeness(self, query, granularity)
        return to_pandas(found)

    @contextmanager
    def keeping(self, action: str, arguments: Mapping[str, Any]) -> Iterator[Callable[[Page], None]]:
        """A run of pages that were asked for elsewhere, e.g. of writes; gives the function that keeps a page.

        Each is on disk when the function returns, and in the tables when the block ends. An error in the block ends
        the run as interrupted and goes on.
        """
        with writing(self._folder):
            self._folder.create()
        with collecting.keeping(self._folder, action, arguments) as keep:
            yield keep
        self._tidy()

    @changes_archive
    def resume(self, run_id: str, client: Client | None = None, *, progress: bool | None = None) -> Run:
        """Go on with a run that was interrupted, from the last page kept; a finished run is given back as it is.

        `client` is by default the one set with `xf.use`, else `Client.from_env()`.

        Raises ArchiveError when there is no such run, when it is an import, or when another process is collecting it;
        Interrupted as `collect` does.
        """
        self._freshen()
        return self._collected(collecting.resume(self, self._folder, run_id, client, progress))

    def run(self, run_id: str) -> Run:
        """A run by its id. Raises ArchiveError when there is none."""
        return run_by_id(self, self._folder, self._views, run_id)

    # housekeeping ------------------------------------------------------------------------------------------------

    @changes_archive
    def compact(self, *, memory: int = MEMORY) -> None:
        """Rewrite the tables unique and sorted, so that queries are plain scans; small page files are put together.

        Runs in about `memory` bytes however large the archive is. Happens by itself when a table has many parts.
        """
        if self._folder.exists:
            self._folder.for_writing()
            self.purge()
            lifecycle.compact(self._folder, self._views, memory=memory)

    @changes_archive
    def rebuild(
        self, *, processes: int | None = None, progress: bool | None = None, lose: bool = False
    ) -> None:
        """Make every table anew from the pages, with this version's columns; nothing else is needed for it.

        The old tables answer queries until the new ones are whole. Field names X invented are reported again, each on
        the first page where the rebuild met it. With `lose`, rows whose page is missing from the archive are dropped.

        Raises ArchiveError when a page is damaged, or when the tables have rows of pages that are missing (unless
        `lose`); the tables then stay as they are.
        """
        if self._folder.exists:
            self._folder.for_writing()
            self._freshen()
            self._folder.steady(
                lambda: importing.rebuild(self._folder, self._views.readers, processes, progress, lose=lose))
            self._tidy()

    @changes_archive
    def verify(self, *, repair: bool = False) -> Report:
        """Read everything and compare: names, schemas, checksums, hashes of pages, repeated keys, the journal, and the
        tables with what the pages say, row by row.

        With `repair`, damaged files are copied to the archive's folder `damaged` (gone when something is removed) and
        replaced: tables by what the pages say, files of pages by the pages in them that are sound. Rows of pages that
        are missing stay, and are marked in `problems` (kind `missing_page`); such pages can only come back by merging
        a copy that has them. A repair may be killed at any moment, and may be repeated.

        Gives a Report (`ok`, `findings`, `repaired`, `.frame()`) of how it is now; nothing is raised for what is found.
        Takes about twice as long as a rebuild, and room for all tables in the system's temporary folder (TMPDIR).
        """
        if not self._folder.exists:
            return Report()
        report = self._verified()
        if not repair or report.ok:
            return report
        self._folder.for_writing()
        done = self._folder.steady(lambda: repair_findings(self._folder, self._views.readers, report))
        report = self._verified()
        report.repaired = done
        return report

    def _verified(self) -> Report:
        with suppress(ArchiveError):  # what cannot be used is a finding
            self._freshen()
        self._views.readers.enter()
        try:
            return self._folder.steady(lambda: verify(self._folder))
        finally:
            self._views.readers.leave()

    def close(self) -> None:
        """Close the DuckDB connection; relations made with `sql` end with it. The archive can be used again."""
        self._views.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _freshen(self) -> None:
        """Write what dead processes left in the journal; looks only when the journal has changed.

        An archive that cannot be written is shown without it, and a warning says so.
        """
        if not self._folder.exists:
            self._folder.exists = self._folder.check()
        with self._unshown.reading():
            self._folder.recover()
            seen = journal_state(self._folder.journal)
            if seen == self._journal_seen:
                return
            again = seen == self._journal_tried
            writable = self._folder.writable
            if writable and flush(self._folder, wait=0 if again else 5):
                self._journal_seen = journal_state(self._folder.journal)
                self._unshown.clear()
            elif not again:
                self._journal_tried = journal_state(self._folder.journal)
                busy = "Another process is writing to the archive; query again later"
                self._unshown.log(busy if writable else "No write permission")

    def _tidy(self) -> None:
        with housekeeping(self._folder):
            lifecycle.tidy(self._folder, self._views)

    def _collected(self, run: Run) -> Run:
        self._tidy()
        return run
