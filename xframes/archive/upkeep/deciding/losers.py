"""Finds the rows that do not hold among several of one key, by numbers alone.

The rules are those of `sql/newest.py`. Rows have the number of their key, and the rank of the time
of their observation. Of rows of one key and time, the first one holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
_DENSE = 8  # possible numbers for each row: with more of them, hashes take less time


def numbered(columns: Sequence[pa.ChunkedArray | pa.Array]) -> tuple[Numbers, int]:
    """Number the different combinations of values from 0 on; return each row's, and how many."""
    numbers, count = _numbered(columns[0])
    for column in columns[1:]:
        others, other_count = _numbered(column)
        pairs, most = numbers * other_count + others, count * other_count
        if most <= _DENSE * len(pairs):
            numbers, count = _renumbered(pairs, most)
        else:
            numbers, count = _numbered(pa.array(pairs))
    return numbers, count


def _numbered(column: pa.ChunkedArray | pa.Array) -> tuple[Numbers, int]:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not isinstance(column, pa.DictionaryArray):
        encoded = column.dictionary_encode(null_encoding="encode")
        return encoded.indices.to_numpy().astype(np.int64), len(encoded.dictionary)
    unknown = len(column.dictionary)  # which may have values that no row has
    return _renumbered(column.indices.fill_null(unknown).to_numpy(), unknown + 1)


def _renumbered(
    numbers: np.ndarray[tuple[int], Any], most: int
) -> tuple[Numbers, int]:
    """Number the numbers below `most` that occur from 0 on; faster than by their hashes."""
    occurs = np.zeros(most, np.bool_)
    occurs[numbers] = True
    return (occurs.cumsum() - 1)[numbers], int(occurs.sum())


def firsts(numbers: Numbers, count: int) -> Numbers:
    """Return the first row of each number."""
    rows = np.zeros(count, np.int64)
    rows[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)  # the last assignment counts
    return rows


def newest(keys: Numbers, count: int, ranks: Numbers) -> Numbers:
    """Return the row of each key that holds by the time of its observation."""
    latest = np.full(count, -1)
    np.maximum.at(latest, keys, ranks)
    rows = np.flatnonzero(ranks == latest[keys])
    return rows[firsts(keys[rows], count)]


def superseded_details(
    parents: Numbers, whole: Numbers, ranks: Numbers, rest: Sequence[pa.ChunkedArray]
) -> Flags:
    """Return a flag for each row of a detail table: whether it does not hold.

    `whole` has the rank of the newest complete observation of each parent, -1 without one; `rest`
    are the columns of the key after the parent's.
    """
    latest = np.full(len(whole), -1)
    np.maximum.at(latest, parents, ranks)
    flags: Flags = ranks < np.maximum(latest, whole)[parents]
    rows = np.flatnonzero(~flags)
    chosen = pa.array(rows)
    keys, count = numbered([pa.array(parents[rows]), *(column.take(chosen) for column in rest)])
    if count < len(rows):
        flags[rows] = True
        flags[rows[firsts(keys, count)]] = False
    return flags


def decided(
    keys: Numbers, winners: Numbers, complete: Flags, merged: Flags,
    values: Iterable[tuple[Flags, bool]],
) -> Flags:
    """Return a flag for each key: whether its newest row has every known value.

    `winners` are these rows. One that was `merged` from several observations may know something
    that is newer. `values` are flags of the rows that have a value, and whether a complete row may
    lack it; the nulls of one that is not complete are values if no row of the key is.
    """
    is_complete = complete[winners]
    flags = is_complete | ~_any(keys, len(winners), complete)
    flags &= ~_any(keys, len(winners), merged)
    for has_value, is_uncertain in values:
        lacks = _any(keys, len(winners), has_value) & ~has_value[winners]
        if not is_uncertain:
            lacks &= ~is_complete
        flags &= ~lacks
    return flags


def _any(keys: Numbers, count: int, rows: Flags) -> Flags:
    """Return a flag for each key: whether any row of it has one."""
    flags = np.zeros(count, np.bool_)
    flags[keys[rows]] = True
    return flags
