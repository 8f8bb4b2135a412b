"""Who is answered: the browser that has the token, at this address, from its own pages."""

import socket

import pytest
import requests

from tests.browsing.conftest import Browser


def request(browser, method="GET", path="/", cookie=True, **headers):
    if cookie:
        headers["Cookie"] = "; ".join(f"{c.name}={c.value}" for c in browser.session.cookies)
    return requests.request(method, browser.base + path, headers=headers, allow_redirects=False, timeout=30)


def test_the_token_becomes_a_cookie(browser):
    answer = requests.get(browser.server.url, allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert str(browser.server.port) in cookie
    token = browser.server.url.partition("token=")[2]
    assert len(token) > 40
    assert token not in cookie
    assert browser.first.url == browser.base + "/"
    assert request(browser).status_code == 200


@pytest.mark.parametrize("path", ["/", "/table/posts", "/sql?q=select+1", "/post/100", "/words", "/download/table/posts.csv",
                                  "/?token=", "/?token=guess", "/?token=%C3%A4", "/table/posts?token=guess", "/static/x/browse.js"])
def test_without_the_token_nothing_is_shown(browser, path):
    answer = request(browser, path=path, cookie=False)
    assert answer.status_code == 403
    assert "tea" not in answer.text
    wrong = requests.get(browser.base + path, cookies={f"xframes-{browser.server.port}": "guess"}, timeout=30)
    assert wrong.status_code == 403


def test_the_token_is_no_cookie(browser):
    token = browser.server.url.partition("token=")[2]
    answer = requests.get(browser.base + "/", cookies={f"xframes-{browser.server.port}": token}, timeout=30)
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost", "127.0.0.1.evil.example:{port}",
                                  "0.0.0.0:{port}", "[::1]:{port}", "127.0.0.1:{port}.", "LOCALHOST:{port}", ""])
def test_other_hosts_are_refused(browser, host):
    answer = request(browser, Host=host.format(port=browser.server.port))
    assert answer.status_code == 421


def test_localhost_is_this_host(browser):
    assert request(browser, Host=f"localhost:{browser.server.port}").status_code == 200


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": "http://localhost:{port}"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "anything"},
], ids=str)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/sql?q=select+1"), ("POST", "/sql")])
def test_other_origins_are_refused(browser, headers, method, path):
    headers = {name: value.format(port=browser.server.port) for name, value in headers.items()}
    assert request(browser, method, path, **headers).status_code == 403


@pytest.mark.parametrize(("method", "path"), [
    ("POST", "/"), ("POST", "/table/posts"), ("PUT", "/sql"), ("DELETE", "/post/100"), ("PATCH", "/sql"), ("OPTIONS", "/sql"),
    ("TRACE", "/"), ("PROPFIND", "/"),
])
def test_only_reading(browser, method, path):
    answer = request(browser, method, path, Origin=browser.base)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_form_is_posted_from_an_own_page_only(browser):
    own = {"Origin": browser.base}
    answer = requests.post(browser.base + "/sql", data={"q": "select 42 as n"}, headers=own, cookies=browser.session.cookies, timeout=30)
    assert answer.status_code == 200
    assert "<bdi>42</bdi>" in answer.text
    assert requests.post(browser.base + "/sql", data={"q": "select 1"}, cookies=browser.session.cookies, timeout=30).status_code == 403
    large = requests.post(browser.base + "/sql", data={"q": "x" * 2_000_000}, headers=own, cookies=browser.session.cookies, timeout=30)
    assert large.status_code in {400, 413}


@pytest.mark.parametrize("path", [
    "/static/../../etc/passwd", "/static/x/..%2f..%2fmarkup.py", "/static/x/browse.css", "/page/..%2f..%2f..%2fetc%2fpasswd", "/post/%2e%2e%2f",
    "/table/..%2fposts", "/table/posts%00", "/download/table/..%2f..%2fetc%2fpasswd.csv", "/download/table/posts.py", "/download/sql.exe?q=select+1",
    "//etc/passwd", "/etc/passwd", "/table/_xframes.index_1", "/changes/runs/1", "/run/x'%20or%20'1'='1", "/person/nothing",
])
def test_other_paths_show_nothing(browser, path):
    with socket.create_connection(("127.0.0.1", browser.server.port), timeout=30) as raw:
        cookie = "; ".join(f"{c.name}={c.value}" for c in browser.session.cookies)
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{browser.server.port}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b"")).decode()
    assert answer.split()[1] in {"400", "404"}
    assert "root:" not in answer
    assert "def " not in answer


def test_headers_keep_pages_to_themselves(browser):
    for path in ("/", "/nothing", "/words", "/download/table/users.csv"):
        headers = browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers
    style = browser.text("/").partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert "immutable" in browser.get(style).headers["Cache-Control"]


def test_two_servers_have_cookies_of_their_own(browser, archive):
    from xframes.browsing import start

    with start(archive) as server:
        other = Browser(server)
        other.session.cookies.update(browser.session.cookies)
        assert other.get("/").status_code == 200
        assert server.port != browser.server.port
    with pytest.raises(requests.ConnectionError):
        other.get("/")
    server.stop()
