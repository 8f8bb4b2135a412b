"""Comparing an archive's tables with those made anew from its pages."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from xframes.archive.query import newest
from xframes.archive.query.newest import Sources
from xframes.archive.query.views import connect, sources
from xframes.archive.storage.bookkeeping import PART
from xframes.archive.storage.parts import COMPACTED
from xframes.archive.storage.paths import opened, size_of
from xframes.schema import TABLES, Table
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    import duckdb

    from xframes.archive.query.hiding import Stones
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder

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
    redacted: InitVar[Collection[str]]
    exact: bool
    _connection: duckdb.DuckDBPyConnection = field(init=False, repr=False)

    def __post_init__(self, redacted: Collection[str]) -> None:
        object.__setattr__(self, "_connection", connect(self.folder, memory_limit=f"{MEMORY}B", threads=1))
        self._connection.execute("CREATE TEMP TABLE redacted AS SELECT unnest($ids::VARCHAR[]) AS id",
                                 {"ids": sorted(redacted)})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def differences(self, name: str) -> Iterator[tuple[str, str]]:
        """Compare one table: kinds and details of what differs."""
        table = TABLES[name]
        own, new = self.tables[name], self.made.files(name)
        if not new.all and len(own.bases) != 1:
            return  # the pages say nothing of it
        lost = 0
        examples: set[str] = set()
        shares = self._shares(table, own, new)
        for share in range(shares):
            for query in self._queries(table, own, new, shares, share):
                count, example = self._connection.execute(query).fetchall()[0]
                lost += count
                examples |= {example} - {None}
                if count:
                    break  # the next queries would count the same rows again
        if own.generation and (repeated := self._connection.execute(_repeated(table, own)).fetchall()[0][0]):
            yield "repeated_key", f"{counted(repeated, 'key')} occur more than once in compacted files"
        if lost:
            verb = "is" if lost == 1 else "are"
            where = f" (e.g. of page {min(examples)})" if examples else ""
            detail = f"{counted(lost, 'row')} that the pages have {verb} missing or different here{where}"
            yield "missing_rows", detail

    def is_readable(self, path: Place) -> bool:
        """Whether DuckDB can read a file; it refuses damaged footers that pyarrow accepts."""
        import duckdb

        try:
            self._connection.execute(f"SELECT count(hash(t)) FROM {newest.scan_file(str(path))} AS t").fetchall()
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
        yield self._lost_observations(table, own, new, shares, share)
        if not self.exact:
            yield (f"SELECT count(*), min(page_id) FROM (SELECT t.page_id FROM ({theirs}) AS t "
                   f"ANTI JOIN ({ours}) AS o ON {_same(table.key)} AND o.observed_at >= t.observed_at)")
            return
        # A page may belong to several runs, of which files of pages that were put together keep one.
        columns = newest.quoted(c for c in _shared_columns(table, own.all) if c != "run_id" or c in table.key)
        content = f"CASE WHEN page_id NOT IN (FROM redacted) THEN hash({columns}) END AS content"
        one = f"SELECT {newest.quoted(table.key)}, page_id, {content} FROM"
        yield f"SELECT count(*), min(page_id) FROM ({one} ({theirs}) EXCEPT {one} ({ours}))"

    def _lost_observations(self, table: Table, own: Files, new: Files, shares: int, share: int) -> str:
        """A SELECT of how many rows of pages are in no file, and not merged into a newer row of their key either."""
        key = newest.quoted(dict.fromkeys((*table.key, "observed_at", "page_id")))
        here, told = (_rows(table, files) for files in (own, new))
        told = (self.stones.hide(told, table.name) if self.stones else None) or told
        wanted = f"SELECT DISTINCT {key} FROM {told} WHERE {_in_share(newest.key_of(table), shares, share)}"
        if table.name == "problems":
            wanted += f" AND kind NOT IN {OWN_MARKS} AND page_id NOT IN (FROM redacted)"
        lost = (f"FROM ({wanted}) AS t ANTI JOIN {here} AS o ON {_same(table.key)} "
                "AND o.page_id IS NOT DISTINCT FROM t.page_id")
        if merged := [str(p) for p in own.all if _is_merged(p)]:
            lost += (f" ANTI JOIN {newest.scan(table, merged)} AS m ON {_same(newest.key_of(table), 'm')} "
                     "AND m.observed_at >= t.observed_at")
        if table.parent:
            parent = TABLES[table.parent]
            above = [str(p) for p in self.tables[table.parent].all if _is_merged(p)]
            if above:
                lost += (f' ANTI JOIN {newest.scan(parent, above)} AS p ON p."{parent.key[0]}" = '
                         f't."{table.parent_key}" AND p.observed_at >= t.observed_at')
        return f"SELECT count(*), min(t.page_id) {lost}"

    def _view(self, table: Table, files: Files, parent: Files | None, shares: int, share: int) -> str:
        own, above = sources(table, files, parent, stones=self.stones)
        if shares > 1:
            own = _part_of(own, newest.key_of(table), shares, share)
            if above is not None:
                above = _part_of(above, (TABLES[str(table.parent)].key[0],), shares, share)
        return newest.view(table, own, above)


def _rows(table: Table, files: Files) -> str:
    """A FROM clause of every row in these files, as they lie there."""
    if not files.all:
        return f"({newest.empty(table)})"
    return newest.scan(table, [str(p) for p in files.all])


def _repeated(table: Table, files: Files) -> str:
    """A SELECT of how many keys compacted files have more than once."""
    key = newest.quoted(table.key)
    rows = newest.scan(table, [str(p) for p in files.bases[str(files.generation)]])
    return f"SELECT count(*) FROM (SELECT {key} FROM {rows} GROUP BY {key} HAVING count(*) > 1)"


def _part_of(rows: Sources, key: tuple[str, ...], shares: int, share: int) -> Sources:
    """A share of the keys of a source."""
    test = _in_share(key, shares, share)
    base, fresh = (f"(SELECT * FROM {s} WHERE {test})" if s else None for s in (rows.base, rows.fresh))
    return Sources(base, fresh)


def _in_share(key: tuple[str, ...], shares: int, share: int) -> str:
    return f"hash({newest.quoted(key)}) % {shares} = {share}"


def _same(key: Iterable[str], other: str = "o") -> str:
    return " AND ".join(f't."{k}" IS NOT DISTINCT FROM {other}."{k}"' for k in key)


def _is_merged(path: Place) -> bool:
    """Whether rows of a file may stand for several observations: it was compacted. The first archives do not say."""
    named = PART.fullmatch(path.name)
    return named is None or named["checksum"] is None or COMPACTED in (pq.read_schema(opened(path)).metadata or {})


def _shared_columns(table: Table, paths: Iterable[Place]) -> list[str]:
    """The columns that every file has: files of older versions lack those added since."""
    found = {c.name for c in table.columns}
    for path in paths:
        found &= set(pq.read_schema(opened(path)).names)
    return [c.name for c in table.columns if c.name in found]
