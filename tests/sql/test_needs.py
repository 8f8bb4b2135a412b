"""Queries of `results` read only what they need, with the same rows as the whole view."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import duckdb
import pytest

import xframes as xf
from xframes.schema import TABLES
from xframes.sql import derivation
from xframes.sql.needs import needs_of
from xframes.wire import Page, Request

from .test_results import PAGES, post

NARROW = {
    "select id from results": {"id"},
    "from results select id, lang": {"id", "lang"},
    "select count(*) from results": set(),
    "select r.lang, count(*) as posts from results as r group by r.lang": {"lang"},
    'select "Username" from "Results" where kind = \'reply\'': {"username", "kind"},
    "select tag, count(*) from (select unnest(hashtags) as tag from results) group by tag": {"hashtags"},
    "with x as (select * from (select id, text from results)) select text from x": None,
    "select word, count(*) from (select unnest(words(text)) as word from results) group by word": {"text"},
    "select try_cast(id as bigint), lang::varchar from results": {"id", "lang"},
    "select kind, u.name from results join users as u using (username) order by kind, u.name": {"kind", "username", "name"},
    "select id, row_number() over () from results": {"id"},
    "select kind, list(id) from results group by kind order by kind": {"kind", "id"},
    "select query, max(like_count) from results where referenced_text is null group by all": {
        "query", "like_count", "referenced_text"},
    "select * from results": None,
    "from results limit 3": None,
    "select results from results": None,
    "select r from results as r": None,
    "select r.* exclude (id) from results as r": None,
    "select columns('.*_id') from results": None,
    "select #1 from results": None,
    "select a from results as r(a)": None,
    "select lang from results natural join users": None,
    "describe results": None,
    "from query_table('results')": None,
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return an archive with an edited post."""
    archive = xf.Archive(tmp_path_factory.mktemp("needs") / "a")
    edits = {"edit_history_tweet_ids": ["94", "93"]}
    body = json.dumps({"data": [post(93, **edits), post(95), post(92, lang="de")]}).encode()
    request = Request("GET", "/2/users/7/tweets", {}, "timelines.user", {"user_id": "7"})
    archive.add([*PAGES, Page(request, body, datetime(2026, 11, 21, tzinfo=UTC))])
    return archive


@pytest.fixture(scope="module")
def connection(archive):
    """Return a connection with the whole view."""
    return archive.connect()


@pytest.mark.parametrize("query", [
    pytest.param(query, marks=() if number < 2 else pytest.mark.slow)
    for number, query in enumerate([query for query, columns in NARROW.items() if columns][::2])
])
def test_a_query_of_some_columns_has_the_rows_of_the_whole_view(archive, connection, query):
    whole = connection.sql(query).fetchall()
    found = archive.sql(query).fetchall()
    if " group by " in query and "order by" not in query:
        whole, found = sorted(whole, key=str), sorted(found, key=str)
    assert found == whole


@pytest.mark.parametrize(("query", "columns"), NARROW.items())
def test_the_columns_that_a_query_names(query, columns):
    needs = needs_of(query, "results", duckdb.connect())
    if columns is None:
        assert needs is None or "*" not in query
    else:
        known = {column.name for column in TABLES["results"].columns}
        assert needs.columns & known == columns


@pytest.mark.parametrize("query", [
    "select lang from results",
    "select lang, list(id) from results group by lang",
    "select string_agg(id, ',') from results",
    "select id, row_number() over () from results",
    "with x as (select id from results) select count(*) from x",
])
def test_rows_are_in_order_where_it_can_be_seen(query):
    assert needs_of(query, "results", duckdb.connect()).are_ordered


@pytest.mark.parametrize("query", [
    "select count(*) from results",
    "select lang, sum(like_count) from results group by lang",
    "select id from results order by like_count desc limit 3",
])
def test_rows_are_not_sorted_in_vain(query):
    assert not needs_of(query, "results", duckdb.connect()).are_ordered


def test_a_column_is_read_from_its_tables_only():
    select = derivation.results("1", ["lang"], are_ordered=False)
    assert "post_hashtags" not in select
    assert "matches" not in select
    assert "users" not in select


@pytest.mark.slow
def test_each_column_of_results_can_be_selected(archive):
    names = [column.name for column in TABLES["results"].columns]
    row = archive.sql("select * from results limit 1").fetchall()[0]
    columns = [archive.sql(f"select {name} from results limit 1").fetchall()[0][0] for name in names[::6]]
    assert columns == list(row)[::6]
