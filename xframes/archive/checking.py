"""Looking an archive over: whether everything in it can be read and agrees with everything else."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive import merging
from xframes.archive.journal import open_journal
from xframes.archive.places import opened
from xframes.archive.scrubbing import redacted
from xframes.archive.store import PAGES, read_part, stored_schema
from xframes.archive.views import connect
from xframes.errors import ArchiveError
from xframes.schema import TABLES, Table
from xframes.screen import neutral
from xframes.wire import page_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from xframes.archive.folder import Folder
    from xframes.archive.places import Place
    from xframes.wire import Page

_HASH = re.compile(r"[0-9a-f]{24}")
_READ_ERRORS = (OSError, ValueError, KeyError, TypeError, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its kind, where it stands (a file inside the archive, or a table), and what it is."""

    kind: str
    where: str
    detail: str


@dataclass(slots=True)
class Report:
    """What `Archive.verify` found: `findings`, how many pages and table files it read; `ok` when nothing is wrong.

    `repaired` tells what was done about earlier findings.
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


def verify(folder: Folder) -> Report:
    """Read everything and compare; nothing is raised for what is found."""
    report = Report()
    folder.look()
    page_ids: set[str] = set()
    broken = {"pages" for path in folder.page_parts() if _found(report, folder, path, _check_pages(path, page_ids))}
    report.pages = len(page_ids)
    for name, table in TABLES.items():
        files = folder.files(name)
        strange: set[str] = set()
        for path in files.all:
            report.files += 1
            if _found(report, folder, path, _check_table(path, table, strange)):
                broken.add(name)
        if "pages" not in broken and name != "requests" and (none := strange - page_ids):
            found = f"its rows come from {len(none)} pages that are not here (e.g. {min(none)})"
            report.findings.append(Finding("missing_page", name, found))
        if files.generation and name not in broken:
            keys = _repeated_keys(folder, table, [str(p) for p in files.bases[files.generation]])
            if keys:
                report.findings.append(Finding("repeated_key", name, f"{keys} keys stand twice in compacted files"))
    if not broken & {"pages", "requests"} and any(_differences(folder)):
        with folder.lock("flush"):  # what another process was just writing is there now
            _compare_requests(report, folder)
    if folder.journal.exists():
        _check_journal(report, folder)
    return report


def _found(report: Report, folder: Folder, path: Place, problems: Iterator[tuple[str, str]]) -> bool:
    before = len(report.findings)
    where = folder.inside(path)
    try:
        for kind, detail in problems:
            report.findings.append(Finding(kind, where, detail))
    except _READ_ERRORS as error:
        if folder.vanished([path]):
            raise
        report.findings.append(Finding("unreadable_file", where, f"{type(error).__name__}: {error}"))
    return len(report.findings) > before


def _check_pages(path: Place, seen: set[str]) -> Iterator[tuple[str, str]]:
    schema = pq.read_schema(opened(path))
    if not schema.equals(PAGES):
        yield "schema", "its columns are not those of a file of pages"
        return
    for page in read_part(path):
        seen.add(page.page_id)
        if not _id_agrees(page):
            yield "changed_page", f"page {page.page_id} does not hash to its id: its body or request was changed"


def _id_agrees(page: Page) -> bool:
    """Whether the id is the hash of the page; of ids of other programs, and of redacted pages, nobody can tell."""
    request, body = page.request, page.body
    return redacted(page) or not _HASH.fullmatch(page.page_id) or page.page_id in {
        page_id(request, body, page.received_at), page_id(request, body)
    }


def _check_table(path: Place, table: Table, page_ids: set[str]) -> Iterator[tuple[str, str]]:
    with pq.ParquetFile(opened(path), page_checksum_verification=True) as file:
        stored = stored_schema(table.name)
        for column in file.schema_arrow:
            index = stored.get_field_index(column.name)
            if index >= 0 and not stored.field(index).type.equals(column.type):
                yield "schema", f"column {column.name} is {column.type}, not {stored.field(index).type}"
        missing = [n for n in (*table.key, "observed_at", "page_id") if n not in file.schema_arrow.names]
        if missing:
            yield "schema", f"it lacks {', '.join(missing)}"
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group)
            if not missing:
                page_ids.update(i for i in rows["page_id"].unique().to_pylist() if i is not None)


def _repeated_keys(folder: Folder, table: Table, files: list[str]) -> int:
    key = merging.quoted(table.key)
    rows = f"SELECT {key} FROM {merging.scan(table, files)} GROUP BY {key} HAVING count(*) > 1"
    with contextlib.closing(connect(folder)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM ({rows})").fetchall()[0][0])


def _differences(folder: Folder) -> tuple[set[str], set[str]]:
    """The ids of pages without a row in `requests`, and the other way round."""
    pages, requests = (
        {i for path in paths for i in pq.read_table(opened(path), columns=["page_id"])["page_id"].to_pylist()}
        for paths in (folder.page_parts(), folder.files("requests").all)
    )
    return pages - requests, requests - pages


def _compare_requests(report: Report, folder: Folder) -> None:
    folder.look()
    pages, requests = _differences(folder)
    for some, kind, text in (
        (pages, "missing_request", "pages have no row in `requests`; `rebuild()` makes it"),
        (requests, "missing_page", "rows of `requests` have no page"),
    ):
        if some:
            report.findings.append(Finding(kind, "requests", f"{len(some)} {text} (e.g. {min(some)})"))


def _check_journal(report: Report, folder: Folder) -> None:
    try:
        with open_journal(folder.journal) as journal:
            problem = journal.check()
    except ArchiveError as error:
        problem = str(error)
    if problem:
        report.findings.append(Finding("journal", folder.journal.name, problem))
