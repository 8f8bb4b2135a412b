"""Carrying out plans: each page is on disk, with a resume point, before the next is requested."""

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
from xframes.archive.ingest.runs import Runs, run_of
from xframes.archive.storage.parts import FLUSH_BYTES
from xframes.errors import (
    ABOUT_ONE,
    ArchiveError,
    BudgetReached,
    Interrupted,
    Resumable,
    XframesError,
)
from xframes.screen import counted
from xframes.wire import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from xframes.archive.ingest.journal import Journal, RunRow
    from xframes.archive.ingest.runs import Run, RunArchive
    from xframes.archive.storage.folder import Folder
    from xframes.client import Client
    from xframes.paging.pages import State
    from xframes.paging.pool import Work
    from xframes.plan import Plan
    from xframes.wire import Page


def start(
    archive: RunArchive, folder: Folder, plan: Plan, client: Client, progress: bool | None
) -> Run:
    """Start a run and carry it out."""
    from xframes.client import check_price
    from xframes.paging.pages import State
    from xframes.paging.pool import alone

    check_price(client, plan)
    run_id = f"run-{folder.new_id()}"
    with _owned(folder, run_id) as owner:
        with open_journal(folder.journal) as journal:
            entry = (run_id, plan.action, _recorded(plan), plan.to_json())
            journal.start([entry], owner, folder.now())
        state = State(done=plan.batches == 0)  # no batches: the archive already has everything
        collection = _Collection(archive, folder, run_id, owner, plan, state)
        return alone(collection.work(client, progress))


def start_all(
    archive: RunArchive, folder: Folder, plans: Sequence[Plan], client: Client,
    progress: bool | None,
) -> Run:
    """Start a run for each plan, and carry them out, several at once if the client allows it."""
    from xframes.client import check_price

    for plan in plans:
        check_price(client, plan)
    new_id = folder.new_id()
    group, digits = f"group-{new_id}", len(str(len(plans)))
    entries = [
        (
            f"run-{new_id}-{number:0{digits}d}", plan.action, _recorded(plan),
            replace(plan, group=group).to_json(),
        )
        for number, plan in enumerate(plans, start=1)
    ]
    with _owned(folder, group) as owner:  # until their turn, its lock shows that they are alive
        with open_journal(folder.journal) as journal:
            journal.start(entries, owner, folder.now())
        run_ids = [run_id for run_id, *_ in entries]
        return _collect_all(archive, folder, run_ids, client, progress)


def _collect_all(
    archive: RunArchive, folder: Folder, run_ids: Sequence[str], client: Client,
    progress: bool | None,
) -> Run:
    """Carry out runs that are recorded, except those that are done.

    An error about one of them does not stop the others, and is raised after them.
    """
    from xframes.client.stopping import Stopped
    from xframes.paging.pool import at_once, most_serious, together

    flusher = _Flusher(folder)
    works = [
        partial(_continue, archive, folder, run_id, client, progress, group=flusher)
        for run_id in run_ids
    ]
    with flusher.at_last():
        errors = together(
            works, at_once(client), lambda error: not isinstance(_cause(error), ABOUT_ONE)
        )
        causes = {run_ids[number]: _cause(error) for number, error in errors.items()}
        _postpone(folder, [
            run_id for run_id in run_ids if isinstance(causes.get(run_id, Stopped()), Stopped)
        ])
    first: tuple[str, BaseException] | None = None
    if causes:
        cause = most_serious(causes.values())
        first = next(run_id for run_id in causes if causes[run_id] is cause), cause
    runs = Runs.of([_run(archive, folder, run_id) for run_id in run_ids])
    if first is None:
        return runs
    run_id, cause = first
    if not runs.pages:
        raise cause
    done = sum(run.state == "done" for run in runs)
    raise Interrupted(
        f"{runs.action} stopped after {done:,} of {counted(len(runs), 'run')}, "
        f"{counted(runs.pages, 'page')}, {counted(runs.rows, 'row')}: "
        f"{str(cause) or type(cause).__name__}. They are saved in {folder.path}. To continue all "
        f'runs, use archive.resume("{run_id}")',
        run_id=run_id, pages=runs.pages, rows=runs.rows,
        resume=_Continuation(archive, run_id, client), action=runs.action,
    ) from cause


