"""The newest known value: whatever the order of adding, splitting, compacting and copying, one answer; the right one."""

import contextlib
import hashlib
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from xframes.archive.ingest.imports import write_rows
from xframes.archive.query.views import Views
from xframes.archive.storage.folder import Folder
from xframes.archive.upkeep.compaction import Worker, _Job, compact_family
from xframes.archive.upkeep.levels import put_together
from xframes.archive.upkeep.settling import settle
from xframes.schema import TABLES

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
# Eight pages, of which several were received in the same millisecond.
PAGES = {f"page{i}": BEGAN + timedelta(seconds=i // 3) for i in range(8)}
FEW = settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def moment(row):
    """The order of observations, as the SQL has it."""
    page = hashlib.md5(row["page_id"].encode()).digest()
    return row["observed_at"], int.from_bytes(page[:8], "little")


@st.composite
def observations(draw, columns, *, key="id", keys="ab"):
    """Rows of one table, at most one per key and page; a column is known or null."""
    rows = []
    for page, name in draw(st.lists(st.tuples(st.sampled_from(sorted(PAGES)), st.sampled_from(keys)), unique=True, max_size=8)):
        values = {c: draw(st.one_of(st.none(), values)) for c, values in columns.items()}
        rows.append({key: name, "complete": draw(st.booleans()), "observed_at": PAGES[page], "page_id": page, **values})
    return rows


STEPS = ["nothing", "compact", "gather", "crash", "half", "settle", "settle", "level"]


@st.composite
def histories(draw, rows):
    """The rows in parts, in any order, some twice, with housekeeping in between."""
    order = draw(st.permutations([*rows, *draw(st.lists(st.sampled_from(rows), max_size=2) if rows else st.just([]))]))
    steps = []
    while order:
        size = draw(st.integers(1, len(order)))
        steps.append(order[:size])
        order = order[size:]
        steps.append(draw(st.sampled_from(STEPS)))
    return steps


def play(folder, table, steps, parent=None, parents=()):
    """Carry a history out. `crash`: the compacted files are there, the old ones too; `half`: only details are done."""
    family = [table, parent] if parent else [table]
    with Worker(folder, 200_000_000) as worker:
        for step in steps:
            take(folder, family, step, worker)


def take(folder, family, step, worker):
    if isinstance(step, list):
        write_rows(folder, {name: as_table(name, [r for r in step if belongs(name, r)]) for name in family})
    elif step == "half" and len(family) > 1:
        table, parent = family
        _Job(folder, TABLES[table], folder.files(table), folder.files(parent), worker, False).run(folder.new_id())
    elif step == "settle":
        settle(folder, [family], worker)
    elif step == "level":
        settle(folder, [family], worker)
        settled = {name: [p.name for p in folder.files(name).all] for name in family}
        put_together(folder, family, {name: files[1:] for name, files in settled.items() if files[1:]}, worker)
    elif step != "nothing":
        compact_family(folder, family, worker, only_parts=step == "gather")
    if step == "crash":
        for marker in folder.tables.rglob("replaced-*.json"):
            marker.unlink()


def belongs(name, row):
    return all(k in row for k in TABLES[name].key)


def as_table(name, rows):
    return pa.Table.from_pylist([{c: r.get(c) for c in TABLES[name].schema.names} for r in rows], schema=TABLES[name].schema)


@contextlib.contextmanager
def archive():
    home = Path(tempfile.mkdtemp(prefix="xframes-test-"))
    folder = Folder(home / "archive")
    folder.create()
    try:
        yield folder
    finally:
        shutil.rmtree(home)


def shown(folder, table, columns):
    views = Views(folder)
    try:
        names = ", ".join(f'"{c}"' for c in columns)
        return sorted(views.arrow(f'SELECT {names} FROM "{table}"').to_pylist(), key=repr)
    finally:
        views.close()


# entities ------------------------------------------------------------------------------------------------------------

USER = {
    "username": st.sampled_from(["old", "new"]), "verified": st.booleans(), "followers_count": st.integers(0, 3),
    "withheld_country_codes": st.sampled_from([[], ["DE"], ["DE", "FR"]]), "confirmed_email": st.sampled_from(["a@x", "b@x"]),
    "connection_status": st.sampled_from([["following"], ["none"]]),
}


def newest_known(rows, columns, *, key="id"):
    """The rule, in plain Python."""
    table = TABLES["users"]
    result = []
    for name in {r[key] for r in rows}:
        seen = sorted((r for r in rows if r[key] == name), key=moment)
        row = {key: name}
        for c in columns:
            known = [r[c] for r in seen if r[c] is not None or (r["complete"] and not table[c].owner)]
            row[c] = known[-1] if known else None
        row |= {"complete": any(r["complete"] for r in seen)}
        row |= {c: seen[-1][c] for c in ("observed_at", "page_id")}
        result.append(row)
    return result


@pytest.mark.slow
@FEW
@given(st.data())
def test_each_column_of_an_entity_has_its_newest_known_value(data):
    rows = data.draw(observations(USER))
    with archive() as folder:
        play(folder, "users", data.draw(histories(rows)))
        found = shown(folder, "users", ["id", *USER, "complete", "observed_at", "page_id"])
    assert found == sorted(newest_known(rows, USER), key=repr)


@pytest.mark.slow
@settings(FEW, max_examples=examples(15))
@given(st.data())
def test_merging_two_archives_is_copying_their_files(data):
    rows = data.draw(observations(USER))
    cut = data.draw(st.integers(0, len(rows)))
    with archive() as one, archive() as other:
        play(one, "users", data.draw(histories(rows[:cut])))
        play(other, "users", data.draw(histories(rows[cut:])))
        shutil.copytree(other.tables, one.tables, dirs_exist_ok=True)
        found = shown(one, "users", ["id", *USER, "complete", "observed_at", "page_id"])
    assert found == sorted(newest_known(rows, USER), key=repr)


# details -------------------------------------------------------------------------------------------------------------


@st.composite
def poll_observations(draw):
    """Polls with their options; an observation may have none (X sent none, or was not asked)."""
    rows = []
    for row in draw(observations({"voting_status": st.sampled_from(["open", "closed"])})):
        rows.append(row)
        for position in range(draw(st.integers(0, 2))):
            option = {"poll_id": row["id"], "position": position + 1, "vote_count": draw(st.integers(0, 3))}
            rows.append(option | {c: row[c] for c in ("observed_at", "page_id")})
    return rows


def newest_group(rows):
    """Of each poll the options of the newest observation that has any, unless a newer complete one has none."""
    result = []
    options = [r for r in rows if "poll_id" in r]
    for name in {r["poll_id"] for r in options}:
        newest = max(moment(r) for r in options if r["poll_id"] == name)
        if not any(r.get("id") == name and r["complete"] and moment(r) > newest for r in rows):
            group = [r for r in options if r["poll_id"] == name and moment(r) == newest]
            result += [{c: r[c] for c in ("poll_id", "position", "vote_count", "page_id")} for r in group]
    return result


@pytest.mark.slow
@FEW
@given(st.data())
def test_details_are_those_of_the_newest_observation(data):
    rows = data.draw(poll_observations())
    with archive() as folder:
        play(folder, "poll_options", data.draw(histories(rows)), "polls")
        found = shown(folder, "poll_options", ["poll_id", "position", "vote_count", "page_id"])
    assert found == sorted(newest_group(rows), key=repr)


@pytest.mark.slow
@settings(FEW, max_examples=examples(15))
@given(st.data())
def test_details_of_merged_archives(data):
    rows = data.draw(poll_observations())
    split = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    with archive() as one, archive() as other:
        play(one, "poll_options", data.draw(histories([r for r, s in zip(rows, split, strict=True) if s])), "polls")
        play(other, "poll_options", data.draw(histories([r for r, s in zip(rows, split, strict=True) if not s])), "polls")
        shutil.copytree(other.tables, one.tables, dirs_exist_ok=True)
        found = shown(one, "poll_options", ["poll_id", "position", "vote_count", "page_id"])
    # One page's options may have been split between the archives: they come together again.
    assert found == sorted(newest_group(rows), key=repr)


# rows kept whole, and measures -----------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(FEW, max_examples=examples(20))
@given(st.data())
def test_a_relation_has_one_row_per_key_the_newest(data):
    rows = data.draw(observations({"position": st.integers(0, 9)}, key="follower_id"))
    rows = [{**r, "followed_id": "z"} for r in rows]
    with archive() as folder:
        play(folder, "follows", data.draw(histories(rows)))
        found = shown(folder, "follows", ["follower_id", "followed_id", "position", "page_id"])
    newest = {r["follower_id"]: r for r in sorted(rows, key=moment)}
    assert found == sorted(({c: r[c] for c in ("follower_id", "followed_id", "position", "page_id")} for r in newest.values()), key=repr)


@settings(FEW, max_examples=examples(20))
@given(st.data())
def test_measures_over_time_are_never_overwritten(data):
    rows = data.draw(observations({"like_count": st.integers(0, 9)}, key="post_id"))
    with archive() as folder:
        play(folder, "post_metrics", data.draw(histories(rows)))
        found = shown(folder, "post_metrics", ["post_id", "observed_at", "like_count"])
    kept = {(r["post_id"], r["observed_at"]): r for r in sorted(rows, key=moment)}
    assert found == sorted(({c: r[c] for c in ("post_id", "observed_at", "like_count")} for r in kept.values()), key=repr)


@settings(FEW, max_examples=examples(20))
@given(st.data())
def test_counts_keep_the_newest_even_where_the_query_is_unknown(data):
    start = {"granularity": "day", "start_at": BEGAN, "end_at": BEGAN + timedelta(days=1)}
    rows = data.draw(observations({"post_count": st.integers(0, 9)}, key="query", keys=["cats", None]))
    rows = [{**r, **start} for r in rows]
    with archive() as folder:
        play(folder, "counts", data.draw(histories(rows)))
        found = shown(folder, "counts", ["query", "post_count"])
    known = {}
    for r in sorted(rows, key=moment):
        known[r["query"]] = r["post_count"] if r["post_count"] is not None else known.get(r["query"])
    assert found == sorted(({"query": q, "post_count": n} for q, n in known.items()), key=repr)


def test_analytics_asked_again_with_other_metrics_keep_the_first():
    when = {"post_id": "1", "granularity": "daily", "at": BEGAN}
    with archive() as folder:
        for page, values in (("page0", {"impressions": 10}), ("page3", {"likes": 2})):
            row = {**when, **values, "observed_at": PAGES[page], "page_id": page}
            write_rows(folder, {"post_analytics": as_table("post_analytics", [row])})
        expected = [{"impressions": 10, "likes": 2}]
        assert shown(folder, "post_analytics", ["impressions", "likes"]) == expected
        with Worker(folder) as worker:
            compact_family(folder, ["post_analytics"], worker)
        assert shown(folder, "post_analytics", ["impressions", "likes"]) == expected


@pytest.mark.slow
@pytest.mark.parametrize("only_parts", [False, True])
def test_many_keys_that_need_merging_are_merged_in_shares(only_parts):
    rows = [
        {"id": str(i), "username": f"u{i}" if half else None, "name": None if half else "n" * 500, "complete": False,
         "observed_at": PAGES[f"page{half * 3}"], "page_id": f"page{half * 3}"}
        for i in range(20_000) for half in (0, 1)
    ]
    with archive() as folder:
        for cut in range(0, len(rows), 10_000):
            write_rows(folder, {"users": as_table("users", rows[cut : cut + 10_000])})
        with Worker(folder, 150_000_000) as worker:
            compact_family(folder, ["users"], worker, only_parts=only_parts)
        views = Views(folder)
        found = views.arrow("SELECT count(*) AS n, count(username) AS a, count(name) AS b, count(DISTINCT id) AS ids FROM users")
        assert found.to_pylist() == [{"n": 20_000, "a": 20_000, "b": 20_000, "ids": 20_000}]
        views.close()
