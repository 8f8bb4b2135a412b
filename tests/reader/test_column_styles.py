"""Spelling of columns, and dates and numbers that only their whole column explains."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import xframes as xf
from xframes.reader.formats.readings import COUNT, TAGS, TIME

ID = "1410000000000000001"


def read(tmp_path, header, *rows, name="rows.csv"):
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return xf.flatten(xf.read_pages(path))


def column(tmp_path, name, values):
    """The values of `posts` for a column of the file, and how many were noted."""
    rows = (f"{int(ID) + n},text {n},{value}" for n, value in enumerate(values))
    frames = read(tmp_path, f"tweet_id,text,{name}", *rows)
    target = "created_at" if name == "date" else "like_count"
    return frames["posts"].sort_by("id")[target].to_pylist(), frames["problems"].num_rows


@pytest.mark.parametrize("header", [
    "Tweet_ID,Tweet,Created at,User Name,Retweet Count", "TWEETID,TEXT,CREATED_AT,USERNAME,RETWEETS",
    "tweetId,fullText,createdAt,userName,retweetCount", "Tweet Id,Tweet Text,Tweet Posted Time (UTC),Screen Name,Retweets Received",
])
def test_columns_are_read_in_any_spelling(tmp_path, header):
    frames = read(tmp_path, header, f"{ID},fog,2021-07-06 16:04:47,ana,3")
    (post,) = frames["posts"].to_pylist()
    assert (post["id"], post["text"], post["author_username"], post["repost_count"]) == (ID, "fog", "ana", 3)
    assert post["created_at"] == datetime(2021, 7, 6, 16, 4, 47, tzinfo=UTC)
    assert not frames["problems"].num_rows


def test_keys_of_objects_are_read_in_any_spelling(tmp_path):
    path = tmp_path / "posts.json"
    path.write_text(f'[{{"TweetId": "{ID}", "TweetText": "fog", "CreatedAt": "2021-07-06", "Likes": 3}}]')
    frames = xf.flatten(xf.read_pages(path))
    assert frames["posts"].select(["id", "text", "like_count"]).to_pylist() == [{"id": ID, "text": "fog", "like_count": 3}]


def test_an_exact_name_wins_over_another_spelling(tmp_path):
    frames = read(tmp_path, "Tweet ID,tweet_id,text,date", f"1,{ID},fog,2021-07-06")
    assert frames["posts"]["id"].to_pylist() == [ID]
    assert frames["problems"]["parameter"].to_pylist() == ["Tweet ID"]


def test_a_table_without_ids_is_refused(tmp_path):
    with pytest.raises(xf.XframesError, match="ids"):
        read(tmp_path, "Username,Text,Created At,Likes", "ana,fog,2021-07-06,3")


@pytest.mark.parametrize(("values", "days"), [
    (["03/04/2021 10:05", "13/04/2021 1:05 PM"], ["2021-04-03T10:05", "2021-04-13T13:05"]),
    (["03/04/2021", "04/13/2021 12:00:09 AM"], ["2021-03-04T00:00", "2021-04-13T00:00:09"]),
    (["3.4.2021", "31.12.2021, 00:01"], ["2021-04-03T00:00", "2021-12-31T00:01"]),
    (["03/04/2021", "05/06/2021"], None), (["13/04/2021", "04/13/2021"], None),
])
def test_the_whole_column_says_whether_days_come_first(tmp_path, values, days):
    found, noted = column(tmp_path, "date", [f'"{value}"' for value in values])
    if days is None:
        assert (found, noted) == ([None, None], 2)
    else:
        assert [at.replace(tzinfo=None) for at in found] == [datetime.fromisoformat(day) for day in days]
        assert not noted


def test_a_value_far_below_says_it_too(tmp_path):
    values = ["03/04/2021"] * 200 + ["25/04/2021", "26/99/2021"]
    found, noted = column(tmp_path, "date", values)
    assert found[0] == datetime(2021, 4, 3, tzinfo=UTC)
    assert (found[-1], noted) == (None, 1)


@pytest.mark.parametrize(("values", "counts"), [
    (["1.234", "12.500", "7"], [1234, 12500, 7]), (["1.234.567", "1.000"], [1234567, 1000]),
    (["1.2K", "1,2K", "3M", "1.050", "2.500", "1.000"], [1200, 1200, 3_000_000, 1050, 2500, 1000]),
    (["1.234", "8"], [None, 8]), (["1.234", "2.500", "1534"], [None, None, 1534]), (["0.123", "1.234", "2.345"], [None] * 3),
    (["1.000", "2.000"], [None, None]), (["1.0", "12.00"], [1, 12]),
])
def test_the_whole_column_says_what_a_dot_in_a_number_is(tmp_path, values, counts):
    found, noted = column(tmp_path, "likes", [f'"{value}"' for value in values])
    assert found == counts
    assert noted == counts.count(None)


@pytest.mark.parametrize(("text", "number"), [("1,000", 1000), ("1,234,000", 1_234_000), ("1,0", 1), ("4.5k", 4500), ("1,25 M", 1_250_000)])
def test_numbers_with_marks(text, number):
    assert COUNT(text) == number


@pytest.mark.parametrize("text", ["1,234K", "1.5", "K", "12 B"])
def test_numbers_that_are_not_clear_are_not_guessed(text):
    with pytest.raises(ValueError, match="whole number"):
        COUNT(text)


def test_zones_of_the_usa_and_counts_of_tags():
    assert TIME("Mon Apr 06 22:19:45 PDT 2009") == "2009-04-07T05:19:45+00:00"
    with pytest.raises(ValueError, match="how many"):
        TAGS("3")
    assert TAGS("2024") == ["2024"]
