"""Analytics, playback and usage: what is drawn is what the tables say."""

from datetime import UTC, date, datetime, timedelta

import matplotlib as mpl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import xframes as xf
from xframes.errors import ArgumentError

mpl.use("Agg")
from matplotlib import pyplot as plt

DAY = datetime(2026, 3, 1, tzinfo=UTC)
LATER = DAY + timedelta(days=30)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def days(of, *numbers, granularity="daily", step=timedelta(days=1), key="post_id", metric="likes", seen=LATER):
    return [{key: of, "granularity": granularity, "at": DAY + n * step, metric: number, "observed_at": seen}
            for n, number in enumerate(numbers) if number is not None]


def frame(*rows):
    return pd.DataFrame([row for each in rows for row in each])


def lines(ax):
    return {line.get_label(): list(line.get_ydata()) for line in ax.get_lines()}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# analytics ------------------------------------------------------------------------------------------------------------


def test_a_metric_is_summed_over_posts_at_the_middle_of_each_day():
    ax = xf.plot.analytics(frame(days("1", 10, 20, 5), days("2", 1, 2)), metrics="likes", annotate=0)

    assert lines(ax)["_sum"] == [11, 22, 5]
    assert mpl.dates.num2date(ax.get_lines()[0].get_xdata(orig=False)[0]) == DAY + timedelta(hours=12)
    assert ax.get_ylabel() == "likes per day"


def test_several_metrics_are_lines_of_their_own():
    rows = frame(days("1", 10, 20)).assign(retweets=[3, 4], watch_time_ms=[3_600_000, 7_200_000])
    ax = xf.plot.analytics(rows, metrics=["likes", "retweets", "watch_time_ms"], annotate=0)

    assert {name: lines(ax)[name] for name in legend(ax)} == {
        "likes": [10, 20], "reposts": [3, 4], "watch time (hours)": [1, 2]}


def test_each_post_has_its_line_those_with_most_first():
    rows = frame(days("1", 1, 1), days("2", 5, 5), days("3", 3, 3))
    ax = xf.plot.analytics(rows, metrics="likes", each=True, top=2)

    assert legend(ax) == ["2", "3"]
    assert lines(ax)["2"] == [5, 5]
    assert legend(xf.plot.analytics(rows, metrics="likes", each=True, ids=[1])) == ["1"]


def test_a_day_without_a_number_is_a_gap_and_no_zero():
    drawn = lines(xf.plot.analytics(frame(days("1", 4, None, 6)), metrics="likes", annotate=0))["_sum"]
    assert drawn[0] == 4
    assert pd.isna(drawn[1])
    assert drawn[2] == 6


def test_a_day_that_was_not_over_is_a_hollow_point():
    ax = xf.plot.analytics(frame(days("1", 4, 5, 1, seen=DAY + timedelta(days=2, hours=3))), metrics="likes", annotate=0)

    whole, late, _ = ax.get_lines()
    assert list(whole.get_ydata()) == [4, 5]
    assert list(late.get_ydata()) == [1]
    assert late.get_fillstyle() == "none"
    assert legend(ax) == ["(day not over)"]


def test_the_newest_observation_of_a_day_counts():
    rows = frame(days("1", 9, seen=LATER), days("1", 4, seen=LATER - timedelta(days=1)))
    assert lines(xf.plot.analytics(rows, metrics="likes", annotate=0))["_sum"] == [9]


def test_one_granularity_is_drawn_and_days_before_others():
    rows = frame(days("1", 1, 2, granularity="hourly", step=timedelta(hours=1)), days("1", 3), days("1", 90, granularity="total"))
    assert lines(xf.plot.analytics(rows, metrics="likes", annotate=0))["_sum"] == [3]
    ax = xf.plot.analytics(rows, metrics="likes", granularity="hourly", annotate=0)
    assert lines(ax)["_sum"] == [1, 2]
    assert ax.get_ylabel() == "likes per hour"


