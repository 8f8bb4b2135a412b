"""Archives: pages kept verbatim, tables made from them, and SQL over both."""

from __future__ import annotations

from xframes.archive.archive import Archive
from xframes.archive.ingest.coverage import gaps
from xframes.archive.ingest.runs import Run
from xframes.archive.upkeep.verification import Finding, Report

__all__ = ["Archive", "Finding", "Report", "Run", "gaps"]


def __dir__() -> list[str]:
    return list(__all__)
