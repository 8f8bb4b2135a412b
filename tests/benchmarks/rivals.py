"""What importing is compared with: what others need for the posts alone, and the floor below any
way of ours.

A rival takes a file of pages and returns how many posts it found.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import xframes as xf
from xframes.flattening.decoder import Decoder
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from tests.benchmarks.measuring import Stopwatch

_CHUNK_BYTES = 24_000_000

NORMALIZE = """
import json, sys
import pandas as pd
posts = []
for line in open(sys.argv[1], encoding="utf-8"):
    posts += json.loads(line)["data"]
print(len(pd.json_normalize(posts)))
"""


def answered(body: bytes) -> Page:
    """A page of a search."""
    request = Request("GET", "/2/tweets/search/recent", {"query": "harbour"}, "search.recent")
    return Page(request, body, datetime(2024, 5, 1, tzinfo=UTC))


def typed_decoder():
    """The decoder of a page of posts into typed structs."""
    return Decoder().structs.envelope("post")


def floor(path: Path, folder: Path, watch: Stopwatch) -> int:
    """Decode each page with msgspec into typed structs, and write the tables and pages as Parquet.

    Making the tables is left out: the watch stands still meanwhile.
    """
    decoder = typed_decoder()
    posts = 0
    with ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        for bodies in _chunks(path):
            with watch:
                for body in bodies:
                    posts += len(decoder.decode(body).data)
            frames = xf.flatten([answered(body) for body in bodies])
            tables = {name: frames[name] for name, rows in frames.tables.items() if rows}
            tables["pages"] = pa.table({"body": pa.array(bodies, pa.binary())})
            with watch:
                for name, table in tables.items():
                    if name not in writers:
                        writers[name] = stack.enter_context(pq.ParquetWriter(
                            folder / f"{name}.parquet", table.schema, compression="zstd",
                            compression_level=3, use_dictionary=name != "pages"))
                    writers[name].write_table(table)
        with watch:
            stack.close()
    return posts


def _chunks(path: Path) -> Iterator[list[bytes]]:
    bodies: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for line in file:
            bodies.append(line)
            size += len(line)
            if size >= _CHUNK_BYTES:
                yield bodies
                bodies, size = [], 0
    if bodies:
        yield bodies


def normalize(path: Path, _: Path) -> int:
    """json_normalize of the posts alone."""
    with path.open(encoding="utf-8") as file:
        found = [post for line in file for post in json.loads(line)["data"]]
    return len(pd.json_normalize(found))


def twarc(path: Path, _: Path) -> int:
    """twarc's flatten, then json_normalize."""
    from twarc.expansions import flatten

    with path.open(encoding="utf-8") as file:
        found = [post for line in file for post in flatten(json.loads(line))]
    return len(pd.json_normalize(found))


def read_json(path: Path, folder: Path) -> int:
    """DuckDB's read_json of the posts alone, to Parquet."""
    with duckdb.connect(config={"threads": 1}) as connection:
        pages = "read_json(?, format = 'newline_delimited')"
        posts = f"SELECT unnest(data, max_depth := 2) FROM {pages}"
        connection.execute(f"COPY ({posts}) TO '{folder}/duckdb.parquet'", [str(path)])
        (count,) = connection.fetchall()[0]
    return count


def tweepy(path: Path, _: Path) -> int:
    """tweepy's objects of the posts alone."""
    from tweepy import Tweet

    with path.open(encoding="utf-8") as file:
        return len([Tweet(post) for line in file for post in json.loads(line)["data"]])


def polars(path: Path, folder: Path) -> int:
    """polars' read_ndjson of the posts alone, to Parquet."""
    import polars as pl

    pages = pl.read_ndjson(path, infer_schema_length=None)
    posts = pages.select(pl.col("data").explode()).unnest("data")
    posts.write_parquet(folder / "polars.parquet")
    return posts.height


RIVALS: dict[str, tuple[str | None, Callable[[Path, Path], int]]] = {
    "json_normalize of the posts": (None, normalize),
    "DuckDB read_json of the posts, to Parquet": (None, read_json),
    "twarc flatten and json_normalize": ("twarc", twarc),
    "tweepy objects of the posts": ("tweepy", tweepy),
    "polars read_ndjson of the posts, to Parquet": ("polars", polars),
}
"""Each with the package of the extra `benchmarks` that it needs."""


def is_installed(package: str | None) -> bool:
    """Whether a package can be imported."""
    return package is None or importlib.util.find_spec(package) is not None
