"""Hard days for an archive: processes killed at random moments, and many of them at work at once.

    python tests/stress.py kills 1000          # SIGKILL at random moments of every operation, all checked after each
    python tests/stress.py together 300        # writers, readers, a compactor, a remover and a merger, for so many seconds

Both end with a line of what was done, and with exit code 1 and the reason when anything was lost, doubled or wrong.
Linux and macOS: children are forked, so that a kill costs a tenth of a second.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb  # noqa: F401  whoever is forked has it
import pandas as pd  # noqa: F401  the same
import pyarrow.parquet  # noqa: F401  the same
from together import together  # the same folder

import xframes as xf
import xframes.paging.streaming
from xframes.archive import archive as archives  # noqa: F401  the same
from xframes.archive.ingest import collection
from xframes.archive.takedown import removal  # noqa: F401  the same
from xframes.archive.upkeep import levels, lifecycle, settling
from xframes.plan import plan
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIZE = 5  # posts on a page
LENGTH = 24  # pages of a collection
ROUND = 25  # kills an archive gets before a new one takes its place
OPERATIONS = {"collect": 5, "resume": 3, "add": 3, "compact": 3, "rebuild": 2, "remove": 2, "merge": 2, "open": 1}


def served(first: int, number: int) -> Page:
    """Page `number` of the collection whose posts begin at `first`; the newest posts come first."""
    ids = [first + number * SIZE + i for i in range(SIZE)]
    posts = [{"id": str(i), "text": f"post {i}", "author_id": str(i % 50)} for i in ids]
    people = [{"id": str(a), "name": f"N{a}", "username": f"u{a}"} for a in {i % 50 for i in ids}]
    meta = {"result_count": SIZE} | ({"next_token": f"t{number + 1}"} if number + 1 < LENGTH else {})
    body = {"data": posts, "includes": {"users": people}, "meta": meta}
    request = Request("GET", "/2/tweets/search/recent", {"query": f"from {first}"}, "search.recent")
    return Page(request, json.dumps(body).encode(), NOW + timedelta(seconds=first % 1000 + number))


class Ledger:
    """What children say they have done: a line is written when it is a promise."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def say(self, word: str, *numbers: int) -> None:
        with self.path.open("a") as file:
            file.write(f"{word} {' '.join(map(str, numbers))}\n")

    def said(self, word: str) -> list[list[int]]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [list(map(int, line.split()[1:])) for line in lines if line.split()[0] == word]


class Server:
    """X, as far as a collection sees it: whoever asks for a page has kept the one before it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def send(self, request: Request) -> Page:
        first = int(request.params["query"].split()[1])
        number = int(request.params.get("next_token", "t0")[1:])
        if number:
            self.ledger.say("kept", *range(first + (number - 1) * SIZE, first + number * SIZE))
        found = served(first, number)
        return Page(request, found.body, found.received_at)


# what is done, each in a process of its own --------------------------------------------------------------------------


def collect(archive: xf.Archive, ledger: Ledger, chance: random.Random) -> None:
    first = next_block(ledger)
    archive.collect(plan("search.recent", {"query": f"from {first}"}, now=NOW), Server(ledger))
    ledger.say("kept", *range(first, first + LENGTH * SIZE))


def resume(archive: xf.Archive, ledger: Ledger, chance: random.Random) -> None:
    if stopped := stopped_collections(archive):
        archive.resume(chance.choice(stopped), Server(ledger))


def stopped_collections(archive: xf.Archive) -> list[str]:
    """Runs that can go on; of additions cut short there is nothing more to ask for."""
    return archive.runs().query("state == 'interrupted' and run_id.str.startswith('run-')")["run_id"].tolist()


def add(archive: xf.Archive, ledger: Ledger, chance: random.Random) -> None:
    for _ in range(chance.randrange(1, 12)):
        first = next_block(ledger)
        archive.add(served(first, LENGTH - 1))
        ledger.say("kept", *range(first + (LENGTH - 1) * SIZE, first + LENGTH * SIZE))


def compact(archive: xf.Archive, ledger: Ledger, chance: random.Random) -> None:
    archive.compact()


def rebuild(archive: xf.Archive, ledger: Ledger, chance: random.Random) -> None:
    archive.rebuild(processes=1)


def remove(archive: xf.Archive, ledger: Ledger, chance: random.Random) -> None:
    there = [int(i) for i in archive["posts"]["id"].to_pylist()]
    if not there:
        return
    targets = chance.sample(there, min(3, len(there)))
    ledger.say("removing", *targets)
    archive.remove(post_ids=targets, reason="field_params")
    ledger.say("removed", *targets)


def merge(archive: xf.Archive, ledger: Ledger, chance: random.Random) -> None:
    first = next_block(ledger)
    other = archive.path.with_name(f"other-{first}")
    ids = range(first, first + 3 * SIZE)
    with xf.Archive(other) as made:
        made.add([served(first, n) for n in range(3)])
    archive.merge(other)
    ledger.say("kept", *ids)


def next_block(ledger: Ledger) -> int:
    """Where new posts begin; no two processes get the same."""
    first = 1_000 * (1 + len(ledger.said("block")))
    ledger.say("block", first)
    return first


def work(home: Path, what: str, seed: int) -> None:
    collection.FLUSH_BYTES, lifecycle.MOST_PARTS = 5_000, 5  # everything happens often
    if seed % 2:
        settling.WORTH_BYTES, levels.MOST_RUNS, levels.LARGE_ROWS = 0, 3, 0
    (home / "archive").mkdir(exist_ok=True)  # it is read before anything is written to it
    with xf.Archive(home / "archive") as archive:
        if what != "open":
            globals()[what](archive, Ledger(home / "ledger"), random.Random(seed))


def check(home: Path) -> None:
    """What was promised is there, once, whole, and nothing else."""
    ledger = Ledger(home / "ledger")
    with xf.Archive(home / "archive") as archive:
        rows = archive.sql("SELECT id, text, author_id FROM posts").fetchall()
        found = {int(i) for i, _, _ in rows}
        assert len(rows) == len(found), "posts show twice"
        assert all(text == f"post {i}" and int(author) == int(i) % 50 for i, text, author in rows), "a value is wrong"
        kept, going, gone = ({n for line in ledger.said(word) for n in line} for word in ("kept", "removing", "removed"))
        assert not (lost := kept - going - found), f"lost: {sorted(lost)[:10]}"
        assert not (back := gone & found), f"removed, but there: {sorted(back)[:10]}"
        blocks = {first for (first,) in ledger.said("block")}
        assert {i // 1_000 * 1_000 for i in found} <= blocks, "posts nobody gave"
        for table, key in (("matches", "run_id, post_id"), ("requests", "page_id"), ("users", "id")):
            both = archive.sql(f"SELECT count(*), count(DISTINCT ({key})) FROM {table}").fetchall()[0]
            assert both[0] == both[1], f"{table} show twice: {both}"
        report = archive.verify()
        assert report.ok, repr(report)


def finish(home: Path) -> None:
    """Runs that stopped come to their end, the tables stay as they are when they are made anew, and fit in one file."""
    ledger = Ledger(home / "ledger")
    with xf.Archive(home / "archive") as archive:
        for run_id in stopped_collections(archive):
            run = archive.resume(run_id, Server(ledger))
            assert (run.state, run.pages, run.rows) == ("done", LENGTH, LENGTH * SIZE), run
        runs = archive.runs().query("state == 'done' and action == 'search.recent'")
        for query in {json.loads(text).get("query") for text in runs["arguments"]} - {None}:
            first = int(query.split()[1])
            ledger.say("kept", *range(first, first + LENGTH * SIZE))
        before = archive["posts"].drop(["observed_at", "page_id"])
        archive.rebuild(processes=1)
        assert archive["posts"].drop(["observed_at", "page_id"]).equals(before), "a rebuild changed the posts"
        archive.compact()
    check(home)


# killing -------------------------------------------------------------------------------------------------------------


@contextmanager
def forked(home: Path, act: object, *args: object):
    """A child at work; gives its id. What it says of its end stands in `home/trouble`."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            act(home, *args)
            code = 0
        except BaseException:  # noqa: BLE001  a child tells of everything and ends here
            (home / "trouble").write_text(traceback.format_exc())
        finally:
            os._exit(code)
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def wait(child: int, seconds: float) -> int | None:
    """The child's exit status, None when it goes on for longer."""
    until = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.0005)