def _cause(error: BaseException) -> BaseException:
    """Return why a run stopped."""
    reason = error.__cause__
    if isinstance(error, Interrupted) and reason is not None:
        return reason
    return error


def _postpone(folder: Folder, run_ids: Sequence[str]) -> None:
    """Record which of these runs have no page because another one of their group stopped."""
    with open_journal(folder.journal) as journal:
        for run_id in run_ids:
            row = journal.run(run_id)
            if row is not None and row.state in {"running", "failed"} and not row.page_count:
                journal.update(run_id, folder.now(), state="interrupted", error="not started yet")


def _run(archive: RunArchive, folder: Folder, run_id: str) -> Run:
    row = _row(folder, run_id)
    assert row is not None
    return run_of(archive, row)


def _group(folder: Folder, row: RunRow) -> list[str]:
    """Return the runs that were started together with a run, in their order."""
    from xframes.plan import Plan

    if "group-" not in str(row.plan):
        return [row.run_id]
    group = Plan.from_json(str(row.plan)).group
    if group is None:
        return [row.run_id]
    with open_journal(folder.journal) as journal:
        rows = [other for other in journal.runs() if other.plan and group in other.plan]
    return [
        other.run_id for other in rows
        if other.action == row.action and Plan.from_json(str(other.plan)).group == group
    ]


def _recorded(plan: Plan) -> dict[str, Any]:
    """Return a plan's arguments for the record of its run."""
    record = dict(plan.arguments)
    if plan.limit is not None:
        record["limit"] = plan.limit
    if plan.completes:
        record["completes"] = True
    if plan.sample is not None:
        record |= {"sample": plan.sample.id, "seed": plan.sample.seed}
    return record


def resume(
    archive: RunArchive, folder: Folder, run_id: str, client: Client | None, progress: bool | None
) -> Run:
    """Continue a run after its last saved page, and with it all runs of its group."""
    from xframes.client import checked

    row = _row(folder, run_id)
    if row is None:
        raise ArchiveError(f"{folder.path} has no run {run_id!r}; archive.runs() lists its runs")
    if row.plan is None:
        if row.state == "done":
            return run_of(archive, row)
        raise _refusal(row)
    run_ids = _group(folder, row)
    runs = [_run(archive, folder, each) for each in run_ids]
    is_done = all(run.state == "done" for run in runs)
    if len(runs) == 1:
        if is_done:
            return runs[0]
        return _resume_one(archive, folder, run_id, checked(client, str(row.action)), progress)
    if is_done:
        return Runs.of(runs)
    return _collect_all(archive, folder, run_ids, checked(client, str(row.action)), progress)


def _resume_one(
    archive: RunArchive, folder: Folder, run_id: str, client: Client, progress: bool | None
) -> Run:
    """Carry out what is left of a run that is recorded with its plan."""
    from xframes.paging.pool import alone

    return alone(_continue(archive, folder, run_id, client, progress))


def _continue(
    archive: RunArchive, folder: Folder, run_id: str, client: Client, progress: bool | None,
    *, group: _Flusher | None = None,
) -> Work[Run]:
    """Continue a run that is recorded with its plan. `group` writes the pages of its group."""
    from xframes.paging.pages import State
    from xframes.plan import Plan

    row = _row(folder, run_id)
    assert row is not None
    if row.state == "done":
        return run_of(archive, row)
    with _owned(folder, run_id) as owner:
        row = _row(folder, run_id) or row  # another process may have continued it meanwhile
        if row.state == "done":
            return run_of(archive, row)
        with open_journal(folder.journal) as journal:
            journal.update(
                run_id, folder.now(), ended=False, state="running", owner=owner, error=None
            )
        state = State()
        if row.resume_point:
            state = State.from_json(row.resume_point)
        plan = Plan.from_json(str(row.plan))
        record = (row.action, json.loads(row.arguments or "{}"))
        if (plan.action, _recorded(plan)) != record:
            raise ArchiveError(f"run {run_id} cannot be resumed: its plan does not agree with its "
                               "record. Collect it again")
        plan = plan.in_words_of(client)
        collection = _Collection(archive, folder, run_id, owner, plan, state, group)
        return (yield from collection.work(client, progress))


