"""How files are divided into tasks: whatever the bounds are, the pages are those of the whole file."""

import contextlib
import gzip
import io
import json
import tarfile
import zipfile

import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed (extra `spark`)")

from xframes.reader import FileReport, NotPages, choices, read_file
from xframes.spark.jobs import splits

from .invented_files import body

pytestmark = pytest.mark.spark

OLD = (b'{"id_str": "5", "full_text": "b", "created_at": "Wed Oct 10 20:19:24 +0000 2018", '
       b'"user": {"id_str": "1", "screen_name": "ada"}}\n')


def pages_of(path, most):
    """The pages of a file, read in the pieces that tasks get; and how many pieces there are."""
    (source,) = splits.sources([str(path)])
    tasks = splits.pieces([source], [source.run_id()], most, choices(), lambda work, pieces: [work(piece) for piece in pieces])
    found = []
    for piece in (piece for task in tasks for piece in task):
        with contextlib.suppress(NotPages if piece.members else ()):  # another piece has pages
            found += splits.read(piece, choices())
    return found, sum(map(len, tasks))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b" \n"])
@pytest.mark.parametrize("most", [700, 4_000, 10_000, 50_000])
def test_pages_do_not_depend_on_the_pieces(tmp_path, end, most):
    lines = [json.dumps({"data": [{"id": str(n), "text": "x" * (n % 7) * 100}]}).encode() for n in range(40)]
    lines[3] = body(3)
    lines[20] = b'{"data": [{"id": "77", "te'  # cut off, and a page all the same
    lines[21] = b"{not JSON}"
    path = tmp_path / "pages.jsonl"
    path.write_bytes(end.join(lines))
    found, count = pages_of(path, most)
    assert found == list(read_file(path, found[0].run_id, choices(), FileReport()))
    assert len(found) == 40
    assert count > 1 or path.stat().st_size <= most


@pytest.mark.parametrize("content", [
    pytest.param(b'{\n "data": [{"id": "1", "text": "a"}],\n "meta": {"result_count": 1}\n}\n' * 30, id="a document of many lines"),
    pytest.param(b'[{"data": [{"id": "1", "text": "a"}]}]\n' * 30, id="lists"),
    pytest.param(body(1) + b"\n" + OLD * 30, id="two formats"),
    pytest.param(b"id,text,created_at\n" + b"1,a,2026-03-01T12:00:00Z\n" * 60, id="a table"),
])
def test_other_files_are_read_whole(tmp_path, content):
    path = tmp_path / "pages.jsonl"
    path.write_bytes(content)
    found, count = pages_of(path, 300)
    assert count == 1
    assert found == list(read_file(path, found[0].run_id, choices(), FileReport()))


MEMBERS = [  # pages, other formats, and what is not read
    ("a/1.jsonl", body(1) + b"\n" + body(2)), ("a/2.jsonl.gz", gzip.compress(body(3))), (".hidden/3.jsonl", body(4)),
    ("notes.md", b"words " * 300), ("old.jsonl", OLD), ("posts.csv", b"id,text,created_at\n1,a,2026-03-01T12:00:00Z\n"),
    ("z.jsonl", b"{not JSON}\n" + body(5)),
]


def zipped(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in reversed(MEMBERS):
            packed.writestr(zipfile.ZipInfo(name, (2026, 3, 2, 10, 0, 0)), content)


def tarred(path, mode="w"):
    with tarfile.open(path, mode) as packed:
        for number, (name, content) in enumerate(MEMBERS):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), 1_772_000_000 + number
            packed.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("most", [200, 2_500, 1_000_000])
def test_a_zip_or_tar_is_divided_by_its_members(tmp_path, pack, most):
    path = tmp_path / "pages.bin"
    pack(path)
    found, count = pages_of(path, most)
    assert found == list(read_file(path, found[0].run_id, choices(), FileReport()))
    assert len(found) > 6
    assert (count > 2) == (most < path.stat().st_size)


def test_a_compressed_tar_and_the_export_of_an_account_are_read_whole(tmp_path):
    path = tmp_path / "pages.tar.gz"
    tarred(path, "w:gz")
    assert pages_of(path, 200)[1] == 1
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("data/account.js", 'window.YTD.account.part0 = [{"account": {"accountId": "1", "username": "ada"}}]')
        packed.writestr("data/tweets.js", 'window.YTD.tweets.part0 = [{"tweet": {"id_str": "5", "full_text": "b"}}]')
    assert pages_of(path, 20)[1] == 1
