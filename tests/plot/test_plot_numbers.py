"""The numbers of every plot as a frame, in any time zone; axes of times, scales, arrows and words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import matplotlib as mpl
import networkx as nx
import numpy as np
import pandas as pd
import pytest

import xframes as xf
from xframes.errors import ArgumentError
from xframes.plot.canvas.moments import stamps

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch

DAY = timedelta(days=1)
START = datetime(2026, 2, 24, tzinfo=UTC)
DAYS = [START + n * DAY for n in range(12)]
BERLIN = ZoneInfo("Europe/Berlin")
USAGE = pd.DataFrame({"date": [day.date() for day in DAYS], "usage": range(12)})
POSTS = pd.DataFrame({"id": [str(n) for n in range(12)], "created_at": [day + timedelta(hours=23, minutes=30) for day in DAYS],
                      "lang": list("aabbbbaaaaab"), "text": "Tea tea and more"})
COUNTS = pd.DataFrame({"query": "tea", "granularity": "day", "start_at": DAYS, "end_at": [*DAYS[1:], DAYS[-1] + DAY / 2], "post_count": range(12)})
COMPLETENESS = COUNTS.rename(columns={"post_count": "counted"}).assign(collected=1, missing=2)
ANALYTICS = pd.DataFrame({"post_id": ["1"] * 6 + ["2"] * 6, "granularity": "daily", "at": DAYS[:6] * 2, "impressions": range(100, 112),
                          "likes": 1, "observed_at": DAYS[5] + DAY / 2})
HISTORY = pd.DataFrame({"post_id": ["1"] * 6 + ["2"] * 6, "observed_at": DAYS, "like_count": [5] * 6 + [900] * 6})
PLAYBACK = pd.DataFrame({"media_key": ["3_1"], "granularity": ["total"], "at": [START], "playback_start": [200], "playback25": [100],
                         "playback50": [50], "playback75": [40], "playback_complete": [20]})
EDGES = pd.DataFrame({"source": list("abb"), "target": list("bac"), "weight": [1, 2, 3]})
THREAD = pd.DataFrame({"id": list("ab"), "parent_id": [None, "a"], "depth": [0, 1], "present": True, "text": "t"})
PLACES = pd.DataFrame({"latitude": [1.0, 1.0], "longitude": [2.0, 2.0]})
PLOTS = {  # arguments, and the columns of the numbers
    "timeline": ((POSTS,), ["start_at", "end_at", "posts", "is_over"]),
    "counts": ((COUNTS,), ["query", "granularity", "start_at", "end_at", "post_count", "is_cut"]),
    "completeness": ((COMPLETENESS,), ["query", "granularity", "start_at", "end_at", "counted", "collected", "missing"]),
    "heatmap": ((POSTS,), ["weekday", "hour", "posts"]), "analytics": ((ANALYTICS,), ["at", "impressions", "is_over"]),
    "metric_history": ((HISTORY,), ["post_id", "observed_at", "like_count"]),
    "retention": ((PLAYBACK,), ["media_key", "position", "plays", "share", "of_all_time"]),
    "usage": ((USAGE,), ["start_at", "posts", "sum", "cap", "is_over"]), "top": ((POSTS.rename(columns={"lang": "tag"}),), ["value", "posts"]),
    "network": ((EDGES,), ["source", "target", "weight", "source_name", "target_name"]),
    "thread": ((THREAD,), ["id", "parent_id", "depth", "present", "text"]),
    "map": ((PLACES,), ["longitude", "latitude", "posts", "name", "is_exact", "west", "south", "east", "north"]),
}
OVER_TIME = ["timeline", "counts", "completeness", "analytics", "metric_history", "usage"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def labels(ax):
    ax.figure.canvas.draw()
    return [label.get_text() for label in ax.get_xticklabels()]


# numbers --------------------------------------------------------------------------------------------------------------


def test_every_plot_has_its_numbers():
    assert set(PLOTS) == {name for name in xf.plot.__all__ if name != "STYLE"}


@pytest.mark.parametrize("name", PLOTS)
def test_the_numbers_of_a_plot_are_a_frame(name):
    arguments, columns = PLOTS[name]
    numbers = getattr(xf.plot, name).data(*arguments)
    assert list(numbers) == columns
    assert len(numbers) > 0
    assert numbers.index.equals(pd.RangeIndex(len(numbers)))
    assert not plt.get_fignums()


@pytest.mark.parametrize("name", PLOTS)
def test_numbers_of_nothing_are_refused_as_the_plot_is(name):
    with pytest.raises(ArgumentError):
        getattr(xf.plot, name).data(xf.flatten([]))


def test_the_numbers_are_those_drawn():
    numbers = xf.plot.timeline.data(POSTS, every="day", by="lang")
    ax = xf.plot.timeline(POSTS, every="day", by="lang")
    for patch in ax.patches:
        assert patch.get_data().values.tolist() == numbers.loc[numbers["lang"] == patch.get_label(), "posts"].tolist()
    line = xf.plot.counts(COUNTS).get_lines()[0]
    assert line.get_ydata().tolist() == xf.plot.counts.data(COUNTS).query("not is_cut")["post_count"].tolist()
    assert xf.plot.analytics.data(ANALYTICS)["impressions"].tolist() == [206, 208, 210, 212, 214, 216]
    assert xf.plot.analytics.data(ANALYTICS)["is_over"].tolist() == [True] * 5 + [False]
    assert xf.plot.analytics.data(ANALYTICS, each=True)["post_id"].value_counts().to_dict() == {"1": 6, "2": 6}
    totals = ANALYTICS.assign(granularity="total", at=None).drop_duplicates("post_id")
    assert xf.plot.analytics.data(totals).to_dict("list") == {"post_id": ["2", "1"], "impressions": [106, 100]}
    assert xf.plot.usage.data(USAGE, reset_day=1)["sum"].tolist()[-2:] == [5 + 6 + 7 + 8 + 9 + 10, 5 + 6 + 7 + 8 + 9 + 10 + 11]


# time zones -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OVER_TIME)
def test_every_plot_over_time_takes_a_time_zone(name):
    (frame,), _ = PLOTS[name]
    plot = getattr(xf.plot, name)
    ax = plot(frame, tz="Europe/Berlin")
    assert "Europe/Berlin" in ax.get_xlabel()
    assert ax.xaxis.get_major_formatter()._zone == BERLIN
    numbers = plot.data(frame, tz="Europe/Berlin")
    assert {str(dtype.tz) for dtype in numbers.dtypes if isinstance(dtype, pd.DatetimeTZDtype)} == {"Europe/Berlin"}
    for draw in (plot, plot.data):
        with pytest.raises(ArgumentError, match=r"^tz"):
            draw(frame, tz="Middle/Earth")


def test_days_begin_at_midnight_of_the_zone():
    numbers = xf.plot.timeline.data(POSTS, every="day", tz="Europe/Berlin")
    assert numbers["start_at"].iloc[0] == datetime(2026, 2, 25, tzinfo=BERLIN)  # half past midnight there
    assert numbers["posts"].sum() == 12
    new_york = xf.plot.timeline.data(POSTS, every="month", tz="America/New_York")
    assert new_york["posts"].tolist() == [5, 7]


@pytest.mark.parametrize("every", ["minute", "10 minutes", "hour", "6 hours", "day", "week"])
@pytest.mark.parametrize("tz", ["Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo", "UTC"])
@pytest.mark.parametrize("start", [datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2018, 11, 3, 20, tzinfo=UTC), datetime(2018, 2, 17, 20, tzinfo=UTC)])
def test_no_post_is_lost_where_the_clock_is_set(every, tz, start):
    times = pd.DataFrame({"created_at": [start + n * timedelta(minutes=37) for n in range(30)]})
    numbers = xf.plot.timeline.data(times, every=every, tz=tz)
    assert numbers["posts"].sum() == 30
    assert (numbers["end_at"] > numbers["start_at"]).all()
    assert (numbers["start_at"].iloc[1:].to_numpy() == numbers["end_at"].iloc[:-1].to_numpy()).all()
    first, last = times["created_at"].iloc[[0, -1]]
    assert numbers["start_at"].iloc[0] <= first
    assert numbers["start_at"].iloc[-1] <= last < numbers["end_at"].iloc[-1]


# the axis of times ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OVER_TIME)
def test_the_first_tick_has_its_month_and_year(name):
    (frame,), _ = PLOTS[name]
    first, *others = labels(getattr(xf.plot, name)(frame))
    assert "Feb" in first
    assert "2026" in first
    assert others


@pytest.mark.parametrize(("times", "days", "expected"), [
    (["2026-02-22", "2026-02-26", "2026-03-02"], 12, ["22\nFeb 2026", "26", "2\nMar"]),
    (["2025-12-30", "2026-01-01", "2026-01-03"], 5, ["30\nDec 2025", "1\nJan 2026", "3"]),
    (["2025-11-01", "2026-01-01", "2026-03-01"], 150, ["Nov\n2025", "Jan\n2026", "Mar"]),
    (["2024-01-01", "2025-01-01"], 900, ["2024", "2025"]),
    (["2025-12-31T18:00", "2026-01-01T00:00", "2026-01-01T06:00"], 0.8, ["18:00\nDec 31, 2025", "00:00\nJan 1, 2026", "06:00"]),
    (["2026-02-22T18:00:30", "2026-02-22T18:00:40"], 0.01, ["18:00:30\nFeb 22, 2026", "18:00:40"]),
    (["2026-01-01"], 10, ["1\nJan 2026"]), ([], 10, []),
])
def test_ticks_have_what_changes(times, days, expected):
    assert stamps([datetime.fromisoformat(time) for time in times], days) == expected


@pytest.mark.parametrize("name", ["counts", "metric_history", "analytics"])
def test_a_single_point_is_visible_on_an_axis_of_a_day(name):
    (frame,), _ = PLOTS[name]
    ax = getattr(xf.plot, name)(frame.head(1).assign(observed_at=DAYS[3]))
    low, high = ax.get_xlim()
    assert high - low < 2
    assert any(line.get_marker() == "o" and len(line.get_xdata()) == 1 for line in ax.get_lines())


def test_a_point_between_gaps_is_visible():
    ax = xf.plot.counts(COUNTS.iloc[[0, 1, 5, 8, 9]])
    line = ax.get_lines()[0]
    assert [line.get_ydata()[place] for place in line.get_markevery()] == [5]


def test_a_hollow_last_point_is_not_next_to_the_legend():
    ax = xf.plot.counts(COUNTS)
    ax.figure.canvas.draw()
    last = max(x for line in ax.get_lines() for x in mpl.dates.date2num(line.get_xdata()) if line.get_fillstyle() == "none")
    point = ax.transData.transform((last, 0))[0]
    assert ax.get_legend().get_window_extent().x0 - point > 20


# scales ---------------------------------------------------------------------------------------------------------------


def test_lines_that_differ_by_100_times_have_a_logarithmic_scale():
    ax = xf.plot.analytics(ANALYTICS, metrics=["impressions", "likes"])
    assert ax.get_yscale() == "symlog"
    assert "log" in ax.get_ylabel()
    assert ax.get_ylim()[0] == 0
    assert ax.yaxis.get_major_formatter()(1000) == "1K"
    assert xf.plot.metric_history(HISTORY).get_yscale() == "symlog"
    apart = pd.concat([COUNTS, COUNTS.assign(query="coffee", post_count=COUNTS["post_count"] * 100)])
    assert xf.plot.counts(apart).get_yscale() == "symlog"
    totals = ANALYTICS.assign(granularity="total").drop_duplicates("post_id")
    bars = xf.plot.analytics(totals, metrics=["impressions", "likes"])
    assert bars.get_xscale() == "symlog"
    assert bars.get_xlim()[1] > 106


def test_lines_of_like_size_have_a_linear_scale():
    tags = POSTS.rename(columns={"lang": "tag"})
    for ax in (xf.plot.analytics(ANALYTICS), xf.plot.counts(COUNTS), xf.plot.metric_history(HISTORY.head(6)), xf.plot.top(tags)):
        assert ax.get_yscale() == ax.get_xscale() == "linear"


def test_only_zeros_have_whole_ticks():
    ax = xf.plot.metric_history(HISTORY.assign(like_count=0))
    assert ax.get_ylim() == (0, 1)


# networks -------------------------------------------------------------------------------------------------------------


def arrows(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


def test_edges_of_a_network_have_arrows_to_their_targets():
    ax = xf.plot.network(EDGES)
    places = ax.collections[1].get_offsets()
    ends = {tuple(np.argmin(((places - end) ** 2).sum(axis=1)) for end in arrow._posA_posB) for arrow in arrows(ax)}
    order = xf.plot.network.data(EDGES)
    nodes = ["b", "a", "c"]  # most connections first
    assert ends == {(nodes.index(source), nodes.index(target)) for source, target in zip(order["source"], order["target"], strict=True)}
    assert len(ax.collections[0].get_segments()) == 2  # one line for both directions
    assert order["weight"].tolist() == [1, 2, 3]


def test_edges_without_a_direction_have_no_arrows():
    assert not arrows(xf.plot.network(EDGES, directed=False))
    assert xf.plot.network.data(EDGES, directed=False)["weight"].tolist() == [3, 3]
    graph = nx.from_pandas_edgelist(EDGES, create_using=nx.Graph)
    assert not arrows(xf.plot.network(graph))
    assert len(arrows(xf.plot.network(nx.from_pandas_edgelist(EDGES, create_using=nx.DiGraph)))) == 3


def test_nodes_have_names_in_the_numbers():
    numbers = xf.plot.network.data(EDGES, names={"a": "@ada"})
    assert numbers["source_name"].tolist() == ["@ada", "b", "b"]


# words, links and languages -------------------------------------------------------------------------------------------


def test_words_count_once_per_post_in_any_script():
    texts = pd.DataFrame({"text": ["Tea tea &amp; TEA", "tea, coffee https://t.co/tea @tea", "今天 tea", "今天喝茶", None]})
    numbers = xf.plot.top.data(texts, of="words", most=3)
    assert numbers.to_dict("list") == {"value": ["tea", "今天", "coffee"], "posts": [3, 2, 1]}


def test_links_count_exactly_and_without_those_of_x():
    links = pd.DataFrame({"expanded_url": ["https://a.example/Xy", "https://a.example/xy", "https://a.example/Xy", "https://x.com/z", None, "no link"],
                          "unwound_url": [None, None, None, None, "https://b.example/1", None]})
    assert xf.plot.top.data(links[["expanded_url"]], of="urls").to_dict("list") == {"value": ["https://a.example/Xy", "https://a.example/xy"], "posts": [2, 1]}
    assert xf.plot.top.data(links, of="domains").to_dict("list") == {"value": ["a.example", "b.example"], "posts": [3, 1]}


def test_long_links_have_labels_that_differ():
    links = pd.DataFrame({"expanded_url": [f"https://example.org/a/very/long/path/that/goes/on/{n}" for n in range(3)]})
    ax = xf.plot.top(links, of="urls")
    assert len({label.get_text() for label in ax.get_yticklabels()}) == 3


def test_languages_are_counted():
    assert xf.plot.top.data(POSTS, of="languages").to_dict("list") == {"value": ["a", "b"], "posts": [7, 5]}
