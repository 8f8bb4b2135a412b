"""Files of pages into the archive, and tables out of its own pages: one way through the same workers."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import replace
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
    from xframes.wire import Page

_HEAD_BYTES = 65_536


def file_run_id(path: Path) -> str:
    """A run id that is the same whenever the file is imported, wherever it lies: from its name and first bytes."""
    head = b""
    with suppress(OSError), path.open("rb") as file:  # told when it is read
        head = file.read(_HEAD_BYTES)
    return f"import-{blake2b(os.fsencode(path.name) + bytes(1) + head, digest_size=8).hexdigest()}"


def import_files(folder: Folder, paths: Sequence[Path], processes: int | None, progress: bool | None) -> list[str]:
    """Import files, each as a run; gives the run ids.

    Whatever is wrong with a file fails its own run alone, and is raised when all the others are
    read. What it held before is kept. In a folder, files that hold no pages are left out, unless
    there are no others.
    """
    from xframes.reader import refusal

    missing = [str(p) for p in paths if not p.exists()]
    if missing:
        raise ArchiveError(f"there is no such file: {', '.join(missing)}")
    if odd := [str(p) for p in paths if not p.is_file() and not p.is_dir()]:
        got = ", ".join(odd)
        raise ArchiveError(f"expected files or folders, got {got}. Write a pipe's output to a file")
    listed = [(path, root) for root in paths for path in _files(root)]
    ids = {path: file_run_id(path) for path, _ in listed}
    found = {path for path, root in listed if path != root}  # in a folder: nobody named them
    refused = {
        ids[path]: _printable(f"{path} is {why}") for path in found if (why := refusal(path))
    }
    arguments = {run_id: {"file": _printable(path.name)} for path, run_id in ids.items()}
    sizes = [p.stat().st_size for p in ids]
    if processes is None:
        processes = workers.cores() if sum(sizes) >= workers.WORTH_BYTES else 1
    plain = all(p.suffix not in {".gz", ".zst", ".zstd", ".zip"} for p in ids)
    damaged: dict[str, str] = {}
    folder.create()
    with (
        _importing(folder, arguments) as end,
        bar(progress, "import", "B", sum(sizes) if plain else None) as advance,
    ):
        sink = workers.sink(workers.Target(folder.address), 1 if folder.storage.in_process else processes)
        try:
            readable = {path: run_id for path, run_id in ids.items() if run_id not in refused}
            for batch in gathered(_pages(readable, damaged, refused, found), size):
                sink.add(batch)
                advance(sum(len(p.body) + 1 for p in batch))
            tally, unknown = sink.finish()
        except BaseException:
            sink.abort()
            raise
        for path, run_id in readable.items():
            if (why := tally.get(run_id, Tally()).failed) is not None:
                damaged.setdefault(run_id, _printable(f"{path}: {why}"))
        end(tally, damaged | refused, unknown)
    told = [*damaged.values(), *_folders_without_pages(paths, listed, ids, refused)]
    if told:
        raise ArchiveError("not all could be read (what came before is kept): " + "; ".join(told))
    return list(ids.values())


def _folders_without_pages(
    paths: Sequence[Path], listed: Sequence[tuple[Path, Path]], ids: Mapping[Path, str],
    refused: Mapping[str, str],
) -> Iterator[str]:
    """Why nothing was read of the folders of which nothing was."""
    for folder in (path for path in paths if path.is_dir()):
        files = [ids[path] for path, root in listed if root == folder]
        if all(run_id in refused for run_id in files):
            reasons = "; ".join(dict.fromkeys(refused[run_id] for run_id in files))
            yield _printable(f"{folder} holds no pages: {reasons or 'it has no files to read'}")


def _printable(text: str) -> str:
    """A text with a file's name in it, which may be no UTF-8, as SQLite and terminals take it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _files(path: Path) -> list[Path]:
    """A file, or all files below a folder, in the order of their names; hidden ones are left out."""
    from xframes.reader import is_hidden

    if not path.is_dir():
        return [path]
    files = (p for p in path.rglob("*") if p.is_file())
    return sorted(p for p in files if not is_hidden(str(p.relative_to(path))))


def _pages(
    ids: dict[Path, str], damaged: dict[str, str], refused: dict[str, str], unnamed: Collection[Path]
) -> Iterator[Page]:
    """The pages of files; notes what was damaged, and which of those nobody named hold none."""
    from xframes.reader import NotPages, read_pages

    for path, run_id in ids.items():
        try:
            yield from read_pages(path, run_id)
        except NotPages as error:
            (refused if path in unnamed else damaged)[run_id] = str(error)
        except Exception as error:  # noqa: BLE001  whatever it is, the other files are read
            damaged[run_id] = _printable(str(error) or type(error).__name__)


@contextmanager
def _importing(folder: Folder, runs: dict[str, dict[str, Any]]) -> Iterator[Callable[..., None]]:
    """The runs of an import, from their begin to their end in the journal; gives the function that ends them well."""
    owner = f"import-{folder.new_id()}"
    with folder.lock(owner), open_journal(folder.journal) as journal:
        journal.start([(run_id, "import", arguments, None) for run_id, arguments in runs.items()], owner, folder.now())

        def end(tally: dict[str | None, Tally], damaged: dict[str, str], unknown: list[dict[str, Any]]) -> None:
            for run_id in runs:
                count = tally.get(run_id, Tally())
                journal.update(
                    run_id, folder.now(), state="failed" if run_id in damaged else "done", error=damaged.get(run_id),
                    page_count=count.pages, row_count=count.rows,
                )
            write_rows(folder, {"problems": pa.Table.from_pylist(unknown, schema=TABLES["problems"].schema)})

        try:
            yield end
        except BaseException as error:
            for run_id in runs:
                if (run := journal.run(run_id)) is not None and run.state == "running":
                    journal.update(run_id, folder.now(), state="interrupted", error=f"{type(error).__name__}: {error}")
            raise
    folder.forget_lock(owner)
    flush(folder)


def write_rows(folder: Folder, tables: dict[str, pa.Table]) -> None:
    """Write rows that come from no journal as parts."""
    with folder.owned(), folder.lock("flush"):
        parts = TableParts(folder)
        parts.add(tables)
        folder.commit(parts.finish())


def add_pages(folder: Folder, pages: Iterable[Page]) -> list[str]:
    """Add pages, those without a run as a new one; gives the run ids, that of the first page first.

    The new run is named after its first page, so that adding the same pages again adds nothing.
    """
    from xframes.flattening import Flattener

    pages = iter(pages)
    first = next(pages, None)
    if first is None:
        return []
    folder.create()
    name = f"add-{first.page_id[:16]}"
    named = (p if p.run_id else replace(p, run_id=name) for p in chain([first], pages))
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


def _added(journal: Journal, run_id: str, count: Tally, now: datetime) -> RunRow | None:
    """Note a run whose pages are being added as done; None when the archive knows it already."""
    if journal.run(run_id) is not None:
        return None
    journal.start([(run_id, count.action, {}, None)], None, now)
    journal.update(run_id, now, state="done", page_count=count.pages, row_count=count.rows)
    return journal.run(run_id)


def as_paths(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """One path or several, each once, in the order given."""
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return list(dict.fromkeys(Path(p).expanduser() for p in several))
