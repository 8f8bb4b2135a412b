"""What comes up most, when, where, between whom, and what is missing."""

from datetime import UTC, datetime, timedelta

import matplotlib as mpl
import networkx as nx
import pandas as pd
import polars as pl
import pytest

import xframes as xf
from xframes.errors import ArgumentError

mpl.use("Agg")
from matplotlib import pyplot as plt

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def bars(ax):
    return dict(zip([label.get_text() for label in ax.get_yticklabels()], [bar.get_width() for bar in ax.patches], strict=True))


# most -----------------------------------------------------------------------------------------------------------------


def test_hashtags_count_posts_once_whatever_their_case():
    tags = pd.DataFrame({"tag": ["Tea", "tea", "TEA", "tea", "oat"], "post_id": ["1", "1", "2", "3", "3"]})
    ax = xf.plot.top(tags)
    assert bars(ax) == {"#tea": 3, "#oat": 1}
    assert ax.get_xlabel() == "posts"
    assert [text.get_text() for text in ax.texts] == ["3", "1"]


def test_authors_can_be_counted_instead_of_posts():
    tags = pd.DataFrame({"tag": ["a", "a", "a", "b", "b"], "post_id": list("12345"), "author_id": ["9", "9", "9", "7", "8"]})
    assert list(bars(xf.plot.top(tags, count="authors"))) == ["#b", "#a"]
    assert list(bars(xf.plot.top(tags))) == ["#a", "#b"]
    with pytest.raises(ArgumentError, match=r"'author_id'.*: tag"):
        xf.plot.top(tags[["tag"]], count="authors")


def test_domains_are_those_of_links_and_not_xs_own():
    links = pd.DataFrame({"expanded_url": ["https://www.Example.org/a?b", "http://example.org:80/", "https://x.com/a/status/1",
                                           "example.net/page", "http://[broken", None, "https://t.co/x"]})
    assert bars(xf.plot.top(links, of="domains")) == {"example.org": 2, "example.net": 1}


def test_emoji_are_counted_whole_and_called_by_name():
    texts = pd.DataFrame({"text": ["\U0001f469\u200d\U0001f680 go \U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680 \u2615\ufe0f", "\U0001f1e9\U0001f1ea #1 © 5",
                                   "\U0001f44d\U0001f3fd", None, "1\ufe0f\u20e3"]})
    found = {label.split("  ")[-1].removeprefix("☕ ").removeprefix("1⃣ "): n for label, n in bars(xf.plot.top(texts, of="emoji")).items()}
    assert found == {"woman + rocket": 1 + 1, "hot beverage": 1, "flag DE": 1, "thumbs up sign + medium skin": 1, "keycap 1": 1}


def test_authors_and_mentions_have_their_sign():
    assert bars(xf.plot.top(pd.DataFrame({"author_id": ["12", "12", "13"]}), of="authors")) == {"12": 2, "13": 1}
    assert bars(xf.plot.top(pl.DataFrame({"username": ["ada", "Ada", "bo"]}), of="mentions", most=1)) in ({"@ada": 2}, {"@Ada": 2})


@pytest.mark.parametrize(("arguments", "named"), [
    ({"of": "verbs"}, "^of: .*hashtags, cashtags, mentions, authors, urls, domains, words.*'verbs'"),
    ({"count": "likes"}, "^count: .*posts or authors.*'likes'"), ({}, "hashtags"),
])
def test_top_names_the_wrong_argument_and_its_choices(arguments, named):
    with pytest.raises(ArgumentError, match=named):
        xf.plot.top(xf.flatten([]), **arguments)
    with pytest.raises(ArgumentError, match=r"'tag'.*: a$"):
        xf.plot.top(pd.DataFrame({"a": [1]}))


# when -----------------------------------------------------------------------------------------------------------------


def cells(ax):
    return ax.collections[0].get_array().reshape(7, 24)


