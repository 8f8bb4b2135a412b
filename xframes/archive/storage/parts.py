"""Pages and tables as Parquet: how they are written, and how pages are read."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xframes.archive.storage.bookkeeping import part_name
from xframes.archive.storage.page_redaction import redacted
from xframes.archive.storage.paths import opened
from xframes.errors import ArchiveError
from xframes.schema import TABLES, Table
from xframes.wire import Page, Request
from xframes.wire import page_id as content_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder
    from xframes.flattening import Flattener

BATCH_BYTES = 2_000_000
FLUSH_BYTES = 64_000_000  # JSON a collection keeps in the journal before it is written to parts
IMPORT_BYTES = 192_000_000  # JSON in one part of an import; few parts make queries fast
HELD_BYTES = 24_000_000  # Arrow data kept in memory before it is written as row groups
PAGE_GROUP_BYTES = 8_000_000  # bodies in one row group: 20 pages of 100 posts
ROW_GROUP_ROWS = 122_880
RUNS_KEY = b"xframes.runs"  # Parquet metadata of page parts: records of runs, for a rebuild
RUNS_HASH_KEY = b"xframes.runs.hash"
COMPACTED = b"xframes.compacted"  # Parquet metadata of files whose rows may merge observations
LEVELLED = b"2"  # its value where rows that lost to rows of other files were left out
HASH = "hash"  # column of page parts: hash of the rest of the row; early archives lack it
_KNOWN = pa.struct([("observed_at", pa.timestamp("ms", tz="UTC")), ("tie", pa.uint64())])
KNOWN_AT = pa.field("known_at", pa.map_(pa.string(), _KNOWN))
PAGES = pa.schema([
    ("page_id", pa.string()),
    ("run_id", pa.string()),
    ("action", pa.string()),
    ("method", pa.string()),
    ("path", pa.string()),
    ("params", pa.string()),
    ("args", pa.string()),
    ("status", pa.int64()),
    ("received_at", pa.timestamp("us", tz="UTC")),
    ("body", pa.binary()),
    (HASH, pa.string()),
])
PAGES_UNHASHED = pa.schema([f for f in PAGES if f.name != HASH])
_PAGE_ID = re.compile(r"[0-9a-f]{24}")  # other ids come from other programs
_MOST_KEYS = 64  # arrays of keys that are counted, before they become one
_READ_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    OverflowError,
    RecursionError,
    pa.ArrowException,
)
_Item = TypeVar("_Item")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "write_page_checksum": True,
}


class Unflattened(ArchiveError):
    """Pages could not be turned into rows."""


@dataclass(slots=True)
class Tally:
    """Counts of one run: pages, main rows, time of the first and last page, reason of a failure."""

    action: str | None = None
    pages: int = 0
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    failed: str | None = None
    keys: dict[str, list[pa.Array]] = field(default_factory=dict)

    @property
    def stored(self) -> dict[str, int]:
        """The number of rows by table, each key once."""
        return {name: len(_unique(keys)) for name, keys in self.keys.items()}

    def add_keys(self, table: Table, rows: pa.Table) -> None:
        """Count the rows of a table by their keys."""
        columns = [rows.column(name).cast(pa.string()) for name in table.key]
        keys = self.keys.setdefault(table.name, [])
        keys.append(pc.unique(_joined(columns)))
        if len(keys) >= _MOST_KEYS:
            keys[:] = [_unique(keys)]

    def add(self, page: Page) -> None:
        """Count a page."""
        self.action = self.action or page.request.action
        self.pages += 1
        self.first = min(self.first or page.received_at, page.received_at)
        self.last = max(self.last or page.received_at, page.received_at)

    def merge(self, other: Tally) -> None:
        """Add the counts of another worker for the same run."""
        times = [t for t in (self.first, self.last, other.first, other.last) if t is not None]
        self.action = self.action or other.action
        self.pages += other.pages
        self.rows += other.rows
        self.failed = self.failed or other.failed
        for name, keys in other.keys.items():
            self.keys.setdefault(name, []).extend(keys)
        self.first, self.last = min(times, default=None), max(times, default=None)


def _joined(columns: list[pa.ChunkedArray]) -> pa.Array:
    """Return one text for each row."""
    if len(columns) == 1:
        return columns[0]
    return pc.binary_join_element_wise(*columns, "\x1f", null_handling="replace")


def _unique(keys: list[pa.Array]) -> pa.Array:
    chunks: list[pa.Array] = []
    for key in keys:
        chunks += key.chunks if isinstance(key, pa.ChunkedArray) else [key]
    return pc.unique(pa.chunked_array(chunks, pa.string()))


def _is_counted(table: Table) -> bool:
    """Whether an import counts the rows of a table: not details, metrics and logs."""
    if table.kind == "measure":
        return table.object not in {"post", "user"}
    return table.kind in {"entity", "relation"} or table.name in {"removals", "problems"}


class TableParts:
    """Rows to be written as one part per table, in row groups of bounded size."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._waiting: dict[str, list[pa.Table]] = {}
        self._bytes = 0
        self._writers: dict[str, tuple[Path, Any]] = {}

    def add(self, tables: Mapping[str, pa.Table]) -> None:
        """Add rows; write the rows in memory if they are many."""
        for name, table in tables.items():
            if table.num_rows:
                self._waiting.setdefault(name, []).append(table)
                self._bytes += table.nbytes
        if self._bytes >= HELD_BYTES:
            self._write()

    def finish(self) -> dict[Path, Place]:
        """Finish the temporary files, and return the final path of each."""
        self._write()
        moves: dict[Path, Place] = {}
        for name, (temp, writer) in self._writers.items():
            writer.close()
            moves[temp] = self._folder.tables / name / part_name(temp)
        self._writers = {}
        return moves

    def discard(self) -> None:
        """Drop all rows and temporary files."""
        self._waiting = {}
        for temp, writer in self._writers.values():
            with suppress(OSError, pa.ArrowException):  # a full disk has no room for the footer
                writer.close()
            temp.unlink(missing_ok=True)
        self._writers = {}

    def _write(self) -> None:
        for name in list(self._waiting):
            table = pa.concat_tables(self._waiting.pop(name))
            if name not in self._writers:
                temp = self._folder.new_temp()
                self._writers[name] = (temp, pq.ParquetWriter(temp, table.schema, **PARQUET))
            self._writers[name][1].write_table(table, row_group_size=ROW_GROUP_ROWS)
        self._bytes = 0
        pa.default_memory_pool().release_unused()


