"""Samples over time, and what they say about all posts."""

import random
import re
from datetime import timedelta

import pytest

import xframes as xf
from tests.cli.running import run
from tests.planning.simulation import NOW, SmallX, coverage
from xframes.client import Answer
from xframes.errors import ArgumentError, Unavailable
from xframes.planning.sampling_design import Interval, draw
from xframes.sandbox.world.snowflakes import snowflake, stamp

DAYS = 3
END = int(NOW.timestamp() * 1000)


@pytest.fixture(autouse=True)
def data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def small_x(times, lang=lambda at, number: "de" if number % 4 == 0 else "en"):
    return SmallX([
        {"id": str(snowflake(at, number)), "text": f"post {number}", "lang": lang(at, number), "created_at": stamp(at),
         "author_id": str(number % 7), "public_metrics": {"like_count": number % 40}}
        for number, at in enumerate(sorted(times))
    ])


def spread(posts, seed=1):
    rng = random.Random(seed)
    return [END - 120_000 - rng.randrange(DAYS * 86_400_000 - 240_000) for _ in range(posts)]


@pytest.fixture(scope="module")
def x():
    return small_x(spread(3000))


def ids(frames):
    return set(frames.samples.post_id)


@pytest.mark.slow
def test_all_posts_of_a_window_are_sampled_with_one_weight(x):
    frames = x.sample(1, 200, DAYS)
    assert frames.main == "posts"
    assert 150 < len(frames.samples) <= 200
    assert ids(frames) == set(frames.posts.id)
    for row in frames.sample_windows.itertuples():
        found = x.between({"start_time": row.start_at.isoformat(), "end_time": row.end_at.isoformat()})
        of_window = frames.samples[frames.samples.window == row.window]
        assert set(of_window.post_id) == {post["id"] for post in found}
        assert (of_window.weight == 1 / row.probability).all()
        assert (of_window.stratum == row.stratum).all()
    assert frames.samples.weight.sum() == pytest.approx(3000, rel=0.1)
    assert frames.counts.post_count.sum() == 3000


def test_a_seed_gives_the_same_sample(x):
    assert ids(x.sample(5, 100, DAYS)) == ids(x.sample(5, 100, DAYS)) != ids(x.sample(6, 100, DAYS))


def test_nothing_but_posts_is_requested(x):
    x.requests.clear()
    x.sample(1, 100, DAYS)
    counts, *searches = x.requests
    assert counts.action == "counts.recent"
    assert {request.action for request in searches} == {"search.recent"}
    assert not any("expansions" in request.params for request in searches)
    assert {request.params["max_results"] for request in searches} == {"10"}


def test_earlier_times_are_read_from_the_full_archive(x):
    x.requests.clear()
    x.sample(1, 100, 20)
    assert {request.action for request in x.requests} == {"counts.all", "search.all"}


def test_few_posts_are_all_read_and_their_shares_are_exact():
    x = small_x(spread(60))
    frames = x.sample(1, 200, DAYS)
    rows = xf.estimate(frames, "lang").set_index("lang")
    assert len(frames.samples) == 60
    assert rows.share.to_dict() == {"en": 0.75, "de": 0.25}
    assert (rows.share_low == rows.share_high).all()
    assert (rows.total_low == rows.total_high).all()
    assert rows.total.to_dict() == {"en": 45, "de": 15}


def test_no_posts_are_no_sample(x):
    frames = SmallX([]).sample(1, 200, DAYS)
    assert frames.tables["samples"] == frames.tables["sample_windows"] == 0
    assert frames.tables["counts"] > 0
    with pytest.raises(ArgumentError):
        xf.estimate(frames, "lang")


@pytest.mark.parametrize("usd", [0.5, 1.37])
def test_a_price_is_not_exceeded_and_printed_before(x, usd, capsys):
    client = x.client()
    frames = xf.search.sample("all", NOW - timedelta(days=DAYS), NOW - timedelta(minutes=1), usd=usd, seed=1, client=client)
    low, high = client.meter.so_far()
    assert low == high == pytest.approx(0.005 + 0.005 * len(frames.posts))
    assert 0.7 * usd < high <= usd
    (price,) = re.findall(r"\$([0-9.]+)", capsys.readouterr().err)
    assert float(price) == pytest.approx(high, rel=0.1)


@pytest.mark.parametrize("arguments", [
    {"posts": 5}, {"posts": 1.5}, {"usd": 0.01}, {"usd": "5"}, {"posts": 100, "usd": 5}, {"seed": -1}, {"seed": "a"},
])
def test_invalid_arguments_are_refused_before_any_request(x, arguments):
    x.requests.clear()
    with pytest.raises(ArgumentError):
        xf.search.sample("q", NOW - timedelta(days=2), NOW - timedelta(days=1), client=x.client(), **arguments)
    assert not x.requests


@pytest.mark.slow
def test_an_archive_keeps_the_sample(x, tmp_path):
    frames = x.sample(1, 100, DAYS)
    with xf.Archive(tmp_path / "a") as archive:
        done = x.sample(1, 100, DAYS, into=archive)
        shares = xf.report(archive).section("languages").blocks[1].frame
        assert list(shares.columns[:1]) == ["lang"]
        assert shares.equals(xf.estimate(archive, "lang"))
        assert done.rows == len(frames.samples)
        assert ids(frames) == {id for (id,) in archive.sql("select post_id from samples").fetchall()}
        expected = xf.estimate(frames, "lang")
        assert xf.estimate(archive, "lang").equals(expected)
        archive.rebuild()
        assert xf.estimate(archive, "lang").equals(expected)
        assert archive.runs().arguments.str.contains('"seed": 1').any()
        # a sample is not a collection of all posts, which since="last" could continue
        x.requests.clear()
        xf.search.recent("all of it", since="last", limit=10, client=x.client(), into=archive)
        assert "since_id" not in x.requests[0].params
    out = run("estimate", "lang", "--archive", str(tmp_path / "a"), "--format", "csv").output
    assert out.startswith("lang,posts,share,share_low,share_high,total")


