"""Queries of the user: checked, with a limit of time and rows, and a way to cancel them."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xframes.browsing.statement import checked
from xframes.errors import ArgumentError, XframesError
from xframes.frames import readable_sql
from xframes.sql.names import named_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import pyarrow as pa

    from xframes.browsing.holdings import Holdings

SECONDS = 30.0
MOST_ROWS = 500  # on a page; a download has all
_MOST_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """The first rows of a query, whether there are more, and how long it took."""

    rows: pa.Table
    has_more: bool
    seconds: float


class _Running:
    """A query that runs now, and the thread that stops it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._is_ended = threading.Event()
        self._is_canceled = threading.Event()
        self.reason = ""
        threading.Thread(target=self._watch, daemon=True, name="xframes-query").start()

    def cancel(self) -> None:
        """Stop the query."""
        self._is_canceled.set()

    def end(self) -> None:
        """Let the thread end: the query has."""
        self._is_ended.set()
        self._is_canceled.set()

    def _watch(self) -> None:
        import duckdb

        self.reason = f"stopped after {self._seconds:g} seconds"
        if self._is_canceled.wait(self._seconds):
            self.reason = "canceled"
        while not self._is_ended.is_set():  # repeated, because it may be about to begin
            with suppress(duckdb.Error):
                self._connection.interrupt()
            self._is_ended.wait(0.1)


@dataclass(slots=True)
class Console:
    """Runs queries.

    Parameters
    ----------
    holdings
        What they read.
    seconds
        How long one may take.
    """

    holdings: Holdings
    seconds: float = SECONDS
    _running: dict[str, _Running] = field(default_factory=dict)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, query: str, run: str) -> Answer:
        """Run a query, and return its first rows. Raises ArgumentError with what is wrong."""
        began = time.monotonic()
        with self.opened(query, run) as (connection, statement):
            rows = _first(connection.sql(statement).to_arrow_reader(MOST_ROWS + 1))
        taken = time.monotonic() - began
        return Answer(rows.slice(0, MOST_ROWS), rows.num_rows > MOST_ROWS, taken)

    def explanation(self, query: str, run: str) -> str:
        """Return how DuckDB would run a query. Raises ArgumentError with what is wrong."""
        with self.opened(query, run) as (connection, statement):
            rows = connection.execute(f"EXPLAIN {statement}").fetchall()
        return "\n".join(text for _, text in rows)

    @contextmanager
    def opened(
        self, query: str, run: str, seconds: float | None = None
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
        """Yield a DuckDB and a checked query; the block runs it within the time."""
        with self.holdings.own() as parser, _readable():
            statement = checked(parser, query)
        names = named_tables(statement)
        with self.holdings.console(names) as connection, self._limited(connection, run, seconds):
            yield connection, statement

    @contextmanager
    def _limited(
        self, connection: duckdb.DuckDBPyConnection, run: str, seconds: float | None
    ) -> Iterator[None]:
        with self._mutex:
            if len(self._running) >= _MOST_AT_ONCE:
                raise ArgumentError("query: too many queries run now; wait for one, or cancel it")
            if run in self._running:
                raise ArgumentError("query: it runs already")
            self._running[run] = running = _Running(connection, seconds or self.seconds)
        try:
            with _readable():
                yield
        except Exception as error:
            if isinstance(error.__cause__, _interrupted()):
                raise ArgumentError(f"query: {running.reason}") from error
            raise
        finally:
            running.end()
            with self._mutex:
                del self._running[run]

    def cancel(self, run: str) -> bool:
        """Stop a query. Returns whether it ran."""
        with self._mutex:
            running = self._running.get(run)
        if running is None:
            return False
        running.cancel()
        return True


def _interrupted() -> type[Exception]:
    import duckdb

    return duckdb.InterruptException


@contextmanager
def _readable() -> Iterator[None]:
    """Raise DuckDB's errors about a query as ArgumentError."""
    import duckdb

    try:
        with readable_sql():
            yield
    except XframesError as error:
        if isinstance(error.__cause__, duckdb.Error):
            raise ArgumentError(f"query: {error}") from error.__cause__
        raise


def _first(reader: pa.RecordBatchReader) -> pa.Table:
    """Read no more than what is shown."""
    import pyarrow as pa

    batches, count = [], 0
    for batch in reader:
        batches.append(batch)
        count += batch.num_rows
        if count > MOST_ROWS:
            break
    return pa.Table.from_batches(batches, reader.schema)
