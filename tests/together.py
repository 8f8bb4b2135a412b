"""Many processes at work on one archive, killed at random: what `python tests/stress.py together 300` does.

Four writers collect over HTTP, two readers ask, one compacts, one merges other archives in, one removes posts and
people. All but the readers are killed now and then, and started again.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

from removals import bytes_on_disk  # the same folder

import xframes as xf

WRITE = """
import sys, time, random
import xframes as xf
url, path, until, number, seed = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
chance, searches = random.Random(seed), 0
words = ["coffee", "duckdb", "climate", "cycling", "chess", "energy", "espresso", "weather", "lang:de die", "lang:es de"]
with xf.Client("sandbox", base_url=url) as client, xf.Archive(path) as archive:
    while time.time() < until or not searches:  # a busy machine may take all the time for its imports
        searches += 1
        query = chance.choice(words)
        search = chance.choice([xf.search.all, xf.search.recent])
        search(query, limit=chance.choice([20, 150, 400]), into=archive, client=client)
        xf.counts.recent(query, into=archive, client=client)
"""
READ = """
import sys, time
import xframes as xf
until = float(sys.argv[3])
with xf.Archive(sys.argv[2]) as archive:
    while time.time() < until:
        total, distinct = archive.sql("SELECT count(*), count(DISTINCT id) FROM posts").fetchall()[0]
        assert total == distinct, (total, distinct)
        relation = archive.sql("SELECT p.id, u.username FROM posts p JOIN users u ON u.id = p.author_id")
        time.sleep(0.05)
        relation.fetchall()
        del relation
        archive.runs()
        time.sleep(0.05)
"""
COMPACT = """
import sys, time
import xframes as xf
until = float(sys.argv[3])
with xf.Archive(sys.argv[2]) as archive:
    while time.time() < until:
        try:
            archive.compact()
        except xf.errors.ArchiveError as error:
            print("later", error, flush=True)
        time.sleep(0.5)
"""
# Each says what it is about to do, and what it has done: lines in a file of its own.
MERGE = """
import sys, time, json, random, pathlib
from datetime import UTC, datetime
import xframes as xf
from xframes.wire import Page
from xframes.wire import Request
path, until, seed = sys.argv[2], float(sys.argv[3]), sys.argv[5]
home, chance = pathlib.Path(path).parent, random.Random(seed)
log = (home / "merges").open("a")
def page(first):
    posts = [{"id": str(i), "text": f"a secret of {i} that only one post holds", "author_id": str(i % 9 + 1)}
             for i in range(first, first + 5)]
    people = [{"id": str(i + 1), "name": f"M{i}", "username": f"merged{i}"} for i in range(9)]
    body = {"data": posts, "includes": {"users": people}, "meta": {"result_count": 5}}
    request = Request("GET", "/2/tweets/search/recent", {"query": f"merged {first}"}, "search.recent")
    return Page(request, json.dumps(body).encode(), datetime(2026, 3, 1, 12, tzinfo=UTC))
with xf.Archive(path) as archive:
    while time.time() < until:
        first = 1_000_000 + 10 * chance.randrange(100_000)
        with xf.Archive(home / f"other-{first}") as other:
            other.add(page(first))
        print("merging", first, file=log, flush=True)
        try:
            archive.merge(home / f"other-{first}")
        except xf.errors.ArchiveError as error:  # what came is there; what was removed waits for a purge
            print("later", error, flush=True)
        else:
            print("merged", first, file=log, flush=True)
        time.sleep(0.3)
"""
REMOVE = """
import sys, time, random, pathlib
import xframes as xf
path, until, seed = sys.argv[2], float(sys.argv[3]), sys.argv[5]
chance = random.Random(seed)
log = (pathlib.Path(path).parent / "removals").open("a")
with xf.Archive(path) as archive:
    while time.time() < until:
        kind = chance.choice(["posts", "posts", "users"])
        found = archive.ids(kind)
        merged = [i for i in found if len(i) == 7]
        some = chance.sample(found, min(2, len(found))) + chance.sample(merged, min(2, len(merged)))
        if some:
            try:
                archive.remove(**{f"{kind[:-1]}_ids": some[:1] if kind == "users" else some}, reason="field_params")
            except xf.errors.ArchiveError as error:
                print("later", error, flush=True)
                assert "recorded" in str(error), error
            for i in some[:1] if kind == "users" else some:
                print("removed", kind, i, file=log, flush=True)
        time.sleep(0.3)
