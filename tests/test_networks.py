"""Edges, projections, threads, and graph files that networkx reads."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta

import duckdb
import networkx as nx
import pytest

import xframes as xf
from xframes import networks
from xframes.errors import ArgumentError
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def post(id_, author, minutes=0, *, parent=None, root=None, kind="replied_to", **more):
    found = {"id": str(id_), "text": f"post {id_}", "author_id": author, "conversation_id": str(root or id_),
             "created_at": (NOW + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    return found | ({"referenced_tweets": [{"type": kind, "id": str(parent)}]} if parent else {}) | more


def frames(posts, users=()):
    body = {"data": posts, "includes": {"users": list(users)}}
    return xf.flatten(Page(Request("GET", "", action=None), json.dumps(body).encode(), NOW))


def tags(*names):
    return {"entities": {"hashtags": [{"tag": n, "start": 0, "end": 1} for n in names]}}


POSTS = [
    post(1, "a", **tags("tea", "milk")), post(2, "b", 1, parent=1, root=1), post(3, "b", 2, parent=1, root=1),
    post(4, "a", 3, parent=3, root=1), post(5, "c", 4, parent=1, kind="quoted", **tags("Tea")),
    post(6, "c", 5, parent=2, kind="retweeted"), post(7, "a", 6, parent=1, root=1),
    post(8, "d", 7, entities={"mentions": [{"start": 0, "end": 2, "username": "Bob"}]}, parent=99, in_reply_to_user_id="z"),
]


def rows(relation, *names):
    return relation.select(*names).fetchall()


def test_edges_of_each_kind():
    found = frames(POSTS)
    assert rows(networks.edges(found, "reply"), "source", "target", "weight") == [("b", "a", 2), ("a", "b", 1), ("d", "z", 1)]
    assert rows(networks.edges(found, "reply", loops=True), "weight")[0] == (2,)
    assert rows(networks.edges(found, "quote"), "source", "target") == [("c", "a")]
    assert rows(networks.edges(found, "repost"), "source", "target") == [("c", "b")]
    assert rows(networks.edges(found, "mention"), "source", "target") == [("d", "@bob")]
    assert rows(networks.edges(found, "hashtag"), "source", "target", "weight") == [
        ("a", "#milk", 1), ("a", "#tea", 1), ("c", "#tea", 1)]


def test_edges_of_follows(tmp_path):
    page = Page(Request("GET", "/2/users/7/followers", {}, "users.followers", {"user_id": "7"}),
                b'{"data": [{"id": "1", "username": "x"}]}', NOW)
    assert rows(networks.edges(xf.flatten(page), "follow"), "source", "target") == [("1", "7")]


def test_edges_within_a_time():
    found = frames(POSTS)
    late = networks.edges(found, "reply", since=NOW + timedelta(minutes=2), until=NOW + timedelta(minutes=4))
    assert rows(late, "source", "target", "weight") == [("a", "b", 1), ("b", "a", 1)]


def test_a_kind_there_is_not_is_refused():
    with pytest.raises(ArgumentError, match="friend"):
        networks.edges(frames(POSTS), "friend")


def test_hashtags_used_by_the_same_people():
    assert rows(networks.project(frames(POSTS)), "source", "target", "weight") == [("#milk", "#tea", 1)]


@pytest.mark.parametrize("write", [networks.write_graphml, networks.write_gexf])
def test_networkx_reads_what_is_written(tmp_path, write):
    found = networks.edges(frames(POSTS), "hashtag")
    path = tmp_path / "graph.xml"
    write(found, path)
    graph = nx.read_graphml(path) if write is networks.write_graphml else nx.read_gexf(path)
    assert {(a, b) for a, b, *_ in graph.edges} == {("a", "#milk"), ("a", "#tea"), ("c", "#tea")}
    assert graph.edges["a", "#tea"]["weight"] == 1
    assert networks.to_networkx(found).edges["a", "#tea"]["weight"] == 1


def test_names_with_markup_survive_a_graph_file(tmp_path):
    found = networks.edges(frames([post(1, "<a>&\"", **tags("<b>"))]), "hashtag")
    networks.write_graphml(found, tmp_path / "g.graphml")
    assert list(nx.read_graphml(tmp_path / "g.graphml").edges) == [("<a>&\"", "#<b>")]


def test_a_thread_is_in_reading_order_with_missing_parents():
    posts = [*POSTS[:4], post(10, "e", 9, parent=50, root=1), post(11, "f", 10, parent=10, root=1)]
    found = networks.thread(frames(posts, [{"id": "a", "username": "ada", "name": "A"}]), 3)
    assert list(zip(found["id"], found["parent_id"].fillna(""), found["depth"], found["present"], strict=True)) == [
        ("1", "", 0, True), ("2", "1", 1, True), ("3", "1", 1, True), ("4", "3", 2, True), ("50", "1", 1, False),
        ("10", "50", 2, True), ("11", "10", 3, True)]
    assert found["username"].tolist()[0] == "ada"


def test_a_thread_without_its_root_says_so():
    found = networks.thread(frames([post(2, "b", parent=1, root=1)]), 2)
    assert list(zip(found["id"], found["present"], strict=True)) == [("1", False), ("2", True)]


def test_a_thread_that_is_not_here_is_an_error_with_a_way_out():
    with pytest.raises(ArgumentError, match="77"):
        networks.thread(frames(POSTS), 77)


def test_a_thread_of_ten_thousand_replies_is_ordered(tmp_path):
    rng = random.Random(5)
    parents = {n: rng.choice([n - 1, max(1, n - rng.randrange(1, 400))]) for n in range(2, 10_001)}
    posts = [post(1, "a"), *(post(n, "b", n, parent=parent, root=1) for n, parent in parents.items())]
    gone = {str(n) for n in range(500, 9000, 700)}
    kept = [p for p in posts if p["id"] not in gone]
    rng.shuffle(kept)
    found = networks.thread(frames(kept), 1)
    assert set(found["id"]) == {p["id"] for p in posts if p["id"] not in gone} | {
        p["referenced_tweets"][0]["id"] for p in kept if "referenced_tweets" in p}
    assert found["id"].is_unique
    place = {one: n for n, one in enumerate(found["id"])}
    for one, parent in zip(found["id"][1:], found["parent_id"][1:], strict=True):
        assert place[parent] < place[one]
    assert found["depth"].max() > 50


def test_conversations_are_counted():
    assert rows(networks.conversations(frames(POSTS)), "conversation_id", "posts", "authors", "root_present") == [("1", 5, 2, True)]


@pytest.mark.slow
def test_a_million_edges_are_written_in_flat_memory(tmp_path):
    import psutil

    found = frames(POSTS).sql("SELECT (i % 50000)::VARCHAR AS source, 'n' || (i // 7)::VARCHAR AS target, 1 AS weight "
                              "FROM range(1000000) r(i)")
    before = psutil.Process().memory_info().rss
    networks.write_graphml(found, tmp_path / "big.graphml")
    grown = psutil.Process().memory_info().rss - before
    assert grown < 400_000_000
    with (tmp_path / "big.graphml").open(encoding="utf-8") as file:
        assert sum(line.count("<edge ") for line in file) == 1_000_000


def again(posts, users=(), times=3):
    """Frames in which every post was observed several times."""
    body = json.dumps({"data": posts, "includes": {"users": list(users)}}).encode()
    return xf.flatten([Page(Request("GET", "", action=None), body, NOW + timedelta(hours=n)) for n in range(times)])


def test_posts_observed_again_count_once():
    several, once = again(POSTS), frames(POSTS)
    for kind in networks.KINDS:
        assert networks.edges(several, kind).fetchall() == networks.edges(once, kind).fetchall()
    assert networks.conversations(several).fetchall() == networks.conversations(once).fetchall()
    twice = {"entities": {"mentions": [{"start": n, "end": n + 2, "username": "Bob"} for n in (0, 5)]}}
    assert rows(networks.edges(frames([post(1, "a", **twice)]), "mention"), "weight") == [(1,)]  # one post mentions


def test_a_time_that_is_none_is_refused():
    with pytest.raises(ArgumentError, match="yesterday"):
        networks.edges(frames(POSTS), "reply", since="yesterday")


def test_a_thread_shows_what_a_post_said_last(tmp_path):
    old, new = ({**post(1, "a"), "text": text} for text in ("old", "new"))
    body = [json.dumps({"data": [one], "includes": {"users": [{"id": "a", "username": name}]}}).encode()
            for one, name in ((new, "after"), (old, "before"))]
    found = xf.flatten([Page(Request("GET", "", action=None), b, NOW + timedelta(hours=h)) for b, h in zip(body, (9, 1), strict=True)])
    row = networks.thread(found, 1).iloc[0]
    assert (row["text"], row["username"]) == ("new", "after")


def test_an_archive_has_its_threads(tmp_path):
    with xf.Archive(tmp_path / "a") as archive:
        archive.add(frames(POSTS))
        assert archive.thread(3).equals(networks.thread(archive, 3))


def test_answers_that_go_round_in_circles_keep_their_order_and_their_answers():
    posts = [post(1, "a"), post(2, "b", 1, parent=1, root=1), post(5, "c", 2, parent=5, root=1), post(6, "d", 3, parent=5, root=1),
             post(7, "e", 4, parent=9, root=1), post(8, "f", 5, parent=7, root=1), post(9, "g", 6, parent=8, root=1)]
    found = networks.thread(frames(posts), 1)
    assert list(zip(found["id"], found["parent_id"].fillna(""), found["depth"], strict=True)) == [
        ("1", "", 0), ("2", "1", 1), ("5", "1", 1), ("6", "5", 2), ("7", "1", 1), ("8", "7", 2), ("9", "8", 3)]


def test_a_chain_of_ten_thousand_answers_is_a_thread(tmp_path):
    chain = [post(n, "a", n, parent=n - 1 or None, root=1) for n in range(1, 10_001)]
    found = networks.thread(frames(chain[::-1]), 10_000)
    assert found["id"].tolist() == [str(n) for n in range(1, 10_001)]
    assert found["depth"].tolist() == list(range(10_000))


NASTY = ["<script>alert('x')</script>", "\"quoted\" & 'single'", "a\x00b\x0bc", "tab\tnew\nline", "\ufffe\uffff", "\u202eright to left", "🌍", "]]>"]
ODD = ("SELECT 'a' AS source, 'b' AS target, 0.5::DOUBLE AS weight, true AS \"<is> & \"\"odd\"\"\", 7::HUGEINT AS big, "
       "TIMESTAMPTZ '2026-03-01 12:00:00+00' AS first_at, NULL::VARCHAR AS none, 1.25::DECIMAL(9,2) AS price UNION ALL "
       "SELECT 'b', NULL, NULL, false, 1, NULL, 'x', NULL UNION ALL SELECT NULL, 'c', 1, false, 1, NULL, 'x', NULL UNION ALL "
       "SELECT 'b', 'c', NULL, false, 1, NULL, 'x', NULL UNION ALL SELECT 'c', 'a', 'nan'::DOUBLE, false, 1, NULL, 'x', NULL")


@pytest.mark.parametrize("write", [networks.write_graphml, networks.write_gexf])
def test_names_of_any_kind_survive_a_graph_file(tmp_path, write):
    found = frames(POSTS).sql("SELECT unnest($names) AS source, 'hub' AS target, 1 AS weight", {"names": NASTY})
    write(found, tmp_path / "graph", names={"hub": "the <hub>\ud800 & \x01co"})
    graph = (nx.read_graphml if write is networks.write_graphml else nx.read_gexf)(tmp_path / "graph")
    assert graph.number_of_edges() == len(NASTY)
    assert {n for n in NASTY if all(c >= " " and c < "\ufffe" for c in n)} < set(graph)
    assert graph.nodes["hub"]["label"] == "the <hub> & co"


@pytest.mark.parametrize("write", [networks.write_graphml, networks.write_gexf])
def test_values_of_any_kind_survive_a_graph_file(tmp_path, write):
    write(frames(POSTS).sql(ODD), tmp_path / "graph")
    graph = (nx.read_graphml if write is networks.write_graphml else nx.read_gexf)(tmp_path / "graph")
    assert set(graph) == {"a", "b", "c"}
    assert set(graph.edges) == {("a", "b"), ("b", "c"), ("c", "a")}
    assert graph.edges["a", "b"]["weight"] == 0.5
    if write is networks.write_graphml:
        edge = graph.edges["a", "b"]
        assert (edge['<is> & "odd"'], edge["big"], edge["price"], edge["first_at"][:10]) == (True, 7, 1.25, "2026-03-01")
        assert "none" not in edge
        assert "weight" not in graph.edges["b", "c"]


@pytest.mark.parametrize("write", [networks.write_graphml, networks.write_gexf])
def test_a_graph_file_that_fails_leaves_the_one_there_was(tmp_path, write):
    (tmp_path / "graph").write_text("before")
    with pytest.raises(duckdb.Error):
        write(frames(POSTS).sql("SELECT 'a' AS source, CASE WHEN i < 90000 THEN 'b' ELSE error('x') END AS target FROM range(100000) t(i)"), tmp_path / "graph")
    assert [p.name for p in tmp_path.iterdir()] == ["graph"]
    assert (tmp_path / "graph").read_text() == "before"
    with pytest.raises(ArgumentError, match="source"):
        write(frames(POSTS).sql("SELECT 1 AS a"), tmp_path / "graph")


def test_networkx_nodes_have_names():
    graph = networks.to_networkx(networks.edges(frames(POSTS), "reply"), names={"a": "ada", "nobody": "x"})
    assert dict(graph.nodes(data="label")) == {"a": "ada", "b": "b", "d": "d", "z": "z"}


@pytest.mark.parametrize("value", [datetime(2026, 3, 1), "2026-03-01T12:00"])  # noqa: DTZ001  the mistake
def test_times_without_a_zone_are_refused_everywhere_with_the_same_words(value):
    archive = xf.Archive("never-created")
    refusals = set()
    for call in (
        lambda: networks.edges(archive, "reply", since=value),
        lambda: xf.plot.timeline(frames(POSTS), until=value),
        lambda: archive.as_of(value),
    ):
        with pytest.raises(ArgumentError) as refusal:
            call()
        refusals.add(str(refusal.value).partition(":")[2])
    assert len(refusals) == 1


def test_a_date_bounds_networks_at_its_midnight_in_utc():
    found = frames(POSTS)
    for day in ("2026-03-02", date(2026, 3, 2)):
        assert rows(networks.edges(found, "reply", until=day), "weight") == [(2,), (1,), (1,)]
        assert not rows(networks.edges(found, "reply", since=day), "weight")


def mentions(id_, *people, minutes=0, author="7"):
    return post(id_, author, minutes, entities={"mentions": [{"start": 0, "end": 1, **who} for who in people]})


BOB, OWN = {"username": "Bob_K"}, {"username": "kettle_fan"}
PEOPLE = [{"id": "77", "username": "bob_k", "name": "B"}, {"id": "7", "username": "kettle_fan", "name": "K"}]


def test_a_mention_without_an_id_leads_to_the_person_with_the_handle():
    found = frames([mentions(11, BOB | {"id": "77"}), mentions(12, BOB), mentions(13, OWN), mentions(14, {"username": "Eve"})], PEOPLE)
    assert rows(networks.edges(found, "mention"), "source", "target", "weight") == [("7", "77", 2), ("7", "@eve", 1)]
    assert rows(networks.edges(found, "mention", loops=True), "target") == [("77",), ("7",), ("@eve",)]


def test_a_handle_is_that_of_its_owner_at_the_time():
    found = frames([mentions(1, BOB | {"id": "5"}), mentions(2, BOB, minutes=1), mentions(3, BOB | {"id": "6"}, minutes=2),
                    mentions(4, BOB, minutes=3), mentions(0, BOB, minutes=-9)], PEOPLE)
    assert sorted(rows(networks.edges(found, "mention"), "target", "weight")) == [("5", 3), ("6", 2)]


def test_reposts_have_the_hashtags_and_mentions_of_their_originals():
    original = mentions(5, {"username": "eve", "id": "9"}, author="8") | {"text": "all of it"}
    original["entities"]["hashtags"] = [{"tag": "tea", "start": 0, "end": 1}]
    body = {"data": [post(6, "7", parent=5, kind="retweeted")], "includes": {"tweets": [original]}}
    found = xf.flatten(Page(Request("GET", ""), json.dumps(body).encode(), NOW))
    assert rows(networks.edges(found, "hashtag"), "source", "target") == [("7", "#tea")]
    assert rows(networks.edges(found, "mention"), "source", "target") == [("7", "9")]


def test_posts_that_were_only_included_have_no_edges():
    body = {"data": [post(6, "7")], "includes": {"tweets": POSTS}}
    found = xf.flatten(Page(Request("GET", ""), json.dumps(body).encode(), NOW))
    assert rows(networks.edges(found, "reply"), "source") == []


def test_an_edited_post_is_once_in_networks_and_threads():
    edits = {"edit_history_tweet_ids": ["2", "5"]}
    posts = [post(1, "a"), post(2, "b", 1, parent=1, root=1, text="befor"),
             post(5, "b", 1, parent=1, root=1, text="before", **edits), post(6, "c", 2, parent=2, root=1)]
    found = frames(posts)
    assert rows(networks.edges(found, "reply"), "source", "target", "weight") == [("b", "a", 1), ("c", "b", 1)]
    for id_ in (1, 2, 5, 6):
        thread = networks.thread(found, id_)
        assert list(zip(thread["id"], thread["parent_id"].fillna(""), thread["depth"], strict=True)) == [
            ("1", "", 0), ("5", "1", 1), ("6", "5", 2)]
    assert rows(networks.conversations(found), "conversation_id", "posts") == [("1", 3)]


def test_the_thread_of_an_edited_first_post_has_its_newest_version():
    edits = {"edit_history_tweet_ids": ["1", "3"]}
    found = frames([post(1, "a", text="befor"), post(3, "a", root=1, text="before", **edits), post(4, "b", 1, parent=1, root=1)])
    for id_ in (1, 3, 4):
        assert list(networks.thread(found, id_)["id"]) == ["3", "4"]
    assert rows(networks.conversations(found), "posts", "root_present") == [(2, True)]


@pytest.mark.parametrize("write", [networks.write_graphml, networks.write_gexf])
def test_labels_that_are_missing_are_ids(tmp_path, write):
    found = networks.edges(frames(POSTS), "quote")
    write(found, tmp_path / "graph.xml", names={"a": None})
    graph = (nx.read_graphml if write is networks.write_graphml else nx.read_gexf)(tmp_path / "graph.xml")
    assert dict(graph.nodes(data="label")) == {"a": "a", "c": "c"}
