"""What an archive has and lacks: going on from its newest post, ids that need no lookup, fates, counts against posts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner

import xframes as xf
from xframes import errors
from xframes.cli import main
from xframes.plan.post_ids import posted_at
from xframes.sandbox import Fault
from xframes.wire import Page, Request

NOW = datetime.now(UTC).replace(microsecond=0)
WORDS = "coffee OR duckdb OR climate"
RECENT = "/2/tweets/search/recent"


@pytest.fixture(scope="module")
def started():
    with xf.sandbox.start(posts=2_000, users=120, rate_limits=False) as made:
        yield made


@pytest.fixture
def x(started):
    started.faults.clear()
    return started


@pytest.fixture
def client(x):
    with xf.Client(x.bearer_token, base_url=x.url, on_wait=lambda *_: None, sleep=lambda _: None) as made:
        yield made


@pytest.fixture
def archive(tmp_path):
    with xf.Archive(tmp_path / "a") as made:
        yield made


def matched(archive):
    return {i for (i,) in archive.sql("SELECT post_id FROM matches").fetchall()}


def field_params(x, before, name="since_id"):
    return [r.params.get(name) for r in x.requests[before:]]


def whole(x, client):
    return set(xf.search.recent(WORDS, client=client)["matches"]["post_id"].to_pylist())


# since="last" ---------------------------------------------------------------------------------------------------------


def test_since_last_begins_with_everything_and_then_pays_for_nothing_twice(x, client, archive):
    everything = whole(x, client)
    half = sorted(everything, key=int)[len(everything) // 2]
    xf.search.recent(WORDS, until_id=half, into=archive, client=client)
    first = matched(archive)
    assert first == {i for i in everything if int(i) < int(half)}

    before = len(x.requests)
    run = xf.search.recent(WORDS, since="last", into=archive, client=client)
    assert set(field_params(x, before)) == {max(first, key=int)}
    assert (run.rows, matched(archive)) == (len(everything) - len(first), everything)

    again = xf.search.recent(WORDS, since="last", into=archive, client=client)
    assert (again.rows, again.pages) == (0, 1)


def test_since_last_up_to_a_time_asks_by_ids_only(x, client, archive):
    everything = whole(x, client)
    half = sorted(everything, key=int)[len(everything) // 2]
    xf.search.recent(WORDS, until_id=half, into=archive, client=client)
    before, end = len(x.requests), x.now - timedelta(hours=2)
    xf.search.recent(WORDS, since="last", end_time=end, into=archive, client=client)
    assert {"end_time" in r.params for r in x.requests[before:]} == {False}
    assert matched(archive) == {i for i in everything if posted_at(int(i)) < end or int(i) < int(half)}


def test_blanks_make_no_other_question(x, client, archive):
    xf.search.recent("coffee lang:en", into=archive, client=client)
    xf.counts.recent("coffee  lang:en", into=archive, client=client)
    before = len(x.requests)
    assert xf.search.recent(" coffee  lang:en\n", since="last", into=archive, client=client).rows == 0
    assert field_params(x, before) != [None]
    found = archive.completeness("coffee lang:en ")
    assert found["counted"].sum() == found["collected"].sum()
    assert found["start_at"].is_unique


def test_pages_of_other_tools_count_as_collected(x, client, archive, tmp_path):
    frames = xf.search.recent("coffee", client=client)
    url = "https://api.twitter.com/2/tweets/search/recent?query=coffee"
    path = tmp_path / "pages.jsonl"
    path.write_text("".join(json.dumps(json.loads(p.body) | {"__twarc": {"url": url, "version": "2", "retrieved_at": "2026-03-01T00:00:00+00:00"}})
                            + "\n" for p in frames.pages))
    archive.import_pages(path, progress=False)
    xf.counts.recent("coffee", into=archive, client=client)
    assert archive.completeness("coffee")["collected"].sum() == len(frames["matches"]) > 0


def test_since_last_knows_questions_apart(x, client, archive):
    xf.search.recent("coffee", into=archive, client=client)
    before = len(x.requests)
    xf.search.recent("climate", since="last", into=archive, client=client)
    xf.search.all("coffee", since="last", into=archive, client=client)
    assert set(field_params(x, before)) == {None}


def test_since_last_finishes_what_stopped_before_it_goes_on(x, client, archive):
    x.faults.add(Fault("usage_capped", at=3, path=RECENT))
    with pytest.raises(xf.Interrupted):
        xf.search.recent(WORDS, into=archive, client=client)
    xf.search.recent(WORDS, since="last", into=archive, client=client)
    assert set(archive.runs()["state"]) == {"done"}
    assert matched(archive) == whole(x, client)
    rows = archive.sql("SELECT count(*), count(DISTINCT post_id) FROM matches").fetchall()[0]
    assert rows[0] == rows[1]


def test_a_run_that_its_limit_cut_leaves_no_hole(x, client, archive):
    everything = sorted(whole(x, client), key=int)
    xf.search.recent(WORDS, until_id=everything[50], into=archive, client=client)
    xf.search.recent(WORDS, since="last", limit=20, into=archive, client=client)  # the newest twenty: a hole below them
    xf.search.recent(WORDS, since="last", into=archive, client=client)
    assert matched(archive) == set(everything)


def test_a_first_run_with_a_limit_is_what_later_ones_go_on_from(x, client, archive):
    xf.search.recent(WORDS, limit=30, into=archive, client=client)
    run = xf.search.recent(WORDS, since="last", limit=30, into=archive, client=client)
    assert run.rows == 0


def test_timelines_go_on_too_and_start_time_is_for_the_first_time(x, client, archive):
    user = str(max(x.community.by_author, key=lambda p: len(x.community.by_author[p])))
    start = NOW - timedelta(days=30)
    for expected in (None, "id"):
        before = len(x.requests)
        xf.timelines.user(user, start_time=start, since="last", into=archive, client=client)
        assert bool(field_params(x, before)[0]) == bool(expected)
        assert bool(field_params(x, before, "start_time")[0]) != bool(expected)


def test_what_x_does_not_reach_any_more_is_told(x, client, archive):
    old = xf.search.all(WORDS, end_time=NOW - timedelta(days=20), start_time=NOW - timedelta(days=40), client=client)
    pages = [Page(Request("GET", RECENT, {"query": WORDS}, "search.recent", {}), p.body, p.received_at) for p in old.pages]
    with archive.keeping("search.recent", {"query": WORDS}) as keep:
        for page in pages:
            keep(page)
    before = len(x.requests)
    with pytest.warns(UserWarning, match=r"search\.recent.*7 days.*search\.all") as caught:
        xf.search.recent(WORDS, since="last", into=archive, client=client)
    assert caught[0].filename == __file__, "it points at the caller"
    assert set(field_params(x, before)) == {None}


@pytest.mark.parametrize(("arguments", "words"), [
    ({"since": "yesterday"}, "since: .*'last'"), ({"since": "last", "since_id": "1"}, "exclude each other"),
    ({"since": "last", "sort_order": "relevancy"}, "newest posts first"), ({"since": "last"}, "into=archive"),
])
def test_since_is_refused_where_it_means_nothing(client, archive, arguments, words):
    into = None if arguments == {"since": "last"} else archive
    with pytest.raises(errors.ArgumentError, match=words):
        xf.search.recent(WORDS, into=into, client=client, **arguments)


# ids that are here ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_lookup_skips_what_is_stored_unless_it_should_refresh(x, client, archive):
    ids = [str(p.id) for p in x.community.listed[-150:]]
    assert xf.posts.lookup(ids[:120], into=archive, client=client).rows == 120
    before = len(x.requests)
    run = xf.posts.lookup(ids, into=archive, client=client)
    assert field_params(x, before, "ids") == [",".join(i for i in ids[120:] if i not in stored_before(archive, run))]
    nothing = xf.posts.lookup(ids, into=archive, client=client)
    assert (nothing.state, nothing.pages) == ("done", 0)
    assert xf.posts.lookup(ids, refresh=True, into=archive, client=client).rows == 150
    assert archive.sql("SELECT count(*) FROM post_metrics WHERE post_id = $id", {"id": ids[0]}).fetchall()[0][0] >= 2


def stored_before(archive, run):
    """Posts that came with others, e.g. quoted ones, before that run."""
    return {i for (i,) in archive.sql(
        "SELECT id FROM posts WHERE id NOT IN (SELECT post_id FROM matches WHERE run_id = $run)", {"run": run.run_id}).fetchall()}


def test_ids_may_come_from_sql_or_any_table_of_one_column(x, client, archive):
    xf.search.recent("coffee", limit=50, into=archive, client=client)
    found = archive.sql("SELECT DISTINCT referenced_post_id FROM post_references")
    wanted = {i for (i,) in found.fetchall()}
    run = xf.posts.lookup(archive.sql("SELECT DISTINCT referenced_post_id FROM post_references"), into=archive, client=client)
    assert wanted - {i for (i,) in archive.sql("SELECT id FROM posts").fetchall()} <= set(
        archive.sql("SELECT value FROM problems WHERE run_id = $r", {"r": run.run_id}).df()["value"])
    ids = [str(p.id) for p in x.community.listed[:3]]
    for table in (pd.DataFrame({"id": ids}), pa.table({"id": ids})):
        assert len(xf.posts.lookup(table, client=client)["matches"]) == 3
    with pytest.raises(errors.ArgumentError, match="2 columns"):
        xf.posts.lookup(pd.DataFrame({"id": ids, "n": 1}), client=client)


def test_names_and_removed_posts_are_not_asked_for_again(x, client, archive):
    names = [p.username for p in x.community.people.values() if p.standing == "active"][:3]
    xf.users.by_usernames(names, into=archive, client=client)
    assert xf.users.by_usernames([n.upper() for n in names], into=archive, client=client).pages == 0
    post = str(x.community.listed[-1].id)
    xf.posts.lookup([post], into=archive, client=client)
    archive.remove(post_ids=[post], reason="field_params")
    assert xf.posts.lookup([post], into=archive, client=client).pages == 0


# fates ----------------------------------------------------------------------------------------------------------------


def of_each_kind(x):
    posts = list(x.community.posts.values())
    return {
        "found": next(p for p in posts if p.listed and not p.withheld),
        "withheld": next(p for p in posts if p.listed and p.withheld),
        "not_found": next(p for p in posts if p.state == "deleted" and p.author.standing == "active"),
        "not_authorized": next(p for p in posts if p.author.standing == "protected" and p.state == "live"),
    }


def test_hydration_tells_the_fate_of_each_id(x, client, archive, tmp_path):
    kinds = {fate: str(post.id) for fate, post in of_each_kind(x).items()} | {"not_found ": "99"}
    file = tmp_path / "ids.txt"
    file.write_text("id\n" + "\n".join(kinds.values()) + "\n")
    told = xf.hydrate(file, into=archive, client=client)
    assert told["id"].tolist() == list(kinds.values())
    assert told["fate"].tolist() == [fate.strip() for fate in kinds]
    assert str(told["observed_at"].dtype) == "datetime64[ms, UTC]"
    assert "Could not find" in told["detail"][2]
    assert set(archive.frame("posts")["id"]) >= {kinds["found"], kinds["withheld"]}

    archive.remove(post_ids=[kinds["withheld"]], reason="asked by its author")
    before = len(x.requests)
    again = xf.hydrate(list(kinds.values()), into=archive, client=client)
    assert again["fate"].tolist() == ["stored", "removed", "not_found", "not_authorized", "not_found"]
    assert field_params(x, before, "ids") == [",".join([kinds["not_found"], kinds["not_authorized"], "99"])]


def test_users_are_hydrated_too(x, client, archive):
    people = {p.standing: str(p.id) for p in x.community.people.values()}
    told = xf.hydrate([*people.values(), "7"], into=archive, table="users", client=client)
    fates = dict(zip([*people, "nobody"], told["fate"], strict=True))
    assert fates == {"active": "found", "protected": "found", "suspended": "suspended", "nobody": "not_found"}


def test_check_finds_what_has_vanished(x, client, archive):
    with xf.sandbox.start(posts=300, users=40) as y, xf.Client(y.bearer_token, base_url=y.url) as other:
        ids = [str(p.id) for p in y.community.listed[-5:]]
        xf.posts.lookup(ids, into=archive, client=other)
        y.community.posts[int(ids[1])].state = "deleted"
        told = archive.check(ids, client=other)
    assert told["fate"].tolist() == ["found", "not_found", "found", "found", "found"]
    assert ids[1] in archive.frame("posts")["id"].tolist()  # whether it must go, too, is for the archivist to say
    with pytest.raises(errors.ArgumentError, match=r"table.*'media'"):
        archive.check(ids, table="media", client=other)


@pytest.mark.parametrize("written", [
    ("id\n{}\n{}\n", "utf-8"), ('"tweet_id"\r\n"{}"\r\n"{}"\r\n', "utf-8-sig"), ("{}\n\n{}", "ascii"), ("{}\n{}\n", "utf-16"),
])
def test_a_file_of_ids_may_have_a_head_and_any_encoding_of_a_spreadsheet(x, client, archive, tmp_path, written):
    text, encoding = written
    ids = [str(post.id) for post in x.community.listed[:2]]
    (tmp_path / "ids.txt").write_bytes(text.format(*ids).encode(encoding))
    assert xf.hydrate(tmp_path / "ids.txt", into=archive, client=client)["id"].tolist() == ids


@pytest.mark.parametrize("data", [b"123,456\n789\n", b"1.2e18\n789\n", b"\xff\xd8\xff\xe0 a picture", b"id\n789;5\n"])
def test_a_file_of_anything_else_is_refused_whole(x, client, archive, tmp_path, data):
    (tmp_path / "ids.txt").write_bytes(data)
    before = len(x.requests)
    with pytest.raises(errors.ArgumentError):
        xf.hydrate(str(tmp_path / "ids.txt"), into=archive, client=client)
    assert len(x.requests) == before


def test_rounded_ids_are_reported_before_they_are_looked_up(x, client, archive, tmp_path):
    (tmp_path / "ids.txt").write_text("1790000000000010000\n1790000000000240000\n")
    before = len(x.requests)
    with pytest.raises(UserWarning, match="spreadsheet"):  # in tests, warnings are errors
        xf.hydrate(tmp_path / "ids.txt", into=archive, client=client)
    assert len(x.requests) == before
    assert archive.frame("problems")["kind"].tolist() == ["rounded_ids"]
    with pytest.raises(UserWarning, match="spreadsheet"):
        xf.posts.lookup(["1790000000000010000", "1790000000000240000"], client=client)
    assert len(x.requests) == before
    with pytest.warns(UserWarning, match="spreadsheet"):
        told = archive.check(["1790000000000010000", "1790000000000240000"], client=client)
    assert told["fate"].tolist() == ["not_found"] * 2


def test_a_file_of_ids_that_is_missing_is_named(client, archive):
    with pytest.raises(errors.ArgumentError, match=r"nothing\.txt"):
        xf.hydrate("nothing.txt", into=archive, client=client)


# counts against posts -------------------------------------------------------------------------------------------------


def test_completeness_compares_counts_with_what_was_collected(x, client, archive):
    query = "coffee"
    archive.path.mkdir()
    with pytest.raises(errors.ArchiveError, match=r"xf\.counts\.recent\('coffee', into=archive\)"):
        archive.completeness(query)
    xf.counts.recent(query, granularity="day", into=archive, client=client)
    xf.search.recent(query, start_time=NOW - timedelta(days=3), into=archive, client=client)
    xf.search.recent("duckdb", into=archive, client=client)  # of another question: not counted
    found = archive.completeness(query)
    by_day, ids = {}, set(xf.search.recent(query, client=client)["matches"]["post_id"].to_pylist())
    for post in x.community.listed:
        if str(post.id) in ids:
            day = datetime.fromtimestamp(post.at / 1000, UTC).date()
            by_day[day] = by_day.get(day, 0) + 1
    assert found["counted"].tolist() == [by_day.get(t.date(), 0) for t in found["start_at"]]
    late = found[found["start_at"] > NOW - timedelta(days=3)]
    assert late["missing"].sum() == 0
    assert late["collected"].sum() > 0
    early = found[found["end_at"] <= NOW - timedelta(days=3)]
    assert early["missing"].tolist() == early["counted"].tolist()
    assert early["price"].sum() == pytest.approx(0.005 * early["missing"].sum())


def test_spans_cut_by_a_request_do_not_stand_beside_whole_ones(x, client, archive):
    xf.counts.recent("coffee", granularity="day", start_time=NOW - timedelta(days=2, hours=3), into=archive, client=client)
    xf.counts.recent("coffee", granularity="day", start_time=NOW - timedelta(days=4), into=archive, client=client)
    found = archive.completeness("coffee", granularity="day")
    assert (found["start_at"][1:].reset_index(drop=True) == found["end_at"][:-1].reset_index(drop=True)).all()
    with pytest.raises(errors.ArchiveError, match="hour"):
        archive.completeness("coffee", granularity="hour")


def test_gaps_of_streams_are_told_the_same_way(archive):
    posts = [{"data": {"id": "1", "text": "t", "created_at": "2026-03-01T10:00:30.000Z"}}]
    gap = {"errors": [{"title": "Stream gap", "type": "stream_gap", "parameter": "streams.filtered",
                       "value": "2026-03-01T10:00:00.000+00:00/2026-03-01T10:01:00.000+00:00", "detail": "a stall"}]}
    request = Request("GET", "/2/tweets/search/stream", {}, "streams.filtered")
    with archive.keeping("streams.filtered", {}) as keep:
        for body in (*posts, gap):
            keep(Page(request, json.dumps(body).encode(), NOW))
    (row,) = archive.completeness().to_dict("records")
    assert (row["action"], row["collected"], row["detail"]) == ("streams.filtered", 1, "a stall")
    assert (row["end_at"] - row["start_at"]) == pd.Timedelta("1min")
    assert xf.gaps(archive)["cause"].tolist() == ["a stall"]


# in the shell ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_in_the_shell(x, tmp_path, monkeypatch):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", x.bearer_token)
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "none.toml"))
    folder = str(tmp_path / "shell")

    def run(*words):
        shown = CliRunner().invoke(main, [*words, "--archive", folder, "--format", "jsonl"])
        assert shown.exit_code == 0, shown.output
        return [json.loads(line) for line in shown.stdout.splitlines()] if shown.stdout.startswith("{") else []

    at = ("--base-url", x.url)
    ids = [str(p.id) for p in x.community.listed[-3:]]
    (tmp_path / "ids.txt").write_text("\n".join([*ids, "99"]))
    assert [row["fate"] for row in run("hydrate", str(tmp_path / "ids.txt"), *at)] == ["found"] * 3 + ["not_found"]
    assert [row["fate"] for row in run("hydrate", *ids, *at)] == ["stored"] * 3
    missing = CliRunner().invoke(main, ["hydrate", "no-such-file.txt", "--archive", folder, *at])
    assert missing.exit_code == 2
    assert "no-such-file.txt" in missing.stderr
    assert [row["fate"] for row in run("check", ids[0], *at)] == ["found"]
    run("counts", "recent", "coffee", *at)
    run("search", "recent", "coffee", "--since", "last", *at)
    assert sum(row["missing"] for row in run("completeness", "coffee")) == 0
    assert run("search", "recent", "coffee", "--since", "last", *at) == []  # nothing new
    assert {row["id"] for row in run("posts", "lookup", *ids, "--refresh", *at)} >= set(ids)
