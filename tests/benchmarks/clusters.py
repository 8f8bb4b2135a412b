"""Throughput per core of jobs on Spark beside one machine: `python -m tests.benchmarks.clusters [PAGES]`.

Both sides do the same work on the same pages. What is compared is the processor time of all their
processes, since other work on the machine changes the clock. A small import comes first, so that
Python and the JVM have loaded what they need.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.measuring import used_below
from tests.benchmarks.pages import PAGE_POSTS, page, write_pages
from tests.spark.jobs.cluster import Cluster

_SINGLE = """
import sys
from xframes.archive import Archive
with Archive(sys.argv[1]) as archive:
    archive.{call}
"""


def main(count: int) -> None:
    """Print seconds and ratios for an import, a compaction and a rebuild of so many pages."""
    with tempfile.TemporaryDirectory(prefix="xframes-") as folder:
        home = Path(folder)
        path = home / "pages.jsonl"
        size = write_pages(path, map(page, range(count)))
        write_pages(home / "few.jsonl", map(page, range(50)))
        jobs = {
            "import": (f"import_pages({str(path)!r}, processes=2)", "import_pages", [str(path)]),
            "compact": ("compact()", "compact", []),
            "rebuild": ("rebuild(processes=2)", "rebuild", []),
        }
        cluster = Cluster(home / "cluster")
        driver = cluster.driver()
        try:
            warm = str(home / "warm")
            for name, (_, job, arguments) in jobs.items():
                files = [str(home / "few.jsonl")] if arguments else []
                driver(job, warm, *files)
                print("warm:", name, flush=True)
            print(f"{count * PAGE_POSTS:,} results in {size / 1e6:,.0f} MB")
            for name, (call, job, arguments) in jobs.items():
                single = _single(call, home / "single")
                began, before = time.monotonic(), used_below(os.getpid())
                answer = driver(job, str(home / "spark"), *arguments)
                assert "error" not in answer, answer
                used, clock = used_below(os.getpid()) - before, time.monotonic() - began
                posts = count * PAGE_POSTS
                print(f"{name:8} one machine {single:6.1f} s, {posts / single:7,.0f} posts/s a core; "
                      f"Spark {used:6.1f} s, {posts / used:7,.0f} posts/s a core "
                      f"({clock:.1f} s by the clock); ratio {single / used:.2f}", flush=True)
            stored = sum(p.stat().st_size for p in (home / "spark").rglob("*") if p.is_file())
            pages = sum(p.stat().st_size for p in (home / "spark/pages").rglob("*"))
            print(f"stored: {stored / posts:,.0f} bytes a post, {pages / posts:,.0f} of them pages")
        finally:
            driver.kill()
            cluster.stop()


def _single(call: str, place: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", _SINGLE.format(call=call), str(place)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main(int(next(iter(sys.argv[1:]), "1000")))
