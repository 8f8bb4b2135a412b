"""Read pages from files: of the API v2, of the API v1.1, account exports, tables and scrapers.

One line is one page: a response of X, a flattened post, or a line of a stream or compliance file. A
JSON document of several lines is one page, or several if it is a list of recorded responses. The
content of a file decides its format, not its name. What is not of the API v2 is converted by the
declaration of its format (`reader.formats`).
"""

from __future__ import annotations

import io
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from xframes.errors import XframesError
from xframes.reader import account_export, row_files, spreadsheets, web_archive
from xframes.reader.bounded import rest
from xframes.reader.choices import Choices, choices
from xframes.reader.containers import (
    Part,
    is_hidden,
    member_sizes,
    parts,
    parts_of_members,
)
from xframes.reader.damage import NotPages, reason
from xframes.reader.documents import Captured, Recorded, bodies, is_page, pages_of_lines
from xframes.reader.formats import Converted, Notes, own_table
from xframes.reader.formats.flat import own_tables
from xframes.registry import ACTIONS, match
from xframes.wire import TICK, Page, Request, page_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from os import PathLike

    from xframes.reader.documents import Item

__all__ = [
    "Choices", "FileReport", "NotPages", "choices", "has_lines_of_pages", "is_hidden", "is_page",
    "member_sizes", "read_file", "read_lines", "read_members", "read_pages", "refusal",
]

_MOST_REASONS = 10  # in one error
_BATCH = 200  # problems of one page
_FIRST_BYTES = 65_536
_JSON = json.JSONDecoder()


@dataclass(slots=True)
class FileReport:
    """What of a file was left by choice, was refused, and where its times come from."""

    left: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    has_time_of_file: bool = False


def read_pages(
    path: str | PathLike[str], run_id: str | None = None, *, include: str | Iterable[str] = (),
    columns: Mapping[str, str] | None = None, observed_at: datetime | str | None = None,
) -> Iterator[Page]:
    """Read the pages of a file, in order and one at a time.

    Pages of X are kept verbatim; records of other formats (`xframes formats` lists them) become
    pages as X would send them. A line that is not JSON also becomes a page, and `xf.flatten`
    reports what is wrong with it. Files compressed with gz, zst, bz2 or xz, and zip and tar files,
    are unpacked, regardless of their names. In a list larger than 16 MB, each item is one page.

    Parameters
    ----------
    path
        The file to read. A line, or a document that is not a list, may have 256 MB (the setting
        `max_line_mb`).
    run_id
        Id of the run that the pages belong to. Default: none.
    include
        What of an account's export to read besides its posts: likes, follows, blocks, mutes, lists,
        messages, profile, deleted, or all.
    columns
        Columns of tables, and of plain JSON objects, with the columns of `posts` or `users` that
        they fill, e.g. `{"tweet_id": "id", "favs": "like_count"}`.
    observed_at
        When the data were collected, for files that do not say it.

    Returns
    -------
    Iterator of Page
        Pages in the order of the file. `received_at` is the time in the data (twarc's
        `retrieved_at`, `timestamp_ms` of streams, the date of an export), else `observed_at`, else
        the time when the file, or the member of a zip or tar, was last modified. Each page is a
        microsecond later than that for each page before it, which keeps their order.

    Raises
    ------
    XframesError
        The file does not exist, cannot be opened, has no pages, or cannot be read to its end.
        Everything that can be read, also in other files of a zip or tar, is returned before.

    Examples
    --------
    >>> frames = xf.flatten(xf.read_pages("pages.jsonl.gz"))
    """
    return read_file(path, run_id, choices(include, columns, observed_at), FileReport())


def read_file(
    path: str | PathLike[str], run_id: str | None, chosen: Choices, report: FileReport
) -> Iterator[Page]:
    """Read the pages of a file, and note in `report` what was left and refused."""
    path = Path(path)
    try:
        modified_at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        yield from _File(path, run_id, chosen, report, modified_at).pages(parts(path))
    except XframesError:
        raise
    except FileNotFoundError:
        raise XframesError(f"{_printable(path)}: the file does not exist") from None
    except IsADirectoryError:
        folder = _printable(path)
        raise XframesError(
            f"{folder}: expected a file, got a folder. Pass its files, e.g. '{folder}/*.jsonl'"
        ) from None
    except Exception as error:  # every error that the content causes must name the file
        raise XframesError(f"{_printable(path)}: {_printable(reason(error))}") from error


