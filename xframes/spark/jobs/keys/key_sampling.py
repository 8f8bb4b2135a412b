"""Keys sampled on Spark, for the cuts between ranges of keys that tasks work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from xframes.archive.storage.paths import opened
from xframes.archive.upkeep.compaction import Worker
from xframes.archive.upkeep.deciding import key_ranges
from xframes.schema import TABLES
from xframes.spark.jobs.staging import Stage, TaskFolder
from xframes.sql import newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xframes.spark.jobs.staging import Job

_SAMPLE = 1_000  # keys of each file


@dataclass(frozen=True, slots=True)
class Division:
    """A file of a table whose keys are sampled, for the cuts of `of`."""

    of: str
    table: str
    path: str


@dataclass(frozen=True, slots=True)
class _Sample:
    """The task that samples the keys of a file; each represents a number of rows."""

    stage: Stage

    def __call__(self, division: Division) -> list[tuple[str, float]]:
        folder = TaskFolder(self.stage)
        table = TABLES[division.table]
        place = folder.path / division.path
        rows = pq.read_metadata(opened(place)).num_rows
        key = key_ranges.rank_text(table, key_ranges.range_key(table))
        with Worker(folder) as worker:
            query = (
                f"SELECT {key} AS rank FROM {newest.scan(table, [str(place)])} "
                f"USING SAMPLE reservoir({_SAMPLE} ROWS) REPEATABLE (1)"
            )
            ranks = worker.connection.sql(query).fetchall()
        return [(rank, rows / len(ranks)) for (rank,) in ranks]


def sampled_cuts(
    job: Job, divisions: Sequence[Division], counts: Mapping[str, int]
) -> dict[str, list[str]]:
    """Return the cuts between so many ranges of like numbers of rows, as `rank_text` has them."""
    keys: dict[str, list[tuple[str, float]]] = {}
    samples = job.run(_Sample(job.stage), divisions)
    for division, sample in zip(divisions, samples, strict=True):
        keys.setdefault(division.of, []).extend(sample)
    return {name: cuts_of(sample, counts[name]) for name, sample in keys.items()}


def cuts_of(sample: Iterable[tuple[str, float]], count: int) -> list[str]:
    """Return the keys between ranges of like weight."""
    ordered = sorted(sample)
    if not ordered:
        return []
    weights = np.cumsum([weight for _, weight in ordered])
    wanted = weights[-1] * np.arange(1, count) / count
    return sorted({ordered[n][0] for n in np.searchsorted(weights, wanted)})
