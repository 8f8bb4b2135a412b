"""`Archive`: a folder of pages and tables, the union of everything ever observed.

Each method is a short call of the package that does the work.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self

from xframes.archive.ingest import collection, coverage, imports
from xframes.archive.ingest.access import Access, housekeeping
from xframes.archive.ingest.runs import Run, all_runs, run_by_id
from xframes.archive.query import summary, threads
from xframes.archive.query.confinement import Confined
from xframes.archive.query.views import Views
from xframes.archive.storage.folder import Folder, utc_now
from xframes.archive.storage.page_redaction import without_marks
from xframes.archive.storage.parts import Wanted, all_pages
from xframes.archive.storage.readers import Readers
from xframes.archive.upkeep import lifecycle, merge, rebuild
from xframes.archive.upkeep.compaction import MEMORY
from xframes.archive.upkeep.repair import repair
from xframes.archive.upkeep.verification import Report, verify
from xframes.billing.sums import spend_table
from xframes.errors import ArchiveError
from xframes.formats import with_formats
from xframes.plan.values import moment
from xframes.schema import TABLES, table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from xframes.archive.storage.bucket import Place
    from xframes.client import Client
    from xframes.formats import FormatName
    from xframes.frames import Frames
    from xframes.plan import Plan
    from xframes.plan.values import Time
    from xframes.wire import Page


class Archive:
    """A folder with X's pages, verbatim, and the tables made from them, which SQL can query.

    The first write creates the folder, also an import of which every file is refused; reading an
    archive that does not exist raises ArchiveError. An archive is a set of observations: the order
    of adding does not matter, and adding the same page twice changes nothing. Each table has the
    newest known value of every column: a request without a field never erases the field's value.
    Several processes may collect, import and query the same archive at once. The object exports its
    posts through the Arrow PyCapsule interface.

    Parameters
    ----------
    path
        A folder, or a URL (s3://bucket/prefix, gs://…, memory://…) with the credentials of fsspec.
        At a URL, pages and tables are objects in the bucket; the journal of pages not yet written
        there is in a local folder below `XFRAMES_JOURNALS`.
    now
        Returns the current time in UTC. For tests.

    Raises
    ------
    ArchiveError
        If the path is a file, a folder with other content or an archive of a newer format, or if
        the URL cannot be read.

    Examples
    --------
    >>> archive = xf.Archive("my-archive")
    >>> archive.sql("select lang, count(*) from posts group by all").df()
    """

    def __init__(
        self, path: str | os.PathLike[str], *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._folder = Folder(path, now)
        self._views = Views(self._folder)
        self._access = Access(self._folder, self._views.readers)

    @property
    def path(self) -> Place:
        """The folder, or the object for the URL; its text is the path or URL."""
        return self._folder.path

    @property
    def exists(self) -> bool:
        """Whether there is an archive at the path. The first write creates it."""
        return self._folder.exists or self._folder.check()

    def __reduce__(self) -> tuple[type[Archive], tuple[str]]:
        return Archive, (str(self.path),)  # another process opens it for itself

    # querying -------------------------------------------------------------------------------------

    def sql(self, query: str, params: object = None) -> duckdb.DuckDBPyRelation:
        """Query the tables with DuckDB SQL, in UTC.

        Every table of `xf.schema` is a view, empty ones too. `results` has one row for each post
        that a request returned, `posts` also those that they refer to; it also has `plain_text`,
        the text without HTML escapes. `words(text)` and `emoji(text)` list the words and emoji of a
        text, and `domain(link)` is the host of a link. A query can also name data frames in the
        caller's variables. Each query has its own session, so an open `.to_arrow_reader()` does not
        block others, and threads can share the archive. For temporary tables and settings use
        `connect()`.

        Parameters
        ----------
        query
            One DuckDB statement.
        params
            Values for `?` or `$name` in the query.

        Returns
        -------
        duckdb.DuckDBPyRelation
            Its methods `.df()`, `.pl()`, `.arrow()` and `.fetchall()` return the rows.

        Raises
        ------
        duckdb.Error
            If DuckDB refuses the query.

        Examples
        --------
        >>> archive.sql("select * from posts where lang = ?", ["en"]).df()
        """
        self._access.freshen()
        return self._views.relation(query, params)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection with the tables as views, for JupySQL, pandas and Ibis.

        It has the present rows of the archive, in UTC, and so have its cursors, one per thread.
        Call this again for rows that are added later.

        Returns
        -------
        duckdb.DuckDBPyConnection
            An in-memory database.

        Examples
        --------
        >>> archive.connect().execute("select count(*) from posts").fetchall()
        """
        self._access.freshen()
        return Views(self._folder).open_connection()

    def confined(self) -> Confined:
        """Return a DuckDB that reads nothing but this archive's files, for statements of others.

        Its settings are locked. It keeps no file between sessions, so that other processes can
        compact and purge. A statement can still name files of the archive and see what the views
        hide, so check what it names first.

        Returns
        -------
        Confined
            `session(tables)` is a context manager with one state of these tables.

        Examples
        --------
        >>> with archive.confined().session(["posts"]) as session:
        ...     session.connection.execute("select count(*) from posts").fetchall()
        """
        spill = tempfile.mkdtemp(prefix="xframes-confined-")
        made = Confined(self._folder, self._access.freshen, spill)
        weakref.finalize(made, shutil.rmtree, spill, ignore_errors=True)
        return made

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table as pandas, sorted by time and key; `results` is in X's order.

        Parameters
        ----------
        name
            A table of `xf.schema`.

        Returns
        -------
        pandas.DataFrame
            Int64, boolean, str (`string` in pandas 2), datetime64[ms, UTC]; lists stay objects.

        Raises
        ------
        KeyError
            If the table is unknown; the message lists all tables.

        Examples
        --------
        >>> archive.frame("users")
        """
        from xframes.frames import to_pandas

        return to_pandas(self[name])

    def __getitem__(self, name: str) -> pa.Table:
        declared = table(name)
        self._access.freshen()
        order = dict.fromkeys((*filter(None, [declared.time]), *declared.key))
        by = ", ".join(f'"{column}"' for column in order)
        columns = ", ".join(f'"{column.name}"' for column in declared.columns)
        query = f'SELECT {columns} FROM "{name}"'
        if declared.kind != "view":  # which has an order of its own
            query += f" ORDER BY {by}"
        return self._views.table(declared, query).cast(declared.schema)

    @property
    def tables(self) -> dict[str, int]:
        """The number of rows of every table, by name, in the order of the schema."""
        self._access.freshen()
        return self._views.counts()

    def stored_rows(self) -> dict[str, tuple[int, bool]]:
        """Count the rows in the files of each table from their footers, which is fast.

        Returns
        -------
        dict
            For each table the number of rows, and whether `tables` has exactly as many. Otherwise
            several observations of the same thing are yet to be merged, and it may have fewer.

        Examples
        --------
        >>> archive.stored_rows()["posts"]
        (3000, True)
        """
        self._access.freshen()
        return summary.stored(self._folder)

    def pages(
        self, run_id: str | None = None, *, page_ids: Iterable[str] | None = None
    ) -> Iterator[Page]:
        """Read the pages of one run, those with some ids, or all, each page once.

        Pages are verbatim, except for what was removed. They are read in groups of about 8 MB.

        Parameters
        ----------
        run_id
            A run of this archive. Default: all pages.
        page_ids
            Ids of pages, as in the column `page_id` of every table. Default: all pages.

        Returns
        -------
        Iterator of Page
            The pages, in the order of their files, oldest first.

        Raises
        ------
        ArchiveError
            If a page is damaged.

        Examples
        --------
        >>> sum(len(page.body) for page in archive.pages())
        """
        from xframes.archive.takedown import removal

        wanted = Wanted(run_id)
        if page_ids is not None:
            wanted = Wanted(run_id, frozenset(page_ids))
        read: set[str] = set()
        with self._access.reading():
            for page in all_pages(self._folder, wanted, removal.hiding(self._folder)):
                if page.page_id not in read:
                    read.add(page.page_id)
                    yield without_marks(page)

    def changes(self, name: str, id: str | int) -> pd.DataFrame:
        """Return the history of one post, user or other object: each observation with a change.

        It reads all pages of the archive that contain the id.

        Parameters
        ----------
        name
            A table of objects (posts, users, …) or of their details (post_edits, user_urls, …).
        id
            The id of the object.

        Returns
        -------
        pandas.DataFrame
            The columns of the table, oldest observation first; `observed_at` is its time. In a
            table of details, an observation has all its rows.

        Raises
        ------
        KeyError
            If the table is unknown; the message lists all tables.

        Examples
        --------
        >>> archive.changes("users", 783214)[["observed_at", "followers_count"]]
        """
        from xframes.archive.upkeep import history
        from xframes.frames import to_pandas

        return to_pandas(history.observations(self.pages(), table(name).name, str(id)))

    def as_of(self, when: Time) -> Archive:
        """Return the archive as it was at a moment, as a temporary archive.

        It has the pages received until then; its tables have the newest values known at that time.
        What was removed since then is not in it. It is rebuilt from the pages and takes as long as
        `rebuild`. Its files are deleted when it and everything that reads it (relations, readers,
        connections, iterators) are no longer used.

        Parameters
        ----------
        when
            An aware datetime, ISO 8601 text or a date, which is its midnight in UTC.

        Returns
        -------
        Archive
            A new archive in the system's temporary folder.

        Raises
        ------
        ArchiveError
            If the archive had no page yet.
        ArgumentError
            If the time is invalid or lacks its time zone.

        Examples
        --------
        >>> archive.as_of("2026-01-31T12:00:00Z").tables["posts"]
        """
        from xframes.archive.upkeep import history

        until = moment("when", when)
        self._access.freshen()
        home = history.copy_until(self._folder, self.pages(), until)
        then = Archive(home.name, now=lambda: until)
        weakref.finalize(then._folder, home.cleanup)  # everything that reads it keeps the folder
        return then

    def thread(self, post_id: str | int) -> pd.DataFrame:
        """Return the conversation of a post as a tree; see `xf.networks.thread`.

        Parameters
        ----------
        post_id
            Any post of the conversation.

        Returns
        -------
        pandas.DataFrame
            One row per post, in reading order: `id`, `parent_id`, `depth`, `author_id`, `username`,
            `created_at`, `text`, and `present`, False for posts that were not collected.

        Raises
        ------
        ArgumentError
            If neither the post nor its conversation is in the archive.

        Examples
        --------
        >>> archive.thread("1234567890123456789")
        """
        return threads.thread(self, post_id)

    def runs(self) -> pd.DataFrame:
        """Return all collections and imports, also those that are running now.

        An archive that does not exist yet has none, so that a program can resume or begin.

        Returns
        -------
        pandas.DataFrame
            The columns of the table `runs`, oldest run first.

        Examples
        --------
        >>> archive.runs()[["run_id", "action", "state"]]
        """
        from xframes.frames import to_pandas

        written = TABLES["runs"].schema.empty_table()
        if self.exists:
            written = self["runs"]
        return to_pandas(all_runs(self._folder, written))

    def spend(self, by: str | Iterable[str] | None = None) -> pd.DataFrame:
        """Return what the runs of this archive cost.

        Runs that were collected on another machine have the price that they recorded.

        Parameters
        ----------
        by
            Columns to sum by: day, app, server, action, query, run_id, archive. Default: all.

        Returns
        -------
        pandas.DataFrame
            The columns of `xf.spend`, with `price_low` and `price_high` in US dollars.

        Raises
        ------
        ArgumentError
            `by` has a name that is not a column.

        Examples
        --------
        >>> archive.spend(by="action")[["action", "price_low", "price_high"]]
        """
        from xframes.frames import to_pandas

        rows = all_runs(self._folder, self["runs"]).to_pylist()
        return to_pandas(spend_table(by, runs={row["run_id"]: row for row in rows}))

    def run(self, run_id: str) -> Run:
        """Return a run.

        Parameters
        ----------
        run_id
            The id of the run; `runs()` lists them.

        Returns
        -------
        Run
            Its state, and the numbers of its pages and rows.

        Raises
        ------
        ArchiveError
            If the archive does not have this run.

        Examples
        --------
        >>> archive.run("run-0199d3f0a1b2c3d4").state
        """
        return run_by_id(self, self._folder, self._views, run_id)

    # adding ---------------------------------------------------------------------------------------

    def add(self, frames_or_pages: Frames | Page | Iterable[Page]) -> Run:
        """Add pages, or the pages of Frames. Adding them twice changes nothing.

        Pages with a run keep it; those without one become a new run.

        Parameters
        ----------
        frames_or_pages
            Frames, a Page, or an iterable of pages.

        Returns
        -------
        Run
            The run of the first page. Its rows are in the tables.

        Raises
        ------
        ArchiveError
            If there are no pages.
        ArgumentError
            If anything is not a page.

        Examples
        --------
        >>> archive.add(xf.search.recent("duckdb"))
        """
        from xframes.frames import only_pages

        with self._access.writing():
            pages = getattr(frames_or_pages, "pages", frames_or_pages)
            run_ids = imports.add_pages(self._folder, only_pages(pages))
            if not run_ids:
                raise ArchiveError("frames_or_pages: expected at least one page, got none")
            self._remove_returned()
            self._tidy()
            return self.run(run_ids[0])

    def import_pages(
        self, paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *,
        processes: int | None = None, progress: bool | None = None,
        include: str | Iterable[str] = (), columns: Mapping[str, str] | None = None,
        observed_at: datetime | str | None = None,
    ) -> list[Run]:
        """Import files of pages or posts (see `xf.read_pages`), each as a run.

        The memory used does not depend on the size of the files. The id of a run comes from the
        name and the first bytes of its file, so importing a file again adds nothing. A page that
        cannot be parsed is added, with a row in `problems`. A file without pages becomes a failed
        run, with the reason.

        Parameters
        ----------
        paths
            A file, a folder (all files in it), or several of both.
        processes
            Number of processes that read. Default: one per core for large files, else one.
        progress
            Show a progress bar. Default: on a terminal only.
        include
            What of an account's export to import besides its posts: likes, follows, blocks, mutes,
            lists, messages, profile, deleted, or all. A file that is named itself is read.
        columns
            Columns of tables with the columns of `posts` or `users` that they fill, e.g.
            `{"favs": "like_count"}`.
        observed_at
            When the data were collected, for files that do not say it. Default: the file's time.

        Returns
        -------
        list of Run
            In the order of the files. `file` of each says what was stored, left and refused.

        Raises
        ------
        ArchiveError
            If a file is missing. After all files are read: if a file could not be read to the end
            (pages before the fault are added, the run is `failed`), or if a file or folder has no
            pages.

        Examples
        --------
        >>> archive.import_pages("tweets.jsonl.gz")
        """
        from xframes.reader import choices

        chosen = choices(include, columns, observed_at)
        with self._access.writing():
            try:
                files = imports.as_paths(paths)
                done = imports.import_files(self._folder, files, processes, progress, chosen)
            finally:
                self._remove_returned()
            self._tidy()
            return [replace(self.run(file.run_id), file=file) for file in done]

    def merge(self, other: Archive | str | os.PathLike[str]) -> int:
        """Add everything from another archive by copying its files.

        The result does not depend on the order or the number of merges. What was removed from
        either archive stays removed. Interrupted runs can only be resumed in the archive where they
        started. The other archive is not changed, and all its files are checked before one is
        copied.

        Parameters
        ----------
        other
            An archive, its folder or its URL.


        Returns
        -------
        int
            Number of files copied.

        Raises
        ------
        ArchiveError
            If `other` is not an archive, or one of its files is damaged.

        Examples
        --------
        >>> archive.merge("colleague/archive")
        """
        with self._access.writing():
            source = Folder(other.path if isinstance(other, Archive) else other, only_read=True)
            if not source.exists:
                raise ArchiveError(f"{source.path} is not an archive")
            self._folder.create()
            with Readers(source).reading():
                count = merge.copy_files(self._folder, source)
                merge.add_journal(self._folder, source)
            self.purge()
            self._tidy()
            return count

    def collect(self, plan: Plan, client: Client, *, progress: bool | None = None) -> Run:
        """Carry out a plan. Collectors call this with `into=archive`.

        Each page is on disk before the next is requested. Lookups request only ids that are not in
        the archive, unless the plan has `refresh`. With `since="last"`, interrupted runs of the
        same query are resumed first, then the plan starts at the query's newest post.

        Parameters
        ----------
        plan
            The requests to send, as collectors prepare them from their arguments.
        client
            The client that sends the requests.
        progress
            Show a progress bar. Default: on a terminal only.

        Returns
        -------
        Run
            The finished run.

        Raises
        ------
        Interrupted
            If the collection stops early. Its `resume()`, or `archive.resume(run_id)`, continues
            after the last saved page. Without any page, the error itself is raised.

        Examples
        --------
        >>> run = xf.search.recent("duckdb", into=archive)  # calls archive.collect
        """
        with self._access.writing():
            self._folder.create()
            for run_id in coverage.runs_to_resume(self._folder, plan):
                self.resume(run_id, client, progress=progress)
            plan = coverage.continued(self, plan, client)
            self._report_rounded(plan)
            plan = coverage.without_known(self, plan)
            run = collection.start(self, self._folder, plan, client, progress)
            self._tidy()
            return run

    def _report_rounded(self, plan: Plan) -> None:
        """Report ids to look up that a spreadsheet has rounded, before they are requested."""
        from xframes.reader.rounding import Rounding

        rounding = Rounding.of(plan)
        report = rounding.page(f"ids for {plan.action}", self._folder.now())
        if report is not None:
            self.add(report)
            rounding.warn(plan.action)

    def collect_all(
        self, plans: Sequence[Plan], client: Client, *, progress: bool | None = None
    ) -> Run:
        """Carry out several plans, one run each. Collectors call this for lists of queries.

        All runs are recorded before the first request, so that resuming one of them resumes all.
        A query that X refuses, or a user that X does not have, does not stop the other runs.

        Parameters
        ----------
        plans
            The plans, in the order of their runs.
        client
            The client that sends all requests, at the pace of X's rate limits.
        progress
            Show a progress bar. Default: on a terminal only.

        Returns
        -------
        Runs
            The finished runs: a Run with the sums, and with each run as an item.

        Raises
        ------
        Interrupted
            As in `collect`.

        Examples
        --------
        >>> xf.search.recent(["duckdb", "polars"], into=archive)  # calls archive.collect_all
        """
        with self._access.writing():
            self._folder.create()
            ready = []
            for plan in plans:
                for run_id in coverage.runs_to_resume(self._folder, plan):
                    self.resume(run_id, client, progress=progress)
                ready.append(coverage.continued(self, plan, client))
            runs = collection.start_all(self, self._folder, ready, client, progress)
            self._tidy()
            return runs

    def resume(
        self, run_id: str, client: Client | None = None, *, progress: bool | None = None
    ) -> Run:
        """Continue an interrupted run after its last saved page; return a finished run as it is.

        A run of a list of queries or users continues together with the others of the list.

        Parameters
        ----------
        run_id
            The id of the run.
        client
            Default: the one set with `xf.use`, else `Client.from_env()`.
        progress
            Show a progress bar. Default: on a terminal only.

        Returns
        -------
        Run
            The finished run.

        Raises
        ------
        ArchiveError
            If there is no such run, it is an import, or another process is collecting it.
        Interrupted
            As in `collect`.

        Examples
        --------
        >>> archive.resume("run-0199d3f0a1b2c3d4")
        """
        with self._access.writing():
            self._access.freshen()
            run = collection.resume(self, self._folder, run_id, client, progress)
            self._tidy()
            return run

    @contextmanager
    def keeping(
        self, action: str, arguments: Mapping[str, Any]
    ) -> Iterator[Callable[[Page], None]]:
        """Save pages that were requested elsewhere, for example by writes, as one run.

        Each page is on disk when the yielded function returns, and in the tables when the block
        ends. An error in the block ends the run as interrupted and is raised again.

        Parameters
        ----------
        action
            The action that the run records.
        arguments
            Its arguments, for the record.

        Returns
        -------
        ContextManager
            Yields the function that saves a page.

        Raises
        ------
        ArchiveError
            If a page cannot be saved.

        Examples
        --------
        >>> with archive.keeping("users.me", {}) as keep:
        ...     keep(page)
        """
        with self._access.writing():
            self._folder.create()
        with collection.keeping(self._folder, action, arguments) as keep:
            yield keep
        self._tidy()

    # coverage -------------------------------------------------------------------------------------

    def check(
        self, ids: Iterable[str | int], *, table: Literal["posts", "users"] = "posts",
        client: Client | None = None, progress: bool | None = None,
    ) -> pd.DataFrame:
        """Look up posts or users again, and report which are gone, and why.

        Each id costs as much as a lookup. The pages are added to the archive.

        Parameters
        ----------
        ids
            Ids of posts or users, or `@handle`s of users. Handles that the archive does not know
            are looked up first.
        table
            Whether they are ids of posts or of users.
        client
            Default: the one set with `xf.use`, else `Client.from_env()`.
        progress
            Show a progress bar. Default: on a terminal only.

        Returns
        -------
        pandas.DataFrame
            One row per id, in the order of `ids`: `id`, `fate`, `detail` in X's words and
            `observed_at`. `fate` is found, not_found (deleted, or never existed), suspended,
            not_authorized (protected), withheld, removed (from this archive), not_returned, or
            X's own kind of problem.

        Raises
        ------
        ArgumentError
            If `table` is neither posts nor users, or a value is not an id.
        NotFound
            X has no user with one of the handles.
        Interrupted
            If the collection stops early.

        Examples
        --------
        >>> archive.check(archive.ids()[:100])
        """
        from xframes.frames import to_pandas

        return to_pandas(coverage.looked_up(self, ids, table, client, progress, refresh=True))

    def completeness(
        self, query: str | None = None, *, granularity: str | None = None
    ) -> pd.DataFrame:
        """Compare the number of posts that X counts for a query with the number collected.

        Posts that were deleted after they were counted are missing too.

        Parameters
        ----------
        query
            The query, as it was counted and searched. If None, return the gaps of streams.
        granularity
            minute, hour or day. Default: the finest that was counted.

        Returns
        -------
        pandas.DataFrame
            One row per span, oldest first: `query`, `granularity`, `start_at`, `end_at`, `counted`
            by X, `collected`, `missing`, and `price`, the cost of collecting the missing posts in
            US dollars. For gaps, the result of `xf.gaps`.

        Raises
        ------
        ArchiveError
            If the archive has no counts of the query. `xf.counts.recent(query, into=archive)`
            collects them.

        Examples
        --------
        >>> archive.completeness("duckdb lang:en", granularity="day")
        """
        from xframes.frames import to_pandas

        if query is None:
            return coverage.gaps(self)
        return to_pandas(coverage.completeness(self, query, granularity))

    # upkeep ---------------------------------------------------------------------------------------

    def compact(self, *, memory: int = MEMORY) -> None:
        """Rewrite the tables so that their rows are unique and sorted, and queries are plain scans.

        Of large tables only what is new is rewritten, unless there is much of it. Small files of
        pages are merged. Files of like size are put together automatically when there are many.

        Parameters
        ----------
        memory
            Memory to use, in bytes, approximately. The default suits archives of any size.

        Raises
        ------
        ArchiveError
            If the archive cannot be written.

        Examples
        --------
        >>> archive.compact()
        """
        with self._access.writing():
            self._folder.require()
            if self._folder.exists:
                self._folder.for_writing()
                self.purge()
                lifecycle.compact(self._folder, self._views, memory=memory)

    def rebuild(
        self, *, processes: int | None = None, progress: bool | None = None, lose: bool = False
    ) -> None:
        """Rebuild every table from the pages, with the columns of this version.

        Queries use the old tables until the new ones are complete. Unknown fields are reported
        again, each with the first page that has it.

        Parameters
        ----------
        processes
            Number of processes that flatten. Default: one per core for large archives, else one.
        progress
            Show a progress bar. Default: on a terminal only.
        lose
            Drop rows whose page is missing from the archive.

        Raises
        ------
        ArchiveError
            If a page is damaged, or if the tables have rows of missing pages (unless `lose`). The
            tables then stay as they are.

        Examples
        --------
        >>> archive.rebuild()
        """
        with self._access.writing():
            self._folder.require()
            if self._folder.exists:
                self._folder.for_writing()
                self._access.freshen()
                readers = self._views.readers
                self._folder.steady(lambda: rebuild.rebuild(
                    self._folder, readers, processes, progress, lose=lose))
                self._tidy()

    def verify(self, *, repair: bool = False) -> Report:
        """Read all files and compare the tables with the pages, row by row.

        It checks names, schemas, checksums, hashes of pages, repeated keys and the journal. It
        takes about twice as long as a rebuild, and space for all tables in the system's temporary
        folder (TMPDIR). Faults are reported, not raised.

        Parameters
        ----------
        repair
            Copy damaged files to the archive's folder `damaged` (deleted with the next removal) and
            replace them: tables by rows from the pages, files of pages by their undamaged pages.
            Rows of missing pages stay, and are listed in `problems` (kind `missing_page`); only a
            merge of a copy with such pages restores them. A repair can be interrupted and repeated
            at any time.

        Returns
        -------
        Report
            The state of the archive: `ok`, `findings`, `repaired` and `.frame()`.

        Examples
        --------
        >>> archive.verify().ok
        """
        with self._access.writing():
            self._folder.require()
            if not self._folder.exists:
                return Report()
            report = self._report()
            if not repair or report.ok:
                return report
            self._folder.for_writing()
            repaired = self._repair(report)
            report = self._report()
            report.repaired = repaired
            return report

    def _report(self) -> Report:
        with suppress(ArchiveError):  # an unusable file is a finding
            self._access.freshen()
        with self._views.readers.reading():
            return self._folder.steady(lambda: verify(self._folder))

    def _repair(self, report: Report) -> list[str]:
        return self._folder.steady(lambda: repair(self._folder, self._views.readers, report))

    def close(self) -> None:
        """Close the DuckDB connection, which ends relations made with `sql`.

        The archive can be used again.
        """
        self._views.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tidy(self) -> None:
        with housekeeping(self._folder):
            lifecycle.tidy(self._folder, self._views)

    # takedown -------------------------------------------------------------------------------------

    def remove(
        self, post_ids: Iterable[str | int] = (), user_ids: Iterable[str | int] = (), *,
        reason: str,
    ) -> dict[str, int]:
        """Remove posts and people for good: hide them at once, then rewrite every file.

        Removing a post also removes its other versions, and its author if the archive has no other
        post by them; removing a person also removes their posts. What other people wrote stays
        whole: posts, messages, profile texts. Mentions keep their position and id but lose the
        handle, and the person's handle, name and words are removed from everything else (links,
        labels, queries, errors, unknown fields). Rows of `tombstones` record what was removed, when
        and why. Later collections, imports and merges do not bring these ids back, except an author
        who was removed with their last post and has a new one.

        Parameters
        ----------
        post_ids
            Ids of posts.
        user_ids
            Ids of users, and present or former `@handle`s that this archive knows. X is not
            queried.
        reason
            The reason, for the tombstone.

        Returns
        -------
        dict
            The numbers of `posts` and `users` that were in the archive and are removed, and of ids
            that are `barred` from now on: `{"posts": 0, "users": 0, "barred": 1}` for an unknown
            id.

        Raises
        ------
        ArgumentError
            If an id is invalid, or the archive does not know a handle.
        ArchiveError
            If there is nothing to remove, or files cannot be rewritten now (other processes read
            them, the disk is full, a file is damaged). The removal is then recorded and hidden, and
            the next `purge()` rewrites the files.

        Examples
        --------
        >>> archive.remove(user_ids=["@ada"], reason="request of the person")
        """
        from xframes.archive.takedown import orders

        with self._access.writing():
            removed = orders.remove(self._access, post_ids, user_ids, reason)
            self._tidy()
            return removed

    def apply_compliance(self, type: Literal["tweets", "users"]) -> dict[str, int]:
        """Remove what compliance results and streams in the table `removals` report as gone.

        What is already removed, or was restored since, is skipped, so this can be called at any
        time. Posts whose location alone must be removed (scrub_geo) are removed as a whole; where
        X says it of a user, that is their posts with a location ("users").

        Parameters
        ----------
        type
            The type of the job, because its results do not say whether an id is a post or a user.

        Returns
        -------
        dict
            As in `remove`.

        Raises
        ------
        ArchiveError
            As in `remove`.

        Examples
        --------
        >>> archive.apply_compliance("users")
        """
        from xframes.archive.takedown import orders

        with self._access.writing():
            removed = orders.apply_compliance(self._access, self._views, type)
            self._tidy()
            return removed

    def purge(self) -> int:
        """Rewrite every file that still has something that was removed.

        Returns
        -------
        int
            Number of files that changed.

        Raises
        ------
        ArchiveError
            If files cannot be rewritten now; what was removed stays hidden.

        Examples
        --------
        >>> archive.purge()
        """
        from xframes.archive.takedown import orders

        with self._access.writing():
            return orders.purge(self._access)

    def _remove_returned(self) -> None:
        from xframes.archive.takedown import orders

        orders.remove_returned(self._access)

    # export ---------------------------------------------------------------------------------------

    @with_formats
    def export(
        self,
        path: str | os.PathLike[str],
        *,
        tables: str | Iterable[str] | None = None,
        format: FormatName | None = None,
        where: str | None = None,
        posts: str | Iterable[str] | None = None,
        pseudonymise: str | bytes | None = None,
        keep_post_ids: bool = False,
        included: bool = False,
        overwrite: bool = False,
        spreadsheet: bool = False,
    ) -> dict[str, int]:
        """Write tables for others, with a README.md and a datapackage.json that describe them.

        What was removed from the archive is never exported.

        Parameters
        ----------
        path
            A folder to write, if it has no suffix or ends with a slash. With the suffix of a
            format, one file: of all tables, or for the formats with one file per table, of the
            table named.
        tables
            Names of tables to export. Default: all non-empty tables except private ones (messages,
            bookmarks, blocks, usage, writes, …).
        format
            Default: the suffix of `path`; for a folder, parquet. It must not contradict the suffix.
            With a format named, a folder may end in a version or a date (`study.v2`).

            {formats}
        where
            A condition on posts in SQL (`lang = 'en'`): export only these posts, and what belongs
            to them in every table. Posts they refer to are named, not included.
        posts
            The same for the posts of a query for ids, or of a list of ids.
        pseudonymise
            A key of at least 16 bytes. Ids, handles and names of people, ids of posts, mentions,
            and links to X in texts are replaced by pseudonyms, the same for the same key. The
            README says what is left out.
        keep_post_ids
            With `pseudonymise`: keep X's ids of posts.
        included
            With format ids: also posts that were only included in responses.
        overwrite
            Replace an earlier export at `path`.
        spreadsheet
            With format csv: put an apostrophe before text that begins with `=`, `+`, `-` or `@`,
            which a spreadsheet would run as a formula. Without it, text stays as X sent it, for
            pandas and R.

        Returns
        -------
        dict[str, int]
            The number of rows of each table.

        Raises
        ------
        ArgumentError
            Before anything is at `path`: it exists (unless `overwrite` is true and it is an earlier
            export) or has an unknown suffix; arguments are invalid or contradict each other;
            nothing matches; or a table does not fit the format.
        ConfigError
            Format excel without the extra `excel`.

        Examples
        --------
        >>> archive.export("study.sqlite", where="lang = 'en'")
        """
        from xframes.archive.export import job

        wish = job.check_arguments(
            path,
            tables,
            format,
            where,
            posts,
            included=included,
            overwrite=overwrite,
            spreadsheet=spreadsheet,
        )
        self._access.freshen()
        return job.export(
            self._folder, path, wish, pseudonymise, keep_post_ids=keep_post_ids
        )

    def ids(self, table: str = "posts", *, included: bool = False) -> list[str]:
        """Return the ids of a table's rows, in ascending order.

        Parameters
        ----------
        table
            The name of a table whose rows have an id.
        included
            Of posts: also those that were only included in responses.

        Returns
        -------
        list[str]
            The ids, each once.

        Raises
        ------
        ArgumentError
            The rows of `table` have no id.

        Examples
        --------
        >>> archive.ids("users")
        """
        from xframes.archive.export import job

        self._access.freshen()
        return job.ids(self._views, table, included=included)

    def user_ids(self, handles: Iterable[str]) -> dict[str, str]:
        """Return the ids of the users with these handles, as far as the archive knows them.

        If several users had a handle, one after the other, it is the one observed last.

        Parameters
        ----------
        handles
            Handles, with or without `@`, in any case.

        Returns
        -------
        dict[str, str]
            The ids by handle, in lower case and without `@`. Unknown handles are left out.

        Examples
        --------
        >>> archive.user_ids(["@XDevelopers"])
        """
        names = [handle.removeprefix("@").lower() for handle in handles]
        if not self.exists or not names:
            return {}
        return dict(self.sql(
            "SELECT lower(username), arg_max(id, observed_at) FROM users "
            "WHERE lower(username) IN (SELECT unnest($names)) GROUP BY 1", {"names": names},
        ).fetchall())

    # display --------------------------------------------------------------------------------------

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self["posts"].__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return summary.text(self._folder)

    def _repr_html_(self) -> str:
        return summary.html(self._folder)

    def _ipython_key_completions_(self) -> list[str]:
        return list(TABLES)