class PagesFile:
    """A file of pages, written in row groups of 8 MB so that few bodies are in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        columns = [n for n in PAGES.names if n != "body"]  # a dictionary of bodies has no use
        self._writer = pq.ParquetWriter(
            path, PAGES, use_dictionary=columns, write_statistics=False, **PARQUET
        )
        self._waiting: list[Page] = []
        self._bytes = 0

    def add(self, pages: Sequence[Page]) -> None:
        """Append pages."""
        for page in pages:
            self._waiting.append(page)
            self._bytes += len(page.body)
            if self._bytes >= PAGE_GROUP_BYTES:
                self._write()

    def close(self, runs: Sequence[Mapping[str, Any]] = ()) -> None:
        """Finish the file. `runs` are the records of the runs of these pages."""
        self._write()
        records = dump_runs(runs)
        self._writer.add_key_value_metadata({RUNS_KEY: records, RUNS_HASH_KEY: _digest(records)})
        self._writer.close()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(pages_table(self._waiting))
            self._waiting, self._bytes = [], 0


@dataclass(slots=True)
class Writer:
    """Writes pages as parts. They become visible with `flush`: rows first, then pages.

    If `keep_pages` is false, only rows are written, as in a rebuild.
    """

    folder: Folder
    flattener: Flattener
    keep_pages: bool = True
    tally: dict[str | None, Tally] = field(default_factory=dict)
    bytes: int = 0
    _parts: TableParts = field(init=False)
    _file: PagesFile | None = None

    def __post_init__(self) -> None:
        self._parts = TableParts(self.folder)

    def add(self, pages: Sequence[Page]) -> None:
        """Flatten a batch of pages (about 2 MB of JSON).

        Raises Unflattened, with nothing added, if that fails, for example for lack of memory.
        """
        try:
            tables = self.flattener.batch(pages)
        except Exception as error:
            most = max(len(page.body) for page in pages)
            why = f"a page of {most:,} bytes could not be flattened ({type(error).__name__})"
            raise Unflattened(why) from error
        self._parts.add(tables)
        for page in pages:
            self.tally.setdefault(page.run_id, Tally()).add(page)
            self.bytes += len(page.body)
        counts = tables["requests"].select(["run_id", "row_count"]).to_pylist()
        for count in counts:
            self.tally[count["run_id"]].rows += count["row_count"] or 0
        if self.keep_pages:
            self._count(tables, pages)
        if self.keep_pages:
            if self._file is None:
                self._file = PagesFile(self.folder.new_temp())
            self._file.add(pages)

    def _count(self, tables: Mapping[str, pa.Table], pages: Sequence[Page]) -> None:
        """Count the rows of each run by table."""
        runs: dict[str | None, set[str]] = {}
        for page in pages:
            runs.setdefault(page.run_id, set()).add(page.page_id)
        for name in tables:
            table = TABLES[name]
            if not _is_counted(table):
                continue
            for run_id, ids in runs.items():
                rows = tables[name]
                if len(runs) > 1:
                    rows = rows.filter(pc.is_in(rows["page_id"], pa.array(ids, pa.string())))
                if rows.num_rows:
                    self.tally[run_id].add_keys(table, rows)

    def unknown_fields(self) -> pa.Table:
        """Return `problems` rows for field names that no column reads."""
        return self.flattener.unknown_fields()

    def flush(
        self,
        lock: AbstractContextManager[object],
        runs: Sequence[Mapping[str, Any]] = (),
        extra: pa.Table | None = None,
    ) -> None:
        """Write everything added so far into the archive.

        `runs` are records of runs to write with it, `extra` more rows of `problems`.
        """
        if runs:
            self._parts.add({"runs": runs_table(runs)})
        if extra is not None:
            self._parts.add({"problems": extra})
        pages: dict[Path, Place] = {}
        if self.keep_pages and (self._file is not None or runs):
            self._file = self._file or PagesFile(self.folder.new_temp())
            self._file.close(runs)
            pages = {self._file.path: self.folder.pages / part_name(self._file.path)}
        moves = self._parts.finish()
        self._file = None  # it belongs to the commit, which another process may have to complete
        with lock:
            if self.keep_pages:
                self.folder.commit(moves | pages)
            else:
                self.folder.place(moves)
        self.bytes = 0

    def discard(self) -> None:
        """Drop everything added since the last flush."""
        self._parts.discard()
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError, pa.ArrowException):
                file.close()
            file.path.unlink(missing_ok=True)


def gathered(items: Iterable[_Item], weight: Callable[[_Item], int]) -> Iterator[list[_Item]]:
    """Group items into lists of about 2 MB of JSON, the amount that is flattened together."""
    batch: list[_Item] = []
    batch_bytes = 0
    for item in items:
        batch.append(item)
        batch_bytes += weight(item)
        if batch_bytes >= BATCH_BYTES:
            yield batch
            batch, batch_bytes = [], 0
    if batch:
        yield batch


def size(page: Page) -> int:
    """Return the size of a page's body in bytes."""
    return len(page.body)


