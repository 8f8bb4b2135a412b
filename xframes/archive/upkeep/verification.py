"""Looking an archive over: whether everything in it can be read and agrees with everything else."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field, replace
from html import escape
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from filelock import Timeout

from xframes.archive.ingest.journal import open_journal, read_mark
from xframes.archive.query.views import stones_of
from xframes.archive.storage.bookkeeping import INTENT, is_as_named, read_moves
from xframes.archive.storage.folder import Files, Folder
from xframes.archive.storage.page_redaction import redacted
from xframes.archive.storage.parts import Damage, examine_part, examine_table, id_agrees, part_runs
from xframes.archive.storage.paths import size_of
from xframes.archive.upkeep import comparison
from xframes.archive.upkeep.rebuild import flatten_into, keep_runs
from xframes.errors import ArchiveError
from xframes.schema import TABLES
from xframes.screen import counted, neutral

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from xframes.archive.storage.bucket import Place
    from xframes.wire import Page

_PATIENCE = 60.0  # seconds for a process that is writing files just now


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its kind, where it stands (a file inside the archive, or a table), and what it is."""

    kind: str
    where: str
    detail: str


@dataclass(slots=True)
class Report:
    """What `Archive.verify` found: `findings`, how many pages and table files it read; `ok` when nothing is wrong.

    `repaired` says what was done about earlier findings.
    """

    pages: int = 0
    files: int = 0
    findings: list[Finding] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def frame(self) -> pd.DataFrame:
        """The findings as a DataFrame: kind, where, detail (str)."""
        import pandas as pd

        rows = [(f.kind, f.where, f.detail) for f in self.findings]
        return pd.DataFrame(rows, columns=["kind", "where", "detail"], dtype="str")

    def __repr__(self) -> str:
        head = f"<Report: {self.pages:,} pages, {self.files:,} table files, {len(self.findings)} findings>"
        lines = [f"  repaired: {what}" for what in self.repaired]
        lines += [f"  {f.kind}: {f.where}: {f.detail}" for f in self.findings[:20]]
        return "\n".join(neutral(line) for line in [head, *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(f.kind)}</td><td>{escape(f.where)}</td><td>{escape(f.detail)}</td></tr>"
            for f in (*(Finding("repaired", "", what) for what in self.repaired), *self.findings)
        )
        head = f"{self.pages:,} pages and {self.files:,} table files read: {'nothing wrong' if self.ok else 'findings'}"
        return f"<div><p>{escape(head)}</p>{f'<table>{rows}</table>' if rows else ''}</div>"


@dataclass(slots=True)
class Snapshot:
    """The files of an archive at one moment, as far as they could be listed."""

    pages: tuple[Place, ...] = ()
    tables: dict[str, Files] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Folder, report: Report) -> Snapshot:
        """List the files between two commits, so that no page is seen without its rows."""
        with contextlib.ExitStack() as stack:
            if folder.writable:
                with contextlib.suppress(Timeout):  # a rebuild takes longer, and its files appear at once
                    stack.enter_context(folder.lock("flush").acquire(timeout=_PATIENCE))
            folder.look()
            found = cls()
            try:
                found.pages = folder.page_parts()
            except ArchiveError as error:
                report.findings.append(Finding("unreadable_folder", "pages", str(error)))
            for name in TABLES:
                try:
                    found.tables[name] = folder.files(name)
                except ArchiveError as error:
                    report.findings.append(Finding("unreadable_folder", f"tables/{name}", str(error)))
                    found.tables[name] = Files()
        return found


def verify(folder: Folder) -> Report:
    """Read everything and compare; nothing is raised for what is found."""
    report = Report()
    snapshot = Snapshot.of(folder, report)
    _check_names(report, folder)
    known: dict[str, bool] = {}  # the sound pages, and whether something was removed from each
    for path in snapshot.pages:
        _check_pages(report, folder, path, known)
    whole = not any(f.where.startswith("pages") for f in report.findings)
    report.pages = len(known)
    named = {name: _check_tables(report, folder, name, files.all) for name, files in snapshot.tables.items()}
    missing = set().union(*named.values()) - known.keys()
    if whole:
        for name, ids in named.items():
            if name != "requests" and (lost := ids - known.keys()):
                report.findings.append(Finding(
                    "missing_page", name,
                    f"it has rows of {counted(len(lost), 'page')} that pages/ lacks (e.g. {min(lost)})"))
        if not any(f.kind == "missing_page" for f in report.findings) and missing:
            report.findings.append(Finding(
                "missing_page", "requests",
                f"it names {counted(len(missing), 'page')} that pages/ lacks (e.g. {min(missing)})"))
    redacted_pages = {page_id for page_id, is_redacted in known.items() if is_redacted}
    _compare_rows(report, folder, snapshot, redacted_pages, exact=whole and not missing)
    _check_journal(report, folder)
    return report


def sound_pages(path: Place) -> Iterator[Page]:
    """Read the pages of a part that are as they were written, whatever lies around them."""
    return (page for page in examine_part(path) if not isinstance(page, Damage))


