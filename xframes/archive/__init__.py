"""Archives: pages kept verbatim, tables made from them, and SQL over both."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xframes.archive.archive import Archive
    from xframes.archive.ingest.runs import Run
    from xframes.archive.upkeep.verification import Finding, Report

__all__ = ["Archive", "Finding", "Report", "Run"]


def __dir__() -> list[str]:
    return list(__all__)


# Worker processes import this package for its writer alone: what they do not need costs them memory.
_HOMES = {
    "Archive": "archive", "Finding": "upkeep.verification", "Report": "upkeep.verification",
    "Run": "ingest.runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xframes.archive' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"xframes.archive.{_HOMES[name]}"), name)
