"""Files that somebody made to do harm, or that were damaged: none takes anything from the others."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

import xframes as xf
from xframes.cli import main
from xframes.errors import ArchiveError, XframesError
from xframes.flattening import Flattener
from xframes.reader import NotPages, read_pages
from xframes.reader.bounded import HELD_BYTES

ROOT = Path(__file__).parents[2]


def page(*ids):
    return json.dumps({"data": [{"id": str(i), "text": "tea"} for i in ids]}).encode() + b"\n"


GOOD = page(1, 2)
DEEP = b"[" * 2000


def posts(path):
    return sorted(xf.flatten(read_pages(path))["posts"]["id"].to_pylist())


def tarred(mode="w", format=tarfile.PAX_FORMAT, **members):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode, format=format) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            if content is None:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def zipped(method=zipfile.ZIP_DEFLATED, **members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return made.getvalue()


@pytest.fixture
def bound(monkeypatch):
    monkeypatch.setenv("XFRAMES_MAX_LINE_MB", "1")


@pytest.fixture
def given(tmp_path):
    def write(content, name="given"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def import_(tmp_path, *paths):
    """Import files; gives the ids of posts, the states of the runs by their file, and what was raised."""
    raised = None
    with xf.Archive(tmp_path / "archive") as archive:
        try:
            archive.import_pages(list(paths), progress=False)
        except ArchiveError as error:
            raised = error
        ids = [row[0] for row in archive.sql("select id from posts order by id").fetchall()]
        runs = archive.sql("select arguments->>'$.file', state, error from runs").fetchall()
        assert archive.verify().ok
    return ids, {name: state for name, state, _ in runs}, {name: error for name, _, error in runs}, raised


# names in archives ---------------------------------------------------------------------------------------------------

SHOWN = ["./p.jsonl", "././a/./p.jsonl", "../p.jsonl", "/abs/p.jsonl", "a/../p.jsonl", "C:\\x\\p.jsonl", ".\\p.jsonl"]
HIDDEN = ["._p.jsonl", "./._p.jsonl", ".cache/p.jsonl", "./.cache/p.jsonl", "__MACOSX/._p.jsonl", "__MACOSX/p.jsonl",
          "a\\.cache\\p.jsonl"]
MAKE = {"tar": lambda **m: tarred("w", **m), "tar.gz": lambda **m: tarred("w:gz", **m), "zip": zipped,
        "zip in a tar": lambda **m: tarred("w", **{"./inner.zip": zipped(**m)}),
        "tar in a zip": lambda **m: zipped(**{"./inner.tar": tarred("w", **m)})}


@pytest.mark.parametrize("made", MAKE.values(), ids=MAKE)
@pytest.mark.parametrize("name", SHOWN)
def test_members_are_read_whatever_way_leads_to_them(given, made, name):
    assert posts(given(made(**{name: GOOD}))) == ["1", "2"]


@pytest.mark.parametrize("made", MAKE.values(), ids=MAKE)
@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_members_are_left_out_and_named_when_nothing_else_is_there(given, made, name):
    alone = given(made(**{name: GOOD}), "alone")
    with pytest.raises(NotPages, match="hidden"):
        list(read_pages(alone))
    assert posts(given(made(**{name: page(7), "p.jsonl": GOOD}))) == ["1", "2"]


@pytest.mark.parametrize("made", MAKE.values(), ids=MAKE)
def test_an_import_of_hidden_members_alone_fails(tmp_path, given, made):
    alone = given(made(**{HIDDEN[0]: GOOD}), "alone")
    ids, states, errors, raised = import_(tmp_path, alone)
    assert (ids, states, raised is None) == ([], {"alone": "failed"}, False)
    assert "hidden" in errors["alone"]


@pytest.mark.parametrize("content", [
    tarred(**{"./": None, "./a/": None}), tarred(**{"a.jsonl": "/etc/passwd", "b": "a.jsonl"}), zipped(),
    zipped(**{"a.png": b"\x89PNG\0\0\r", ".b": GOOD, "c.md": b"# c"}), zipped(**{"inner.zip": zipped(**{".a": GOOD})}),
    tarred(),
], ids=["folders", "links", "empty zip", "nothing to read", "hidden inside", "empty tar"])
def test_an_archive_of_which_nothing_is_read_is_a_failure(tmp_path, given, content):
    path = given(content)
    with pytest.raises(XframesError):
        list(read_pages(path))
    good = given(GOOD, "good.jsonl")
    ids, states, _, raised = import_(tmp_path, path, good)
    assert (ids, states) == (["1", "2"], {"given": "failed", "good.jsonl": "done"})
    assert str(path) in str(raised)


def test_a_folder_of_which_nothing_is_read_is_a_failure(tmp_path):
    for name, content in {"one/.hidden/a.jsonl": GOOD, "one/.b.jsonl": GOOD, "two/c.png": b"\x89PNG\0\0\r",
                          "three/__MACOSX/._d.jsonl": GOOD, "three/d.jsonl": GOOD}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    ids, states, _, raised = import_(tmp_path, *(tmp_path / name for name in ("one", "two", "three")))
    assert (ids, states) == (["1", "2"], {"c.png": "failed", "d.jsonl": "done"})
    assert [str(tmp_path / name) in str(raised) for name in ("one", "two", "three")] == [True, True, False]


def test_names_that_are_no_utf_8(tmp_path, given):
    path = tmp_path / os.fsdecode(b"p\xff.jsonl")
    path.write_bytes(GOOD)
    bad = tmp_path / os.fsdecode(b"q\xff.tar")
    bad.write_bytes(tarred(**{os.fsdecode(b"\xff.png"): b"\x89PNG\0\0\r"}))
    ids, states, _, raised = import_(tmp_path, bad, path)
    assert (ids, sorted(states.values())) == (["1", "2"], ["done", "failed"])
    assert "\\xff" in ascii(str(raised)) or "udcff" in str(raised)
    str(raised).encode()


# one file's harm is its own ------------------------------------------------------------------------------------------

NESTED = {
    "lists": DEEP, "lists before pages": DEEP + b"\n" + page(7), "objects": b'{"a":' * 5000, "a page": b'{"data":' * 5000 + b"\n" + page(7),
    "an export": b"window.YTD.tweets.part0 = " + DEEP, "closed": DEEP + b"]" * 2000, "in a list": b'[{"data": ' + DEEP,
    "Python": b"{'a': " + DEEP, "written twice": b'"' + DEEP + b'"', "twarc": b'{"data": [], "__twarc": {"a": ' + DEEP,
    "brackets of every kind": b'[{"a":' * 3000, "recorded": b'{"endpoint": ' + DEEP, "a table": b"id,text,lang,x\n7,tea,en," + DEEP,
}


PACKERS = {"plain": bytes, "gz": gzip.compress, "zip": lambda data: zipped(**{"a.jsonl": data, "b.jsonl": page(8)})}
# what is packed is unpacked first, and then read as any other
NESTINGS = [(name, "plain") for name in NESTED] + [(name, way) for way in ("gz", "zip") for name in list(NESTED)[:4]]


@pytest.mark.parametrize(("name", "way"), NESTINGS)
def test_nesting_takes_nothing_from_other_files(tmp_path, given, name, way):
    content, packed = NESTED[name], PACKERS[way]
    bad, good = given(packed(content), "bad"), given(GOOD, "good.jsonl")
    ids, states, errors, raised = import_(tmp_path, bad, good)
    assert set(ids) >= {"1", "2"}
    assert states["good.jsonl"] == "done"
    assert (states["bad"] == "failed") == (raised is not None) == (errors["bad"] is not None)
    for kept, sign in ((b'"7"', "7"), (b"\n7,", "7")):
        assert (sign in ids) or kept not in content
    assert "8" in ids or not zipfile.is_zipfile(bad)


def test_a_file_that_begins_with_brackets_fails_and_its_pages_are_read(tmp_path, given):
    ids, states, errors, raised = import_(tmp_path, given(DEEP + b"\n" + page(7), "bad"), given(GOOD, "good"))
    assert (ids, states) == (["1", "2", "7"], {"bad": "failed", "good": "done"})
    assert "nested" in errors["bad"]
    assert "nested" in str(raised)


M = 1_000_000
LARGE = {
    "a line": b'{"data":[{"id":"7","text":"' + b"a" * 3 * M + b'"}]}\n', "no line": b"x" * 3 * M,
    "brackets": b"[" * 3 * M, "a text in a list": b'["' + b"x" * 20 * M, "a document": b'{\n"a": "' + b"x" * 3 * M + b'"}',
    "an object in a list": b'[{"id": "7", "text": "' + b"x" * 20 * M + b'"}]', "a row": b'id,text,lang\n7,"' + b"x\n" * 2 * M,
    "a cell": b"id,text,lang\n7," + b"x" * 3 * M, "an export": b"window.YTD.tweets.part0 = [" + b" " * 3 * M + b"]",
    "Python": b"{'a': '" + b"x" * 3 * M + b"'}", "UTF-16": ('{"data": "' + "x" * 3 * M).encode("utf-16"),
}
PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zstd": lambda d: pa.compress(d, "zstd", asbytes=True),
        "tar": lambda d: tarred("w", **{"./a": d}), "zip": lambda d: zipped(**{"a.jsonl": d}),
        "zip by bzip2": lambda d: zipped(zipfile.ZIP_BZIP2, **{"a.jsonl": d})}


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("content", LARGE.values(), ids=LARGE)
def test_lines_documents_and_rows_have_a_bound_told_in_the_error(tmp_path, given, content):
    name = "bad.csv" if content.startswith(b"id,") else "bad.jsonl"
    ids, states, errors, raised = import_(tmp_path, given(content, name), given(GOOD, "good"))
    assert (ids, states) == (["1", "2"], {name: "failed", "good": "done"})
    assert "1 MB" in str(raised)
    assert "XFRAMES_MAX_LINE_MB" in errors[name]
    assert name in str(raised)


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_what_is_packed_has_the_same_bound_and_the_rest_is_read(given, pack):
    long = page(1) + LARGE["a line"] + page(2)
    with pytest.raises(XframesError, match="XFRAMES_MAX_LINE_MB"):
        list(read_pages(given(pack(long), "long")))
    assert posts(given(pack(page(1) + page(2)), "short")) == ["1", "2"]


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("made", [MAKE["tar"], MAKE["zip"], MAKE["zip in a tar"]])
def test_a_member_takes_nothing_from_the_others(tmp_path, given, made):
    members = {"a.jsonl": page(3), "b.jsonl": LARGE["a line"], "c.gz": gzip.compress(page(4) * 99)[:-20],
               "d.zip": b"PK\3\4" + b"x" * 99, "e.jsonl": page(5), "f.jsonl": DEEP}
    ids, states, errors, _ = import_(tmp_path, given(made(**members), "bad"), given(GOOD, "good"))
    assert ids == ["1", "2", "3", "4", "5"]
    assert states == {"bad": "failed", "good": "done"}
    assert all(name in errors["bad"] for name in ("b.jsonl", "c.gz", "d.zip", "f.jsonl"))


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize(("indent", "wrap"), [(None, lambda found: [found]), (1, lambda found: found)], ids=["list in a list", "list"])
def test_lists_larger_than_any_bound_give_their_items(given, indent, wrap):
    text = 'a "quoted\\ [brace} ' + "tea \u2615" * 2000
    found = [{"id": str(n), "text": text, "entities": {"hashtags": [{"tag": "x"}]}} for n in range(HELD_BYTES // 12000)]
    path = given(json.dumps(wrap(found), indent=indent).encode())
    assert path.stat().st_size > HELD_BYTES
    frames = xf.flatten(read_pages(path))
    assert frames["posts"].num_rows == len(found)
    assert set(frames["posts"]["text"].to_pylist()) == {text}
    assert frames["problems"].num_rows == 0


@pytest.mark.slow
def test_documents_of_every_kind_that_are_larger_than_what_is_held(given):
    filler = [{"data": [{"id": str(n), "text": "tea" * 5000}]} for n in range(HELD_BYTES // 12000)]
    recorded = [{"endpoint": "/2/users/{id}/followers", "method": "GET", "response": {"data": [{"id": "7", "username": "a"}]}}]
    pretty = "\n".join(json.dumps(one, indent=1) for one in filler).encode()
    lists = b"\n".join(json.dumps([one, one], indent=1).encode() for one in filler)
    for content in (pretty, lists, json.dumps(filler).encode(), json.dumps([json.dumps(f) for f in filler]).encode()):
        assert len(set(posts(given(content)))) == len(filler)
    pages = list(read_pages(given(json.dumps(filler + recorded).encode())))
    assert pages[-1].request.action == "users.followers"


@pytest.mark.parametrize("text", ['[{"id": "1", "text": "a"}, {"id": "2", "text": "b"},]',
                                  '[{"id": "1", "text": "a"},\n{"id": "2", "text": "b", "x": NaN}]'])
def test_lists_that_are_nearly_json_are_read(given, text):
    assert posts(given(text.encode())) == ["1", "2"]


def test_a_header_of_a_tar_is_not_read_whole_whatever_it_claims(given):
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 3 << 30
    path = given(gzip.compress(entry.tobuf(tarfile.USTAR_FORMAT) + bytes(2 * M)))
    with pytest.raises(XframesError, match="header"):
        list(read_pages(path))


@pytest.mark.parametrize("content", [
    b'{"data":[],"__twarc":{"url":"http://[","retrieved_at":"2022-01-02T03:04:05+00:00"}}\n' + GOOD,
    b'{"data":[],"__twarc":{"url":"/2/x","retrieved_at":"0001-01-01T00:00:00+23:00"}}\n' + GOOD,
    b'[{"endpoint":"http://[","response":{"data":[{"id":"1","text":"t"},{"id":"2","text":"t"}]}}]',
    b'{"data":[{"id":' + b"1" * 5000 + b"}]}\n" + GOOD, b'{"data":[{"id":"9","created_at":1e999,"text":1e999}]}\n' + GOOD,
], ids=["URL", "time", "endpoint", "number", "infinite"])
def test_odd_values_end_no_file(given, content):
    assert set(posts(given(content))) >= {"1", "2"}


def test_what_cannot_be_opened_is_one_files_failure(tmp_path, given):
    path = given(GOOD, "closed")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    ids, states, _, _ = import_(tmp_path, path, given(page(3), "good"))
    assert (ids, states) == (["3"], {"closed": "failed", "good": "done"})


def test_what_is_neither_a_file_nor_a_folder_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArchiveError, match="pipe"):
        xf.Archive(tmp_path / "archive").import_pages(tmp_path / "pipe", progress=False)


def test_a_page_that_becomes_no_rows_fails_its_run_alone(tmp_path, given, monkeypatch):
    real = Flattener.batch

    def batch(self, pages):
        if any(b"too much" in page.body for page in pages):
            raise MemoryError
        return real(self, pages)

    monkeypatch.setattr(Flattener, "batch", batch)
    bad = given(page(3) + b'{"data":[{"id":"9","text":"too much"}]}\n' + page(4), "bad")
    ids, states, _, raised = import_(tmp_path, bad, given(GOOD, "good"))
    assert (ids, states, raised is None) == (["1", "2", "3", "4"], {"bad": "failed", "good": "done"}, False)


def test_the_shell_imports_the_others(tmp_path, given):
    words = ["import", str(given(DEEP, "bad")), str(given(GOOD, "good")), "--archive", str(tmp_path / "archive")]
    shown = CliRunner().invoke(main, words)
    assert (shown.exit_code, "bad" in shown.stderr) == (1, True)
    with xf.Archive(tmp_path / "archive") as archive:
        assert archive.tables["posts"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(("head", "unit"), [
    (b'{"data":[{"id":"1","text":"', b"a" * M), (b"", b"[" * M), (b'["', b"a" * M), (b"id,text,lang\n1,", b"," * M),
    (b'{"a":\n"', b"a" * M),
])
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc, as on Linux")
def test_memory_stays_near_the_bound(tmp_path, head, unit):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(300):
            file.write(unit)
    script = (
        "import re, xframes as xf\n"
        f"try: list(xf.read_pages({str(path)!r}))\n"
        "except xf.errors.XframesError as error: print(error)\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})
    told, peak = done.stdout.splitlines()
    assert "256 MB" in told
    assert int(peak) < 700
