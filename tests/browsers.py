"""A headless Chromium that reaches only this machine, and keeps what pages log and alert.

axe-core, which finds what keeps people from reading, is in the package axe-playwright-python, of which nothing else is used.
"""

import importlib.util
import shutil
from pathlib import Path

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
AXE = importlib.util.find_spec("axe_playwright_python")
_FLAGS = ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
          "disable-component-update", "disable-sync", "disable-dev-shm-usage")


def launched(folder, width, hosts):
    """Return a driver of a browser with its profile in a folder; `hosts` says which names it resolves."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*_FLAGS, f"window-size={width},900", f"host-resolver-rules={hosts}", f"user-data-dir={folder}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(300)
    driver.set_script_timeout(300)
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {
        "source": "window.alerts = []; window.alert = text => window.alerts.push(String(text));"})
    return driver


def violations(driver):
    """What axe-core finds that is serious or critical."""
    script = (Path(AXE.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")
    driver.execute_script(script)
    return driver.execute_async_script("""
        const done = arguments[0];
        axe.run().then(result => done(result.violations
            .filter(v => ["serious", "critical"].includes(v.impact))
            .map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)).join(" | ")}`)));""")


def look(driver, url):
    """Open a page, and return what is wrong with it."""
    driver.get(url)
    wrong = driver.execute_script("return window.alerts")
    expected = ("status of 400", "status of 404")  # what a page about an error is sent with
    wrong += [entry["message"] for entry in driver.get_log("browser") if not any(text in entry["message"] for text in expected)]
    loaded = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    origin = url[:url.index("/", 8)]
    wrong += [name for name in loaded if not name.startswith((f"{origin}/", "data:"))]
    return wrong


def set_scheme(driver, scheme):
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})


def set_width(driver, width):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
