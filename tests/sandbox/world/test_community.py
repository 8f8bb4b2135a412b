"""The community: reproducible, shaped like one, and true to X's text rules."""

import hashlib
import html
import json
import re
from collections import Counter

import pytest

from xframes.sandbox import Community
from xframes.sandbox.protocol.object_json import person_json, post_json, reword
from xframes.sandbox.world.draft import Draft, cut, shift
from xframes.sandbox.world.snowflakes import EPOCH_MS, moment, snowflake

NOW = 1_790_000_000_000
DAY = 86_400_000


@pytest.fixture(scope="module")
def community():
    return Community(seed=7, posts=3000, users=300, now=NOW)


def digest(community):
    held = [[post_json(p) for p in community.posts.values()], [person_json(p) for p in community.people.values()],
            [[each.id for each in p.followers] for p in community.people.values()], sorted(community.lists)]
    return hashlib.sha256(json.dumps(held).encode()).hexdigest()


def test_same_seed_same_community():
    made = [digest(Community(seed=seed, posts=400, users=60, now=NOW)) for seed in (7, 7, 8)]
    assert made[0] == made[1] != made[2]


def test_generation_is_quick_enough_for_a_notebook_cell():
    import time

    began = time.process_time()
    Community(seed=1, posts=3000, users=300, now=NOW)
    assert time.process_time() - began < 3  # a quarter of a second on a machine of today


def test_sizes_and_impossible_sizes(community):
    assert len(community.listed) == 3000
    assert len(community.people) == 300
    assert len(Community(seed=1, posts=1, users=3, now=NOW).listed) == 1
    with pytest.raises(ValueError, match="at least 1 post and 3 users"):
        Community(seed=1, posts=0, users=3, now=NOW)


def test_ids_are_snowflakes_of_their_time(community):
    for post in community.posts.values():
        assert moment(post.id) == post.at
        assert EPOCH_MS < post.at < NOW
    assert len({p.id for p in community.posts.values()}) == len(community.posts)
    assert [p.id for p in community.listed] == sorted(p.id for p in community.listed)
    assert snowflake(EPOCH_MS + 1) == 1 << 22
    assert moment(1576994789110992896) // 1000 == 1664819831  # 2022-10-03T17:57:11Z, as X says of that id


def test_most_posts_are_recent_and_some_old(community):
    ages = [(NOW - p.at) / DAY for p in community.listed]
    assert 0.65 < sum(a < 7 for a in ages) / len(ages) < 0.75
    assert 0.2 < sum(7 <= a < 61 for a in ages) / len(ages) < 0.3
    assert max(ages) > 365
    assert min(ages) * DAY > 30_000


