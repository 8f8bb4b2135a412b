"""Comparison of an archive's tables with tables rebuilt from its pages."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from xframes.archive.query.views import connect, lacks, sources
from xframes.archive.storage.bookkeeping import PART
from xframes.archive.storage.parts import COMPACTED, LEVELLED
from xframes.archive.storage.paths import opened, size_of
from xframes.schema import TABLES, Table
from xframes.screen import counted
from xframes.sql import newest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    import duckdb

    from xframes.archive.query.hiding import Stones
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder

MEMORY = 512_000_000  # bytes DuckDB may use; with more, a share of the keys is compared at a time
_SPREAD = 12  # bytes of memory for each byte of compressed rows that are merged at once
# Kinds of problems that depend on the order of the pages, or that `repair` writes.
OWN_MARKS = ("unknown_field", "missing_page")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of the tables of `folder` with those of `reference`, rebuilt from its pages.

    `exact`: all pages exist, so every row must be the same. Otherwise the tables may have more rows
    than the rebuilt ones. For `redacted` pages only the keys of rows are compared, because a
    redaction changes sizes and positions in the page.
    """

    folder: Folder
    tables: Mapping[str, Files]
    reference: Folder
    stones: Stones | None
    redacted: InitVar[Collection[str]]
    exact: bool
    _connection: duckdb.DuckDBPyConnection = field(init=False, repr=False)

    def __post_init__(self, redacted: Collection[str]) -> None:
        connection = connect(self.folder, memory_limit=f"{MEMORY}B", threads=1)
        connection.execute(
            "CREATE TEMP TABLE redacted AS SELECT unnest($ids::VARCHAR[]) AS id",
            {"ids": sorted(redacted)},
        )
        object.__setattr__(self, "_connection", connection)  # the dataclass is frozen

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def differences(self, name: str) -> Iterator[tuple[str, str]]:
        """Compare one table and yield the kind and details of each difference."""
        table = TABLES[name]
        own, new = self.tables[name], self.reference.files(name)
        if not new.all and len(own.bases) != 1:
            return  # the pages have no rows of it
        missing = 0
        examples: set[str] = set()
        shares = self._shares(table, own, new)
        for share in range(shares):
            for query in self._queries(table, own, new, shares, share):
                count, example = self._connection.execute(query).fetchall()[0]
                missing += count
                examples |= {example} - {None}
                if count:
                    break  # the next queries would count the same rows again
        if own.generation:
            (repeats,) = self._connection.execute(_repeated(table, own)).fetchall()[0]
            if repeats:
                detail = f"compacted files have more than one row of {counted(repeats, 'key')}"
                yield "repeated_key", detail
        if missing:
            where = ""
            if examples:
                where = f" (e.g. of page {min(examples)})"
            rows = counted(missing, "row")
            yield "missing_rows", f"{rows} of the pages missing or different{where}"

    def is_readable(self, path: Place) -> bool:
        """Whether DuckDB can read a file; it refuses damaged footers that pyarrow accepts."""
        import duckdb

        query = f"SELECT count(hash(t)) FROM {newest.scan_file(str(path))} AS t"
        try:
            self._connection.execute(query).fetchall()
        except duckdb.Error:
            return False
        return True

    def _shares(self, table: Table, own: Files, new: Files) -> int:
        """The number of shares in which to compare a table, by the size of its files."""
        files = [own, new]
        if table.parent:
            files += [self.tables[table.parent], self.reference.files(table.parent)]
        size = sum(sum(map(size_of, each.all)) for each in files)
        return 1 + size * _SPREAD // MEMORY

    def _queries(
        self, table: Table, own: Files, new: Files, shares: int, share: int
    ) -> Iterator[str]:
        """SQL of SELECTs of the number of missing rows, and the page of one of them."""
        own_parent = new_parent = None
        if table.parent:
            own_parent, new_parent = self.tables[table.parent], self.reference.files(table.parent)
        own_rows = self._view(table, own, own_parent, shares, share)
        new_rows = self._view(table, new, new_parent, shares, share)
        if table.name == "problems":
            names = "SELECT DISTINCT parameter FROM ({}) WHERE kind = 'unknown_field'"
            own_names, new_names = names.format(own_rows), names.format(new_rows)
            yield f"SELECT count(*), NULL FROM ({new_names} EXCEPT {own_names})"
            own_rows = f"SELECT * FROM ({own_rows}) WHERE kind NOT IN {OWN_MARKS}"
            new_rows = f"SELECT * FROM ({new_rows}) WHERE kind NOT IN {OWN_MARKS}"
        yield self._lost_observations(table, own, new, shares, share)
        if not self.exact:
            yield (
                f"SELECT count(*), min(page_id) FROM (SELECT t.page_id FROM ({new_rows}) AS t "
                f"ANTI JOIN ({own_rows}) AS o ON {_same(table.key)} "
                "AND o.observed_at >= t.observed_at)"
            )
            return
        # A page may belong to several runs; merged files of pages keep only one of them.
        shared = _shared_columns(table, own.all)
        columns = newest.quoted(c for c in shared if c != "run_id" or c in table.key)
        content = f"CASE WHEN page_id NOT IN (FROM redacted) THEN hash({columns}) END AS content"
        one = f"SELECT {newest.quoted(table.key)}, page_id, {content} FROM"
        yield f"SELECT count(*), min(page_id) FROM ({one} ({new_rows}) EXCEPT {one} ({own_rows}))"

    def _lost_observations(
        self, table: Table, own: Files, new: Files, shares: int, share: int
    ) -> str:
        """SQL of a SELECT of the number of rows of the pages that the archive lacks.

        A row that was merged into a newer row of its key is not missing.
        """
        key = newest.quoted(dict.fromkeys((*table.key, "observed_at", "page_id")))
        rebuilt = self._without_removed(_rows(table, new), table)
        in_share = newest.in_share(newest.key_of(table), shares, share)
        expected = f"SELECT DISTINCT {key} FROM {rebuilt} WHERE {in_share}"
        if table.name == "problems":
            expected += f" AND kind NOT IN {OWN_MARKS} AND page_id NOT IN (FROM redacted)"
        rows = (
            f"FROM ({expected}) AS t ANTI JOIN {_rows(table, own)} AS o ON {_same(table.key)} "
            "AND o.page_id IS NOT DISTINCT FROM t.page_id"
        )
        merged = _merged(own)
        if merged:
            same = _same(newest.key_of(table), "m")
            rows += (
                f" ANTI JOIN {newest.scan(table, merged)} AS m ON {same} "
                "AND m.observed_at >= t.observed_at"
            )
        if table.parent:
            parent = TABLES[table.parent]
            merged = _merged(self.tables[table.parent])
            if _leaves_out(own):  # rows that lost to a row of the parent in any file
                merged = [str(p) for p in self.tables[table.parent].all]
            if merged:
                rows += (
                    f" ANTI JOIN {newest.scan(parent, merged)} AS p "
                    f'ON p."{parent.key[0]}" = t."{table.parent_key}" '
                    "AND p.observed_at >= t.observed_at"
                )
        return f"SELECT count(*), min(t.page_id) {rows}"

    def _without_removed(self, rows: str, table: Table) -> str:
        """SQL of rows of a table without those that removals hide."""
        if self.stones is None:
            return rows
        return self.stones.hide(rows, table.name) or rows

    def _view(
        self, table: Table, files: Files, parent: Files | None, shares: int, share: int
    ) -> str:
        """SQL of the newest rows of one share of a table."""
        own, above = sources(table, files, parent, stones=self.stones)
        if shares > 1:
            own = newest.share_of(own, newest.key_of(table), shares, share)
            if above is not None:
                key = (TABLES[str(table.parent)].key[0],)
                above = newest.share_of(above, key, shares, share)
        return newest.view(table, own, above)


