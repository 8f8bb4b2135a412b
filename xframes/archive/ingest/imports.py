"""Imports of files, and pages added from memory."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.archive.ingest.flush import flush
from xframes.archive.ingest.journal import open_journal
from xframes.archive.storage import workers
from xframes.archive.storage.parts import (
    IMPORT_BYTES,
    TableParts,
    Tally,
    Writer,
    gathered,
    size,
)
from xframes.errors import ArchiveError
from xframes.progress import bar
from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from xframes.archive.ingest.journal import Journal, RunRow
    from xframes.archive.storage.folder import Folder
    from xframes.reader import Choices, FileReport
    from xframes.wire import Page

HEAD_BYTES = 65_536


def file_run_id(path: Path) -> str:
    """Return a run id from a file's name and first bytes: the same at every import of the file."""
    head = b""
    with suppress(OSError), path.open("rb") as file:  # reading it later raises the error
        head = file.read(HEAD_BYTES)
    return import_id(path.name, head)


def import_id(name: str, head: bytes) -> str:
    """Return the id of the run that imports a file with this name and these first bytes."""
    digest = blake2b(os.fsencode(name) + bytes(1) + head, digest_size=8)
    return f"import-{digest.hexdigest()}"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What an import did with one file.

    Parameters
    ----------
    run_id
        The run of the file.
    name
        The name of the file.
    stored
        Number of rows by table: what is new, and what the archive has already.
    left
        What of an account's export was left, by kind, because it was not chosen.
    refused
        Formats in the file that are not read, each with the way out.
    problems
        Number of rows of `problems`.
    error
        Why the file was not read, or not to its end.
    has_time_of_file
        Whether `observed_at` is the file's time for some of the data, which do not say it.
    is_named
        Whether the file was named itself, not a folder with it.
    tally
        The keys of what was stored.
    """

    run_id: str
    name: str
    stored: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    refused: Sequence[str] = ()
    problems: int = 0
    error: str | None = None
    has_time_of_file: bool = False
    is_named: bool = True
    tally: Tally = field(default_factory=Tally, repr=False, compare=False)


def total_stored(files: Iterable[ImportedFile]) -> dict[str, int]:
    """Return the number of rows by table of several files, what several have counted once."""
    total = Tally()
    for file in files:
        total.merge(file.tally)
    return {name: count for name, count in total.stored.items() if name != "problems"}


class ImportFailed(ArchiveError):
    """Files could not be imported, or not to their end. `files` says what was done with each."""

    files: Sequence[ImportedFile] = ()


@dataclass(slots=True)
class _Reading:
    """The files of an import: their runs, and why they were not read."""

    ids: dict[Path, str]
    in_folders: Collection[Path]
    chosen: Choices
    damaged: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    reports: dict[str, FileReport] = field(default_factory=dict)

    @property
    def readable(self) -> dict[Path, str]:
        """The files that may have pages."""
        return {path: run_id for path, run_id in self.ids.items() if run_id not in self.refused}

    def pages(self) -> Iterator[Page]:
        """Read the pages of files.

        Faults are added to `damaged`, and to `refused` for files in folders that have no pages.
        """
        from xframes.reader import FileReport, NotPages, read_file

        for path, run_id in self.readable.items():
            report = self.reports[run_id] = FileReport()
            is_inside = path in self.in_folders
            try:
                chosen = replace(self.chosen, is_named=not is_inside)
                yield from read_file(path, run_id, chosen, report)
            except NotPages as error:
                faults = self.refused if is_inside else self.damaged
                faults[run_id] = str(error)
            except Exception as error:  # noqa: BLE001  # the other files are read all the same
                self.damaged[run_id] = printable(str(error) or type(error).__name__)

    def files(self, tally: Mapping[str | None, Tally]) -> list[ImportedFile]:
        """Return what was done with each file."""
        from xframes.reader import FileReport

        files = []
        for path, run_id in self.ids.items():
            own = tally.get(run_id, Tally())
            stored = own.stored
            report = self.reports.get(run_id, FileReport())
            files.append(ImportedFile(
                run_id, printable(path.name), {n: c for n, c in stored.items() if n != "problems"},
                report.left, report.refused, stored.get("problems", 0),
                self.damaged.get(run_id) or self.refused.get(run_id), report.has_time_of_file,
                path not in self.in_folders, own,
            ))
        return files


def import_files(
    folder: Folder, paths: Sequence[Path], processes: int | None, progress: bool | None,
    chosen: Choices,
) -> list[ImportedFile]:
    """Import files, each as a run, and return what was done with each.

    A fault in a file fails only its own run, and is raised after all other files are read. The
    pages before the fault are added. In a folder, files without pages are skipped, unless no file
    has any.
    """
    from xframes.reader import refusal

    check_paths(paths)
    listed: list[tuple[Path, Path]] = []
    for root in paths:
        listed += [(path, root) for path in files_below(root)]
    ids = {path: file_run_id(path) for path, _ in listed}
    reading = _Reading(ids, {path for path, root in listed if path != root}, chosen)
    reading.refused |= {
        ids[path]: printable(f"{path} is {reason}")
        for path in reading.in_folders
        if (reason := refusal(path))
    }
    arguments = {run_id: {"file": printable(path.name)} for path, run_id in ids.items()}
    folder.create()
    with (
        importing(folder, arguments) as end,
        bar(progress, "import", "B", _plain_bytes(ids)) as advance,
    ):
        processes = _number_of_processes(folder, ids, processes)
        sink = workers.sink(workers.Target(folder.address), processes)
        try:
            for batch in gathered(reading.pages(), size):
                sink.add(batch)
                advance(sum(len(p.body) + 1 for p in batch))
            tally, unknown = sink.finish()
        except BaseException:
            sink.abort()
            raise
        for path, run_id in reading.readable.items():
            if (reason := tally.get(run_id, Tally()).failed) is not None:
                reading.damaged.setdefault(run_id, printable(f"{path}: {reason}"))
        end(tally, reading.damaged | reading.refused, unknown)
    faults = [*reading.damaged.values(),
              *_folders_without_pages(paths, listed, ids, reading.refused)]
    if faults:
        failed = ImportFailed("some files could not be read to the end (the pages before the fault "
                              f"were added): {'; '.join(faults)}")
        failed.files = reading.files(tally)
        raise failed
    return reading.files(tally)


def check_paths(paths: Sequence[Path]) -> None:
    """Raise ArchiveError for what is missing, or is neither a file nor a folder."""
    missing = [str(p) for p in paths if not p.exists()]
    if missing:
        raise ArchiveError(f"no such file: {', '.join(missing)}")
    if odd := [str(p) for p in paths if not p.is_file() and not p.is_dir()]:
        got = ", ".join(odd)
        raise ArchiveError(f"expected files or folders, got {got}. Write a pipe's output to a file")


def _plain_bytes(files: Collection[Path]) -> int | None:
    """Return the size of files in bytes; None if a file is compressed."""
    if any(file.suffix in {".gz", ".zst", ".zstd", ".zip"} for file in files):
        return None
    return sum(file.stat().st_size for file in files)


def _number_of_processes(folder: Folder, files: Collection[Path], processes: int | None) -> int:
    if folder.storage.in_process:
        return 1
    if processes is not None:
        return processes
    if sum(file.stat().st_size for file in files) < workers.WORTH_BYTES:
        return 1
    return workers.cores()


def _folders_without_pages(
    paths: Sequence[Path],
    listed: Sequence[tuple[Path, Path]],
    ids: Mapping[Path, str],
    refused: Mapping[str, str],
) -> Iterator[str]:
    """Return a message for each folder of which no file could be read."""
    for folder in (path for path in paths if path.is_dir()):
        files = [ids[path] for path, root in listed if root == folder]
        if all(run_id in refused for run_id in files):
            reasons = "; ".join(dict.fromkeys(refused[run_id] for run_id in files))
            yield printable(f"{folder} has no pages: {reasons or 'it has no files to read'}")


def printable(text: str) -> str:
    """Return a text with a file name, which may not be UTF-8, as SQLite and terminals take it."""
    return text.encode("utf-8", "backslashreplace").decode()


def files_below(path: Path) -> list[Path]:
    """Return a file, or all files below a folder but hidden ones, in the order of their names."""
    from xframes.reader import is_hidden

    if not path.is_dir():
        return [path]
    files = (p for p in path.rglob("*") if p.is_file())
    return sorted(p for p in files if not is_hidden(str(p.relative_to(path))))


@contextmanager
def importing(
    folder: Folder, runs: dict[str, dict[str, Any]]
) -> Iterator[Callable[..., None]]:
    """Keep the runs of an import in the journal, and yield the function that ends them."""
    owner = f"import-{folder.new_id()}"
    with folder.lock(owner), open_journal(folder.journal) as journal:
        entries = [(run_id, "import", arguments, None) for run_id, arguments in runs.items()]
        journal.start(entries, owner, folder.now())

        def end(
            tally: dict[str | None, Tally],
            damaged: dict[str, str],
            unknown: list[dict[str, Any]],
        ) -> None:
            for run_id in runs:
                count = tally.get(run_id, Tally())
                journal.update(
                    run_id,
                    folder.now(),
                    state="failed" if run_id in damaged else "done",
                    error=damaged.get(run_id),
                    page_count=count.pages,
                    row_count=count.rows,
                )
            for row in unknown:
                file = runs.get(row["run_id"], {}).get("file")
                row["detail"] = (f"the file's key {row['parameter']} ({file}) is not read; its "
                                 "values are kept in the page")
            problems = pa.Table.from_pylist(unknown, schema=TABLES["problems"].schema)
            write_rows(folder, {"problems": problems})

        try:
            yield end
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
            for run_id in runs:
                if (run := journal.run(run_id)) is not None and run.state == "running":
                    journal.update(run_id, folder.now(), state="interrupted", error=reason)
            raise
    folder.forget_lock(owner)
    flush(folder)


def write_rows(folder: Folder, tables: dict[str, pa.Table]) -> None:
    """Write rows as parts that do not come from the journal."""
    with folder.owned(), folder.lock("flush"):
        parts = TableParts(folder)
        parts.add(tables)
        folder.commit(parts.finish())


def add_pages(folder: Folder, pages: Iterable[Page]) -> list[str]:
    """Add pages, and return the run ids, that of the first page first.

    Pages without a run become a new run. It is named after its first page, so that adding the same
    pages again adds nothing.
    """
    from xframes.flattening import Flattener

    pages = iter(pages)
    first = next(pages, None)
    if first is None:
        return []
    folder.create()
    name = f"add-{first.page_id[:16]}"
    named = (_with_run(page, name) for page in chain([first], pages))
    lock = folder.lock("flush")
    with folder.owned():
        writer = Writer(folder, Flattener())
        try:
            for batch in gathered(named, size):
                writer.add(batch)
                if writer.bytes >= IMPORT_BYTES:
                    writer.flush(lock)
            with open_journal(folder.journal) as journal:
                new = [_added(journal, str(run_id), count, folder.now())
                       for run_id, count in writer.tally.items()]
                rows = [r for r in new if r is not None]
                writer.flush(lock, [r.record() for r in rows], writer.unknown_fields())
                journal.written(rows)
        except BaseException:
            writer.discard()
            raise
    return [str(run_id) for run_id in writer.tally]


def _with_run(page: Page, run_id: str) -> Page:
    if page.run_id:
        return page
    return replace(page, run_id=run_id)


def _added(journal: Journal, run_id: str, count: Tally, now: datetime) -> RunRow | None:
    """Record a run of added pages as done; None if the archive has it already."""
    if journal.run(run_id) is not None:
        return None
    journal.start([(run_id, count.action, {}, None)], None, now)
    journal.update(run_id, now, state="done", page_count=count.pages, row_count=count.rows)
    return journal.run(run_id)


def as_paths(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return one path or several as a list without duplicates, in their order."""
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    return list(dict.fromkeys(Path(p).expanduser() for p in paths))
