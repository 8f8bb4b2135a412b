"""Edges, projections, threads, and graph files that networkx reads."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import networkx as nx
import pytest

import xframes as xf
from xframes import networks
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
    with pytest.raises(xf.XframesError, match="kind is one of reply, quote"):
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
    with pytest.raises(xf.XframesError, match="conversation_id:77"):
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
    assert nx.read_graphml(tmp_path / "big.graphml").number_of_edges() == 1_000_000
