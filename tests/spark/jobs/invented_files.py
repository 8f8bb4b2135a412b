"""Files to import for the tests of jobs, and how two archives are compared."""

import json
from datetime import UTC, datetime, timedelta

from tests.archives import EVERYTHING, page, post


def body(number, posts=20, seen=0):
    """A search page of posts from a number on, as one line. Half of all posts are by one author."""
    some = [post(1_000_000 + number * posts + i, author_id="7" if i % 2 else str(100 + i),
                 public_metrics={"like_count": number + seen, "reply_count": 0, "retweet_count": 1, "quote_count": 0},
                 entities={"hashtags": [{"start": 0, "end": 4, "tag": f"tag{i % 3}"}]})
            for i in range(posts)]
    asked = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(minutes=number + 1_000 * seen)
    made = json.loads(page(*some).body)
    made["includes"]["users"] += [{"id": str(100 + i), "name": f"Bo {i}", "username": f"bo{i}"} for i in range(0, posts, 2)]
    query = "&".join(f"{name}={value}" for name, value in {"query": "cats", **EVERYTHING}.items())
    made["__twarc"] = {"url": f"https://api.twitter.com/2/tweets/search/recent?{query}", "version": "2.14",
                       "retrieved_at": asked.isoformat()}
    return json.dumps(made).encode()


def write(path, numbers, seen=0):
    path.write_bytes(b"".join(body(number, seen=seen) + b"\n" for number in numbers))
    return str(path)


def differences(archive, other, without=("runs",)):
    """The tables that are not the same, to the row."""
    found = []
    for name in sorted({*archive.tables, *other.tables} - {*without}):
        left, right = archive[name], other[name]
        order = [(c, "ascending") for c in left.column_names if not str(left.schema.field(c).type).startswith(("list", "map"))]
        if not left.sort_by(order).equals(right.sort_by(order)):
            found.append((name, left.num_rows, right.num_rows))
    return found
