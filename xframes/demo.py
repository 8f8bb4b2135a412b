"""`xframes demo`: collect, archive, ask SQL and plot, against the sandbox, through the same code as the real thing."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes

    from xframes.archive import Archive
    from xframes.client import Client

# The community's clock stands still here, so that every demonstration shows the same numbers.
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUERY = "(coffee OR duckdb OR climate) -is:retweet"
COUNTED = ("coffee", "duckdb", "climate")

FOUND = "SELECT post_id FROM matches JOIN runs USING (run_id) WHERE action = 'search.recent'"
ANSWERS = {
    "Who wrote most about it, and how far did it reach?": f"""
        SELECT u.username, count(DISTINCT p.id) AS posts, sum(p.like_count) AS likes, sum(p.impression_count) AS views
        FROM posts p JOIN users u ON u.id = p.author_id
        WHERE p.id IN ({FOUND})
        GROUP BY u.username ORDER BY posts DESC, u.username LIMIT 5""",
    "Which hashtags carry it?": """
        SELECT lower(h.tag) AS hashtag, count(DISTINCT p.id) AS posts, count(DISTINCT p.author_id) AS authors,
               round(avg(p.like_count), 1) AS likes_per_post
        FROM posts p JOIN post_hashtags h ON h.post_id = p.id
        GROUP BY hashtag ORDER BY posts DESC, hashtag LIMIT 5""",
    "Which posts began the longest conversations?": """
        SELECT u.username, p.plain_text AS post, count(*) AS replies
        FROM posts p JOIN users u ON u.id = p.author_id JOIN posts r ON r.conversation_id = p.id AND r.id <> p.id
        GROUP BY p.id, u.username, post ORDER BY replies DESC, p.id LIMIT 5""",
}


def run(out: Path, *, say: Callable[[str], Any], show: Callable[[Any], Any]) -> None:
    """Run the demonstration in the folder `out`; `say` takes lines of text, `show` rows. Can be run again there."""
    from xframes import sandbox
    from xframes.archive import Archive
    from xframes.client import Client

    with sandbox.start(seed=7, now=NOW) as x, closing(Archive(out / "archive")) as archive:
        count = len(x.community.listed)
        say(f"A local X with {count:,} invented posts stands in for the real one: no key, no network.\n")
        client = Client(bearer_token=x.bearer_token, base_url=x.url)
        _collect(archive, client, say)
        for number, (question, query) in enumerate(ANSWERS.items(), 1):
            say(f"\n{number}. {question}\n")
            show(archive.sql(query))
        say("")
        for path in _plot(archive, out):
            say(f"plot     {path}")
    say(f"""
The archive stays in {archive.path}. Ask it something:
  xframes sql "select lang, count(*) from posts group by lang order by 2 desc" --archive {archive.path}
With your own key, the same against X:
  export XFRAMES_BEARER_TOKEN=…
  xframes search recent "duckdb lang:en" --limit 100 --archive my-archive""")


def _collect(archive: Archive, client: Client, say: Callable[[str], Any]) -> None:
    from xframes.collect.content import counts, posts, search, timelines

    how: dict[str, Any] = {"into": archive, "client": client, "progress": False}

    def told(what: str, run: Any) -> None:
        say(f"collect  {what}: {run.rows:,} rows on {run.pages:,} page{'' if run.pages == 1 else 's'}")

    told(f'search.recent "{QUERY}"', search.recent(QUERY, limit=600, **how))
    for word in COUNTED:
        told(f'counts.recent "{word}"', counts.recent(word, granularity="day", **how))
    (author, name), *_ = archive.sql(
        "SELECT u.id, u.username FROM posts p JOIN users u ON u.id = p.author_id "
        "GROUP BY u.id, u.username ORDER BY count(*) DESC, u.id LIMIT 1").fetchall()
    told(f"timelines.user @{name}", timelines.user(author, limit=200, **how))
    missing = archive.sql(
        "SELECT DISTINCT conversation_id FROM posts WHERE conversation_id NOT IN (SELECT id FROM posts) ORDER BY 1")
    if ids := [post_id for (post_id,) in missing.fetchall()]:
        told(f"posts.lookup of {len(ids)} posts that began conversations", posts.lookup(ids, **how))


def _plot(archive: Archive, out: Path) -> list[Path]:
    import matplotlib as mpl

    from xframes import plot

    mpl.use("Agg")  # pictures go to files: no window, no display needed
    from matplotlib import pyplot as plt

    found = archive.sql(f"SELECT * FROM posts WHERE id IN ({FOUND})")
    pictures: dict[str, tuple[Callable[[], Axes], str]] = {
        "timeline": (lambda: plot.timeline(found, by="lang"), "Posts found, by language"),
        "counts": (lambda: plot.counts(archive), "Posts there are, as X counts them"),
    }
    made = []
    for name, (draw, title) in pictures.items():
        draw().set_title(title)
        path = out / f"{name}.png"
        plt.savefig(path)
        plt.close()
        made.append(path)
    return made
