"""Plots of odd input: what other tools hand over, bad values, dark styles, small axes, long names, many lines."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import xframes as xf
from xframes.errors import ArgumentError
from xframes.plot.canvas.drawing import short

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = [START + n * DAY for n in range(10)]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def posts(times=DAYS, **more):
    return pd.DataFrame({"id": [str(n) for n in range(len(times))], "created_at": times, **more})


def analytics(values, post="1", at=DAYS, granularity="daily", **more):
    return pd.DataFrame({"post_id": post, "granularity": granularity, "at": at[: len(values)], "impressions": values, **more})


def counts(values, query="q", at=DAYS, granularity="day", length=DAY):
    return pd.DataFrame({"query": query, "granularity": granularity, "start_at": at[: len(values)],
                         "end_at": [one + length for one in at[: len(values)]], "post_count": values})


def completeness(query="q"):
    return pd.DataFrame({"query": query, "granularity": "day", "start_at": DAYS, "end_at": [one + DAY for one in DAYS],
                         "counted": 5, "collected": 4, "missing": 1})


def playback(*plays):
    names = ("playback_start", "playback25", "playback50", "playback75", "playback_complete")
    return pd.DataFrame({"media_key": ["3_1"], "granularity": ["total"], "at": [START],
                         **{name: [value] for name, value in zip(names, plays, strict=True)}})


def heights(ax):
    return [int(v) for v in ax.patches[0].get_data().values]


def drawn(ax):
    return [v for line in ax.get_lines() for v in np.asarray(line.get_ydata(), dtype=float) if not np.isnan(v)]


# what holds the rows --------------------------------------------------------------------------------------------------


def test_what_arrow_streams_and_what_polars_has_not_computed_yet_is_drawn(tmp_path):
    arrow = pa.Table.from_pandas(posts())
    xf.flatten([]).sql("select 1")
    for frame in (arrow.to_reader(), pl.from_arrow(arrow).lazy(), xf.Archive(tmp_path).sql("select '1' as id, now() as created_at").arrow()):
        assert sum(heights(xf.plot.timeline(frame, every="day"))) in {1, 10}


@pytest.mark.parametrize("times", [
    ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00.123Z"],
    ["2026-03-01 10:00:00", "2026-03-01T12:00:00+02:00"],
    ["2026-03-01T10:00:00Z", None, "2026-03-01T10:00Z"],
])
def test_times_may_be_text_in_several_spellings(times):
    assert heights(xf.plot.timeline(posts(times), every="hour")) == [2]


@pytest.mark.parametrize("times", [["soon", "later"], [1, 2], ["2026-03-01T10:00:00Z", "x"], [1.5, None]])
def test_what_is_no_time_is_refused_by_name(times):
    with pytest.raises(ArgumentError, match="created_at"):
        xf.plot.timeline(posts(times))


@pytest.mark.parametrize("values", [["1", "2"], [Decimal(1), Decimal(2)]])
def test_numbers_may_be_text_and_decimals(values):
    frame = pd.concat([analytics(values), analytics(values, post="2")])
    assert drawn(xf.plot.analytics(frame, annotate=0)) == [2, 4]
    assert drawn(xf.plot.counts(counts(values))) == [1, 2]


@pytest.mark.parametrize("draw", [
    lambda: xf.plot.analytics(analytics(["many", "few"])),
    lambda: xf.plot.counts(counts(["many", "few"])),
    lambda: xf.plot.completeness(completeness().assign(counted="many")),
    lambda: xf.plot.retention(playback("many", "a", "b", "c", "d")),
    lambda: xf.plot.usage(pd.DataFrame({"date": DAYS, "usage": "many"})),
    lambda: xf.plot.metric_history(pd.DataFrame({"post_id": "1", "observed_at": DAYS, "like_count": "many"})),
    lambda: xf.plot.map(pd.DataFrame({"latitude": ["many"], "longitude": [1]})),
    lambda: xf.plot.network(pd.DataFrame({"source": ["a"], "target": ["b"], "weight": ["many"]})),
])
def test_what_is_no_number_is_refused(draw):
    with pytest.raises(ArgumentError, match="'many'"):
        draw()


def test_what_has_no_end_is_a_gap():
    endless = [1.0, float("inf"), 3.0]
    assert drawn(xf.plot.analytics(analytics(endless), annotate=0)) == [1, 3]
    xf.plot.analytics(analytics(endless, post=["1", "2", "3"], granularity="total"))
    xf.plot.usage(pd.DataFrame({"date": DAYS[:3], "usage": endless}))
    xf.plot.map(pd.DataFrame({"latitude": endless, "longitude": endless}))
    xf.plot.network(pd.DataFrame({"source": list("abc"), "target": list("bcd"), "weight": endless})).figure.canvas.draw()


@pytest.mark.parametrize("weights", [[0, 0, 0], [-5, -1, 3]])
def test_weights_may_be_zero_or_less(weights):
    xf.plot.network(pd.DataFrame({"source": list("abc"), "target": list("bcd"), "weight": weights})).figure.canvas.draw()


@pytest.mark.parametrize("draw", [
    lambda: xf.plot.heatmap(posts(), tz=None),
    lambda: xf.plot.counts(counts([1, 2], granularity="fortnight")),
    lambda: xf.plot.metric_history(pd.DataFrame({"post_id": ["1", "1"], "observed_at": DAYS[:2]}), metric="post_id"),
    lambda: xf.plot.timeline(posts([START, START + 800 * DAY]), every="minute"),
    lambda: xf.plot.timeline(posts([START]), "lang"),
])
def test_what_cannot_be_drawn_is_said(draw):
    with pytest.raises(ArgumentError):
        draw()


def test_none_wanted_is_one_drawn():
    assert len(xf.plot.top(pd.DataFrame({"tag": ["a", "a", "b", ""]}), most=0).patches) == 1
    assert len(xf.plot.top(pd.DataFrame({"tag": ["a", "a", "b", ""]})).patches) == 2  # a tag without letters is none
    assert len(xf.plot.analytics(analytics([1, 2, 3], post=["1", "2", "3"], granularity="total"), top=0).patches) == 1


def test_usage_of_projects_without_an_id_is_drawn():
    frame = pd.DataFrame({"scope": "project", "id": ["7", None], "date": DAYS[:2], "usage": [5, 6]})
    assert [bar.get_height() for bar in xf.plot.usage(frame).patches] == [5, 6]


# what is true ---------------------------------------------------------------------------------------------------------


def test_counts_are_not_joined_over_what_was_not_counted():
    frame = pd.concat([counts([1, 2]), counts([8, 9], at=DAYS[6:])])
    values = np.asarray(xf.plot.counts(frame).get_lines()[0].get_ydata(), dtype=float)
    assert np.isnan(values[2])
    assert values[~np.isnan(values)].tolist() == [1, 2, 8, 9]


def test_a_span_cut_short_is_left_out_where_the_whole_is_known():
    late = counts([3], at=[START + timedelta(hours=10)], length=timedelta(hours=14))
    ax = xf.plot.counts(pd.concat([counts([7, 8]), late]))
    assert drawn(ax) == [7, 8]
    assert drawn(xf.plot.counts(pd.concat([counts([8], at=DAYS[1:]), late]))) == [8, 3]


def test_days_that_begin_at_another_hour_are_drawn_too():
    noon = [one + timedelta(hours=12) for one in DAYS]
    frame = pd.concat([analytics([1, 2, 3]), analytics([10, 20], at=noon[5:])])
    assert sorted(drawn(xf.plot.analytics(frame, annotate=0))) == [1, 2, 3, 10, 20]


def test_more_watched_later_than_begun_stays_in_the_picture():
    ax = xf.plot.retention(playback(100, 130, 90, 50, 20))
    assert ax.get_ylim()[1] > 130


def test_numbers_just_below_a_thousand_stay_short():
    assert [short(n) for n in (999.7, 99.96, 9.994, 0.5, 999_960, -1500)] == ["1K", "100", "9.99", "0.5", "1M", "-1.5K"]


# what can be read -----------------------------------------------------------------------------------------------------


PICTURES = {
    "timeline": lambda **k: xf.plot.timeline(posts(lang=list("aabbbbcdef")), every="day", by="lang", **k),
    "counts": lambda **k: xf.plot.counts(counts([1, 2, 3]), **k),
    "completeness": lambda **k: xf.plot.completeness(completeness(), **k),
    "heatmap": lambda **k: xf.plot.heatmap(posts(), **k),
    "analytics": lambda **k: xf.plot.analytics(analytics([1, 2, 3]), **k),
    "retention": lambda **k: xf.plot.retention(playback(100, 80, 60, 50, 20), **k),
    "usage": lambda **k: xf.plot.usage(pd.DataFrame({"date": DAYS, "usage": 5}), cap=100, reset_day=1, **k),
    "top": lambda **k: xf.plot.top(pd.DataFrame({"tag": list("aab")}), **k),
    "network": lambda **k: xf.plot.network(pd.DataFrame({"source": list("abc"), "target": list("bca")}), **k),
    "thread": lambda **k: xf.plot.thread(pd.DataFrame({"id": list("ab"), "parent_id": [None, "a"], "depth": [0, 1],
                                                       "present": [True, False], "text": ["t", None]}), **k),
    "map": lambda **k: xf.plot.map(pd.DataFrame({"west": [1.0], "south": [1.0], "east": [2.0], "north": [2.0], "full_name": ["x"]}), **k),
}


def luminance(color):
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def written(ax):
    found = [ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels(), *ax.texts]
    if ax.get_legend():
        found += [*ax.get_legend().get_texts(), ax.get_legend().get_title()]
    return [text for text in found if text.get_text() and text.get_visible() and not text.get_bbox_patch()]


@pytest.mark.parametrize(("style", "given"), [("default", False), ("dark_background", True)])
@pytest.mark.parametrize("name", PICTURES)
def test_texts_stand_out_from_the_ground_in_light_and_dark_styles(name, style, given):
    with plt.style.context(style):
        ax = PICTURES[name](**({"ax": plt.subplots(layout="constrained")[1]} if given else {}))
        ax.figure.canvas.draw()
    ground = ax.figure.get_facecolor()
    for text in written(ax):
        assert contrast(text.get_color(), ground) >= 2.8, (text.get_text(), text.get_color())
    for line in ax.get_lines():
        assert contrast(line.get_color(), ax.get_facecolor()) > 1.25, line.get_label()


def test_black_lines_are_light_in_a_dark_style():
    with plt.style.context("dark_background"):
        ax = xf.plot.completeness(completeness())
        assert contrast(ax.patches[1].get_edgecolor()[:3], "black") > 4.5
        ax = xf.plot.counts(pd.concat([counts([1, 2], query=str(n)) for n in range(8)]))
        assert all(contrast(line.get_color(), "black") > 3 for line in ax.get_lines())


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_changed_outside_the_picture(name):
    before = dict(mpl.rcParams)
    PICTURES[name]().figure.canvas.draw()
    assert dict(mpl.rcParams) == before


def looks(ax):
    return {(line.get_color(), str(line._dash_pattern)) for line in ax.get_lines() if line.get_linestyle() != "None"}


def test_many_lines_differ_by_more_than_their_colour():
    ax = xf.plot.counts(pd.concat([counts([1, 2], query=str(n)) for n in range(20)]))
    assert len(looks(ax)) == 20
    found = pd.concat([pd.DataFrame({"post_id": str(n), "observed_at": DAYS, "like_count": range(10)}) for n in range(12)])
    assert len(looks(xf.plot.metric_history(found, top=12))) == 12


def test_a_long_legend_names_the_first_and_says_how_many_are_left():
    frame = pd.concat([analytics([n, n], post=f"post {n}") for n in range(100)])
    ax = xf.plot.analytics(frame, each=True, top=100)
    ax.figure.canvas.draw()
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[-1] == f"and {100 - len(texts) + 1} more"
    box = ax.get_legend().get_window_extent()
    assert box.y0 >= 0
    assert box.y1 <= ax.figure.bbox.y1


@pytest.mark.filterwarnings("ignore:no installed font")
@pytest.mark.parametrize("letters", ["W" * 300, "東京" * 150, "مرحبا" * 60, "👩‍👩‍👧‍👦" * 50])
def test_names_without_an_end_leave_room_for_the_picture(letters):
    frame = pd.DataFrame({"id": list("ab"), "parent_id": [None, "a"], "depth": [0, 1], "present": True, "username": letters, "text": letters})
    for ax in (xf.plot.completeness(completeness(letters)), xf.plot.counts(counts([1, 2], query=letters)),
               xf.plot.thread(frame), xf.plot.top(pd.DataFrame({"tag": [letters]})),
               xf.plot.analytics(analytics([1, 2], post=letters), each=True)):
        ax.figure.canvas.draw()
        assert ax.get_window_extent().width > ax.figure.bbox.width * 0.25


@pytest.mark.parametrize("name", ["timeline", "counts", "completeness", "analytics", "retention", "usage"])
def test_the_legend_of_axes_among_others_stays_in_them(name):
    axes = plt.subplots(2, 2)[1]
    ax = PICTURES[name](ax=axes[0, 0])
    ax.figure.canvas.draw()
    if ax.get_legend():
        box, frame = ax.get_legend().get_window_extent(), ax.get_window_extent()
        assert box.x0 >= frame.x0 - 1
        assert box.y1 <= frame.y1 + 1


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("layout", ["constrained", "tight"])
def test_axes_of_a_grid_are_drawn_without_a_warning(name, layout):
    figure, axes = plt.subplots(1, 2, layout=layout)
    for ax in axes.flat:
        PICTURES[name](ax=ax)
    figure.canvas.draw()


@pytest.mark.parametrize("span", [timedelta(hours=30), 3 * DAY, 9 * DAY, 40 * DAY, 400 * DAY, 4000 * DAY])
@pytest.mark.parametrize("width", [1.5, 3, 8])
def test_dates_do_not_run_into_each_other(span, width):
    ax = xf.plot.timeline(posts([START, START + span]), plt.subplots(figsize=(width, 3), layout="constrained")[1])
    ax.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
    frame = ax.get_window_extent()
    boxes = [box for box in boxes if frame.x0 - 1 <= (box.x0 + box.x1) / 2 <= frame.x1 + 1]
    assert boxes
    assert not any(a.x1 > b.x0 for a, b in itertools.pairwise(boxes))


@pytest.mark.slow
def test_thousands_of_windows_are_drawn_at_once():
    found = pd.concat([completeness()] * 1000, ignore_index=True)
    found["start_at"] = pd.date_range(START, periods=len(found), freq="min")
    found["end_at"] = found["start_at"] + timedelta(minutes=1)
    found["missing"] = [n % 2 for n in range(len(found))]
    ax = xf.plot.completeness(found.assign(granularity="minute"))
    assert len(ax.get_children()) < 50
    assert "5K in 5,000 windows" in ax.get_legend().get_texts()[2].get_text()


def test_names_of_nodes_cover_as_few_nodes_as_can_be():
    star = pd.DataFrame({"source": "the middle one", "target": [f"n{i}" for i in range(40)]})
    ax = xf.plot.network(star, labels=1)
    box = ax.texts[0].get_window_extent()
    places = ax.transData.transform(ax.collections[1].get_offsets())
    inside = sum(box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1 for x, y in places)
    ax.texts[0].set_position((0, 0))
    assert inside <= 2


def test_people_and_what_they_use_differ_in_colour():
    ax = xf.plot.network(pd.DataFrame({"source": list("aabc"), "target": ["#x", "#y", "#x", "#y"]}))
    assert len({tuple(color) for color in ax.collections[1].get_facecolors()}) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["users: 3", "hashtags: 2"]
    assert xf.plot.network(pd.DataFrame({"source": list("ab"), "target": list("bc")})).get_legend() is None
