"""Reports in a real browser: nothing that keeps a person from reading, no script of others, no request."""

from datetime import UTC, datetime

import pytest

import xframes as xf
from tests.browsers import AXE, CHROMIUM, DRIVER, launched, look, set_scheme, set_width, violations
from tests.browsing.conftest import EVIL, pages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver here: apt-get install chromium chromium-driver"),
    pytest.mark.skipif(AXE is None, reason="axe-core is not installed: pip install '.[test]'"),
]
pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install '.[test]'")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    driver = launched(tmp_path_factory.mktemp("chromium"), 1200, "MAP * ~NOTFOUND")
    yield driver
    driver.quit()


@pytest.mark.slow
@pytest.mark.parametrize("has_posts", [True, False])
def test_a_report_is_accessible_and_loads_nothing(chromium, tmp_path, has_posts):
    """Of hostile text, text from the right and text without spaces; in both schemes, on a wide screen and a phone."""
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        archive._folder.create()
        if has_posts:
            archive.add(pages())
        path = xf.report(archive, tmp_path / "report.html", title=EVIL).save(tmp_path / "report.html")
    wrong = []
    for scheme, width in (("light", 1200), ("dark", 390)):
        set_scheme(chromium, scheme)
        set_width(chromium, width)
        wrong += look(chromium, path.as_uri()) + violations(chromium)
        wide = chromium.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        wrong += [f"{width} px: {wide} too wide"] * (wide > 0)
    assert wrong == []
