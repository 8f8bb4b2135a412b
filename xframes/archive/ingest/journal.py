"""The journal: pages received and not yet in parts, runs and their resume points. One SQLite file.

A page and the point where its run goes on are committed in one durable transaction, before the next page is asked for.
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
from xframes.errors import ArchiveError
from xframes.paging.pages import State
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

log = logging.getLogger("xframes")
_TABLES = {
    "pages": """CREATE TABLE pages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, page_id TEXT NOT NULL, run_id TEXT, action TEXT, method TEXT NOT NULL,
    path TEXT NOT NULL, params TEXT NOT NULL, args TEXT NOT NULL, status INTEGER NOT NULL, received_at TEXT NOT NULL,
    body BLOB NOT NULL
)""",
    "runs": """CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, action TEXT, arguments TEXT, plan TEXT, resume_point TEXT, state TEXT NOT NULL,
    started_at TEXT NOT NULL, ended_at TEXT, recorded_at TEXT NOT NULL, page_count INTEGER NOT NULL DEFAULT 0,
    row_count INTEGER NOT NULL DEFAULT 0, error TEXT, owner TEXT, unwritten INTEGER NOT NULL DEFAULT 1
)""",
}
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")  # ends a rollback journal that names a file for SQLite to delete
_PAGE = "page_id, run_id, action, method, path, params, args, status, received_at, body"
_PATIENCE = 60.0  # seconds
_COPIES = 5  # of a journal that others write to meanwhile
_MARK_DIGITS = 20
_NO_ROOM = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the journal knows it; `owner` is the lock its process holds while it lives."""

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
        """The row of `runs` this is."""
        return {
            "run_id": self.run_id, "action": self.action, "arguments": self.arguments, "state": self.state,
            "started_at": self.started_at, "ended_at": self.ended_at, "page_count": self.page_count,
            "row_count": self.row_count, "gap_count": self.gaps, "error": self.error, "observed_at": self.recorded_at,
        }

    @property
    def gaps(self) -> int | None:
        """The gaps of a stream so far; None of anything else."""
        found = State.from_json(self.resume_point).gaps if self.resume_point else None
        return found if isinstance(found, int) else None


_RUN = ", ".join(RunRow.__slots__)


