"""Files of ids as people have them, and ids that a spreadsheet has rounded."""

from __future__ import annotations

import bz2
import gzip
import json
import zipfile

import pytest

import xframes as xf
from xframes.errors import ArgumentError
from xframes.reader.rounding import Rounding

A, B = "1790000000000000017", "1790000000000000291"
ROUNDED = ["1790000000000010000", "1790000000000240000", "1790000000003330000"]


def file(tmp_path, data, name="ids.csv"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("text", [
    f"{A}\n{B}\n", f"{A} {B}", f"{A},{B}\n", f"\n{A}\r\n\r\n{B}", f"{A}\n{B}\n{A}\n",
    f'"tweet_id"\n"{A}"\n"{B}"\n', f"{A},0.25\n{B},0.5\n", f"tweet_id,score\n{A},7\n{B},9\n",
    f",id,conversation_id\n0,{A},{B}\n1,{B},{B}\n", f"n;what;Post_ID\n1;tea;{A}\n2;\"milk;\n\";{B}\n",
    f"who\twhere\nann\thttps://x.com/ann/status/{A}?s=20\nbob\thttps://twitter.com/bob_k/status/{B}/photo/1\n",
    f"https://x.com/i/web/status/{A}\nmobile.twitter.com/i/status/{B}\n", f"{A}.0\n{B}.0\n", f"'{A}\n'{B}\n",
    f'tweet_id\n="{A}"\n="{B}"\n',
    json.dumps([A, int(B)]), json.dumps({"ids": [A, B]}, indent=2), f'{{"data": [{{"id": "{A}"}}, {{"id": "{B}"}}]}}',
    f'{{"id": {A}, "text": "tea"}}\n\n{{"id_str": "{B}"}}\n',
])
def test_ids_are_found_however_they_are_written(tmp_path, text):
    assert xf.read_ids(file(tmp_path, text)) == [A, B]


def test_a_number_with_separators_is_not_several_ids(tmp_path):
    with pytest.raises(xf.errors.ArgumentError):
        xf.read_ids(file(tmp_path, "1,248,000,000,000,000,001\n"))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lambda data: data.decode().encode("utf-16"),
                                  lambda data: b"\xef\xbb\xbf" + data])
def test_files_of_ids_may_be_packed_or_in_another_encoding(tmp_path, pack):
    assert xf.read_ids(file(tmp_path, pack(f"id,n\n{A},1\n{B},2\n".encode()), "ids")) == [A, B]


def test_files_of_ids_may_be_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "ids.zip", "w") as packed:
        packed.writestr("one.txt", f"{A}\n")
        packed.writestr("two.csv", f"id,n\n{B},2\nx,3\n")
    with pytest.raises(ArgumentError, match=r"ids\.zip: two\.csv, line 3"):
        xf.read_ids(tmp_path / "ids.zip")
    with pytest.warns(UserWarning, match="1 line"):
        assert xf.read_ids(tmp_path / "ids.zip", skip_bad=True) == [A, B]


def test_a_column_can_be_named(tmp_path):
    path = file(tmp_path, f"id,reply_to\n{A},{B}\n")
    assert xf.read_ids(path, column="reply_to") == [B]
    with pytest.raises(ArgumentError, match="id, reply_to"):
        xf.read_ids(path, column="replies")
    lines = file(tmp_path, f'{{"id": "{A}", "to": "{B}"}}\n', "ids.jsonl")
    assert xf.read_ids(lines, column="to") == [B]


@pytest.mark.parametrize(("text", "line"), [
    (f"first,second\n{A},{B}\n", 1), (f"\n{A},{B}\n{B},{A}\n", 2), (f"{A},{B}\n{B}\n", 1),
])
def test_several_columns_of_ids_are_not_chosen_from(tmp_path, text, line):
    with pytest.raises(ArgumentError, match=f"ids.csv, line {line}"):
        xf.read_ids(file(tmp_path, text))


@pytest.mark.parametrize(("text", "place"), [
    (f"\n{A}\n\nabc\n{B}\n", "line 4"), (f"id,n\n{A},1\n,2\n{B},3\n", "line 3"),
    (f'id,text\n{A},"two\nlines"\nx,y\n{B},z\n', "line 4"), (f'["{A}", null, "{B}"]', "item 2"),
    (f'"{A}"\n1.79E+18\n{B}\n', "line 2"), (f'{{"id": "{A}"}}\n{{"id": \n{{"id": "{B}"}}\n', "line 2"),
    (f"{A}\n{A}{B}\n{B}\n", "line 2"),
])
def test_a_bad_line_is_named_and_can_be_left_out(tmp_path, text, place):
    with pytest.raises(ArgumentError, match=f"ids.csv, {place}:"):
        xf.read_ids(file(tmp_path, text))
    with pytest.warns(UserWarning, match=place):
        assert xf.read_ids(file(tmp_path, text), skip_bad=True) == [A, B]


@pytest.mark.parametrize("data", ["", "id\n", b"\x89PNG\r\n\0\0", gzip.compress(b"1\n2\n")[:-9],
                                  gzip.compress(b"".join(b"%d\n" % n for n in range(200_000)))[:-9]])
def test_a_file_without_ids_is_refused(tmp_path, data):
    with pytest.raises(ArgumentError, match=r"ids\.csv"):
        xf.read_ids(file(tmp_path, data))


def test_users_may_be_named_by_handles_and_links(tmp_path):
    text = "user_id,id\n12,1\n@jack,2\nhttps://x.com/ann_b,3\nhttps://twitter.com/i/user/77,4\n"
    assert xf.read_ids(file(tmp_path, text), table="users") == ["12", "@jack", "@ann_b", "77"]
    with pytest.raises(ArgumentError, match="line 2"):
        xf.read_ids(file(tmp_path, f"{A}\n@jack\n"))


# rounded ids ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ids", "rounded"), [
    (ROUNDED, True), (ROUNDED[:2], True), (ROUNDED[:1], False), ([*ROUNDED, "12"], True), (["179000000000001000", "179000000000002000"], True),
    ([*ROUNDED, A], False), (["1000", "2000", "783214000"], False), ([], False),
])
def test_ids_are_rounded_if_all_long_ones_end_in_zeros(ids, rounded):
    assert (Rounding(ids).text is not None) == rounded


def test_rounded_ids_of_a_file_are_reported(tmp_path):
    with pytest.warns(UserWarning, match=r"ids\.csv.*spreadsheet"):
        assert xf.read_ids(file(tmp_path, "\n".join(ROUNDED))) == ROUNDED


def test_rounded_ids_of_a_table_of_posts_are_a_problem(tmp_path):
    path = file(tmp_path, "id,text\n" + "".join(f"{id},tea\n" for id in ROUNDED), "posts.csv")
    archive = xf.Archive(tmp_path / "a")
    with pytest.warns(UserWarning, match=r"posts\.csv.*spreadsheet"):
        (run,) = archive.import_pages(path)
    found = "select kind, run_id from problems"
    assert archive.sql(found).fetchall() == [("rounded_ids", run.run_id)]
    archive.rebuild()
    assert archive.sql(found).fetchall() == [("rounded_ids", run.run_id)]
    assert archive.tables["posts"] == 3
    with pytest.warns(UserWarning, match="spreadsheet"):
        assert xf.flatten(xf.read_pages(path))["problems"]["kind"].to_pylist() == ["rounded_ids"]
    exact = file(tmp_path, f"id,text\n{A},tea\n", "exact.csv")
    assert xf.flatten(xf.read_pages(exact))["problems"].num_rows == 0
