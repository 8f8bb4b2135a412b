"""Files of pages: NDJSON plain and compressed, documents over many lines, damage."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime

import pyarrow as pa
import pytest

import xframes as xf


def zstd(data):
    return pa.compress(data, "zstd", asbytes=True)


PAGES = [{"data": [{"id": str(n), "text": f"text {n}"}]} for n in range(3)]
LINES = "\n".join(json.dumps(p) for p in PAGES).encode() + b"\n"


def bodies(path):
    return [json.loads(p.body) for p in xf.read_pages(path)]


@pytest.mark.parametrize(("name", "content"), [
    ("a.jsonl", LINES), ("a.ndjson", LINES.replace(b"\n", b"\r\n")), ("a.json", b"\xef\xbb\xbf" + LINES),
    ("a.jsonl.gz", gzip.compress(LINES, mtime=0)), ("a.jsonl.zst", zstd(LINES)), ("gaps.jsonl", b"\n\n" + LINES + b"\n"),
    ("a.jsonl", LINES[:-1]), ("list.json", json.dumps(PAGES).encode()), ("pretty.json", json.dumps(PAGES, indent=2).encode()),
    ("several.json", "\n".join(json.dumps(p, indent=1) for p in PAGES).encode()),
], ids=lambda value: value if isinstance(value, str) else "")
def test_files_give_their_pages_in_order(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert bodies(path) == PAGES


def test_a_pretty_document_is_one_page(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(PAGES[0], indent=4))
    assert bodies(path) == PAGES[:1]


def test_a_list_of_posts_is_one_page(tmp_path):
    path = tmp_path / "posts.json"
    path.write_text(json.dumps([{"id": "1", "text": "a"}, {"id": "2", "text": "b"}]))
    assert xf.flatten(xf.read_pages(path))["posts"]["id"].to_pylist() == ["1", "2"]


def test_the_bytes_of_a_line_are_kept(tmp_path):
    line = b'{"data":   [{"id":"1","text":"caf\\u00e9"}]}'
    path = tmp_path / "a.jsonl"
    path.write_bytes(line + b"\r\n")
    (page,) = xf.read_pages(path)
    assert page.body == line


def test_reading_a_file_twice_gives_the_same_pages(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    once = [p.page_id for p in xf.read_pages(path)]
    os.utime(path, (1, 1))
    assert [p.page_id for p in xf.read_pages(path)] == once
    assert len(set(once)) == 3


def test_twarc_tells_the_request_and_the_time(tmp_path):
    meta = {"url": "https://api.twitter.com/2/tweets/search/all?query=tea&max_results=100", "version": "2.9",
            "retrieved_at": "2022-01-02T03:04:05+00:00"}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(PAGES[0] | {"__twarc": meta}))
    (page,) = xf.read_pages(path)
    assert page.received_at == datetime(2022, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (page.request.action, page.request.params["query"]) == ("search.all", "tea")


def test_recorded_answers_know_their_endpoint(tmp_path):
    answers = [{"endpoint": "/2/users/{id}/followers", "method": "GET", "response": {"data": [{"id": "1", "username": "a"}]}}]
    path = tmp_path / "recorded.json"
    path.write_text(json.dumps(answers))
    (page,) = xf.read_pages(path)
    assert page.request.action == "users.followers"


def test_a_cut_line_becomes_a_page_that_says_so(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES[:-20])
    frames = xf.flatten(xf.read_pages(path))
    assert frames["posts"]["id"].to_pylist() == ["0", "1"]
    assert frames["problems"]["kind"].to_pylist() == ["unreadable_page"]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_damaged_compression_names_the_file_after_what_came_before(tmp_path, name):
    lines = b"".join(json.dumps({"data": [{"id": str(n), "text": os.urandom(40).hex()}]}).encode() + b"\n" for n in range(9000))
    path = tmp_path / name
    whole = gzip.compress(lines) if name.endswith("gz") else zstd(lines)
    path.write_bytes(whole[: len(whole) * 3 // 4])
    found = []
    with pytest.raises(xf.XframesError, match=rf"{name}.*damaged or cut short"):
        found.extend(xf.read_pages(path))
    assert len(found) != 9000


def test_what_is_no_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(xf.XframesError, match=r"missing\.jsonl"):
        list(xf.read_pages(tmp_path / "missing.jsonl"))
    with pytest.raises(xf.XframesError, match="folder"):
        list(xf.read_pages(tmp_path))


def test_an_empty_file_has_no_page(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n \n")
    assert bodies(path) == []
