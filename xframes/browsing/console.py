"""Queries of the user: each in a process of its own, with a limit of time and rows."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from xframes.browsing.engine import Engine, Order
from xframes.errors import ArgumentError
from xframes.sql.names import named_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.browsing.holdings import Holdings

SECONDS = 30.0
MOST_ROWS = 500  # on a page; a download has all
_MOST_AT_ONCE = 4
_MOST_IDLE = 1  # processes that wait for the next query


@dataclass(frozen=True, slots=True)
class Answer:
    """The first rows of a query, whether there are more, and how long it took."""

    rows: pa.Table
    has_more: bool
    seconds: float


class _Running:
    """A query that runs now in an engine, which is killed when the time is over."""

    def __init__(self, engine: Engine, seconds: float) -> None:
        self._engine = engine
        self._mutex = threading.Lock()
        self._is_ended = False
        self.reason = ""
        self._timer = threading.Timer(seconds, self.stop, (f"stopped after {seconds:g} seconds",))
        self._timer.daemon = True
        self._timer.start()

    def stop(self, reason: str) -> None:
        """Kill the engine, unless the query has ended."""
        with self._mutex:
            if not self._is_ended:
                self.reason = self.reason or reason
                self._engine.kill()

    def end(self) -> None:
        """Let the engine live: its query has ended."""
        with self._mutex:
            self._is_ended = True
        self._timer.cancel()


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
    _idle: list[Engine] = field(default_factory=list)
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _is_closed: bool = False

    def prepare(self) -> None:
        """Start a process for the next query, if none waits."""
        with self._mutex:
            if not self._idle and not self._is_closed:
                self._idle.append(Engine(self.holdings.address))

    def answer(self, query: str, run: str) -> Answer:
        """Run a query, and return its first rows. Raises ArgumentError with what is wrong."""
        began = time.monotonic()
        with self.opened(query, run, most=MOST_ROWS + 1) as tables:
            rows = pa.concat_tables(tables)
        taken = time.monotonic() - began
        return Answer(rows.slice(0, MOST_ROWS), rows.num_rows > MOST_ROWS, taken)

    def explanation(self, query: str, run: str) -> str:
        """Return how DuckDB would run a query. Raises ArgumentError with what is wrong."""
        with self._ordered(query, run, is_plan=True) as answers:
            return "\n".join(text for text in answers if isinstance(text, str))

    @contextmanager
    def opened(
        self, query: str, run: str, *, seconds: float | None = None, most: int | None = None,
        batch_rows: int = MOST_ROWS,
    ) -> Iterator[Iterator[pa.Table]]:
        """Yield tables of the rows of a query, one at least; the block reads them within the time.

        Raises ArgumentError with what is wrong with the query, when they are read.
        """
        with self._ordered(
            query, run, seconds=seconds, most=most, batch_rows=batch_rows
        ) as answers:
            yield (rows for rows in answers if isinstance(rows, pa.Table))

    @contextmanager
    def _ordered(
        self, query: str, run: str, *, seconds: float | None = None, most: int | None = None,
        batch_rows: int = MOST_ROWS, is_plan: bool = False,
    ) -> Iterator[Iterator[pa.Table | str]]:
        """Yield the answers of an engine to a query."""
        seconds = seconds or self.seconds
        with self.holdings.files(named_tables(query)) as files:
            engine, running = self._begin(run, seconds)
            try:
                yield engine.answers(Order(query, seconds, most, batch_rows, is_plan, files))
            except EOFError as error:
                reason = running.reason or "stopped, because it needs too much memory"
                raise ArgumentError(f"query: {reason}") from error
            finally:
                self._end(run, engine, running)

    def _begin(self, run: str, seconds: float) -> tuple[Engine, _Running]:
        with self._mutex:
            if len(self._running) >= _MOST_AT_ONCE:
                raise ArgumentError("query: too many queries run now; wait for one, or cancel it")
            if run in self._running:
                raise ArgumentError("query: it runs already")
            engine = self._idle.pop() if self._idle else Engine(self.holdings.address)
            if not engine.is_free:
                engine.close()
                engine = Engine(self.holdings.address)
            self._running[run] = running = _Running(engine, seconds)
        return engine, running

    def _end(self, run: str, engine: Engine, running: _Running) -> None:
        """Keep the engine for the next query, if it ended this one."""
        running.end()
        is_kept = engine.is_free and not running.reason
        with self._mutex:
            del self._running[run]
            is_kept = is_kept and len(self._idle) < _MOST_IDLE and not self._is_closed
            if is_kept:
                self._idle.append(engine)
        if not is_kept:
            engine.close()

    def cancel(self, run: str) -> bool:
        """Stop a query. Returns whether it ran."""
        with self._mutex:
            running = self._running.get(run)
        if running is None:
            return False
        running.stop("canceled")
        return True

    def close(self) -> None:
        """End all processes."""
        with self._mutex:
            self._is_closed = True
            idle, self._idle = self._idle, []
            running = list(self._running.values())
        for query in running:
            query.stop("the server stops")
        for engine in idle:
            engine.close()
