"""Export on Spark: each task writes a range of one table, as the views of one machine show it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.export import masking
from xframes.archive.export.job import BATCH_ROWS, check_arguments, check_target, place_export
from xframes.archive.export.masking import Mask
from xframes.archive.export.pseudonyms import Pseudonyms
from xframes.archive.export.selection import PRIVATE, refusal
from xframes.archive.query.views import Views
from xframes.archive.storage.bucket import is_url
from xframes.archive.storage.disk import remove
from xframes.archive.storage.paths import opened
from xframes.archive.upkeep.deciding import key_ranges
from xframes.errors import ArgumentError
from xframes.formats import FORMATS, Options, Rows, by_name
from xframes.schema import TABLES
from xframes.spark.jobs import staging
from xframes.spark.jobs.keys.key_sampling import Division, sampled_cuts
from xframes.spark.jobs.staging import ListedFolder, Listing, Stage
from xframes.sql.newest import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyspark.sql import SparkSession

    from xframes.archive.export.job import Wish
    from xframes.archive.export.pseudonyms import People
    from xframes.schema import Col, Table
    from xframes.spark.jobs.staging import Job

FILE_ROWS = 1_000_000
_PSEUDONYMS = (
    "Ids, handles and names of people, mentions and links to X are replaced by keyed pseudonyms. "
    "Columns in which no rule finds people are left out."
)
_RANGED_AS = {"results": "posts"}  # a view has the keys of a table


@dataclass(frozen=True, slots=True)
class _Range:
    """A range of the keys of a table, and the file for it, relative to the target."""

    table: str
    file: str
    lower: str | None
    upper: str | None


@dataclass(frozen=True, slots=True)
class _Masking:
    """How people are replaced by pseudonyms; `people` are all handles and ids in the archive."""

    key: str | bytes
    keep_post_ids: bool
    people: People

    def pseudonyms(self) -> Pseudonyms:
        """Return the pseudonyms of the key."""
        found = Pseudonyms(self.key, posts=not self.keep_post_ids)
        found.people = self.people
        return found


@dataclass(frozen=True, slots=True)
class _Writing:
    """The task that writes a range of a table; it returns the number of rows."""

    stage: Stage
    listing: Listing
    format: str
    home: str
    masking: _Masking | None

    def __call__(self, range_: _Range) -> int:
        folder = ListedFolder(self.stage, self.listing)
        views = Views(folder)
        table = TABLES[range_.table]
        columns, named = _columns(table.name, self.masking), [table.name]
        if self.masking is not None:
            named = list(TABLES)  # pseudonyms in a text need its author
        schema = pa.schema([(c.name, c.type.arrow) for c in columns])
        query, bounds = self._query(table, range_)
        with contextlib.closing(views), tempfile.NamedTemporaryFile(dir=folder.local) as temp:
            cursor = views.cursor(named)
            reader = cursor.sql(query, params=bounds or None).to_arrow_reader(BATCH_ROWS)
            masked = self._masked(table, reader)
            batches = (rows.select(schema.names).cast(schema) for rows in masked)
            rows = Rows(table.name, schema, batches, about=table.doc)
            write = by_name(self.format, FORMATS).write
            assert write
            count = write(temp.file, rows, Options())
            temp.flush()
            _put(temp.name, f"{self.home}/{range_.file}")
        return count

    def _query(self, table: Table, range_: _Range) -> tuple[str, dict[str, str]]:
        """Return the SELECT of the rows in a range, in order, and its parameters."""
        rank = key_ranges.rank_text(table, key_ranges.range_key(table))
        tests, bounds = ["true"], {}
        if range_.lower is not None:
            tests.append(f"{rank} >= $lower")
            bounds["lower"] = range_.lower
        if range_.upper is not None:
            tests.append(f"{rank} < $upper")
            bounds["upper"] = range_.upper
        rows = f'(SELECT * FROM "{table.name}" WHERE {" AND ".join(tests)})'
        shown = [c.name for c in table.columns]
        if self.masking is not None:
            rows = masking.source(table.name, rows)
            shown += masking.helpers(table.name)
        order = dict.fromkeys((*filter(None, [table.time]), *table.key))
        return f"SELECT {quoted(shown)} FROM {rows} ORDER BY {quoted(order)}", bounds

    def _masked(self, table: Table, reader: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
        mask = None
        if self.masking is not None:
            mask = Mask(table.name, self.masking.pseudonyms())
        for batch in reader:
            rows = pa.Table.from_batches([batch])
            if mask is not None:
                rows = mask.batch(rows)
            yield rows


def _columns(table: str, chosen: _Masking | None) -> Sequence[Col]:
    if chosen is None:
        return TABLES[table].columns
    return masking.masked_columns(table)


def export(
    spark: SparkSession, url: str | os.PathLike[str], path: str | os.PathLike[str], *,
    tables: str | Iterable[str] | None = None, format: str | None = None,
    pseudonymise: str | bytes | None = None, keep_post_ids: bool = False,
    overwrite: bool = False, file_rows: int = FILE_ROWS,
) -> dict[str, int]:
    """Export tables of an archive as folders of files, by tasks on Spark.

    Rows are those that `Archive.sql` shows, in ranges of keys. In a folder, the export appears at
    once when it is complete; at a URL, `datapackage.json` is written last.

    Parameters
    ----------
    spark
        The Spark session, as in `import_pages`.
    url
        The archive.
    path
        A folder that all executors share, or a URL. Each table becomes a folder in it.
    tables
        Names of tables. Default: all that have rows, except private ones.
    format
        A format of one table per file, such as `parquet` or `csv`. Default: parquet.
    pseudonymise, keep_post_ids
        As in `Archive.export`: the same key makes the same pseudonyms as there.
    overwrite
        Replace an earlier export.
    file_rows
        Rows of a file, approximately.

    Returns
    -------
    dict
        The number of rows of each table.

    Raises
    ------
    ArgumentError
        If a table or format is not known or not exported, or something is there already.

    Examples
    --------
    >>> jobs.export(spark, "s3://bucket/archive", "s3://bucket/shared", tables=["posts"])
    """
    target = os.fspath(path).rstrip("/")
    wish = check_arguments(
        f"{target}/", tables, format, None, None, included=False, overwrite=overwrite
    )
    if wish.format.write is None:
        raise ArgumentError(
            f"format: expected one of a file per table, got {wish.format.name!r}"
        )
    if pseudonymise is not None:
        if wish.format.ids_only:
            raise ArgumentError(
                "pseudonymise: not for format 'ids', because X cannot look pseudonyms up"
            )
        Pseudonyms(pseudonymise)  # an error before any work
    for name in sorted(wish.tables):
        if (reason := refusal(name, masked=pseudonymise is not None)) is not None:
            raise ArgumentError(f"table {name} is not exported, because it {reason}")
    with staging.job(spark, url) as job, job.views.readers.reading():
        if is_url(target):
            home = target
            _check_url(target, overwrite=overwrite)
        else:
            absolute = Path(target).expanduser().absolute()
            check_target(absolute, job.folder, wish)
            home = str(absolute.with_name(f".{absolute.name}.part-{secrets.token_hex(4)}"))
        try:
            chosen = None
            if pseudonymise is not None:
                people = masking.people(job.views.connection())
                chosen = _Masking(pseudonymise, keep_post_ids, people)
            counts = _write(job, home, wish, chosen, file_rows)
            if not is_url(target):
                place_export(Path(home), absolute)
        finally:
            if not is_url(target):
                remove(Path(home))
    return counts


def _write(
    job: Job, home: str, wish: Wish, chosen: _Masking | None, file_rows: int
) -> dict[str, int]:
    format = wish.format
    names = [name for name in TABLES if name in wish.tables]
    if not names:
        public = [name for name in TABLES if name not in PRIVATE and _has_rows(job, name)]
        names = [n for n in public if refusal(n, masked=chosen is not None) is None]
    ranges = [each for name in names for each in _ranges(job, name, format.suffix, file_rows)]
    listing = Listing.of(job.folder)
    done = job.run(_Writing(job.stage, listing, format.name, home, chosen), ranges)
    counts = dict.fromkeys(names, 0)
    for each, count in zip(ranges, done, strict=True):
        counts[each.table] += count
    resources = [
        {"name": name, "format": format.name, "rows": counts[name],
         "path": [each.file for each in ranges if each.table == name]}
        for name in names
    ]
    package: dict[str, object] = {"profile": "data-package", "resources": resources}
    if chosen is not None:
        package["description"] = _PSEUDONYMS
    with tempfile.NamedTemporaryFile("w") as file:
        json.dump(package, file, indent=2)
        file.flush()
        _put(file.name, f"{home}/datapackage.json")
    return counts


def _has_rows(job: Job, name: str) -> bool:
    return bool(job.folder.files(_RANGED_AS.get(name, name)).all)


def _ranges(job: Job, name: str, suffix: str, file_rows: int) -> Iterator[_Range]:
    """Divide a table by its keys into files of about so many rows."""
    stored = _RANGED_AS.get(name, name)
    places = job.folder.files(stored).all
    rows = sum(pq.read_metadata(opened(place)).num_rows for place in places)
    bounds: list[str | None] = [None]
    if count := rows // file_rows:
        divisions = [Division(stored, stored, job.folder.inside(place)) for place in places]
        bounds += sampled_cuts(job, divisions, {stored: count + 1})[stored]
    for number, (lower, upper) in enumerate(zip(bounds, [*bounds[1:], None], strict=True)):
        yield _Range(name, f"{name}/part-{number:05}{suffix}", lower, upper)


def _check_url(target: str, *, overwrite: bool) -> None:
    fs, root = _filesystem(target)
    if not fs.exists(root):
        return
    if not overwrite:
        raise ArgumentError(f"{target} already exists; pass overwrite=True or another path")
    if not fs.exists(f"{root}/datapackage.json"):
        raise ArgumentError(
            f"{target} is not an earlier export (no datapackage.json in it); pass another path"
        )
    fs.rm(root, recursive=True)


def _put(local: str, target: str) -> None:
    """Copy a finished file to its place, where it appears at once."""
    if is_url(target):
        fs, root = _filesystem(target)
        fs.put_file(local, root)
        return
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(local, "rb") as source, temp.open("wb") as file:
        while data := source.read(1 << 20):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)


def _filesystem(target: str) -> tuple[Any, str]:
    import fsspec

    fs, root = fsspec.core.url_to_fs(target, use_listings_cache=False)
    return fs, str(root)
