"""Errors carry no secret away: a traceback keeps every frame it passed, and debuggers show what is
in them.

A secret is in the clear only inside functions marked `sealed`. Any exception that leaves one of
them (KeyboardInterrupt and MemoryError, too) keeps the lines of its traceback, but no variables.
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
    """Mark a function whose frames hold secrets: no variable of a call that raises outlives it."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        before = sys.exception()  # what the caller is handling: its frames are not ours to clear
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            _seal(error, before)
            raise

    return call


def sealed_init(cls: type[T]) -> type[T]:
    """Mark a dataclass whose arguments are secrets: as `sealed`, for its generated constructor."""
    cls.__init__ = sealed(cls.__init__)  # type: ignore[method-assign]  # it keeps its signature
    return cls


def _seal(error: BaseException, before: BaseException | None) -> None:
    """Clear the frames an error came through, and cut off its causes, which may hold requests."""
    chain = list(_chain(error, before))
    for one in chain:
        _clear(one.__traceback__)
    hidden = error.__suppress_context__  # setting the cause sets it
    inside = any(one.__context__ is before for one in chain)
    error.__cause__ = None
    error.__context__ = before if inside and before is not error else None
    error.__suppress_context__ = hidden


def _chain(error: BaseException, before: BaseException | None) -> Iterator[BaseException]:
    """The error, its causes and contexts, and errors in its arguments; none from before the call."""
    seen, todo = {id(before)}, [error]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        more = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        todo += [each for each in more if isinstance(each, BaseException)]


def _clear(trace: TracebackType | None) -> None:
    """Clear the variables of all frames that have ended; others are the caller's, or `sealed`'s."""
    while trace is not None:
        with contextlib.suppress(RuntimeError):
            trace.tb_frame.clear()
        trace = trace.tb_next
