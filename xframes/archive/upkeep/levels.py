"""Levels: settled files of like size are put together, so that a table never has many files.

Settled rows are unique, so they are only sorted, one range of keys after the other. Each level is
eight times as large as the one before. A row is rewritten about once for each level, however often
an archive grows: 365 daily collections cost about two full compactions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xframes.archive.query.views import runs_of, stones_of
from xframes.archive.storage.bookkeeping import BASE, base_name
from xframes.archive.storage.parts import LEVELLED, stored_schema
from xframes.archive.storage.paths import size_of
from xframes.archive.upkeep.compaction import (
    BATCH_ROWS,
    NEEDED,
    SPREAD,
    VALUE_BYTES,
    Worker,
    write_sorted,
)
from xframes.archive.upkeep.deciding import key_ranges
from xframes.archive.upkeep.deciding.contest import Facts
from xframes.archive.upkeep.settling import State, record
from xframes.schema import TABLES, Table
from xframes.sql import newest
from xframes.sql.newest import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Files, Folder

MOST_RUNS = 12  # of one level; with as many, they become one of the next
_FIRST_BYTES = 64_000  # the largest of the lowest level
_FACTOR = 8
LARGE_ROWS = 100_000  # smaller tables are compacted as a whole
_MOST_DEAD = 0.05  # share of rows of a large file that may be dead after a full compaction
_MOST_OTHERS = 0.2  # share of rows outside of large files; with more, all is rewritten


def is_settled(files: Files) -> bool:
    """Whether all files of a table are settled."""
    return not files.besides(_names(files))


def due(folder: Folder, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the files of each settled table that are to be put together by the rule of levels."""
    found = {}
    for name in names:
        files = folder.files(name)
        levels: dict[int, list[list[str]]] = {}
        for run in _runs(files):
            size = sum(size_of(folder.tables / name / file) for file in run)
            levels.setdefault(_level(size), []).append(run)
        full = [level for level, runs in levels.items() if len(runs) >= MOST_RUNS]
        if is_settled(files) and full:
            runs = [run for level in levels if level <= min(full) for run in levels[level]]
            found[name] = [file for run in runs for file in run]
    return found


def unsorted(
    folder: Folder, names: Sequence[str], *, large_rows: int | None = None
) -> dict[str, list[str]] | None:
    """Return the files of each table that a full compaction rewrites.

    Large sorted files stay where they are, with their few dead rows. None when the family is small
    or not settled: then it is compacted as a whole. It is small if no table has `large_rows`.
    """
    if large_rows is None:
        large_rows = LARGE_ROWS
    tables = {name: files for name in names if (files := folder.files(name)).all}
    rows = {name: _rows(folder, name, files) for name, files in tables.items()}
    if not all(map(is_settled, tables.values())) or max(map(_total, rows.values())) < large_rows:
        return None
    found = {}
    for name, files in tables.items():
        dead = {} if files.settled is None else files.settled.dead.get(name, {})
        stay = {
            file
            for number, (file, count) in enumerate(rows[name].items())
            if BASE.fullmatch(file) and dead.get(number, 0) <= _MOST_DEAD * count
        }
        others = [file for file in rows[name] if file not in stay]
        if sum(rows[name][file] for file in others) > _MOST_OTHERS * _total(rows[name]):
            others = list(rows[name])
        if others:
            found[name] = others
    return found


def put_together(
    folder: Folder, names: Sequence[str], chosen: Mapping[str, Sequence[str]], worker: Worker
) -> int:
    """Rewrite settled files as sorted ones without dead rows; return how many were replaced.

    `names` is the family, the parent last. Needs the lock `compact`.
    """
    tables = {name: folder.files(name) for name in names}
    generation = folder.new_id()
    moves: dict[Path, Place] = {}
    for name, files in chosen.items():
        table = TABLES[name]
        source = source_of(folder, table, tables[name], files)
        facts = Facts.of(path for path in tables[name].all if path.name in files)
        temps = write_sorted(folder, table, sorted_rows(table, source, facts, worker), LEVELLED)
        home = folder.tables / name
        moves |= {temp: home / base_name(temp, generation, i) for i, temp in enumerate(temps)}
    worker.forget()
    states, replaced = states_without(tables, chosen)
    for place in moves.values():
        states[place.parent.name].files.append(place.name)
    record(folder, names[-1], states, moves, replaced)
    old = [path for paths in replaced.values() for path in paths]
    folder.note_made_of(old, moves.values())
    return len(old)


def states_without(
    tables: Mapping[str, Files], chosen: Mapping[str, Sequence[str]]
) -> tuple[dict[str, State], dict[str, list[Place]]]:
    """Return what is settled of each table besides the chosen files, and these files."""
    states = {name: _state(name, files) for name, files in tables.items()}
    replaced = {}
    for name, files in chosen.items():
        replaced[name] = [path for path in tables[name].all if path.name in files]
        states[name] = _without(states[name], files)
    return states, replaced


def source_of(folder: Folder, table: Table, files: Files, chosen: Sequence[str]) -> str:
    """SQL of a FROM clause of the rows of settled files that hold."""
    assert files.settled
    runs = runs_of(table, files, files.settled)
    names = files.settled.files[table.name]
    source: str | None = newest.settled_rows(
        table, [run for run in runs if names[run.number] in chosen], str(files.settled.place)
    )
    if (stones := stones_of(folder)) is not None:
        source = stones.hide(source, table.name)
    return str(source)


def sorted_rows(
    table: Table, source: str, facts: Facts, worker: Worker
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a FROM clause sorted, one range of keys after the other.

    `facts` are those of the files: of how many rows, which columns have values.
    """
    connection = worker.connection
    needed = {*NEEDED, *table.key, table.time}
    columns = [
        name
        for name in stored_schema(table.name).names
        if name in needed or name in facts.names - facts.never
    ]
    row_bytes = VALUE_BYTES * len(columns) + 2 * facts.row_bytes
    count = 1 + int(facts.rows * row_bytes * SPREAD / worker.memory)
    for keys in key_ranges.cut(connection, table, source, count):
        test = keys.holds(key_ranges.range_key(table))
        query = f"SELECT {quoted(columns)} FROM {source} WHERE {test}"
        query += f" ORDER BY {key_ranges.order(table)}"
        yield from connection.sql(query).to_arrow_reader(BATCH_ROWS)


def _state(table: str, files: Files) -> State:
    if files.settled is None:
        return State()
    return State(list(files.settled.files[table]), files.settled.bits(table))


def _without(state: State, gone: Sequence[str]) -> State:
    """Return a state without these files; the others get new numbers."""
    files = [name for name in state.files if name not in gone]
    dead = {name: bits for name, bits in state.dead.items() if name not in gone}
    return replace(state, files=files, dead=dead)


def _runs(files: Files) -> list[list[str]]:
    """Return the settled files; those of one compaction count as one."""
    runs: dict[str, list[str]] = {}
    for name in _names(files):
        hit = BASE.fullmatch(name)
        runs.setdefault(hit["generation"] if hit else name, []).append(name)
    return list(runs.values())


def _names(files: Files) -> Sequence[str]:
    if files.settled is None:
        return ()
    table = next(path.parent.name for path in files.all)
    return files.settled.files.get(table, ())


def _rows(folder: Folder, name: str, files: Files) -> dict[str, int]:
    return {file: Facts.of([folder.tables / name / file]).rows for file in _names(files)}


def _total(rows: Mapping[str, int]) -> int:
    return sum(rows.values())


def _level(size: int) -> int:
    level = 0
    while size > _FIRST_BYTES:
        size //= _FACTOR
        level += 1
    return level