def read_lines(
    file: IO[bytes], path: Path, run_id: str | None, chosen: Choices, *,
    modified_at: datetime, number: int,
) -> Iterator[Page]:
    """Read the pages of some lines of a file that `has_lines_of_pages`.

    `number` is how many pages the file has before them.
    """
    part = Part(path.name, file, b"", modified_at=modified_at)
    yield from _File(path, run_id, chosen, FileReport(), modified_at, number=number).lines(part)


def read_members(
    file: IO[bytes], path: Path, run_id: str | None, chosen: Choices, *,
    modified_at: datetime, number: int, members: range,
) -> Iterator[Page]:
    """Read the pages of some members of a zip or tar that has `member_sizes`.

    `number` is how many pages the members before them have.
    """
    reading = _File(path, run_id, chosen, FileReport(), modified_at, number=number)
    yield from reading.pages(parts_of_members(path.name, file, members))


def has_lines_of_pages(name: str, head: bytes) -> bool:
    """Whether a file begins as one that may have a page in each line, by its first bytes."""
    part = Part(name, io.BytesIO(head), head)
    if head.lstrip()[:1] != b"{" or part.kind is not None or part.is_table:
        return False
    if account_export.is_document(head):
        return False
    return own_table(_keys(part), name) is None


def refusal(path: str | PathLike[str]) -> str | None:
    """Return why a file has no pages, as far as its beginning shows.

    None for a file that may have pages, and for one that is compressed or damaged.
    """
    with suppress(Exception):  # reading the file raises it again
        first = next(parts(Path(path)), None)
        if first is not None and not first.inside:
            return first.refusal
    return None