"""
_PROGRAMS = {"writer": WRITE, "reader": READ, "compactor": COMPACT, "merger": MERGE, "remover": REMOVE}
_WORKERS = {"writer": 4, "reader": 2, "compactor": 1, "merger": 1, "remover": 1}


class Worker:
    """A process that does one thing for so long; a killed one is started again."""

    def __init__(self, what: str, number: int, url: str, path: Path, until: float) -> None:
        self.what = what
        self._words = [url, str(path), str(until), str(number)]
        self._begun = 0
        self.start()

    def start(self) -> None:
        self._begun += 1
        words = ["-W", "error", "-c", _PROGRAMS[self.what], *self._words, f"{self.what}{self._words[3]}-{self._begun}"]
        self.process = subprocess.Popen([sys.executable, *words], text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def end(self, seconds: float) -> None:
        _, errors = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, f"{self.what}: {errors}"


def together(home: Path, seconds: float, seed: int) -> str:
    """Let them all work and kill some; what was served and not removed is there in the end, once, and nothing else."""
    path, chance, killed = home / "archive", random.Random(seed), Counter[str]()
    home.mkdir(exist_ok=True)
    (home / "archive").mkdir(exist_ok=True)
    with xf.sandbox.start(posts=6_000, users=300, rate_limits=False) as x, recorded(x) as bodies:
        until = time.time() + seconds
        workers = [Worker(what, n, x.url, path, until) for what, many in _WORKERS.items() for n in range(many)]
        try:
            while time.time() < until:
                time.sleep(chance.uniform(1, 3))
                worker = chance.choice([w for w in workers if w.what != "reader"])
                if worker.process.poll() is None and time.time() < until:
                    worker.process.send_signal(signal.SIGKILL)
                    worker.process.communicate()
                    killed[worker.what] += 1
                    worker.start()
            for worker in workers:
                worker.end(seconds + 300)
        finally:
            for worker in workers:
                with suppress(ProcessLookupError):
                    worker.process.kill()
        with xf.Archive(path) as archive, xf.Client("sandbox", base_url=x.url) as client:
            for run_id in archive.runs().query("state == 'interrupted' and action != 'import'")["run_id"]:
                if run_id.startswith("run-"):
                    archive.resume(run_id, client=client)
    check(path, bodies)
    with xf.Archive(path) as archive:
        return (f"{seconds:,.0f} s: {len(archive.runs()):,} runs, {archive.tables['requests']:,} pages, "
                f"{archive.tables['posts']:,} posts, {archive.tables['tombstones']:,} tombstones, {killed.total()} kills "
                f"({', '.join(f'{n} {w}' for w, n in sorted(killed.items()))}): nothing lost, nothing twice, "
                "nothing of what was removed, no error")


def check(path: Path, bodies: list[bytes]) -> None:
    """What was served or merged is there once, but for what was removed, of which nothing is left."""
    posts, people = union(bodies)
    merged = {str(first + i): str((first + i) % 9 + 1) for first in said(path, "merges", "merged") for i in range(5)}
    begun = {str(first + i) for first in said(path, "merges", "merging") for i in range(5)}
    with xf.Archive(path) as archive:
        archive.purge()
        stones = archive.sql("SELECT DISTINCT resource_type, resource_id FROM tombstones").fetchall()
        gone, banned = ({i for t, i in stones if t == kind} for kind in ("post", "user"))
        assert {str(i) for i in said(path, "removals", "removed posts")} <= gone, "a removal was forgotten"
        assert {str(i) for i in said(path, "removals", "removed users")} <= banned, "a removal was forgotten"
        found = archive["posts"]["id"].to_pylist()
        assert len(found) == len(set(found)), "posts show twice"
        given = {i: author for i, (author, _) in posts.items()} | merged
        expected = {i for i, author in given.items() if i not in gone and author not in banned}
        assert not (lost := expected - set(found)), f"{len(lost)} posts lost, e.g. {min(lost)}"
        assert not (more := set(found) - expected - begun), f"{len(more)} posts nobody gave, e.g. {min(more)}"
        assert not (back := set(found) & gone), f"{len(back)} removed posts, e.g. {min(back)}"
        users = archive["users"]["id"].to_pylist()
        assert len(users) == len(set(users)), "people show twice"
        met = {author for i, author in given.items() if i in expected}
        lost = met & set(people) - set(users)
        assert not lost, f"{len(lost)} people lost, e.g. {min(lost)}"
        assert not set(users) & banned, "removed people"
        assert set(archive.runs()["state"]) <= {"done", "interrupted"}
        report = archive.verify()
        assert report.ok, repr(report)
        texts = {posts[i][1] for i in gone & posts.keys() if len(posts[i][1]) > 30}
        left = "\n".join(text for i, (_, text) in posts.items() if i in expected)
        secrets = {text for text in texts if text not in left}
        secrets |= {f"a secret of {i} that" for i in begun & gone}
        for place, data in bytes_on_disk(archive):
            for secret in secrets:
                assert secret.encode() not in data, f"{place} holds a removed text: {secret}"


def said(path: Path, name: str, word: str) -> list[int]:
    """The numbers behind a word in the lines workers wrote."""
    file = path.parent / name
    lines = file.read_text().splitlines() if file.exists() else []
    return [int(line.split()[-1]) for line in lines if line.startswith(f"{word} ") and line.split()[-1].isdigit()]


@contextmanager
def recorded(x: xf.sandbox.Sandbox):
    """Gives the list of the bodies served from here on."""
    app, bodies = x._server.app, []

    def record(environ, start_response):
        body = b"".join(app(environ, start_response))
        bodies.append(body)
        return [body]

    x._server.app = record
    yield bodies


def union(bodies: list[bytes]) -> tuple[dict[str, tuple[str, str]], set[str]]:
    """All posts in pages, id → author and text, and the ids of all people, by plain reading."""
    posts, people = {}, set()
    for body in map(json.loads, bodies):
        included = body.get("includes", {})
        rows = body.get("data", []) if "post_count" not in json.dumps(body)[:300] else []
        for row in (*rows, *included.get("tweets", ())):
            if "id" in row:
                posts[row["id"]] = (row.get("author_id", ""), row.get("text", ""))
        people |= {row["id"] for row in included.get("users", ())}
    return posts, people
