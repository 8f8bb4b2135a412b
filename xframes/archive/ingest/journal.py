"""The journal: pages received but not yet in parts, runs and their resume points. One SQLite file.

A page and the resume point of its run are committed in one durable transaction, before the next
page is requested.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from xframes.archive.storage.bookkeeping import is_link
from xframes.archive.storage.parts import dump
from xframes.billing.sums import run_prices
from xframes.errors import ArchiveError
from xframes.paging.pages import State
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

log = logging.getLogger("xframes")
# An existing table must have exactly this SQL.
_TABLES = {
    "pages": (
        "CREATE TABLE pages (\n"
        "    seq INTEGER PRIMARY KEY AUTOINCREMENT, page_id TEXT NOT NULL, run_id TEXT, "
        "action TEXT, method TEXT NOT NULL,\n"
        "    path TEXT NOT NULL, params TEXT NOT NULL, args TEXT NOT NULL, "
        "status INTEGER NOT NULL, received_at TEXT NOT NULL,\n"
        "    body BLOB NOT NULL\n"
        ")"
    ),
    "runs": (
        "CREATE TABLE runs (\n"
        "    run_id TEXT PRIMARY KEY, action TEXT, arguments TEXT, plan TEXT, "
        "resume_point TEXT, state TEXT NOT NULL,\n"
        "    started_at TEXT NOT NULL, ended_at TEXT, recorded_at TEXT NOT NULL, "
        "page_count INTEGER NOT NULL DEFAULT 0,\n"
        "    row_count INTEGER NOT NULL DEFAULT 0, error TEXT, owner TEXT, "
        "unwritten INTEGER NOT NULL DEFAULT 1\n"
        ")"
    ),
}
# The end of a rollback journal that names a file for SQLite to delete.
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
_PAGE = "page_id, run_id, action, method, path, params, args, status, received_at, body"
_PATIENCE = 60.0  # seconds
_COPIES = 5  # attempts to copy a journal while other processes write to it
_MARK_DIGITS = 20
_SHEET_BYTES = 8_192  # a page of SQLite; larger ones do not fit where a disk is almost full
_NO_ROOM = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in the journal; `owner` is the lock that its process holds while it lives."""

    run_id: str
    action: str | None
    arguments: str | None
    plan: str | None
    resume_point: str | None
    state: str
    started_at: datetime
    ended_at: datetime | None
    recorded_at: datetime
    page_count: int
    row_count: int
    error: str | None
    owner: str | None

    def record(self) -> dict[str, Any]:
        """Return the run as a row of the table `runs`."""
        return {
            "run_id": self.run_id,
            "action": self.action,
            "arguments": self.arguments,
            "state": self.state,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "page_count": self.page_count,
            "row_count": self.row_count,
            "gap_count": self.gaps,
            "error": self.error,
            "observed_at": self.recorded_at,
        }

    @property
    def gaps(self) -> int | None:
        """The number of gaps of a stream so far; None for other runs."""
        if not self.resume_point:
            return None
        gaps = State.from_json(self.resume_point).gaps
        if not isinstance(gaps, int):
            return None
        return gaps


_RUN = ", ".join(RunRow.__slots__)


def records(runs: Sequence[RunRow]) -> list[dict[str, Any]]:
    """Return runs as rows of the table `runs`, with their prices by the ledger of this machine."""
    prices = run_prices([run.run_id for run in runs])
    rows = []
    for run in runs:
        low, high = prices.get(run.run_id, (None, None))
        rows.append({**run.record(), "price_low": low, "price_high": high})
    return rows


