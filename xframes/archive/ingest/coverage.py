"""What an archive has of what is asked, and what it lacks: where a query goes on, which ids need no lookup, what became
of ids, and how much of what X counts was collected."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from xframes.archive.ingest.journal import open_journal
from xframes.archive.query.threads import Queryable
from xframes.errors import ArchiveError, ArgumentError
from xframes.plan import plan as make_plan
from xframes.registry.prices import PER_RESOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    import duckdb
    import pyarrow as pa

    from xframes.archive.ingest.runs import Run
    from xframes.archive.storage.folder import Folder
    from xframes.client import Client
    from xframes.plan import Plan

_SLACK = timedelta(minutes=5)  # a run takes a moment to begin; X refuses ids that have just left its window
_BOUNDS = {"since_id", "until_id", "start_time", "end_time", "sort_order", "limit"}  # a question is the same in any
_SAME = "trim(regexp_replace({}, '\\s+', ' ', 'g')) = $query"  # as `_spaced`
_TYPES = {"posts": ("posts.lookup", "post_ids", "post"), "users": ("users.lookup", "user_ids", "user")}


class CollectingArchive(Queryable, Protocol):
    """An archive, as far as looking ids up needs it: see `xf.Archive`."""

    def collect(self, plan: Plan, client: Client, *, progress: bool | None = None) -> Run:
        """Carry out a plan."""
        ...


# going on -------------------------------------------------------------------------------------------------------------


def runs_to_resume(folder: Folder, plan: Plan) -> list[str]:
    """The interrupted runs of a plan that starts where earlier runs of the same query ended."""
    if plan.since is None or not folder.journal.exists():
        return []
    with open_journal(folder.journal) as journal:
        return [run.run_id for run in journal.runs()
                if run.state == "interrupted" and run.plan and _same(run.action, run.arguments, plan)]


def continued(source: Queryable, plan: Plan, client: Client) -> Plan:
    """The plan from the newest post on that earlier runs of the same query found."""
    if plan.since is None:
        return plan
    plan = replace(plan, since=None)
    newest = _newest(source, plan)
    if newest is None:
        return plan
    now, made = client.now(), _made(newest)
    earliest = plan.declared.param("start_time").earliest if _takes(plan, "start_time") else None
    if earliest and earliest.startswith("-") and made < now - timedelta(days=int(earliest[1:-1])) + _SLACK:
        warnings.warn(
            f"{plan.action}: the newest post here is of {made:%Y-%m-%d %H:%M} UTC, and X reaches back {earliest[1:-1]} "
            "days only: what was posted between is not collected; search.all reaches it", stacklevel=5)
        return plan
    kept = {name: value for name, value in plan.arguments.items() if name != "start_time"}
    return replace(plan, arguments=kept | {"since_id": str(newest)})


def _same(action: str | None, arguments: str | None, plan: Plan) -> bool:
    """Whether a run asked what the plan asks, within whatever bounds."""
    if action != plan.action:
        return False
    return _question(json.loads(arguments or "{}")) == _question(plan.arguments)


def _question(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked, whatever its bounds, and however it was spaced."""
    return {name: _spaced(value) if name == "query" else value for name, value in arguments.items()
            if name not in _BOUNDS}


def _spaced(query: object) -> str:
    """A query with single blanks: X reads others the same."""
    return " ".join(str(query).split())


def _newest(source: Queryable, plan: Plan) -> int | None:
    """The newest post below which nothing is missing; None when there is none.

    A run that its limit ended has its newest posts, but not those just above where it was to begin: it counts only as
    far as its since_id.
    """
    found = []
    runs = source.sql("SELECT run_id, action, arguments, row_count FROM runs WHERE state = 'done'").fetchall()
    for run_id, action, arguments, rows in runs:
        if not _same(action, arguments, plan):
            continue
        asked = json.loads(arguments or "{}")
        if asked.get("limit") and rows >= asked["limit"] and "since_id" in asked:
            found.append(int(asked["since_id"]))
            continue
        newest = source.sql("SELECT max(CAST(post_id AS HUGEINT)) FROM matches WHERE run_id = $run", {"run": run_id})
        found += [int(value) for (value,) in newest.fetchall() if value is not None]
    return max(found, default=None)


