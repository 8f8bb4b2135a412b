"""Rules from DuckDB's SQL to Spark's, without a Spark."""

import pytest

from xframes.errors import ArgumentError
from xframes.sql import derivation, newest

pytest.importorskip("sqlglot", reason="sqlglot is not installed (extra `spark`)")

from xframes.schema import STORED
from xframes.spark.dialect import to_spark


@pytest.mark.parametrize("name", STORED)
def test_every_rule_of_newest_values_has_words_for_spark(name):
    table = STORED[name]
    sources = newest.Sources("base_rows", "fresh_rows"), newest.Sources("above_base", "above_fresh") if table.parent else None
    assert to_spark(newest.view(table, *sources))


@pytest.mark.parametrize("name", ["posts", "post_urls", "matches", "counts"])
def test_empty_and_damaged_tables_have_words_for_spark(name):
    table = STORED[name]
    assert to_spark(newest.empty(table))
    assert to_spark(newest.failing(table, "damaged"))


def test_what_is_derived_of_posts_has_words_for_spark():
    posts = newest.view(STORED["posts"], newest.Sources("base_rows", "fresh_rows"))
    assert to_spark(derivation.posts(f"({posts})", "edits")).count("touched AS (") == 2


def test_views_of_views_have_words_for_spark():
    assert to_spark(derivation.results(derivation.RECEIVED))
    assert to_spark(derivation.counts("(SELECT * FROM rows)", derivation.RECEIVED))
    assert "REPLACE (" not in to_spark(derivation.posts("(SELECT id, text, is_latest FROM rows)", "edits"))


def test_functions_without_a_rule_are_refused():
    with pytest.raises(ArgumentError):
        to_spark("SELECT invented_function(x) FROM rows")


def test_structs_sort_with_nulls_last_as_in_duckdb():
    sorted_list = to_spark("SELECT list_sort(list({'position': position, 'tag': tag})) AS items FROM rows")
    assert "STRUCT((position IS NULL) AS position_is_null, position AS position" in sorted_list
    newest = to_spark("SELECT arg_max({'kept': x}, {'at': y}) AS newest FROM rows")
    assert "at_is_null" in newest
    assert "kept_is_null" not in newest