def pages_table(pages: Sequence[Page]) -> pa.Table:
    """Return pages as rows of a page part, each with the hash of its row."""
    params = [dump(p.request.params) for p in pages]
    args = [dump(p.request.args) for p in pages]
    hashes = [_row_hash(*row) for row in zip(pages, params, args, strict=True)]
    return pa.Table.from_arrays(
        [
            pa.array([p.page_id for p in pages], pa.string()),
            pa.array([p.run_id for p in pages], pa.string()),
            pa.array([p.request.action for p in pages], pa.string()),
            pa.array([p.request.method for p in pages], pa.string()),
            pa.array([p.request.path for p in pages], pa.string()),
            pa.array(params, pa.string()),
            pa.array(args, pa.string()),
            pa.array([p.status for p in pages], pa.int64()),
            pa.array([p.received_at for p in pages], pa.timestamp("us", tz="UTC")),
            pa.array([p.body for p in pages], pa.binary()),
            pa.array(hashes, pa.string()),
        ],
        schema=PAGES,
    )


def _row_hash(page: Page, params: str, args: str) -> str:
    """Return the hash of all columns of a page."""
    request = page.request
    micros = (page.received_at - _EPOCH) // _MICROSECOND
    head = (
        page.page_id,
        page.run_id,
        request.action,
        request.method,
        request.path,
        params,
        args,
        page.status,
        micros,
    )
    return _digest(json.dumps(head).encode(), page.body).decode()


def _digest(*parts: bytes) -> bytes:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest().encode()