def test_activity_and_audience_are_heavy_tailed(community):
    written = sorted((len(v) for v in community.by_author.values()), reverse=True)
    assert sum(written[: len(written) // 10]) > 0.4 * sum(written)
    heard = sorted((p.followers_count for p in community.people.values()), reverse=True)
    assert heard[0] > 20 * heard[150]


def test_nothing_of_x_is_missing(community):
    posts = community.posts.values()
    assert Counter(p.state for p in posts).keys() == {"live", "deleted", "superseded"}
    assert {p.standing for p in community.people.values()} == {"active", "protected", "suspended"}
    assert {m.kind for m in community.media.values()} == {"photo", "video", "animated_gif"}
    assert {kind for p in posts for kind, _ in p.references} == {"replied_to", "quoted", "retweeted"}
    assert len({p.lang for p in posts}) >= 6
    for has in ("note", "poll", "place", "point", "withheld", "sensitive", "community_id"):
        assert any(getattr(p, has) for p in posts), has
    assert {p.verified for p in community.people.values()} >= {"none", "blue", "business"}
    assert any(len(p.versions) > 2 for p in posts)
    assert any(len(p.references) == 2 for p in posts)


def test_some_references_point_where_nobody_may_look(community):
    why = Counter()
    for post in community.listed:
        for _, id in post.references:
            target = community.posts[id]
            why[target.state if target.state != "live" else target.author.standing] += 1
    assert why["deleted"] > 5
    assert why["protected"] > 2
    assert why["suspended"] > 2


def test_references_point_back_in_time_and_threads_share_their_root(community):
    for post in community.posts.values():
        for kind, id in post.references:
            assert id < post.id
            if kind == "replied_to":
                assert post.conversation_id == community.posts[id].conversation_id
                assert post.reply_to is community.posts[id].author


SIGNS = {"hashtags": ("#", "tag"), "cashtags": ("$", "tag"), "mentions": ("@", "username"), "urls": ("", "url")}


def entities_of(post):
    yield post.text, post.entities
    if post.note:
        yield post.note


def test_entity_indices_slice_the_escaped_text_by_code_points(community):
    seen = Counter()
    after = Counter()
    for post in community.posts.values():
        for text, entities in entities_of(post):
            for kind, items in entities.items():
                for item in items:
                    seen[kind] += 1
                    if kind == "annotations":  # ends inclusive, unlike the rest
                        assert text[item["start"] : item["end"] + 1] == item["normalized_text"]
                        continue
                    sign, key = SIGNS[kind]
                    assert text[item["start"] : item["end"]] == sign + item[key]
                    before = text[: item["start"]]
                    after["escape"] += "&amp;" in before
                    after["astral"] += any(ord(c) > 0xFFFF for c in before)
    assert min(seen[kind] for kind in ("hashtags", "cashtags", "mentions", "urls", "annotations")) > 10
    assert min(after.values()) > 50


def test_text_is_escaped_once(community):
    for post in community.posts.values():
        assert not re.search(r"&(?!amp;|lt;|gt;)|[<>]", post.text)
    assert any("&" in html.unescape(p.text) for p in community.listed)


def test_reposts_are_cut_like_x_cuts_them(community):
    reposts = [p for p in community.listed if p.original]
    assert len(reposts) > 300
    shortened = [p for p in reposts if p.text.endswith("…")]
    assert shortened
    for post in reposts:
        assert post.text.startswith(f"RT @{post.original.author.username}: ")
        assert len(post.text) <= 141
        assert post.entities["mentions"][0]["username"] == post.original.author.username
    assert any(len(p.entities.get("hashtags", ())) < len(p.original.entities.get("hashtags", ())) for p in shortened)


def test_long_posts_keep_the_whole_text_in_the_note(community):
    notes = [p for p in community.listed if p.note]
    assert len(notes) > 20
    for post in notes:
        assert len(post.note[0]) > 280 >= len(post.text)
        assert "…" in post.text
        assert post.note[0].startswith(post.text.partition("…")[0])


def test_edits_are_a_chain_of_ids(community):
    edited = [p for p in community.listed if len(p.versions) > 1]
    assert edited
    for post in edited:
        assert post.versions[-1] == post.id
        assert list(post.versions) == sorted(post.versions)
        for id in post.versions[:-1]:
            old = community.posts[id]
            assert (old.state, old.versions, old.author) == ("superseded", post.versions, post.author)
            assert post.at - old.at < 1_800_000


def test_displayed_range_leaves_out_mentions_and_media_links(community):
    for post in community.listed:
        start, end = post_json(post)["display_text_range"]
        assert 0 <= start <= end <= len(post.text)
        if post.reply_to and post.reply_to is not post.author:
            assert not post.text[start:end].startswith("@" + post.reply_to.username)


def test_measures_include_what_the_community_did(community):
    for (kind, id), posts in community.referring.items():
        target = community.posts[id]
        if target.original is None:
            count = {"replied_to": target.replies, "quoted": target.quotes, "retweeted": target.reposts}[kind]
            assert count >= len(posts)


def test_measures_grow_and_never_fall(community):
    for final in (0, 1, 50, 10_000):
        series = [community.grown(final, reads, NOW - DAY) for reads in range(30)]
        assert series[0] == final
        assert series == sorted(series)
        assert series[-1] > final
        assert series[-1] <= 2 * final + 6


def test_follows_are_mutually_consistent(community):
    for person in community.people.values():
        assert len(set(map(id, person.following))) == len(person.following)
        assert person not in person.following
        assert all(person in other.followers for other in person.following)
        assert person.followers_count >= len(person.followers)


def test_likes_agree_both_ways(community):
    pairs = {(person.id, post) for post, people in community.likers.items() for person in people}
    assert pairs == {(person, post.id) for person, posts in community.liked.items() for post in posts}
    assert len(pairs) > 1000


def test_post_words_rename_and_keep_values(community):
    for post in community.listed[:500]:
        old = post_json(post) | {"public_metrics": {"retweet_count": 3, "like_count": 4}}
        new = reword(old)
        assert new["edit_history_post_ids"] == old["edit_history_tweet_ids"]
        assert new["public_metrics"] == {"repost_count": 3, "like_count": 4}
        assert new.get("referenced_posts") == old.get("referenced_tweets")
        assert "annotations" not in new.get("entities", {})
        assert not [name for name in new if "tweet" in name]


def test_cutting_never_splits_an_entity_or_an_escape():
    draft = Draft().say("a & b <").gap().hashtag("coffee").gap().say("&&&").gap().mention("quiet_otter", 1)
    for limit in range(len(draft) + 3):
        end = cut(draft.text, draft.entities, limit)
        assert end <= limit
        head = draft.text[:end]
        assert not re.search(r"&(?!amp;|lt;|gt;)", head)
        for kind, items in shift(draft.entities, 0, end).items():
            for item in items:
                assert head[item["start"] : item["end"]] == SIGNS[kind][0] + item[SIGNS[kind][1]]
        for items in draft.entities.values():
            assert not any(item["start"] < end < item["end"] for item in items)
