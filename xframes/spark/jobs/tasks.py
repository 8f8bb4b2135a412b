"""Work on Spark's executors: each task runs our own functions and returns a short message.

Data never passes through the driver or the JVM: tasks read and write the files themselves. A task
may run twice (a retry, a speculative copy); Spark returns the message of one attempt only.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from xframes.errors import XframesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pyspark.sql import SparkSession

_Task = TypeVar("_Task")
_Message = TypeVar("_Message")
_Item = TypeVar("_Item")
_ROW = pa.schema([("task", pa.int64()), ("message", pa.binary())])


def run(
    spark: SparkSession, tasks: Sequence[_Task], work: Callable[[_Task], _Message]
) -> list[_Message]:
    """Run `work` for each task, each as a Spark task, and return the messages in order.

    An error of xframes is raised here as it is, others after Spark has tried the task again.
    """
    if not tasks:
        return []

    def serve(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                message = pickle.dumps(_tried(work, tasks[number]))
                yield pa.RecordBatch.from_pylist(
                    [{"task": number, "message": message}], schema=_ROW
                )

    numbers = spark.range(0, len(tasks), 1, len(tasks))
    rows = numbers.mapInArrow(serve, "task long, message binary").collect()
    packed = {row["task"]: bytes(row["message"]) for row in rows}
    messages = [pickle.loads(packed[n]) for n in range(len(tasks))]  # noqa: S301  # of our tasks
    for message in messages:
        if isinstance(message, XframesError):
            raise message
    return messages


def _tried(work: Callable[[_Task], _Message], task: _Task) -> _Message | XframesError:
    try:
        return work(task)
    except XframesError as error:
        return error


def slots(spark: SparkSession) -> int:
    """Return how many tasks the cluster runs at a time."""
    return int(spark.sparkContext.defaultParallelism)


def grouped(
    items: Iterable[_Item], weight: Callable[[_Item], int], most: int
) -> list[tuple[_Item, ...]]:
    """Group items, in order, into tasks of about `most` bytes; a larger item is alone."""
    groups: list[list[_Item]] = []
    size = 0
    for item in items:
        more = weight(item)
        if not groups or size + more > most:
            groups.append([])
            size = 0
        groups[-1].append(item)
        size += more
    return [tuple(group) for group in groups]
