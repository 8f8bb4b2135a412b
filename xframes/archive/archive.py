"""`Archive`: a folder of pages and tables, the union of everything ever observed.

Each method is a short call of the room that does the work: query, ingest, upkeep, takedown, export.
"""

from __future__ import annotations

import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, Self

from xframes.archive.ingest import collection, coverage, imports
from xframes.archive.ingest.access import Access, housekeeping
from xframes.archive.ingest.runs import Run, all_runs, run_by_id
from xframes.archive.query import summary, threads
from xframes.archive.query.views import Views
from xframes.archive.storage.folder import Folder, utc_now
from xframes.archive.storage.page_redaction import without_marks
from xframes.archive.storage.parts import all_pages
from xframes.archive.storage.readers import Readers
from xframes.archive.upkeep import lifecycle, merge, rebuild
from xframes.archive.upkeep.compaction import MEMORY
from xframes.archive.upkeep.repair import repair
from xframes.archive.upkeep.verification import Report, verify
from xframes.errors import ArchiveError
from xframes.formats import with_formats
from xframes.schema import TABLES, table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from xframes.archive.storage.bucket import Place
    from xframes.client import Client
    from xframes.formats import FormatName
    from xframes.frames import Frames
    from xframes.plan import Plan
    from xframes.wire import Page