@dataclass(frozen=True, slots=True)
class Damage:
    """Pages of a part that cannot be used: the kind of damage and the reason."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pages of an archive are read: those of a run, or those with these ids."""

    run_id: str | None = None
    page_ids: frozenset[str] | None = None

    @property
    def is_all(self) -> bool:
        """Whether all pages are read."""
        return self.run_id is None and self.page_ids is None

    def rows(self, file: pq.ParquetFile, group: int) -> pa.Array:
        """Return which rows of a row group are read."""
        rows = file.read_row_group(group, ["page_id", "run_id"])
        is_wanted = pa.repeat(pa.scalar(True), rows.num_rows)
        if self.run_id is not None:
            is_wanted = pc.and_(is_wanted, pc.equal(rows["run_id"], self.run_id))
        if self.page_ids is not None:
            ids = pa.array(sorted(self.page_ids), pa.string())
            is_wanted = pc.and_(is_wanted, pc.is_in(rows["page_id"], ids))
        return is_wanted


ALL = Wanted()


def read_part(path: Place, wanted: Wanted = ALL) -> Iterator[Page]:
    """Read the wanted pages of one part, in order, one row group at a time.

    Raises ArchiveError for a page that has changed since it was written, and FileNotFoundError if
    the file is gone.
    """
    for page in examine_part(path, wanted):
        if isinstance(page, Damage):
            raise ArchiveError(f"{path} is damaged: {page.reason}. To repair the archive, use "
                               "archive.verify(repair=True)")
        yield page


def examine_part(path: Place, wanted: Wanted = ALL) -> Iterator[Page | Damage]:
    """Read the pages of one part as far as possible, with a Damage for what cannot be read."""
    try:
        file = pq.ParquetFile(opened(path), page_checksum_verification=True)
    except FileNotFoundError:
        raise
    except _READ_ERRORS as error:
        yield Damage("unreadable_file", f"it cannot be read ({type(error).__name__}: {error})")
        return
    with file:
        if not (file.schema_arrow.equals(PAGES) or file.schema_arrow.equals(PAGES_UNHASHED)):
            yield Damage("schema", "its columns are not those of a file of pages")
            return
        for group in range(file.num_row_groups):
            try:
                yield from _examine_group(file, group, wanted)
            except FileNotFoundError:
                raise
            except _READ_ERRORS as error:
                error_text = f"{type(error).__name__}: {error}"
                yield Damage("unreadable_file", f"pages cannot be read ({error_text})")


def _examine_group(file: pq.ParquetFile, group: int, wanted: Wanted) -> Iterator[Page | Damage]:
    if wanted.is_all:
        yield from table_pages(file.read_row_group(group))
        return
    is_wanted = wanted.rows(file, group)
    if pc.any(is_wanted).as_py():
        yield from table_pages(file.read_row_group(group).filter(is_wanted))


def all_pages(
    folder: Folder,
    wanted: Wanted = ALL,
    read: Callable[[Place, Wanted], Iterator[Page]] = read_part,
) -> Iterator[Page]:
    """Read the wanted pages of an archive, in order.

    If another machine replaces a file meanwhile, its replacement is read.
    """
    folder.look()
    left, done = list(folder.page_parts()), set[str]()
    while left:
        try:
            yield from read(left[0], wanted)
        except FileNotFoundError:
            if not folder.vanished(left[:1]):
                raise
            left = [p for p in folder.page_parts() if p.name not in done]
        else:
            done.add(left.pop(0).name)


def table_pages(table: pa.Table) -> Iterator[Page | Damage]:
    """Read rows of a page part as pages, with a Damage for rows that have changed since."""
    columns = {n: table[n].to_pylist() for n in table.column_names if n != "received_at"}
    columns["micros"] = table["received_at"].cast(pa.int64()).to_pylist()
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        try:
            page = _page_of(row)
            is_sound = _is_sound(page, row)
        except _READ_ERRORS:
            is_sound = False
        if is_sound:
            yield page
        else:
            reason = f"page {row['page_id']!r:.60} does not agree with its hash"
            yield Damage("changed_page", reason)


def _page_of(row: Mapping[str, Any]) -> Page:
    request = Request(
        row["method"], row["path"], _load(row["params"]), row["action"], _load(row["args"])
    )
    received_at = _EPOCH + timedelta(microseconds=row["micros"])
    return Page(request, row["body"], received_at, row["status"], row["run_id"], row["page_id"])


