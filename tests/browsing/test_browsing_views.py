"""What pages show: the values of the archive, all text as text, and downloads with the same rows."""

import io
import json
import re
import threading
import time
from html import unescape
from urllib.parse import quote, urlencode

import pyarrow.parquet as pq
import pytest

import xframes as xf
from tests.browsing.conftest import LONG, NOW, SCRIPT, Browser, page, post
from xframes.browsing import start
from xframes.browsing.console import Console
from xframes.browsing.holdings import LiveHoldings
from xframes.errors import ArgumentError
from xframes.schema import TABLES

KEY = "a key of sixteen bytes or more"
VIEWS = ("/", "/table/posts", "/table/users", "/table/post_urls", "/table/runs", "/post/100", "/post/101", "/person/1", "/changes/posts/100",
         "/changes/users/1", "/sql")


def ids(text):
    """The posts of a list, in its order."""
    return re.findall(r'<tr><td[^>]*><a href="/post/(\d+)"', text)


def facet(text, name):
    """The values of a facet, with the number of rows of each."""
    part = re.search(rf"<summary>{name}</summary>(.*?)</details>", text, re.DOTALL)[1]
    found = re.findall(r"<bdi>(.*?)</bdi></a> <span class=\"count\">([\d,]+)<", part)
    return {unescape(value): int(number.replace(",", "")) for value, number in found}


def rows(browser, path):
    return json.loads(browser.get(path).content)


@pytest.mark.parametrize("path", VIEWS)
def test_text_of_others_is_text(browser, path):
    text = browser.text(path)
    assert SCRIPT not in text
    assert "<img" not in text
    assert not re.search(r'(?:href|src|action)="(?!/|#|https://x\.com/|https://pbs\.example/|https://t\.co/|data:,)', text)
    assert not re.search(r"\son\w+=|style=|<script>(?!$)|<style", text.replace("onerror=alert(2)", ""))


def test_the_overview_has_tables_runs_and_what_is_missing(browser, archive):
    text = browser.text("/")
    found = archive.frame("results")
    assert f">{len(found)}</a>" in text
    assert 'href="/table/posts"' in text
    assert 'href="/table/media"' in text
    assert text.count('href="/run/') == len(archive.runs())
    assert "What is missing" in text


def test_facets_count_and_choose(browser, archive):
    text = browser.text("/table/posts")
    counted = dict(archive.sql("select lang, count(*) from posts group by 1").fetchall())
    assert facet(text, "lang") == counted
    assert facet(text, "result") == {"result": 125, "included": 1}
    assert facet(text, "kind") == {"original": 125, "reply": 1}
    assert facet(text, "query") == {"many": 120, "tea": 5, "cake": 1, "(none)": 1}
    assert facet(text, "author")["@bob"] == 123
    assert facet(text, "day")["2026-02-14"] == 24
    assert ids(browser.text("/table/posts?lang=ar")) == ["102"]
    assert ids(browser.text("/table/posts?is_result=false")) == ["90"]
    assert ids(browser.text("/table/posts?kind=reply&author_id=2")) == ["102"]
    assert ids(browser.text("/table/posts?query=cake")) == ["101"]
    assert ids(browser.text("/table/posts?query=(none)")) == ["90"]
    assert ids(browser.text("/table/posts?day=2026-02-03")) == ["100"]
    other = browser.text("/table/posts?lang=ar")
    assert facet(other, "lang") == counted  # the values that one could choose instead
    assert "<summary>author" not in other  # one value is no choice


def test_pages_of_rows_have_each_once_in_order(browser, archive):
    for order, sort in (("desc", "created_at"), ("asc", "created_at"), ("desc", "like_count"), ("asc", "like_count")):
        path, seen = f"/table/posts?{urlencode({'sort': sort, 'order': order, 'lang': 'en'})}", []
        while path:
            text = browser.text(path)
            seen += ids(text)
            following = re.search(r'href="([^"]+)" rel="next"', text)
            path = unescape(following[1]) if following else None
        sign = order.upper()
        expected = archive.sql(f"select id from posts where lang = 'en' order by {sort} {sign} nulls last, id {sign}").fetchall()
        assert seen == [row[0] for row in expected]


