"""How files are divided into tasks: whatever the bounds are, the pages are those of the whole file."""

import json

import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed (extra `spark`)")

from xframes.reader import FileReport, choices, read_file, read_lines
from xframes.spark.jobs import splits

from .invented_files import body

pytestmark = pytest.mark.spark


def pages_of(path, most):
    """The pages of a file, read in the pieces that tasks get; and how many pieces there are."""
    (source,) = splits.sources([str(path)])
    tasks = splits.pieces([source], [source.run_id()], most, has_mapping=False,
                          run=lambda work, pieces: [work(piece) for piece in pieces])
    found = []
    for piece in (piece for task in tasks for piece in task):
        if piece.end is None:
            found += read_file(path, piece.run_id, choices(), FileReport())
            continue
        with source.open() as file:
            found += read_lines(splits.span(file, piece.start, piece.end), path, piece.run_id, choices(),
                                modified_at=source.modified_at(), number=piece.number)
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
    pytest.param(body(1) + b'\n{"id_str": "5", "full_text": "b", "created_at": "Wed Oct 10 20:19:24 +0000 2018", '
                 b'"user": {"id_str": "1", "screen_name": "ada"}}\n' * 30, id="two formats"),
    pytest.param(b"id,text,created_at\n" + b"1,a,2026-03-01T12:00:00Z\n" * 60, id="a table"),
])
def test_other_files_are_read_whole(tmp_path, content):
    path = tmp_path / "pages.jsonl"
    path.write_bytes(content)
    found, count = pages_of(path, 300)
    assert count == 1
    assert found == list(read_file(path, found[0].run_id, choices(), FileReport()))
