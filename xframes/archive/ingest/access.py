"""Opening an archive for one operation, and what a full, failing or read-only disk does to it.

Queries go on without what cannot be written, and log what they do not show. Changes stop with an
ArchiveError that says what to do.
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
    errno.ENOSPC: _SPACE, errno.EDQUOT: _SPACE, errno.EFBIG: _SPACE,
    errno.EROFS: _PERMISSION, errno.EACCES: _PERMISSION, errno.EPERM: _PERMISSION,
    errno.EXDEV: "The archive's folder .tmp has to be on the same file system as the archive: "
                 "unmount or move what is there",
    errno.EIO: "Check that disk",
}
_BUSY = "Another process is writing to the archive; query again later"
_MOST_RUNS = 3  # named in a message


class Access:
    """One operation at a time on an archive: reading it as it is now, or changing it."""

    def __init__(self, folder: Folder, readers: Readers) -> None:
        self.folder = folder
        self.readers = readers
        self._unshown = _Unshown(folder)
        self._journal_seen: object = None
        self._journal_tried: object = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Show everything that was collected, and keep the files while the block runs."""
        self.freshen()
        with self.readers.reading():
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Raise ArchiveError, with what to do, for what a disk or a library refuses."""
        with writing(self.folder):
            yield

    def freshen(self) -> None:
        """Write to the tables what dead processes left in the journal, if the journal has changed.

        An archive that cannot be written is shown without it, and a warning says so.
        """
        folder = self.folder
        if not folder.exists:
            folder.exists = folder.check()
        with self._unshown.reading():
            folder.recover()
            state = journal_state(folder.journal)
            if state == self._journal_seen:
                return
            is_retry = state == self._journal_tried
            is_writable = folder.writable
            if is_writable and flush(folder, wait=0 if is_retry else 5):
                self._journal_seen = journal_state(folder.journal)
                self._unshown.clear()
            elif not is_retry:
                self._journal_tried = journal_state(folder.journal)
                self._unshown.log(_BUSY if is_writable else "No write permission")


class _Unshown:
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
