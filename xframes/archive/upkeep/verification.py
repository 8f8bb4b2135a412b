"""Verification: check that everything in an archive can be read, and that all of it agrees."""

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
from xframes.archive.storage.records import settled
from xframes.archive.upkeep import comparison
from xframes.archive.upkeep.rebuild import flatten_into, keep_runs
from xframes.errors import ArchiveError
from xframes.schema import STORED
from xframes.screen import counted, neutral

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import pandas as pd

    from xframes.archive.storage.bucket import Place
    from xframes.wire import Page

_PATIENCE = 60.0  # seconds to wait for a process that is writing files


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem in an archive, found by `Archive.verify`.

    Parameters
    ----------
    kind
        What kind of problem, e.g. `unreadable_file`, `missing_page`, `missing_rows`, `journal`.
    where
        A path inside the archive, or the name of a table.
    detail
        What is wrong, as a sentence.
    """

    kind: str
    where: str
    detail: str


@dataclass(slots=True)
class Report:
    """The result of `Archive.verify`.

    Parameters
    ----------
    pages
        How many sound pages were read.
    files
        How many files of tables were read.
    findings
        The problems that remain.
    repaired
        With `repair=True`, a sentence for each thing that was repaired.

    Examples
    --------
    >>> report = xf.Archive("my-archive").verify()
    >>> report.ok
    True
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
        """Return the findings as a DataFrame.

        Returns
        -------
        DataFrame
            One row per finding, with the text columns `kind`, `where` and `detail`.

        Examples
        --------
        >>> xf.Archive("my-archive").verify().frame()
        """
        import pandas as pd

        rows = [(f.kind, f.where, f.detail) for f in self.findings]
        return pd.DataFrame(rows, columns=["kind", "where", "detail"], dtype="str")

    def __repr__(self) -> str:
        findings = counted(len(self.findings), "finding")
        head = f"<Report: {self._contents()}, {findings}>"
        lines = [f"  repaired: {sentence}" for sentence in self.repaired]
        lines += [f"  {f.kind}: {f.where}: {f.detail}" for f in self.findings[:20]]
        return "\n".join(neutral(line) for line in [head, *lines])

    def _repr_html_(self) -> str:
        result = "nothing wrong"
        if self.findings:
            result = counted(len(self.findings), "finding")
        html = f"<p>{escape(f'{self._contents()} read: {result}')}</p>"
        repairs = [Finding("repaired", "", sentence) for sentence in self.repaired]
        findings = [*repairs, *self.findings]
        if findings:
            rows = "".join(
                f"<tr><td>{escape(f.kind)}</td><td>{escape(f.where)}</td>"
                f"<td>{escape(f.detail)}</td></tr>"
                for f in findings
            )
            html += f"<table>{rows}</table>"
        return f"<div>{html}</div>"

    def _contents(self) -> str:
        return f"{counted(self.pages, 'page')}, {counted(self.files, 'table file')}"


@dataclass(slots=True)
class Snapshot:
    """The files of an archive at one moment, except those that could not be listed."""

    pages: tuple[Place, ...] = ()
    tables: dict[str, Files] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Folder, report: Report) -> Snapshot:
        """List the files between two commits, so that each page is listed with its rows."""
        with contextlib.ExitStack() as stack:
            if folder.writable:
                # A rebuild may hold the lock longer than that, but its files appear at once.
                with contextlib.suppress(Timeout):
                    stack.enter_context(folder.lock("flush").acquire(timeout=_PATIENCE))
            folder.look()
            snapshot = cls()
            try:
                snapshot.pages = folder.page_parts()
            except ArchiveError as error:
                report.findings.append(Finding("unreadable_folder", "pages", str(error)))
            for name in STORED:
                try:
                    snapshot.tables[name] = folder.files(name)
                except ArchiveError as error:
                    finding = Finding("unreadable_folder", f"tables/{name}", str(error))
                    report.findings.append(finding)
                    snapshot.tables[name] = Files()
        return snapshot


def verify(folder: Folder) -> Report:
    """Read and compare everything in an archive. Problems are reported, not raised."""
    report = Report()
    snapshot = Snapshot.of(folder, report)
    _check_names(report, folder)
    sound: dict[str, bool] = {}  # by page id: whether something was removed from the page
    for path in snapshot.pages:
        _check_pages(report, folder, path, sound)
    whole = not any(f.where.startswith("pages") for f in report.findings)
    report.pages = len(sound)
    named = {
        name: _check_tables(report, folder, name, files.all)
        for name, files in snapshot.tables.items()
    }
    _check_records(report, folder)
    missing = set().union(*named.values()) - sound.keys()
    if whole:
        _note_missing_pages(report, named, sound.keys())
    redacted_pages = {page_id for page_id, is_redacted in sound.items() if is_redacted}
    _compare_rows(report, folder, snapshot, redacted_pages, exact=whole and not missing)
    _check_journal(report, folder)
    return report


def _note_missing_pages(
    report: Report, named: Mapping[str, set[str]], present: Collection[str]
) -> None:
    """Report the tables with rows of missing pages; `requests` only if no other table has any."""
    missing = {name: ids.difference(present) for name, ids in named.items()}
    of_requests = missing.pop("requests")
    if not any(missing.values()):
        missing = {"requests": of_requests}
    for name, ids in missing.items():
        if ids:
            detail = f"rows of {counted(len(ids), 'page')} that pages/ lacks (e.g. {min(ids)})"
            report.findings.append(Finding("missing_page", name, detail))


def sound_pages(path: Place) -> Iterator[Page]:
    """Read the undamaged pages of a part."""
    return (page for page in examine_part(path) if not isinstance(page, Damage))