@pytest.mark.parametrize(("moment", "tz", "day", "hour"), [
    ("2026-03-08T06:59Z", "America/New_York", 6, 1), ("2026-03-08T07:00Z", "America/New_York", 6, 3),  # 2:00 there is not
    ("2026-10-25T00:30Z", "Europe/Berlin", 6, 2), ("2026-10-25T01:30Z", "Europe/Berlin", 6, 2),  # 2:30 comes twice
    ("2026-01-04T20:00Z", "Asia/Kolkata", 0, 1), ("2026-01-05T23:59Z", "UTC", 0, 23),
])
def test_the_heatmap_has_the_hours_clocks_showed(moment, tz, day, hour):
    found = cells(xf.plot.heatmap(pd.DataFrame({"created_at": [pd.Timestamp(moment)]}), tz=tz))
    assert found[day, hour] == found.sum() == 1


def test_the_heatmaps_mean_is_a_weekday_and_hour_as_often_as_it_came():
    times = [START + timedelta(days=n) for n in range(8)] + [START + timedelta(minutes=5)]  # two Sundays, one of the rest
    ax = xf.plot.heatmap(pd.DataFrame({"created_at": times}), mean=True)
    assert cells(ax)[6, 0] == pytest.approx(3 / 1.25, abs=0.01)  # the second Sunday had its first quarter only
    assert cells(ax)[0, 0] == 1
    assert ax.figure.axes[-1].get_ylabel() == "posts per hour"


def test_few_posts_of_a_heatmap_are_near_the_background():
    def shade_of_zero():
        mesh = xf.plot.heatmap(pd.DataFrame({"created_at": [START]})).collections[0]
        return sum(mesh.get_cmap()(0.0)[:3])

    assert shade_of_zero() > 2
    with plt.style.context("dark_background"):
        assert shade_of_zero() < 1


def test_circles_of_a_crowded_map_are_smaller():
    def largest(places):
        ax = xf.plot.map(pd.DataFrame({"latitude": range(places), "longitude": range(places)}))
        return max(ax.collections[0].get_sizes())

    assert largest(80) < largest(8)


def test_the_heatmap_says_which_zones_there_are():
    ax = xf.plot.heatmap(pd.DataFrame({"created_at": [START]}), tz="Asia/Tokyo")
    assert ax.get_xlabel() == "hour of the day (Asia/Tokyo)"
    assert [label.get_text() for label in ax.get_yticklabels()] == "Mon Tue Wed Thu Fri Sat Sun".split()
    for wrong in ("Mars/Base", "../etc", ""):
        with pytest.raises(ArgumentError, match=f"tz: .*{wrong!r}"):
            xf.plot.heatmap(pd.DataFrame({"created_at": [START]}), tz=wrong)
    with pytest.raises(ArgumentError, match="created_at"):
        xf.plot.heatmap(xf.flatten([]))


# what is missing ------------------------------------------------------------------------------------------------------


def checked(counted, collected, query="tea", granularity="hour"):
    step = {"hour": timedelta(hours=1), "day": timedelta(days=1)}[granularity]
    return pd.DataFrame([
        {"query": query, "granularity": granularity, "start_at": START + n * step, "end_at": START + (n + 1) * step,
         "counted": a, "collected": b, "missing": max(a - b, 0)} for n, (a, b) in enumerate(zip(counted, collected, strict=True))])


def test_completeness_draws_both_numbers_and_shades_what_is_missing():
    ax = xf.plot.completeness(checked([5, 4, 3, 2, 9], [5, 1, 0, 3, 8]))

    collected, counted = ax.patches
    assert list(collected.get_data().values) == [5, 1, 0, 3, 8]
    assert list(counted.get_data().values) == [5, 4, 3, 2, 9]
    spans = [path.get_extents() for path in ax.collections[0].get_paths()]
    assert ax.get_ylim()[1] == pytest.approx(9 * 1.05)
    assert [(round((s.x0 - mpl.dates.date2num(START)) * 24), round(s.width * 24)) for s in spans] == [(1, 2), (4, 1)]
    assert legend(ax) == ["collected: 17", "counted by X: 23", "missing: 7 in 2 windows"]
    assert ax.get_legend().get_title().get_text() == "tea"
    assert ax.get_ylabel() == "posts per hour"


