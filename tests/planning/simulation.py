"""An X in this process whose every share is known, and how often the intervals of samples contain the truth.

`python -m tests.planning.simulation 200000 100 1000` takes 100 samples of 1,000 posts of a sandbox of 200,000.
"""

import json
import os
import statistics
import sys
import tempfile
from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime, timedelta

import xframes as xf
from xframes.client import Answer, Client
from xframes.sandbox.world.community import Community
from xframes.sandbox.world.snowflakes import snowflake, stamp

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = 60_000
SHARES = {  # SQL and value, and the same of a post as X sends it
    ("lang", "en"): lambda post: post["lang"] == "en",
    ("lang", "de"): lambda post: post["lang"] == "de",
    ("like_count >= 20", True): lambda post: post["public_metrics"]["like_count"] >= 20,
    ("starts_with(text, 'RT @')", True): lambda post: post["text"].startswith("RT @"),
    ("length(text) > 140", True): lambda post: len(post["text"]) > 140,
}


def ms(time):
    return int(datetime.fromisoformat(time).timestamp() * 1000)


class SmallX:
    """Answers counts by minute and searches of all posts, newest first. Its clock moves when a client sleeps."""

    def __init__(self, posts):
        self.posts = sorted(posts, key=lambda post: int(post["id"]))
        self.ids = [int(post["id"]) for post in self.posts]
        self.minutes = Counter(ms(post["created_at"]) // MINUTE for post in self.posts)
        self.now, self.requests, self.counted = NOW, [], {}

    @classmethod
    def of_sandbox(cls, posts, days=28):
        community = Community(seed=7, posts=posts, users=1000, now=int(NOW.timestamp() * 1000))
        since = snowflake(int((NOW - timedelta(days=days)).timestamp() * 1000))
        return cls([
            {"id": str(post.id), "text": post.text, "lang": post.lang, "created_at": stamp(post.at),
             "public_metrics": {"like_count": post.likes}}
            for post in community.listed if post.id >= since
        ])

    def client(self, **options):
        return Client("key-of-no-one", transport=self.answer, now=lambda: self.now, sleep=self.sleep, **options)

    def sleep(self, seconds):
        self.now += timedelta(seconds=seconds)

    def answer(self, request):
        self.requests.append(request)
        params = request.params
        if "counts" in request.path:
            key = tuple(sorted(params.items()))
            if key not in self.counted:
                self.counted[key] = json.dumps(self.counts(params)).encode()
            return Answer(200, {}, self.counted[key])
        return Answer(200, {}, json.dumps(self.search(params)).encode())

    def counts(self, params):
        start, end = ms(params["start_time"]), ms(params["end_time"])
        starts = [start, *range((start // MINUTE + 1) * MINUTE, end, MINUTE)]
        rows = [
            {"start": stamp(first), "end": stamp(last), "tweet_count": self.minutes[first // MINUTE]}
            for first, last in zip(starts, [*starts[1:], end], strict=True)
        ]
        return {"data": rows[::-1], "meta": {"total_tweet_count": sum(row["tweet_count"] for row in rows)}}

    def between(self, params):
        if "since_id" in params:
            bounds = int(params["since_id"]) + 1, int(params["until_id"])
        else:
            start, end = params.get("start_time", "2026-05-25T00:00Z"), params.get("end_time", "2026-06-01T00:00Z")
            bounds = snowflake(ms(start)), snowflake(ms(end))
        low, high = (bisect_left(self.ids, bound) for bound in bounds)
        return self.posts[low:high][::-1]

    def search(self, params):
        found, first = self.between(params), int(params.get("next_token", "0"))
        last = first + int(params["max_results"])
        meta = {"result_count": len(found[first:last])}
        if last < len(found):
            meta["next_token"] = str(last)
        return {"data": found[first:last], "meta": meta} if found else {"meta": meta}

    def truth(self, test):
        return statistics.mean(map(test, self.posts))

    def sample(self, seed, posts, days=28, **options):
        start, end = NOW - timedelta(days=days), NOW - timedelta(minutes=1)
        client = options.pop("client", None) or self.client()
        return xf.search.sample(
            "all of it", start, end, posts=posts, seed=seed, client=client, progress=False, **options
        )


def coverage(x, seeds, posts):
    """Return by share: in how many samples its interval contains the truth, the median of its width, and the standard
    deviation of the estimates."""
    hits, widths, shares = Counter(), {}, {}
    truths = {key: x.truth(test) for key, test in SHARES.items()}
    for seed in range(seeds):
        frames = x.sample(seed, posts)
        for what, value in SHARES:
            rows = xf.estimate(frames, what).set_index(what)
            row = rows.loc[value] if value in rows.index else dict.fromkeys(rows, 0.0)
            hits[what, value] += row["share_low"] <= truths[what, value] <= row["share_high"]
            widths.setdefault((what, value), []).append(row["share_high"] - row["share_low"])
            shares.setdefault((what, value), []).append(row["share"])
    return {
        key: (hits[key], statistics.median(widths[key]), statistics.stdev(shares[key]), statistics.mean(shares[key]),
              truths[key])
        for key in SHARES
    }


def main(posts, seeds, size):
    os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()
    x = SmallX.of_sandbox(posts)
    print(f"{len(x.posts):,} posts in 28 days; {seeds} samples of {size:,} posts")
    for key, (hits, width, deviation, mean, truth) in coverage(x, seeds, size).items():
        ratio = width / (2 * 1.96 * deviation)
        print(f"{key}: truth {truth:.4f}, mean {mean:.4f}, covered {hits} of {seeds}, width {width:.4f}, "
              f"{ratio:.2f} x that of the estimates' own variance")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
