"""Main rows that are not entities: counts, analytics, usage, trends, compliance results."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from xframes.flattening.coercion import coerce
from xframes.schema import TABLES, Type
from xframes.schema.measure_tables import OF_FILES
from xframes.schema.operation_tables import EVENTS
from xframes.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xframes.flattening.table_builder import TableBuilder

_SPANS = {60: "minute", 3600: "hour", 86400: "day"}
_STEPS = {name: timedelta(seconds=seconds) for seconds, name in _SPANS.items()}
# X sends no more counts on a page: a longer gap is between pages that were put together.
_LONGEST = timedelta(days=31)


def _add_counts(builder: TableBuilder, page: int) -> None:
    params = builder.pages[page].request.params
    contents = builder.contents[page]
    granularity = params.get("granularity")
    if not granularity and contents.action is not None:
        granularity = "hour"
    elif not granularity:
        granularity = _granularity(contents.main)
    query = params.get("query")
    constants = {"query": query, "granularity": granularity, "filled": False}
    builder.add_objects("counts", "count", page, constants)
    step = _STEPS.get(granularity or "")
    if step is not None:
        rows = [{"query": query, "granularity": granularity, "post_count": 0, "filled": True,
                 "start_at": start.isoformat(), "end_at": end.isoformat()}
                for start, end in _empty_buckets(contents.main, step)]
        builder.add_rows("counts", rows, [page] * len(rows))


def _empty_buckets(
    buckets: Sequence[Any], step: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the buckets that X left out because it found nothing in them."""
    for start, end in _gaps(buckets):
        yield from _cut(start, end, step)


def _gaps(buckets: Sequence[Any]) -> Iterator[tuple[datetime, datetime]]:
    """Yield times between buckets that no bucket covers."""
    spans = [(b.start, b.end) for b in buckets
             if isinstance(b.start, str) and isinstance(b.end, str)]
    reach = ""
    for start, end in sorted(spans):
        if reach and start > reach:
            try:
                gap = coerce(reach, Type.TIME), coerce(start, Type.TIME)
            except (TypeError, ValueError):  # reported where its column is built
                continue
            if timedelta(0) < gap[1] - gap[0] <= _LONGEST:
                yield gap
        reach = max(reach, end)


