"""Carrying out a plan: each page and the point where its run goes on are on disk before the next page is asked for."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from filelock import Timeout

from xframes.archive.ingest.access import writing
from xframes.archive.ingest.flush import flush
from xframes.archive.ingest.journal import open_journal
from xframes.archive.ingest.runs import run_of
from xframes.archive.storage.parts import FLUSH_BYTES
from xframes.errors import ArchiveError, Interrupted, Resumable, XframesError
from xframes.progress import bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from xframes.archive.ingest.journal import Journal, RunRow
    from xframes.archive.ingest.runs import Run, RunArchive
    from xframes.archive.storage.folder import Folder
    from xframes.client import Client
    from xframes.paging.pages import State
    from xframes.plan import Plan
    from xframes.wire import Page


def start(archive: RunArchive, folder: Folder, plan: Plan, client: Client, progress: bool | None) -> Run:
    """Begin a run and carry it out."""
    from xframes.paging.pages import State

    run_id = f"run-{folder.new_id()}"
    with _owned(folder, run_id) as owner:
        with open_journal(folder.journal) as journal:
            journal.start([(run_id, plan.action, _recorded(plan), plan.to_json())], owner, folder.now())
        state = State(done=plan.batches == 0)  # nothing is left to ask for: all of it is here
        return _Collection(archive, folder, run_id, owner, plan, state).run(client, progress)


def _recorded(plan: Plan) -> dict[str, Any]:
    """A plan's arguments as the record of its run has them."""
    return {**plan.arguments, **({} if plan.limit is None else {"limit": plan.limit})}


def resume(archive: RunArchive, folder: Folder, run_id: str, client: Client | None, progress: bool | None) -> Run:
    """Go on with a run from the last page kept."""
    from xframes.paging.pages import State
    from xframes.plan import Plan

    row = _row(folder, run_id)
    if row is None:
        raise ArchiveError(f"{folder.path} has no run {run_id!r} to go on with; archive.runs() lists those it has")
    if row.state == "done":
        return run_of(archive, row)
    if row.plan is None:
        again = "import its file again: what is there already is not added twice"
        if str(row.action).startswith("write."):
            again = "`writes` shows what was done; a compliance job goes on when it is run again"
        raise ArchiveError(f"run {run_id} ({row.action}) is no collection and cannot be resumed; {again}")
    from xframes.client import checked

    client = checked(client, str(row.action))
    with _owned(folder, run_id) as owner:
        row = _row(folder, run_id) or row  # another process may have gone on with it meanwhile
        if row.state == "done":
            return run_of(archive, row)
        with open_journal(folder.journal) as journal:
            journal.update(run_id, folder.now(), ended=False, state="running", owner=owner, error=None)
        state = State.from_json(row.resume_point) if row.resume_point else State()
        plan = Plan.from_json(str(row.plan))
        if (plan.action, _recorded(plan)) != (row.action, json.loads(row.arguments or "{}")):
            raise ArchiveError(f"run {run_id} cannot be resumed: its plan is not what its record says; collect again")
        plan = plan.in_words_of(client)
        return _Collection(archive, folder, run_id, owner, plan, state).run(client, progress)


@contextmanager
def keeping(folder: Folder, action: str, arguments: Mapping[str, Any]) -> Iterator[Callable[[Page], None]]:
    """A run of pages its caller asks for: each is on disk when the given function returns.

    The run is done when the block ends, else interrupted or, without a page, failed; the error is noted.
    """
    run_id = f"run-{folder.new_id()}"
    with ExitStack() as stack:
        with writing(folder):  # but not errors of the caller's block
            owner = stack.enter_context(_owned(folder, run_id))
            with open_journal(folder.journal) as journal:
                journal.start([(run_id, action, arguments, None)], owner, folder.now())
            journal = stack.enter_context(open_journal(folder.journal))
        kept = 0

        def keep(page: Page) -> None:
            nonlocal kept
            with writing(folder):
                journal.append([replace(page, run_id=run_id)], rows=kept + 1)
            kept += 1

        try:
            yield keep
        except BaseException as error:
            _end(folder, journal, run_id, "interrupted" if kept else "failed", error)
            raise
        with writing(folder):
            journal.update(run_id, folder.now(), state="done")
            flush(folder, own={owner})


def _end(folder: Folder, journal: Journal, run_id: str, state: str, error: BaseException) -> None:
    """Note how a run ended early, and show its pages; the error that ended it is the one to raise.

    On a full disk neither may work: the pages are safe in the journal, and the next process that
    finds the run without an owner notes its end.
    """
    with suppress(OSError, XframesError, pa.ArrowException, sqlite3.Error):
        why = str(error) or type(error).__name__
        journal.update(run_id, folder.now(), state=state, error=why)
        flush(folder, own={run_id})