class Archive:
    """A folder of X's pages, verbatim, and of the tables made from them, queried with SQL.

    The folder is created on the first write. An archive is a set of observations: the order of
    adding never matters, and adding the same page twice changes nothing. Each table shows the
    newest known value of every column: a request that did not ask for a field never erases it.
    Several processes may collect into one archive, import and query at once. The object exports its
    posts through the Arrow PyCapsule interface.

    Parameters
    ----------
    path
        A folder, or a URL (s3://bucket/prefix, gs://…, memory://…; credentials are fsspec's). Pages
        and tables of a URL are objects there; what is not yet in them stays on this machine, in a
        folder below `XFRAMES_JOURNALS`.
    now
        Returns the current time in UTC. For tests.

    Raises
    ------
    ArchiveError
        For a file, a folder that holds something else, an archive of a newer format, and a URL that
        cannot be read.

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
        """The folder, or the place in a bucket; its text is the path or URL."""
        return self._folder.path

    def __reduce__(self) -> tuple[type[Archive], tuple[str]]:
        return Archive, (str(self.path),)  # another process opens it for itself

    # querying -------------------------------------------------------------------------------------

    def sql(self, query: str, params: object = None) -> duckdb.DuckDBPyRelation:
        """Query the tables with DuckDB SQL, in UTC.

        Every table of `xf.schema` is a view, empty ones too; `posts` also has `plain_text`, the
        text unescaped. Data frames in the caller's variables can be named as well. Each query runs
        in a session of its own: an open `.to_arrow_reader()` blocks no other, and threads can share
        the archive. Temporary tables and settings need one session: `connect()`.

        Parameters
        ----------
        query
            One DuckDB statement.
        params
            Values for `?` or `$name` in the query.

        Returns
        -------
        duckdb.DuckDBPyRelation
            With `.df() .pl() .arrow() .fetchall()`.

        Raises
        ------
        duckdb.Error
            For what DuckDB refuses.

        Examples
        --------
        >>> archive.sql("select * from posts where lang = ?", ["en"]).df()
        """
        self._access.freshen()
        return self._views.relation(query, params)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection that sees the tables by name: for JupySQL, pandas, Ibis.

        It shows the archive as it is now, in UTC, and so do its cursors, one for each thread. To
        see what is added later, call this again.
        """
        self._access.freshen()
        return Views(self._folder).open_connection()

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table as pandas, sorted by time and key.

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
            For an unknown table; it names the tables.

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
        rows = self._views.arrow(f'SELECT {columns} FROM "{name}" ORDER BY {by}')
        return rows.cast(declared.schema)

    @property
    def tables(self) -> dict[str, int]:
        """Rows of every table, by name, in the schema's order."""
        self._access.freshen()
        return self._views.counts()

    def pages(self, run_id: str | None = None) -> Iterator[Page]:
        """Read the pages of one run or of all, each once, oldest file first.

        They are verbatim except for what was removed. One group of rows is in memory at a time.

        Parameters
        ----------
        run_id
            A run of this archive. Default: all pages.
        """
        from xframes.archive.takedown import removal

        seen: set[str] = set()
        with self._access.reading():
            for page in all_pages(self._folder, run_id, removal.hiding(self._folder)):
                if page.page_id not in seen:
                    seen.add(page.page_id)
                    yield without_marks(page)

    def changes(self, name: str, id: str | int) -> pd.DataFrame:
        """Return how one thing changed: every observation of it that says something new.

        Reads every page that names the id.

        Parameters
        ----------
        name
            A table of things (posts, users, …) or of their details (post_edits, user_urls, …).
        id
            The id of the post, user, ….

        Returns
        -------
        pandas.DataFrame
            The columns of the table, oldest observation first; `observed_at` is its time. Of a
            table of details each observation is whole.

        Raises
        ------
        KeyError
            For an unknown table; it names the tables.

        Examples
        --------
        >>> archive.changes("users", 783214)[["observed_at", "followers_count"]]
        """
        from xframes.archive.upkeep import history
        from xframes.frames import to_pandas

        return to_pandas(history.observations(self.pages(), table(name).name, str(id)))

    def as_of(self, when: datetime | str) -> Archive:
        """Return the archive as it was at a moment: a temporary one, of the pages received until then.

        Its tables show the newest known values of that time. What was removed since then is not in
        it. It is rebuilt from the pages and takes as long as `rebuild`. Its files are deleted when
        neither it nor a relation, reader, connection or iterator made from it is left.

        Parameters
        ----------
        when
            A datetime with a time zone, or ISO 8601 text.

        Raises
        ------
        ArchiveError
            When there was no page yet, and for a time without a zone.
        """
        from xframes.archive.upkeep import history

        moment = history.moment(when)
        self._access.freshen()
        home = history.copy_until(self._folder, self.pages(), moment)
        then = Archive(home.name, now=lambda: moment)
        weakref.finalize(then._folder, home.cleanup)  # whatever reads it keeps it
        return then

    def thread(self, post_id: str | int) -> pd.DataFrame:
        """Return the conversation of a post as a tree, in reading order: see `xf.networks.thread`.

        Raises
        ------
        ArgumentError
            When neither the post nor its conversation is in the archive.
        """
        return threads.thread(self, post_id)

    def runs(self) -> pd.DataFrame:
        """Return all collections and imports, oldest first, with the columns of the table `runs`.

        Runs that are still going on are included.
        """
        from xframes.frames import to_pandas

        return to_pandas(all_runs(self._folder, self["runs"]))

    def run(self, run_id: str) -> Run:
        """Return a run by its id. Raises ArchiveError when there is none."""
        return run_by_id(self, self._folder, self._views, run_id)

    # adding ---------------------------------------------------------------------------------------

    def add(self, frames_or_pages: Frames | Page | Iterable[Page]) -> Run:
        """Add the pages of Frames, or pages. Adding twice is harmless.

        Pages keep the run they came from; those without one become a new run.

        Parameters
        ----------
        frames_or_pages
            Frames, a Page, or an iterable of pages.

        Returns
        -------
        Run
            The run of the first page. Its rows are in the tables now.

        Raises
        ------
        ArchiveError
            When there is no page.
        ArgumentError
            For anything that is not a page.

        Examples
        --------
        >>> archive.add(xf.search.recent("duckdb"))
        """
        from xframes.frames import only_pages

        with self._access.writing():
            given = getattr(frames_or_pages, "pages", frames_or_pages)
            run_ids = imports.add_pages(self._folder, only_pages(given))
            if not run_ids:
                raise ArchiveError("there is no page to add")
            self._remove_returned()
            self._tidy()
            return self.run(run_ids[0])

    def import_pages(
        self, paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *,
        processes: int | None = None, progress: bool | None = None,
    ) -> list[Run]:
        """Import files of pages or posts (see `xf.read_pages`), each as a run.

        Memory is flat in the size of the files. The id of a run comes from the name and first bytes
        of its file: importing a file again adds nothing. What cannot be read stays as a page, with
        a row in `problems`. A file without pages is a run that failed, with the reason.

        Parameters
        ----------
        paths
            A file, a folder (all files in it), or several.
        processes
            How many processes read. Default: one per core when there is much to read.
        progress
            Show a progress bar. Default: on a terminal only.

        Returns
        -------
        list of Run
            In the order of the files.

        Raises
        ------
        ArchiveError
            When a file is missing. After all were read: for those that could not be read to their
            end (what came before is kept, their runs are `failed`), and for archives and folders
            without any page, with the reasons.

        Examples
        --------
        >>> archive.import_pages("tweets.jsonl.gz")
        """
        with self._access.writing():
            try:
                files = imports.as_paths(paths)
                run_ids = imports.import_files(self._folder, files, processes, progress)
            finally:
                self._remove_returned()
            self._tidy()
            return [self.run(run_id) for run_id in run_ids]

    def merge(self, other: Archive | str | os.PathLike[str]) -> int:
        """Add everything of another archive, by copying its files.

        In any order, any number of times, the tables show the same. What was removed from either
        stays removed. Interrupted runs can be resumed in the archive they began in. The other
        archive is only read, and every file of it is checked before any is added.

        Parameters
        ----------
        other
            An archive, its folder or its URL.

        Returns
        -------
        int
            How many files were copied.

        Raises
        ------
        ArchiveError
            When the other is not an archive, or a file of it is damaged.
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
        """Carry out a plan: what collectors call with `into=archive`.

        Each page is on disk before the next is requested. Lookups request only ids the archive does
        not hold, unless the plan says `refresh`. `since="last"` first resumes interrupted runs of
        the same query, then starts at its newest post.

        Raises
        ------
        Interrupted
            When it stops early. Its `resume()`, or `archive.resume(run_id)`, continues after the
            last page kept. Without a single page, the error itself is raised.
        """
        with self._access.writing():
            self._folder.create()
            for run_id in coverage.runs_to_resume(self._folder, plan):
                self.resume(run_id, client, progress=progress)
            plan = coverage.continued(self, plan, client)
            plan = coverage.without_known(self, plan)
            run = collection.start(self, self._folder, plan, client, progress)
            self._tidy()
            return run

    def resume(
        self, run_id: str, client: Client | None = None, *, progress: bool | None = None
    ) -> Run:
        """Continue an interrupted run after the last page kept; return a finished one as it is.

        Parameters
        ----------
        run_id
            The id of the run.
        client
            Default: the one set with `xf.use`, else `Client.from_env()`.
        progress
            Show a progress bar. Default: on a terminal only.

        Raises
        ------
        ArchiveError
            When there is no such run, when it is an import, and when another process collects it.
        Interrupted
            As in `collect`.
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
        """Keep pages that were requested elsewhere, e.g. by writes, as one run.

        Yields the function that keeps a page. Each page is on disk when the function returns, and
        in the tables when the block ends. An error in the block ends the run as interrupted and is
        raised again.
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
        """Look up posts or users again, and report which have vanished, and why.

        Each id costs what a lookup costs. The pages are added to the archive.

        Parameters
        ----------
        ids
            Ids of posts or users.
        table
            What the ids are: posts or users.
        client
            Default: the one set with `xf.use`, else `Client.from_env()`.
        progress
            Show a progress bar. Default: on a terminal only.

        Returns
        -------
        pandas.DataFrame
            One row per id, in their order: `id`, `fate`, `detail` in X's words, `observed_at`. A
            `fate` is found, not_found (deleted, or never existed), suspended, not_authorized
            (protected), withheld, removed (from this archive), not_returned, or X's own kind of
            problem.

        Raises
        ------
        ArgumentError
            For values that are not ids.
        Interrupted
            When it stops early.
        """
        from xframes.frames import to_pandas

        return to_pandas(coverage.looked_up(self, ids, table, client, progress, refresh=True))

    def completeness(
        self, query: str | None = None, *, granularity: str | None = None
    ) -> pd.DataFrame:
        """Compare how many posts X counts for a query with how many searches for it collected.

        Posts deleted since they were counted are missing, too.

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
            by X, `collected`, `missing`, and `price`, what collecting those costs in US dollars. Of
            gaps: `run_id`, `action`, `start_at`, `end_at`, `collected` (posts created in the gap
            that came later), `detail` with the cause.

        Raises
        ------
        ArchiveError
            When nothing was counted. `xf.counts.recent(query, into=archive)` counts.
        """
        from xframes.frames import to_pandas

        if query is None:
            return to_pandas(coverage.stream_gaps(self))
        return to_pandas(coverage.completeness(self, query, granularity))

    # upkeep ---------------------------------------------------------------------------------------

    def compact(self, *, memory: int = MEMORY) -> None:
        """Rewrite the tables unique and sorted, so that queries are plain scans.

        Small files of pages are merged. Runs automatically when a table has many parts.

        Parameters
        ----------
        memory
            Bytes to use, about, however large the archive is.
        """
        with self._access.writing():
            if self._folder.exists:
                self._folder.for_writing()
                self.purge()
                lifecycle.compact(self._folder, self._views, memory=memory)

    def rebuild(
        self, *, processes: int | None = None, progress: bool | None = None, lose: bool = False
    ) -> None:
        """Rebuild every table from the pages, with the columns of this version.

        The old tables answer queries until the new ones are complete. Unknown fields are reported
        again, each on the first page that has it.

        Parameters
        ----------
        processes
            How many processes flatten. Default: one per core when there is much to read.
        progress
            Show a progress bar. Default: on a terminal only.
        lose
            Drop rows whose page is missing from the archive.

        Raises
        ------
        ArchiveError
            When a page is damaged, or when the tables have rows of missing pages (unless `lose`).
            The tables then stay as they are.
        """
        with self._access.writing():
            if self._folder.exists:
                self._folder.for_writing()
                self._access.freshen()
                readers = self._views.readers
                self._folder.steady(lambda: rebuild.rebuild(
                    self._folder, readers, processes, progress, lose=lose))
                self._tidy()

    def verify(self, *, repair: bool = False) -> Report:
        """Read everything and compare the tables with the pages, row by row.

        Checks names, schemas, checksums, hashes of pages, repeated keys and the journal. Takes
        about twice as long as a rebuild, and space for all tables in the system's temporary folder
        (TMPDIR). Nothing is raised for what is found.

        Parameters
        ----------
        repair
            Copy damaged files to the archive's folder `damaged` (deleted with the next removal) and
            replace them: tables by what the pages say, files of pages by the pages in them that are
            sound. Rows of missing pages stay, and are marked in `problems` (kind `missing_page`);
            such pages only come back by merging a copy that has them. A repair may be killed at any
            moment, and may be repeated.

        Returns
        -------
        Report
            With `ok`, `findings`, `repaired` and `.frame()`: the archive as it is now.
        """
        with self._access.writing():
            if not self._folder.exists:
                return Report()
            report = self._verified()
            if not repair or report.ok:
                return report
            self._folder.for_writing()
            done = self._repaired(report)
            report = self._verified()
            report.repaired = done
            return report

    def _verified(self) -> Report:
        with suppress(ArchiveError):  # what cannot be used is a finding
            self._access.freshen()
        with self._views.readers.reading():
            return self._folder.steady(lambda: verify(self._folder))

    def _repaired(self, report: Report) -> list[str]:
        return self._folder.steady(lambda: repair(self._folder, self._views.readers, report))

    def close(self) -> None:
        """Close the DuckDB connection; relations made with `sql` end with it.

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
        whole: posts, messages, profile texts. Mentions keep their place and id and lose the handle,
        and from everything else (links, labels, queries, errors, unknown fields) the person's
        handle, name and words are removed. Rows of `tombstones` record what was removed, when and
        why. These ids never show again here, whatever is added or merged later; an author removed
        with a last post does when another post of theirs comes.

        Parameters
        ----------
        post_ids
            Ids of posts.
        user_ids
            Ids of users, and `@handle`s, present or earlier ones, that this archive knows. Nothing
            is looked up at X.
        reason
            Why, for the tombstone.

        Returns
        -------
        dict
            How many `posts` and `users` were found here and removed, and how many ids are `barred`
            from now on: `{"posts": 0, "users": 0, "barred": 1}` for an id that is not here.

        Raises
        ------
        ArgumentError
            For an invalid id, and for a handle the archive does not know.
        ArchiveError
            When nothing is named, and when files cannot be rewritten now (other processes read
            them, the disk is full, one is damaged). The removal is recorded and hidden then, and
            the next `purge()` rewrites the files.

        Examples
        --------
        >>> archive.remove(user_ids=["@ada"], reason="asked by the person")
        """
        from xframes.archive.takedown import orders

        with self._access.writing():
            return orders.remove(self._access, post_ids, user_ids, reason)

    def apply_compliance(self, type: Literal["tweets", "users"]) -> dict[str, int]:
        """Remove what compliance results in the table `removals` say is gone.

        What was removed already is left out, so this can be called at any time. Posts of which only
        the location must go (scrub_geo) are removed as a whole.

        Parameters
        ----------
        type
            The type of the job: its lines do not say whether an id is a post's or a user's.

        Returns
        -------
        dict
            As `remove`.

        Raises
        ------
        ArchiveError
            As `remove`.
        """
        from xframes.archive.takedown import orders

        with self._access.writing():
            return orders.apply_compliance(self._access, self._views, type)

    def purge(self) -> int:
        """Rewrite every file that still holds what was removed; return how many changed.

        Raises
        ------
        ArchiveError
            When files cannot be rewritten now: what was removed stays hidden.
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

    # display --------------------------------------------------------------------------------------

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self["posts"].__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return summary.text(self._folder)

    def _repr_html_(self) -> str:
        return summary.html(self._folder)

    def _ipython_key_completions_(self) -> list[str]:
        return list(TABLES)
