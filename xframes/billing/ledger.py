"""The ledger: what every request cost, in one SQLite file for all apps, archives and processes.

Before a request is sent, its intent is written with the most that it can cost. An answer replaces
the intent by what was billed, a refusal removes it. What was in flight when a process was killed
or a connection was lost stays, and counts in the high reading, until the same request is answered
on the same day.

X bills an object once a day (UTC) for each app. Each reading has its own set of what was billed
that day. The ids are kept for that day only, the sums stay.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sqlite3
import time
import weakref
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import platformdirs

from xframes.billing.budget import Amount
from xframes.plan.post_ids import UNDATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xframes.billing.card import Rate
    from xframes.billing.resources import Resource

__all__ = ["Intent", "Label", "Ledger", "Spent", "ledger_path"]

_TABLES = """
CREATE TABLE IF NOT EXISTS apps (app INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, server TEXT);
CREATE TABLE IF NOT EXISTS names (hash TEXT PRIMARY KEY, app INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS salt (value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS billed (
    app INTEGER NOT NULL, day TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    readings INTEGER NOT NULL, PRIMARY KEY (app, day, kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lines (
    line INTEGER PRIMARY KEY, app INTEGER NOT NULL, day TEXT NOT NULL, action TEXT NOT NULL,
    query TEXT NOT NULL, run TEXT NOT NULL, archive TEXT NOT NULL,
    requests INTEGER NOT NULL DEFAULT 0, low INTEGER NOT NULL DEFAULT 0,
    high INTEGER NOT NULL DEFAULT 0, posts_low INTEGER NOT NULL DEFAULT 0,
    posts_high INTEGER NOT NULL DEFAULT 0, UNIQUE (app, day, action, query, run, archive)
);
CREATE INDEX IF NOT EXISTS lines_run ON lines (run);
CREATE TABLE IF NOT EXISTS counts (
    line INTEGER NOT NULL, kind TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
    PRIMARY KEY (line, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intents (
    intent INTEGER PRIMARY KEY AUTOINCREMENT, app INTEGER NOT NULL, day TEXT NOT NULL,
    action TEXT NOT NULL, query TEXT NOT NULL, run TEXT NOT NULL, archive TEXT NOT NULL,
    key TEXT NOT NULL, owner TEXT NOT NULL, at REAL NOT NULL, lost INTEGER NOT NULL DEFAULT 0,
    low INTEGER NOT NULL, high INTEGER NOT NULL, posts_low INTEGER NOT NULL,
    posts_high INTEGER NOT NULL
);
"""
_LOW, _HIGH = 1, 2  # the bits of `readings`
_PATIENCE = 60.0  # seconds to wait for other processes
_LONGEST = 900.0  # seconds after which an intent of a process that cannot be checked is lost
_GRACE = timedelta(minutes=10)  # after midnight, before ids are removed: clocks disagree


def ledger_path() -> Path:
    """Return the path of the ledger, in the platform's data folder for xframes."""
    return platformdirs.user_data_path("xframes") / "ledger.sqlite"


@dataclass(frozen=True, slots=True)
class Label:
    """What a request is for: the columns by which spending is summed."""

    app: int
    day: str
    action: str
    query: str
    run: str
    archive: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent in both readings. What is in flight counts with the most that it can cost."""

    low: Amount = field(default_factory=Amount)
    high: Amount = field(default_factory=Amount)


@dataclass(frozen=True, slots=True)
class Intent:
    """A request about to be sent."""

    number: int
    label: Label
    before: bool  # whether an earlier attempt of it may have been billed


class Ledger:
    """An open ledger. Threads may share one; SQLite keeps processes apart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._inherited: list[sqlite3.Connection] = []
        self._process = 0
        self._pruned = ""

    # apps -----------------------------------------------------------------------------------------

    def salt(self) -> bytes:
        """Return the random bytes with which apps are hashed in this ledger."""
        with self._transaction() as sql:
            row = sql.execute("SELECT value FROM salt").fetchone()
            if row is None:
                row = (secrets.token_bytes(16),)
                sql.execute("INSERT INTO salt VALUES (?)", row)
            return bytes(row[0])

    def app(self, hashes: Sequence[str], server: str) -> int:
        """Return the number of an app with these hashes: of the first one that is known.

        The others are recorded as hashes of the same app.
        """
        with self._transaction() as sql:
            query = "SELECT app FROM names WHERE hash = ?"
            known = [row[0] for one in hashes for row in sql.execute(query, (one,))]
            if known:
                app = int(known[0])
            else:
                query = "INSERT INTO apps (hash, server) VALUES (?, ?) RETURNING app"
                app = int(sql.execute(query, (hashes[0], server)).fetchone()[0])
            names = [(one, app) for one in hashes]
            sql.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", names)
            return app

    # requests -------------------------------------------------------------------------------------

    def open(
        self, label: Label, key: str, choose: Callable[[Callable[[str], Spent]], tuple[Any, Any]],
    ) -> Intent:
        """Write the intent of a request, and return it.

        An earlier attempt with the same key is replaced, because X bills its objects once. Without
        a key it is not: X bills each request.

        `choose` receives the function that sums what was spent, by the condition of a period. It
        returns the most that the request can cost (low and high), or raises an error: then nothing
        is written. No other process can spend in between.
        """
        with self._transaction() as sql:
            before = self._lost(sql, label, key)

            def spent(period: str) -> Spent:
                return _sums(sql, label, period, without=[number for number, *_ in before])

            low, high = choose(spent)
            for number, *earlier in before:
                low = Amount(max(low.units, earlier[0]), max(low.posts, earlier[2]))
                high = Amount(max(high.units, earlier[1]), max(high.posts, earlier[3]))
                sql.execute("DELETE FROM intents WHERE intent = ?", (number,))
            cursor = sql.execute(
                "INSERT INTO intents (app, day, action, query, run, archive, key, owner, at, low, "
                "high, posts_low, posts_high) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*_columns(label), key, _owner(), time.time(), low.units, high.units, low.posts,
                 high.posts),
            )
            return Intent(int(cursor.lastrowid or 0), label, bool(before))

    def refused(self, intent: Intent) -> None:
        """Record that a request was refused: it cost nothing, unless an earlier attempt did."""
        if intent.before:
            self.lost(intent)
            return
        with self._transaction() as sql:
            sql.execute("DELETE FROM intents WHERE intent = ?", (intent.number,))
            _add(sql, intent.label, requests=1)

    def lost(self, intent: Intent) -> None:
        """Record that no answer arrived, so that X may have billed the request."""
        with self._transaction() as sql:
            sql.execute("UPDATE intents SET lost = 1 WHERE intent = ?", (intent.number,))
            _add(sql, intent.label, requests=1)

    def answered(
        self, intent: Intent | None, label: Label, rate: Rate, found: Sequence[Resource], *,
        now: datetime, requests: int = 1,
    ) -> tuple[int, int]:
        """Record what an answer costs: its request, and its objects not billed that day yet.

        Return the price, low and high.
        """
        with self._transaction() as sql:
            if intent is not None:
                sql.execute("DELETE FROM intents WHERE intent = ?", (intent.number,))
            self._prune(sql, (now - _GRACE).astimezone(UTC).date().isoformat())
            low, high, counts = _bill(sql, label, found)
            low, high = rate.low + low, rate.high + high
            _add(sql, label, requests, low=low, high=high, counts=counts)
            return low, high

    # sums -----------------------------------------------------------------------------------------

    def spent(self, label: Label, period: str) -> Spent:
        """Return what an app spent in a period, with what is in flight."""
        with self._transaction() as sql:
            return _sums(sql, label, period)

    def of_runs(self, runs: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return the billionths of a dollar that runs cost, low and high, by run."""
        with self._transaction() as sql:
            known = {run for (run,) in sql.execute("SELECT DISTINCT run FROM lines")}
            return {run: _of_run(sql, run) for run in runs if run in known}

    def of_run(self, run: str) -> tuple[int, int]:
        """Return the billionths of a dollar that a run cost, low and high."""
        with self._transaction() as sql:
            return _of_run(sql, run)

    def billed(
        self, label: Label, kind: str, first: int | None, last: int | None
    ) -> frozenset[str]:
        """Return the objects of a kind that an app was billed for on a day.

        Only ids from `first` to `last` count, and those that are too small to show a time.
        """
        query = (
            "SELECT id FROM billed WHERE app = ? AND day = ? AND kind = ? AND "
            "(CAST(id AS INTEGER) < ? OR CAST(id AS INTEGER) BETWEEN ? AND ?)"
        )
        bounds = (UNDATED, first or 0, last or 2**63 - 1)
        with self._transaction() as sql:
            rows = sql.execute(query, (label.app, label.day, kind, *bounds)).fetchall()
        return frozenset(id for (id,) in rows)

    def rows(self) -> list[dict[str, Any]]:
        """Return all sums, one row per app, day, action, query, run and archive."""
        with self._transaction() as sql:
            return _rows(sql)

    # inside ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            sql = self._open()
            sql.execute("BEGIN IMMEDIATE")
            try:
                yield sql
                sql.execute("COMMIT")
            except BaseException:
                if sql.in_transaction:
                    sql.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._process == os.getpid():
            return self._connection
        if self._connection is not None:  # a child process must not use its parent's connection
            self._inherited.append(self._connection)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # It has ids and queries. An existing file must not be opened here: closing it would release
        # the locks of other connections of this process.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._process = connection, os.getpid()
        weakref.finalize(self, _close, connection, self._process)
        return connection

    def _lost(
        self, sql: sqlite3.Connection, label: Label, key: str
    ) -> list[tuple[int, int, int, int, int]]:
        """Return the intents of the same request that day whose process no longer waits for it."""
        if not key:
            return []
        found = sql.execute(
            "SELECT intent, low, high, posts_low, posts_high, lost, owner, at FROM intents "
            "WHERE app = ? AND day = ? AND key = ?", (label.app, label.day, key),
        ).fetchall()
        return [tuple(row[:5]) for row in found if row[5] or _is_gone(row[6], row[7])]

    def _prune(self, sql: sqlite3.Connection, first: str) -> None:
        """Remove the ids of the days before a day."""
        if first != self._pruned:
            sql.execute("DELETE FROM billed WHERE day < ?", (first,))
            self._pruned = first


def _close(connection: sqlite3.Connection, process: int) -> None:
    if process == os.getpid():
        connection.close()


def _prepare(connection: sqlite3.Connection) -> None:
    """Create the tables. Another process may do so at the same time."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # Safe when a process is killed; a power failure can lose the last commits.
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                script = f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = 1; COMMIT;"
                connection.executescript(script)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _columns(label: Label) -> tuple[object, ...]:
    return label.app, label.day, label.action, label.query, label.run, label.archive


def _sums(
    sql: sqlite3.Connection, label: Label, period: str, without: Sequence[int] = ()
) -> Spent:
    """Sum what was billed in a period, and the most of what is in flight now."""
    condition, value = _CONDITIONS[period](label)
    low, high, posts_low, posts_high, requests = sql.execute(
        "SELECT coalesce(sum(low), 0), coalesce(sum(high), 0), coalesce(sum(posts_low), 0), "
        "coalesce(sum(posts_high), 0), coalesce(sum(requests), 0) FROM lines "
        f"WHERE app = ? AND {condition}", (label.app, value),
    ).fetchone()
    flying = sql.execute(
        "SELECT intent, low, high, posts_low, posts_high, lost FROM intents "
        f"WHERE app = ? AND (({condition}) OR (NOT lost AND {period != 'run'}))",
        (label.app, value),
    ).fetchall()
    for number, more_low, more_high, more_posts_low, more_posts_high, is_lost in flying:
        if number in without:
            continue
        low, high = low + more_low, high + more_high
        posts_low, posts_high = posts_low + more_posts_low, posts_high + more_posts_high
        requests += not is_lost  # those that were lost are counted already
    return Spent(Amount(low, posts_low, requests), Amount(high, posts_high, requests))


_CONDITIONS: dict[str, Callable[[Label], tuple[str, str]]] = {
    "run": lambda label: ("run = ?", label.run),
    "day": lambda label: ("day = ?", label.day),
    "month": lambda label: ("substr(day, 1, 7) = ?", label.day[:7]),
}


def _readings(
    sql: sqlite3.Connection, label: Label, found: Sequence[Resource]
) -> dict[tuple[str, str], int]:
    """Return the readings in which objects were billed that day already, by kind and id."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, id, _, _ in found:
        by_kind[kind].append(id)
    known: dict[tuple[str, str], int] = {}
    for kind, ids in by_kind.items():
        rows = sql.execute(
            "SELECT id, readings FROM (SELECT value FROM json_each(?)) "
            "CROSS JOIN billed ON id = value WHERE app = ? AND day = ? AND kind = ?",
            (json.dumps(ids), label.app, label.day, kind),
        )
        for id, readings in rows:
            known[kind, id] = readings
    return known


def _bill(
    sql: sqlite3.Connection, label: Label, found: Sequence[Resource]
) -> tuple[int, int, dict[str, list[int]]]:
    """Bill the objects that were not billed that day. Return low, high, and counts by kind."""
    known = _readings(sql, label, found)
    low = high = 0
    counts: dict[str, list[int]] = {one.kind: [0, 0] for one in found}
    changed = []
    for kind, id, rate, is_main in found:
        before = known.get((kind, id), 0)
        after = before | _HIGH
        if is_main:
            after |= _LOW
        if after == before:
            continue
        count, new = counts[kind], after & ~before
        if new & _LOW:
            low += rate.low
            count[0] += 1
        if new & _HIGH:
            high += rate.high
            count[1] += 1
        if not id.startswith("#"):
            changed.append((label.app, label.day, kind, id, after))
    sql.executemany("INSERT OR REPLACE INTO billed VALUES (?, ?, ?, ?, ?)", changed)
    return low, high, {kind: count for kind, count in counts.items() if any(count)}


def _add(
    sql: sqlite3.Connection, label: Label, requests: int, *, low: int = 0, high: int = 0,
    counts: dict[str, list[int]] | None = None,
) -> None:
    """Add to the sums of a label."""
    counts = counts or {}
    posts = counts.get("Post", [0, 0])
    (line,) = sql.execute(
        "INSERT INTO lines (app, day, action, query, run, archive, requests, low, high, posts_low, "
        "posts_high) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, "
        "low = low + excluded.low, high = high + excluded.high, "
        "posts_low = posts_low + excluded.posts_low, posts_high = posts_high + excluded.posts_high "
        "RETURNING line",
        (*_columns(label), requests, low, high, *posts),
    ).fetchone()
    sql.executemany(
        "INSERT INTO counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "low = low + excluded.low, high = high + excluded.high",
        [(line, kind, *amounts) for kind, amounts in counts.items()],
    )


def _of_run(sql: sqlite3.Connection, run: str) -> tuple[int, int]:
    query = "SELECT coalesce(sum(low), 0), coalesce(sum(high), 0) FROM {} WHERE run = ?"
    low, high = sql.execute(query.format("lines"), (run,)).fetchone()
    _, flying = sql.execute(query.format("intents"), (run,)).fetchone()
    return low, high + flying


def _rows(sql: sqlite3.Connection) -> list[dict[str, Any]]:
    names = ("app", "server", "day", "action", "query", "run", "archive")
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    lines = sql.execute(
        "SELECT substr(hash, 1, 8), server, day, action, query, run, archive, requests, low, high, "
        "line FROM lines JOIN apps USING (app)"
    ).fetchall()
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    main: dict[int, dict[str, int]] = defaultdict(dict)
    for line, kind, least, most in sql.execute("SELECT line, kind, low, high FROM counts"):
        main[line][kind], counts[line][kind] = least, most
    for *key, requests, low, high, line in lines:
        sums[tuple(key)] = {
            "requests": requests, "low": low, "high": high, "in_flight": 0,
            "counts": Counter(counts[line]), "main": Counter(main[line]),
        }
    flying = sql.execute(
        "SELECT substr(hash, 1, 8), server, day, action, query, run, archive, high, lost "
        "FROM intents JOIN apps USING (app)"
    )
    for *key, high, is_lost in flying:
        empty: dict[str, Any] = {
            "requests": 0, "low": 0, "high": 0, "in_flight": 0, "counts": Counter(),
            "main": Counter(),
        }
        row = sums.setdefault(tuple(key), empty)
        row["high"] += high
        row["in_flight"] += 1
        row["requests"] += not is_lost
    return [dict(zip(names, key, strict=True)) | row for key, row in sorted(sums.items())]


# processes ----------------------------------------------------------------------------------------


def _owner() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"


def _is_gone(owner: str, at: float) -> bool:
    """Whether the process that sent a request no longer waits for its answer."""
    if abs(time.time() - at) > _LONGEST:
        return True
    host, _, number = owner.rpartition("/")
    if host != socket.gethostname() or os.name != "posix":
        return False
    process = int(number)
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Whether a process has ended and its parent has not noticed yet."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return state.rpartition(")")[2].split()[0] == "Z"
    return False
