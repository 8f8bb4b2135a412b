"""Plots take axes or make them, draw what the tables say, in UTC, and never show themselves."""

import json
from datetime import UTC, datetime, timedelta

import matplotlib as mpl
import pandas as pd
import polars as pl
import pytest

import xframes as xf
from xframes.plot.canvas.drawing import short
from xframes.wire import Page, Request

mpl.use("Agg")
from matplotlib import pyplot as plt

START = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def page(action, path, body, params=None, hours=0):
    request = Request("GET", path, params or {}, action, {})
    return Page(request, json.dumps(body).encode(), START + timedelta(days=1, hours=hours))


def posts_page(*posts, included=(), hours=0):
    data = [{"id": i, "text": "t", "lang": lang, "created_at": iso(at), "author_id": "1",
             "public_metrics": {"like_count": int(i) + 10 * hours}} for i, lang, at in posts]
    old = [{"id": i, "text": "t", "created_at": iso(at)} for i, at in included]
    body = {"data": data, "includes": {"tweets": old}, "meta": {"result_count": len(data)}}
    return page("search.recent", "/2/tweets/search/recent", body, {"query": "x"}, hours)


def counts_page(query, numbers, *, cut=False, granularity="hour"):
    length = {"hour": timedelta(hours=1), "day": timedelta(days=1)}[granularity]
    spans = [{"start": iso(START + i * length), "end": iso(START + (i + 1) * length), "tweet_count": n}
             for i, n in enumerate(numbers)]
    if cut:
        spans[-1]["end"] = iso(START + (len(numbers) - 0.5) * length)
    params = {"query": query, "granularity": granularity}
    return page("counts.recent", "/2/tweets/counts/recent", {"data": spans, "meta": {}}, params)


@pytest.fixture
def frames():
    seen = [("1", "en", START), ("2", "en", START + timedelta(minutes=30)), ("3", "de", START + timedelta(hours=3))]
    return xf.flatten([
        posts_page(*seen, included=[("9", START - timedelta(days=900))]),
        posts_page(*seen, hours=5),  # the same posts again, later: they count once
    ])


def heights(ax, which=0):
    return [int(v) for v in ax.patches[which].get_data().values]


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def test_timeline_counts_each_post_asked_for_once(frames):
    ax = xf.plot.timeline(frames, every="hour")

    assert heights(ax) == [2, 0, 0, 1]
    assert ax.get_ylabel() == "posts per hour"


def test_timeline_of_a_dataframe_draws_all_its_rows(frames):
    assert sum(heights(xf.plot.timeline(frames.posts, every="year"))) == 4


@pytest.mark.parametrize("convert", [
    lambda f: f.posts, lambda f: f["posts"], lambda f: f.sql("select created_at, id from posts"),
    lambda f: pl.DataFrame(f["posts"]), lambda f: f.posts[["created_at"]].drop_duplicates(),
], ids=["pandas", "arrow", "duckdb", "polars", "one column"])
def test_timeline_takes_every_kind_of_frame(frames, convert):
    assert sum(heights(xf.plot.timeline(convert(frames)))) == 4


@pytest.mark.parametrize(("length", "span"), [
    (timedelta(minutes=20), "minute"), (timedelta(hours=20), "10 minutes"), (timedelta(days=7), "hour"),
    (timedelta(days=30), "6 hours"), (timedelta(days=190), "day"), (timedelta(days=1000), "week"),
    (timedelta(days=5000), "month"), (timedelta(days=9000), "year"),
])
def test_timeline_chooses_a_span_that_can_be_read(length, span):
    posts = pd.DataFrame({"created_at": [START, START + length]})
    ax = xf.plot.timeline(posts)

    assert span in ax.get_ylabel()
    assert sum(heights(ax)) == 2
    assert len(heights(ax)) <= 202


def test_timeline_by_a_column_draws_a_line_for_each_value_and_one_for_the_rest(frames):
    ax = xf.plot.timeline(frames, by="lang", top=1, every="hour")

    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["en", "(others)"]
    assert [sum(heights(ax, i)) for i in range(2)] == [2, 1]


def test_axes_given_are_used_and_axes_made_follow_the_style(frames):
    given = plt.subplots()[1]
    assert xf.plot.timeline(frames, ax=given) is given
    made = xf.plot.timeline(frames)
    assert not made.spines["top"].get_visible()
    assert given.spines["top"].get_visible()


def test_times_are_drawn_in_utc_whatever_the_frame_says(frames):
    posts = frames.posts
    posts["created_at"] = posts["created_at"].dt.tz_convert("Asia/Tokyo")
    ax = xf.plot.timeline(posts[posts["id"] == "1"], every="hour")

    left = mpl.dates.num2date(ax.patches[0].get_data().edges[0])
    assert left == START
    assert "UTC" in ax.get_xlabel()


def test_numbers_have_units():
    ax = xf.plot.counts(xf.flatten(counts_page("coffee", [12_000, 34_000])))
    assert [ax.yaxis.get_major_formatter()(tick) for tick in ax.get_yticks()][:3] == ["0", "10K", "20K"]


@pytest.mark.parametrize(("number", "said"), [
    (0, "0"), (7, "7"), (0.25, "0.25"), (950, "950"), (999, "999"), (1000, "1K"), (1234, "1.2K"), (99_949, "99.9K"),
    (99_950, "100K"), (123_456, "123K"), (999_960, "1M"), (3_400_000, "3.4M"), (5e9, "5B"), (2.5e12, "2.5T"),
    (-1500, "-1.5K"),
])
def test_a_number_is_said_in_few_characters(number, said):
    assert short(number) == said