def _refusal(row: RunRow) -> ArchiveError:
    """Return the error for a run without a plan."""
    reason = f"run {row.run_id} ({row.action}) is not a collection and cannot be resumed"
    if str(row.action).startswith("write."):
        return ArchiveError(f"{reason}. Table `writes` shows what was done; run a compliance job "
                            "again to continue it")
    return ArchiveError(f"{reason}. Import its file again; pages that are already in the archive "
                        "are not added twice")


@contextmanager
def keeping(
    folder: Folder, action: str, arguments: Mapping[str, Any]
) -> Iterator[Callable[[Page], None]]:
    """Save pages that the caller requests as one run; yield the function that saves a page.

    A page is on disk when the function returns. At the end of the block the run is done. If the
    block raises, the run is interrupted, or failed if it has no page, and the error is recorded.
    """
    run_id = f"run-{folder.new_id()}"
    with ExitStack() as stack:
        with writing(folder):  # not for errors of the caller's block
            owner = stack.enter_context(_owned(folder, run_id))
            with open_journal(folder.journal) as journal:
                journal.start([(run_id, action, arguments, None)], owner, folder.now())
            journal = stack.enter_context(open_journal(folder.journal))
        count = 0

        def keep(page: Page) -> None:
            nonlocal count
            with writing(folder):
                journal.append([replace(page, run_id=run_id)], rows=count + 1)
            count += 1

        try:
            yield keep
        except BaseException as error:
            _end(folder, journal, run_id, count, error)
            raise
        with writing(folder):
            journal.update(run_id, folder.now(), state="done")
            flush(folder, own={owner})


def _end(
    folder: Folder, journal: Journal, run_id: str, pages: int, error: BaseException, *,
    flushes: bool = True,
) -> None:
    """Record how a run ended early, and write its pages to the tables, unless others do it later.

    A full disk may prevent both. Then the pages stay safe in the journal, and the next process that
    finds the run without an owner records its end.
    """
    state = "interrupted"
    if not pages:
        state = "failed"
    with suppress(OSError, XframesError, pa.ArrowException, sqlite3.Error):
        reason = str(error) or type(error).__name__
        journal.update(run_id, folder.now(), state=state, error=reason)
        if flushes:
            flush(folder, own={run_id})


def _row(folder: Folder, run_id: str) -> RunRow | None:
    if not folder.journal.exists():
        return None
    with open_journal(folder.journal) as journal:
        return journal.run(run_id)


@contextmanager
def _owned(folder: Folder, run_id: str) -> Iterator[str]:
    """Hold the lock that shows other processes that the run is alive, and yield its name."""
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
    """Writes the pages of a run, or of a group of them, to parts whenever they are many.

    With `behind`, a thread does it while more pages are committed. An error in that thread is
    raised by the next `add`, or at the end.
    """

    def __init__(self, folder: Folder, *, behind: bool = False) -> None:
        self._folder = folder
        self._owners: set[str] = set()
        self._flush = partial(flush, folder, own=self._owners, wait=0)
        self._pool: ThreadPoolExecutor | None = None
        if behind:
            self._pool = ThreadPoolExecutor(1, "xframes-flush")
        self._running: Future[bool] | None = None
        self._waiting = 0

    def own(self, owner: str) -> None:
        """Also write the pages of a run of this process."""
        self._owners.add(owner)

    @contextmanager
    def at_last(self) -> Iterator[None]:
        """At the end of the block, write what is left.

        If the block raises, errors are suppressed, as in `_end`.
        """
        try:
            yield
        except BaseException:
            with suppress(OSError, XframesError, pa.ArrowException, sqlite3.Error):
                flush(self._folder, own=self._owners)
            raise
        flush(self._folder, own=self._owners)

    def add(self, size: int) -> None:
        """Count bytes added to the journal, and write to parts if they are many."""
        self._waiting += size
        if self._running is not None and self._running.done():
            finished, self._running = self._running, None
            finished.result()
        if self._waiting < FLUSH_BYTES or self._running is not None:
            return
        if self._pool is not None:
            self._running, self._waiting = self._pool.submit(self._flush), 0
        elif self._flush():
            self._waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        if self._running is not None and error is None:
            self._running.result()


