"""Privacy as a property: wherever somebody's handle, name, id or words stand, they go when the person is removed.

What stays: their id, in tombstones, where another person's thing refers to it (a mention, a reply), in what
was asked of X and what was answered to that; and the texts of other people's posts, messages and profiles.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xframes as xf
from tests.privacy import (
    BOB,
    FORMS,
    HANDLE,
    ID,
    MARKS,
    NAME,
    PROFILE,
    SHAPES,
    VALUES,
    WORDS,
    filled,
    is_kept,
    objects,
    page,
    person_page,
    places,
    planted,
    text,
)
from tests.removals import NOW, bytes_on_disk
from xframes.archive.ingest.imports import write_rows
from xframes.schema import STORED, TABLES, Type
from xframes.schema.references import owners

TEXTS = {Type.STR, Type.STRS, Type.JSON}
REFERRING = {"tombstones", "problems", "requests", "runs"}


def leftovers(archive):
    """What is left of the person: marks in bytes, and ids where none may be."""
    found = []
    for path, data in bytes_on_disk(archive):
        found += [(path.name, mark) for mark in MARKS if mark in data.decode("utf-8", "replace").lower()]
        if ID.encode() in data and path.suffix == ".parquet" and path.parent.name not in REFERRING:
            found += ids_left(path)
    return found


def ids_left(path):
    if path.parent.name == "pages":
        return [row["body"] for row in pq.read_table(path).to_pylist() if row["action"] != "archive.remove" and ID.encode() in row["body"]]
    table = TABLES[path.parent.name]
    return [(table.name, column, value) for row in pq.read_table(path).to_pylist() for column, value in row.items()
            if ID in str(value) and (column not in table.schema.names or table[column].names != "users")]


def check(tmp_path, pages, compacted=False, rebuilt=False):
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add([person_page(), *pages])
        if compacted:
            archive.compact()
        archive.remove(user_ids=[ID], reason="field_params")
        assert leftovers(archive) == []
        assert archive.sql("SELECT resource_id FROM tombstones WHERE resource_type = 'user'").fetchall() == [(ID,)]
        if rebuilt:
            assert archive.verify().ok
            archive.rebuild(processes=1)
            assert leftovers(archive) == []
            archive.add(person_page())
            assert leftovers(archive) == []


# the wire ---------------------------------------------------------------------------------------------------------


def test_what_stands_in_every_text_of_every_shape_goes(tmp_path):
    pages = [page(planted(shape, [(path, text(form)) for path in places(shape) if not is_kept(path, form)]), seconds=n)
             for form in FORMS for n, shape in enumerate(SHAPES.values(), 1)]
    check(tmp_path, pages)


@pytest.mark.slow
def test_what_stands_in_a_new_field_of_every_object_goes(tmp_path):
    pages = [page(planted(shape, [(path, filled(value, form)) for form in FORMS for path in objects(shape)]), seconds=n)
             for value in VALUES for n, shape in enumerate(SHAPES.values(), 1)]
    check(tmp_path, pages)


@st.composite
def pages_with_plants(draw):
    shape = draw(st.sampled_from(list(SHAPES.values())))
    form = st.sampled_from(FORMS)
    free = [(path, text(f)) for path in places(shape) for f in FORMS if not is_kept(path, f)]
    texts = st.sampled_from(free)
    fields = st.tuples(st.sampled_from(list(objects(shape))), st.builds(filled, st.sampled_from(VALUES), form))
    return page(planted(shape, draw(st.lists(texts, max_size=3, unique_by=lambda t: t[0])) + draw(st.lists(fields, max_size=3))), seconds=5)


@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pages_with_plants(), min_size=1, max_size=4), st.booleans())
def test_what_stands_anywhere_goes(tmp_path_factory, pages, compacted):
    check(tmp_path_factory.mktemp("any"), pages, compacted, rebuilt=True)


# the tables -------------------------------------------------------------------------------------------------------


def row(table, content):
    """A row of somebody else with a content in every text that may go, and the ids of somebody else."""
    made = {}
    for col in table.columns:
        if col.type not in TEXTS:
            made[col.name] = NOW if col.name == "observed_at" else None
        elif col.content in {"id", "words", "handle", "name"}:
            made[col.name] = [BOB["id"]] if col.type is Type.STRS else BOB["id"]
        else:
            made[col.name] = [content] if col.type is Type.STRS else json.dumps({"x": [content]}) if col.type is Type.JSON else content
    return made


def write_everywhere(archive, forms):
    """Rows of somebody else with the person in every text of every table."""
    write_rows(archive._folder, {name: pa.Table.from_pylist([row(table, text(form)) for form in forms], schema=table.schema)
                                 for name, table in STORED.items() if table.private != "removed"})


@pytest.mark.parametrize("compacted", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_stands_in_every_text_column_goes(tmp_path, compacted):
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add([person_page(), page({"data": [BOB]}, seconds=1)])
        write_everywhere(archive, FORMS)
        if compacted:
            archive.compact()
        archive.remove(user_ids=[ID], reason=f"{HANDLE} asked")
        assert leftovers(archive) == []


@pytest.mark.parametrize("kind", ["user", "post"])
def test_rows_that_are_theirs_go_whole(tmp_path, kind):
    mine = {"user": ID, "post": "1800000000000000001"}[kind]
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add([person_page()])
        for name, table in STORED.items():
            for column, of in owners(name):
                if of == kind:
                    made = {c.name: [WORDS] if c.type is Type.STRS else WORDS if c.type in TEXTS else None for c in table.columns if c.content != "id"}
                    made |= {"observed_at": NOW, column: mine}
                    write_rows(archive._folder, {name: pa.Table.from_pylist([made], schema=table.schema)})
        archive.remove(user_ids=[ID], reason="field_params")
        assert leftovers(archive) == []


def test_a_column_of_a_newer_version_loses_it_too(tmp_path):
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add([person_page(), page({"data": [BOB]}, seconds=1)])
        write_rows(archive._folder, {"places": pa.Table.from_pylist([{"id": "7", "observed_at": NOW, "page_id": "p", "nickname": f"@{HANDLE}", "mayor": NAME}])})
        archive.remove(user_ids=[ID], reason="field_params")
        assert leftovers(archive) == []


# what stays -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_others_wrote_and_how_they_refer_to_the_person_stays(tmp_path):
    other = {"id": "1800000000000000009", "author_id": BOB["id"], "in_reply_to_user_id": ID, "text": f"@{HANDLE} {NAME} said: {WORDS}",
             "entities": {"mentions": [{"start": 0, "end": 12, "username": HANDLE, "id": ID}]}}
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add([person_page(), page({"data": [other], "includes": {"users": [BOB | {"description": f"I like @{HANDLE}"}]}}, seconds=3)])
        archive.remove(user_ids=[ID], reason="field_params")
        for _ in range(2):
            assert archive.sql("SELECT text, in_reply_to_user_id FROM posts").fetchall() == [(other["text"], ID)]
            assert archive.sql("SELECT user_id, username FROM post_mentions").fetchall() == [(ID, None)]
            assert archive.sql("SELECT description FROM users").fetchall() == [(f"I like @{HANDLE}",)]
            archive.rebuild()
        assert archive.verify().ok


def test_a_bare_list_is_read_as_before_when_something_went_from_it(tmp_path):
    items = [SHAPES["a post of v1.1"], SHAPES["a page"], SHAPES["a line of twarc"], BOB]
    pages = [page([item | {"seen_by": HANDLE}, {**item, "by": NAME}], seconds=3 + n) for n, item in enumerate(items)]
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add([person_page(), *pages])
        archive.remove(user_ids=[ID], reason="field_params")
        for _ in range(2):
            assert leftovers(archive) == []
            assert archive.verify().ok
            assert archive.sql("SELECT DISTINCT username FROM users").fetchall() == [("bob_b",)]
            archive.rebuild(processes=1)


@pytest.mark.slow
def test_a_report_of_ours_is_that_of_the_page_as_it_is_now(tmp_path):
    body = SHAPES["a page"] | {"data": [{**SHAPES["a page"]["data"][0], "public_metrics": {"like_count": HANDLE}}]}
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add([person_page(), page(body, seconds=3)])
        archive.remove(user_ids=[ID], reason="field_params")
        assert archive.sql("SELECT value FROM problems WHERE kind = 'bad_value'").fetchall() == [("removed",)]
        assert archive.verify().ok


def test_codes_and_namesakes_stay(tmp_path):
    person = {"id": ID, "username": "photo", "name": "City", "description": PROFILE}
    namesake = BOB | {"name": "City"}
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add([page({"data": [{"id": "1", "text": "hm", "author_id": ID}], "includes": {"users": [person]}}),
                     page(SHAPES["a page"] | {"includes": SHAPES["a page"]["includes"] | {"users": [namesake]}}, seconds=3)])
        archive.remove(user_ids=[ID], reason="field_params")
        for _ in range(2):
            assert archive["media"]["type"].to_pylist() == ["photo"]
            assert archive["places"]["place_type"].to_pylist() == ["city"]
            assert archive["users"]["name"].to_pylist() == ["City"]
            archive.rebuild()


# exports ----------------------------------------------------------------------------------------------------------

KEY = "a key of the test, long enough"
WHOEVER = ("@{handle}", "by {handle}, 2026", "{lower}", "https://x.com/{handle}/status/1", "who=%40{lower}", "{id}", "of {id}.", "https://x.com/i/user/{id}")


def exported(folder):
    """Everything in the files of an export."""
    found = b""
    for path in folder.iterdir():
        found += repr(pq.read_table(path).to_pylist()).encode() if path.suffix == ".parquet" else path.read_bytes()
    return found.decode().lower()


@pytest.mark.slow
def test_nobody_is_found_in_an_export_under_pseudonyms(tmp_path):
    """In the texts of others, a handle is told from a word by its sign, by a link, or by a `_` in it."""
    everywhere = [page(planted(shape, [(path, text(form)) for path in places(shape) if not is_key(path)]), seconds=n)
                  for form in WHOEVER for n, shape in enumerate(SHAPES.values(), 1)]
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add([person_page(), *everywhere])
        write_everywhere(archive, WHOEVER)
        archive.export(tmp_path / "out", pseudonymise=KEY)
    found = exported(tmp_path / "out")
    assert [found[at - 80:at + 40] for mark in (HANDLE.lower(), ID) if (at := found.find(mark)) >= 0] == []


def is_key(path):
    last = next(part for part in reversed(path) if isinstance(part, str))
    return last.endswith(("id", "ids", "id_str", "key", "keys", "accountId"))


def test_a_person_is_not_found_in_what_they_wrote_beside_posts(tmp_path):
    """Alternative texts and choices of a poll are theirs, too."""
    medium = {"media_key": "3_5", "type": "photo", "alt_text": f"{NAME} in the rain"}
    poll = {"id": "6", "options": [{"position": 1, "label": f"{NAME}!", "votes": 0}]}
    post = {"id": "1800000000000000001", "text": "hm", "author_id": ID, "attachments": {"media_keys": ["3_5"], "poll_ids": ["6"]}}
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive.add(page({"data": [post], "includes": {"users": [{"id": ID, "username": HANDLE, "name": NAME}], "media": [medium], "polls": [poll]}}))
        archive.export(tmp_path / "out", pseudonymise=KEY)
    assert NAME.lower() not in exported(tmp_path / "out")


# a new column -----------------------------------------------------------------------------------------------------

NEW_COLUMN = """
import sys
from dataclasses import replace
from xframes import schema
posts = schema.TABLES["posts"]
told = schema.Col("seen_by", "seen_by", schema.Type.STR, "Who saw it.", holds="handle", of="seen_by_id")
whose = schema.Col("seen_by_id", "seen_by_id", schema.Type.STR, "Who saw it.", names="users")
schema.TABLES["posts"] = replace(posts, body=(*posts.body, told, whose))
import xframes as xf
from tests.privacy import BOBS, HANDLE, ID, page, person_page
from tests.archive.test_archive_privacy import KEY, exported, leftovers
from pathlib import Path
home = Path(sys.argv[1])
with xf.Archive(home / "archive") as archive:
    archive.add([person_page(), page({"data": [BOBS | {"seen_by": HANDLE, "seen_by_id": ID}]})])
    assert ("seen_by", HANDLE) in [(n, v) for row in archive["posts"].to_pylist() for n, v in row.items()]
    archive.export(home / "out", pseudonymise=KEY)
    assert HANDLE.lower() not in exported(home / "out") and ID not in exported(home / "out")
    assert "seen_by" in exported(home / "out")
    archive.remove(user_ids=[ID], reason="field_params")
    assert [left for left in leftovers(archive) if isinstance(left, tuple)] == []  # the id stays beside it
    rows = archive.sql("SELECT seen_by, seen_by_id FROM posts").fetchall()
    assert rows == [(None, ID)], rows
"""


@pytest.mark.slow
def test_a_new_column_with_a_handle_needs_its_declaration_alone(tmp_path):
    run = subprocess.run([sys.executable, "-c", NEW_COLUMN, str(tmp_path)], check=False, capture_output=True, text=True,
                         env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])})
    assert run.returncode == 0, run.stderr