def _cut(
    start: datetime, end: datetime, step: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """Cut a gap into buckets as X would send them: one step wide, aligned to UTC."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    while start < end:
        next_start = min(end, start + step - (start - epoch) % step)
        yield start, next_start
        start = next_start


def _granularity(buckets: Sequence[Any]) -> str | None:
    """Return the granularity of buckets of an unknown request, by the widest of them.

    Only the first and the last may be cut.
    """
    try:
        widths = [coerce(b.end, Type.TIME) - coerce(b.start, Type.TIME) for b in buckets]
    except (TypeError, ValueError):
        return None
    return _SPANS.get(int(max(widths).total_seconds()))


def _add_post_analytics(builder: TableBuilder, page: int) -> None:
    _add_analytics(builder, page, "post_analytics", "total")


def _add_media_analytics(builder: TableBuilder, page: int) -> None:
    _add_analytics(builder, page, "media_analytics", "daily")


def _add_analytics(builder: TableBuilder, page: int, table: str, default: str) -> None:
    """Add rows of `timestamped_metrics[{timestamp, metrics{...}}]`, or of items with metrics."""
    contents = builder.contents[page]
    granularity = builder.pages[page].request.params.get("granularity")
    if not granularity and contents.action is not None:
        granularity = default
    owner, _, at, *columns = TABLES[table].body
    rows: list[dict[str, Any]] = []
    for item in contents.main:
        samples = [(item.timestamp, item)]
        if isinstance(item.timestamped_metrics, list):
            samples = [(s.timestamp, s.metrics) for s in item.timestamped_metrics]
        for timestamp, metrics in samples:
            row = {c.name: getattr(metrics, c.path, None) for c in columns}
            row |= {owner.name: getattr(item, owner.path), at.name: timestamp}
            rows.append(row | {"granularity": granularity})
    builder.add_rows(table, rows, [page] * len(rows))


def _add_usage(builder: TableBuilder, page: int) -> None:
    item = builder.contents[page].main[0]
    row = {c.name: getattr(item, c.path) for c in TABLES["usage"].body}
    builder.add_rows("usage", [row], [page])
    rows: list[dict[str, Any]] = []
    project = item.daily_project_usage
    if project is not None:
        id_ = project.project_id
        if id_ is None:
            id_ = item.project_id
        rows += _usage_rows("project", id_, project.usage)
    for app in item.daily_client_app_usage or ():
        rows += _usage_rows("app", app.client_app_id, app.usage)
    builder.add_rows("usage_daily", rows, [page] * len(rows))


def _usage_rows(scope: str, id_: Any, days: Sequence[Any] | None) -> Iterator[dict[str, Any]]:
    if id_ is not None:
        id_ = str(id_)
    for day in days or ():
        yield {"scope": scope, "id": id_, "date": day.date, "usage": day.usage}


def _add_credits(builder: TableBuilder, page: int) -> None:
    item = builder.contents[page].main[0]
    row = {c.name: getattr(item, c.path) for c in TABLES["credits"].body}
    builder.add_rows("credits", [row], [page])
    grants = [
        {"position": place, "amount": grant.amount, "expires_at": grant.expires_at}
        for place, grant in enumerate(item.free_grants or ())
    ]
    builder.add_rows("credit_grants", grants, [page] * len(grants))


def _add_rule_counts(builder: TableBuilder, page: int) -> None:
    item = builder.contents[page].main[0]
    own = item.client_app_rules_count
    apps = {app.client_app_id: app.rule_count for app in item.all_project_client_apps or ()}
    apps.setdefault(own.client_app_id, own.rule_count)
    rows = [
        {"app": id_, "rule_count": count, "project_rule_count": item.project_rules_count,
         "app_cap": item.cap_per_client_app, "project_cap": item.cap_per_project}
        for id_, count in apps.items()
    ]
    builder.add_rows("rule_counts", rows, [page] * len(rows))


def _add_events(builder: TableBuilder, page: int) -> None:
    """Add the events of the compliance and label streams, and what they remove."""
    rows: list[dict[str, Any]] = []
    removals: list[dict[str, Any]] = []
    for item in builder.contents[page].main:
        for kind in EVENTS:
            raw = bytes(getattr(item, kind) or b"")
            if raw.strip() in (b"", b"null"):
                continue
            event = read_json(raw)
            rows.append({"position": len(rows), "kind": kind, "event": raw.decode(),
                         **_subject(event)})
            removals += _removal(kind, event)
    builder.add_rows("compliance_events", rows, [page] * len(rows))
    builder.add_rows("removals", removals, [page] * len(removals))


def _removal(kind: str, event: Any) -> list[dict[str, Any]]:
    """Return the row of what an event removes, if it removes a post or a user."""
    removed = EVENTS[kind]
    if removed is None or not isinstance(event, dict):
        return []
    type_, reason = removed
    id_ = _part(event, {"post": "tweet", "user": "user"}[type_]).get("id")
    if not isinstance(id_, str):
        return []
    action = "scrub_geo" if reason == "scrub_geo" else "delete"
    up_to = event.get("up_to_tweet_id")
    return [{"id": id_, "resource_type": type_, "action": action, "reason": reason,
             "redacted_at": event.get("event_at"),
             "up_to_post_id": up_to if isinstance(up_to, str) else None}]


def _subject(event: Any) -> dict[str, Any]:
    """Return the time of an event, and the post and user that it is about."""
    if not isinstance(event, dict):
        return {}
    post, user, like = (_part(event, name) for name in ("tweet", "user", "favorite"))
    return {
        "event_at": event.get("event_at"), "post_id": post.get("id") or like.get("id"),
        "user_id": user.get("id") or post.get("author_id") or like.get("user_id"),
    }


def _part(event: dict[str, Any], name: str) -> dict[str, Any]:
    part = event.get(name)
    return part if isinstance(part, dict) else {}


def _add_trends(builder: TableBuilder, page: int) -> None:
    woeid = builder.contents[page].args.get("woeid")
    builder.add_objects("trends", "trend", page, {"woeid": woeid})


def _add_personalized_trends(builder: TableBuilder, page: int) -> None:
    builder.add_objects("personalized_trends", "personalized_trend", page, {})


def _add_rows(table: str, builder: TableBuilder, page: int) -> None:
    """Add main objects whose fields are the columns of a table."""
    builder.add_objects(table, str(TABLES[table].object), page, {})


def _add_removals(builder: TableBuilder, page: int) -> None:
    unsaid = {"resource_type": None, "up_to_post_id": None}
    builder.add_objects("removals", "compliance_result", page, unsaid)


def _add_tombstones(builder: TableBuilder, page: int) -> None:
    builder.add_objects("tombstones", "tombstone", page, {})


ADD: dict[str, Callable[[TableBuilder, int], None]] = {
    "count": _add_counts,
    "post_analytics": _add_post_analytics,
    "media_analytics": _add_media_analytics,
    "usage": _add_usage,
    "credits": _add_credits,
    "rule_count": _add_rule_counts,
    "compliance_event": _add_events,
    "trend": _add_trends,
    "personalized_trend": _add_personalized_trends,
    "compliance_result": _add_removals,
    "tombstone": _add_tombstones,
    **{str(table.object): partial(_add_rows, table.name) for table in OF_FILES},
}
