"""Ranges of keys that tasks on other machines work on have the rows that the cuts say, each once."""

from itertools import pairwise

import duckdb
import pytest

from xframes.archive.upkeep.deciding import key_ranges
from xframes.schema import TABLES

IDS = ["9", "10", "99", "100", "1000", "ü", "", "éé", "10000"]


@pytest.mark.parametrize("name", ["posts", "post_hashtags", "matches"])
def test_ranges_between_cuts_have_every_row_once(name):
    table = TABLES[name]
    key = key_ranges.range_key(table)
    with duckdb.connect() as connection:
        columns = ", ".join(f'id AS "{column}"' for column in key)
        connection.execute("CREATE TABLE ids AS SELECT unnest($1) AS id", [[*IDS, None]])
        connection.execute(f"CREATE TABLE rows AS SELECT {columns} FROM ids")
        rank = key_ranges.rank_text(table, key)
        ranks = [text for (text,) in connection.execute(f"SELECT {rank} FROM rows ORDER BY 1").fetchall()]
        cuts = [None, *ranks[2:9:3], None]
        found = []
        for lower, upper in pairwise(cuts):
            keys = key_ranges.between(connection, table, lower, upper)
            query = f"SELECT {rank} FROM rows WHERE {keys.holds(key)}"
            found.append(sorted(text for (text,) in connection.execute(query).fetchall()))
    assert [text for some in found for text in some] == ranks
    assert all(text >= cut for cut, some in zip(cuts[1:], found[1:], strict=False) for text in some)