def test_totals_are_bars_added_up_over_the_parts_x_was_asked_in():
    total = {"granularity": "total", "step": timedelta(days=30)}
    ax = xf.plot.analytics(frame(days("1", 1000, 250, **total), days("2", 3, **total)), metrics="likes", granularity="total")

    assert [bar.get_width() for bar in ax.patches] == [1250, 3]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "2"]
    assert [text.get_text() for text in ax.texts] == ["1.2K", "3"]


def test_posts_with_most_are_numbered_where_they_peaked():
    ax = xf.plot.analytics(frame(days("1", 1, 9, 2), days("2", 5, 1)), metrics="likes", annotate=2)

    assert [text.get_text() for text in ax.texts] == ["1", "2"]
    assert legend(ax) == ["1: 1", "2: 2"]
    assert [mpl.dates.num2date(text.get_position()[0]) for text in ax.texts] == [DAY + timedelta(days=1), DAY]


@pytest.mark.parametrize("convert", [pa.Table.from_pandas, pl.from_pandas, lambda rows: rows], ids=["arrow", "polars", "pandas"])
def test_media_are_told_by_their_key_in_every_kind_of_frame(convert):
    rows = convert(frame(days("13_1", 7, 8, key="media_key", metric="video_views")))
    ax = xf.plot.analytics(rows, metrics="video_views", each=True)
    assert legend(ax) == ["13_1"]
    assert ax.get_legend().get_title().get_text() == "medium"


@pytest.mark.parametrize(("draw", "named"), [
    (lambda: xf.plot.analytics(xf.flatten([]), metrics=["likes", "video_views"]), "likes, video_views.*post_analytics: impressions"),
    (lambda: xf.plot.analytics(xf.flatten([])), r"daily impressions.*xf\.analytics\.posts\("),
    (lambda: xf.plot.analytics(xf.flatten([]), metrics="video_views"), r"xf\.analytics\.media\("),
    (lambda: xf.plot.analytics(frame(days("1", 1))), "'impressions'.*: post_id"),
    (lambda: xf.plot.retention(xf.flatten([])), r"xf\.analytics\.media\("),
    (lambda: xf.plot.usage(xf.flatten([])), r"xf\.usage\.posts\("),
])
def test_the_error_names_what_is_missing_and_the_function_that_collects_it(draw, named):
    with pytest.raises(ArgumentError, match=named):
        draw()


# playback -------------------------------------------------------------------------------------------------------------

PLAYED = ["playback_start", "playback25", "playback50", "playback75", "playback_complete"]
SHOWN = [f"non_public_playback_{share}_count" for share in (0, 25, 50, 75, 100)]


def played(key, *plays, n=0, granularity="daily"):
    return {"media_key": key, "granularity": granularity, "at": DAY + timedelta(days=n), **dict(zip(PLAYED, plays, strict=True))}


def test_retention_is_the_share_of_plays_begun_over_all_days():
    rows = pd.DataFrame([played("13_1", 100, 80, 50, 20, 10), played("13_1", 100, 60, 50, 40, 10, n=1), played("13_2", 8, 4, 2, 1, 0)])
    ax = xf.plot.retention(rows)

    assert lines(ax) == {"13_1 (200 plays)": [100, 70, 50, 30, 10], "13_2 (8 plays)": [100, 50, 25, 12.5, 0]}
    assert [label.get_text() for label in ax.get_xticklabels()] == ["start", "25%", "50%", "75%", "end"]
    assert "%" in ax.get_ylabel()


def test_one_play_is_in_the_singular():
    assert list(lines(xf.plot.retention(pd.DataFrame([played("13_1", 1, 1, 1, 0, 0)])))) == ["13_1 (1 play)"]


def test_retention_in_plays_of_chosen_media():
    rows = pd.DataFrame([played("13_1", 100, 80, 50, 20, 10), played("13_2", 8000, 4, 2, 1, 0)])
    assert lines(xf.plot.retention(rows, share=False, media="13_2")) == {"13_2 (8K plays)": [8000, 4, 2, 1, 0]}
    assert list(lines(xf.plot.retention(rows, top=1))) == ["13_2 (8K plays)"]


def test_retention_never_counts_plays_of_two_granularities():
    rows = pd.DataFrame([played("13_1", 10, 8, 6, 4, 2), played("13_1", 12, 9, 6, 3, 3, granularity="total")])
    assert lines(xf.plot.retention(rows, share=False)) == {"13_1 (12 plays)": [12, 9, 6, 3, 3]}


