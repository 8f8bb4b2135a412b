"""Repair of what `verify` found, as far as possible without guessing and without losing anything.

Everything is prepared first: copies of damaged files in `damaged/`, and new files under temporary
names. One commit then replaces the old files, so that the process may be killed at any moment.
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
from xframes.schema import STORED
from xframes.screen import counted

if TYPE_CHECKING:
    from pathlib import Path

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder
    from xframes.archive.storage.readers import Readers
    from xframes.archive.upkeep.verification import Report

DAMAGED = "damaged"  # folder for copies of damaged files; a purge deletes it
MISSING_PAGE = "missing_page"  # the kind of problem that marks rows of a missing page
_MARK_POSITION = 2_000_000  # position among a page's problems, after those of X and of flattening
_FILE_KINDS = {
    "unreadable_file", "schema", "changed_page", "changed_runs", "changed_record", "checksum"
}
_TABLE_KINDS = {"missing_rows", "repeated_key", "unreadable_folder"}
_PATIENCE = 10.0  # seconds to wait for readers of replaced files


def repair(folder: Folder, readers: Readers, report: Report) -> list[str]:
    """Repair what a report says, and return a sentence for each thing that was done.

    Damaged tables are rebuilt from the pages. Of a damaged file of pages, the sound pages stay;
    rows of the other pages also stay and are marked in `problems`.
    """
    locks = folder.lock("compact"), folder.lock("flush")
    with locks[0], locks[1], folder.owned(), folder.scratch("repair") as scratch:
        folder.recover_locked()
        folder.look()
        actions = _Repair(folder, report, scratch).run()
        with readers.alone(wait=_PATIENCE) as alone:
            if alone:
                folder.finish_removals()
    return actions


def forget_damaged(folder: Folder) -> None:
    """Delete the copies of damaged files."""
    remove(folder.home / DAMAGED)
    folder.storage.delete_folder(folder.path / DAMAGED)


class _Repair:
    """One repair: collects all changes, then commits them at once."""

    def __init__(self, folder: Folder, report: Report, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._findings = report.findings
        self._moves: dict[Path, Place] = {}
        self._replaced: dict[Place, list[Place]] = {}  # files that new ones replace, by folder
        self._actions: list[str] = []

    def run(self) -> list[str]:
        """Do everything and return a sentence for each thing that was done."""
        foreign = {f.where for f in self._findings if f.kind in {"stray", "unreadable_folder"}}
        for where in sorted(foreign):
            self._move_aside(where)
        bad = {f.where for f in self._findings if f.kind in _FILE_KINDS}
        parts = self._pages(bad)
        tables = {name: self._folder.files(name) for name in STORED}
        listed = [path for files in tables.values() for path in files.all]
        broken = [path for path in listed if self._folder.inside(path) in bad]
        for path in broken:
            self._replace(path)
        for path in self._folder.records():
            if self._folder.inside(path) in bad:
                self._replace(path)
        missing, is_rebuilt = self._tables(parts, tables, broken)
        self._mark(missing)
        for home, old in self._replaced.items():
            new_name = f"replaced-{self._folder.new_id()}.json"
            self._moves[marker(self._folder, old)] = home / new_name
        self._folder.commit(self._moves)
        if is_rebuilt:
            self._actions.append("rebuilt the tables from the pages")
        if missing:
            self._actions.append(
                f"kept the rows of {counted(len(missing), 'missing page')} and marked them in "
                "`problems`; merge a copy of the archive that has the pages, then rebuild"
            )
        self._journal()
        return self._actions

    def _pages(self, bad: set[str]) -> list[tuple[Place, list[dict[str, Any]]]]:
        """List the files of pages with their records of runs.

        For a damaged file, writes a new one with the sound pages.
        """
        parts = []
        for path in self._folder.page_parts():
            if self._folder.inside(path) not in bad:
                parts.append((path, part_runs(path)))
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
            self._moves[temp] = self._folder.pages / part_name(temp, next_to=path)
            sound = counted(count, "sound page")
            self._actions.append(f"kept {sound} of {self._folder.inside(path)}")
            parts.append((temp, runs))
        return parts

    def _tables(
        self,
        parts: list[tuple[Place, list[dict[str, Any]]]],
        tables: dict[str, Files],
        broken: list[Place],
    ) -> tuple[set[str], bool]:
        """Rebuild the tables if a finding needs it.

        Returns the ids of missing pages, and whether the tables were rebuilt. If pages are missing,
        the old files also stay, because their rows cannot be rebuilt.
        """
        whole = [p for files in tables.values() for p in files.all if p not in broken]
        present = {page.page_id for path, _ in parts for page in sound_pages(path)}
        missing = pages_named(whole) - present
        if not broken and not any(f.kind in _TABLE_KINDS for f in self._findings):
            return missing, False
        packed = sum(size_of(path) for path, _ in parts)
        pages = (page for path, _ in parts for page in sound_pages(path))
        new_tables = flatten_into(self._scratch / "made", pages, packed, None, progress=False)
        old_runs = [p for p in tables["runs"].all if p not in broken]
        keep_runs(new_tables, [run for _, runs in parts for run in runs], old_runs)
        self._moves |= adopt(self._folder, new_tables)
        if not missing:
            for path in whole:
                self._replaced.setdefault(path.parent, []).append(path)
        return missing, True

    def _mark(self, missing: set[str]) -> None:
        """Write a row of `problems` for each missing page that has none yet."""
        origins: dict[str, dict[str, Any]] = {}  # of the missing pages
        marked: set[str] = set()
        provenance = ["page_id", "observed_at", "run_id"]
        for name, columns in (("requests", provenance), ("problems", [*provenance, "kind"])):
            for path in self._folder.files(name).all:
                with contextlib.suppress(OSError, ValueError, KeyError, pa.ArrowException):
                    rows = pq.read_table(opened(path), columns=columns).to_pylist()
                    origins |= {r["page_id"]: r for r in rows if r["page_id"] in missing}
                    marked |= {r["page_id"] for r in rows if r.get("kind") == MISSING_PAGE}
        rows = []
        for page_id in sorted(missing - marked):
            origin = origins.get(page_id, {})
            rows.append({
                "page_id": page_id,
                "position": _MARK_POSITION,
                "kind": MISSING_PAGE,
                "title": "Missing page",
                "detail": "the page is missing from pages/ or damaged; its rows are kept",
                "run_id": origin.get("run_id"),
                "observed_at": origin.get("observed_at") or self._folder.now(),
            })
        parts = TableParts(self._folder)
        parts.add({"problems": pa.Table.from_pylist(rows, schema=STORED["problems"].schema)})
        self._moves |= parts.finish()

    def _journal(self) -> None:
        """Move a damaged journal to `damaged/` and delete its mark."""
        if not any(f.kind == "journal" for f in self._findings):
            return
        home, name = self._folder.home, self._folder.journal.name
        names = [name, f"{name}-wal", f"{name}-shm", f"{name}-journal"]
        names = [each for each in names if (home / each).is_file()]
        for each in names:
            self._copy_aside(home / each, each)
        for each in names:  # the journal first: SQLite does not use the other files without it
            (home / each).unlink()
        (home / "journal.mark").unlink(missing_ok=True)
        self._actions += [f"moved {each} to {DAMAGED}/" for each in names]
        self._actions.append(
            "pages that were only in the journal are lost; run unfinished collections again"
        )

    def _replace(self, path: Place) -> None:
        """Copy a damaged file to `damaged/`, and mark it as replaced by the commit."""
        self._copy_aside(path, self._folder.inside(path))
        self._replaced.setdefault(path.parent, []).append(path)
        self._actions.append(f"moved {self._folder.inside(path)} to {DAMAGED}/")

    def _copy_aside(self, path: Place, inside: str) -> None:
        temp = self._folder.new_temp()
        fetch(path, temp)
        self._folder.place({temp: self._folder.path / DAMAGED / inside})

    def _move_aside(self, where: str) -> None:
        """Move something that is not a file of an archive to `damaged/`; a link stays a link."""
        path, target = self._folder.home / where, self._folder.home / DAMAGED / where
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target.with_name(f"{target.name}-{self._folder.new_id()}"))
        sync(target.parent)
        sync(path.parent)
        self._actions.append(f"moved {where} to {DAMAGED}/")

