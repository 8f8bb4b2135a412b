"""Links that lead to people and posts of X, also through its mirrors."""

from __future__ import annotations

import re

# X and its mirrors. Exports and removals recognise only links to these hosts.
HOSTS = (r"(?:[fv]x)?twitter\.com|x\.com|fixupx\.com|fixvx\.com|twittpr\.com"
          r"|nitter(?:\.[a-z0-9-]+)*\.[a-z]+|xcancel\.com")
SLASH = "(?:/|%(?:25)*2F)"
LINK = (rf"(?:(?<![A-Za-z0-9-])|(?<=%2F)|(?<=%252F))(?P<host>(?:{HOSTS})(?::\d+)?)"
         rf"(?P<path>(?:{SLASH}(?:[A-Za-z0-9_@.~+-]|%(?!(?:25)*2F)[0-9A-F]{{2}})*)+)"
         r"(?:[?#][^\s\"'<>()]*)?")
X_LINKS = re.compile(LINK, re.IGNORECASE)
# The characters of handles and ids (@, letters, digits, _), percent-encoded once or repeatedly.
_ESCAPED = re.compile("%(?:25)*(4[0-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9A]|3[0-9])", re.IGNORECASE)


def unescaped(text: str) -> str:
    """Decode the percent-encoded characters of handles and ids in a link."""
    if "%" not in text:
        return text
    return _ESCAPED.sub(lambda hit: chr(int(hit[1], 16)), text)
