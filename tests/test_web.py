"""What notebooks show, in a real browser: other people's text is text, whatever stands in it, and nothing is fetched.

Chromium and its driver are Debian's (`apt-get install chromium chromium-driver`); `.ci/run` installs them.
"""

import html
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import xframes as xf
from tests.browsers import CHROMIUM, DRIVER, launched
from xframes.client import Answer, Client
from xframes.schema import TABLES
from xframes.wire import Page, Request

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver here: apt-get install chromium "
                       "chromium-driver"),
]
pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install '.[test]'")

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>"
MARKS = "\u202eabc\u202c \u200f\u05d0\u05d1\u05d2 \u2067\u0645\u0631\u062d\u0628\u0627\u2069 123"  # turns, and two alphabets from the right
EVIL = f"{SCRIPT} <img src=x onerror=alert(2)> {MARKS} </td></table>"
FOLDER = "<img src=x onerror=alert(3)> \u202earchive"  # what a folder may be called


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = launched(tmp_path_factory.mktemp('chromium'), 1000, "MAP * ~NOTFOUND")  # with no names there is no network: what asks for some fails, and says so
    yield driver
    driver.quit()


def shown(browser, page, tmp_path):
    """The text of a page as people see it, after nothing happened that should not."""
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    browser.set_window_size(1000, 300)
    browser.get(path.as_uri())
    wanted = browser.execute_script("return Math.min(document.documentElement.scrollHeight, 6000)")
    browser.set_window_size(1000, max(300, wanted + 100))
    browser.save_screenshot(str(tmp_path / "page.png"))
    assert browser.execute_script("return window.alerts") == []
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in fetched if not name.startswith(("data:", "blob:"))] == []
    assert browser.execute_script(
        "return [...document.querySelectorAll('img')].filter(i => !i.src.startsWith('data:')).length") == 0
    return browser.execute_script("return document.body.textContent")


def whole(part):
    """What a notebook puts into its page, as a page of its own."""
    return f"<!doctype html><meta charset='utf-8'><title>shown</title><body style='font-family:sans-serif'>{part}</body>"


def page(text=EVIL):
    post = {"id": "10", "text": html.escape(text, quote=False), "author_id": "1", "created_at": "2026-02-01T23:30:00.000Z"}
    user = {"id": "1", "username": "ada", "name": EVIL, "description": EVIL}
    body = {"data": [post], "includes": {"users": [user]}, "errors": [{"title": EVIL, "detail": EVIL, "type": "about:blank"}]}
    return Page(Request("GET", "/2/tweets/search/recent", {"query": EVIL}, "search.recent"), json.dumps(body).encode(), NOW)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    with xf.Archive(tmp_path_factory.mktemp("web") / FOLDER) as archive:
        archive.add(page())
        yield archive


def findings(archive):
    """A report with something in it: a file that is no Parquet, under a name like that."""
    file = archive.path / "pages" / f"part-{FOLDER}.parquet"
    file.write_bytes(b"nothing")
    try:
        return archive.verify()
    finally:
        file.unlink()


def client(archive):
    reset = str(int(NOW.timestamp()) + 600)
    headers = {"x-rate-limit-limit": "450", "x-rate-limit-remaining": "448", "x-rate-limit-reset": reset}
    made = Client("secretsecretsecret", base_url=f"https://x.test/{FOLDER}", now=lambda: NOW,
                  transport=lambda _: Answer(200, headers, b'{"data": []}'))
    made.send(Request("GET", "/2/tweets/search/recent", {"query": "tea"}, "search.recent"))
    return made


SHOWN = {  # what is shown, and what of others' text must be read in it
    "frames": (lambda archive: xf.flatten(page()), EVIL),
    "frames of nothing": (lambda archive: xf.flatten([]), None),
    "archive": (lambda archive: archive, FOLDER),
    "run": (lambda archive: archive.run(archive.runs()["run_id"][0]), FOLDER),
    "report": (findings, FOLDER),
    "client": (client, FOLDER),
    "posts": (lambda archive: archive.sql("select plain_text as t, * from posts").df(), None),
    "problems": (lambda archive: xf.flatten(page()).problems[["title"]], SCRIPT),
    "actions": (lambda archive: xf.actions(), None),
    **{f"table {name}": (lambda archive, name=name: xf.schema.table(name), None) for name in ("posts", "counts", "writes")},
}


