"""Pages as other tools leave them, read twice: by xframes, and by a plain reader that shares no code with it.

The content is invented; where real pages collected by others are beside the checkout, they are read as well.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

import xframes as xf
from xframes.schema import STORED

from .invented import shapes

INVENTED = shapes()
SAMPLES = Path(__file__).parents[2] / "shared" / "samples"
FILES = sorted(SAMPLES.rglob("*.json*")) if SAMPLES.is_dir() else []
reference = [
    pytest.mark.reference,
    pytest.mark.skipif(not FILES, reason="real pages are not published: none beside the checkout (../shared/samples)"),
]
EACH = pytest.mark.parametrize(
    "path", [*INVENTED, *(pytest.param(path, marks=reference, id=path.name) for path in FILES or [SAMPLES])], indirect=True)


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    """A folder with the invented files."""
    folder = tmp_path_factory.mktemp("invented")
    for name, text in INVENTED.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def path(request, invented):
    return request.param if isinstance(request.param, Path) else invented / request.param


def moment(text):
    return datetime.fromisoformat(text) if text else None


def number(value):
    return int(value) if value is not None else None


def documents(path):
    """The documents of a file: one a line, or one over all lines; recorded answers are unpacked."""
    text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
        found = found if isinstance(found, list) else [found]
    except ValueError:
        found = []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    if found and all(isinstance(d, dict) and "endpoint" in d for d in found):
        return [d["response"] for d in found]
    if found and all(isinstance(d, dict) and "id" in d and "text" in d for d in found) and path.suffix == ".json":
        return [{"data": found}]
    return found


class Plain:
    """What the pages say, as sets of rows; one object of a kind and id per page, the main one first."""

    def __init__(self, pages):
        self.rows = {}
        for page in pages:
            if isinstance(page, dict):
                self.page(page)

    def add(self, table, *row):
        self.rows.setdefault(table, []).append(row)

    def page(self, page):
        data, includes = page.get("data"), page.get("includes") or {}
        if not isinstance(includes, dict):
            includes = {}
        if data is None and not includes and "users" in page:
            includes = page
        main = data if isinstance(data, list) else [data] if isinstance(data, dict) else []
        main = [m for m in main if isinstance(m, dict)]
        kinds = {"post": [], "user": [], "media": [], "place": [], "poll": []}
        for item in main:
            kind = self.kind(item)
            if kind in kinds:
                kinds[kind].append(item)
        for name, kind in (("tweets", "post"), ("posts", "post"), ("users", "user"), ("media", "media"),
                           ("places", "place"), ("polls", "poll")):
            kinds[kind] += includes.get(name) or []
        for kind, items in kinds.items():
            key = "media_key" if kind == "media" else "id"
            for item in {i[key]: i for i in reversed([i for i in items if i.get(key)])}.values():
                getattr(self, kind)(item)

    @staticmethod
    def kind(item):
        if "event_type" in item or "dm_conversation_id" in item or "start" in item or "timestamped_metrics" in item:
            return "other"
        if "text" in item or "edit_history_tweet_ids" in item:
            return "post"
        return "user" if "username" in item else "other"

    def post(self, p):  # noqa: C901  every field of a post, one after another
        note = p.get("note_tweet") or p.get("note_post") or {}
        m = p.get("public_metrics") or {}
        geo = p.get("geo") or {}
        text = note.get("text", p.get("text"))
        self.add("posts", p["id"], text, p.get("author_id"), moment(p.get("created_at")), p.get("conversation_id"),
                 p.get("in_reply_to_user_id"), p.get("lang"), p.get("source"), p.get("possibly_sensitive"),
                 p.get("reply_settings"), geo.get("place_id"), m.get("like_count"), m.get("reply_count"),
                 m.get("retweet_count", m.get("repost_count")), m.get("quote_count"), m.get("bookmark_count"),
                 m.get("impression_count"), number((p.get("edit_controls") or {}).get("edits_remaining")))
        entities = (note.get("entities") or {}) if "text" in note else (p.get("entities") or {})
        for h in entities.get("hashtags") or []:
            self.add("post_hashtags", p["id"], h["tag"], h["start"], h["end"])
        for c in entities.get("cashtags") or []:
            self.add("post_cashtags", p["id"], c["tag"], c["start"], c["end"])
        for a in entities.get("mentions") or []:
            self.add("post_mentions", p["id"], a.get("id"), a.get("username"), a["start"], a["end"])
        for u in entities.get("urls") or []:
            self.add("post_urls", p["id"], u.get("url"), u.get("expanded_url"), u.get("display_url"),
                     u.get("unwound_url"), number(u.get("status")), u.get("title"), u.get("media_key"), u["start"],
                     u["end"])
        for a in (p.get("entities") or {}).get("annotations") or []:
            self.add("post_annotations", p["id"], a["type"], a["normalized_text"], a["start"], a["end"])
        for c in p.get("context_annotations") or []:
            self.add("post_contexts", p["id"], c["domain"]["id"], c["domain"].get("name"), c["entity"]["id"],
                     c["entity"].get("name"))
        for r in p.get("referenced_tweets") or p.get("referenced_posts") or []:
            self.add("post_references", p["id"], r["id"], {"retweeted": "reposted"}.get(r["type"], r["type"]))
        attachments = p.get("attachments") or {}
        for position, key in enumerate(attachments.get("media_keys") or []):
            self.add("post_media", p["id"], key, position)
        for poll in attachments.get("poll_ids") or []:
            self.add("post_polls", p["id"], poll)
        for version in p.get("edit_history_tweet_ids") or p.get("edit_history_post_ids") or []:
            self.add("post_edits", p["id"], version)

    def user(self, u):
        m = u.get("public_metrics") or {}
        self.add("users", u["id"], u.get("username"), u.get("name"), moment(u.get("created_at")), u.get("description"),
                 u.get("location"), u.get("url"), u.get("verified"), u.get("verified_type"), u.get("protected"),
                 m.get("followers_count"), m.get("following_count"), m.get("tweet_count", m.get("post_count")),
                 m.get("listed_count"), u.get("pinned_tweet_id", u.get("pinned_post_id")), u.get("profile_image_url"))
        entities = u.get("entities") or {}
        for field in ("description", "url"):
            for link in (entities.get(field) or {}).get("urls") or []:
                self.add("user_urls", u["id"], field, link.get("url"), link.get("expanded_url"), link["start"])
        for tag in (entities.get("description") or {}).get("hashtags") or []:
            self.add("user_hashtags", u["id"], tag["tag"], tag["start"], tag["end"])

    def media(self, m):
        views = (m.get("public_metrics") or {}).get("view_count")
        self.add("media", m["media_key"], m.get("type"), m.get("url"), m.get("preview_image_url"), m.get("alt_text"),
                 m.get("width"), m.get("height"), m.get("duration_ms"), views)
        for v in m.get("variants") or []:
            self.add("media_variants", m["media_key"], v.get("content_type"), v.get("bit_rate"), v.get("url"))

    def place(self, p):
        box = (p.get("geo") or {}).get("bbox") or [None] * 4
        self.add("places", p["id"], p.get("full_name"), p.get("name"), p.get("place_type"), p.get("country"),
                 p.get("country_code"), *(None if v is None else float(v) for v in box))

    def poll(self, p):
        self.add("polls", p["id"], p.get("duration_minutes"), moment(p.get("end_datetime")), p.get("voting_status"))
        for o in p.get("options") or []:
            self.add("poll_options", p["id"], o.get("position"), o.get("label"), o.get("votes"))


COLUMNS = {
    "posts": "id text author_id created_at conversation_id in_reply_to_user_id lang source possibly_sensitive "
             "reply_settings place_id like_count reply_count repost_count quote_count bookmark_count impression_count "
             "edits_remaining",
    "post_hashtags": "post_id tag start_index end_index", "post_cashtags": "post_id tag start_index end_index",
    "post_mentions": "post_id user_id username start_index end_index",
    "post_urls": "post_id url expanded_url display_url unwound_url status title media_key start_index end_index",
    "post_annotations": "post_id type normalized_text start_index end_index",
    "post_contexts": "post_id domain_id domain_name entity_id entity_name",
    "post_references": "post_id referenced_post_id type", "post_media": "post_id media_key position",
    "post_polls": "post_id poll_id", "post_edits": "post_id edit_post_id",
    "users": "id username name created_at description location url verified verified_type protected followers_count "
             "following_count post_count listed_count pinned_post_id profile_image_url",
    "user_urls": "user_id field url expanded_url start_index", "user_hashtags": "user_id tag start_index end_index",
    "media": "media_key type url preview_image_url alt_text width height duration_ms view_count",
    "media_variants": "media_key content_type bit_rate url",
    "places": "id full_name name place_type country country_code west south east north",
    "polls": "id duration_minutes ends_at voting_status", "poll_options": "poll_id position label vote_count",
}


def shown(rows):
    return sorted(rows, key=repr)


@EACH
def test_the_tables_hold_exactly_the_values_of_the_json(path):
    expected = Plain(documents(path)).rows
    frames = xf.flatten(xf.read_pages(path))
    for table, names in COLUMNS.items():
        found = frames.observations[table].select(names.split())
        rows = [tuple(row) for row in zip(*(c.to_pylist() for c in found.columns), strict=True)]
        assert shown(rows) == shown(expected.get(table, [])), table


@EACH
def test_every_page_is_accounted_for(path):
    pages = list(xf.read_pages(path))
    frames = xf.flatten(pages)
    assert set(frames["requests"]["page_id"].to_pylist()) == {p.page_id for p in pages}
    observed = frames.observations
    told = {i for name in STORED if name != "requests" for i in observed[name]["page_id"].to_pylist()}
    assert {p.page_id for p in pages} == told


@pytest.mark.slow
@pytest.mark.parametrize("source", ["invented", pytest.param("real", marks=reference)])
def test_an_archive_of_all_of_them_answers(source, invented, tmp_path):
    files = FILES if source == "real" else sorted(invented.iterdir())
    with xf.Archive(tmp_path / "archive") as archive:
        archive.import_pages(files, processes=1)
        for table in ("posts", "users"):
            ids = {row[0] for path in files for row in Plain(documents(path)).rows.get(table, [])}
            assert {i for (i,) in archive.sql(f"SELECT id FROM {table}").fetchall()} == ids
            assert ids
        assert archive.verify().ok
        before = archive.tables
        archive.rebuild(processes=1)
        assert archive.tables == before


def test_invented_pages_fill_every_table_that_the_plain_reader_knows(invented):
    rows = {}
    for path in invented.iterdir():
        rows |= {table: True for table, found in Plain(documents(path)).rows.items() if found}
    assert set(rows) == set(COLUMNS)