def test_search_finds_text_in_any_case(browser):
    assert ids(browser.text("/table/posts?q=GREEN")) == ["100"]
    assert ids(browser.text(f"/table/posts?q={quote('شاي')}")) == ["102"]
    assert ids(browser.text("/table/posts?q=an&lang=ja")) == ["90"]
    assert "No rows." in browser.text("/table/posts?q=%25_")
    assert 'href="/person/2"' in browser.text("/table/users?q=BOB")


@pytest.mark.parametrize("path", ["/table/posts?sort=text", "/table/posts?day=yesterday", "/table/posts?after=x", "/table/posts?after=WzFd",
                                  "/table/nothing", "/table/posts?after=" + "A" * 400, "/table/posts?after=WyJ4IiwieCJd",
                                  "/table/posts?after=WzFlOTk5LCJ4Il0", "/table/posts?sort=like_count&after=WyJ4IiwieCJd",
                                  "/table/posts?day=2026-02-30", "/sql?q=select+'-infinity'::date"])
def test_what_a_table_does_not_have_is_refused(browser, path):
    assert browser.get(path).status_code == 400


def test_every_table_can_be_shown(browser):
    assert [name for name in TABLES if browser.get(f"/table/{name}").status_code != 200] == []


def test_a_post_has_its_thread_media_versions_and_observations(browser):
    text = browser.text("/post/100")
    assert 'href="/post/102"' in text  # its reply
    assert 'href="https://pbs.example/a.jpg"' in text
    assert "javascript:alert(5)" in text
    assert 'href="javascript' not in text
    assert text.count('href="/page/') >= 3
    assert ">9</bdi>" in text
    assert ">5</bdi>" in text
    text = browser.text("/post/104")
    assert "the text before" in text
    assert 'href="/post/103"' in text
    assert "an older version" in browser.text("/post/103")
    assert LONG[:1000] in browser.text("/post/101")
    assert browser.get("/post/999").status_code == 404


def test_observations_in_full(browser):
    text = browser.text("/changes/posts/100")
    assert text.count("<tr>") == 3  # the heading and two observations with different likes
    assert "No page" not in browser.text("/changes/users/1")
    assert browser.get("/changes/places/1").status_code == 404


def test_a_page_of_x_is_shown_verbatim(browser, archive):
    page_id = archive.sql("select page_id from requests order by observed_at limit 1").fetchall()[0][0]
    body = next(p.body for p in archive.pages() if p.page_id == page_id)
    text = browser.text(f"/page/{page_id}")
    assert unescape(text.partition('class="body"')[2].partition("<code><bdi>")[2].partition("</bdi></code>")[0]) == body.decode()
    answer = browser.get(f"/download/page/{page_id}")
    assert answer.content == body
    assert "attachment" in answer.headers["Content-Disposition"]
    assert browser.get("/page/nothing").status_code == 404


def test_a_run_has_its_requests_and_cost(browser, archive):
    run_id = archive.runs()["run_id"][0]
    text = browser.text(f"/run/{run_id}")
    assert 'href="/page/' in text
    assert "Cost" in text
    assert 'href="/post/' in browser.text(f"/table/matches?run_id={run_id}")


@pytest.mark.parametrize("name", ["posts", "users", "post_metrics", "requests", "counts"])
def test_downloads_have_the_rows_of_the_archive(browser, archive, name):
    expected = archive[name]
    shown = pq.read_table(io.BytesIO(browser.get(f"/download/table/{name}.parquet").content))
    assert shown.schema.equals(expected.schema)
    order = [(column, "ascending") for column in TABLES[name].key]
    assert shown.sort_by(order) == expected.sort_by(order)
    assert len(rows(browser, f"/download/table/{name}.json")) == len(expected)
    assert browser.get(f"/download/table/{name}.jsonl").text.count("\n") == len(expected)