def _row(folder: Folder, run_id: str) -> RunRow | None:
    if not folder.journal.exists():
        return None
    with open_journal(folder.journal) as journal:
        return journal.run(run_id)


@contextmanager
def _owned(folder: Folder, run_id: str) -> Iterator[str]:
    """Hold the run's lock, by which other processes know that it is alive; gives its name."""
    lock = folder.lock(run_id)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ArchiveError(f"run {run_id} is being collected by another process") from None
    try:
        yield run_id
    finally:
        lock.release()
        folder.forget_lock(run_id)


class _Flusher:
    """Flushes the pages of a run whenever they are many; `behind` in a thread, so that more can be committed meanwhile.

    What goes wrong in that thread is raised by the next `add`, or at the end.
    """

    def __init__(self, folder: Folder, owner: str, *, behind: bool) -> None:
        self._flush = partial(flush, folder, own={owner}, wait=0)
        self._pool = ThreadPoolExecutor(1, "xframes-flush") if behind else None
        self._going: Future[bool] | None = None
        self._waiting = 0

    def add(self, size: int) -> None:
        """So many bytes more are in the journal."""
        self._waiting += size
        if self._going is not None and self._going.done():
            going, self._going = self._going, None
            going.result()
        if self._waiting < FLUSH_BYTES or self._going is not None:
            return
        if self._pool is not None:
            self._going, self._waiting = self._pool.submit(self._flush), 0
        elif self._flush():
            self._waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        if self._going is not None and error is None:
            self._going.result()


@dataclass
class _Collection:
    """A run this process carries out."""

    archive: RunArchive
    folder: Folder
    run_id: str
    owner: str
    plan: Plan
    state: State

    def run(self, client: Client, progress: bool | None) -> Run:
        with open_journal(self.folder.journal) as journal:
            try:
                self._collect(journal, client, progress)
            except BaseException as error:
                self._stopped(journal, client, error)
                raise
            journal.update(self.run_id, self.folder.now(), state="done")
            row = journal.run(self.run_id)
        flush(self.folder, own={self.owner})
        assert row is not None
        return run_of(self.archive, row)

    def _collect(self, journal: Journal, client: Client, progress: bool | None) -> None:
        from xframes.paging.steps import steps

        flusher = _Flusher(self.folder, self.owner, behind=self.plan.declared.streaming)
        known = self._known(journal) if self.state.pages else ()
        with bar(progress, self.plan.action, " rows", self.plan.expected) as advance, flusher:
            advance(self.state.rows)
            for found, state in steps(client, self.plan, self.state, known):
                pages = [replace(page, run_id=self.run_id) for page in found]
                journal.append(pages, point=state.to_json(), rows=state.rows)
                advance(state.rows - self.state.rows)
                self.state = state
                flusher.add(sum(len(page.body) for page in pages))

    def _known(self, journal: Journal) -> Iterator[Page]:
        """The pages this run has, read only by who wants them."""
        yield from self.archive.pages(self.run_id)
        yield from (page for _, page in journal.read(self.run_id))

    def _stopped(self, journal: Journal, client: Client, error: BaseException) -> None:
        """Note why; what was kept becomes visible. Raises Interrupted when there is something to go on from."""
        why = str(error) or type(error).__name__
        pages, rows = self.state.pages, self.state.rows
        with suppress(sqlite3.Error):  # the file may not even be readable now
            kept = journal.run(self.run_id)
            pages, rows = (kept.page_count, kept.row_count) if kept else (0, 0)
        _end(self.folder, journal, self.run_id, "interrupted" if pages else "failed", error)
        if not pages or not isinstance(error, (Exception, KeyboardInterrupt)):
            return

        raise Interrupted(
            f"{self.plan.action} stopped after {pages:,} pages, {rows:,} rows: {why}. They are in {self.folder.path}; "
            f'archive.resume("{self.run_id}") goes on from there',
            run_id=self.run_id, pages=pages, rows=rows, next_token=self.state.token,
            resume=_GoingOn(self.archive, self.run_id, client), action=self.plan.action,
        ) from error


@dataclass
class _GoingOn(Resumable):
    """The way to go on with a run, in another process as well."""

    archive: RunArchive
    run_id: str
    client: Client | None

    def __call__(self, *, client: Client | None = None, progress: bool | None = None) -> Run:
        return self.archive.resume(self.run_id, client or self.client, progress=progress)
