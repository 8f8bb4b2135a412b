"""The extracts of X's published specifications; `tests/fixtures/renew.py` makes them from the documents X publishes."""

from __future__ import annotations

import json
from pathlib import Path

FIXTURES = Path(__file__).parent / "fixtures"
# X's words for a post, and the specification that has them.
SPECS = {"tweet": "x-openapi-2.159.json", "post": "x-openapi-2.167.json"}


def extract(name):
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def specification(words):
    return extract(SPECS[words])
