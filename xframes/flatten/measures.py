"""Main rows that are not entities: counts, analytics, usage, compliance results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.flatten.coerce import coerce
from xframes.schema import TABLES, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xframes.flatten.assemble import Batch
    from xframes.flatten.decode import Parsed

_SPANS = {60: "minute", 3600: "hour", 86400: "day"}


def _counts(batch: Batch, page: int, parsed: Parsed) -> None:
    params = batch.pages[page].request.params
    granularity = params.get("granularity") or ("hour" if parsed.action else _span(parsed.main))
    batch.add_objects("counts", "count", page, {"query": params.get("query"), "granularity": granularity})


def _span(buckets: Sequence[Any]) -> str | None:
    """The granularity of buckets whose request is unknown, from their width: only the outer ones may be cut."""
    try:
        widths = [coerce(b.end, Type.TIME) - coerce(b.start, Type.TIME) for b in buckets]
    except (TypeError, ValueError):
        return None
    return _SPANS.get(int(max(widths).total_seconds()))


def _analytics(table_name: str, default: str) -> Callable[[Batch, int, Parsed], None]:
    """Rows of `timestamped_metrics[{timestamp, metrics{...}}]`, or of an item with its metrics flat."""

    def fill(batch: Batch, page: int, parsed: Parsed) -> None:
        owner, _, at, *metrics = TABLES[table_name].body
        rows: list[tuple[str | None, Any, Any]] = []  # whose, when, what
        for item in parsed.main:
            key = getattr(item, owner.path)
            if isinstance(item.timestamped_metrics, list):
                rows += [(key, s.timestamp, s.metrics) for s in item.timestamped_metrics]
            else:
                rows.append((key, item.timestamp, item))
        params = batch.pages[page].request.params
        granularity = params.get("granularity") or (default if parsed.action else None)
        values: dict[str, Sequence[Any]] = {c.name: [getattr(row[2], c.path, None) for row in rows] for c in metrics}
        values |= {owner.name: [row[0] for row in rows], at.name: [row[1] for row in rows],
                   "granularity": [granularity] * len(rows)}
        batch.add_values(table_name, values, [page] * len(rows))

    return fill


def _usage(batch: Batch, page: int, parsed: Parsed) -> None:
    item = parsed.main[0]
    batch.add_values("usage", {c.name: [getattr(item, c.path)] for c in TABLES["usage"].body}, [page])
    days: list[tuple[str, Any, Any]] = []
    project = item.daily_project_usage
    if project is not None:
        owner = project.project_id if project.project_id is not None else item.project_id
        days += [("project", owner, day) for day in project.usage or ()]
    for app in item.daily_client_app_usage or ():
        days += [("app", app.client_app_id, day) for day in app.usage or ()]
    owners = [None if d[1] is None else str(d[1]) for d in days]
    values: dict[str, Sequence[Any]] = {
        "scope": [d[0] for d in days], "id": owners,
        "date": [d[2].date for d in days], "usage": [d[2].usage for d in days],
    }
    batch.add_values("usage_daily", values, [page] * len(days))


def _removals(batch: Batch, page: int, _: Parsed) -> None:
    batch.add_objects("removals", "compliance_result", page, {})


def _tombstones(batch: Batch, page: int, _: Parsed) -> None:
    batch.add_objects("tombstones", "tombstone", page, {})


FILL: dict[str, Callable[[Batch, int, Parsed], None]] = {
    "count": _counts,
    "post_analytics": _analytics("post_analytics", "total"),
    "media_analytics": _analytics("media_analytics", "daily"),
    "usage": _usage,
    "compliance_result": _removals,
    "tombstone": _tombstones,
}