def test_a_download_has_what_is_chosen(browser, archive):
    found = rows(browser, "/download/table/posts.json?lang=en&q=post&sort=like_count")
    query = "select id from posts where lang = 'en' and contains(text, 'post') order by like_count desc, id desc"
    assert [row["id"] for row in found] == [row[0] for row in archive.sql(query).fetchall()]
    assert next(row["text"] for row in rows(browser, "/download/table/posts.json?query=tea") if row["id"] == "100").startswith("green tea &lt;")


@pytest.mark.slow
def test_results_are_posts_that_a_request_returned(browser, archive):
    assert browser.get("/table/results").url.endswith("is_result=true")
    shown = rows(browser, "/download/table/results.json")
    assert {row["id"] for row in shown} == set(archive.frame("results")["id"])
    assert list(shown[0]) == list(archive.frame("results"))


# SQL -----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_query_shows_what_archive_sql_returns(browser, archive):
    query = "select lang, count(*) as posts from results group by 1 order by 2 desc, 1"
    text = browser.text(f"/sql?{urlencode({'q': query})}")
    for lang, number in archive.sql(query).fetchall():
        assert f"<bdi>{lang}</bdi>" in text
        assert f"<bdi>{number:,}</bdi>" in text
    shown = rows(browser, f"/download/sql.json?{urlencode({'q': query})}")
    assert [tuple(row.values()) for row in shown] == archive.sql(query).fetchall()
    assert browser.get(f"/download/sql.csv?{urlencode({'q': query})}").text.splitlines()[0] == "lang,posts"
    assert '<rect class="bar"' in browser.text(f"/sql?{urlencode({'q': query, 'show': 'chart'})}")
    days = "select date_trunc('day', created_at) as day, count(*) from results group by 1"
    assert "<polyline" in browser.text(f"/sql?{urlencode({'q': days, 'show': 'chart'})}")
    assert "EXPLAIN</h2>" in browser.text(f"/sql?{urlencode({'q': query, 'show': 'plan'})}")


@pytest.mark.parametrize("query", ["select * from read_csv('/etc/passwd')", "from '/etc/passwd'", "copy posts to '/tmp/x'", "install httpfs",
                                   "attach '/tmp/x.db'", "select nothing from posts", "select 1; select 2"])
@pytest.mark.parametrize("show", ["table", "plan"])
def test_other_queries_are_refused(browser, query, show):
    text = browser.text(f"/sql?{urlencode({'q': query, 'show': show})}", status=400)
    assert 'role="alert"' in text
    assert "root:" not in text
    assert browser.get(f"/download/sql.json?{urlencode({'q': query})}").status_code == 400


def test_names_of_columns_and_values_of_queries_are_text(browser):
    query = f"""select '{SCRIPT}' as "{SCRIPT}", 1 as "<b>", 'x' as a, 'y' as a, null as n, [1, 2] as l, 1e400::double as big"""
    for show in ("table", "chart"):
        text = browser.text(f"/sql?{urlencode({'q': query, 'show': show})}")
        assert SCRIPT not in text
        assert "<b>" not in text


def test_formulas_are_safe_in_csv(browser):
    query = "select '=1+1' as a, '+2' as b, -3 as c"
    assert browser.get(f"/download/sql.csv?{urlencode({'q': query})}").text.splitlines()[1] == "'=1+1,'+2,-3"
    assert rows(browser, f"/download/sql.json?{urlencode({'q': query})}") == [{"a": "=1+1", "b": "+2", "c": -3}]


def test_rows_are_limited_on_a_page_and_whole_in_a_download(browser):
    query = urlencode({"q": "select * from range(1234)"})
    assert browser.text(f"/sql?{query}").count("<tr>") == 501
    assert len(rows(browser, f"/download/sql.json?{query}")) == 1234


