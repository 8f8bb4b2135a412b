"""Access to an archive for one operation, and the errors of a full, failing or read-only disk.

Queries continue without the rows that cannot be written, and log what is missing. Changes stop with
an ArchiveError that says what to do.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from xframes.archive.ingest.flush import flush
from xframes.archive.ingest.journal import journal_state, open_journal
from xframes.errors import ArchiveError, XframesError
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.archive.storage.folder import Folder
    from xframes.archive.storage.readers import Readers

log = logging.getLogger("xframes")
_SPACE = "Free space on that disk"
_PERMISSION = "Get permission to write there, or copy the archive"
_ADVICE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: _SPACE,
    errno.EROFS: _PERMISSION,
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EXDEV: "The archive's folder .tmp has to be on the same file system as the archive: "
                 "unmount or move what is there",
    errno.EIO: "Check that disk",
}
_BUSY = "Another process is writing to the archive; query again later"
_MOST_RUNS = 3  # in a message


class Access:
    """Access to an archive for one operation: to read its present rows, or to change it."""

    def __init__(self, folder: Folder, readers: Readers) -> None:
        self.folder = folder
        self.readers = readers
        self._unshown = _Unshown(folder)
        self._journal_seen: object = None
        self._journal_tried: object = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Add everything collected to the tables, and keep all files while the block runs."""
        self.freshen()
        with self.readers.reading():
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Raise ArchiveError, with advice, for what a disk or a library refuses."""
        with writing(self.folder):
            yield

    def freshen(self) -> None:
        """Write to the tables what dead processes left in the journal, if the journal has changed.

        If the archive cannot be written, a warning says which pages queries do not show. Raises
        ArchiveError if there is no archive.
        """
        folder = self.folder
        folder.require()
        with self._unshown.reading():
            folder.recover()
            state = journal_state(folder.journal)
            if state == self._journal_seen:
                return
            is_retry = state == self._journal_tried
            wait = 5.0
            if is_retry:
                wait = 0
            is_writable = folder.writable
            if is_writable and flush(folder, wait=wait):
                self._journal_seen = journal_state(folder.journal)
                self._unshown.clear()
            elif not is_retry:
                self._journal_tried = journal_state(folder.journal)
                self._unshown.log(_BUSY if is_writable else "No write permission")


class _Unshown:
    """The pages in an archive's journal that queries do not show; logged when they change."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._logged = ""

    def clear(self) -> None:
        """Record that queries show everything again."""
        self._logged = ""

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let a query continue if the archive cannot be written, and log what it does not show."""
        try:
            yield
        except (OSError, sqlite3.Error, pa.ArrowException, ArchiveError) as error:
            if not is_storage_fault(error):
                raise
            self.log(_reason(error), else_="some of the latest pages")

    def log(self, reason: str, *, else_: str = "") -> None:
        """Log the pages in the journal, or else another text, unless that was the last message."""
        message = ""
        if what := _waiting_text(self._folder) or else_:
            message = f"{self._folder.path}: not shown: {what}. {reason}"
        if message and message != self._logged:
            log.warning("%s", message)
        self._logged = message


@contextmanager
def writing(folder: Folder) -> Iterator[None]:
    """Raise ArchiveError, with advice, for what a disk or a library refuses."""
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
        message = f"{folder.path}: stopped: {_reason(error)}"
        if pages := _waiting_text(folder):
            message += f". Saved in the journal: {pages}; the next query shows them"
        raise ArchiveError(message) from error


@contextmanager
def housekeeping(folder: Folder) -> Iterator[None]:
    """Postpone work that the disk refuses and that is not urgent, and log the reason."""
    try:
        yield
    except Exception as error:
        if not is_storage_fault(error):
            raise
        log.warning("%s: postponed, to be tried again later: %s", folder.path, _reason(error))


def is_storage_fault(error: BaseException) -> bool:
    """Whether a disk or a store refused something; False for damaged data."""
    is_refused = any(isinstance(e, OSError | sqlite3.OperationalError) for e in _causes(error))
    return is_refused or bool(_advice(error))


def _is_of_storage(error: Exception) -> bool:
    import duckdb

    return isinstance(error, OSError | sqlite3.Error | pa.ArrowException | duckdb.Error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _advice(error: BaseException) -> str:
    """Return what to do about an error; empty for errors without a known number or text."""
    for cause in _causes(error):
        for number, advice in _ADVICE.items():
            if getattr(cause, "errno", None) == number or os.strerror(number) in str(cause):
                return advice
        if isinstance(cause, sqlite3.OperationalError) and "disk" in str(cause):
            if "full" in str(cause):
                return _SPACE
            return _ADVICE[errno.EIO]
    return ""


def _reason(error: BaseException) -> str:
    """Return what happened, in one line, and what to do."""
    text = str(error).strip() or type(error).__name__
    first = text.splitlines()[0]
    advice = _advice(error)
    if not advice or advice in first:
        return first
    return f"{first}. {advice}"


def _waiting_text(folder: Folder) -> str:
    """Return the pages that are only in the journal, by run, as text; empty without any."""
    try:
        if not folder.journal.exists():
            return ""
        with open_journal(folder.journal) as journal:
            waiting = journal.waiting()
    except (ArchiveError, OSError):
        return "the pages in the journal"
    if not waiting:
        return ""
    pages = counted(sum(waiting.values()), "page")
    runs = [f"{run_id or 'no run'} ({count:,})" for run_id, count in waiting.items()]
    text = f"{pages} of {', '.join(runs[:_MOST_RUNS])}"
    if len(runs) > _MOST_RUNS:
        text += f" and {len(runs) - _MOST_RUNS:,} more"
    return text