def test_a_sample_that_stopped_early_is_a_smaller_one_and_can_be_completed(x, caplog):
    def failing(request):
        if len(x.requests) > 60:
            return Answer(503, {}, b"")
        return x.answer(request)

    x.requests.clear()
    client = xf.Client("key-of-no-one", transport=failing, now=lambda: x.now, sleep=x.sleep)
    with pytest.raises(xf.Interrupted) as stopped:
        x.sample(1, 200, DAYS, client=client)
    assert isinstance(stopped.value.__cause__, Unavailable)
    part = xf.estimate(stopped.value.frames, "lang").set_index("lang")
    assert len(caplog.records) == 1
    assert part.total.sum() == pytest.approx(3000, rel=0.15)
    whole = xf.estimate(stopped.value.resume(client=x.client()), "lang")
    assert whole.equals(xf.estimate(x.sample(1, 200, DAYS), "lang"))
    whole = whole.set_index("lang")
    assert whole.share_high["de"] - whole.share_low["de"] < part.share_high["de"] - part.share_low["de"]


@pytest.mark.slow
def test_posts_of_a_window_are_a_cluster():
    """Where all posts of a minute are alike, a window says as much as one post."""
    alike = small_x(spread(10_000), lambda at, number: "de" if at // 60_000 % 2 else "en")
    mixed = small_x(spread(10_000), lambda at, number: "de" if number % 2 else "en")
    widths = []
    for each in (alike, mixed):
        row = xf.estimate(each.sample(1, 800, DAYS), "lang").iloc[0]
        widths.append(row.share_high - row.share_low)
    assert widths[0] > 1.5 * widths[1]


@pytest.mark.slow
def test_newest_first_causes_no_bias():
    """Posts of the first half of each minute are German: the newest ones of a minute would never be."""
    x = small_x(spread(20_000), lambda at, number: "de" if at // 30_000 % 2 == 0 else "en")
    truth = x.truth(lambda post: post["lang"] == "de")
    shares = [xf.estimate(x.sample(seed, 300, DAYS), "lang").set_index("lang").share["de"] for seed in range(3)]
    assert sum(shares) / len(shares) == pytest.approx(truth, abs=0.1)


@pytest.mark.slow
def test_busy_seconds_are_read_in_parts():
    """More posts in a second than a window has: ids are its bounds, which X takes instead of times."""
    x = small_x([END - 3_600_000 + number % 2000 for number in range(3000)])
    x.requests.clear()
    frames = x.sample(1, 200, DAYS)
    params = x.requests[1].params
    assert {"since_id", "until_id"} <= params.keys()
    assert not {"start_time", "end_time"} & params.keys()
    assert 30 < len(frames.samples) <= 210
    rows = xf.estimate(frames, "lang").set_index("lang")
    assert rows.share_low["de"] <= 0.25 <= rows.share_high["de"]


def test_every_post_has_the_probability_of_its_window():
    """Over many seeds, each part of the time is drawn as often as its probability says."""
    rng = random.Random(3)
    intervals = [Interval(60_000 * n, 60_000 * (n + 1), float(rng.choice([0, 1, 3, 8, 40]))) for n in range(40)]
    total = sum(interval.posts for interval in intervals)
    sums = [sum(w.counted / w.probability for w in draw(intervals, 60, seed).windows) for seed in range(60)]
    assert sum(sums) / len(sums) == pytest.approx(total, rel=0.03)
    assert all(sum(w.counted for w in draw(intervals, 60, seed).windows) < 75 for seed in range(20))


def test_sql_expressions_and_missing_values_are_estimated(x):
    frames = x.sample(1, 200, DAYS)
    rows = xf.estimate(frames, "like_count >= 20").set_index("like_count >= 20")
    assert rows.share[True] == pytest.approx(0.5, abs=0.15)
    assert xf.estimate(frames, "place_id").place_id.isna().all()
    with pytest.raises(xf.XframesError):
        xf.estimate(frames, "no_such_column")
    with pytest.raises(ArgumentError):
        xf.estimate(frames, "lang", sample_id="other")
    with pytest.raises(ArgumentError):
        xf.estimate("frames", "lang")


def test_the_shell_samples(x, tmp_path, monkeypatch):
    monkeypatch.setattr("xframes.cli.commands.gaps.client_for", lambda *args: x.client())
    done = run(
        "search", "sample", "all of it", "--start-time", str((NOW - timedelta(days=2)).date()),
        "--end-time", str((NOW - timedelta(days=1)).date()), "--usd", "0.5", "--seed", "1",
        "--archive", str(tmp_path / "a"),
    )
    assert done.exit_code == 0
    with xf.Archive(tmp_path / "a") as archive:
        assert len(xf.estimate(archive, "lang")) == 2


@pytest.mark.slow  # 12 samples of 100 posts; `simulation` takes 100 of 1,000
def test_intervals_contain_the_truth():
    for hits, width, deviation, mean, truth in coverage(SmallX.of_sandbox(6000), 12, 100).values():
        assert hits >= 9
        assert width < 1.5 * 2 * 1.96 * deviation * 1.3  # the deviation of 12 estimates is not exact
        assert mean == pytest.approx(truth, abs=0.05)