@dataclass
class _Collection:
    """A run that this process carries out."""

    archive: RunArchive
    folder: Folder
    run_id: str
    owner: str
    plan: Plan
    state: State
    group: _Flusher | None = None

    def work(self, client: Client, progress: bool | None) -> Work[Run]:
        """Fetch and keep the pages that are left."""
        with open_journal(self.folder.journal) as journal:
            try:
                yield from self._collect(journal, client, progress)
            except BaseException as error:
                self._record_stop(journal, client, error)
                raise
            journal.update(self.run_id, self.folder.now(), state="done")
            row = journal.run(self.run_id)
        if self.group is None:
            flush(self.folder, own={self.owner})
        assert row is not None
        return run_of(self.archive, row)

    def _collect(
        self, journal: Journal, client: Client, progress: bool | None
    ) -> Work[None]:
        from xframes.client import price_note, warn_of_another_day
        from xframes.paging.reports import reports
        from xframes.paging.steps import steps

        flusher = self.group or _Flusher(self.folder, behind=self.plan.declared.streaming)
        flusher.own(self.owner)
        earlier: Iterable[Page] = ()
        if self.state.pages:
            earlier = self._earlier_pages(journal)
            if not self.plan.declared.streaming:
                warn_of_another_day(client, self.plan, self._earlier_pages(journal))
        plan = replace(self.plan, purpose=Purpose(self.run_id, str(self.folder.path)))
        price = partial(price_note, client, self.run_id)
        with (
            reports(plan, self.state, self.folder.now, progress, price) as report, flusher,
            steps(client, plan, self.state, earlier) as source,
        ):
            while (step := (yield source)) is not None:
                batch, state = step
                pages = [replace(page, run_id=self.run_id) for page in batch]
                journal.append(pages, point=state.to_json(), rows=state.rows)
                report(state)
                self.state = state
                flusher.add(sum(len(page.body) for page in pages))

    def _earlier_pages(self, journal: Journal) -> Iterator[Page]:
        """Read the pages that this run has already, when they are needed."""
        yield from self.archive.pages(self.run_id)
        yield from (page for _, page in journal.read(self.run_id))

    def _record_stop(self, journal: Journal, client: Client, error: BaseException) -> None:
        """Record why the run stopped, and write its pages to the tables.

        Raises Interrupted if there are pages to continue from.
        """
        pages, rows = self.state.pages, self.state.rows
        with suppress(sqlite3.Error):  # the file may be unreadable now
            if (row := journal.run(self.run_id)) is None:
                pages, rows = 0, 0
            else:
                pages, rows = row.page_count, row.row_count
        _end(self.folder, journal, self.run_id, pages, error, flushes=self.group is None)
        if not pages and not isinstance(error, BudgetReached):
            return
        if not isinstance(error, (Exception, KeyboardInterrupt)):
            return

        reason = str(error) or type(error).__name__
        raise Interrupted(
            f"{self.plan.action} stopped after {counted(pages, 'page')}, {counted(rows, 'row')}: "
            f"{reason}. They are saved in {self.folder.path}. To continue, use "
            f'archive.resume("{self.run_id}")',
            run_id=self.run_id,
            pages=pages,
            rows=rows,
            next_token=self.state.token,
            resume=_Continuation(self.archive, self.run_id, client),
            action=self.plan.action,
        ) from error


@dataclass
class _Continuation(Resumable):
    """Continues a run, also from another process."""

    archive: RunArchive
    run_id: str
    client: Client | None

    def __call__(self, *, client: Client | None = None, progress: bool | None = None) -> Run:
        return self.archive.resume(self.run_id, client or self.client, progress=progress)
