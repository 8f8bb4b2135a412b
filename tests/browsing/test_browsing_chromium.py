"""Pages in a real browser: no script of others, no request elsewhere, nothing that keeps a person from reading.

Chromium and its driver are Debian's.
"""

import pytest

import xframes as xf
from tests.browsers import AXE, CHROMIUM, DRIVER, launched, look, set_scheme, set_width, violations
from xframes.browsing import start

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver here: apt-get install chromium chromium-driver"),
    pytest.mark.skipif(AXE is None, reason="axe-core is not installed: pip install '.[test]'"),
]
pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install '.[test]'")

QUERY = "/sql?show=chart&q=select+lang,+count(*)+as+posts+from+posts+group+by+1"
VIEWS = ("/", "/table/posts", "/table/posts?lang=en&q=post", "/table/users", "/post/100", "/post/101", "/post/104", "/person/1", "/run/{run}",
         "/page/{page}", "/changes/posts/100", QUERY, QUERY.replace("lang,", "date_trunc('day',created_at),"), "/sql?q=selec", "/nothing")
OF_EMPTY = ("/", "/table/posts", "/sql?q=select+*+from+posts")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    driver = launched(tmp_path_factory.mktemp('chromium'), 1200, "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def views(archive):
    page_id, run_id = archive.sql("select page_id, run_id from requests order by observed_at limit 1").fetchall()[0]
    return [view.format(run=run_id, page=page_id) for view in VIEWS]


BOTH_SCHEMES = 8  # so many views; the others, whose parts are theirs, in one of the two


@pytest.mark.slow
def test_every_view_is_accessible_and_loads_nothing(chromium, browser, views):
    """Of an archive of hostile text, text from the right, and text without spaces; on a wide screen and a phone."""
    set_width(chromium, 1200)
    chromium.get(browser.server.url)
    wrong = {}
    for number, view in enumerate(views):
        set_scheme(chromium, ("light", "dark")[number % 2])
        set_width(chromium, 1200)
        found = look(chromium, browser.base + view)
        found += violations(chromium)
        if number < BOTH_SCHEMES:
            set_scheme(chromium, ("dark", "light")[number % 2])
            found += [f"{item} (other scheme)" for item in violations(chromium)]
        set_width(chromium, 390)
        wide = chromium.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if found or wide > 0:
            wrong[view] = (found, wide)
    set_width(chromium, 1200)
    assert wrong == {}


@pytest.mark.slow
def test_an_empty_archive_is_accessible(chromium, tmp_path):
    with xf.Archive(tmp_path / "empty") as archive:
        archive._folder.create()
        with start(archive) as server:
            chromium.get(server.url)
            base = f"http://127.0.0.1:{server.port}"
            wrong = {view: found for view in OF_EMPTY if (found := look(chromium, base + view) + violations(chromium))}
    assert wrong == {}


def test_the_script_and_the_keyboard(chromium, browser):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.expected_conditions import (
        text_to_be_present_in_element,
        url_contains,
    )
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(chromium, 60)
    chromium.get(browser.server.url)
    chromium.get(browser.base + "/table/posts")
    chromium.find_element("tag name", "body").send_keys("/")
    assert chromium.switch_to.active_element.get_attribute("name") == "q"
    chromium.switch_to.active_element.send_keys("green", Keys.ENTER)
    wait.until(url_contains("q=green"))
    chromium.get(browser.base + "/sql")
    area = chromium.find_element("id", "query")
    area.clear()
    area.send_keys("select count(*) as n from post_hash")
    wait.until(text_to_be_present_in_element(("css selector", "#suggestions li[aria-selected='true']"), "post_hashtags"))
    area.send_keys(Keys.ENTER)
    assert area.get_attribute("value").endswith("post_hashtags")
    area.send_keys(Keys.CONTROL, Keys.ENTER)
    wait.until(text_to_be_present_in_element(("css selector", "td.number"), "0"))


@pytest.mark.slow
def test_another_site_reads_nothing(chromium, browser, tmp_path):
    """A page of another origin that has the address, in a browser that has the cookie."""
    chromium.get(browser.server.url)
    other = tmp_path / "other.html"
    other.write_text("<!doctype html><title>other</title><body></body>")
    chromium.get(other.as_uri())
    answer = chromium.execute_async_script(f"""
        const done = arguments[0];
        fetch("{browser.base}/words", {{credentials: "include"}}).then(r => r.text()).then(done, e => done("refused"));""")
    assert answer == "refused"
    chromium.execute_async_script(f"""
        const done = arguments[0], frame = document.createElement("iframe");
        frame.src = "{browser.base}/";
        frame.onload = () => done(); frame.onerror = () => done();
        document.body.append(frame);""")
    chromium.switch_to.frame(0)
    assert "tea-study" not in chromium.page_source
    chromium.switch_to.default_content()
    chromium.get_log("browser")