class _File:
    """The reading of one file, with all that is in it."""

    def __init__(
        self, path: Path, run_id: str | None, chosen: Choices, report: FileReport,
        modified_at: datetime, *, number: int = 0,
    ) -> None:
        self._path = path
        self._run_id = run_id
        self._choices = chosen
        self._report = report
        self._modified_at = modified_at
        self._refused: list[str] = []
        self._count = self._number = number

    def pages(self, found: Iterable[Part]) -> Iterator[Page]:
        """Read the pages of the parts of a file: its text, or each file in a zip or tar.

        Raises NotPages if nothing in it can be read, XframesError if something in it is damaged or
        too large.
        """
        skipped: list[str] = []
        failures: list[str] = []
        names: list[str] = []
        count = 0
        last: Part | None = None
        for part in found:
            count += 1
            names.append(part.name)
            name = part.name if part.inside else "it"
            if part.damage is not None:
                failures.append(f"{name} is {part.damage}")
                continue
            refusal = _refusal(part)
            if refusal is not None:
                skipped.append(f"{name} is {refusal}")
                continue
            last = part
            try:
                yield from self._part(part)
            except NotPages as error:  # a table; the error names the file
                if not part.inside:
                    raise
                skipped.append(str(error))
            except Exception as error:
                if not part.inside:
                    reason_ = _printable(reason(error))
                    raise XframesError(f"{_printable(self._path)}: {reason_}") from error
                failures.append(f"{part.member or part.name}: {reason(error)}")
        if last is not None and last.inside:
            yield from self._unkept_promises(last, names)
        self._check(skipped, failures, count)

    def lines(self, part: Part) -> Iterator[Page]:
        """Read some lines of a file, of which each is a page."""
        notes = Notes(_printable(part.name), self._choices.columns)
        for item in pages_of_lines(part.file, notes):
            assert isinstance(item, bytes)
            request, received_at = _twarc(item)
            yield self._page(request, item, received_at, part)

    def _check(self, skipped: list[str], failures: list[str], count: int) -> None:
        """Raise an error if something could not be read, or nothing was there."""
        if failures:
            raise XframesError(f"{_printable(self._path)}: {_summary(failures)}")
        if len(skipped) == count:
            reasons = _summary(skipped) or "it contains no files"
            raise NotPages(f"{_printable(self._path)} contains no pages: {reasons}")
        if self._refused and not self._count and not self._report.left:
            raise NotPages(f"{_printable(self._path)} contains no pages: {_summary(self._refused)}")

    def _part(self, part: Part) -> Iterator[Page]:
        notes = Notes(_printable(part.name), self._choices.columns)
        for item in self._items(part, notes):
            if isinstance(item, Converted):
                yield self._converted(item, part, notes)
            elif isinstance(item, bytes):
                self._count += 1
                request, received_at = _twarc(item)
                yield self._page(request, item, received_at, part)
            elif isinstance(item, Captured):
                self._count += 1
                yield self._page(_request(item.url), item.body, item.captured_at, part)
            else:
                self._count += 1
                yield self._page(_recorded_request(item), bytes(item.response), None, part)
        for label, number in notes.left.items():
            self._report.left[label] = self._report.left.get(label, 0) + number
        refused = [p["detail"] for p in notes.new if p["kind"] == "refused_format"]
        self._refused += refused
        self._report.refused += refused
        if notes.new and not (refused and not self._count):
            yield from self._problems(notes, part)

    def _items(self, part: Part, notes: Notes) -> Iterator[Item]:
        if part.kind is not None:
            data = rest(part.file)
            if part.kind:
                yield from account_export.pages(
                    data, part.kind, part.export, notes, self._choices, is_inside=part.inside,
                )
            if not part.inside:
                for detail in account_export.unkept_beside(self._path, part.kind, part.export):
                    notes.add_record(detail)
        elif account_export.is_document(part.head):
            yield from account_export.document_pages(
                rest(part.file), part.export, notes, self._choices,
            )
        elif part.is_columnar:
            yield from self._columnar(part, notes)
        elif part.is_web_archive:
            yield from _captured(part, notes)
        elif part.is_table:
            yield from spreadsheets.pages(part.file, notes, self._choices)
        elif own_table(keys := _keys(part), notes.file) is not None:
            rows = _rows(bodies(part.file, notes))
            yield from spreadsheets.table_pages(keys, rows, notes, self._choices)
        else:
            yield from bodies(part.file, notes)

    def _columnar(self, part: Part, notes: Notes) -> Iterator[Item]:
        """Read a Parquet file, or the known tables of a workbook or database; at least one."""
        if not part.is_workbook and not part.is_database:
            columns, rows = row_files.parquet(part.file, str(self._path))
            yield from spreadsheets.table_pages(columns, rows, notes, self._choices)
            return
        file, refused, count = notes.file, [], 0
        tables = row_files.database if part.is_database else row_files.workbook
        for name, columns, rows in tables(part.file, str(self._path)):
            if name in own_tables.READMES and len(columns) == 1:
                continue
            notes.file = f"{file}!{name}"
            try:
                for page in spreadsheets.table_pages(columns, rows, notes, self._choices):
                    count += 1
                    yield page
            except NotPages as error:
                refused.append(str(error))
        notes.file = file
        if not count and refused:
            raise NotPages(refused[0])
        for reason_ in refused:
            notes.add_record(reason_)

    def _problems(self, notes: Notes, part: Part) -> Iterator[Page]:
        """Return pages of what could not be read and is on no other page."""
        while notes.new:
            problems, notes.new = notes.new[:_BATCH], notes.new[_BATCH:]
            body = _body({"data": [], "__file": {"problems": problems}})
            yield self._page(Request("GET", ""), body, part.export.made_at, part)

    def _unkept_promises(self, part: Part, names: list[str]) -> Iterator[Page]:
        """Note what an export in a zip should have: files of its manifest, posts of its texts."""
        notes = Notes(_printable(self._path.name))
        for detail in account_export.unkept(part.export, names):
            notes.add_record(detail)
        yield from self._problems(notes, part)

    def _converted(self, item: Converted, part: Part, notes: Notes) -> Page:
        self._count += sum(bool(item.document.get(name)) for name in ("data", "includes", "id"))
        request = Request("GET", "")
        if item.action is not None:
            action = ACTIONS[item.action]
            request = Request(action.method, action.path, item.params, action.name, item.args)
        elif item.params:
            request = Request("GET", "", item.params)
        document = item.document
        refused = [p for p in notes.new if p["kind"] == "refused_format"]
        problems = [p for p in notes.take() if p["kind"] != "refused_format"]
        notes.new += refused
        extra: dict[str, Any] = {}
        if problems:
            extra["problems"] = problems
        if item.action is None and _needs_kind(item):
            extra["kind"] = item.kind
        if extra:
            document = {**document, "__file": extra}
        body = _body(document)
        own, retrieved_at = _twarc(body)
        if retrieved_at is not None:
            request = own
        at = item.observed_at or retrieved_at
        return self._page(request, body, at, part, is_exact=item.is_exact)

    def _page(
        self, request: Request, body: bytes, received_at: datetime | None, part: Part, *,
        is_exact: bool = False,
    ) -> Page:
        if received_at is None:
            received_at = part.export.made_at or self._choices.observed_at
        if received_at is None:
            self._report.has_time_of_file = True
            received_at = part.modified_at or self._modified_at
        if not is_exact:
            # times of whole seconds are the same on many pages, whose order counts
            received_at += self._number * TICK
        self._number += 1
        id_ = page_id(request, body)
        return Page(request, body, received_at, run_id=self._run_id, page_id=id_)


