"""Check all ids of an archive with X by compliance jobs, without waiting for them.

X works on a job for minutes to hours. What was begun is kept in a file, so that a later call, also
of another process, continues it.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from xframes.errors import ApiError, ConfigError, XframesError

if TYPE_CHECKING:
    from pathlib import Path

    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.planning.watches.watch_file import Compliance

__all__ = ["Check"]

_JOBS = {"posts": "tweets", "users": "users"}  # the types of compliance jobs, by table
_REPORTED = ("table", "id", "reason", "created_at", "redacted_at")


@dataclass
class _Table:
    """The ids of a table that are checked, and what is gone; None while X works on it."""

    name: str
    ids: list[str]
    is_begun: bool = False
    gone: list[dict[str, Any]] | None = None

    @property
    def detail(self) -> str:
        if self.gone is None:
            return f"X works on {len(self.ids):,} {self.name}"
        reasons = Counter(str(row["reason"]) for row in self.gone)
        parts = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        text = f"{len(self.ids):,} {self.name} checked, {len(self.gone):,} gone"
        return f"{text} ({parts})" if parts else text


@dataclass
class Check:
    """A check of all ids, as far as it is done."""

    path: Path
    task: Compliance
    tables: list[_Table] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path, task: Compliance) -> Check:
        """Return the check that was begun, or a new one."""
        try:
            tables = [_Table(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            tables = []
        if {table.name for table in tables} != set(task.tables):
            tables = []
        return cls(path, task, tables)

    def carry_out(self, archive: Archive, client: Client) -> tuple[str, str]:
        """Continue as far as possible without waiting. Return "done" or "waiting", and a detail.

        X takes one job at a time, so tables are checked one after the other.
        """
        if not self.tables:
            listed = ((name, archive.ids(name, included=True)) for name in self.task.tables)
            self.tables = [_Table(name, ids) for name, ids in listed if ids]
        try:
            is_done = all(self._is_done(table, archive, client) for table in self.tables)
        except ApiError as error:
            if not error.retryable or not any(table.is_begun for table in self.tables):
                raise
            return "waiting", str(error)
        except XframesError:  # the job failed: the next check creates another
            self.path.unlink(missing_ok=True)
            raise
        details = [table.detail for table in self.tables if table.is_begun]
        if not is_done:
            return "waiting", "; ".join(details)
        self._write_report()
        self.path.unlink(missing_ok=True)
        return "done", "; ".join(details) or "the archive has no ids"

    def _is_done(self, table: _Table, archive: Archive, client: Client) -> bool:
        from xframes.write.compliance_jobs import advance_compliance_job

        if table.gone is not None:
            return True
        kind: Any = _JOBS[table.name]
        frames = advance_compliance_job(
            table.ids, kind, into=archive, client=client, is_begun=table.is_begun
        )
        table.is_begun = True
        if frames is not None:
            table.gone = [_text(row) for row in frames["removals"].to_pylist()]
        self._save()
        return frames is not None

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        content = [asdict(table) for table in self.tables]
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(self.path)

    def _write_report(self) -> None:
        path = self.task.report
        if path is None:
            return
        import pandas as pd

        rows = [{"table": table.name, **row} for table in self.tables for row in table.gone or []]
        frame = pd.DataFrame(rows)
        others = [name for name in frame.columns if name not in _REPORTED]
        try:
            frame.reindex(columns=[*_REPORTED, *others]).to_csv(path, index=False)
        except OSError as error:
            reason = f"compliance: {path} cannot be written: {error.strerror}"
            raise ConfigError(reason) from None


def _text(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with times as text, which JSON can hold."""
    return {
        name: value.isoformat(sep=" ") if hasattr(value, "isoformat") else value
        for name, value in row.items()
    }
