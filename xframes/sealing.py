"""Errors without secrets: a traceback keeps its frames, and debuggers show their variables.

A secret is in clear text only inside functions marked `sealed`. An exception that leaves one (also
KeyboardInterrupt and MemoryError) keeps the lines of its traceback, but no variables.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def sealed(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function whose frames hold secrets: if it raises, its variables are cleared."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        before = sys.exception()  # handled by the caller, whose frames are not to be cleared
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            _seal(error, before)
            raise

    return call


def sealed_init(cls: type[T]) -> type[T]:
    """Mark a dataclass whose arguments are secrets: `sealed` for its generated constructor."""
    cls.__init__ = sealed(cls.__init__)  # type: ignore[method-assign]  # the signature is the same
    return cls


def _seal(error: BaseException, before: BaseException | None) -> None:
    """Clear the frames that an error passed, and its causes, which may hold requests."""
    chain = list(_chain(error, before))
    for one in chain:
        _clear(one.__traceback__)
    is_suppressed = error.__suppress_context__  # setting the cause changes it
    inside = any(one.__context__ is before for one in chain)
    error.__cause__ = None
    error.__context__ = None
    if inside and before is not error:
        error.__context__ = before
    error.__suppress_context__ = is_suppressed


def _chain(error: BaseException, before: BaseException | None) -> Iterator[BaseException]:
    """Yield the error, its causes, contexts and errors in its arguments; none before the call."""
    done, todo = {id(before)}, [error]
    while todo:
        one = todo.pop()
        if id(one) in done:
            continue
        done.add(id(one))
        yield one
        more = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        todo += [each for each in more if isinstance(each, BaseException)]


def _clear(trace: TracebackType | None) -> None:
    """Clear the variables of all frames that have ended; running frames are the caller's."""
    while trace is not None:
        with contextlib.suppress(RuntimeError):
            trace.tb_frame.clear()
        trace = trace.tb_next
