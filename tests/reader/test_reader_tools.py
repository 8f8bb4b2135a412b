"""Files as the tools write them: what is in several columns belongs together, and nothing known is lost."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
import zipfile
from contextlib import closing
from itertools import islice

import pytest

import xframes as xf
from xframes.reader import FileReport, choices, read_file

ID, QUOTED = "1410000000000000001", "1400000000000000008"
PLACE = {"id": "01fb", "full_name": "Porto, PT", "name": "Porto", "country": "Portugal"}


def read_row(tmp_path, row):
    text = io.StringIO()
    csv.writer(text).writerows([list(row), list(row.values())])
    path = tmp_path / "rows.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    return xf.flatten(xf.read_pages(path))


def read_lines(tmp_path, *records):
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return xf.flatten(xf.read_pages(path))


def rows(frames, table, *columns):
    return [tuple(row.values()) for row in frames[table].select(columns).to_pylist()]


def is_silent(frames):
    return frames["problems"].num_rows == 0


def test_lists_of_links_are_split(tmp_path):
    frames = read_row(tmp_path, {"tweet_id": ID, "timestamp": "2014-01-02 03:04:05 +0000", "text": "fog", "source": "k",
                                 "expanded_urls": "https://a.example.org/x,y,https://b.example.org"})
    assert rows(frames, "post_urls", "expanded_url") == [("https://a.example.org/x,y",), ("https://b.example.org",)]


def test_a_rounded_id_gives_way_to_the_exact_one(tmp_path):
    frames = read_row(tmp_path, {"id": "1.41e+18", "id_str": ID, "text": "fog", "user_id": "5e2", "user_id_str": "501"})
    assert rows(frames, "posts", "id", "author_id") == [(ID, "501")]
    assert is_silent(frames)


def test_what_several_records_say_of_one_account_is_joined(tmp_path):
    def post(number, **user):
        return {"id": number, "text": "fog", "favorite_count": 1, "user": {"id": 7, "screen_name": "bo", **user}}

    frames = read_lines(tmp_path, [post(1), post(2, name="Bo", followers_count=5)])
    assert rows(frames, "users", "id", "name", "followers_count") == [("7", "Bo", 5)]


def test_dmi_tcat(tmp_path):
    frames = read_row(tmp_path, {
        "id": ID, "time": "1625587487", "from_user_name": "ana", "text": "fog", "lat": "0", "lng": "0",
        "urls": "https://t.co/a; https://t.co/p", "urls_expanded": "https://a.example.org; https://x.com/ana/status/1/photo/1",
        "media_id": "; 77", "media_type": "; photo", "photo_sizes_width": "; 640", "photo_sizes_height": "; 480", "photo_resize": "; fit"})
    assert rows(frames, "post_urls", "url", "expanded_url")[0] == ("https://t.co/a", "https://a.example.org")
    assert rows(frames, "media", "media_key", "type", "width") == [("3_77", "photo", 640)]
    assert rows(frames, "posts", "latitude") == [(None,)]
    assert is_silent(frames)


def test_a_link_with_another_id_does_not_change_the_post(tmp_path):
    row = {"id": ID, "tweet_url": f"https://x.com/ana/status/{ID[:9]}", "user_screen_name": "ana", "user_followers_count": "5", "text": "fog"}
    assert rows(read_row(tmp_path, row), "posts", "id") == [(ID,)]
    rounded = {**row, "id": "1410000000000000000", "tweet_url": f"https://x.com/ana/status/{ID}"}
    assert rows(read_row(tmp_path, rounded), "posts", "id") == [(ID,)]


def test_minet(tmp_path):
    frames = read_row(tmp_path, {"id": ID, "timestamp_utc": "1625587487", "user_screen_name": "ana", "text": "fog",
                                 "mentioned_names": "bo|cy", "mentioned_ids": "502|503"})
    assert rows(frames, "post_mentions", "username", "user_id") == [("bo", "502"), ("cy", "503")]


def test_fourcat_has_texts_of_quoted_posts(tmp_path):
    frames = read_row(tmp_path, {"id": ID, "thread_id": ID, "timestamp": "2021-07-06 16:04:47", "body": "fog", "author": "ana",
                                 "quote_tweet_id": QUOTED, "quote_author": "cy", "quote_body": "sea", "replied_author": "bo"})
    assert rows(frames, "posts", "id", "text", "author_username") == [(ID, "fog", "ana"), (QUOTED, "sea", "cy")]
    assert rows(frames, "post_mentions", "username") == [("bo",)]


def test_rtweet(tmp_path):
    frames = read_row(tmp_path, {
        "user_id": "x501", "status_id": f"x{ID}", "created_at": "2021-07-06 16:04:47", "screen_name": "ana", "text": "fog",
        "mentions_user_id": "x502 x503", "mentions_screen_name": "bo cy", "coords_coords": "NA NA", "hashtags": "NA",
        "urls_t.co": "https://t.co/a", "urls_expanded_url": "https://a.example.org", "place_url": "https://api.x.com/1.1/geo/id/01fb.json",
        "place_full_name": "Porto, PT", "place_name": "Porto", "country": "Portugal", "bbox_coords": "-1 -1 0 0 50 52 52 50",
        "profile_expanded_url": "https://ana.example.org"})
    assert rows(frames, "post_mentions", "username", "user_id") == [("bo", "502"), ("cy", "503")]
    assert rows(frames, "post_urls", "url", "expanded_url") == [("https://t.co/a", "https://a.example.org")]
    assert rows(frames, "places", *PLACE, "west", "north") == [(*PLACE.values(), -1.0, 52.0)]
    assert rows(frames, "user_urls", "expanded_url") == [("https://ana.example.org",)]
    assert is_silent(frames)
    frames = read_row(tmp_path, {"user_id": "x501", "screen_name": "ana", "account_created_at": "2012-05-05 10:00:00", "statuses_count": "5",
                                 "profile_expanded_url": "https://ana.example.org"})
    assert rows(frames, "users", "id", "post_count") == [("501", 5)]
    assert rows(frames, "user_urls", "field", "expanded_url") == [("url", "https://ana.example.org")]
    frames = read_row(tmp_path, {"id": "1.41e18", "id_str": ID, "full_text": "fog", "truncated": "FALSE", "display_text_range": "c(0, 3)"})
    assert rows(frames, "posts", "id", "text", "display_text_end") == [(ID, "fog", 3)]


def test_tags(tmp_path):
    frames = read_row(tmp_path, {
        "id_str": ID, "from_user": "ana", "text": "@bo fog", "from_user_id_str": "501", "to_user": "bo", "to_user_id_str": "502",
        "iso_language_code": "en", "source": "&lt;a href=&quot;x&quot;&gt;Kettle&lt;/a&gt;",
        "entities_str": '{"user_mentions": [{"screen_name": "bo", "id_str": "502", "indices": [0, 3]}]}'})
    assert rows(frames, "posts", "in_reply_to_user_id", "lang", "source") == [("502", "en", "Kettle")]
    assert rows(frames, "post_mentions", "username", "user_id", "start_index") == [("bo", "502", 0)]


def test_releases_of_operations_have_a_word_for_nothing(tmp_path):
    frames = read_row(tmp_path, {"tweetid": ID, "userid": "501", "tweet_text": "fog", "tweet_time": "2021-07-06 16:04",
                                 "user_reported_location": "absent", "tweet_client_name": "absent", "retweet_userid": "503"})
    assert rows(frames, "posts", "source") == [(None,)]
    assert rows(frames, "post_mentions", "user_id") == [("503",)]
    assert is_silent(frames)


TYPE = "snscrape.modules.twitter."


def test_snscrape_and_twscrape(tmp_path):
    bo = {"_type": TYPE + "User", "id": 502, "username": "bo", "displayname": "Bo", "followersCount": 5}
    post = {"_type": TYPE + "Tweet", "id": int(ID), "rawContent": "fog", "date": "2021-07-06T16:04:47+00:00", "inReplyToUser": bo,
            "mentionedUsers": [{"id": 502, "username": "bo", "displayname": "Bo"}], "user": {
                "id": 501, "username": "ana", "displayname": "Ana", "blue": True, "pinnedIds": [9]},
            "outlinks": ["https://a.example.org"], "tcooutlinks": ["https://t.co/a"], "displayTextRange": [0, 3],
            "editControl": {"edits_remaining": "5", "edit_tweet_ids": [ID]}, "quotedTweet": {"_type": TYPE + "Tombstone", "id": int(QUOTED), "text": {"text": "gone"}}}
    frames = read_lines(tmp_path, post)
    assert sorted(rows(frames, "users", "id", "followers_count", "verified_type", "pinned_post_id")) == [("501", None, "blue", "9"), ("502", 5, None, None)]
    assert rows(frames, "post_urls", "url", "expanded_url") == [("https://t.co/a", "https://a.example.org")]
    assert rows(frames, "posts", "display_text_end", "edits_remaining") == [(3, 5)]
    assert rows(frames, "post_references", "referenced_post_id") == [(QUOTED,)]
    assert is_silent(frames)
    with pytest.raises(xf.XframesError, match="snscrape"):
        read_lines(tmp_path, {"_type": TYPE + "Community", "id": 5, "name": "Fog"})


def test_twint(tmp_path):
    post = {"id": int(ID), "conversation_id": ID, "date": "2021-07-06", "time": "16:04:47", "timezone": "+0000", "user_id": 501, "username": "ana",
            "tweet": "fog", "replies_count": 2, "place": {"type": "Point", "coordinates": [51.5, -0.12]},
            "mentions": [{"screen_name": "bo", "id": "502"}], "reply_to": [{"user_id": "501", "username": "ana"}]}
    frames = read_lines(tmp_path, post)
    assert rows(frames, "posts", "latitude", "longitude", "in_reply_to_user_id") == [(51.5, -0.12, None)]  # no reply
    assert rows(frames, "post_mentions", "username", "user_id") == [("bo", "502")]
    frames = read_lines(tmp_path, {**post, "conversation_id": "1409999999999999999"})
    assert rows(frames, "posts", "in_reply_to_user_id") == [("501",)]
    frames = read_lines(tmp_path, {"id": 501, "username": "ana", "bio": "", "join_date": "5 May 2012", "join_time": "10:00 AM", "private": 1})
    assert [(str(at), flag) for at, flag in rows(frames, "users", "created_at", "protected")] == [("2012-05-05 10:00:00+00:00", True)]


def test_databases_of_twint(tmp_path):
    path = tmp_path / "twint.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE tweets (id integer, tweet text, screen_name text, user_id integer, replies_count integer, likes_count integer, hashtags text)")
        made.execute("INSERT INTO tweets VALUES (1410000000000000001, 'fog', 'ana', 501, 2, 9, 'rain,wind')")
        made.execute("CREATE TABLE other (colour text)")
        made.commit()
    frames = xf.flatten(xf.read_pages(path))
    assert rows(frames, "posts", "id", "text", "author_id", "like_count") == [(ID, "fog", "501", 9)]
    assert rows(frames, "post_hashtags", "tag") == [("rain",), ("wind",)]
    assert "other" in frames["problems"]["detail"][0].as_py()
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as made:
        made.execute("CREATE TABLE accounts (username text, password text)")
        made.commit()
    with pytest.raises(xf.XframesError, match="twscrape"):
        list(xf.read_pages(tmp_path / "accounts.db"))


@pytest.mark.parametrize("content", ["1410000000000000001\n1410000000000000002\n", "https://x.com/ana/status/1410000000000000001\n", "[1410000000000000001]",
                                     '["1410000000000000001"]', "@ana\n@bo\n"])
def test_lists_of_ids_are_refused_with_the_way_out(tmp_path, content):
    path = tmp_path / "ids.txt"
    path.write_text(content)
    with pytest.raises(xf.XframesError, match="hydrate"):
        list(xf.read_pages(path))


def test_tables_of_private_messages_are_no_posts(tmp_path):
    with pytest.raises(xf.XframesError, match="messages"):
        read_row(tmp_path, {"id": "5", "created_at": "2021-07-06", "sender_id": "7", "recipient_id": "8", "text": "hm"})
    frames = read_lines(tmp_path, {"id_str": "5", "created_at": "2021-07-06", "sender_id_str": "7", "text": "hm"})
    assert (frames["posts"].num_rows, frames["messages"].num_rows) == (0, 1)


def test_what_is_before_a_damage_is_read(tmp_path):
    path = tmp_path / "posts.jsonl.gz"
    post = {"text": "fog", "user": {"id": 501, "screen_name": "ana"}, "favorited": False}
    path.write_bytes(gzip.compress(b"".join(json.dumps({"id": n, **post}).encode() + b"\n" for n in range(100, 300)))[:-40])
    pages = xf.read_pages(path)
    assert len(list(islice(pages, 150))) == 150
    with pytest.raises(xf.XframesError, match="damaged"):
        list(pages)
    path = tmp_path / "tweets.js"
    path.write_text("window.YTD.tweets.part0 = " + json.dumps([{"tweet": {"id_str": str(n), "full_text": "fog"}} for n in range(1, 10)])[:-30])
    pages = xf.read_pages(path)
    assert xf.flatten([next(pages)])["posts"].num_rows == 8
    with pytest.raises(xf.XframesError, match="8 records"):
        next(pages)


def test_the_end_of_a_file_within_a_row_cuts_no_id(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f"id,text,lang,user_id\n{ID},fog,en,7\n{ID[:-1]}")
    frames = xf.flatten(xf.read_pages(path))
    assert rows(frames, "posts", "id") == [(ID,)]
    assert frames["problems"]["kind"].to_pylist() == ["unreadable_page"]
    path.write_text("id,text,lang,user_id\n")
    assert xf.flatten(xf.read_pages(path))["posts"].num_rows == 0


def test_of_two_columns_of_one_name_the_first_is_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f"id,text,lang,user_id,id\n{ID},fog,en,7,501\n")
    frames = xf.flatten(xf.read_pages(path))
    assert rows(frames, "posts", "id") == [(ID,)]
    assert frames["problems"]["parameter"].to_pylist() == ["id.1"]


def test_objects_of_tweepy_and_of_nothing_known(tmp_path):
    post = {"id": int(ID), "text": "fog", "user": {"id": 501, "screen_name": "ana"}}
    frames = read_lines(tmp_path, {"_api": "x", "_json": post, "id": int(ID), "text": "fog", "author_id": 5})
    assert rows(frames, "posts", "id", "author_id") == [(ID, "501")]
    frames = read_lines(tmp_path, {"id": "5", "name": "Fog", "colour": "red"})
    assert (frames["lists"].num_rows, frames["problems"]["kind"].to_pylist()) == (0, ["unreadable_page"])


def test_one_bad_id_does_not_change_what_a_table_is(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f"id,text,lang,user_id\n{ID},fog,en,7\nx,mist,en,8\n{ID[:-1]}2,rain,en,7\n")
    frames = xf.flatten(xf.read_pages(path))
    assert rows(frames, "posts", "text") == [("fog",), ("rain",)]
    assert "bad_value" in frames["problems"]["kind"].to_pylist()


def test_scrapers_on_apify(tmp_path):
    author = {"userName": "ana", "id": "501", "followers": 5, "verifiedType": "Business", "pinnedTweetIds": ["9"],
              "profile_bio": {"description": "Paints"}, "entities": {"url": {"urls": [{"url": "https://t.co/z", "expanded_url": "https://ana.example.org"}]}}}
    post = {"type": "tweet", "id": ID, "text": "fog", "author": author, "place": PLACE}
    frames = read_lines(tmp_path, {"tweets": [post], "has_next_page": False})
    assert rows(frames, "users", "description", "verified_type", "pinned_post_id") == [("Paints", "business", "9")]
    assert rows(frames, "user_urls", "expanded_url") == [("https://ana.example.org",)]
    assert rows(frames, "places", *PLACE) == [tuple(PLACE.values())]
    frames = read_row(tmp_path, {"id": ID, "text": "fog", "author/userName": "ana", "author/id": "501", "likeCount": "9", "entities/hashtags/0/text": "rain"})
    assert rows(frames, "posts", "author_id", "like_count") == [("501", 9)]
    assert rows(frames, "post_hashtags", "tag") == [("rain",)]
    with pytest.raises(xf.XframesError, match="Apify"):
        read_lines(tmp_path, {"type": "mock_tweet", "id": -1, "text": "a reminder"})


def test_the_whole_answer_in_a_row_of_an_exporter_is_read(tmp_path):
    whole = {"__typename": "Tweet", "rest_id": ID, "core": {"user_results": {"result": {
        "__typename": "User", "rest_id": "501", "legacy": {"screen_name": "ana", "name": "Ana"}}}},
        "legacy": {"full_text": "fog", "favorite_count": 9, "entities": {"hashtags": [{"text": "fog", "indices": [0, 3]}]}}}
    row = {"id": ID, "full_text": "fog", "screen_name": "ana", "views_count": 5}
    frames = read_lines(tmp_path, {**row, "metadata": whole})
    assert rows(frames, "users", "id", "name") == [("501", "Ana")]
    assert rows(frames, "post_hashtags", "tag") == [("fog",)]
    assert rows(read_lines(tmp_path, row), "posts", "impression_count") == [(5,)]


def test_answers_of_the_website_since_2024_say_all_of_a_user(tmp_path):
    user = {"__typename": "User", "rest_id": "501", "is_blue_verified": True, "core": {"screen_name": "ana", "name": "Ana"},
            "relationship_counts": {"followers": 27, "following": 3}, "tweet_counts": {"tweets": 12, "media_tweets": 4},
            "action_counts": {"favorites_count": 9}, "banner": {"image_url": "https://a.example.org/b"}, "website": {"url": "https://t.co/z"},
            "pinned_items": {"tweet_ids_str": [ID]}, "verification": {"verified": False, "verified_type": "Business"}, "lantern_mode": "on",
            "profile_bio": {"description": "Paints", "entities": {"url": {"urls": [{"url": "https://t.co/z", "expanded_url": "https://ana.example.org"}]}}},
            "affiliates_highlighted_label": {"label": {"description": "Harbour", "badge": {"url": "https://a.example.org/h"}}}}
    frames = read_lines(tmp_path, {"data": {"user": {"result": user}}})
    assert rows(frames, "users", "followers_count", "following_count", "post_count", "media_count", "like_count", "url", "pinned_post_id",
                "verified_type", "affiliation_description", "profile_banner_url") == [
        (27, 3, 12, 4, 9, "https://t.co/z", ID, "business", "Harbour", "https://a.example.org/b")]
    assert rows(frames, "user_urls", "expanded_url") == [("https://ana.example.org",)]
    assert frames["problems"]["parameter"].to_pylist() == ["lantern_mode"]


def test_polls_communities_articles_and_linked_accounts_of_the_website_are_read(tmp_path):
    values = {"choice1_label": "Fog", "choice1_count": "3", "choice2_label": "Rain", "choice2_count": "4", "duration_minutes": "60",
              "end_datetime_utc": "2024-04-18T18:37:10Z"}
    shop = {"result": {"__typename": "User", "rest_id": "777", "core": {"screen_name": "shop", "name": "Shop"}}}
    card = {"name": "poll2choice_text_only", "url": "card://88", "user_refs_results": [shop], "binding_values": [
        *({"key": name, "value": {"string_value": value, "type": "STRING"}} for name, value in values.items()),
        {"key": "counts_are_final", "value": {"boolean_value": True, "type": "BOOLEAN"}}]}
    post = {"__typename": "Tweet", "rest_id": ID, "card": {"legacy": card}, "community_results": {"result": {"id_str": "99"}},
            "article": {"article_results": {"result": {"title": "Tides", "preview_text": "They go"}}},
            "legacy": {"full_text": "fog?", "user_id_str": "501", "conversation_control": {"policy": "ByInvitation"}}}
    club = {"__typename": "Community", "id_str": "99", "name": "Harbour", "member_count": 5, "join_policy": "Open"}
    frames = read_lines(tmp_path, {"data": {"entry": {"result": post}}}, {"data": {"communityResults": {"result": club}}})
    assert rows(frames, "posts", "community_id", "article_title", "reply_settings") == [("99", "Tides", "mentionedUsers")]
    assert rows(frames, "polls", "id", "duration_minutes", "voting_status") == [("88", 60, "closed")]
    assert rows(frames, "poll_options", "poll_id", "position", "label", "vote_count") == [("88", 1, "Fog", 3), ("88", 2, "Rain", 4)]
    assert rows(frames, "communities", "id", "name", "member_count") == [("99", "Harbour", 5)]
    assert rows(frames, "users", "username") == [("shop",)]
    assert not frames["problems"].num_rows
    with pytest.raises(xf.XframesError, match="website"):
        read_lines(tmp_path, {"data": {"timeline": {"entry": {"__typename": "TimelineTrend", "name": "fog"}}}})


def test_answers_of_the_website_before_2023(tmp_path):
    legacy = {"id_str": ID, "full_text": "fog", "user_id_str": "501", "favorite_count": 9}
    user = {"id_str": "501", "screen_name": "ana", "name": "Ana"}
    captured = {"nav_index": 1, "item_id": ID, "data": {"type": "adaptive", "id": ID, "legacy": legacy, "user": user}}
    for record in ({"globalObjects": {"tweets": {ID: legacy}, "users": {"501": user}}}, captured):
        frames = read_lines(tmp_path, record)
        assert rows(frames, "posts", "id", "author_id", "like_count") == [(ID, "501", 9)]
        assert rows(frames, "users", "id", "username") == [("501", "ana")]


def test_activities_have_titles_of_links_and_deletions(tmp_path):
    activity = {"objectType": "activity", "id": f"tag:search.twitter.com,2005:{ID}", "verb": "post", "body": "fog", "timestampMs": "2021-07-06T16:04:47.123Z",
                "actor": {"id": "id:twitter.com:501", "preferredUsername": "ana", "links": [{"href": "https://ana.example.org", "rel": "me"}]},
                "twitter_entities": {"urls": [{"url": "https://t.co/a", "indices": [0, 3]}]}, "possibly_sensitive": True,
                "gnip": {"urls": [{"url": "https://t.co/a", "expanded_url": "https://a.example.org", "expanded_url_title": "Tides"}]}}
    deletion = {"objectType": "activity", "verb": "delete", "id": "tag:search.twitter.com,2005:5", "object": {"id": "tag:search.twitter.com,2005:5"}}
    frames = read_lines(tmp_path, activity, deletion)
    assert rows(frames, "post_urls", "unwound_url", "title") == [("https://a.example.org", "Tides")]
    assert rows(frames, "posts", "possibly_sensitive") == [(True,)]
    assert str(frames["posts"]["observed_at"][0]) == "2021-07-06 16:04:47.123000+00:00"
    assert rows(frames, "user_urls", "expanded_url") == [("https://ana.example.org",)]
    assert rows(frames, "removals", "id", "reason") == [("5", "deleted")]


def test_lines_of_streams_hide_nothing(tmp_path):
    post = {"id": int(ID), "id_str": ID, "text": "fog", "user": {"id": 501, "screen_name": "ana"}, "favorited": False}
    message = {"id": 5, "id_str": "5", "text": "hm", "sender_id": 7, "recipient_id": 8}
    frames = read_lines(tmp_path, {"limit": {"track": 5}}, post, {"user_delete": {"id": 77}}, {"for_user": 1, "message": {**post, "id_str": "6", "id": 6}},
                        {"direct_message": message}, {"event": "favorite", "source": {"id": 1}, "target": {"id": 2}}, {"scrub_geo": {"user_id": 5}})
    assert sorted(rows(frames, "posts", "id")) == [(ID,), ("6",)]
    assert rows(frames, "messages", "id") == [("5",)]
    assert sorted(rows(frames, "removals", "id", "action", "reason")) == [("5", "scrub_geo", "scrub_geo"), ("77", "delete", "deleted")]
    assert set(frames["problems"]["kind"].to_pylist()) == {"refused_format"}
    assert frames["problems"].num_rows == 2


def test_events_of_compliance_streams_are_kept_and_say_what_is_to_be_removed(tmp_path):
    at = "2021-07-06T16:04:47Z"
    frames = read_lines(tmp_path, {"data": {"user_protect": {"user": {"id": "7"}, "event_at": at}}},
                        {"data": {"withheld": {"tweet": {"id": "5"}, "event_at": at}}},
                        {"data": {"scrub_geo": {"user": {"id": "8"}, "up_to_tweet_id": "99", "event_at": at}}},
                        {"data": {"undelete": {"tweet": {"id": "6"}, "event_at": at}}})
    assert rows(frames, "removals", "id", "resource_type", "action", "reason", "up_to_post_id") == [
        ("7", "user", "delete", "protected", None), ("8", "user", "scrub_geo", "scrub_geo", "99")]
    assert rows(frames, "compliance_events", "kind", "post_id", "user_id") == [
        ("user_protect", None, "7"), ("withheld", "5", None), ("scrub_geo", None, "8")]
    assert rows(frames, "compliance_events", "observed_at")[0][0].year == 2021
    assert frames["problems"]["parameter"].to_pylist() == ["compliance-undelete"]


def test_notices_of_streams_are_events_of_compliance(tmp_path):
    frames = read_lines(tmp_path, {"delete": {"status": {"id": 5, "id_str": "5", "user_id_str": "7"}, "timestamp_ms": "1625587487000"}},
                        {"status_withheld": {"id": 6, "user_id": 7, "withheld_in_countries": ["DE"]}},
                        {"user_undelete": {"id": 8, "timestamp_ms": "1625587487000"}},
                        {"scrub_geo": {"user_id": 9, "up_to_status_id_str": "44"}})
    assert {row[0]: row[1:] for row in rows(frames, "compliance_events", "kind", "post_id", "user_id")} == {
        "delete": ("5", "7"), "user_undelete": (None, "8"), "withheld": ("6", "7"), "scrub_geo": (None, "9")}
    assert rows(frames, "removals", "id", "reason", "up_to_post_id") == [("5", "deleted", None), ("9", "scrub_geo", "44")]


def test_community_notes_of_2021(tmp_path):
    frames = read_row(tmp_path, {"noteId": "3", "participantId": "AB", "createdAtMillis": "1625587487000", "agree": "1", "helpfulOther": "0",
                               "ratedOnTweetId": ID})
    assert rows(frames, "community_note_ratings", "note", "rater", "reasons", "rated_on_post_id") == [("3", "AB", ["agree"], ID)]
    with pytest.raises(xf.XframesError, match="Community Notes"):
        read_row(tmp_path, {"tweetId": "5", "userId": "AB", "createdAtMillis": "1625587487000", "sourceLink": "x"})


@pytest.mark.parametrize("document", [
    {"columns": ["id", "text", "likes"], "index": [0], "data": [[ID, "fog", 3]]},
    {"schema": {"fields": []}, "data": [{"id": ID, "text": "fog", "likes": 3}]},
    {"id": {"0": ID}, "text": {"0": "fog"}, "likes": {"0": 3}},
    {"total_rows": 1, "rows": [{"id": "a", "doc": {"_id": "a", "id_str": ID, "text": "fog", "favorite_count": 3}}]},
    {"took": 1, "hits": {"hits": [{"_id": "a", "_source": {"id_str": ID, "text": "fog", "favorite_count": 3}}]}},
    {"_index": "posts", "_id": "a", "_source": {"id": ID, "text": "fog", "public_metrics": {"like_count": 3}}},
    {"type": "FeatureCollection", "features": [{"geometry": {"type": "Point", "coordinates": [1.5, 2.5]},
                                                "properties": {"id": ID, "text": "fog", "likes": 3}}]},
    {"tweets": [{"Tweet ID": ID, "text": "fog", "likes": 3}], "query": "fog"},
])
def test_documents_that_hold_records(tmp_path, document):
    path = tmp_path / "posts.json"
    path.write_text(json.dumps(document, indent=1))
    frames = xf.flatten(xf.read_pages(path))
    assert rows(frames, "posts", "id", "text", "like_count") == [(ID, "fog", 3)]
    assert {p["parameter"] for p in frames["problems"].to_pylist()} <= {"_id"}


def test_a_holder_of_other_things_is_named(tmp_path):
    frames = read_lines(tmp_path, {"_index": "cats", "_id": "1", "_source": {"name": "Tom", "age": 3}},
                        {"id": ID, "text": "fog", "author_id": "5", "created_at": "2021-01-01T00:00:00Z"})
    assert rows(frames, "posts", "id") == [(ID,)]
    assert frames["problems"].num_rows == 1


def test_an_overview_by_day_keeps_days_without_impressions(tmp_path):
    frames = read_row(tmp_path, {"Date": "Tue, Aug 25, 2026", "Impressions": "", "Likes": "10", "Engagements": "20", "New follows": "2", "Unfollows": "3"})
    assert rows(frames, "account_analytics", "likes", "unfollows") == [(10, 3)]
    frames = read_row(tmp_path, {"Tweet id": ID, "Tweet text": "fog", "impressions": "125.0", "favorites": "21.0", "engagements": "-"})
    assert rows(frames, "post_analytics", "impressions", "likes", "engagements") == [(125, 21, None)]
    with pytest.raises(xf.XframesError, match="videos"):
        read_row(tmp_path, {"Video overview": "Date", "": "Views"})


def export_of(folder, **files):
    """An unpacked export with these files."""
    data = folder / "data"
    data.mkdir()
    for name, items in files.items():
        text = f"window.YTD.{name}.part0 = {json.dumps(items)}"
        if name == "manifest":
            text = f"window.__THAR_CONFIG = {json.dumps(items)}"
        (data / f"{name.replace('_', '-')}.js").write_text(text)
    return data


def test_an_unpacked_export_names_what_it_lacks(tmp_path):
    said = {"archiveInfo": {"generationDate": "2023-05-07T10:17:06.549Z"}, "dataTypes": {"tweets": {"files": [
        {"fileName": "data/tweets.js", "count": "1"}, {"fileName": "data/tweets-part1.js", "count": "4"}]}}}
    note = {"noteTweet": {"noteTweetId": "9", "createdAt": "2023-02-18T12:33:11.000Z", "core": {"text": "fog and more fog"}}}
    lost = {"noteTweet": {"noteTweetId": "8", "createdAt": "2023-02-18T12:33:11.000Z", "core": {"text": "nobody says it"}}}
    post = {"tweet": {"id_str": ID, "full_text": "fog and\u2026", "created_at": "Sat Feb 18 12:33:11 +0000 2023"}}
    data = export_of(tmp_path, manifest=said, tweets=[post], note_tweet=[note, lost], account=[{"account": {"accountId": "501", "username": "ana"}}])
    pages = [page for name in ("manifest", "note-tweet", "tweets") for page in xf.read_pages(data / f"{name}.js")]
    frames = xf.flatten(pages)
    assert rows(frames, "posts", "text") == [("fog and more fog",)]
    details = " ".join(frames["problems"]["detail"].to_pylist())
    assert "data/tweets-part1.js" in details
    assert "nobody says it" in details
    assert frames["problems"].num_rows == 2


def test_events_of_conversations_are_counted(tmp_path):
    events = [{"joinConversation": {"initiatingUserId": "7", "createdAt": "2023-02-18T12:33:11.000Z"}}, {"waveAgain": {"id": "5", "senderId": "7"}},
              {"messageCreate": {"id": "4", "senderId": "7", "text": "hi", "createdAt": "2023-02-18T12:33:11.000Z"}}]
    data = export_of(tmp_path, direct_messages_group=[{"dmConversation": {"conversationId": "55", "messages": events}}])
    report = FileReport()
    frames = xf.flatten(read_file(data / "direct-messages-group.js", None, choices(), report))
    assert rows(frames, "messages", "id", "conversation_id") == [("4", "55")]
    assert list(report.left.values()) == [1]
    assert "waveAgain" in frames["problems"]["detail"].to_pylist()[0]


def test_tables_in_an_export_are_as_old_as_the_export(tmp_path):
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as packed:
        packed.writestr("data/js/payload_details.js", 'var payload_details = {"created_at": "2014-01-02 10:00:00 +0000"}')
        packed.writestr("tweets.csv", "tweet_id,timestamp,text,retweeted_status_id,expanded_urls\n286149028327084034,2013-01-01 16:36:59 +0000,fog,,\n")
    (post,) = rows(xf.flatten(xf.read_pages(tmp_path / "old.zip")), "posts", "id", "observed_at")
    assert (post[0], post[1].year) == ("286149028327084034", 2014)


def test_an_export_in_one_document_is_read_by_choice(tmp_path):
    post = {"tweet": {"id_str": ID, "full_text": "fog and\u2026", "created_at": "Sat Feb 18 12:33:11 +0000 2023"}}
    note = {"noteTweet": {"noteTweetId": "9", "createdAt": "2023-02-18T12:33:11.000Z", "core": {"text": "fog and more fog"}}}
    whole = {"upload-options": {"keepPrivate": False}, "profile": [{"profile": {"description": {"bio": "Paints"}}}],
             "account": [{"account": {"accountId": "501", "username": "ana"}}], "tweets": [post], "note-tweet": [note],
             "follower": [{"follower": {"accountId": "7"}}], "like": [{"like": {"tweetId": QUOTED, "fullText": "liked"}}]}
    path = tmp_path / "archive.json"
    path.write_text(json.dumps(whole))
    report = FileReport()
    frames = xf.flatten(read_file(path, None, choices(), report))
    assert rows(frames, "posts", "id", "text", "author_id") == [(ID, "fog and more fog", "501")]
    assert set(report.left) == {"followers", "likes", "profiles"}
    frames = xf.flatten(xf.read_pages(path, include="all"))
    assert (frames["likes"].num_rows, frames["follows"].num_rows) == (1, 1)
    assert not frames["problems"].num_rows
    path.write_text(json.dumps(whole)[:300])
    with pytest.raises(xf.XframesError, match="damaged"):
        list(xf.read_pages(path))


def test_codes_of_characters_in_workbooks_are_read(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in (["id", "text", "likes"], [ID, "a_x000D_\nb _x005F_x000D_", 3]):
        book.active.append(line)
    book.save(tmp_path / "posts.xlsx")
    assert rows(xf.flatten(xf.read_pages(tmp_path / "posts.xlsx")), "posts", "text") == [("a\r\nb _x000D_",)]
