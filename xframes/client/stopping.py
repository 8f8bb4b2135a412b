"""Stop what other threads send: their waits end, and they send nothing more."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

_stop: ContextVar[Event | None] = ContextVar("stop", default=None)


class Stopped(Exception):
    """This thread may send no more requests, because another collection of the call stopped."""

    def __str__(self) -> str:
        return "another collection of the same call stopped"


@contextmanager
def stoppable(stop: Event) -> Iterator[None]:
    """Let an event stop what this thread sends in the block."""
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


def check_stopped() -> None:
    """Raise Stopped if this thread may send no more requests."""
    stop = _stop.get()
    if stop is not None and stop.is_set():
        raise Stopped


def pause(seconds: float, sleep: Callable[[float], None]) -> None:
    """Wait with `sleep`; in a thread that can be stopped, only until then. Raises Stopped."""
    stop = _stop.get()
    if stop is not None and sleep is time.sleep:
        stop.wait(seconds)
    else:
        sleep(seconds)
    check_stopped()