@pytest.mark.parametrize("width", [1000, 390])
def test_a_report_is_text_and_loads_nothing(browser, tmp_path, width):
    with xf.Archive(tmp_path / "archive") as archive:
        archive.add(page())
        report = xf.report(archive, title=EVIL).html
    text = shown(browser, report, tmp_path)
    assert SCRIPT in text
    browser.set_window_size(width, 900)
    wide = browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    browser.find_element("css selector", "th button").click()
    assert browser.find_elements("css selector", "th[aria-sort]")


@pytest.mark.parametrize("name", SHOWN)
def test_a_repr_shows_text_as_text(name, browser, archive, tmp_path):
    make, text = SHOWN[name]
    part = make(archive)._repr_html_()
    seen = shown(browser, whole(part), tmp_path)

    assert len(seen) > 20
    if text is not None:
        assert text in seen
    assert "secretsecret" not in seen


def test_every_table_of_the_schema_shows_itself(browser, tmp_path):
    seen = shown(browser, whole("".join(table._repr_html_() for table in TABLES.values())), tmp_path)
    assert all(table.doc in seen for table in TABLES.values())


def test_what_is_in_a_cell_stays_in_it(browser, archive, tmp_path):
    """Marks that turn the direction of text turn nothing outside the cell they stand in."""
    shown(browser, whole(xf.flatten(page())._repr_html_()), tmp_path)
    heads, cells = ([{"left": c.rect["x"], "text": c.text} for c in browser.find_elements("css selector", f"table:last-of-type {tag}")]
                    for tag in ("th", "td"))
    assert [head["text"] for head in heads] == ["author", "text"]
    assert [cell["left"] for cell in cells] == [head["left"] for head in heads]
    assert cells[0]["text"] == "ada"


def test_this_would_be_found(browser, tmp_path):
    """The checks themselves: a page that runs a script, fetches something, or shows a picture does not pass."""
    for bad in (SCRIPT, "<img src=x onerror=alert(2)>", "<script src='https://x.test/a.js'></script>",
                "<script>console.error('bad')</script>"):
        with pytest.raises(AssertionError):
            shown(browser, whole(f"<p>{bad}</p>"), tmp_path)


# notebooks -----------------------------------------------------------------------------------------------------------


def converted(notebook):
    """The notebook as a page, by nbconvert, without what that would fetch from elsewhere."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="")
    body, _ = exporter.from_notebook_node(notebook)
    return re.sub(r'<script src=""></script>', "", body)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_shows_without_a_network(path, browser, tmp_path):
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    seen = shown(browser, converted(notebook), tmp_path)
    title = next(line for line in notebook.cells[0].source.splitlines() if line.startswith("# "))
    assert title.removeprefix("# ").strip().replace("`", "") in seen
    assert "Traceback" not in seen


CELLS = [
    "import xframes as xf\nfrom xframes import write\n\nx = xf.sandbox.start(seed=7, posts=50, users=12)",
    "client = xf.use(xf.Client(oauth2=x.user_token, bearer_token=x.bearer_token, base_url=x.url, writes=True))",
    "made = write.create_post('SANDBOXED ' + EVIL)\nmade",
    "frames = xf.search.recent('SANDBOXED')\nframes",
    "archive = xf.Archive('an archive')\nrun = xf.search.recent('SANDBOXED', into=archive)\nrun",
    "archive", "client", "frames.posts[['text']]",
    "%load_ext xframes", "%%xsql archive -o found\nselect plain_text from posts", "xf.schema.table('follows')",
    "x.stop()",
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own machinery, not of ours
def test_a_notebook_with_such_a_post(browser, tmp_path):
    """Published, found again, collected and shown in every way there is."""
    import nbformat
    from nbclient import NotebookClient

    start = f"import pandas as pd\npd.set_option('display.max_colwidth', None)\nEVIL = {EVIL!r}"
    cells = [nbformat.v4.new_code_cell(source) for source in (start, *CELLS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=600, startup_timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert not [output for output in outputs if output.get("name") == "stderr"]

    for cell in notebook.cells:  # what people see of it: the cells themselves hold the text as Python writes it
        cell.source = cell.source.replace(repr(EVIL), "…")
    seen = shown(browser, converted(notebook), tmp_path)
    assert seen.count(f"SANDBOXED {EVIL}") >= 2, "in Frames and in the answer of %%xsql"
    assert "SANDBOXED &lt;script&gt;" in seen, "as X delivers it, in the column text"
    assert "Traceback" not in seen