def _is_sound(page: Page, row: Mapping[str, Any]) -> bool:
    """Whether a page agrees with the hash in its row, or else with its id."""
    if HASH not in row:
        return id_agrees(page)
    return bool(_row_hash(page, row["params"], row["args"]) == row[HASH])


def id_agrees(page: Page) -> bool:
    """Whether a page's id is the hash of its content.

    True also for ids of other programs and for redacted pages, which cannot be compared.
    """
    if redacted(page) or not _PAGE_ID.fullmatch(page.page_id):
        return True
    ids = (
        content_id(page.request, page.body, page.received_at),
        content_id(page.request, page.body),
    )
    return page.page_id in ids


def _load(text: str) -> dict[str, str]:
    if text == "{}":
        return {}
    document = json.loads(text)
    if not isinstance(document, dict):
        raise TypeError("expected parameters of a request as a JSON object")
    return document


def part_runs(path: Place) -> list[dict[str, Any]]:
    """Read the records of runs in a page part. Raises ArchiveError if they are damaged."""
    try:
        footer = pq.read_metadata(opened(path))
        metadata = footer.metadata or {}
        records = metadata.get(RUNS_KEY)
        has_hashes = HASH in footer.schema.to_arrow_schema().names
        if has_hashes and (records is None or metadata.get(RUNS_HASH_KEY) != _digest(records)):
            raise ValueError("they do not agree with their hash")
        runs = [dict(r) for r in json.loads(records or b"[]")]
        runs_table(runs)
        if not all(_has_id_and_time(run) for run in runs):
            raise ValueError("a record has no id or no time")
    except FileNotFoundError:
        raise
    except _READ_ERRORS as error:
        reason = f"its records of runs cannot be used ({error})"
        raise ArchiveError(f"{path} is damaged: {reason}") from error
    return runs


def _has_id_and_time(run: Mapping[str, Any]) -> bool:
    return isinstance(run.get("run_id"), str) and isinstance(run.get("observed_at"), str)


def examine_table(path: Place, table: Table, page_ids: set[str]) -> Iterator[tuple[str, str]]:
    """Read a whole file of a table, and yield what is wrong with it: kind and detail.

    The ids of the pages that its rows name are added to `page_ids`.
    """
    try:
        file = pq.ParquetFile(opened(path), page_checksum_verification=True)
        with file:
            stored = stored_schema(table.name)
            for column in file.schema_arrow:
                index = stored.get_field_index(column.name)
                if index >= 0 and not stored.field(index).type.equals(column.type):
                    expected = stored.field(index).type
                    detail = f"column {column.name}: expected {expected}, got {column.type}"
                    yield "schema", detail
            needed = (*table.key, "observed_at", "page_id")
            missing = [n for n in needed if n not in file.schema_arrow.names]
            if missing:
                yield "schema", f"missing columns: {', '.join(missing)}"
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group)
                if not missing:
                    ids = rows["page_id"].unique().to_pylist()
                    page_ids.update(id_ for id_ in ids if id_ is not None)
    except FileNotFoundError:
        raise
    except _READ_ERRORS as error:
        yield "unreadable_file", f"it cannot be read ({type(error).__name__}: {error})"


def dump(mapping: Mapping[str, Any]) -> str:
    """Return JSON with sorted names, in ASCII so that any text survives."""
    return json.dumps(dict(mapping), sort_keys=True)


def dump_runs(runs: Sequence[Mapping[str, Any]]) -> bytes:
    """Return records of runs as JSON, with times in ISO form."""
    return json.dumps([dict(r) for r in runs], default=lambda t: t.isoformat()).encode()


def runs_table(runs: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return records of runs as rows of `runs`; `observed_at` is the time of the record."""
    schema = TABLES["runs"].schema
    times = {f.name for f in schema if pa.types.is_timestamp(f.type)}
    rows = []
    for run in runs:
        row = dict(run)
        for name in times & row.keys():
            if isinstance(row[name], str):
                row[name] = datetime.fromisoformat(row[name])
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=schema)


@cache
def stored_schema(table: str) -> pa.Schema:
    """Return the schema of compacted files: the table's, and `known_at` if its rows are merged."""
    schema = TABLES[table].schema
    if TABLES[table].merges:
        schema = schema.append(KNOWN_AT)
    return schema