class Journal:
    """An open journal. Any number of processes may have it open; SQLite keeps them apart.

    `mark` is a file beside it that says how many pages it has received as long as any is not yet in parts: so a journal
    that is lost or cut short is noticed.
    """

    def __init__(self, connection: sqlite3.Connection, mark: Path) -> None:
        self._sql = connection
        self._mark = mark

    # pages -------------------------------------------------------------------------------------------------------

    def append(self, pages: Sequence[Page], *, point: str | None = None, rows: int | None = None) -> None:
        """Commit pages of one run durably, with the point where the run goes on from here and the rows it has."""
        run_id = pages[-1].run_id
        with self._transaction():
            if not self._mark.exists():
                _write_mark(self._mark, 0)  # before the first page is committed, so that none is ever without it
            self._sql.executemany(
                f"INSERT INTO pages ({_PAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(p.page_id, p.run_id, p.request.action, p.request.method, p.request.path, dump(p.request.params),
                  dump(p.request.args), p.status, p.received_at.isoformat(), p.body) for p in pages],
            )
            self._sql.execute(
                "UPDATE runs SET resume_point = ?, page_count = page_count + ?, row_count = coalesce(?, row_count), "
                "unwritten = 1 WHERE run_id = ?", (point, len(pages), rows, run_id),
            )
            count = self.received()
        if count > (read_mark(self._mark) or 0):
            _write_mark(self._mark, count, durably=False)  # it may lag behind, never run ahead

    def received(self) -> int:
        """The number of pages this journal ever received."""
        found = self._sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'pages'").fetchone()
        return int(found[0]) if found else 0

    def pending(self) -> dict[str | None, int]:
        """Bytes of the pages not yet in parts, by run."""
        return dict(self._sql.execute("SELECT run_id, sum(length(body)) FROM pages GROUP BY run_id").fetchall())

    def waiting(self) -> dict[str | None, int]:
        """Count the pages not yet in parts, by run."""
        found = self._sql.execute("SELECT run_id, count(*) FROM pages GROUP BY run_id ORDER BY 1")
        return dict(found.fetchall())

    def read(self, run_id: str | None, after: int = 0) -> Iterator[tuple[int, Page]]:
        """The pages of a run that are not yet in parts, with their numbers, oldest first."""
        while True:
            row = self._sql.execute(
                f"SELECT seq, {_PAGE} FROM pages WHERE run_id IS ? AND seq > ? ORDER BY seq LIMIT 1", (run_id, after)
            ).fetchone()
            if row is None:
                return
            after = row[0]
            yield after, _page(row[1:])

    def delete(self, numbers: Iterable[int]) -> None:
        """Forget pages: they stand in parts now."""
        with self._transaction():
            self._sql.executemany("DELETE FROM pages WHERE seq = ?", [(n,) for n in numbers])
            left = self._sql.execute("SELECT 1 FROM pages LIMIT 1").fetchone()
            if left is None and (read_mark(self._mark) or 0) <= self.received():
                self._mark.unlink(missing_ok=True)

    # runs --------------------------------------------------------------------------------------------------------

    def start(
        self, runs: Sequence[tuple[str, str | None, Mapping[str, Any], str | None]], owner: str | None, now: datetime
    ) -> None:
        """Begin runs, each (id, action, arguments, plan as JSON); one that exists begins anew."""
        with self._transaction():
            for run_id, action, arguments, plan in runs:
                known = self.run(run_id)
                self._sql.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))
                self._sql.execute(
                    "INSERT INTO runs (run_id, action, arguments, plan, state, started_at, recorded_at, owner) "
                    "VALUES (?, ?, ?, ?, 'running', ?, ?, ?)",
                    (run_id, action, json.dumps(arguments, sort_keys=True, default=str), plan, now.isoformat(),
                     _later(now, known).isoformat(), owner),
                )

    def update(self, run_id: str, now: datetime, *, ended: bool = True, **changes: object) -> None:
        """Change a run: `state`, `error`, `owner`, `page_count`, `row_count`. Its records never share a time."""
        recorded_at = _later(now, self.run(run_id)).isoformat()
        values = {**changes, "recorded_at": recorded_at, "ended_at": now.isoformat() if ended else None, "unwritten": 1}
        assignments = ", ".join(f"{name} = ?" for name in values)
        with self._transaction():
            self._sql.execute(f"UPDATE runs SET {assignments} WHERE run_id = ?", (*values.values(), run_id))

    def run(self, run_id: str) -> RunRow | None:
        """One run, or None."""
        return next(iter(self._runs("WHERE run_id = ?", run_id)), None)

    def runs(self) -> list[RunRow]:
        """All runs, oldest first."""
        return self._runs("ORDER BY started_at, run_id")

    def running(self) -> list[RunRow]:
        """The runs said to be running; their process may have died."""
        return self._runs("WHERE state = 'running'")

    def unwritten(self) -> list[RunRow]:
        """The runs whose present state stands in no part yet."""
        return self._runs("WHERE unwritten = 1")

    def written(self, runs: Iterable[RunRow]) -> None:
        """These states stand in parts now."""
        with self._transaction():
            self._sql.executemany(
                "UPDATE runs SET unwritten = 0 WHERE run_id = ? AND recorded_at = ? AND page_count = ?",
                [(r.run_id, r.recorded_at.isoformat(), r.page_count) for r in runs],
            )

    def clean(self, page: Callable[[Page], Page], text: Callable[[str], str]) -> None:
        """Rewrite pages and the arguments of runs; what was there before is overwritten on the disk."""
        self._sql.execute("PRAGMA secure_delete = ON")
        with self._transaction():
            for (run_id,) in self._sql.execute("SELECT DISTINCT run_id FROM pages").fetchall():
                for number, old in self.read(run_id):
                    new = page(old)
                    if new is not old:
                        self._sql.execute("UPDATE pages SET path = ?, params = ?, args = ?, body = ? WHERE seq = ?", (
                            new.request.path, dump(new.request.params), dump(new.request.args), new.body, number))
            for run_id, *texts in self._sql.execute("SELECT run_id, arguments, plan, error FROM runs").fetchall():
                changed = [None if t is None else text(t) for t in texts]
                if changed != texts:
                    self._sql.execute("UPDATE runs SET arguments = ?, plan = ?, error = ? WHERE run_id = ?",
                                      (*changed, run_id))
        self._sql.execute("VACUUM")
        self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def check(self) -> str | None:
        """What SQLite finds wrong with the file, or None."""
        (found,) = self._sql.execute("PRAGMA quick_check(1)").fetchone()
        return None if found == "ok" else str(found)

    def touch(self, run_id: str, now: datetime) -> None:
        """Give a running run's record a new time, so that it is newer than the one in parts."""
        self.update(run_id, now, ended=False)

    def _runs(self, rest: str, *parameters: object) -> list[RunRow]:
        return [_run(row) for row in self._sql.execute(f"SELECT {_RUN} FROM runs {rest}", parameters)]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._sql.execute("PRAGMA query_only").fetchone()[0]:
            raise sqlite3.OperationalError("the disk is full")
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._sql.execute("COMMIT")  # here a full disk shows
        except BaseException:
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")
            raise


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """The journal at that path, made when missing. Raises ArchiveError when it cannot be used.

    Where nobody may write it is opened as it lies: what a living process elsewhere has just committed may not show.
    Triggers, views and indexes that somebody has put into it are dropped before anything is written.
    """
    _refuse_foreign_files(path)
    writable = os.access(path.parent, os.W_OK)
    where = path.as_posix() if writable else f"{path.absolute().as_uri()}?immutable=1"
    connection = _connect(where, writable=writable)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        if writable:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk before the next page is requested
        _prepare_schema(connection, path, writable=writable)
        yield Journal(connection, path.with_name("journal.mark"))
    except sqlite3.DatabaseError as error:
        raise ArchiveError(f"{path}: the journal cannot be used: {error}") from error
    finally:
        connection.close()