def _check_names(report: Report, folder: Folder) -> None:
    """Report files in the archive's folders that xframes did not write."""
    homes = (folder.pages, *(folder.tables / name for name in STORED))
    for home in homes:
        with contextlib.suppress(OSError):  # listing the files has already reported it
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


def _check_pages(report: Report, folder: Folder, path: Place, sound: dict[str, bool]) -> None:
    """Read a file of pages, and add the sound ones to `sound`."""
    before, where = len(report.findings), folder.inside(path)
    try:
        for page in examine_part(path):
            if isinstance(page, Damage):
                report.findings.append(Finding(page.kind, where, page.reason))
                continue
            sound[page.page_id] = redacted(page)
            if not id_agrees(page):
                detail = f"page {page.page_id} was changed: its hash is not its id"
                report.findings.append(Finding("changed_page", where, detail))
        if len(report.findings) == before:
            part_runs(path)
        _check_sum(report, folder, path, before)
    except FileNotFoundError as error:
        _report_deleted(report, folder, path, error)
    except ArchiveError as error:
        report.findings.append(Finding("changed_runs", where, str(error)))


def _check_tables(report: Report, folder: Folder, name: str, paths: Sequence[Place]) -> set[str]:
    """Read the files of a table and return the ids of the pages that its rows come from."""
    named: set[str] = set()
    for path in paths:
        report.files += 1
        try:
            before = len(report.findings)
            for kind, detail in examine_table(path, STORED[name], named):
                report.findings.append(Finding(kind, folder.inside(path), detail))
            _check_sum(report, folder, path, before)
        except FileNotFoundError as error:
            _report_deleted(report, folder, path, error)
    return named


def _check_records(report: Report, folder: Folder) -> None:
    """Check the records of which rows hold; what they say is checked with the rows."""
    for place in folder.records():
        try:
            settled.read(place)
        except FileNotFoundError as error:
            _report_deleted(report, folder, place, error)
        except (OSError, ValueError) as error:
            report.findings.append(Finding("changed_record", folder.inside(place), str(error)))


def _check_sum(report: Report, folder: Folder, path: Place, before: int) -> None:
    """Compare a file with the checksum in its name, unless damage has already been reported."""
    if len(report.findings) > before:
        return
    try:
        if is_as_named(path):
            return
        kind, reason = "checksum", "the file was changed: its checksum is not the one in its name"
    except FileNotFoundError:
        raise
    except OSError as error:
        kind, reason = "unreadable_file", f"cannot be read ({type(error).__name__}: {error})"
    report.findings.append(Finding(kind, folder.inside(path), reason))


def _report_deleted(report: Report, folder: Folder, path: Place, error: FileNotFoundError) -> None:
    """Report a file that was deleted after it was listed.

    Raises the error if another machine has replaced the file; then the caller starts again.
    """
    if folder.vanished([path]):
        raise error
    finding = Finding("unreadable_file", folder.inside(path), "was deleted while it was read")
    report.findings.append(finding)


def _compare_rows(
    report: Report, folder: Folder, snapshot: Snapshot, redacted_pages: set[str], *, exact: bool
) -> None:
    """Rebuild all tables from the sound pages in a temporary folder, and compare the rows."""
    import duckdb

    broken = {
        finding.where.split("/")[1]
        for finding in report.findings
        if finding.where.startswith("tables/") and finding.kind != "changed_record"
    }
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="xframes-verify-"))
        pages = chain.from_iterable(map(sound_pages, snapshot.pages))
        packed = sum(map(size_of, snapshot.pages))
        new_tables = flatten_into(Path(scratch) / "made", pages, packed, None, progress=False)
        keep_runs(new_tables, [r for path in snapshot.pages for r in _runs_of(path)], ())
        stones = None
        if "tombstones" not in broken:
            stones = stones_of(folder)
        if stones is not None:
            stones = replace(stones, everywhere=True)
        compared = stack.enter_context(contextlib.closing(comparison.Comparison(
            folder, snapshot.tables, new_tables, stones, redacted_pages, exact=exact
        )))
        for name, table in STORED.items():
            if broken & {name, table.parent}:  # damaged tables cannot be compared
                continue
            try:
                differences = list(compared.differences(name))
            except (duckdb.Error, pa.ArrowException, OSError, ArchiveError) as error:
                paths = snapshot.tables[name].all
                if folder.vanished(paths):
                    raise
                reason = str(error).splitlines()[0]
                bad = [path for path in paths if not compared.is_readable(path)]
                for path in bad:
                    finding = Finding("unreadable_file", folder.inside(path), reason)
                    report.findings.append(finding)
                differences = []
                if not bad:
                    differences = [("missing_rows", f"rows cannot be compared: {reason}")]
            for kind, detail in differences:
                report.findings.append(Finding(kind, name, detail))


def _runs_of(path: Place) -> list[dict[str, object]]:
    with contextlib.suppress(ArchiveError):  # already reported
        return part_runs(path)
    return []


def _check_journal(report: Report, folder: Folder) -> None:
    """Check that the journal is sound, and has received as many pages as its mark says."""
    mark = read_mark(folder.home / "journal.mark")
    problem: str | None = None
    received = 0
    if folder.journal.exists():
        try:
            with open_journal(folder.journal) as journal:
                problem, received = journal.check(), journal.received()
                journal.runs()
        except ArchiveError as error:
            problem = str(error)
    elif mark is not None:
        problem = "missing; it had pages that were not yet in the tables"
    if problem is None and mark is not None and received < mark:
        problem = (
            f"was truncated or replaced by an older copy: it has {counted(received, 'page')} of "
            f"the {mark:,} that were written to it"
        )
    if problem:
        report.findings.append(Finding("journal", folder.journal.name, problem))
