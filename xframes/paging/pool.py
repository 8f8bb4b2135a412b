"""Carry out several collections at once: threads fetch pages, and the caller's thread keeps them.

A collection is a generator (`Work`). It yields the iterator of its pages whenever it needs the next
one, and receives that page, or None at the end; an error of the request is raised inside it. So
each page is kept before the same collection requests another one, and nothing but requests runs in
other threads.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread, current_thread, main_thread
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from xframes.client.stopping import Stopped, stoppable
from xframes.errors import ABOUT_ONE
from xframes.paging.pages import State
from xframes.wire import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Step", "Work", "alone", "at_once", "most_serious", "together"]

R = TypeVar("R")
Step: TypeAlias = tuple[list[Page], State]
Work: TypeAlias = Generator[Iterator[Step], Step | None, R]


def alone(work: Work[R]) -> R:
    """Carry out one collection in this thread, and return its result. Raises as it does."""
    try:
        source = next(work)
        while True:
            try:
                step = next(source, None)
            except BaseException as error:  # noqa: BLE001  the collection decides
                source = work.throw(error)
            else:
                source = work.send(step)
    except StopIteration as end:
        result: R = end.value
        return result


def at_once(client: object) -> int:
    """Return how many collections of a client may have a request under way."""
    most: int = getattr(client, "at_once", 1)  # others that send pages do so one by one
    return most


def most_serious(errors: Iterable[BaseException]) -> BaseException:
    """Return the first error that stopped all collections, else the first one about one of them."""
    own = [error for error in errors if not isinstance(error, Stopped)]
    return next((error for error in own if not isinstance(error, ABOUT_ONE)), own[0])


def together(
    works: Iterable[Callable[[], Work[object]]], most: int, stops: Callable[[BaseException], bool]
) -> dict[int, BaseException]:
    """Carry out collections, so many at once, begun in their order.

    Parameters
    ----------
    works
        Functions that return the collections.
    most
        How many of them may have a request under way. One, or one collection: no thread is started.
    stops
        Whether an error of a collection also stops the others. Pages that are under way then are
        kept, and nothing more is requested. Ctrl-C always does.

    Returns
    -------
    dict
        The errors by the position of the collection: those that others stopped have Stopped, or an
        error whose cause it is. Collections that did not begin are not in it.
    """
    waiting = deque(enumerate(works))
    if most == 1 or len(waiting) == 1:
        return _one_by_one(waiting, stops)
    pool = _Pool(waiting, most, stops)
    try:
        with pool.heeding_ctrl_c():
            pool.run()
    finally:
        pool.close()
    return dict(sorted(pool.errors.items()))


def _one_by_one(
    works: Iterable[tuple[int, Callable[[], Work[object]]]],
    stops: Callable[[BaseException], bool],
) -> dict[int, BaseException]:
    errors: dict[int, BaseException] = {}
    for number, begin in works:
        try:
            alone(begin())
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the caller gets it
            errors[number] = error
            if stops(error):
                break
    return errors


@dataclass
class _Pool:
    """Collections under way, and those that wait to begin."""

    waiting: deque[tuple[int, Callable[[], Work[object]]]]
    most: int
    stops: Callable[[BaseException], bool]
    errors: dict[int, BaseException] = field(default_factory=dict)
    _active: dict[int, Work[object]] = field(default_factory=dict)
    _orders: SimpleQueue[tuple[int, Iterator[Step]] | None] = field(default_factory=SimpleQueue)
    # what threads have fetched, by the position of its collection; None: Ctrl-C was pressed
    _steps: SimpleQueue[tuple[int, Step | None, BaseException | None] | None] = field(
        default_factory=SimpleQueue
    )
    _threads: list[Thread] = field(default_factory=list)
    _stop: Event = field(default_factory=Event)
    _interruption: KeyboardInterrupt | None = None

    def run(self) -> None:
        """Carry out all collections, or those that began before one stopped."""
        self._begin()
        while self._active:
            fetched = self._steps.get()
            if fetched is None:
                continue
            number, step, error = fetched
            work = self._active[number]
            if isinstance(error, Stopped):
                error = self._reason()
            if error is None:
                self._advance(number, work, partial(work.send, step))
            else:
                self._advance(number, work, partial(work.throw, error))
            self._begin()
        if self._interruption is not None and not self.errors:
            if not self.waiting:
                raise self._interruption
            self.errors[self.waiting[0][0]] = self._interruption

    @contextmanager
    def heeding_ctrl_c(self) -> Iterator[None]:
        """Let Ctrl-C stop all collections, where no page is between two hands.

        Pressed again, it raises at once, and pages under way are given up.
        """
        usual = signal.default_int_handler
        if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is not usual:
            yield
            return

        def note(*_: object) -> None:
            signal.signal(signal.SIGINT, usual)
            self._interruption = KeyboardInterrupt()
            self._stop.set()
            self._steps.put(None)

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, usual)

    def _reason(self) -> BaseException:
        return self._interruption or Stopped()

    def close(self) -> None:
        """End the threads, and the collections that are still under way."""
        self._stop.set()
        for _ in self._threads:
            self._orders.put(None)
        for work in self._active.values():
            work.close()

    def _begin(self) -> None:
        while self.waiting and len(self._active) < self.most and not self._stop.is_set():
            number, begin = self.waiting.popleft()
            work = self._active[number] = begin()
            self._advance(number, work, partial(next, work))

    def _advance(
        self, number: int, work: Work[object], resume: Callable[[], Iterator[Step]]
    ) -> None:
        """Let a collection continue until it needs a page, and request that page."""
        try:
            source = resume()
            if self._stop.is_set():
                source = work.throw(self._reason())
        except StopIteration:
            del self._active[number]
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the caller gets it
            del self._active[number]
            self.errors[number] = error
            if self.stops(error):
                self._stop.set()
        else:
            self._request(number, source)

    def _request(self, number: int, source: Iterator[Step]) -> None:
        if len(self._threads) < len(self._active):
            thread = Thread(target=self._serve, daemon=True, name="xframes-collect")
            self._threads.append(thread)
            thread.start()
        self._orders.put((number, source))

    def _serve(self) -> None:
        with stoppable(self._stop):
            while (order := self._orders.get()) is not None:
                self._fetch(*order)

    def _fetch(self, number: int, source: Iterator[Step]) -> None:
        try:
            step = next(source, None)
        except BaseException as error:  # noqa: BLE001  the collection decides
            self._steps.put((number, None, error))
        else:
            self._steps.put((number, step, None))