def _rows(table: Table, files: Files) -> str:
    """SQL of a FROM clause of every row in these files."""
    if not files.all:
        return f"({newest.empty(table)})"
    return newest.scan(table, [str(p) for p in files.all])


def _repeated(table: Table, files: Files) -> str:
    """SQL of a SELECT of the number of keys with more than one row in compacted files."""
    key = newest.quoted(table.key)
    rows = newest.scan(table, [str(p) for p in files.bases[str(files.generation)]])
    return f"SELECT count(*) FROM (SELECT {key} FROM {rows} GROUP BY {key} HAVING count(*) > 1)"


def _same(key: Iterable[str], other: str = "o") -> str:
    return " AND ".join(f't."{k}" IS NOT DISTINCT FROM {other}."{k}"' for k in key)


def _merged(files: Files) -> list[str]:
    """The files in which a newer row of a key makes up for one that is in no file."""
    everywhere = _leaves_out(files)
    return [str(path) for path in files.all if everywhere or _is_merged(path)]


def _leaves_out(files: Files) -> bool:
    """Whether a file was written without the rows that lost to rows of other files."""
    return any(_mark(path) == LEVELLED for path in files.all)


@lru_cache(maxsize=20_000)  # files never change, and their names are never used again
def _mark(path: Place) -> bytes | None:
    return (pq.read_schema(opened(path)).metadata or {}).get(COMPACTED)


def _is_merged(path: Place) -> bool:
    """Whether a row of this file may combine several observations.

    That is so in compacted files, and possible in files of the first archives, which have no mark.
    """
    name = PART.fullmatch(path.name)
    if name is None or name["checksum"] is None:
        return True
    return _mark(path) is not None


def _shared_columns(table: Table, paths: Iterable[Place]) -> list[str]:
    """The columns that every file has; older files lack columns that were added later.

    A compacted file has nulls for those that older files lacked.
    """
    shared = {c.name for c in table.columns}
    never_null = [c.name for c in table.columns if c.never_null]
    for path in paths:
        shared &= set(pq.read_schema(opened(path)).names)
        shared -= {name for name in never_null if lacks(path, name)}
    return [c.name for c in table.columns if c.name in shared]
