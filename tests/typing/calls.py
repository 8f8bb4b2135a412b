"""Calls as users write them, for type checkers to read: lines that end with `# error` must be refused."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, assert_type

import pandas as pd
from matplotlib.axes import Axes

import xframes as xf
from xframes import write
from xframes.archive import Archive, Run
from xframes.client import Client
from xframes.frames import Frames
from xframes.wire import Request

# what a collector returns


def collecting(archive: Archive, client: Client, maybe: bool) -> None:
    assert_type(xf.search.recent("duckdb"), Frames)
    assert_type(xf.search.recent("duckdb", limit=10, client=client, progress=maybe), Frames)
    assert_type(xf.search.recent("duckdb", into=None), Frames)
    assert_type(xf.search.recent("duckdb", into=archive), Run)
    assert_type(xf.users.lookup([1, "2"], into=archive, refresh=True), Run)
    assert_type(xf.users.blocking(), Frames)
    assert_type(xf.streams.filtered(duration=60, into=archive), Run)


# the tables of Frames


def tables(frames: Frames) -> None:
    assert_type(frames.posts, pd.DataFrame)
    assert_type(frames.post_references, pd.DataFrame)
    assert_type(xf.search.recent("duckdb").users, pd.DataFrame)
    assert_type(frames.tables, dict[str, int])
    print(frames.pots)  # error


# what a collector takes


def arguments(start: datetime, ids: list[str]) -> None:
    xf.counts.recent("duckdb", granularity="day", start_time=start)
    xf.counts.recent("duckdb", granularity="dya")  # error
    xf.counts.recent(granularity="day")  # error
    xf.counts.recent("duckdb", granularty="day")  # error
    xf.search.recent("duckdb", sort_order="recency", since="last", start_time="2026-01-01T00:00:00Z")
    xf.search.recent("duckdb", sort_order="newest")  # error
    xf.search.recent("duckdb", since="first")  # error
    xf.search.recent("duckdb", limit="10")  # error
    xf.timelines.user(7, exclude="replies")
    xf.timelines.user(7, exclude=["replies", "retweets"])
    xf.timelines.user(7, exclude=["reposts"])  # error
    xf.posts.lookup(ids, fields={"post": ["text"], "user": "all"}, expansions=[])
    xf.posts.lookup(range(5), fields="owner", expansions="author_id")
    xf.posts.lookup(1.5)  # error
    xf.spaces.get("1SLjjRYNejbKM")
    xf.spaces.get(7)  # error
    xf.messages.events(event_types=["MessageCreate"])
    xf.messages.events(event_types="Message")  # error
    xf.compliance.jobs("tweets", status="complete")
    xf.compliance.jobs("posts")  # error
    xf.analytics.posts(ids, start, start, granularity="weekly")
    xf.analytics.media(ids, start, start, granularity="weekly")  # error


# writes


def writing(archive: Archive, client: Client, maybe: bool) -> None:
    assert_type(write.like("5"), Frames)
    assert_type(write.like("5", into=archive, client=client, dry_run=False), Frames)
    assert_type(write.like("5", dry_run=True), Request)
    assert_type(write.like("5", dry_run=maybe), Frames | Request)
    assert_type(write.upload_media("cat.png", dry_run=True), Request)
    assert_type(write.create_post("hello", reply_settings="following", media_ids=[1, "2"]), Frames)
    write.create_post("hello", reply_settings="nobody")  # error
    write.create_post("hello", reply_settings="nobody", dry_run=True)  # error
    write.create_compliance_job("posts")  # error
    write.upload_media("cat.png", media_category="tweet_cat")  # error
    write.like()  # error
    write.like("5", dry_run="yes")  # error
    function: Callable[..., Any] = write.like
    write.bulk(function, [1, 2])
    write.bulk(write.like, ["1"], into=archive)


# what an export takes


def exporting(archive: Archive) -> None:
    assert_type(archive.export("study", format="sqlite", tables=["posts"]), dict[str, int])
    archive.export("study.sqlite")
    archive.export("study", format="sqllite")  # error


# plots and their numbers


def plotting(archive: Archive, ax: Axes) -> None:
    assert_type(xf.plot.top(archive, of="words", most=20), Axes)
    assert_type(xf.plot.timeline(archive, ax, every="day", tz="Europe/Berlin"), Axes)
    assert_type(xf.plot.top.data(archive, of="urls"), pd.DataFrame)
    assert_type(xf.plot.usage.data(archive, tz="Europe/Berlin"), pd.DataFrame)
    assert_type(xf.gaps(archive), pd.DataFrame)
    xf.plot.top(archive, of="verbs")  # error
    xf.plot.top.data(archive, of="verbs")  # error
    xf.plot.top.data(archive, ax=ax)  # error
