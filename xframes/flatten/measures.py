"""Main rows that are not entities: counts, analytics, usage, trends, compliance results."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from xframes.flatten.coerce import coerce
from xframes.schema import TABLES, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xframes.flatten.assemble import Batch
    from xframes.flatten.decode import Parsed

_SPANS = {60: "minute", 3600: "hour", 86400: "day"}
_STEPS = {name: timedelta(seconds=seconds) for seconds, name in _SPANS.items()}
_LONGEST = timedelta(days=31)  # X counts no more on a page: a longer gap is between pages that were put together


def _counts(batch: Batch, page: int, parsed: Parsed) -> None:
    params = batch.pages[page].request.params
    granularity = params.get("granularity") or ("hour" if parsed.action else _span(parsed.main))
    query = params.get("query")
    batch.add_objects("counts", "count", page, {"query": query, "granularity": granularity, "filled": False})
    step = _STEPS.get(granularity or "")
    found = [] if step is None else [span for gap in _gaps(parsed.main) for span in _cut(*gap, step)]
    batch.add_values("counts", {
        "query": [query] * len(found), "granularity": [granularity] * len(found), "post_count": [0] * len(found),
        "start_at": [start.isoformat() for start, _ in found], "end_at": [end.isoformat() for _, end in found],
        "filled": [True] * len(found),
    }, [page] * len(found))


def _gaps(buckets: Sequence[Any]) -> Iterator[tuple[datetime, datetime]]:
    """Times between buckets that no bucket covers. X leaves out buckets in which it found nothing."""
    reach = ""
    for start, end in sorted((b.start, b.end) for b in buckets if isinstance(b.start, str) and isinstance(b.end, str)):
        if reach and start > reach:
            try:
                gap = coerce(reach, Type.TIME), coerce(start, Type.TIME)
            except (TypeError, ValueError):  # it is named where its column is built
                continue
            if timedelta(0) < gap[1] - gap[0] <= _LONGEST:
                yield gap
        reach = max(reach, end)


def _cut(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """A gap as the buckets X would have sent: of the step's width, aligned to UTC."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    while start < end:
        following = min(end, start + step - (start - epoch) % step)
        yield start, following
        start = following


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


def _trends(batch: Batch, page: int, parsed: Parsed) -> None:
    batch.add_objects("trends", "trend", page, {"woeid": parsed.args.get("woeid")})


def _personalized_trends(batch: Batch, page: int, _: Parsed) -> None:
    batch.add_objects("personalized_trends", "personalized_trend", page, {})


def _removals(batch: Batch, page: int, _: Parsed) -> None:
    batch.add_objects("removals", "compliance_result", page, {})


def _tombstones(batch: Batch, page: int, _: Parsed) -> None:
    batch.add_objects("tombstones", "tombstone", page, {})


FILL: dict[str, Callable[[Batch, int, Parsed], None]] = {
    "count": _counts,
    "post_analytics": _analytics("post_analytics", "total"),
    "media_analytics": _analytics("media_analytics", "daily"),
    "usage": _usage,
    "trend": _trends,
    "personalized_trend": _personalized_trends,
    "compliance_result": _removals,
    "tombstone": _tombstones,
}
