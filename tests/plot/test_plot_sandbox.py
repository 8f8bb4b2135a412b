"""Every plot draws what was collected from a local X, with labels and units, and without a warning."""

from datetime import UTC, datetime, timedelta

import matplotlib as mpl
import pandas as pd
import pytest

import xframes as xf
from xframes.errors import ArgumentError
from xframes.plot.canvas.rows import bare

mpl.use("Agg")
from matplotlib import pyplot as plt

pytestmark = pytest.mark.slow
NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
PLOTS = [name for name in xf.plot.__all__ if name != "STYLE"]
QUERY = "a OR the OR to"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    with xf.sandbox.start(posts=1200, users=60, now=NOW, rate_limits=False) as x, xf.Archive(tmp_path_factory.mktemp("a") / "archive") as made:
        client = xf.Client(x.bearer_token, oauth1=x.oauth1, oauth2=x.user_token, base_url=x.url, now=lambda: NOW)
        how = {"into": made, "client": client, "progress": False}
        mine = [post for post in x.community.posts.values() if str(post.author.id) == x.user_id][-60:]
        span = {"start_time": NOW - timedelta(days=20), "end_time": NOW, "granularity": "daily"}
        xf.search.recent(QUERY, limit=400, **how)
        xf.counts.recent(QUERY, granularity="hour", **how)
        xf.posts.lookup([post.id for post in mine], **how)
        xf.analytics.posts([post.id for post in mine], **span, **how)
        xf.analytics.media([one.key for post in mine for one in post.media], **span, **how)
        xf.usage.posts(days=60, **how)
        yield made


@pytest.fixture(scope="module")
def frames(archive):
    return xf.flatten(archive.pages())


def ask(archive, query):
    return archive.sql(query).fetchall()


def drawn(archive, name, given):
    draw = getattr(xf.plot, name)
    if name == "thread":
        return draw(archive, post_id=ask(archive, "SELECT any_value(post_id) FROM post_references WHERE type = 'replied_to'")[0][0])
    found = archive.completeness(QUERY) if name == "completeness" else archive
    ax = draw(found, given)
    assert ax is given
    assert len(plt.get_fignums()) == 1
    return ax


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_draws_an_archive_into_axes_and_says_what_it_drew(archive, name, tmp_path):
    ax = drawn(archive, name, plt.subplots()[1])
    ax.figure.savefig(tmp_path / "plot.png")

    assert (tmp_path / "plot.png").stat().st_size > 5000
    assert ax.has_data()
    words = [ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in ax.texts)]
    assert any(words)
    assert not plt.isinteractive()


# metric_history: of two observations at the same moment, an archive keeps one
@pytest.mark.parametrize("name", [name for name in PLOTS if name not in {"thread", "completeness", "metric_history"}])
def test_the_numbers_of_an_archive_and_of_its_frames_are_the_same(archive, frames, name):
    numbers = getattr(xf.plot, name).data
    pd.testing.assert_frame_equal(numbers(archive), numbers(frames))


@pytest.mark.parametrize("of", ["words", "urls", "domains", "emoji", "languages", "hashtags", "authors"])
def test_what_is_most_frequent_is_what_sql_counts(archive, of):
    counted = {"words": "words(text)", "emoji": "emoji(text)", "languages": "[lang]"}
    numbers = xf.plot.top.data(archive, of=of, most=5)
    assert numbers["posts"].is_monotonic_decreasing
    if of in counted:
        query = f"""
            SELECT count(DISTINCT id) AS posts FROM (SELECT id, unnest({counted[of]}) AS value FROM posts WHERE id IN (SELECT id FROM results))
            WHERE value IS NOT NULL GROUP BY value ORDER BY posts DESC LIMIT 5"""
        assert numbers["posts"].tolist() == [posts for (posts,) in ask(archive, query)]


def test_analytics_of_an_archive_add_up_and_are_called_by_the_posts_text(archive):
    ax = xf.plot.analytics(archive, metrics="impressions", annotate=1)
    whole, late = ax.get_lines()[:2]
    total = ask(archive, "SELECT sum(impressions) FROM post_analytics")[0][0]
    assert pd.Series(whole.get_ydata()).sum() + sum(late.get_ydata()) == total > 0
    most, text, made = ask(archive, "SELECT post_id, any_value(plain_text), any_value(created_at) FROM post_analytics a JOIN posts p ON p.id = a.post_id GROUP BY post_id ORDER BY sum(impressions) DESC, post_id LIMIT 1")[0]
    label = ax.get_legend().get_texts()[0].get_text()
    assert label.startswith("1: ")
    assert bare(text)[:10] in label or "□" in label, most
    if made >= NOW - timedelta(days=20):
        assert abs(mpl.dates.num2date(ax.texts[0].get_position()[0]) - made) < timedelta(seconds=1)