def _keys(part: Part) -> list[str]:
    """Return the keys of the first object of a text of JSON; empty if it does not begin so."""
    head = part.head
    if isinstance(part.file, io.BufferedReader):
        head = part.file.peek(_FIRST_BYTES)[:_FIRST_BYTES]
    text = head.decode("utf-8-sig", "replace").lstrip("[ \t\r\n")
    try:
        first = _JSON.raw_decode(text)[0]
    except (ValueError, RecursionError):
        return []
    return list(first) if isinstance(first, dict) else []


def _rows(items: Iterable[Item]) -> Iterator[dict[str, Any]]:
    """Return the objects of a file of JSON."""
    for item in items:
        if not isinstance(item, bytes):
            continue
        try:
            document = json.loads(item)
        except (ValueError, RecursionError):
            continue
        for row in document if isinstance(document, list) else [document]:
            if isinstance(row, dict):
                yield row


def _captured(part: Part, notes: Notes) -> Iterator[Item]:
    """Read the answers of X in a WARC file, each at the time of its capture."""
    for answer in web_archive.answers(part.file):
        for item in bodies(io.BytesIO(answer.body), notes):
            if isinstance(item, Converted):
                item.observed_at = item.observed_at or answer.captured_at
                yield item
            elif isinstance(item, bytes) and _is_of_x(answer.url):
                yield Captured(answer.url, item, answer.captured_at)


def _is_of_x(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host.endswith(("twitter.com", ".x.com"))


def _body(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "replace")


def _needs_kind(item: Converted) -> bool:
    """Whether the first object of a page does not show its kind by its fields."""
    data = item.document.get("data")
    if not data or not item.kind:
        return False
    mark = {"post": "text", "user": "username", "dm": "event_type", "compliance_result": "reason"}
    first = data[0]
    shown = mark.get(item.kind)
    return shown is None or first.get(shown) is None or (item.kind == "user" and "text" in first)


def _refusal(part: Part) -> str | None:
    """Return why a part is skipped. A table among other files of a zip may not be of posts."""
    if part.refusal is not None:
        return part.refusal
    if part.inside and part.is_table and not spreadsheets.begins_posts(part.head, part.name):
        return "not a table of posts"
    return None


def _summary(reasons: list[str]) -> str:
    """Join the first reasons in one line, and say how many more there are."""
    first = reasons[:_MOST_REASONS]
    left = len(reasons) - len(first)
    if left:
        first.append(f"and {left:,} more")
    return _printable("; ".join(first))


def _printable(text: object) -> str:
    """Escape file names that are not UTF-8, so that a text can be printed and stored."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def _recorded_request(recorded: Recorded) -> Request:
    try:
        return _request(recorded.endpoint, recorded.method)
    except ValueError:  # not a URL
        return Request("GET", "")


def _twarc(body: bytes) -> tuple[Request, datetime | None]:
    """Read the request and the time that twarc adds to the end of a page.

    Without them, the request is empty and the time is None.
    """
    tail = body[-4096:]
    at = tail.rfind(b'"__twarc"')
    if at >= 0:
        try:
            start = tail.index(b"{", at)
            meta: Any = json.loads(tail[start:tail.index(b"}", start) + 1])
            retrieved_at = datetime.fromisoformat(meta["retrieved_at"])
            if retrieved_at.tzinfo is None:
                retrieved_at = retrieved_at.replace(tzinfo=UTC)
            return _request(str(meta["url"])), retrieved_at.astimezone(UTC)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            pass
    return Request("GET", ""), None


def _request(url: str, method: str = "GET") -> Request:
    parts = urlsplit(url)
    params = dict(parse_qsl(parts.query))
    hit = match(method, parts.path)
    if hit is None:
        return Request(method, parts.path, params)
    action, args = hit
    return Request(method, parts.path, params, action.name, args)