def _check_names(report: Report, folder: Folder) -> None:
    """What lies in the archive's folders under names or in forms that xframes never gives its files."""
    homes = (folder.pages, *(folder.tables / name for name in TABLES))
    for home in homes:
        with contextlib.suppress(OSError):  # a finding already: its files could not be listed
            for name, reason in folder.storage.strays(home):
                report.findings.append(Finding("stray", f"{folder.inside(home)}/{name}", reason))
    with contextlib.suppress(ArchiveError):
        for name in folder.temp_names():
            if INTENT.fullmatch(name):
                try:
                    read_moves(folder.temp / name)
                except FileNotFoundError:
                    continue
                except ValueError as error:
                    report.findings.append(Finding("stray", f".tmp/{name}", str(error)))


def _check_pages(report: Report, folder: Folder, path: Place, known: dict[str, bool]) -> None:
    """Read a file of pages; notes the sound ones."""
    before, where = len(report.findings), folder.inside(path)
    try:
        for page in examine_part(path):
            if isinstance(page, Damage):
                report.findings.append(Finding(page.kind, where, page.reason))
                continue
            known[page.page_id] = redacted(page)
            if not id_agrees(page):
                report.findings.append(Finding(
                    "changed_page", where, f"page {page.page_id} does not hash to its id: it was changed"))
        if len(report.findings) == before:
            part_runs(path)
        _check_sum(report, folder, path, before)
    except FileNotFoundError as error:
        _gone(report, folder, path, error)
    except ArchiveError as error:
        report.findings.append(Finding("changed_runs", where, str(error)))


def _check_tables(report: Report, folder: Folder, name: str, paths: Sequence[Place]) -> set[str]:
    """Read the files of a table; gives the ids of the pages its rows come from."""
    named: set[str] = set()
    for path in paths:
        report.files += 1
        try:
            before = len(report.findings)
            report.findings += [Finding(kind, folder.inside(path), detail)
                                for kind, detail in examine_table(path, TABLES[name], named)]
            _check_sum(report, folder, path, before)
        except FileNotFoundError as error:
            _gone(report, folder, path, error)
    return named


def _check_sum(report: Report, folder: Folder, path: Place, before: int) -> None:
    """Compare a file with the checksum in its name, unless it is known to be damaged already."""
    if len(report.findings) > before:
        return
    try:
        if is_as_named(path):
            return
        kind, reason = "checksum", "a byte of it was changed: it does not have the checksum in its name"
    except FileNotFoundError:
        raise
    except OSError as error:
        kind, reason = "unreadable_file", f"it cannot be read ({type(error).__name__}: {error})"
    report.findings.append(Finding(kind, folder.inside(path), reason))


def _gone(report: Report, folder: Folder, path: Place, error: FileNotFoundError) -> None:
    """A file went after it was listed: raise where another machine has replaced it, and the caller looks again."""
    if folder.vanished([path]):
        raise error
    report.findings.append(Finding("unreadable_file", folder.inside(path), "it vanished while it was read"))


def _compare_rows(
    report: Report, folder: Folder, snapshot: Snapshot, redacted_pages: set[str], *, exact: bool
) -> None:
    """Make all tables anew from the sound pages, aside, and compare what they say with what the tables say."""
    import duckdb

    broken = {f.where.split("/")[1] for f in report.findings if f.where.startswith("tables/")}
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="xframes-verify-"))
        pages = chain.from_iterable(map(sound_pages, snapshot.pages))
        made = flatten_into(Path(scratch) / "made", pages, sum(map(size_of, snapshot.pages)), None, progress=False)
        keep_runs(made, [r for path in snapshot.pages for r in _runs_of(path)], ())
        stones = None if "tombstones" in broken else stones_of(folder)
        hidden = None if stones is None else replace(stones, everywhere=True)
        compared = stack.enter_context(contextlib.closing(
            comparison.Comparison(folder, snapshot.tables, made, hidden, redacted_pages, exact=exact)))
        for name, table in TABLES.items():
            if broken & {name, table.parent}:  # told already; of rows beside damaged ones nothing can be said
                continue
            try:
                report.findings += [Finding(kind, name, detail) for kind, detail in compared.differences(name)]
            except (duckdb.Error, pa.ArrowException, OSError, ArchiveError) as error:
                paths = snapshot.tables[name].all
                if folder.vanished(paths):
                    raise
                bad = [p for p in paths if not compared.is_readable(p)]
                reason = str(error).splitlines()[0]
                report.findings += [Finding("unreadable_file", folder.inside(p), reason) for p in bad]
                if not bad:
                    report.findings.append(Finding("missing_rows", name, f"its rows cannot be compared: {reason}"))


def _runs_of(path: Place) -> list[dict[str, object]]:
    with contextlib.suppress(ArchiveError):  # told already
        return part_runs(path)
    return []


def _check_journal(report: Report, folder: Folder) -> None:
    """Whether the journal is sound, and has received as many pages as the mark beside it says."""
    mark = read_mark(folder.home / "journal.mark")
    received: int | None = None
    if folder.journal.exists():
        try:
            with open_journal(folder.journal) as journal:
                problem, received = journal.check(), journal.received()
                journal.runs()
        except ArchiveError as error:
            problem = str(error)
    else:
        problem = None if mark is None else "it is missing, and held pages that were not yet in tables"
    if problem is None and mark is not None and (received or 0) < mark:
        problem = (f"it was cut short or replaced by an older one: it has received {counted(received or 0, 'page')}, "
                   f"and {mark:,} were written to it")
    if problem:
        report.findings.append(Finding("journal", folder.journal.name, problem))