SLOW = "select count(*) from range(1000000) a, range(1000000) b where (a.range * b.range) % 7 = 3"


def test_queries_stop_after_their_time_and_when_canceled(archive):
    holdings = LiveHoldings(archive)
    console = Console(holdings, seconds=0.3)
    with pytest.raises(ArgumentError):
        console.answer(SLOW, "one")
    console.seconds = 60
    errors = []

    def run():
        try:
            console.answer(SLOW, "two")
        except ArgumentError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not console.cancel("two"):
        assert thread.is_alive()
    thread.join(timeout=30)
    assert len(errors) == 1
    assert not console.cancel("two")
    assert console.answer("select 1", "three").rows.num_rows == 1
    console.close()
    holdings.close()


@pytest.fixture(scope="module")
def console(archive):
    holdings = LiveHoldings(archive)
    opened = Console(holdings, seconds=4)
    yield opened
    opened.close()
    holdings.close()


@pytest.mark.parametrize("query", [
    "select repeat('x', 3000000000)", "select repeat('x', 400000000) from range(2000)", "select * from unnest(range(3000000000))",
    "select list_aggregate(range(3000000000), 'sum')", "select lpad('x', 2000000000, 'y')", "select repeat('x', 200000000)",
])
def test_one_call_of_a_function_has_limits_too(console, browser, query):
    """It is not interrupted by DuckDB until it returns; others are answered meanwhile."""
    errors = []

    def run():
        try:
            console.answer(query, "large")
        except ArgumentError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert browser.get("/sql?q=select+1").status_code == 200
    thread.join(timeout=60)
    assert len(errors) == 1


def test_a_query_that_is_deep_or_wide_is_refused_or_shown(console):
    for query in ("select " + "(" * 5000 + "1" + ")" * 5000, "select " + "-" * 50_000 + "\n1", "select " + "[" * 5000 + "]" * 5000):
        try:
            console.answer(query, "deep")
        except ArgumentError:
            continue
    with pytest.raises(ArgumentError):
        console.answer("select " + ", ".join(f"{n} as c{n}" for n in range(3000)), "wide")
    with pytest.raises(ArgumentError):
        console.answer("select * from " + ", ".join(f"posts p{n}" for n in range(3)) + " order by random()", "many")
    assert console.answer("select 1", "next").rows.num_rows == 1


