"""What an archive has of a query, and what it lacks.

Where a query continues, which ids need no lookup, what became of ids, and how much of what X counts
was collected.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from xframes import registry
from xframes.archive.ingest.journal import open_journal
from xframes.archive.query.threads import Queryable
from xframes.errors import ArchiveError, ArgumentError
from xframes.paging.handles import LOOKUP, announce, handles_in, replaced, resolved
from xframes.plan import plan as make_plan
from xframes.plan.post_ids import one_kind_of_bounds, posted_at
from xframes.registry.prices import PER_RESOURCE
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from xframes.archive.ingest.runs import Run
    from xframes.archive.storage.folder import Folder
    from xframes.client import Client
    from xframes.plan import Plan

_SLACK = timedelta(minutes=5)  # X refuses ids that have just left its window
# These arguments do not change which query it is.
_BOUNDS = {"since_id", "until_id", "start_time", "end_time", "sort_order", "limit"}
_SAME = "trim(regexp_replace({}, '\\s+', ' ', 'g')) = $query"  # as `_spaced`
_TYPES = {
    "posts": ("posts.lookup", "post_ids", "post"),
    "users": ("users.lookup", "user_ids", "user"),
}


class CollectingArchive(Queryable, Protocol):
    """The part of an archive that looking up ids needs; see `xf.Archive`."""

    def collect(self, plan: Plan, client: Client, *, progress: bool | None = None) -> Run:
        """Carry out a plan."""
        ...


# continuing a query -------------------------------------------------------------------------------


def runs_to_resume(folder: Folder, plan: Plan) -> list[str]:
    """Return the interrupted runs of a plan that starts where earlier runs of its query ended."""
    if plan.since is None or not folder.journal.exists():
        return []
    with open_journal(folder.journal) as journal:
        runs = [run for run in journal.runs() if run.state == "interrupted" and run.plan]
        return [run.run_id for run in runs if _same(run.action, run.arguments, plan)]


def continued(source: Queryable, plan: Plan, client: Client) -> Plan:
    """Return the plan, starting after the newest post that earlier runs of the same query found."""
    if plan.since is None:
        return plan
    plan = replace(plan, since=None)
    newest = _newest(source, plan)
    if newest is None:
        return plan
    now, last_at = client.now(), posted_at(newest)
    days = plan.declared.days_back
    if days is not None and last_at < now - timedelta(days=days) + _SLACK:
        warnings.warn(
            f"{plan.action}: the newest post in the archive is from {last_at:%Y-%m-%d %H:%M} "
            f"UTC, and this action reaches back {counted(days, 'day')}. Posts in between are not "
            "collected; use search.all for them", stacklevel=6)
        return plan
    arguments = {name: value for name, value in plan.arguments.items() if name != "start_time"}
    bounds = one_kind_of_bounds(arguments | {"since_id": str(newest)})
    return replace(
        plan, arguments={name: value for name, value in bounds.items() if value is not None}
    )


def _same(action: str | None, arguments: str | None, plan: Plan) -> bool:
    """Whether a run has the plan's query, within any bounds."""
    if action != plan.action:
        return False
    return _query_of(json.loads(arguments or "{}")) == _query_of(plan.arguments)


