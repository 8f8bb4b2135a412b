"""The live path: processor time of a collector per page, against requests and json.loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import requests

import xframes as xf
from tests.benchmarks.measuring import Stopwatch, in_turn
from tests.benchmarks.pages import PAGE_POSTS
from tests.benchmarks.report import Table, at_most, ms, times
from tests.benchmarks.server import serving

if TYPE_CHECKING:
    from tests.benchmarks.setting import Setting

MOST_PAGES = 100
_PLAIN = "requests and json.loads"
_ARCHIVED = "search.recent into an archive: journal and tables"


def run(setting: Setting) -> Iterator[Table]:
    """A search of up to 100 pages, from a server on this machine."""
    if not setting.times:
        return
    count = max(2, min(MOST_PAGES, setting.posts // PAGE_POSTS))
    with serving(count) as url:
        took = in_turn({
            _PLAIN: lambda watch: _plain(url, count, watch),
            "search.recent in memory": lambda watch: _in_memory(url, count, watch),
            _ARCHIVED: lambda watch: _archived(url, count, setting, watch),
        }, setting.rounds, setting.warmup)
    plain = took[_PLAIN].cpu
    yield Table(
        f"Live path: {count} pages of {PAGE_POSTS} posts",
        ("what", "CPU ms a page", "ratio", "aim"),
        [[name, ms(one.cpu / count), times(one.cpu, plain), at_most(2) if name == _ARCHIVED else ""]
         for name, one in took.items()],
        "Processor time of the collecting process, everything from the call to its result.",
    )


def _plain(url: str, count: int, watch: Stopwatch) -> None:
    with watch, requests.Session() as session:
        session.trust_env = False
        params: dict[str, str] = {"query": "harbour"}
        for _ in range(count):
            answer = session.get(f"{url}/2/tweets/search/recent", params=params, timeout=60)
            meta = json.loads(answer.content)["meta"]
            params["next_token"] = meta.get("next_token", "")


def _in_memory(url: str, count: int, watch: Stopwatch) -> None:
    with _client(url) as client, watch:
        found = xf.search.recent("harbour", client=client, progress=False)
        rows = found["matches"].num_rows
    if rows != count * PAGE_POSTS:
        raise AssertionError(f"expected {count * PAGE_POSTS} posts, got {rows}")


def _archived(url: str, count: int, setting: Setting, watch: Stopwatch) -> None:
    path = setting.folder / "live"
    with _client(url) as client, watch, xf.Archive(path) as archive:
        run = xf.search.recent("harbour", client=client, into=archive, progress=False)
    if run.rows != count * PAGE_POSTS:
        raise AssertionError(f"expected {count * PAGE_POSTS} posts, got {run.rows}")
    shutil.rmtree(path)


def _client(url: str) -> xf.Client:
    """A client that never waits: its clock moves instead."""
    clock = [datetime.now(UTC)]

    def sleep(length: float) -> None:
        clock[0] += timedelta(seconds=length)

    return xf.Client("invented", base_url=url, sleep=sleep, now=lambda: clock[0])