def test_retention_of_an_archive_is_that_of_its_media(archive):
    ax = xf.plot.retention(archive, top=1, share=False)
    most = ask(archive, f"SELECT {', '.join(f'sum({n})' for n in ('playback_start', 'playback25', 'playback50', 'playback75', 'playback_complete'))} FROM media_analytics GROUP BY media_key ORDER BY 1 DESC LIMIT 1")[0]
    assert list(ax.get_lines()[0].get_ydata()) == list(most)


def test_usage_of_an_archive_is_what_x_says_of_the_month(archive):
    ax = xf.plot.usage(archive)
    (cap, used, day), = ask(archive, "SELECT project_cap, project_usage, cap_reset_day FROM usage")
    lines = {line.get_label(): list(line.get_ydata()) for line in ax.get_lines()}
    since = next(label for label in lines if label.startswith("since"))
    assert since.startswith(f"since {'Mar' if day <= 18 else 'Feb'} {day}: ")
    assert lines[since][-1] == used
    assert sum(bar.get_height() for bar in ax.patches) == ask(archive, "SELECT sum(usage) FROM usage_daily WHERE scope = 'project'")[0][0]
    assert f"{used / cap:.1%} of the cap used" in ax.get_xlabel()


@pytest.mark.parametrize(("of", "query"), [
    ("hashtags", "SELECT lower(tag) AS v, count(DISTINCT post_id) FROM post_hashtags WHERE post_id IN (SELECT id FROM results) GROUP BY v"),
    ("mentions", "SELECT lower(username) AS v, count(DISTINCT post_id) FROM post_mentions WHERE post_id IN (SELECT id FROM results) GROUP BY v"),
    ("authors", "SELECT lower(username) AS v, count(*) FROM posts p JOIN users u ON u.id = p.author_id WHERE p.id IN (SELECT id FROM results) GROUP BY v"),
])
def test_top_of_an_archive_is_what_sql_says(archive, of, query):
    ax = xf.plot.top(archive, of=of, most=5)
    numbers = dict(ask(archive, query))
    shown = {label.get_text()[1:].lower(): int(bar.get_width()) for label, bar in zip(ax.get_yticklabels(), ax.patches, strict=True)}
    assert list(shown.values()) == sorted(numbers.values(), reverse=True)[:5]
    assert all(numbers[value] == n for value, n in shown.items() if "□" not in value)
    assert {label.get_text()[0] for label in ax.get_yticklabels()} <= {"#", "@"}


def test_top_finds_emoji_and_domains(archive):
    for of in ("emoji", "domains", "cashtags"):
        ax = xf.plot.top(archive, of=of)
        assert all(bar.get_width() > 0 for bar in ax.patches)


def test_the_heatmap_has_every_post_asked_for(archive):
    ax = xf.plot.heatmap(archive, tz="Asia/Tokyo")
    assert ax.collections[0].get_array().sum() == ask(archive, "SELECT count(*) FROM results")[0][0]


def test_a_network_of_an_archive_has_handles(archive):
    ax = xf.plot.network(archive, kind="mention")
    assert ax.texts
    assert {text.get_text()[0] for text in ax.texts} == {"@"}


def test_the_map_has_every_post_with_a_place(archive):
    ax = xf.plot.map(archive)
    places = ask(archive, "SELECT count(*) FROM posts WHERE place_id IS NOT NULL AND id IN (SELECT id FROM results)")[0][0]
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sum(int(text.split(": ")[1].split()[0]) for text in told) == places > 0


def test_completeness_of_an_archive_asks_it(archive):
    ax = xf.plot.completeness(archive, query=QUERY)
    found = archive.completeness(QUERY)
    assert found["collected"].sum() > 0
    for patch, column in zip(ax.patches, ("collected", "counted"), strict=False):
        assert list(patch.get_data().values) == found[column].tolist()
    with pytest.raises(ArgumentError, match="query="):
        xf.plot.completeness(archive)
