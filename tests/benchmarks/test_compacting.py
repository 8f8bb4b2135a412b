"""Compacting three million posts in 128 MB: that it ends, how long it takes, and what it needs."""

from __future__ import annotations

import threading
import time

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from xframes.archive.ingest.imports import write_rows
from xframes.archive.storage.folder import Folder
from xframes.archive.upkeep.compaction import Worker, compact_family
from xframes.schema import TABLES

POSTS, PARTS = 3_000_000, 10
MEMORY = 128_000_000
MOST_MEMORY = 250_000_000  # with the libraries, 400 MB in a process of its own


def slim(part: int) -> pa.Table:
    """Posts with few columns in no order, spread over all keys."""
    count = POSTS // PARTS
    numbers = np.random.default_rng(part).permutation(count) * PARTS + part
    schema = TABLES["posts"].schema
    columns = {
        "id": pa.array([str(10**18 + int(n)) for n in numbers]),
        "text": pa.array([f"post number {n} of many words" for n in numbers]),
        "author_id": pa.array([str(10**9 + int(n) % 50_000) for n in numbers]),
        "created_at": pa.array(numbers + 1_700_000_000_000, pa.timestamp("ms", tz="UTC")),
        "observed_at": pa.array([1_780_000_000_000] * count, pa.timestamp("ms", tz="UTC")),
        "page_id": pa.array([f"page{part}.{i // 100}" for i in range(count)]),
        "complete": pa.array([True] * count),
    }
    arrays = [columns.get(f.name, pa.nulls(count, f.type)).cast(f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def test_three_million_posts_in_128_mb(benchmark, tell, tmp_path):
    folder = Folder(tmp_path / "archive")
    folder.create()
    for part in range(PARTS):
        write_rows(folder, {"posts": slim(part)})
    write_rows(folder, {"posts": slim(0)[:30_000]})
    process = psutil.Process()
    before = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with Worker(folder, MEMORY) as worker:
        benchmark.pedantic(compact_family, (folder, ["posts"], worker), rounds=1)
    done.set()
    watcher.join()
    tell("MB of memory at most:", peak / 1e6)
    tell("MB more than before:", (peak - before) / 1e6)
    assert peak - before < MOST_MEMORY
    (base,) = (folder.tables / "posts").glob("base-*.parquet")
    assert pq.read_metadata(base).num_rows == POSTS
