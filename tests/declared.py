"""What the tests of the declarations share: lists of actions, and arguments to call them with."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from xframes import registry

JSON = {"rules": [{"value": "cats", "tag": "c"}], "metadata": {"alt_text": {"text": "a cat"}},
        "call_to_actions": {"visit_site": {"url": "https://example.org"}}}
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ACTIONS = list(registry.ACTIONS.values())
LISTED = [a for a in ACTIONS if a.listed]
READS = [a for a in ACTIONS if a.kind == "read"]
KINDS = {"app": "BearerToken", "oauth1": "UserToken", "oauth2": "OAuth2UserToken"}


def named(ids):
    return pytest.mark.parametrize("action", ids, ids=lambda a: a.name)


def minimal(action, more=None):
    """The fewest arguments an action can be asked with, and `more` with what that needs."""
    found = {}
    for p in action.params:
        first = next((group[0] for group in action.needed if p.name in group), None)
        if p.required or p.where == "path" or p.name == first:
            found[p.name] = sample(p)
    if more is not None:
        rivals = {name for group in action.exclusive if more.name in group for name in group}
        found = {name: value for name, value in found.items() if name not in rivals} | {more.name: sample(more)}
    while missing := [other for name, other in action.together if name in found and other not in found]:
        found |= {name: sample(action.param(name)) for name in missing}
    return found


def sample(p):
    if p.choices:
        return [p.choices[0]] if p.many else p.choices[0]
    texts = ["1", "123456789012345", "3_1", "EN", "video/mp4"]
    text = next(t for t in texts if not p.pattern or re.fullmatch(p.pattern, t))
    if p.many:
        return [text, "2"] if (p.min or 0) > 1 else [text]
    start = NOW - timedelta(days=3 if p.name == "start_time" else 1)
    return {"int": p.min or 1, "time": start, "bool": True, "json": JSON.get(p.name), "file": "a.jpg",
            "seconds": 5}.get(p.kind, text)
