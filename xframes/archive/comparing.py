"""Comparing an archive's tables with those made anew from its pages."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from xframes.archive import merging
from xframes.archive.merging import Sources
from xframes.archive.places import opened, size_of
from xframes.archive.views import connect, sources
from xframes.english import counted
from xframes.schema import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from xframes.archive.folder import Files, Folder
    from xframes.archive.hiding import Stones
    from xframes.archive.places import Place

MEMORY = 512_000_000  # what DuckDB may use; rows of larger tables are compared a share of the keys at a time
_SPREAD = 12  # bytes of memory for each byte of compressed rows that are merged at once
OWN_MARKS = ("unknown_field", "missing_page")  # kinds of problems that depend on the order of reading, or on us


@dataclass(frozen=True, slots=True)
class Comparison:
    """The tables of an archive beside those that `made`, an archive made from its pages, has.

    `exact`: all pages are here, so that every row must be the same; else what the tables know more counts as right.
    Of `redacted` pages only the keys of rows are compared: their sizes and positions were other ones before.
    """

    folder: Folder
    tables: Mapping[str, Files]
    made: Folder
    stones: Stones | None
    redacted: Collection[str]
    exact: bool

    def differences(self, name: str) -> Iterator[tuple[str, str]]:
        """Compare one table: kinds and details of what differs."""
        table = TABLES[name]
        own, new = self.tables[name], self.made.files(name)
        if not own.all and not new.all:
            return
        lost, examples = 0, set[str]()
        with contextlib.closing(connect(self.folder, memory_limit=f"{MEMORY}B")) as connection:
            connection.execute("CREATE TEMP TABLE redacted AS SELECT unnest($ids::VARCHAR[]) AS id",
                               {"ids": sorted(self.redacted)})
            shares = self._shares(table, own, new)
            for share in range(shares):
                for query in self._queries(table, own, new, shares, share):
                    count, example = connection.execute(query).fetchall()[0]
                    lost += count
                    examples |= {example} - {None}
            if own.generation and (repeated := connection.execute(_repeated(table, own)).fetchall()[0][0]):
                yield "repeated_key", f"{counted(repeated, 'key')} occur more than once in compacted files"
        if lost:
            verb = "is" if lost == 1 else "are"
            where = f" (e.g. of page {min(examples)})" if examples else ""
            detail = f"{counted(lost, 'row')} that the pages have {verb} missing or different here{where}"
            yield "missing_rows", detail

    def is_readable(self, path: Place) -> bool:
        """Whether DuckDB can read a file; it refuses damaged footers that pyarrow accepts."""
        import duckdb

        with contextlib.closing(connect(self.folder)) as connection:
            try:
                connection.execute(f"SELECT count(hash(t)) FROM {merging.scan_file(str(path))} AS t").fetchall()
            except duckdb.Error:
                return False
        return True

    def _shares(self, table: Table, own: Files, new: Files) -> int:
        parents = (self.tables[table.parent], self.made.files(table.parent)) if table.parent else ()
        size = sum(size_of(path) for files in (own, new, *parents) for path in files.all)
        return 1 + size * _SPREAD // MEMORY

    def _queries(self, table: Table, own: Files, new: Files, shares: int, share: int) -> Iterator[str]:
        """SELECTs of how many rows are missing, and the page of one."""
        own_parent = self.tables[table.parent] if table.parent else None
        new_parent = self.made.files(table.parent) if table.parent else None
        ours = self._view(table, own, own_parent, shares, share)
        theirs = self._view(table, new, new_parent, shares, share)
        if table.name == "problems":
            names = "SELECT DISTINCT parameter FROM ({}) WHERE kind = 'unknown_field'"
            yield f"SELECT count(*), NULL FROM ({names.format(theirs)} EXCEPT {names.format(ours)})"
            ours, theirs = (f"SELECT * FROM ({rows}) WHERE kind NOT IN {OWN_MARKS}" for rows in (ours, theirs))
        if not self.exact:
            yield (f"SELECT count(*), min(page_id) FROM (SELECT t.page_id FROM ({theirs}) AS t "
                   f"ANTI JOIN ({ours}) AS o ON {_same_key(table)} AND o.observed_at >= t.observed_at)")
            return
        columns = merging.quoted(_shared_columns(table, own.all))
        content = f"CASE WHEN page_id NOT IN (FROM redacted) THEN hash({columns}) END AS content"
        one = f"SELECT {merging.quoted(table.key)}, page_id, {content} FROM"
        yield f"SELECT count(*), min(page_id) FROM ({one} ({theirs}) EXCEPT {one} ({ours}))"

    def _view(self, table: Table, files: Files, parent: Files | None, shares: int, share: int) -> str:
        own, above = sources(table, files, parent, stones=self.stones)
        if shares > 1:
            own = _part_of(own, merging.key_of(table), shares, share)
            if above is not None:
                above = _part_of(above, (TABLES[str(table.parent)].key[0],), shares, share)
        return merging.view(table, own, above)


def _repeated(table: Table, files: Files) -> str:
    """A SELECT of how many keys compacted files have more than once."""
    key = merging.quoted(table.key)
    rows = merging.scan(table, [str(p) for p in files.bases[str(files.generation)]])
    return f"SELECT count(*) FROM (SELECT {key} FROM {rows} GROUP BY {key} HAVING count(*) > 1)"


def _part_of(rows: Sources, key: tuple[str, ...], shares: int, share: int) -> Sources:
    """A share of the keys of a source."""
    test = f"hash({merging.quoted(key)}) % {shares} = {share}"
    base, fresh = (f"(SELECT * FROM {s} WHERE {test})" if s else None for s in (rows.base, rows.fresh))
    return Sources(base, fresh)


def _same_key(table: Table) -> str:
    return " AND ".join(f't."{k}" IS NOT DISTINCT FROM o."{k}"' for k in table.key)


def _shared_columns(table: Table, paths: Iterable[Place]) -> list[str]:
    """The columns that every file has: files of older versions lack those added since."""
    found = {c.name for c in table.columns}
    for path in paths:
        found &= set(pq.read_schema(opened(path)).names)
    return [c.name for c in table.columns if c.name in found]
