"""What a full, failing or read-only disk does to an archive.

Queries go on without what cannot be written, and log what they do not show. Changes stop with an
ArchiveError that says what to do.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

import pyarrow as pa

from xframes.archive.journal import open_journal
from xframes.english import counted
from xframes.errors import ArchiveError, XframesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.archive.folder import Folder

log = logging.getLogger("xframes")
_P = ParamSpec("_P")
_Result = TypeVar("_Result")
_SPACE = "Free space on that disk"
_PERMISSION = "Get permission to write there, or copy the archive"
_ADVICE = {
    errno.ENOSPC: _SPACE, errno.EDQUOT: _SPACE, errno.EFBIG: _SPACE,
    errno.EROFS: _PERMISSION, errno.EACCES: _PERMISSION, errno.EPERM: _PERMISSION,
    errno.EXDEV: "The archive's folder .tmp has to be on the same file system as the archive: "
                 "unmount or move what is there",
    errno.EIO: "Check that disk",
}
_MOST_RUNS = 3  # named in a message


class Unshown:
    """What the journal of an archive holds and queries do not show; logged when it changes."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._logged = ""

    def clear(self) -> None:
        """Note that everything is shown again."""
        self._logged = ""

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let a query go on when the archive cannot be written, and log what it does not show."""
        try:
            yield
        except (OSError, sqlite3.Error, pa.ArrowException, ArchiveError) as error:
            if not is_storage_fault(error):
                raise
            self.log(_reason(error), else_="some of what was added last")

    def log(self, reason: str, *, else_: str = "") -> None:
        """Log the pages in the journal, or else another text, unless that was the last message."""
        what = _waiting_text(self._folder) or else_
        message = f"{self._folder.path}: not shown: {what}. {reason}" if what else ""
        if message and message != self._logged:
            log.warning("%s", message)
        self._logged = message


class _Archive(Protocol):
    _folder: Folder


_Self = TypeVar("_Self", bound=_Archive)


def changes_archive(
    method: Callable[Concatenate[_Self, _P], _Result],
) -> Callable[Concatenate[_Self, _P], _Result]:
    """Decorate a method of an archive that changes it, as `writing` says."""

    @wraps(method)
    def guarded(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> _Result:
        with writing(self._folder):
            return method(self, *args, **kwargs)

    return guarded


@contextmanager
def writing(folder: Folder) -> Iterator[None]:
    """Raise ArchiveError, with what to do, for what a disk or a library refuses."""
    try:
        yield
    except ArchiveError as error:
        advice = _advice(error)
        if not advice or advice in str(error):
            raise
        raise ArchiveError(f"{error}. {advice}") from error
    except Exception as error:
        if isinstance(error, XframesError) or not _is_of_storage(error):
            raise
        kept = _waiting_text(folder)
        shown = f". Kept in the journal: {kept}; the next query shows them" if kept else ""
        raise ArchiveError(f"{folder.path}: stopped: {_reason(error)}{shown}") from error


@contextmanager
def housekeeping(folder: Folder) -> Iterator[None]:
    """Put off, and log, what need not be done now and the disk refuses."""
    try:
        yield
    except Exception as error:
        if not is_storage_fault(error):
            raise
        log.warning("%s: put off, and tried again later: %s", folder.path, _reason(error))


def is_storage_fault(error: BaseException) -> bool:
    """Whether a disk or a store refused something; damaged data is another matter."""
    return any(isinstance(e, OSError | sqlite3.OperationalError) for e in _causes(error)) or bool(
        _advice(error)
    )


def _is_of_storage(error: Exception) -> bool:
    import duckdb

    return isinstance(error, OSError | sqlite3.Error | pa.ArrowException | duckdb.Error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _advice(error: BaseException) -> str:
    """What to do about an error; nothing for those without a known number, or its text."""
    for cause in _causes(error):
        for number, advice in _ADVICE.items():
            if getattr(cause, "errno", None) == number or os.strerror(number) in str(cause):
                return advice
        if isinstance(cause, sqlite3.OperationalError) and "disk" in str(cause):
            return _SPACE if "full" in str(cause) else _ADVICE[errno.EIO]
    return ""


def _reason(error: BaseException) -> str:
    """What happened, in a line, and what to do."""
    lines = str(error).strip().splitlines()
    said = lines[0] if lines else type(error).__name__
    advice = _advice(error)
    return said if not advice or advice in said else f"{said}. {advice}"


def _waiting_text(folder: Folder) -> str:
    """The pages that are in the journal alone, by run; empty without any."""
    try:
        if not folder.journal.exists():
            return ""
        with open_journal(folder.journal) as journal:
            found = journal.waiting()
    except (ArchiveError, OSError):
        return "what is in the journal"
    if not found:
        return ""
    total = sum(found.values())
    named = [f"{run_id or 'no run'} ({count:,})" for run_id, count in found.items()][:_MOST_RUNS]
    more = f" and {len(found) - len(named):,} more" if len(found) > len(named) else ""
    return f"{counted(total, 'page')} of {', '.join(named)}{more}"