@contextmanager
def open_copy(path: Path) -> Iterator[Journal]:
    """A journal of somebody else, read from a copy: SQLite would write beside the journal itself.

    Raises ArchiveError when it cannot be used.
    """
    for attempt in range(_COPIES):
        with tempfile.TemporaryDirectory(prefix="xframes-journal-") as home:
            copy = Path(home) / path.name
            _refuse_foreign_files(path)
            for suffix in ("", "-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            with open_journal(copy) as journal:
                if journal.check() is None or attempt == _COPIES - 1:  # else a process wrote to it meanwhile
                    yield journal
                    return


def _refuse_foreign_files(path: Path) -> None:
    """Raise ArchiveError for what SQLite must not open: links, and a rollback journal that names another file."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        beside = path.with_name(path.name + suffix)
        if is_link(beside) or (beside.exists() and not beside.is_file()):
            raise ArchiveError(f"{beside}: the journal cannot be used: it is not a plain file")
    rollback = path.with_name(f"{path.name}-journal")
    with contextlib.suppress(FileNotFoundError), rollback.open("rb") as file:
        file.seek(max(0, rollback.stat().st_size - len(_SUPER_JOURNAL)))
        if file.read() == _SUPER_JOURNAL:
            raise ArchiveError(f"{path}: the journal cannot be used: {rollback.name} names another file, "
                               "which xframes never writes. Remove it")


def _prepare_schema(connection: sqlite3.Connection, path: Path, *, writable: bool) -> None:
    """Make missing tables; refuse tables of another form, and drop what would run when rows are written."""
    found = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    for kind, name, sql in found:
        if name in _TABLES and (kind != "table" or sql != _TABLES[name]):
            raise ArchiveError(f"{path}: the journal cannot be used: its {kind} {name!r} is not one that xframes makes")
    if not writable:
        return
    for kind, name, sql in found:
        if kind in {"trigger", "view"} or (kind == "index" and sql is not None):
            log.warning("%s: dropped the %s %r, which xframes did not make", path, kind, name)
            quoted = name.replace('"', '""')
            connection.execute(f'DROP {kind} IF EXISTS "{quoted}"')
    for name, sql in _TABLES.items():
        if ("table", name, sql) not in found:
            connection.execute(sql.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))


def read_mark(mark: Path) -> int | None:
    """The number of pages the journal beside a mark has received; None without a mark."""
    try:
        return int(mark.read_bytes()[:_MARK_DIGITS])
    except FileNotFoundError:
        return None
    except ValueError:
        return 0  # cut short by a crash


def _write_mark(mark: Path, count: int, *, durably: bool = True) -> None:
    """Note the number of pages a journal has received, always with as many digits, so that no state is half written."""
    descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        os.write(descriptor, f"{count:0{_MARK_DIGITS}}".encode())
        if durably:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
def _connect(where: str, *, writable: bool) -> sqlite3.Connection:
    """Connect to a journal.

    SQLite keeps a file that its processes share beside it. Where a full disk has no room for one,
    no process has the journal open: then this one can read it without, but not write.
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
        return connection  # the caller meets the damage again
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging. SQLite does not wait for this lock, and two may be making the journal."""
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
    """Something that is equal as long as nobody has written to the journal."""
    found = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            stat = file.stat()
            found.append((stat.st_mtime_ns, stat.st_size))
        except FileNotFoundError:
            found.append((0, 0))
    return found


def _page(row: Sequence[Any]) -> Page:
    page_id, run_id, action, method, path, params, args, status, received_at, body = row
    try:
        request = Request(method, path, _texts(params), action, _texts(args))
        return Page(request, bytes(body), _time(received_at), int(status), run_id, str(page_id))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ArchiveError(f"the journal cannot be used: page {page_id!r:.60} is damaged ({error})") from error


def _texts(text: str) -> dict[str, str]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("its parameters are not an object")
    return found


def _run(row: Sequence[Any]) -> RunRow:
    values = dict(zip(RunRow.__slots__, row, strict=True))
    try:
        for name in ("started_at", "ended_at", "recorded_at"):
            values[name] = None if values[name] is None else _time(values[name])
        run = msgspec.convert(values, RunRow)
        _ = run.gaps
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ArchiveError(f"the journal cannot be used: run {row[0]!r:.60} is damaged ({error})") from error
    return run


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _later(now: datetime, known: RunRow | None) -> datetime:
    """A time for a run's new record: now, or just after the record before."""
    return now if known is None else max(now, known.recorded_at + _TICK)
