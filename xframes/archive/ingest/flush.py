"""From the journal to parts: the pages of this process's runs, and those left by dead processes.

Table parts are written first, then the page part, then the pages are deleted from the journal.
After a crash in between, some pages exist twice, which the views resolve.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING

from filelock import Timeout

from xframes.archive.ingest.journal import open_journal, records
from xframes.archive.storage.bookkeeping import LOCK
from xframes.archive.storage.parts import FLUSH_BYTES, Writer, gathered, size

if TYPE_CHECKING:
    from collections.abc import Collection

    from xframes.archive.ingest.journal import Journal, RunRow
    from xframes.archive.storage.folder import Folder

log = logging.getLogger("xframes")
DIED = "the collecting process ended"


def flush(
    folder: Folder,
    *,
    own: Collection[str] = (),
    wait: float = 60,
    part: int = FLUSH_BYTES,
) -> bool:
    """Write the journal's pages and changed runs into parts.

    `own` are the locks that this process holds for its runs; runs of other living processes are
    left to them. `part` is the size of a part in bytes. Returns False if the archive was busy for
    longer than `wait` seconds (a rebuild, or another flush): the pages then stay in the journal.
    """
    if not folder.journal.exists() or not folder.writable:
        return True
    with open_journal(folder.journal) as journal:
        busy = settle(folder, journal, own)
        if not _due(journal, busy)[0] and not _due(journal, busy)[1]:
            return True
        lock = folder.lock("flush")
        try:
            with lock.acquire(timeout=wait), folder.owned():
                _write(folder, journal, busy, part)
        except Timeout:
            return False
    return True


def settle(folder: Folder, journal: Journal, own: Collection[str]) -> set[str]:
    """Mark the runs of dead processes as interrupted, and return the runs of living ones."""
    busy = set()
    for run in journal.running():
        if run.owner in own:
            continue
        if run.owner is None or not LOCK.fullmatch(run.owner):  # not the name of a lock
            _cut_short(folder, journal, run)
            continue
        try:
            with folder.lock(run.owner).acquire(timeout=0):
                now = journal.run(run.run_id)
                if now is not None and now.state == "running" and now.owner == run.owner:
                    _cut_short(folder, journal, run)
            folder.forget_lock(run.owner)
        except Timeout:
            busy.add(run.run_id)
    return busy


def _cut_short(folder: Folder, journal: Journal, run: RunRow) -> None:
    journal.update(run.run_id, folder.now(), state="interrupted", error=DIED)
    advice = ""
    if run.plan:
        advice = f'. To continue it, use archive.resume("{run.run_id}")'
    log.warning("%s: run %s (%s) was interrupted because its process ended. Its pages are saved%s",
                folder.path, run.run_id, run.action, advice)


def _due(journal: Journal, busy: set[str]) -> tuple[list[str | None], list[RunRow]]:
    runs = [run_id for run_id in journal.pending() if run_id not in busy]
    return runs, [run for run in journal.unwritten() if run.run_id not in busy]


def _write(folder: Folder, journal: Journal, busy: set[str], part: int) -> None:
    from xframes.flattening import Flattener

    folder.recover_locked()
    lock = nullcontext()  # the caller holds it
    writer = Writer(folder, Flattener())
    numbers: list[int] = []
    for run_id in _due(journal, busy)[0]:
        for batch in gathered(journal.read(run_id), lambda numbered: size(numbered[1])):
            writer.add([page for _, page in batch])
            numbers += [number for number, _ in batch]
            if writer.bytes >= part:
                writer.flush(lock)
                journal.delete(numbers)
                numbers = []
    for run in _due(journal, busy)[1]:
        if run.state == "running":  # its record in parts must be older than the final one
            journal.touch(run.run_id, folder.now())
    runs = _due(journal, busy)[1]
    writer.flush(lock, records(runs), writer.unknown_fields())
    journal.delete(numbers)
    journal.written(runs)