def _made(post_id: int) -> datetime:
    return datetime.fromtimestamp(((post_id >> 22) + 1_288_834_974_657) / 1000, UTC)  # X's ids hold their time


def _takes(plan: Plan, name: str) -> bool:
    return any(p.name == name for p in plan.declared.params)


# ids ------------------------------------------------------------------------------------------------------------------


def without_known(source: Queryable, plan: Plan) -> Plan:
    """The plan without what is stored here already, or was removed from here: unless it asks for all of it anew."""
    if plan.declared.looks_up is None or plan.refresh:
        return plan
    (param, column), table = plan.declared.looks_up, plan.declared.rows
    asked = plan.arguments[param]
    known = {i for (i,) in source.sql(
        f"SELECT lower(i) FROM (SELECT unnest($ids) AS i) WHERE lower(i) IN (SELECT lower({column}) FROM {table}) "
        "OR i IN (SELECT resource_id FROM tombstones WHERE resource_type = $kind)",
        {"ids": asked, "kind": str(table).removesuffix("s")},
    ).fetchall()}
    return replace(plan, arguments={**plan.arguments, param: [i for i in asked if i.lower() not in known]})


def looked_up(
    archive: CollectingArchive, ids: Iterable[str | int], table: str, client: Client | None, progress: bool | None, *,
    refresh: bool,
) -> pa.Table:
    """Look ids up into the archive, and tell what became of each."""
    if table not in _TYPES:
        raise ArgumentError(f"table is posts or users, not {table!r}")
    action, param, _ = _TYPES[table]
    from xframes.client import checked

    client = checked(client, action)
    made = make_plan(action, {param: ids, "refresh": refresh}, now=client.now(), words=client.words)
    run = archive.collect(made, client, progress=progress)
    return _fates(archive, made.arguments[param], table, run.run_id)


def _fates(source: Queryable, ids: list[str], table: str, run_id: str) -> pa.Table:
    """What a run found out about each id, in the order they were given."""
    return _exact(source.sql(
        f"""
        WITH asked AS (SELECT unnest($ids) AS id, generate_subscripts($ids, 1) AS place),
        here AS (SELECT id, max(observed_at) AS observed_at,
                        any_value(withheld_country_codes) IS NOT NULL AS withheld FROM {table}
                 WHERE id IN (SELECT id FROM asked) GROUP BY id),
        seen AS (SELECT DISTINCT h.id FROM here h JOIN requests r ON r.observed_at = h.observed_at
                 WHERE r.run_id = $run),
        told AS (SELECT coalesce(resource_id, value) AS id, arg_max(kind, observed_at) AS kind,
                        arg_max(detail, observed_at) AS detail, max(observed_at) AS observed_at
                 FROM problems WHERE run_id = $run AND coalesce(resource_type, $kind) IN ($kind, 'tweet')
                 GROUP BY ALL),
        gone AS (SELECT resource_id AS id, any_value(reason) AS reason FROM tombstones WHERE resource_type = $kind
                 GROUP BY ALL)
        SELECT a.id, CASE
                 WHEN g.id IS NOT NULL THEN 'removed'
                 WHEN t.kind IS NOT NULL AND s.id IS NULL THEN CASE
                     WHEN t.detail ILIKE '%suspended%' THEN 'suspended'
                     WHEN t.kind = 'resource-not-found' THEN 'not_found'
                     WHEN t.kind = 'not-authorized-for-resource' THEN 'not_authorized'
                     ELSE replace(t.kind, '-', '_') END
                 WHEN h.withheld THEN 'withheld'
                 WHEN s.id IS NOT NULL THEN 'found'
                 WHEN h.id IS NOT NULL THEN 'stored'
                 ELSE 'not_returned' END AS fate,
               CASE WHEN g.id IS NOT NULL THEN g.reason WHEN s.id IS NULL THEN t.detail END AS detail,
               coalesce(CASE WHEN s.id IS NULL THEN t.observed_at END, h.observed_at) AS observed_at
        FROM asked a LEFT JOIN here h USING (id) LEFT JOIN seen s USING (id) LEFT JOIN told t USING (id)
        LEFT JOIN gone g USING (id) ORDER BY a.place
        """,
        {"ids": ids, "run": run_id, "kind": _TYPES[table][2]},
    ))