def test_retention_of_the_media_table_is_of_all_time():
    rows = pd.DataFrame([{"media_key": "13_1", **dict(zip(SHOWN, (50, 40, 30, 20, 10), strict=True))},
                         {"media_key": "3_2", **dict.fromkeys(SHOWN)}])
    ax = xf.plot.retention(rows)
    assert lines(ax) == {"13_1 (50 plays)": [100, 80, 60, 40, 20]}
    assert ax.get_lines()[0].get_linestyle() == "--"


# usage ----------------------------------------------------------------------------------------------------------------


def read(*numbers, first=date(2026, 3, 10), scope="project", project="1", seen=None):
    rows = [{"scope": scope, "id": project, "date": first + timedelta(days=n), "usage": number}
            for n, number in enumerate(numbers) if number is not None]
    return pd.DataFrame(rows).assign(**({"observed_at": seen} if seen else {}))


def test_usage_is_drawn_a_day_and_summed_since_the_reset():
    rows = pd.concat([read(100, 200, None, 300, 50, seen=datetime(2026, 3, 14, 9, tzinfo=UTC)), read(7, scope="app")])
    ax = xf.plot.usage(rows, cap=5000, reset_day=12)

    assert [bar.get_height() for bar in ax.patches] == [100, 200, 0, 300, 50]
    assert ax.patches[-1].get_alpha() == 0.45  # the day was not over
    assert mpl.dates.num2date(ax.patches[0].get_x()).date() == date(2026, 3, 10)
    assert lines(ax)["since Mar 12: 350"] == [0, 300, 350, 350]


def test_the_forecast_goes_on_at_the_mean_of_the_last_seven_whole_days():
    ax = xf.plot.usage(read(*[100] * 4, *[40] * 7, 3, first=date(2026, 3, 1), seen=datetime(2026, 3, 12, 9, tzinfo=UTC)),
                       cap=1000, reset_day=1)

    drawn = lines(ax)
    used = 4 * 100 + 7 * 40 + 3
    assert drawn["forecast for Apr 1: 1.4K"] == [used, used + 40 * 19]
    assert drawn["cap: 1K"] == [1000, 1000]
    assert "68.3% of the cap used; at this pace it is reached on Mar 20" in ax.get_xlabel()  # 683 + 8 · 40 > 1000


def test_a_cap_far_above_is_told_and_does_not_flatten_the_rest():
    ax = xf.plot.usage(read(100, 100, 100), cap=3_000_000, reset_day=1)
    assert "cap: 3M (beyond the top)" in legend(ax)
    assert ax.get_ylim()[1] < 10_000
    assert "0.0% of the cap used" in ax.get_xlabel()


def test_usage_without_a_cap_is_drawn_without_forecast():
    ax = xf.plot.usage(read(5, 6).drop(columns=["scope", "id"]))
    assert legend(ax) == ["since Mar 10: 11", "posts per day"]


@pytest.mark.parametrize(("day", "today", "begins", "resets"), [
    (31, date(2026, 2, 10), "Jan 31", "Feb 28"), (31, date(2026, 2, 28), "Feb 28", "Mar 31"),
    (1, date(2026, 12, 31), "Dec 1", "Jan 1"), (15, date(2026, 1, 3), "Dec 15", "Jan 15"), (15, date(2026, 1, 15), "Jan 15", "Feb 15"),
])
def test_the_reset_day_in_short_months_and_across_years(day, today, begins, resets):
    ax = xf.plot.usage(read(5, first=today), cap=100, reset_day=day)
    assert f"since {begins}: 5" in legend(ax)
    assert any(label.startswith(f"forecast for {resets}:") for label in legend(ax))


def test_several_projects_are_told_apart():
    rows = pd.concat([read(5), read(9, project="2")])
    with pytest.raises(ArgumentError, match=r"project: .*1, 2"):
        xf.plot.usage(rows)
    assert [bar.get_height() for bar in xf.plot.usage(rows, project="2").patches] == [9]