def test_no_process_is_left_and_no_file(archive, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    holdings = LiveHoldings(archive)
    console = Console(holdings, seconds=1)
    with pytest.raises(ArgumentError):
        console.answer(SLOW, "one")
    console.prepare()
    engines = list(console._idle)
    console.close()
    holdings.close()
    assert engines
    assert not any(engine.is_free for engine in engines)
    del holdings, console
    assert list(tmp_path.glob("xframes-browse-*")) == []


def test_cancel_is_posted(browser):
    answer = browser.session.post(browser.base + "/sql/cancel", data={"run": "nothing"}, headers={"Origin": browser.base})
    assert answer.json() == {"canceled": False}


def test_words_for_completion(browser):
    words = browser.get("/words").json()
    assert "created_at" in words["tables"]["posts"]
    assert "words" in words["functions"]


# archives that change, and copies ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_new_rows_appear_and_removed_posts_do_not(tmp_path):
    with xf.Archive(tmp_path / "a") as archive:
        archive.add([page("tea", [post(1, "first"), post(2, "unmistakable", "2", lang="fr"), post(3, "third", "2")])])
        with start(archive) as server:
            browser = Browser(server)
            assert facet(browser.text("/table/posts"), "lang") == {"en": 2, "fr": 1}
            page_id = archive.sql("select page_id from requests").fetchall()[0][0]
            assert "unmistakable" in browser.text(f"/page/{page_id}")
            archive.add([page("tea", [post(4, "fourth", "2", lang="de")], minutes=1)])
            assert facet(browser.text("/table/posts"), "lang") == {"en": 2, "fr": 1, "de": 1}
            assert archive.remove(post_ids=["2"], reason="a request")["posts"] == 1
            for path in ("/table/posts", f"/page/{page_id}", "/table/posts?q=mistakable", "/sql?q=select+*+from+posts",
                         "/download/table/posts.csv", f"/download/page/{page_id}", "/person/2", "/changes/users/2"):
                assert "unmistakable" not in browser.text(path)
            assert "fr" not in facet(browser.text("/table/posts"), "lang")
            assert browser.get("/post/2").status_code == 404
            assert archive.purge() == 0  # the browser keeps no file between requests


def test_each_view_while_a_collection_writes(tmp_path):
    with xf.Archive(tmp_path / "a") as archive:
        archive.add([page("tea", [post(1, "first")])])
        with start(archive) as server:
            browser = Browser(server)
            done = threading.Event()

            def write():
                for number in range(2, 8):
                    archive.add([page("tea", [post(number, f"text {number}")], minutes=number)])
                done.set()

            thread = threading.Thread(target=write)
            thread.start()
            while not done.is_set():
                for path in ("/table/posts", "/", "/post/1", "/sql?q=select+count(*)+from+results"):
                    assert browser.get(path).status_code == 200
            thread.join()
            browser.get("/table/posts")  # which may begin to count anew
            until = time.monotonic() + 60
            while "7 rows" not in browser.text("/table/posts"):
                assert time.monotonic() < until


def test_an_empty_archive(tmp_path):
    with xf.Archive(tmp_path / "a", now=lambda: NOW) as archive:
        archive._folder.create()
        with start(archive) as server:
            browser = Browser(server)
            assert "The archive is empty." in browser.text("/")
            assert "No rows." in browser.text("/table/posts")
            assert browser.get("/sql?q=select+*+from+posts").status_code == 200


@pytest.mark.slow
def test_pseudonyms_leave_nothing_of_a_person(archive):
    with start(archive, pseudonymise=KEY) as server:
        browser = Browser(server)
        paths = ["/", "/table/posts", "/table/users", "/sql?q=select+*+from+posts", "/download/table/posts.csv", "/download/table/users.json"]
        pseudonym = re.search(r"/post/([^\"]+)", browser.text("/table/posts"))[1]
        paths += [f"/post/{pseudonym}", f"/changes/posts/{pseudonym}"]
        for path in paths:
            text = browser.text(path)
            for mark in ("@ada", ">ada<", ">100<", "/post/100", "/page/", "x.com/i/", SCRIPT):
                assert mark not in text, (path, mark)
        assert browser.get("/post/100").status_code == 404
        page_id = archive.sql("select page_id from requests").fetchall()[0][0]
        assert browser.get(f"/page/{page_id}").status_code == 404
        assert browser.get("/sql?q=from+read_csv('/etc/passwd')").status_code == 400


@pytest.mark.slow
def test_an_archive_in_a_bucket(archive, tmp_path, monkeypatch):
    monkeypatch.setenv("XFRAMES_JOURNALS", str(tmp_path / "journals"))
    with xf.Archive("memory://browse-bucket/a") as copy:
        copy.merge(archive)
        with start(copy) as server:
            browser = Browser(server)
            assert facet(browser.text("/table/posts"), "result") == {"result": 125, "included": 1}
            assert "green tea" in browser.text("/post/100")
            assert "<bdi>126</bdi>" in browser.text("/sql?q=select+count(*)+from+posts")
            copy.add([page("tea", [post(5000, "new")], minutes=30)])
            assert "<bdi>127</bdi>" in browser.text("/sql?q=select+count(*)+from+posts")
            text = browser.text("/sql?q=select+count(*)+from+posts&show=plan")
            assert "memory://" not in text
            assert ".parquet" not in text
