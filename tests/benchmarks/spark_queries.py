"""Queries on Spark beside plain Spark SQL: `python -m tests.benchmarks.spark_queries [POSTS]`.

The other side is one Parquet file per table, exported from the same archive: unique, newest rows,
sorted. All sides are sessions of one Spark on two cores and return the same rows. What is compared
is the processor time of the JVM and its Python workers, since other work on the machine changes
the clock.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import xframes as xf
import xframes.spark
from tests.benchmarks.measuring import used_below
from tests.benchmarks.pages import post_id
from tests.benchmarks.queries import EXPORTED, QUERIES, bare
from tests.benchmarks.report import Table, ms, times
from tests.benchmarks.setting import Setting
from tests.spark.jobs.copying_store import serving, tell_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROUNDS = 5
COLUMNS = ("state", "query", "plain, ms", "register, ms", "ratio")
_RESULTS = "SELECT lang, count(*) AS n FROM results GROUP BY ALL ORDER BY n DESC, lang"


def run(setting: Setting, spark: Any, rounds: int = ROUNDS) -> Iterator[Table]:
    """The queries in three states of an archive, and by the two conveniences."""
    rows = [*_rows(setting, spark, "just imported", setting.imported, rounds),
            *_rows(setting, spark, "compacted", setting.compacted, rounds)]
    with setting.copy(setting.compacted) as path:
        xf.Archive(path).import_pages(setting.new_file, progress=False)
        rows += _rows(setting, spark, "compacted, then 1 % new", path, rounds)
    yield Table(f"Queries on Spark: {setting.posts:,} posts", COLUMNS, rows, "Processor time.")
    yield Table(
        "Conveniences, on the compacted archive", (*COLUMNS[1:3], "format, ratio", "fsspec, ratio"),
        list(_conveniences(setting, spark, rounds)), "Python workers read whole files.",
    )


def _rows(
    setting: Setting, spark: Any, state: str, path: Path, rounds: int
) -> Iterator[list[str]]:
    """Measure the queries of `register` in one state of an archive."""
    with _exported(path) as folder:
        plain, ours = _plain(spark, folder), spark.newSession()
        xframes.spark.register(ours, path)
        for name in QUERIES:
            took = _in_turn({"plain": partial(_answer, plain, name, setting.posts),
                             "ours": partial(_answer, ours, name, setting.posts)}, rounds)
            yield [state, name, ms(took["plain"]), ms(took["ours"]),
                   times(took["ours"], took["plain"])]
        took = _in_turn({"ours": lambda: ours.sql(_RESULTS).collect()}, rounds)
        yield [state, "results by language", "", ms(took["ours"]), ""]


def _conveniences(setting: Setting, spark: Any, rounds: int) -> Iterator[list[str]]:
    """Measure the data source, and `register` of a bucket for which Spark has no library."""
    path = setting.compacted
    with _exported(path) as folder, serving() as store:
        plain, source, remote = _plain(spark, folder), spark.newSession(), spark.newSession()
        source.dataSource.register(xframes.spark.XframesDataSource)
        for name in EXPORTED:
            reader = source.read.format("xframes").option("table", name)
            reader.load(str(path)).createOrReplaceTempView(name)
        url = "s3://jobs/queried"
        xf.Archive(url).merge(str(path))
        xf.Archive(url).compact()
        tell_workers(spark, store)
        xframes.spark.register(remote, url)
        for name in QUERIES:
            sides = {"plain": plain, "format": source, "fsspec": remote}
            took = _in_turn({side: partial(_answer, session, name, setting.posts)
                             for side, session in sides.items()}, rounds)
            yield [name, ms(took["plain"]), times(took["format"], took["plain"]),
                   times(took["fsspec"], took["plain"])]


@contextlib.contextmanager
def _exported(path: Path) -> Iterator[Path]:
    """The tables of an archive as one sorted file each."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, xf.Archive(path) as archive:
        bare(archive, Path(folder)).close()
        yield Path(folder)


def _plain(spark: Any, folder: Path) -> Any:
    session = spark.newSession()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    for name in EXPORTED:
        session.read.parquet(f"{folder}/{name}.parquet").createOrReplaceTempView(name)
    return session


def _answer(session: Any, name: str, posts: int) -> Any:
    query = QUERIES[name].replace("$id", ":id")
    args = {"id": post_id(posts // 2)} if ":id" in query else None
    return session.sql(query, args).collect()


def _in_turn(sides: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Run all sides in each round; return the medians of processor time after a warm-up."""
    took: dict[str, list[float]] = {name: [] for name in sides}
    answers = [work() for _ in range(2) for work in sides.values()]
    if any(answer != answers[0] for answer in answers):
        raise AssertionError("the sides have different rows")
    for _ in range(rounds):
        for name, work in sides.items():
            before = used_below(os.getpid())
            work()
            took[name].append(used_below(os.getpid()) - before)
    return {name: median(seconds) for name, seconds in took.items()}


def session(home: Path) -> Any:
    """A small Spark on two cores."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    options = {
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "4",
        "spark.local.dir": str(home / "local"), "spark.sql.warehouse.dir": str(home / "warehouse"),
    }
    builder = SparkSession.builder.master("local[2]").appName("benchmarks")
    for name, value in options.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("OFF")
    return made


def main(posts: int) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(prefix="xframes-benchmarks-") as folder:
        spark = session(Path(folder))
        try:
            for table in run(Setting(Path(folder), posts), spark):
                print(table, flush=True)
        finally:
            spark.stop()


if __name__ == "__main__":
    main(int(next(iter(sys.argv[1:]), "50000")))