def test_completeness_is_of_one_query_and_leaves_gaps_where_nothing_was_counted():
    both = pd.concat([checked([5], [5]), checked([1, 2, 3], [1, 2, 3], query="oat")])
    with pytest.raises(ArgumentError, match=r"query: .*'tea', 'oat'"):
        xf.plot.completeness(both)
    drawn = xf.plot.completeness(both.iloc[[0, 1, 3]], query="oat").patches[0].get_data()
    assert list(drawn.values)[::2] == [1, 3]
    assert pd.isna(drawn.values[1])
    with pytest.raises(ArgumentError, match=r"xf\.counts\.recent\("):
        xf.plot.completeness(checked([], []).reindex(columns=both.columns))
    with pytest.raises(ArgumentError, match="query="):
        xf.plot.completeness(xf.flatten([]))


def test_one_window_and_one_edge_are_in_the_singular():
    assert legend(xf.plot.completeness(checked([5, 4], [5, 1])))[-1] == "missing: 3 in 1 window"
    ax = xf.plot.network(pd.DataFrame({"source": ["a"], "target": ["b"]}))
    assert ax.get_xlabel().startswith("2 nodes, 1 edge;")


# between whom ---------------------------------------------------------------------------------------------------------

EDGES = pd.DataFrame({"source": ["a", "b", "c", "a", "d", "a"], "target": ["b", "a", "a", "d", "e", "a"], "weight": [2, 1, 1, 5, 1, 9]})


def sizes(ax):
    return sorted(ax.collections[1].get_sizes(), reverse=True)


def test_a_network_joins_each_pair_once_and_sizes_nodes_by_connections():
    ax = xf.plot.network(EDGES)

    lines, nodes = ax.collections
    assert len(lines.get_segments()) == 4  # a and b once, a with itself not
    assert len(nodes.get_offsets()) == 5
    assert sizes(ax)[0] > sizes(ax)[1] > sizes(ax)[2] == sizes(ax)[-1]  # a has 3, d has 2
    assert ax.get_xlabel() == "5 nodes, 4 edges; size: connections (at most 3)"
    assert max(lines.get_linewidths()) == lines.get_linewidths()[[tuple(s) for s in (("a", "b"), ("a", "c"), ("a", "d"), ("d", "e"))].index(("a", "d"))]
    assert {"a", "d"} <= {text.get_text() for text in ax.texts}


def test_a_network_is_the_same_every_time_and_from_a_graph():
    first = xf.plot.network(EDGES).collections[1].get_offsets()
    again = xf.plot.network(EDGES.iloc[::-1]).collections[1].get_offsets()
    assert first.tolist() == again.tolist()
    graph = nx.from_pandas_edgelist(EDGES, edge_attr="weight", create_using=nx.DiGraph)
    nx.set_node_attributes(graph, {"a": "Ada"}, "label")
    ax = xf.plot.network(graph, labels=1)
    assert ax.collections[1].get_offsets().tolist() == first.tolist()
    assert [text.get_text() for text in ax.texts] == ["Ada"]


def test_a_large_network_shows_the_nodes_with_most_and_says_so():
    ax = xf.plot.network(EDGES, most=3, names={"a": "@ada"}, labels=1)
    assert ax.get_xlabel().startswith("3 of 5 nodes, 2 edges")
    assert [text.get_text() for text in ax.texts] == ["@ada"]


def test_those_connected_are_nearer_than_those_who_are_not():
    ends = [(f"{group}{a}", f"{group}{b}") for group in "xy" for a in range(6) for b in range(a)] + [("x0", "y0")]
    ax = xf.plot.network(pd.DataFrame(ends, columns=["source", "target"]), labels=12)
    named = {text.get_text(): text.xy for text in ax.texts}
    def apart(a, b):
        return sum((p - q) ** 2 for p, q in zip(named[a], named[b], strict=True)) ** 0.5
    assert apart("x1", "x2") < apart("x1", "y2") / 2


def test_labels_of_a_network_never_overlap():
    star = pd.DataFrame({"source": ["middle of it all"] * 40, "target": [f"a rather long name {n}" for n in range(40)]})
    ax = xf.plot.network(star, labels=41)
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) > 5
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_no_edges_and_no_such_kind_are_said():
    with pytest.raises(ArgumentError, match=r"xf\.networks\.KINDS"):
        xf.plot.network(xf.flatten([]))
    with pytest.raises(ArgumentError, match="kind"):
        xf.plot.network(xf.flatten([]), kind="poke")
    with pytest.raises(ArgumentError, match="'source'"):
        xf.plot.network(pd.DataFrame({"a": [1]}))


