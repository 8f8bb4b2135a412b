"""Indexes in memory: the keys of a table in order, with what its rows are chosen by.

An index belongs to a state of the archive. It is built when its table is first shown. Of a large
table, a later one is built while the earlier one answers, except after a removal.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xframes.archive.query.confinement import SCHEMA
from xframes.browsing.tabular.facets import first_index, shape_of, sources_of, whole_index

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    import duckdb

    from xframes.archive.query.confinement import Session
    from xframes.browsing.holdings import Holdings
    from xframes.browsing.tabular.facets import Shape

SMALL = 200_000  # rows of which an index is soon built, so that it is waited for
PATIENCE = 0.5  # seconds to wait for another before rows are shown without it
_LONG = 600.0
_MOST_COUNTS = 500  # results of counting that are remembered, per index
_MOST_SEARCHES = 6


@dataclass(slots=True)
class Index:
    """The index of a table at one state: a table in DuckDB, and what was counted in it."""

    table: str
    state: Any
    stones: Any
    is_whole: bool
    rows: int
    readers: int = 0
    is_old: bool = False
    searches: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _counts: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def recall(self, key: Hashable) -> Any:
        """Return what was counted before, or None."""
        with self._mutex:
            return self._counts.get(key)

    def remember(self, key: Hashable, counts: Any) -> None:
        """Keep what was counted."""
        with self._mutex:
            self._counts[key] = counts
            while len(self._counts) > _MOST_COUNTS:
                self._counts.popitem(last=False)


@dataclass(slots=True)
class _Place:
    """Where the index of one table is kept."""

    shape: Shape
    lock: threading.Lock = field(default_factory=threading.Lock)  # of the one who builds
    ready: threading.Condition = field(default_factory=threading.Condition)
    index: Index | None = None
    worker: threading.Thread | None = None
    connection: duckdb.DuckDBPyConnection | None = None  # of the worker
    failure: Exception | None = None


class Indexes:
    """The indexes of all tables."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._places: dict[str, _Place] = {}
        self._numbers = itertools.count(1)
        self._mutex = threading.Lock()
        self._is_closed = False

    def close(self) -> None:
        """Stop workers, and wait for them: a database in use cannot be closed."""
        self._is_closed = True
        for place in list(self._places.values()):
            worker = place.worker
            while worker is not None and worker.is_alive():
                connection = place.connection
                if connection is not None:
                    with suppress(Exception):  # it has just ended
                        connection.interrupt()
                worker.join(timeout=0.1)

    def begin(self, name: str) -> None:
        """Begin to build the index of a table, without waiting for it."""
        self._start(self._place(name))

    @contextmanager
    def reading(self, name: str, *, whole: bool = False) -> Iterator[Index | None]:
        """Yield the index of a table, which stays while the block runs; None if not ready yet.

        With `whole`, wait until it has everything.
        """
        place = self._place(name)
        with self._holdings.session(sources_of(place.shape)) as session:
            state, stones = _state(session), session.stones
        if not _fits(place.index, state, whole=whole):
            self._start(place)
            self._wait(place, state, stones, whole=whole)
        with place.ready:
            index = place.index
            if index is not None and index.stones == stones:
                index.readers += 1
            else:
                index = None
        try:
            yield index
        finally:
            if index is not None:
                self._leave(place, index)

    def _wait(self, place: _Place, state: Any, stones: Any, *, whole: bool) -> None:
        """Wait for an index of this state; if that takes long, be content with another."""
        index, patience = place.index, PATIENCE
        if whole or (index is not None and index.stones != stones):
            patience = _LONG  # rows and counts of what was removed are not shown
        elif self._rows(place) <= SMALL:
            patience = _LONG
        elif index is not None:
            return
        until = time.monotonic() + patience
        with place.ready:
            while not _fits(place.index, state, whole=whole) and time.monotonic() < until:
                if place.worker is None:
                    break
                place.ready.wait(timeout=0.5)
        if place.failure is not None:
            raise place.failure

    def _rows(self, place: _Place) -> int:
        if place.index is not None:
            return place.index.rows
        return self._holdings.row_counts()[place.shape.name][0]

    def _leave(self, place: _Place, index: Index) -> None:
        with place.ready:
            index.readers -= 1
            is_last = index.is_old and not index.readers
        if is_last:
            self._drop_all(index)

    def _place(self, name: str) -> _Place:
        with self._mutex:
            if name not in self._places:
                self._places[name] = _Place(shape_of(name))
            return self._places[name]

    def _start(self, place: _Place) -> None:
        with place.ready:
            if place.worker is None and not self._is_closed:
                place.worker = threading.Thread(
                    target=self._work, args=(place,), daemon=True, name="xframes-index"
                )
                place.worker.start()

    def _work(self, place: _Place) -> None:
        place.failure = None
        try:
            self._build(place)
        except Exception as error:  # noqa: BLE001  raised by those who wait for the index
            place.failure = error
        finally:
            place.connection = None
            with place.ready:
                place.worker = None
                place.ready.notify_all()

    def _build(self, place: _Place) -> None:
        """Build an index in two steps, so that the first is there soon."""
        shape = place.shape
        first, last = self._name(), self._name()
        with self._holdings.session(sources_of(shape)) as session:
            state, cursor = _state(session), session.connection
            place.connection = cursor
            if self._is_closed:
                return
            if place.index is not None and place.index.state == state and place.index.is_whole:
                return
            # in the order of time, so that the newest rows are read from few blocks
            cursor.execute(f"CREATE TABLE {first} AS {first_index(shape)} ORDER BY moment, tie")
            rows = cursor.execute(f"SELECT count(*) FROM {first}").fetchall()[0][0]
            derived = whole_index(shape, first)
            cursor.commit()
            index = Index(first, state, session.stones, derived is None, rows)
            if derived is None:
                self._publish(place, index)
                return
            if place.index is None and rows > SMALL:
                self._publish(place, index)
            cursor.begin()
            cursor.execute(f"CREATE TABLE {last} AS {derived} ORDER BY moment, tie")
            cursor.commit()
            self._publish(place, Index(last, state, session.stones, is_whole=True, rows=rows))
            if place.index is not index and not index.is_old:
                self._drop(first)  # it was never published

    def _name(self) -> str:
        return f"{SCHEMA}.index_{next(self._numbers)}"

    def _publish(self, place: _Place, index: Index) -> None:
        with place.ready:
            before, place.index = place.index, index
            place.ready.notify_all()
            if before is not None:
                before.is_old = True
        if before is not None and not before.readers:
            self._drop_all(before)

    def _drop_all(self, index: Index) -> None:
        for table in (index.table, *index.searches.values()):
            self._drop(table)

    def _drop(self, table: str) -> None:
        with self._holdings.own() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")

    def search(self, index: Index, name: str, words: str) -> str:
        """Return a table of the keys (`tie`) whose texts contain some words, in any case."""
        place = self._place(name)
        with place.lock:
            if words in index.searches:
                index.searches.move_to_end(words)
                return index.searches[words]
            table = self._name()
            with self._holdings.session(sources_of(place.shape)) as session:
                session.connection.execute(
                    f"CREATE TABLE {table} AS SELECT {place.shape.tie} AS tie "
                    f'FROM "{name}" AS p WHERE {searched(place.shape)}', {"words": words},
                )
                session.connection.commit()
            index.searches[words] = table
            while len(index.searches) > _MOST_SEARCHES:
                self._drop(index.searches.popitem(last=False)[1])
            return table


def searched(shape: Shape) -> str:
    """Return SQL of whether a text of a row contains the parameter `$words`, in any case."""
    tests = [f'contains(lower(p."{column}"), lower($words))' for column in shape.texts]
    return f"({' OR '.join(tests)})" if tests else "false"


def _state(session: Session) -> Any:
    return tuple(sorted(session.states.items(), key=lambda item: item[0]))


def _fits(index: Index | None, state: Any, *, whole: bool) -> bool:
    return index is not None and index.state == state and (index.is_whole or not whole)
