"""Jobs on a real cluster of two workers write what one machine writes, and either side continues."""

import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xframes.archive import Archive
from xframes.schema import TABLES

from .invented_files import differences, write

pytestmark = pytest.mark.spark


def bases(home):
    return {path.name for path in home.glob("base-*")}


def test_a_life_on_a_cluster(driver, tmp_path):
    """Import, compact, remove, import again, merge, rebuild: after each, the tables are those of one machine."""
    files = [write(tmp_path / "many.jsonl", range(40)), write(tmp_path / "later.jsonl", range(0, 40, 3), seen=1)]
    place = str(tmp_path / "spark")
    with Archive(place) as archive, Archive(tmp_path / "single") as single:
        done = driver("import_pages", place, files, task_bytes=40_000)
        single.import_pages(files)
        assert done["rows"]["pages"] == 54
        assert done["rows"]["posts"] == 54 * 20
        assert len(list((tmp_path / "spark/tables/posts").iterdir())) > 4  # the large file was divided
        assert differences(archive, single) == []
        assert archive.verify().ok
        assert archive._folder.files("posts").settled
        assert sorted(archive.runs()["page_count"]) == [14, 40]

        done = driver("compact", place, range_bytes=20_000)
        single.compact()
        assert done["rows"]["posts"] == 800
        assert len(list((tmp_path / "spark/tables/posts").glob("base-*"))) > 1  # several ranges of keys
        assert differences(archive, single) == []
        assert archive.verify().ok

        counts = driver("flattened", place)
        types = {"id": "string", "like_count": "bigint", "created_at": "timestamp"}
        assert counts == {"posts": 1080, "users": 594, "post_hashtags": 1080, "ids": 800, "bodies": 1080, "types": types}

        gone = {"post_ids": ["1000003", "1000005"], "user_ids": ["104"], "reason": "field_params"}
        assert driver("remove", place, **gone) == single.remove(**gone)
        assert differences(archive, single, ("runs", "tombstones", "requests")) == []
        assert archive.verify().ok

        driver("import_pages", place, files[1])
        single.import_pages(files[1])
        archive.compact()  # either side continues
        single.compact()
        assert differences(archive, single, ("runs", "tombstones", "requests")) == []
        assert driver("rebuild", place)["replaced"] > 5
        assert differences(archive, single, ("runs", "tombstones", "requests")) == []
        assert archive.verify().ok

        driver("compact", place, range_bytes=20_000)
        large = bases(tmp_path / "spark/tables/posts")
        one = write(tmp_path / "one.jsonl", range(40, 41))
        driver("import_pages", place, one)
        single.import_pages(one)
        driver("compact", place, range_bytes=20_000)
        assert large < bases(tmp_path / "spark/tables/posts")  # only what is new was rewritten
        assert differences(archive, single, ("runs", "tombstones", "requests")) == []

        shared = tmp_path / "shared"
        counts = driver("export", place, str(shared), file_rows=200)
        assert {name: counts[name] for name in ("posts", "results", "users")} == {
            name: single.tables[name] for name in ("posts", "results", "users")}
        assert len(list((shared / "results").iterdir())) > 2  # ranges of keys
        for name in ("posts", "results", "post_hashtags"):
            rows = pa.concat_tables(map(pq.read_table, sorted((shared / name).iterdir())))
            order = [(column, "ascending") for column in TABLES[name].key]
            assert rows.sort_by(order).equals(archive[name].sort_by(order))
        assert driver("export", place, str(shared))["error"] == "ArgumentError"
        assert driver("export", place, str(shared), tables="posts", format="csv", overwrite=True) == {"posts": counts["posts"]}
        assert sorted(each.name for each in shared.iterdir()) == ["datapackage.json", "posts"]

        masked = {"pseudonymise": "an invented key of words", "tables": ["posts", "users", "post_hashtags"], "format": "parquet"}
        assert driver("export", place, str(tmp_path / "masked"), file_rows=200, **masked)["posts"] == counts["posts"]
        archive.export(tmp_path / "by_one_machine", **masked)
        for name in masked["tables"]:
            rows = pa.concat_tables(map(pq.read_table, sorted((tmp_path / "masked" / name).iterdir())))
            order = [(column, "ascending") for column in TABLES[name].key]
            alone = pq.read_table(tmp_path / "by_one_machine" / f"{name}.parquet")
            assert rows.sort_by(order).equals(alone.sort_by(order).cast(rows.schema))
        assert driver("export", place, str(tmp_path / "short"), pseudonymise="short")["error"] == "ArgumentError"

        other = str(tmp_path / "other")
        assert driver("merge", other, place)["files"] > 5
        with Archive(other) as merged:
            assert differences(merged, archive) == []
            assert merged.verify().ok
            assert driver("merge", other, place)["files"] == 0
        assert not list((tmp_path / "spark/.tmp").iterdir())