def well(home: Path, act: object, *args: object) -> None:
    """Do it in a child, to its end. Raises AssertionError with what the child says went wrong."""
    with forked(home, act, *args) as child:
        code = wait(child, 120)
    assert code == 0, f"exit code {code}\n{(home / 'trouble').read_text() if (home / 'trouble').exists() else ''}"


def kills(home: Path, count: int, seed: int) -> str:
    """Kill `count` children at random moments of random operations; check everything after each."""
    chance = random.Random(seed)
    lasts: dict[str, float] = dict.fromkeys(OPERATIONS, 0.3)
    killed: Counter[str] = Counter()
    folder = home / "0"
    while killed.total() < count:
        if killed.total() % ROUND == 0 or not folder.exists():
            if folder.exists():
                well(folder, finish)
                shutil.rmtree(folder)
            folder = home / str(killed.total())
            folder.mkdir(exist_ok=True)
            tell(f"{killed.total():,} of {count:,} kills: nothing lost, nothing twice, all verified")
        what = chance.choices(list(OPERATIONS), list(OPERATIONS.values()))[0]
        before = killed.total()
        while killed.total() == before:
            began = time.monotonic()
            with forked(folder, work, what, chance.getrandbits(32)) as child:
                code = wait(child, chance.uniform(0, lasts[what]))
                if code is None:
                    os.killpg(child, signal.SIGKILL) if grouped(child) else os.kill(child, signal.SIGKILL)
                    code = wait(child, 120)
            assert code in (0, -signal.SIGKILL), f"{what}: exit code {code}\n{(folder / 'trouble').read_text()}"
            if code == 0:
                lasts[what] = 0.7 * lasts[what] + 0.3 * 1.3 * (time.monotonic() - began)
                what = chance.choices(list(OPERATIONS), list(OPERATIONS.values()))[0]
            else:
                killed[what] += 1
                lasts[what] *= 1.02
        try:
            well(folder, check)
        except AssertionError as error:
            raise AssertionError(f"after {killed.total():,} kills, the last in {what} (seed {seed}, {folder}): {error}") from None
    well(folder, finish)
    return f"{killed.total():,} kills ({', '.join(f'{n} {w}' for w, n in sorted(killed.items()))}): no page lost, nothing twice, verify clean each time"


def grouped(child: int) -> bool:
    """Whether the child has its process group by now."""
    try:
        return os.getpgid(child) == child
    except ProcessLookupError:
        return False


def tell(text: str) -> None:
    print(text, flush=True)  # a command's output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kills", "together"])
    parser.add_argument("much", type=float, help="how many kills, or seconds")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="xframes-stress-"))
    try:
        done = kills(home, int(given.much), given.seed) if given.what == "kills" else together(home, given.much, given.seed)
    except AssertionError as error:
        sys.exit(f"{error}\n(kept in {home})")
    shutil.rmtree(home)
    tell(done)


if __name__ == "__main__":
    main()
