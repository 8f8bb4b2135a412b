"""Browsing three million posts: the first view after a start, and clicks on facets."""

from __future__ import annotations

import os
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import requests

from tests.benchmarks.pages import WORDS
from xframes.archive.ingest.imports import write_rows
from xframes.archive.storage.folder import Folder
from xframes.schema import TABLES

POSTS = int(os.environ.get("XFRAMES_BENCHMARK_POSTS", "3_000_000"))
BATCH = 100_000
PEOPLE = 100_000
_START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
_OBSERVED = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
_LANGS = np.array(["en", "de", "ja", "es", "fr", "pt", "und", "ar", "tr", "fi"])
_STEP_MS = 20_000


def filled(table: str, count: int, **columns: Any) -> pa.Table:
    """Rows of a table with these columns; the others are null."""
    schema = TABLES[table].schema
    given = {
        "observed_at": pa.array(np.full(count, _OBSERVED), pa.timestamp("ms", tz="UTC")),
        "complete": pa.array([True] * count), **columns,
    }
    arrays = [given.get(f.name, pa.nulls(count, f.type)).cast(f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def tables(batch: int, first: int, count: int) -> dict[str, pa.Table]:
    """Posts of a run in the order of time, with their matches, references and requests."""
    rng = np.random.default_rng(batch)
    numbers = np.arange(first, first + count)
    ids = pa.array([str(10**18 + int(n)) for n in numbers])
    words = rng.choice(np.array(WORDS), (count, 14))
    page_ids = pa.array([f"page{n // 100:08}" for n in numbers])
    is_result = rng.random(count) < 0.7
    refers = np.flatnonzero(rng.random(count) < 0.5)
    pages = np.unique(numbers // 100)
    results = np.flatnonzero(is_result)
    run_ids = pa.array([f"run-{batch:016}"] * count)
    return {
        "posts": filled(
            "posts", count, id=ids, text=pa.array([" ".join(row) for row in words]),
            author_id=pa.array([str(10**9 + int(n)) for n in rng.zipf(1.3, count) % PEOPLE]),
            created_at=pa.array(_START + numbers * _STEP_MS, pa.timestamp("ms", tz="UTC")),
            conversation_id=ids, lang=pa.array(_LANGS[rng.zipf(1.5, count) % len(_LANGS)]),
            like_count=pa.array(rng.zipf(1.5, count) % 100_000), page_id=page_ids,
            is_result=pa.array(is_result),
        ),
        "matches": filled(
            "matches", len(results), run_id=run_ids.take(pa.array(results)),
            post_id=ids.take(pa.array(results)), page_id=page_ids.take(pa.array(results)),
            position=pa.array(results % 100),
        ),
        "post_references": filled(
            "post_references", len(refers), post_id=ids.take(pa.array(refers)),
            position=pa.array(np.zeros(len(refers), dtype=int)),
            referenced_post_id=ids.take(pa.array(rng.integers(0, count, len(refers)))),
            type=pa.array(rng.choice(["replied_to", "quoted", "reposted"], len(refers))),
            page_id=page_ids.take(pa.array(refers)),
        ),
        "requests": filled(
            "requests", len(pages), page_id=pa.array([f"page{n:08}" for n in pages]),
            run_id=pa.array([f"run-{batch:016}"] * len(pages)),
            action=pa.array(["search.all"] * len(pages)), method=pa.array(["GET"] * len(pages)),
            params=pa.array([f'{{"query": "{WORDS[batch % 5]}"}}'] * len(pages)),
            status=pa.array([200] * len(pages)), microsecond=pa.array([0] * len(pages)),
        ),
    }


def build(path: Path, posts: int = POSTS) -> Path:
    """An archive of so many posts, settled as after imports."""
    import xframes as xf

    folder = Folder(path)
    folder.create()
    people = [str(10**9 + n) for n in range(PEOPLE)]
    write_rows(folder, {"users": filled(
        "users", PEOPLE, id=pa.array(people), username=pa.array([f"user{n}" for n in people]),
        name=pa.array([f"Person {n}" for n in people]),
    )})
    for batch, first in enumerate(range(0, posts, BATCH)):
        write_rows(folder, tables(batch, first, min(BATCH, posts - first)))
    xf.Archive(path).compact()
    return path


CLICKS = (
    "lang=en", "lang=de&kind=reply", "is_result=true", "is_result=false&lang=ja", "day=2024-03-01",
    "kind=quote", "query=gravel", "author_id=1000000001", "query=lantern&lang=fi",
    "lang=fi&kind=repost", "lang=tr&is_result=true",
)


def test_browsing_three_million_posts(benchmark, tell, tmp_path):
    """The first view after a start, and each click on a facet once its counts are ready."""
    import xframes as xf
    from xframes.browsing import start

    path = build(tmp_path / "archive")
    session = requests.Session()
    began = time.monotonic()
    with xf.Archive(path) as archive, start(archive) as server:
        assert session.get(server.url, timeout=60).status_code == 200
        tell("seconds to the first view:", time.monotonic() - began)
        address = f"http://127.0.0.1:{server.port}/table/posts"
        while "<summary>query</summary>" not in session.get(address, timeout=600).text:
            time.sleep(0.5)
        tell("seconds to the counts of all facets:", time.monotonic() - began)
        seconds = []
        for facet in CLICKS:
            click = time.monotonic()
            assert session.get(f"{address}?{facet}", timeout=60).status_code == 200
            seconds.append(time.monotonic() - click)
        tell("seconds of a click, median:", statistics.median(seconds))
        benchmark.pedantic(session.get, (f"{address}?lang=es",), rounds=5, warmup_rounds=1)
