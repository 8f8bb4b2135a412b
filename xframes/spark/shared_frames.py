"""Data frames that several views of a session use: computed once, on first use, and kept."""

from __future__ import annotations

from typing import Any

from xframes.spark.dialect import to_spark


class SharedFrames:
    """Frames in memory or on disk, and their names while views are created."""

    def __init__(self, spark: Any) -> None:
        self._spark = spark
        self._frames: list[Any] = []
        self._names: list[str] = []

    def add(self, query: str) -> str:
        """Share the rows of a query in DuckDB's SQL; return the name of their temporary view."""
        return self.add_frame(self._spark.sql(to_spark(query)))

    def add_frame(self, frame: Any) -> str:
        """Share a frame; return the name of its temporary view."""
        from pyspark import StorageLevel

        self.keep(frame.persist(StorageLevel.MEMORY_AND_DISK))
        name = f"_xframes_shared_{len(self._names)}"
        frame.createOrReplaceTempView(name)
        self._names.append(name)
        return name

    def keep(self, frame: Any) -> Any:
        """Own a frame that is kept in memory; return it."""
        self._frames.append(frame)
        return frame

    def drop_names(self) -> None:
        """Drop the temporary views; those that use them have what they need."""
        for name in self._names:
            self._spark.catalog.dropTempView(name)

    def forget(self) -> None:
        """Free the memory."""
        for frame in self._frames:
            frame.unpersist()