class Journal:
    """An open journal. Any number of processes may have it open; SQLite keeps them apart.

    `mark` is a file next to it with the number of pages it has received, while some are not yet in
    parts. It shows if the journal is lost or incomplete.
    """

    def __init__(self, connection: sqlite3.Connection, mark: Path) -> None:
        self._sql = connection
        self._mark = mark

    # pages ----------------------------------------------------------------------------------------

    def append(
        self, pages: Sequence[Page], *, point: str | None = None, rows: int | None = None
    ) -> None:
        """Commit pages of one run durably, with the run's resume point and number of rows."""
        run_id = pages[-1].run_id
        with self._transaction():
            if not self._mark.exists():
                _write_mark(self._mark, 0)  # before the first page, so that no page is without it
            self._sql.executemany(
                f"INSERT INTO pages ({_PAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_values(page) for page in pages],
            )
            self._sql.execute(
                "UPDATE runs SET resume_point = ?, page_count = page_count + ?, "
                "row_count = coalesce(?, row_count), unwritten = 1 WHERE run_id = ?",
                (point, len(pages), rows, run_id),
            )
            count = self.received()
        if count > (read_mark(self._mark) or 0):
            _write_mark(self._mark, count, durably=False)  # it may be lower, but never higher

    def received(self) -> int:
        """Return the number of pages this journal has ever received."""
        query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'pages'"
        return int(self._sql.execute(query).fetchone()[0])

    def pending(self) -> list[str | None]:
        """Return the runs with pages not yet in parts."""
        rows = self._sql.execute("SELECT DISTINCT run_id FROM pages")
        return [run_id for (run_id,) in rows]

    def pending_bytes(self) -> int:
        """Return the size of the pages not yet in parts."""
        query = "SELECT coalesce(sum(length(body)), 0) FROM pages"
        return int(self._sql.execute(query).fetchone()[0])

    def waiting(self) -> dict[str | None, int]:
        """Return the number of pages not yet in parts, by run."""
        rows = self._sql.execute("SELECT run_id, count(*) FROM pages GROUP BY run_id ORDER BY 1")
        return dict(rows.fetchall())

    def read(self, run_id: str | None, after: int = 0) -> Iterator[tuple[int, Page]]:
        """Read the pages of a run that are not yet in parts, with their numbers, oldest first."""
        query = f"SELECT seq, {_PAGE} FROM pages WHERE run_id IS ? AND seq > ? ORDER BY seq LIMIT 1"
        while True:
            row = self._sql.execute(query, (run_id, after)).fetchone()
            if row is None:
                return
            after = row[0]
            yield after, _page(row[1:])

    def delete(self, numbers: Iterable[int]) -> None:
        """Delete pages that are in parts now."""
        with self._transaction():
            self._sql.executemany("DELETE FROM pages WHERE seq = ?", [(n,) for n in numbers])
            left = self._sql.execute("SELECT 1 FROM pages LIMIT 1").fetchone()
            if left is None and (read_mark(self._mark) or 0) <= self.received():
                self._mark.unlink(missing_ok=True)

    # runs -----------------------------------------------------------------------------------------

    def start(
        self,
        runs: Sequence[tuple[str, str | None, Mapping[str, Any], str | None]],
        owner: str | None,
        now: datetime,
    ) -> None:
        """Start runs, each (id, action, arguments, plan as JSON); one that exists starts again."""
        with self._transaction():
            for run_id, action, arguments, plan in runs:
                record = json.dumps(arguments, sort_keys=True, default=str)
                recorded_at = _later(now, self.run(run_id)).isoformat()
                self._sql.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))
                self._sql.execute(
                    "INSERT INTO runs (run_id, action, arguments, plan, state, started_at, "
                    "recorded_at, owner) VALUES (?, ?, ?, ?, 'running', ?, ?, ?)",
                    (run_id, action, record, plan, now.isoformat(), recorded_at, owner),
                )

    def update(self, run_id: str, now: datetime, *, ended: bool = True, **changes: object) -> None:
        """Change a run: `state`, `error`, `owner`, `page_count`, `row_count`.

        Each change gets a later time than the one before.
        """
        recorded_at = _later(now, self.run(run_id)).isoformat()
        values = {**changes, "recorded_at": recorded_at, "ended_at": None, "unwritten": 1}
        if ended:
            values["ended_at"] = now.isoformat()
        assignments = ", ".join(f"{name} = ?" for name in values)
        query = f"UPDATE runs SET {assignments} WHERE run_id = ?"
        with self._transaction():
            self._sql.execute(query, (*values.values(), run_id))

    def run(self, run_id: str) -> RunRow | None:
        """Return one run; None if the journal does not have it."""
        return next(iter(self._runs("WHERE run_id = ?", run_id)), None)

    def runs(self) -> list[RunRow]:
        """Return all runs, oldest first."""
        return self._runs("ORDER BY started_at, run_id")

    def running(self) -> list[RunRow]:
        """Return the runs in state "running"; their process may have ended."""
        return self._runs("WHERE state = 'running'")

    def unwritten(self) -> list[RunRow]:
        """Return the runs whose present state is not in parts yet."""
        return self._runs("WHERE unwritten = 1")

    def written(self, runs: Iterable[RunRow]) -> None:
        """Record that these states are in parts now."""
        with self._transaction():
            self._sql.executemany(
                "UPDATE runs SET unwritten = 0 "
                "WHERE run_id = ? AND recorded_at = ? AND page_count = ?",
                [(r.run_id, r.recorded_at.isoformat(), r.page_count) for r in runs],
            )

    def clean(self, page: Callable[[Page], Page], text: Callable[[str], str]) -> None:
        """Rewrite pages and the texts of runs, and overwrite the old content on the disk."""
        self._sql.execute("PRAGMA secure_delete = ON")
        with self._transaction():
            for (run_id,) in self._sql.execute("SELECT DISTINCT run_id FROM pages").fetchall():
                for number, old in self.read(run_id):
                    new = page(old)
                    if new is not old:
                        self._replace(number, new)
            rows = self._sql.execute("SELECT run_id, arguments, plan, error FROM runs").fetchall()
            for run_id, *texts in rows:
                changed = [text(t) if t is not None else None for t in texts]
                if changed != texts:
                    query = "UPDATE runs SET arguments = ?, plan = ?, error = ? WHERE run_id = ?"
                    self._sql.execute(query, (*changed, run_id))
        self._sql.execute("VACUUM")
        self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _replace(self, number: int, page: Page) -> None:
        request = page.request
        self._sql.execute(
            "UPDATE pages SET path = ?, params = ?, args = ?, body = ? WHERE seq = ?",
            (request.path, dump(request.params), dump(request.args), page.body, number),
        )

    def check(self) -> str | None:
        """Return what SQLite finds wrong with the file; None if nothing is."""
        (result,) = self._sql.execute("PRAGMA quick_check(1)").fetchone()
        if result == "ok":
            return None
        return str(result)

    def touch(self, run_id: str, now: datetime) -> None:
        """Set a new time in a run's record, so that it is later than the record in parts."""
        self.update(run_id, now, ended=False)

    def _runs(self, rest: str, *parameters: object) -> list[RunRow]:
        rows = self._sql.execute(f"SELECT {_RUN} FROM runs {rest}", parameters)
        return [_run(row) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._sql.execute("PRAGMA query_only").fetchone()[0]:
            raise sqlite3.OperationalError("the disk is full")
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._sql.execute("COMMIT")  # a full disk raises here
        except BaseException:
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")
            raise


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open the journal at a path; create it if it is missing and the folder can be written.

    Without write permission it is read without locks: what a living process has just committed may
    be missing. Triggers, views and indexes that xframes did not create are dropped before anything
    is written. Raises ArchiveError if the journal cannot be used.
    """
    _refuse_foreign_files(path)
    writable = os.access(path.parent, os.W_OK)
    where = path.as_posix()
    if not writable:
        where = f"{path.absolute().as_uri()}?immutable=1"
    connection = _connect(where, writable=writable)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        if writable:
            connection.execute(f"PRAGMA page_size = {_SHEET_BYTES}")  # only of a new file
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")  # a commit is on disk when it returns
        _prepare_schema(connection, path, writable=writable)
        yield Journal(connection, path.with_name("journal.mark"))
    except sqlite3.DatabaseError as error:
        raise ArchiveError(f"{path}: the journal cannot be used: {error}") from error
    finally:
        connection.close()


@contextmanager
def open_copy(path: Path) -> Iterator[Journal]:
    """Open a copy of another archive's journal, because SQLite would write next to the original.

    Raises ArchiveError if it cannot be used.
    """
    for attempt in range(_COPIES):
        with tempfile.TemporaryDirectory(prefix="xframes-journal-") as home:
            copy = Path(home) / path.name
            _refuse_foreign_files(path)
            for suffix in ("", "-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            with open_journal(copy) as journal:
                # A fault may come from a process that wrote during the copy.
                if journal.check() is None or attempt == _COPIES - 1:
                    yield journal
                    return


def _refuse_foreign_files(path: Path) -> None:
    """Raise ArchiveError for files that SQLite must not open.

    These are links, and a rollback journal that names another file.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        file_path = path.with_name(path.name + suffix)
        if is_link(file_path) or (file_path.exists() and not file_path.is_file()):
            raise ArchiveError(f"{file_path}: the journal cannot be used: it is not a regular file")
    rollback = path.with_name(f"{path.name}-journal")
    with contextlib.suppress(FileNotFoundError), rollback.open("rb") as file:
        file.seek(max(0, rollback.stat().st_size - len(_SUPER_JOURNAL)))
        if file.read() == _SUPER_JOURNAL:
            raise ArchiveError(f"{path}: the journal cannot be used: {rollback.name} names another "
                               "file, which xframes never writes. Remove it")


def _prepare_schema(connection: sqlite3.Connection, path: Path, *, writable: bool) -> None:
    """Create missing tables, refuse tables of another form, and drop foreign triggers and views."""
    objects = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    for kind, name, sql in objects:
        if name in _TABLES and (kind != "table" or sql != _TABLES[name]):
            raise ArchiveError(f"{path}: the journal cannot be used: xframes did not create its "
                               f"{kind} {name!r}")
    if not writable:
        return
    for kind, name, sql in objects:
        if kind in {"trigger", "view"} or (kind == "index" and sql is not None):
            log.warning("%s: dropped the %s %r, which xframes did not create", path, kind, name)
            quoted = name.replace('"', '""')
            connection.execute(f'DROP {kind} IF EXISTS "{quoted}"')
    missing = [sql for name, sql in _TABLES.items() if ("table", name, sql) not in objects]
    if missing:
        connection.execute("BEGIN IMMEDIATE")
        for sql in missing:
            connection.execute(sql.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        connection.execute("COMMIT")


def read_mark(mark: Path) -> int | None:
    """Return the number of pages a journal has received, from its mark; None without a mark."""
    try:
        return int(mark.read_bytes()[:_MARK_DIGITS])
    except FileNotFoundError:
        return None
    except ValueError:
        return 0  # a crash left it incomplete


def _write_mark(mark: Path, count: int, *, durably: bool = True) -> None:
    """Write the number of pages a journal has received, always with the same number of digits.

    So even a write that is cut off leaves a number.
    """
    descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        os.write(descriptor, f"{count:0{_MARK_DIGITS}}".encode())
        if durably:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(where: str, *, writable: bool) -> sqlite3.Connection:
    """Connect to a journal.

    SQLite keeps a shared file next to the journal. If a full disk has no space for it, no other
    process has the journal open, and this one can read it without the file, but not write.
    """
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            where, timeout=60, isolation_level=None, check_same_thread=False, uri=not writable
        )

    connection = connect()
    if not writable:
        return connection
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NO_ROOM:
            return connection
        connection.close()
        connection = connect()
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.DatabaseError:
        return connection  # the caller will get the same error
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; wait if another process is creating the journal too."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def journal_state(path: Path) -> object:
    """Return a value that changes whenever a process writes to the journal."""
    state = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            stat = file.stat()
            state.append((stat.st_mtime_ns, stat.st_size))
        except FileNotFoundError:
            state.append((0, 0))
    return state


def _values(page: Page) -> tuple[object, ...]:
    """Return a page as the columns `_PAGE`."""
    request = page.request
    return (
        page.page_id,
        page.run_id,
        request.action,
        request.method,
        request.path,
        dump(request.params),
        dump(request.args),
        page.status,
        page.received_at.isoformat(),
        page.body,
    )


def _page(row: Sequence[Any]) -> Page:
    page_id, run_id, action, method, path, params, args, status, received_at, body = row
    try:
        request = Request(method, path, _texts(params), action, _texts(args))
        return Page(request, bytes(body), _time(received_at), int(status), run_id, str(page_id))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = f"page {page_id!r:.60} is damaged ({error})"
        raise ArchiveError(f"the journal cannot be used: {reason}") from error


def _texts(text: str) -> dict[str, str]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise TypeError("expected parameters as a JSON object")
    return document


def _run(row: Sequence[Any]) -> RunRow:
    values = dict(zip(RunRow.__slots__, row, strict=True))
    try:
        for name in ("started_at", "ended_at", "recorded_at"):
            if values[name] is not None:
                values[name] = _time(values[name])
        run = msgspec.convert(values, RunRow)
        _ = run.gaps
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = f"run {row[0]!r:.60} is damaged ({error})"
        raise ArchiveError(f"the journal cannot be used: {reason}") from error
    return run


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _later(now: datetime, earlier: RunRow | None) -> datetime:
    """Return the time for a run's new record: now, or just after the record before."""
    if earlier is None:
        return now
    return max(now, earlier.recorded_at + _TICK)
