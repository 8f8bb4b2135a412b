"""Repairing what `verify` found, as far as that can be done without guessing: nothing is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.archive.folder import remove, sync
from xframes.archive.places import Object, fetch

if TYPE_CHECKING:
    from xframes.archive.checking import Report
    from xframes.archive.folder import Folder
    from xframes.archive.places import Place

DAMAGED = "damaged"  # a folder of the archive for files that cannot be read, until something is removed from it


def set_aside(folder: Folder, report: Report) -> tuple[list[str], bool]:
    """Move files that cannot be used out of the way; gives what was done, and whether the tables must be made anew.

    Tables are made from pages, so they can be; a damaged file of pages cannot: what its tables say stays then, and a
    copy of the archive, merged, brings the pages back.
    """
    moved, lost = [], False
    with folder.lock("compact"), folder.lock("flush"):
        bad = {f.where for f in report.findings if f.kind in {"unreadable_file", "schema", "journal"}}
        for where in sorted(bad):
            names = [where, f"{where}-wal", f"{where}-shm"] if where == folder.journal.name else [where]
            root = folder.home if where == folder.journal.name else folder.path
            for name in names:
                if (path := root / name).exists():
                    _move(folder, path)
                    moved.append(f"{name} is in {DAMAGED}/ now")
            lost = lost or where.startswith("pages/")
    kinds = {f.kind for f in report.findings if not f.where.startswith("pages/")}
    anew = bool(kinds & {"unreadable_file", "schema", "missing_request", "repeated_key", "missing_page"}) and not lost
    if lost:
        moved.append("its pages are missing: merge a copy of the archive that has them, then rebuild()")
    return moved, anew


def _move(folder: Folder, path: Place) -> None:
    if isinstance(path, Object):
        temp = folder.new_temp()
        fetch(path, temp)
        folder.place({temp: folder.path / DAMAGED / path.key})
        path.bucket.delete([path.key])
        return
    home = folder.home / DAMAGED / path.relative_to(folder.home).parent
    home.mkdir(parents=True, exist_ok=True)
    path.rename(home / path.name)
    sync(home)
    sync(path.parent)


def forget_damaged(folder: Folder) -> None:
    """Remove what was set aside."""
    remove(folder.home / DAMAGED)
    if folder.bucket:
        folder.bucket.delete(folder.bucket.below(DAMAGED))