def tree(*rows):
    columns = ["id", "parent_id", "depth", "username", "text", "present"]
    return pd.DataFrame([(i, p, d, f"u{i}", f"text {i} &amp; more https://t.co/abc", ok) for i, p, d, ok in rows], columns=columns)


def test_a_thread_is_a_row_for_each_post_under_what_it_answers():
    ax = xf.plot.thread(tree(("1", None, 0, True), ("2", "1", 1, False), ("3", "2", 2, True), ("4", "1", 1, True)))

    lines, here, missing = ax.collections
    assert here.get_offsets().tolist() == [[0, 0], [2, 2], [1, 3]]
    assert missing.get_offsets().tolist() == [[1, 1]]
    assert [segment[0].tolist() for segment in lines.get_segments()] == [[0, 0], [1, 1], [0, 0]]
    assert [text.get_text() for text in ax.texts] == ["@u1: text 1 & more", "2 (not collected)", "@u3: text 3 & more", "@u4: text 4 & more"]


def test_of_a_long_thread_the_shape_is_drawn_or_its_beginning():
    posts = tree(("0", None, 0, True), *[(str(n), str(n - 1), n, n != 7) for n in range(1, 200)])
    ax = xf.plot.thread(posts)
    assert not ax.texts
    assert len(ax.collections[1].get_offsets()) == 199
    assert ax.get_xlabel() == "depth of replies\n200 posts, 1 of them not collected (orange)"
    ax = xf.plot.thread(posts, texts=True, most=50)
    assert ax.texts[-1].get_text() == "and 150 more"
    assert ax.collections[1].get_offsets()[:, 0].max() == 30  # deeper ones are moved no further


def test_a_thread_says_what_it_needs():
    with pytest.raises(ArgumentError, match="post_id"):
        xf.plot.thread(xf.flatten([]))
    with pytest.raises(ArgumentError, match=r"post 5.*conversation_id:5"):
        xf.plot.thread(xf.flatten([]), post_id=5)
    with pytest.raises(ArgumentError):
        xf.plot.thread(tree())


# where ----------------------------------------------------------------------------------------------------------------


def circles(ax):
    return {tuple(point): size for spots in ax.collections for point, size in zip(spots.get_offsets().tolist(), spots.get_sizes(), strict=True)}


def test_a_map_has_a_circle_for_each_place_its_area_by_posts():
    box = {"west": 10.0, "south": 50.0, "east": 12.0, "north": 52.0, "full_name": "Middle, Nowhere"}
    ax = xf.plot.map(pd.DataFrame([box, box, box, box, {"latitude": -33.0, "longitude": 18.0}]))

    assert circles(ax)[11.0, 51.0] == 4 * circles(ax)[18.0, -33.0]
    assert ax.patches[0].get_bbox().extents.tolist() == [10, 50, 12, 52]
    assert [text.get_text() for text in ax.texts] == ["Middle, Nowhere: 4"]
    assert legend(ax) == ["places (their middle): 4 posts", "exact points: 1 post"]
    assert ax.get_legend().get_title().get_text() == "area: posts (at most 4)"
    ax.figure.draw_without_rendering()
    assert any(label.get_text().endswith("°S") for label in ax.get_yticklabels())
    assert ax.xaxis.get_gridlines()[0].get_visible()


def test_a_map_stays_in_the_world_and_crosses_the_date_line():
    ax = xf.plot.map(pd.DataFrame([{"west": 170.0, "south": -20.0, "east": -178.0, "north": -16.0}, {"west": -170.0, "south": 70.0, "east": -160.0, "north": 72.0}]))
    assert (176.0, -18.0) in circles(ax)
    assert -180 <= ax.get_xlim()[0] < ax.get_xlim()[1] <= 180
    assert -90 <= ax.get_ylim()[0] < ax.get_ylim()[1] <= 90


def test_a_map_without_places_says_so():
    with pytest.raises(ArgumentError, match="has:geo"):
        xf.plot.map(xf.flatten([]))
    with pytest.raises(ArgumentError, match=r"'latitude' and 'longitude'.*: a$"):
        xf.plot.map(pd.DataFrame({"a": [1]}))