# counts against posts -------------------------------------------------------------------------------------------------


def completeness(source: Queryable, query: str, granularity: str | None) -> pa.Table:
    """Posts collected against posts counted, span by span."""
    wanted = {"query": _spaced(query)}
    spans = source.sql(f"SELECT DISTINCT granularity FROM counts WHERE {_SAME.format('query')}", wanted).fetchall()
    there = [g for g in ("minute", "hour", "day") if (g,) in spans]
    if (granularity or "day") not in there and not (granularity is None and there):
        raise ArchiveError(
            f"nothing here counts {query!r}{f' per {granularity}' if granularity else ''}; "
            f"xf.counts.recent({query!r}, into=archive), or counts.all, asks X"
        )
    return _exact(source.sql(
        f"""
        WITH span AS (SELECT start_at, end_at, arg_max(post_count, observed_at) AS post_count FROM counts
                 WHERE {_SAME.format("query")} AND granularity = $every GROUP BY ALL),
        whole AS (SELECT * FROM span s WHERE NOT EXISTS (  -- a span cut by its request's bounds, beside a whole one
            FROM span w WHERE w.start_at <= s.start_at AND w.end_at >= s.end_at
            AND (w.start_at, w.end_at) <> (s.start_at, s.end_at))),
        asked AS (SELECT page_id FROM requests WHERE json_valid(params) AND {_SAME.format("params->>'$.query'")}),
        runs AS (SELECT run_id FROM runs WHERE json_valid(arguments) AND action NOT LIKE 'counts.%'
                 AND {_SAME.format("arguments->>'$.query'")}),
        had AS (SELECT DISTINCT p.id, p.created_at FROM posts p WHERE p.id IN (
                SELECT post_id FROM matches WHERE run_id IN (FROM runs) OR page_id IN (FROM asked))),
        compared AS (SELECT w.start_at, w.end_at, w.post_count AS counted, count(h.id) AS collected
                 FROM whole w LEFT JOIN had h ON h.created_at >= w.start_at AND h.created_at < w.end_at GROUP BY ALL)
        SELECT $as_given AS query, $every AS granularity, start_at, end_at, counted, collected,
               greatest(counted - collected, 0) AS missing, greatest(counted - collected, 0) * $price AS price
        FROM compared ORDER BY start_at
        """,
        {**wanted, "as_given": query, "every": granularity or there[0], "price": PER_RESOURCE["Post"]},
    ))


def stream_gaps(source: Queryable) -> pa.Table:
    """The times in which streams were not heard, with what was made in them and is here all the same."""
    return _exact(source.sql(
        """
        WITH gap AS (SELECT run_id, parameter AS action, detail, split_part(value, '/', 1)::TIMESTAMPTZ AS start_at,
                            split_part(value, '/', 2)::TIMESTAMPTZ AS end_at
                     FROM problems WHERE kind = 'stream_gap'),
        had AS (SELECT DISTINCT m.run_id, p.id, p.created_at FROM matches m JOIN posts p ON p.id = m.post_id
                WHERE m.run_id IN (SELECT run_id FROM gap))
        SELECT g.run_id, g.action, g.start_at, g.end_at, count(h.id) AS collected, g.detail
        FROM gap g LEFT JOIN had h ON h.run_id = g.run_id AND h.created_at >= g.start_at AND h.created_at < g.end_at
        GROUP BY ALL ORDER BY g.start_at
        """
    ))


def _exact(found: duckdb.DuckDBPyRelation) -> pa.Table:
    """The rows, times in milliseconds as in all tables."""
    import pyarrow as pa

    rows = found.to_arrow_table()
    types = [pa.timestamp("ms", "UTC") if pa.types.is_timestamp(f.type) else f.type for f in rows.schema]
    return rows.cast(pa.schema([f.with_type(t) for f, t in zip(rows.schema, types, strict=True)]))