def test_what_cannot_be_read_fails_alone(driver, tmp_path):
    good = str(tmp_path / "good.zip")
    with zipfile.ZipFile(good, "w") as packed:  # divided by its members
        packed.write(write(tmp_path / "0.jsonl", range(1)), "0.jsonl")
        packed.writestr("1.md", "words " * 3_000)
        packed.write(write(tmp_path / "2.jsonl", range(1, 2)), "2.jsonl")
    (tmp_path / "bad.rds").write_bytes(b"RDX3\n")
    place = str(tmp_path / "spark")
    assert driver("import_pages", place, [good, str(tmp_path / "bad.rds")], task_bytes=5_000)["error"] == "ImportFailed"
    assert driver("import_pages", place, str(tmp_path / "none.jsonl"))["error"] == "ArchiveError"
    assert driver("merge", place, str(tmp_path / "none"))["error"] == "ArchiveError"
    assert driver("remove", place, reason="field_params")["error"] == "ArchiveError"
    assert driver("compact", "memory://here")["error"] == "ArgumentError"
    with Archive(place) as archive:
        assert archive.tables["posts"] == 40
        parts = [pq.read_metadata(part).num_rows for part in (tmp_path / "spark/pages").glob("*.parquet")]
        assert sorted(parts) == [0, 1, 1]  # the run that failed has a part without pages
        assert sorted(archive.runs()["state"]) == ["done", "failed"]
        assert archive.verify().ok


def test_archives_and_files_in_a_bucket(driver, store, tmp_path):
    """Tasks read and write objects through fsspec; the driver only has them copied to their final names."""
    import s3fs

    local = write(tmp_path / "pages.jsonl", range(12))
    fs = s3fs.S3FileSystem(use_listings_cache=False)
    packed = str(tmp_path / "packed.zip")  # divided by its members
    with zipfile.ZipFile(packed, "w") as file:
        for number in range(2):
            file.write(write(tmp_path / f"{number}.jsonl", range(12 + number, 13 + number)), f"{number}.jsonl")
    fs.put_file(local, "jobs/raw/pages.jsonl")
    fs.put_file(packed, "jobs/raw/packed.zip")
    url = "s3://jobs/archive"
    with Archive(url) as archive, Archive(tmp_path / "single") as single:
        assert driver("import_pages", url, "s3://jobs/raw", observed_at="2026-03-02", task_bytes=15_000)["rows"]["pages"] == 14
        single.import_pages([packed, local], observed_at="2026-03-02")
        assert differences(archive, single) == []
        assert "error" not in driver("compact", url, range_bytes=20_000)
        assert driver("remove", url, ["1000003"], reason="field_params")["posts"] == 1
        single.remove(["1000003"], reason="field_params")
        assert driver("rebuild", url)["rows"]["posts"] == 279
        assert differences(archive, single, ("runs", "tombstones", "requests")) == []
        assert archive.verify().ok
        assert not fs.find("jobs/archive/.staging")
