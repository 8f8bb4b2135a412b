"""Reports: what they say is what the archive has, in one file that loads nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from click.testing import CliRunner

import xframes as xf
from tests.archives import post
from xframes.cli import main
from xframes.errors import ArgumentError
from xframes.reporting.blocks import MOST_ROWS, Table
from xframes.reporting.sections import leaders
from xframes.wire import Page, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = "<script>alert(1)</script> </td></table> \u202eabc javascript:alert(2) " + "x" * 400


def search(query, posts, users, minutes=0, errors=()):
    request = Request("GET", "/2/tweets/search/recent", {"query": query}, "search.recent")
    body = {"data": posts, "includes": {"users": users}, "errors": list(errors)}
    import json

    return Page(request, json.dumps(body).encode(), NOW + timedelta(minutes=minutes))


def written(number, day, text, likes, author="1"):
    return post(number, author_id=author, text=text, created_at=f"2026-02-{day:02}T23:30:00.000Z", lang="en",
                public_metrics={"like_count": likes, "retweet_count": 0, "reply_count": 0, "quote_count": 0},
                entities={"hashtags": [{"start": 0, "end": 4, "tag": "tea"}]})


PEOPLE = [{"id": "1", "username": "ada", "name": EVIL}, {"id": "2", "username": "bob", "name": "Bob"}]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("reports") / "tea-study"
    with xf.Archive(path, now=lambda: NOW) as made:
        problem = {"title": "Not Found Error", "type": "https://api.x.com/2/problems/resource-not-found",
                   "resource_type": "user", "resource_id": "9", "detail": EVIL}
        made.add([
            search("tea", [written(10, 3, EVIL, 5), written(11, 4, "green teapots", 900, "2")], PEOPLE, errors=[problem]),
            search("cake", [written(12, 5, "cake", 1)], PEOPLE, minutes=1),
        ])
        yield made


def table(section, title):
    return next(b for b in section.blocks if getattr(b, "title", None) == title)


def test_one_file_says_what_there_is_and_loads_nothing(archive, tmp_path):
    report = xf.report(archive, tmp_path / "out.html", title="Tea & cake")
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page == report.html
    assert "<title>Tea &amp; cake</title>" in page
    assert "<script>alert" not in page
    assert "javascript:alert(2)" in page  # as text
    assert not re.search(r'(?:src|href)="(?!#|https://x\.com/i/status/|data:image/png)', page)
    assert "url(" not in page.replace("url(#", "")
    assert page.index('id="completeness"') < page.index("<svg")


def test_sections_have_the_numbers_of_the_archive_with_their_sql(archive):
    report = xf.report(archive, tz="Asia/Tokyo")
    days = table(report.section("timeline"), "By day, in Asia/Tokyo; the newest first")
    assert [str(day.date()) for day in days.frame["day"]] == ["2026-02-06", "2026-02-05", "2026-02-04"]
    authors = table(report.section("authors"), "Authors by posts")
    assert next(authors.frame.itertuples(index=False, name=None))[:2] == ("@ada", 2)
    assert report.selection.connection.sql(authors.sql).fetchall()[1][0] == "@bob"
    (cards,) = report.section("posts").blocks
    assert [card.id for card in cards.cards] == ["11", "10", "12"]
    assert report.section("analytics").blocks == []
    assert "completeness" in report.section("completeness")._repr_html_()


def test_the_words_of_very_many_posts_are_those_of_a_part_with_intervals(tmp_path):
    with xf.Archive(tmp_path / "many") as many:
        many.add(search("tea", [written(100 + i, 3, "green kettles" if i % 2 else "black kettles", i) for i in range(80)], PEOPLE))
        selection = xf.report(many).selection
        note, *_, words = leaders.words(selection, most=30)
        assert "intervals" in note.text
        rows = words.frame.set_index("word")
        part = int(rows.loc["kettles", "posts"])
        assert 5 < part < 60
        assert selection.connection.sql(words.sql).fetchall()[0][:2] == ("kettles", part)
        assert tuple(rows.loc["kettles", ["percent_of_all", "percent_low", "percent_high"]]) == (100, 100, 100)
        green = rows.loc["green"]
        assert green["percent_low"] < green["percent_of_all"] < green["percent_high"]
        whole = list(leaders.words(selection))
        assert int(whole[-1].frame.set_index("word").loc["kettles", "posts"]) == 80


def test_sections_show_what_their_sql_returns_of_the_whole_view(archive):
    """Queries run over no more columns than they name; the shown SQL is over all."""
    report = xf.report(archive)
    for name in report.names:
        for block in report.section(name).blocks:
            if isinstance(block, Table) and block.sql:
                found = report.selection.connection.sql(block.sql).df()
                pd.testing.assert_frame_equal(found.head(MOST_ROWS)[list(block.frame)], block.frame)


@pytest.mark.slow
def test_a_query_and_times_choose_results(archive):
    report = xf.report(archive, query="tea")
    assert report.selection.value("SELECT count(*) FROM chosen") == 2
    report = xf.report(archive, start="2026-02-05", end=datetime(2026, 2, 6, tzinfo=UTC))
    assert [card.id for card in report.section("posts").blocks[0].cards] == ["12"]
    texts = [block.text for block in report.section("timeline").blocks if hasattr(block, "text")]
    assert any("1 post" in text for text in texts)  # the day before
    assert xf.report(archive, query="it's nothing").section("posts").blocks == []


@pytest.mark.slow
def test_the_period_before_is_drawn_and_counted(archive):
    blocks = xf.report(archive, start="2026-02-05", end="2026-02-06").section("timeline").blocks
    assert "the period before" in blocks[0].svg
    (compared,) = [block for block in blocks if getattr(block, "text", "")]
    assert archive.sql(compared.sql).fetchall() == [(1,)]
    alone = xf.report(archive, start="2026-02-01", end="2026-02-06").section("timeline").blocks
    assert "the period before" not in alone[0].svg


def test_numbers_in_sentences_have_their_sql(archive):
    size, *_ = xf.report(archive).section("collection").blocks
    rows = xf.report(archive).selection.sql(size.sql)
    assert list(rows.loc[0, ["results", "authors", "included"]]) == [3, 2, 0]


def test_cards_show_the_community_notes_that_x_shows(tmp_path, archive):
    notes = tmp_path / "notes-00000.tsv"
    notes.write_text("noteId\tnoteAuthorParticipantId\tcreatedAtMillis\ttweetId\tclassification\tsummary\n"
                     "1\tAA\t1772000000000\t11\tNOT_MISLEADING\tA <b>kettle</b>, not a pot\n"
                     "2\tBB\t1772000000000\t11\tNOT_MISLEADING\tstill rated\n")
    status = tmp_path / "noteStatusHistory-00000.tsv"
    status.write_text("noteId\tnoteAuthorParticipantId\tcreatedAtMillis\tcurrentStatus\n"
                      "1\tAA\t1772000000000\tCURRENTLY_RATED_HELPFUL\n"
                      "2\tBB\t1772000000000\tNEEDS_MORE_RATINGS\n")
    with xf.Archive(tmp_path / "noted", now=lambda: NOW) as noted:
        noted.merge(archive)
        noted.import_pages([notes, status])
        report = xf.report(noted, sections="posts")
        (cards,) = report.section("posts").blocks
        assert {card.id: card.notes for card in cards.cards}["11"] == ("A <b>kettle</b>, not a pot",)
        assert "A &lt;b&gt;kettle&lt;/b&gt;" in report.html
        assert "still rated" not in report.html


def test_sections_of_ones_own_and_a_choice_of_sections(archive):
    own = {"My view": lambda chosen: ["words", chosen.sql("SELECT id FROM chosen ORDER BY id")]}
    report = xf.report(archive, sections="methods", more=own)
    text, rows = report.section("My view").blocks
    assert (text.text, list(rows.frame["id"])) == ("words", ["10", "11", "12"])
    assert 'id="timeline"' not in report.html
    with pytest.raises(ArgumentError):
        xf.report(archive, sections=["timelines"])
    with pytest.raises(ArgumentError):
        xf.report(archive, more={"x": lambda chosen: 3}).section("x")


@pytest.mark.slow
def test_pseudonyms_leave_nothing_of_a_person(archive):
    page = xf.report(archive, pseudonymise=b"0123456789abcdef").html
    for trace in ("ada", "Bob", "https://x.com"):
        assert not re.search(rf"\b{trace}\b", page), trace


@pytest.mark.slow
def test_an_empty_archive_and_removed_posts(tmp_path, archive):
    with xf.Archive(tmp_path / "empty") as empty:
        empty.add(search("nothing", [], []))
        assert 'id="collection"' in xf.report(empty).html
    with xf.Archive(tmp_path / "fewer") as fewer:
        fewer.merge(archive)
        fewer.remove(post_ids=["11"], reason="field_params")
        page = xf.report(fewer).html
        assert "green teapots" not in page


def test_long_tables_are_cut_and_say_so(tmp_path):
    with xf.Archive(tmp_path / "many") as many:
        users = [{"id": str(i), "username": f"u{i}", "name": "n"} for i in range(60)]
        many.add(search("tea", [written(100 + i, 3, "tea", i, str(i)) for i in range(60)], users))
        authors = table(xf.report(many).section("authors"), "Authors by posts")
        assert len(authors.frame) < 60
        assert authors.row_count == 60
        assert authors.note


def test_the_shell_writes_a_report(archive, tmp_path):
    target = tmp_path / "r.html"
    words = ["report", str(archive.path), "-o", str(target), "--section", "authors", "--tz", "Europe/Berlin"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "@ada" in target.read_text(encoding="utf-8")


def test_values_in_cells_are_readable():
    from xframes.reporting.html import _cell, _lines

    values = [None, float("nan"), pd.NaT, pd.NA, True, 1234567, 0.5, pd.Timestamp("2026-03-01 10:20", tz="UTC")]
    assert [_cell(v).text for v in values] == ["", "", "", "", "yes", "1,234,567", "0.50", "2026-03-01 10:20"]
    frame = pd.DataFrame({"dollars": [3.0, 0.51, float("nan")], "whole": [3.0, 4.0, float("nan")]})
    assert [tuple(cell.text for cell in line) for line in _lines(frame)] == [("3.00", "3"), ("0.51", "4"), ("", "")]


def test_pictures_have_the_text_of_every_script(tmp_path):
    """Fonts are those of the browser, not of the machine that writes the report."""
    tags = {"entities": {"hashtags": [{"start": 0, "end": 3, "tag": tag} for tag in ("珈琲", "커피", "चाय", "שלום")]}}
    with xf.Archive(tmp_path / "scripts") as scripts:
        scripts.add(search("tea", [written(1, 3, "tea", 1) | tags], PEOPLE))
        picture = xf.report(scripts).section("hashtags").blocks[0].svg
    assert all(tag in picture for tag in ("珈琲", "커피", "चाय", "שלום"))
