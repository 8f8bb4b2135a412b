"""Queries are checked offline: what X refuses, what it ignores, and where."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from xframes.plan.query_check import check_query
from xframes.registry import ACTIONS
from xframes.registry.query_operators import OPERATORS
from xframes.sandbox.queries.syntax import QueryError, parse


def kinds(check):
    """Each finding: its kind and the text it is about."""
    return [(note.kind, check.query[note.start : note.end]) for note in check.notes]


@pytest.mark.parametrize(("query", "part"), [
    ("tea since:2026-01-01", "since:2026-01-01"), ("tea filter:links milk", "filter:links"), ("tea frm:otter", "frm:otter"),
    ("tea has:smell", "has:smell"), ("tea (milk", "("), ("tea) milk", ")"), ("OR tea", "OR"), ("tea milk OR", "OR"), ("() tea", ")"),
    ('tea "milk', '"'), ('tea ""', '""'), ("tea and milk", "and"), ("tea Or milk", "Or"), ("tea is:nullcast", "is:nullcast"),
    ("lang:en -tea", "lang:en -tea"), ("tea http://a.example", "http://a.example"), ("tea sample:10", "sample:10"),
    ("tea bio:cook", "bio:cook"), ("list:1 list:2", "list:2"), ("point_radius:[1 2 26mi]", "point_radius:[1 2 26mi]"),
    ("point_radius:[190 2 2mi]", "point_radius:[190 2 2mi]"), ("bounding_box:[2 2 1 3]", "bounding_box:[2 2 1 3]"),
    ("bounding_box:[1 2 1.1 3]", "bounding_box:[1 2 1.1 3]"),
])
def test_what_x_refuses_is_marked(query, part):
    check = check_query(query)
    assert not check.ok
    assert ("error", part) in kinds(check)


@pytest.mark.parametrize(("query", "found"), [
    ("tea -is:retweet", [("ignored", "is:retweet")]), ("tea is:retweet", [("advice", "is:retweet")]),
    ("from:otter -is:retweet", []), ("(tea OR from:otter) -is:retweet", []), ("tea tea", [("ignored", "tea")]),
    ("tea OR tea2", []), ("(tea lang:en) OR (milk lang:en)", []), ("tea lang:en lang:de", [("advice", "lang:de")]),
    ("tea (lang:en OR lang:de)", []), ("coca-cola", [("advice", "coca-cola")]), ('"coca-cola"', []), ("hello!", [("ignored", "hello!")]),
    ("don't", []), ("コーヒー ☕", []), ("tea*", [("ignored", "tea*")]), ("-(milk OR sugar) tea", [("advice", "-(")]),
    ("tea min_likes:10 place_country:GB -has:links", []), ("tea FROM:otter", []),
])
def test_what_x_ignores_is_marked_and_accepted(query, found):
    check = check_query(query)
    assert check.ok
    assert kinds(check) == found


def test_all_errors_are_found_at_once():
    assert kinds(check_query("tea until:x min_faves:3 (milk")) == [
        ("error", "until:x"), ("error", "min_faves:3"), ("error", "(")]


@pytest.mark.parametrize(("action", "limit", "most"), [
    ("search.recent", None, 512), ("counts.recent", None, 512), ("search.all", None, 1024), ("counts.all", None, 1024),
    ("search.recent", 4096, 4096), ("write.add_stream_rules", None, 1024),
])
def test_length_depends_on_action_and_access(action, limit, most):
    assert check_query("x" * most, action, limit).ok
    (note,) = check_query("x" * (most + 1), action, limit).notes
    assert (note.kind, note.start, note.end) == ("error", most, most + 1)


def test_operators_depend_on_the_product():
    assert check_query('entity:"Ada"', "search.recent").ok
    assert not check_query('entity:"Ada"', "search.all").ok
    assert check_query("tea sample:10", "write.add_stream_rules").ok
    assert kinds(check_query("tea -is:retweet", "write.add_stream_rules")) == []


def test_the_caret_is_below_the_part_also_with_wide_characters():
    check = check_query("コーヒー has:smell")
    query, caret, _ = check.explain(check.notes[0]).splitlines()
    assert query == "コーヒー has:smell"
    assert caret == " " * 9 + "^" * 9  # four characters of two columns, and a space
    long = check_query("tea " * 60 + "has:smell " + "milk " * 30)
    query, caret, _ = next(long.explain(note) for note in long.notes if note.kind == "error" and "smell" in note.message).splitlines()
    assert query[caret.index("^") : caret.index("^") + 9] == "has:smell"
    assert len(query) < 100


def test_control_characters_are_not_printed():
    assert "\x1b" not in str(check_query("tea\x1b[31m since:\x1b[2J\n OR"))


def test_every_operator_has_an_expected_form():
    for operator in OPERATORS:
        assert not check_query(f'tea {operator.name}:"§ §"').ok or operator.value == ".+"


words = st.sampled_from(["tea", '"milk tea"', "#a", "$b", "@c", "lang:en", "has:media", "-", "(", ")", "OR", "or", "from:x", "is:nullcast",
                         "-is:nullcast", "foo:1", "from:", '"', "min_likes:3", '""', "place:x", "--"])


@given(st.one_of(st.text(alphabet='ab()"-: ORcoffe#@$\n', max_size=40), st.lists(words, max_size=8).map(" ".join)))
@settings(max_examples=examples(400), deadline=None)
def test_the_check_and_the_sandbox_agree(query):
    try:
        parse(query)
        is_accepted = True
    except QueryError:
        is_accepted = False
    assert check_query(query).ok == is_accepted, query


def test_actions_with_queries_have_a_limit():
    for action in ACTIONS.values():
        for param in action.params:
            assert param.kind != "query" or param.max
