"""Exports under pseudonyms: no name is left, everything else is, and it joins as it did."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from xframes.archive.export import masking
from xframes.archive.export.pseudonyms import Pseudonyms, is_x_url
from xframes.archive.export.selection import NEVER
from xframes.errors import ArgumentError
from xframes.schema import TABLES, Type
from xframes.schema.references import own_key, references

from .exported import ADA, BOB, CY, FIRST, KEY, SECOND, everything, whole


@pytest.mark.slow
def test_no_name_is_left_under_pseudonyms(archive, tmp_path):
    for format in ("parquet", "csv", "duckdb", "sqlite"):
        archive.export(tmp_path / format, format=format, pseudonymise=KEY)
        text = everything(tmp_path / format).lower()
        marks = [KEY, "adaville", "abc123", "adahome", "adalink", "ada.example", "1900000000000000"]
        marks += [str(u[c]) for u in (ADA, BOB, CY) for c in ("id", "username", "name")]
        assert [m for m in marks if m.lower() in text] == [], format


def test_texts_entities_and_links_fit_each_other(archive, tmp_path):
    archive.export(tmp_path / "out", pseudonymise=KEY)
    tables = whole(tmp_path / "out")
    names = Pseudonyms(KEY)
    bob, ada, first = names.of("username", "bob_b"), names.of("username", "ada_lov"), names.of("post", FIRST["id"])
    posts = {r["id"]: r for r in tables["posts"]}
    text = posts[first]["text"]
    assert re.fullmatch(rf"=1\+1 &amp; 😀 \.@{bob} look: https://t\.invalid/\w+ #tea", text)
    (url,) = tables["post_urls"]
    assert text[url["start_index"]:url["end_index"]] == url["url"]
    assert url["expanded_url"] == f"https://twitter.com/{ada}/status/{first}"
    assert url["display_url"].startswith(f"twitter.com/{ada}")
    assert url["title"] is None
    (tag,) = tables["post_hashtags"]
    assert text[tag["start_index"]:tag["end_index"]] == "#tea"
    for mention in tables["post_mentions"]:
        told = posts[mention["post_id"]]["text"][mention["start_index"]:mention["end_index"]]
        assert told == f"@{mention['username']}"
    user = next(r for r in tables["users"] if r["username"] == ada)
    assert user["description"].startswith(f"{user['name']}, {ada} elsewhere, works with @{bob} ")
    (mention,), (tag,) = tables["user_mentions"], tables["user_hashtags"]
    assert user["description"][mention["start_index"]:mention["end_index"]] == f"@{bob}"
    assert user["description"][tag["start_index"]:tag["end_index"]] == "#tea"
    assert tables["media"][0]["alt_text"] == f"by @{names.of('username', 'cyCy')}"
    second = posts[names.of("post", SECOND["id"])]
    assert second["text"] == f"@{ada} ja, {names.of('name', 'Bob Plainname')}!"
    assert second["conversation_id"] == first
    assert second["in_reply_to_user_id"] == user["id"]


def test_what_was_asked_for_names_nobody_either(archive, tmp_path):
    archive.export(tmp_path / "out", pseudonymise=KEY, where=f"author_id = '{ADA['id']}'")
    assert len(whole(tmp_path / "out")["posts"]) == 1
    assert ADA["id"] not in everything(tmp_path / "out")


def test_post_ids_stay_when_asked(archive, tmp_path):
    archive.export(tmp_path / "out", pseudonymise=KEY, keep_post_ids=True)
    tables = whole(tmp_path / "out")
    assert [r["id"] for r in tables["posts"]] == [FIRST["id"], SECOND["id"]]
    assert tables["post_urls"][0]["expanded_url"].endswith(f"/status/{FIRST['id']}")
    assert ADA["id"] not in everything(tmp_path / "out")


def test_another_key_gives_other_pseudonyms_and_the_same_key_the_same(archive, tmp_path):
    for name, key in (("one", KEY), ("two", KEY), ("three", KEY.encode() + b"!")):
        archive.export(tmp_path / name, pseudonymise=key, tables="users")
    one, two, three = ({r["id"] for r in whole(tmp_path / n)["users"]} for n in ("one", "two", "three"))
    assert one == two
    assert one.isdisjoint(three)


def test_the_key_is_not_shown(archive, tmp_path):
    names = Pseudonyms(KEY)
    names.of("user", "1")
    assert KEY not in repr(names) + str(vars(type(names)))
    with pytest.raises(TypeError):
        __import__("pickle").dumps(names)
    with pytest.raises(ArgumentError) as caught:
        archive.export(tmp_path / "out", pseudonymise="tooshort")
    assert "tooshort" not in str(caught.value)


@pytest.mark.slow
def test_pseudonyms_join_as_the_names_did(collected, tmp_path):
    collected.export(tmp_path / "plain")
    collected.export(tmp_path / "masked", pseudonymise=KEY)
    plain, masked = whole(tmp_path / "plain"), whole(tmp_path / "masked")
    assert {t: len(rows) for t, rows in masked.items()} == {
        t: len(rows) for t, rows in plain.items() if t not in masking.UNMASKED}
    for table in masked:
        for column, target in references(table).items():
            key = own_key(target)
            if target not in masked or column not in {c.name for c in masking.masked_columns(table)}:
                continue
            sizes = []
            for tables in (plain, masked):
                there = {r[key] for r in tables[target]}
                values = [v for r in tables[table] for v in (r[column] if isinstance(r[column], list) else [r[column]])]
                sizes.append((len(there), len(set(values)), sum(v in there for v in values)))
            assert sizes[0] == sizes[1], (table, column)


def test_no_id_or_handle_of_the_community_is_left(collected, tmp_path):
    people = collected.sql("SELECT id, username, name FROM users").fetchall()
    handles = {u.lower() for (u,) in collected.sql(
        "SELECT username FROM users UNION SELECT username FROM post_mentions UNION SELECT username FROM user_mentions"
    ).fetchall()}
    posts = {i for (i,) in collected.sql("SELECT id FROM posts").fetchall()}
    collected.export(tmp_path / "out", format="csv", pseudonymise=KEY)
    text = everything(tmp_path / "out")
    words = set(re.findall(r"\w+", text.lower()))
    assert len(people) > 50
    assert words & handles == set()
    assert words & ({i for i, _, _ in people} | posts) == set()
    assert [name for _, _, name in people if name in text] == []


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{2,14}", fullmatch=True).map(lambda s: f"zq{s}"[:15])
TEXT = st.text(st.sampled_from("ab 😀é&;/.:#\n\"'(中"), max_size=8)
FORMS = ("@{0}", ".@{0}", "RT @{0}:", "https://x.com/{0}", "https://twitter.com/{0}/status/12345678901234567",
         "mobile.twitter.com/{0}?lang=en", "http://www.x.com/@{0}/", "https%3A%2F%2Ftwitter.com%2F{0}%2Fstatus%2F1",
         "https://x.com/intent/follow?screen_name={0}", "\uff20{0}", "HTTPS://X.COM/{0}#top", "(@{0})",
         "https://example.com/%40{0}", "x.com:443/{0}", "https://web.archive.org/web/2020/https://twitter.com/{0}", "t.co/{0}")


@pytest.mark.slow
@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(TEXT, NAMES, st.sampled_from(FORMS)), min_size=1, max_size=5), TEXT)
def test_rewriting_leaves_no_handle_and_all_else_in_its_place(pieces, tail):
    text = "".join(f"{between} {form.format(name)}" for between, name, form in pieces) + f" {tail}"
    made = Pseudonyms(KEY).rewrite(text)
    assert not any(name.lower() in made.text.lower() for _, name, _ in pieces)
    at, rest, left = 0, "", ""
    for start, end, new_start, new_end in made.edits:
        rest += text[at:start]
        left += made.text[made.place(at):new_start]
        assert (made.place(start), made.place(end, end=True)) == (new_start, new_end)
        at = end
    assert rest + text[at:] == left + made.text[made.place(at):]
    assert made.place(len(text), end=True) == len(made.text)


@pytest.mark.parametrize("text", [
    "mail me: ada@example.com", "see netflix.com/ada", "https://example.com/status/12", "5 @ 6", "x.com", "#ada $ADA",
    "https://x.com/i/trending/1", "https://x.com/search",
])
def test_what_names_nobody_stays(text):
    assert Pseudonyms(KEY).rewrite(text).text == text


def test_the_writers_own_words_go_and_others_stay():
    names = Pseudonyms(KEY)
    made = names.rewrite("I, Ada &amp; Co, am ada_lov; adalov is not", "Ada_Lov", "Ada & Co")
    assert made.text == f"I, {names.of('name', 'Ada & Co')}, am {names.of('username', 'ada_lov')}; adalov is not"
    assert names.rewrite("Ada &amp; Co", "bob", "Bob").text == "Ada &amp; Co"


def test_queries_lose_their_people():
    names = Pseudonyms(KEY)
    ada = names.of("username", "ada")
    asked = "tea -from:ada (to:@Ada OR @ADA) conversation_id:123456 from:42 url:\"x.com/ada\" lang:en"
    assert names.query(asked) == (
        f"tea -from:{ada} (to:{ada} OR @{ada}) conversation_id:{names.of('post', '123456')} "
        f"from:{names.of('user', '42')} url:\"x.com/{ada}\" lang:en")


@pytest.mark.parametrize("link", [
    "https://x.com/%61da/status/1", "https://twitter.com/%40%41d%61", "https%3A%2F%2Fx.com%2F%61da%3Fs%3D20", "x.com/ad%61%20 and on",
])
def test_escaped_handles_are_handles(link):
    made = Pseudonyms(KEY).rewrite(link).text
    assert Pseudonyms(KEY).of("username", "ada") in made
    assert "%61" not in made


def test_links_to_talks_and_bare_posts_name_nobody():
    names = Pseudonyms(KEY)
    assert names.rewrite("https://x.com/messages/123456-7891011").text == "https://x.com/messages"
    assert names.rewrite("https://x.com/statuses/123456").text == f"https://x.com/statuses/{names.of('post', '123456')}"
    assert names.query("tea since_id:123456 until_id:99") == (
        f"tea since_id:{names.of('post', '123456')} until_id:{names.of('post', '99')}")


def test_links_of_x_are_known():
    assert is_x_url("https://mobile.twitter.com/a/status/1")
    assert is_x_url("https://t.co/abc")
    assert not is_x_url("https://netflix.com/title")
    assert not is_x_url(None)


# Columns that are text, and are left out under pseudonyms on purpose; whatever else is new must be looked at.
LEFT_OUT = {
    "posts": {"coordinates_type", "article", "article_title", "article_text", "media_metadata", "matched_media_notes",
              "note_request_suggestions", "suggested_source_links", "suggested_source_links_with_counts"},
    "users": {"location", "url", "profile_image_url", "profile_banner_url", "confirmed_email", "affiliation_description",
              "affiliation_url", "affiliation_badge_url"},
    "user_urls": {"url", "expanded_url", "display_url", "unwound_url", "title", "description", "media_key", "images"},
    "news": {"keywords", "contexts"},
    "runs": {"arguments", "error"},
}


@pytest.mark.parametrize("table", sorted(set(TABLES) - masking.UNMASKED - set(NEVER)))
def test_every_column_is_kept_rewritten_or_left_out_on_purpose(table):
    texts = {c.name for c in TABLES[table].columns if c.type in {Type.STR, Type.STRS, Type.JSON}}
    assert {c for c in texts if masking.rule(table, c) is None} == LEFT_OUT.get(table, set())


def test_every_column_that_names_a_row_is_known():
    loose = {(name, c.name) for name, declared in TABLES.items() for c in declared.columns
             if re.search(r"(^|_)(id|ids|key|keys)$", c.name) and c.name not in references(name) and c.name != own_key(name)}
    assert loose == {
        ("messages", "conversation_id"), ("messages", "card_ids"), ("post_contexts", "domain_id"), ("post_contexts", "entity_id"),
        ("usage", "project_id"), ("usage_daily", "id"), ("removals", "id"), ("removals", "up_to_post_id"), ("tombstones", "resource_id"),
        ("problems", "resource_id"), ("samples", "sample_id"), ("sample_windows", "sample_id"),
    }
