"""Settled files: queries merge nothing, files of like size are put together, and memory stays bounded."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.archives import EVERYTHING, NOW, contents, names, page, post
from xframes.archive.archive import Archive
from xframes.archive.ingest.imports import write_rows
from xframes.archive.storage.bookkeeping import settled_name
from xframes.archive.storage.folder import Folder
from xframes.archive.storage.records import settled
from xframes.archive.upkeep import levels, settling
from xframes.archive.upkeep.compaction import MEMORY, Worker, compact_family, families
from xframes.archive.upkeep.deciding import key_ranges, losers
from xframes.schema import TABLES

HASHTAGS = [{"start": 0, "end": 4, "tag": "tea"}]


@pytest.fixture
def eager(monkeypatch):
    """Settle the smallest archives, few rows at a time, and put few files together."""
    monkeypatch.setattr(settling, "WORTH_BYTES", 0)
    monkeypatch.setattr(settling, "MOST_ROWS", 3)
    monkeypatch.setattr(levels, "MOST_RUNS", 3)
    monkeypatch.setattr(levels, "LARGE_ROWS", 0)


def slim(count, seed, complete):
    """Posts with few columns, in any order."""
    numbers = np.random.default_rng(seed).permutation(count)
    schema = TABLES["posts"].schema
    columns = {
        "id": pa.array([str(10**18 + int(n)) for n in numbers]),
        "text": pa.array([f"post number {n} of many" for n in numbers]),
        "created_at": pa.array(numbers + 1_700_000_000_000, pa.timestamp("ms", tz="UTC")),
        "observed_at": pa.array([1_780_000_000_000 + seed] * count, pa.timestamp("ms", tz="UTC")),
        "page_id": pa.array([f"page{seed}"] * count),
        "complete": pa.array([complete] * count),
    }
    arrays = [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(count, f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


@pytest.mark.slow
def test_a_hundred_thousand_posts_are_compacted_in_little_memory(tmp_path):
    folder = Folder(tmp_path / "a")
    folder.create()
    for seed, count in enumerate([100_000, 20_000, 2_000]):
        write_rows(folder, {"posts": slim(count, seed, complete=seed % 2 == 0)})
    with Worker(folder, 32_000_000) as worker:
        compact_family(folder, ["posts"], worker)
    (base,) = (tmp_path / "a" / "tables" / "posts").glob("base-*.parquet")
    rows = pq.read_table(base, columns=["id", "created_at", "page_id"])
    assert rows.num_rows == 100_000
    ids = rows["id"].to_pylist()
    assert ids == sorted(set(ids), key=int)
    assert rows["created_at"].to_pylist() == sorted(rows["created_at"].to_pylist())
    assert set(rows["page_id"][:10].to_pylist()) == {"page2"}


def rich(number, chance, params):
    found = post(number, entities={"hashtags": HASHTAGS * chance.randrange(3)})
    found["public_metrics"] = {"like_count": chance.randrange(99)}
    if params is not EVERYTHING and chance.random() < 0.5:
        del found["lang"]
    return found


def fill(archive, seed, count=6):
    """Pages in no order of time, of few posts; some asked for everything."""
    chance = random.Random(seed)
    for _ in range(count):
        params = chance.choice([EVERYTHING, {}])
        posts = [rich(n, chance, params) for n in chance.sample(range(12), 3)]
        archive.add(page(*posts, seconds=chance.randrange(40), params=params))


def same_rows(one, other):
    for name, table in contents(one, "runs").items():
        order = [(key, "ascending") for key in TABLES[name].key]
        assert table.sort_by(order).equals(contents_of(other, name).sort_by(order)), name


def contents_of(archive, name):
    return archive[name]


def dead_rows(archive):
    return sum(archive._folder.files("posts").settled.dead["posts"].values())


def is_settled(archive, table="posts"):
    return levels.is_settled(archive._folder.files(table))


@pytest.mark.slow
def test_settled_archives_answer_as_merged_ones(tmp_path, monkeypatch, eager):
    archive = Archive(tmp_path / "settled")
    fill(archive, 1)
    assert is_settled(archive)
    assert is_settled(archive, "post_hashtags")
    monkeypatch.undo()
    monkeypatch.setattr(settling, "WORTH_PARTS", 1_000)
    merged = Archive(tmp_path / "merged")
    fill(merged, 1)
    assert not is_settled(merged)
    same_rows(archive, merged)
    assert archive.verify().ok, archive.verify()
    archive.compact()
    same_rows(archive, merged)
    assert archive.verify().ok, archive.verify()
    archive.rebuild()
    same_rows(archive, merged)


def compare(archive, ranges):
    """Settle each range of keys of posts by itself; return the dead rows of each file, and the merged rows."""
    folder = archive._folder
    family = next(names_ for names_ in families() if names_[-1] == "posts")
    dead, merged = {}, []
    with Worker(folder, MEMORY) as worker:
        for lower, upper in ranges:
            for name, one in settling.begin(folder, family, MEMORY).items():
                if not one.has_news:
                    continue
                keys = key_ranges.between(worker.connection, TABLES[name], lower, upper)
                merged += [pq.read_table(path) for path in one.compare(worker.connection, keys)]
                for file, bits in one.state.dead.items():
                    dead[file] = dead.get(file, 0) | bits
    rows = [row for table in merged for row in table.to_pylist()]
    return {file: bits.tolist() for file, bits in dead.items() if any(bits)}, sorted(map(repr, rows))


def test_ranges_of_keys_are_settled_apart_as_they_are_together(tmp_path, monkeypatch):
    monkeypatch.setattr(settling, "WORTH_PARTS", 1_000)
    archive = Archive(tmp_path / "archive")
    fill(archive, 1, 8)
    whole = compare(archive, [(None, None)])
    assert whole[0]
    assert whole[1]
    cuts = [f"{1:09}3", f"{1:09}8"]
    assert compare(archive, [(None, cuts[0]), (cuts[0], cuts[1]), (cuts[1], None)]) == whole


def test_rows_are_numbered_by_the_values_that_they_have():
    texts = pa.array(["a", "b", None, "c", "b"]).dictionary_encode().take(pa.array([1, 4, 3, 2]))
    numbers, count = losers.numbered([texts])
    assert count == 3
    assert numbers[0] == numbers[1]
    assert len({*numbers.tolist()}) == 3
    assert losers.firsts(numbers, count)[numbers].tolist() == [0, 0, 2, 3]
    _, count = losers.numbered([texts, pa.array([0, 10**6, 0, 0])])
    assert count == 4


def test_details_hold_unless_newer_ones_or_a_newer_complete_parent_came():
    parents, ranks = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 2, 2, 5, 5, 3])
    whole = np.array([2, -1, 4])
    positions = pa.chunked_array([[0, 0, 1, 0, 0, 0]])
    flags = losers.superseded_details(parents, whole, ranks, [positions])
    assert flags.tolist() == [True, False, False, False, True, True]


@pytest.mark.parametrize(("complete", "known", "expected"), [
    ([False, True], [True, False], True),
    ([False, False], [True, False], False),
    ([False, False], [False, True], True),
    ([True, False], [False, True], False),
])
def test_a_newest_row_that_may_lack_something_is_undecided(complete, known, expected):
    keys, winners, no = np.zeros(2, int), np.array([1]), np.zeros(2, bool)
    values = [(np.array(known), False)]
    flags = losers.decided(keys, winners, np.array(complete), no, values)
    assert flags.tolist() == [expected]
    merged = np.array([True, False])
    assert losers.decided(keys, winners, np.array(complete), merged, values).tolist() == [False]


@pytest.mark.slow
def test_queries_of_settled_files_merge_nothing(tmp_path, eager):
    archive = Archive(tmp_path / "a")
    fill(archive, 3)
    for name in ("posts", "post_hashtags", "users", "matches"):
        plan = archive.sql(f"EXPLAIN SELECT * FROM {name}").fetchall()[0][1].upper()
        assert "HASH_GROUP_BY" not in plan
        assert "ARG_MAX" not in plan


@pytest.mark.slow
def test_files_stay_few_however_often_something_comes(tmp_path, eager):
    archive = Archive(tmp_path / "a")
    for i in range(10):
        archive.add(page(post(i), post(i // 2), seconds=i))
        assert len(names(archive.path / "tables" / "posts")) < 9
    assert archive.tables["posts"] == 10
    assert archive.sql("SELECT count(DISTINCT id) FROM posts").fetchall() == [(10,)]
    assert archive.verify().ok, archive.verify()


def test_a_compaction_leaves_large_sorted_files_where_they_are(tmp_path, eager):
    archive = Archive(tmp_path / "a")
    archive.add(page(*(post(i, text="x" * 50) for i in range(400))))
    archive.compact()
    before = names(archive.path / "tables" / "posts")
    archive.add(page(post(3, text="new"), post(1000), seconds=9))
    archive.compact()
    after = names(archive.path / "tables" / "posts")
    assert set(before) < set(after)
    assert archive.sql("SELECT count(*), count(*) FILTER (text = 'new') FROM posts").fetchall() == [(401, 1)]
    assert repr(archive).count("posts 401") == 1


@pytest.mark.slow
def test_what_is_removed_stays_gone_also_from_rows_that_no_query_saw(tmp_path, eager):
    archive = Archive(tmp_path / "a")
    for second in range(5):
        archive.add(page(post(1), post(2), post(3), seconds=second, params={} if second % 2 else EVERYTHING))
    archive.remove(post_ids=["2"], reason="field_params")
    for _ in range(2):
        assert sorted(i for (i,) in archive.sql("SELECT id FROM posts").fetchall()) == ["1", "3"]
        for path in (archive.path / "tables" / "posts").glob("[pb]a*.parquet"):
            assert "2" not in pq.read_table(path)["id"].to_pylist()
        archive.add(page(post(2), post(4), seconds=9))
        archive.compact()
        archive.remove(post_ids=["4"], reason="field_params")
    assert archive.verify().ok, archive.verify()


@pytest.mark.slow
def test_a_removal_leaves_settled_files_settled(tmp_path, monkeypatch, eager):
    """Their dead rows stay the same rows, at new positions."""
    archive, expected = (Archive(tmp_path / name, now=lambda: NOW) for name in ("a", "b"))
    fill(archive, 5, 8)
    fill(expected, 5, 8)
    dead = dead_rows(archive)
    assert dead
    monkeypatch.undo()  # nothing settles from here on
    for one in (archive, expected):
        one.remove(post_ids=["3", "7"], reason="field_params")
    assert is_settled(archive)
    assert is_settled(archive, "post_hashtags")
    assert 0 < dead_rows(archive) < dead
    for path in expected.path.rglob("_settled-*.pq"):
        path.unlink()
    assert not is_settled(expected)
    same_rows(archive, expected)
    assert archive.verify().ok, archive.verify()


def test_merged_archives_are_settled_together(tmp_path, eager):
    one, other = Archive(tmp_path / "one"), Archive(tmp_path / "other")
    one.add(page(post(1), post(2)))
    other.add(page(post(2, text="newer"), post(3), seconds=5))
    one.merge(other)
    assert is_settled(one)
    assert one.sql("SELECT count(*), count(*) FILTER (text = 'newer') FROM posts").fetchall() == [(3, 1)]
    assert one.verify().ok, one.verify()


@pytest.mark.parametrize("change", ["byte", *(pytest.param(change, marks=pytest.mark.slow) for change in ("lost", "lie", "json"))])
def test_a_record_that_is_wrong_is_found_and_does_no_harm(tmp_path, eager, change):
    archive = Archive(tmp_path / "a")
    archive.add(page(post(1), post(2)))
    archive.add(page(post(2, text="newer"), seconds=1))
    (path,) = (archive.path / "tables" / "posts").glob("_settled-*.pq")
    if change == "byte":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif change == "lost":
        path.unlink()
    else:
        record = settled.read(path)
        path.unlink()
        temp = tmp_path / "0123456789ab.parquet"
        files = dict(record.files) if change == "lie" else {"posts": ("../../secret.parquet",)}
        settled.write(temp, files, {"posts": {files["posts"][0]: np.array([128], np.uint8)}})
        temp.rename(path.with_name(settled_name(temp)))
    again = Archive(archive.path)
    settled.known.cache_clear()
    report = again.verify()
    assert report.ok == (change == "lost"), report
    if change != "lie":
        assert again.sql("SELECT count(*), count(*) FILTER (text = 'newer') FROM posts").fetchall() == [(2, 1)]
    assert again.verify(repair=True).ok
    assert again.sql("SELECT count(*), count(*) FILTER (text = 'newer') FROM posts").fetchall() == [(2, 1)]


def test_an_archive_of_format_1_is_upgraded_by_a_compaction(tmp_path):
    with zipfile.ZipFile(Path(__file__).parents[1] / "fixtures" / "format-1.zip") as file:
        file.extractall(tmp_path / "a")
    archive = Archive(tmp_path / "a")
    assert archive.tables["posts"] == 26

    def version():
        return json.loads((tmp_path / "a" / "xframes.json").read_text())["format_version"]

    assert version() == 1
    archive.compact()
    assert version() == 2
    assert archive.tables["posts"] == 26


@pytest.mark.slow
@pytest.mark.parametrize("are_marked", [True, False])
def test_once_a_result_always_one_in_settled_files(tmp_path, eager, are_marked):
    """Posts are returned and included in any order; without `is_result` in old files, `matches` says it."""
    archive = Archive(tmp_path / "settled")
    chance = random.Random(4)
    results = set()
    for number in range(8):
        if number == 4 and not are_marked:
            for path in (tmp_path / "settled" / "tables" / "posts").glob("*.parquet"):
                rows = pq.read_table(path)
                place = rows.schema.get_field_index("is_result")
                null = pa.nulls(rows.num_rows, pa.bool_())
                pq.write_table(rows.set_column(place, "is_result", null), path)
            archive = Archive(tmp_path / "settled")
        ids = chance.sample(range(8), 4)
        results |= {str(i) for i in ids[:2]}
        data, included = [post(i) for i in ids[:2]], [post(i) for i in ids[2:]]
        archive.add(page(*data, includes={"tweets": included}, seconds=number, params=chance.choice([EVERYTHING, {}])))
        found = {i for (i,) in archive.sql("SELECT id FROM posts WHERE is_result").fetchall()}
        assert found == results, number
    assert is_settled(archive)
    archive.compact()
    assert {i for (i,) in archive.sql("SELECT id FROM posts WHERE is_result").fetchall()} == results
    assert {i for (i,) in archive.sql("SELECT id FROM results").fetchall()} == results
