"""Repairing what `verify` found, as far as that can be done without guessing: nothing is thrown away.

Everything is prepared first: copies of damaged files in `damaged/`, new files beside their places. One commit then lets
the new ones take the old ones' place, so that a process may be killed at any moment.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.storage.bookkeeping import part_name
from xframes.archive.storage.disk import remove, sync
from xframes.archive.storage.folder import marker
from xframes.archive.storage.parts import PagesFile, TableParts, part_runs
from xframes.archive.storage.paths import fetch, opened, size_of
from xframes.archive.upkeep.rebuild import adopt, flatten_into, keep_runs, pages_named
from xframes.archive.upkeep.verification import sound_pages
from xframes.errors import ArchiveError
from xframes.schema import TABLES
from xframes.screen import counted

if TYPE_CHECKING:
    from pathlib import Path

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder
    from xframes.archive.storage.readers import Readers
    from xframes.archive.upkeep.verification import Report

DAMAGED = "damaged"  # a folder of the archive for files that cannot be read, until something is removed from it
LOST = "missing_page"  # the kind of problem that marks rows whose page is missing
_MARK_POSITION = 2_000_000  # among a page's problems: behind X's and those that flattening finds
_FILE_KINDS = {"unreadable_file", "schema", "changed_page", "changed_runs", "checksum"}
_PATIENCE = 10.0


def repair(folder: Folder, readers: Readers, report: Report) -> list[str]:
    """Repair what a report says; gives what was done.

    Tables are made anew from the pages. A damaged file of pages cannot be: the pages in it that are sound stay, and
    the rows of the others are kept and marked in `problems`.
    """
    locks = folder.lock("compact"), folder.lock("flush")
    with locks[0], locks[1], folder.owned(), folder.scratch("repair") as scratch:
        folder.recover_locked()
        folder.look()
        done = _Repair(folder, report, scratch).run()
        with readers.alone(wait=_PATIENCE) as nobody:
            if nobody:
                folder.finish_removals()
    return done


def forget_damaged(folder: Folder) -> None:
    """Remove what was set aside."""
    remove(folder.home / DAMAGED)
    folder.storage.delete_folder(folder.path / DAMAGED)


class _Repair:
    """One repair: what is to be done is gathered, then committed at once."""

    def __init__(self, folder: Folder, report: Report, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._findings = report.findings
        self._moves: dict[Path, Place] = {}
        self._gone: dict[Place, list[Place]] = {}  # files that others replace, by their folder
        self._done: list[str] = []

    def run(self) -> list[str]:
        for where in sorted({f.where for f in self._findings if f.kind in {"stray", "unreadable_folder"}}):
            self._move_aside(where)
        bad = {f.where for f in self._findings if f.kind in _FILE_KINDS}
        parts = self._pages(bad)
        tables = {name: self._folder.files(name) for name in TABLES}
        broken = [p for files in tables.values() for p in files.all if self._folder.inside(p) in bad]
        for path in broken:
            self._replace(path)
        lost, refreshed = self._tables(parts, tables, broken)
        self._mark(lost)
        for home, old in self._gone.items():
            new_name = f"replaced-{self._folder.new_id()}.json"
            self._moves[marker(self._folder, old)] = home / new_name
        self._folder.commit(self._moves)
        if refreshed:
            self._done.append("the tables were made anew from the pages")
        if lost:
            self._done.append(
                f"the rows of {counted(len(lost), 'missing page')} were kept and marked in `problems`; "
                "merge a copy of the archive that has the pages, then rebuild()")
        self._journal()
        return self._done

    def _pages(self, bad: set[str]) -> list[tuple[Place, list[dict[str, Any]]]]:
        """The files of pages with their records of runs; of damaged ones a new file keeps what is sound."""
        found = []
        for path in self._folder.page_parts():
            if self._folder.inside(path) not in bad:
                found.append((path, part_runs(path)))
                continue
            runs: list[dict[str, Any]] = []
            with contextlib.suppress(ArchiveError):
                runs = part_runs(path)
            temp, count = self._folder.new_temp(), 0
            file = PagesFile(temp)
            for page in sound_pages(path):
                file.add([page])
                count += 1
            file.close(runs)
            self._replace(path)
            if not count and not runs:
                temp.unlink()
                continue
            self._moves[temp] = self._folder.pages / part_name(temp, beside=path)
            self._done.append(f"{counted(count, 'sound page')} of {self._folder.inside(path)} were kept")
            found.append((temp, runs))
        return found

    def _tables(
        self, parts: list[tuple[Place, list[dict[str, Any]]]], tables: dict[str, Files], broken: list[Place]
    ) -> tuple[set[str], bool]:
        """Make the tables anew if any finding asks for it; gives the pages that are missing, and whether it did.

        Where pages are missing the old files stay beside the new ones: their rows cannot be made again.
        """
        whole = [p for files in tables.values() for p in files.all if p not in broken]
        known = {page.page_id for path, _ in parts for page in sound_pages(path)}
        lost = pages_named(whole) - known
        needed = broken or any(f.kind in {"missing_rows", "repeated_key", "unreadable_folder"} for f in self._findings)
        if not needed:
            return lost, False
        packed = sum(size_of(path) for path, _ in parts)
        pages = (page for path, _ in parts for page in sound_pages(path))
        made = flatten_into(self._scratch / "made", pages, packed, None, progress=False)
        old_runs = [p for p in tables["runs"].all if p not in broken]
        keep_runs(made, [run for _, runs in parts for run in runs], old_runs)
        self._moves |= adopt(self._folder, made)
        if not lost:
            for path in whole:
                self._gone.setdefault(path.parent, []).append(path)
        return lost, True

    def _mark(self, lost: set[str]) -> None:
        """Write a row of `problems` for each missing page that has none yet."""
        seen: dict[str, dict[str, Any]] = {}
        marked: set[str] = set()
        for name in ("requests", "problems"):
            for path in self._folder.files(name).all:
                with contextlib.suppress(OSError, ValueError, KeyError, pa.ArrowException):
                    columns = ["page_id", "observed_at", "run_id", *(["kind"] if name == "problems" else [])]
                    rows = pq.read_table(opened(path), columns=columns).to_pylist()
                    seen |= {r["page_id"]: r for r in rows if r["page_id"] in lost}
                    marked |= {r["page_id"] for r in rows if r.get("kind") == LOST}
        rows = [
            {"page_id": page_id, "position": _MARK_POSITION, "kind": LOST, "title": "Missing page",
             "detail": "the page is missing from pages/ or damaged; rows made from it are kept",
             "run_id": seen.get(page_id, {}).get("run_id"),
             "observed_at": seen.get(page_id, {}).get("observed_at") or self._folder.now()}
            for page_id in sorted(lost - marked)
        ]
        parts = TableParts(self._folder)
        parts.add({"problems": pa.Table.from_pylist(rows, schema=TABLES["problems"].schema)})
        self._moves |= parts.finish()

    def _journal(self) -> None:
        """Set a damaged journal aside; the mark beside it has been told of."""
        if not any(f.kind == "journal" for f in self._findings):
            return
        home, name = self._folder.home, self._folder.journal.name
        names = [n for n in (name, f"{name}-wal", f"{name}-shm", f"{name}-journal") if (home / n).is_file()]
        for each in names:
            self._copy_aside(home / each, each)
        for each in names:  # the journal first: SQLite does not use the rest without it
            (home / each).unlink()
        (home / "journal.mark").unlink(missing_ok=True)
        self._done += [f"{each} is in {DAMAGED}/ now" for each in names]
        self._done.append("pages that were only in the journal are lost; collect again what had not ended")

    def _replace(self, path: Place) -> None:
        """Let a damaged file go with the commit; a copy stays in `damaged`."""
        self._copy_aside(path, self._folder.inside(path))
        self._gone.setdefault(path.parent, []).append(path)
        self._done.append(f"{self._folder.inside(path)} is in {DAMAGED}/ now")

    def _copy_aside(self, path: Place, inside: str) -> None:
        temp = self._folder.new_temp()
        fetch(path, temp)
        self._folder.place({temp: self._folder.path / DAMAGED / inside})

    def _move_aside(self, where: str) -> None:
        """Move what is no file of an archive out of the way, as it is: a link stays a link."""
        path, target = self._folder.home / where, self._folder.home / DAMAGED / where
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target.with_name(f"{target.name}-{self._folder.new_id()}"))
        sync(target.parent)
        sync(path.parent)
        self._done.append(f"{where} is in {DAMAGED}/ now")