def test_the_last_span_is_hatched_when_it_was_not_over(frames):
    posts = frames.posts[frames.posts["id"] != "9"]
    assert not hatched(xf.plot.timeline(posts, every="hour"))

    posts = posts.assign(observed_at=START + timedelta(hours=3, minutes=20))
    ax = xf.plot.timeline(posts, every="hour", by="lang")
    assert hatched(ax) == [(START + timedelta(hours=3), START + timedelta(hours=4))]
    assert "the last hour was not over" in ax.get_xlabel()
    assert "time (UTC)" in ax.get_xlabel()


def test_a_span_of_several_hours_has_a_label_in_the_plural(frames):
    posts = frames.posts[frames.posts["id"] != "9"].assign(observed_at=START + timedelta(hours=3))
    ax = xf.plot.timeline(posts, every="6 hours")
    assert ax.get_ylabel() == "posts per 6 hours"
    assert "the last 6 hours were not over" in ax.get_xlabel()


def test_until_ends_the_timeline_with_zeros_and_cuts_what_is_later(frames):
    ax = xf.plot.timeline(frames, every="hour", until="2026-03-02T04:30Z")
    assert heights(ax) == [2, 0, 0, 1, 0, 0, 0]
    assert hatched(ax)[0][0] == START + timedelta(hours=6)
    ax = xf.plot.timeline(frames, every="hour", until=START + timedelta(hours=2))
    assert heights(ax) == [2, 0, 0]


def hatched(ax):
    """The spans that are hatched, as moments."""
    found = [patch for patch in ax.patches if patch.get_hatch()]
    boxes = [patch.get_extents().transformed(ax.transData.inverted()) for patch in found]
    return [tuple(mpl.dates.num2date(x).replace(microsecond=0) for x in (box.x0 + 1e-6, box.x1 + 1e-6)) for box in boxes]


def test_counts_draw_one_line_per_query():
    ax = xf.plot.counts(xf.flatten([counts_page("coffee", [1, 5, 2]), counts_page("tea", [4, 4, 4])]))

    drawn = lines(ax)
    assert list(drawn["coffee"].get_ydata()) == [1, 5, 2]
    assert list(drawn["tea"].get_ydata()) == [4, 4, 4]
    assert ax.get_ylabel() == "posts per hour"


def test_a_span_cut_short_is_a_hollow_point_and_not_part_of_the_line():
    ax = xf.plot.counts(xf.flatten(counts_page("coffee", [7, 8, 3], cut=True)))

    assert list(lines(ax)["coffee"].get_ydata()) == [7, 8]
    assert "(span cut short)" in lines(ax)
    assert [list(line.get_ydata()) for line in ax.get_lines()][1] == [3]


def test_counts_of_two_granularities_are_not_drawn_on_one_axis():
    mixed = xf.flatten([counts_page("tea", [1, 2]), counts_page("milk", [9, 8], granularity="day")])
    with pytest.raises(xf.errors.ArgumentError, match=r"hour and day|day and hour"):
        xf.plot.counts(mixed)
    rows = mixed.counts
    drawn = set(lines(xf.plot.counts(rows[rows["granularity"] == "day"])))
    assert ("milk" in drawn, "tea" in drawn) == (True, False)


def test_a_cashtag_is_no_formula_and_a_long_query_no_wall(tmp_path):
    query = "$BEAN $ROST " + "very " * 60 + "long"
    ax = xf.plot.counts(xf.flatten(counts_page(query, [1, 2])))
    ax.figure.savefig(tmp_path / "counts.png")

    text = ax.get_legend().get_texts()[0]
    assert text.get_text().startswith("$BEAN $ROST very")
    assert len(text.get_text()) == 40


def test_metric_history_follows_the_posts_with_most(frames):
    ax = xf.plot.metric_history(frames["post_metrics"], top=2)

    assert list(lines(ax)) == ["3", "2"]
    assert list(lines(ax)["3"].get_ydata()) == [3, 53]
    assert ax.get_ylabel() == "like count"


def test_metric_history_of_chosen_posts_in_the_order_chosen_called_by_their_text(frames):
    ax = xf.plot.metric_history(frames, posts=[2, "1", "77"])

    assert list(lines(ax)) == ["t (…2)", "t (…1)"]  # the same text: the end of the id tells them apart
    with pytest.raises(xf.errors.ArgumentError, match="like_count"):
        xf.plot.metric_history(frames, posts="77")


def test_an_archive_is_drawn_as_its_frames_are(frames, tmp_path):
    archive = xf.Archive(tmp_path / "archive")
    archive.add(frames.pages)

    assert heights(xf.plot.timeline(archive, every="hour")) == [2, 0, 0, 1]


@pytest.mark.parametrize("draw", [xf.plot.timeline, xf.plot.counts, xf.plot.metric_history])
def test_nothing_to_draw_is_refused(draw):
    with pytest.raises(xf.errors.ArgumentError):
        draw(xf.flatten([]))


@pytest.mark.parametrize(("arguments", "named"), [
    ({"every": "fortnight"}, "every.*10 minutes.*'fortnight'"),
    ({"by": "language"}, "'language'"),
    ({"until": "tomorrow-ish"}, "until.*'tomorrow-ish'"),
])
def test_a_wrong_argument_is_refused_and_named(frames, arguments, named):
    with pytest.raises(xf.errors.ArgumentError, match=named):
        xf.plot.timeline(frames, **arguments)


def test_a_frame_without_the_columns_is_refused_with_those_it_has():
    with pytest.raises(xf.errors.ArgumentError, match=r"'created_at'.*: a$"):
        xf.plot.timeline(pd.DataFrame({"a": [1]}))
    with pytest.raises(xf.errors.ArgumentError, match="list"):
        xf.plot.timeline([1, 2])