def _query_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without bounds, and the query with single spaces."""
    query = {name: value for name, value in arguments.items() if name not in _BOUNDS}
    if "query" in query:
        query["query"] = _spaced(query["query"])
    return query


def _spaced(query: object) -> str:
    """Return a query with single spaces, which X reads the same."""
    return " ".join(str(query).split())


def _newest(source: Queryable, plan: Plan) -> int | None:
    """Return the newest post below which no post is missing; None without one.

    A run that ended at its limit has the newest posts, but not those just above its start, so it
    counts only up to its since_id.
    """
    newest = []
    runs = source.sql(
        "SELECT run_id, action, arguments, row_count FROM runs WHERE state = 'done'"
    ).fetchall()
    for run_id, action, arguments, rows in runs:
        if not _same(action, arguments, plan):
            continue
        query = json.loads(arguments or "{}")
        if query.get("limit") and rows >= query["limit"] and "since_id" in query:
            newest.append(int(query["since_id"]))
            continue
        ids = source.sql(
            "SELECT max(CAST(post_id AS HUGEINT)) FROM matches WHERE run_id = $run",
            {"run": run_id},
        )
        newest += [int(value) for (value,) in ids.fetchall() if value is not None]
    return max(newest, default=None)


# ids ----------------------------------------------------------------------------------------------


def without_known(source: Queryable, plan: Plan) -> Plan:
    """Return the plan without ids that are already in the archive or were removed from it.

    With `refresh`, it keeps them all.
    """
    if plan.declared.looks_up is None or plan.refresh:
        return plan
    (param, column), table = plan.declared.looks_up, plan.declared.rows
    ids = plan.arguments[param]
    rows = source.sql(
        f"SELECT lower(i) FROM (SELECT unnest($ids) AS i) "
        f"WHERE lower(i) IN (SELECT lower({column}) FROM {table}) "
        "OR i IN (SELECT resource_id FROM tombstones WHERE resource_type = $kind)",
        {"ids": ids, "kind": str(table).removesuffix("s")},
    ).fetchall()
    present = {id_ for (id_,) in rows}
    missing = [id_ for id_ in ids if id_.lower() not in present]
    return replace(plan, arguments={**plan.arguments, param: missing})


def looked_up(
    archive: CollectingArchive,
    ids: Iterable[str | int],
    table: str,
    client: Client | None,
    progress: bool | None,
    *,
    refresh: bool,
) -> pa.Table:
    """Look up ids, collect them into the archive, and return what became of each."""
    if table not in _TYPES:
        raise ArgumentError(f"table: expected 'posts' or 'users', got {table!r}")
    action, param, _ = _TYPES[table]
    from xframes.client import checked

    client = checked(client, action)
    values = {param: list(ids) if hasattr(ids, "__next__") else ids, "refresh": refresh}
    handles = handles_in(registry.ACTIONS[action], values)
    plan = _lookup(action, values, dict.fromkeys(handles, "0"), client)  # checks all arguments
    if handles:
        plan = _lookup(action, values, _ids_of(handles, archive, action, client), client)
    run = archive.collect(plan, client, progress=progress)
    return _fates(archive, plan.arguments[param], table, run.run_id)


def _lookup(
    action: str, values: Mapping[str, Any], ids_by_handle: Mapping[str, str], client: Client
) -> Plan:
    arguments = replaced(registry.ACTIONS[action], values, ids_by_handle)
    return make_plan(action, arguments, now=client.now(), words=client.words)


def _ids_of(
    handles: list[str], archive: CollectingArchive, action: str, client: Client
) -> dict[str, str]:
    """Return the ids of handles, from the archive or else from X."""
    def look_up(missing: list[str]) -> dict[str, str]:
        announce(missing, action)
        names = {"usernames": missing}
        plan = make_plan(LOOKUP, names, now=client.now(), words=client.words)
        archive.collect(plan, client, progress=False)
        return {}  # they are in the archive now

    return resolved(handles, archive, look_up, action)


def _fates(source: Queryable, ids: list[str], table: str, run_id: str) -> pa.Table:
    """Return what a run found out about each id, in the order of `ids`."""
    return _exact(source.sql(
        f"""
        WITH wanted AS (SELECT unnest($ids) AS id, generate_subscripts($ids, 1) AS place),
        here AS (SELECT id, max(observed_at) AS observed_at,
                        any_value(withheld_country_codes) IS NOT NULL AS withheld FROM {table}
                 WHERE id IN (SELECT id FROM wanted) GROUP BY id),
        seen AS (SELECT DISTINCT h.id FROM here h JOIN requests r ON r.observed_at = h.observed_at
                 WHERE r.run_id = $run),
        problem AS (SELECT coalesce(resource_id, value) AS id, arg_max(kind, observed_at) AS kind,
                           arg_max(detail, observed_at) AS detail, max(observed_at) AS observed_at
                    FROM problems
                    WHERE run_id = $run AND coalesce(resource_type, $kind) IN ($kind, 'tweet')
                    GROUP BY ALL),
        gone AS (SELECT resource_id AS id, any_value(reason) AS reason FROM tombstones
                 WHERE resource_type = $kind GROUP BY ALL)
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
               CASE WHEN g.id IS NOT NULL THEN g.reason
                    WHEN s.id IS NULL THEN t.detail END AS detail,
               coalesce(CASE WHEN s.id IS NULL THEN t.observed_at END, h.observed_at) AS observed_at
        FROM wanted a LEFT JOIN here h USING (id) LEFT JOIN seen s USING (id)
        LEFT JOIN problem t USING (id) LEFT JOIN gone g USING (id) ORDER BY a.place
        """,
        {"ids": ids, "run": run_id, "kind": _TYPES[table][2]},
    ))


# counts against posts -----------------------------------------------------------------------------


def completeness(source: Queryable, query: str, granularity: str | None) -> pa.Table:
    """Return posts collected and posts counted, for each span of a count."""
    wanted = {"query": _spaced(query)}
    spans = source.sql(
        f"SELECT DISTINCT granularity FROM counts WHERE {_SAME.format('query')}", wanted
    ).fetchall()
    present = [g for g in ("minute", "hour", "day") if (g,) in spans]
    if granularity is None and present:
        granularity = present[0]
    if granularity not in present:
        counts = f"counts of {query!r}"
        if granularity is not None:
            counts += f" per {granularity}"
        raise ArchiveError(f"the archive has no {counts}. Collect them with "
                           f"xf.counts.recent({query!r}, into=archive) or counts.all")
    return _exact(source.sql(
        f"""
        WITH span AS (SELECT start_at, end_at, arg_max(post_count, observed_at) AS post_count
                 FROM counts
                 WHERE {_SAME.format("query")} AND granularity = $every GROUP BY ALL),
        -- without spans cut by the bounds of a request, if there is a whole one
        whole AS (SELECT * FROM span s WHERE NOT EXISTS (
            FROM span w WHERE w.start_at <= s.start_at AND w.end_at >= s.end_at
            AND (w.start_at, w.end_at) <> (s.start_at, s.end_at))),
        request AS (SELECT page_id FROM requests
                 WHERE json_valid(params) AND {_SAME.format("params->>'$.query'")}),
        runs AS (SELECT run_id FROM runs WHERE json_valid(arguments) AND action NOT LIKE 'counts.%'
                 AND {_SAME.format("arguments->>'$.query'")}),
        had AS (SELECT DISTINCT p.id, p.created_at FROM posts p WHERE p.id IN (
                SELECT post_id FROM matches
                WHERE run_id IN (FROM runs) OR page_id IN (FROM request))),
        compared AS (SELECT w.start_at, w.end_at, w.post_count AS counted, count(h.id) AS collected
                 FROM whole w LEFT JOIN had h
                 ON h.created_at >= w.start_at AND h.created_at < w.end_at GROUP BY ALL)
        SELECT $as_given AS query, $every AS granularity, start_at, end_at, counted, collected,
               greatest(counted - collected, 0) AS missing,
               greatest(counted - collected, 0) * $price AS price
        FROM compared ORDER BY start_at
        """,
        {
            **wanted,
            "as_given": query,
            "every": granularity,
            "price": PER_RESOURCE["Post"],
        },
    ))


def gaps(source: Queryable) -> pd.DataFrame:
    """Return the gaps of streams: the times when nothing was received, and why.

    Parameters
    ----------
    source
        An Archive or Frames.

    Returns
    -------
    pandas.DataFrame
        One row per gap, oldest first: `run_id`, `action`, `start_at`, `end_at`, `collected` (posts
        from the gap that were collected later), `cause` (several are separated by "; then: "), and
        `detail`, which also says what was requested again.

    Examples
    --------
    >>> xf.gaps(archive)[["start_at", "end_at", "cause"]]
    """
    from xframes.frames import to_pandas
    from xframes.paging.streaming import GAP_CAUSE

    return to_pandas(_exact(source.sql(
        f"""
        WITH gap AS (SELECT run_id, parameter AS action, detail,
                            split_part(value, '/', 1)::TIMESTAMPTZ AS start_at,
                            split_part(value, '/', 2)::TIMESTAMPTZ AS end_at
                     FROM problems WHERE kind = 'stream_gap'),
        had AS (SELECT DISTINCT m.run_id, p.id, p.created_at
                FROM matches m JOIN posts p ON p.id = m.post_id
                WHERE m.run_id IN (SELECT run_id FROM gap))
        SELECT g.run_id, g.action, g.start_at, g.end_at, count(h.id) AS collected,
               coalesce(nullif(regexp_extract(g.detail, '{GAP_CAUSE}', 1), ''), g.detail) AS cause,
               g.detail
        FROM gap g LEFT JOIN had h
        ON h.run_id = g.run_id AND h.created_at >= g.start_at AND h.created_at < g.end_at
        GROUP BY ALL ORDER BY g.start_at
        """
    )))


def _exact(relation: duckdb.DuckDBPyRelation) -> pa.Table:
    """Return the rows, with times in milliseconds as in all tables."""
    import pyarrow as pa

    rows = relation.to_arrow_table()
    schema = rows.schema
    for index, column in enumerate(rows.schema):
        if pa.types.is_timestamp(column.type):
            schema = schema.set(index, column.with_type(pa.timestamp("ms", "UTC")))
    return rows.cast(schema)
