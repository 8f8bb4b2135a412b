"""`xframes demo`: collect, archive, query and plot posts of the sandbox."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes

    from xframes.archive import Archive
    from xframes.client import Client

# The sandbox's clock does not move, so that every run prints the same numbers.
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUERY = "(coffee OR duckdb OR climate) -is:retweet"
COUNTED = ("coffee", "duckdb", "climate")

FOUND = "SELECT post_id FROM matches JOIN runs USING (run_id) WHERE action = 'search.recent'"
ANSWERS = {
    "Who wrote most about it, and how far did it reach?": f"""
        SELECT username, count(*) AS posts, sum(like_count) AS likes,
               sum(impression_count) AS views
        FROM results WHERE id IN ({FOUND})
        GROUP BY username ORDER BY posts DESC, username LIMIT 5""",
    "Which hashtags carry it?": """
        SELECT lower(tag) AS hashtag, count(DISTINCT id) AS posts,
               count(DISTINCT author_id) AS authors,
               round(avg(like_count), 1) AS likes_per_post
        FROM (SELECT *, unnest(hashtags) AS tag FROM results)
        GROUP BY hashtag ORDER BY posts DESC, hashtag LIMIT 5""",
    "Which posts began the longest conversations?": """
        SELECT u.username, p.plain_text AS post, count(*) AS replies
        FROM posts p JOIN users u ON u.id = p.author_id
        JOIN posts r ON r.conversation_id = p.id AND r.id <> p.id
        WHERE p.is_latest AND r.is_latest
        GROUP BY p.id, u.username, post ORDER BY replies DESC, p.id LIMIT 5""",
}


def run(out: Path, *, say: Callable[[str], Any], show: Callable[[Any], Any]) -> None:
    """Run the demo and store its archive and plots in a folder. It can be run again there.

    Parameters
    ----------
    out
        The folder.
    say
        Function that prints text.
    show
        Function that prints rows.
    """
    from xframes import sandbox
    from xframes.archive import Archive
    from xframes.client import Client

    with sandbox.start(seed=7, now=NOW) as x, closing(Archive(out / "archive")) as archive:
        posts = counted(len(x.community.listed), "invented post")
        say(f"A sandbox with {posts} answers like X: no credentials, no network.\n")
        client = Client(bearer_token=x.bearer_token, base_url=x.url)
        _collect(archive, client, say)
        for number, (question, query) in enumerate(ANSWERS.items(), 1):
            say(f"\n{number}. {question}\n")
            show(archive.sql(query))
        say("")
        for path in _plot(archive, out):
            say(f"plot     {path}")
    query = '"select lang, count(*) from results group by lang order by 2 desc"'
    say(f"""
The archive is in {archive.path}. Query it:
  xframes sql {query} --archive {archive.path}
With your own bearer token, collect from X:
  export XFRAMES_BEARER_TOKEN=…
  xframes search recent "duckdb lang:en" --limit 100 --archive my-archive""")


def _collect(archive: Archive, client: Client, say: Callable[[str], Any]) -> None:
    from xframes.collect.content import counts, posts, search, timelines

    shared: dict[str, Any] = {"into": archive, "client": client, "progress": False}

    def report(what: str, run: Any) -> None:
        say(f"collect  {what}: {counted(run.rows, 'row')} on {counted(run.pages, 'page')}")

    report(f'search.recent "{QUERY}"', search.recent(QUERY, limit=600, **shared))
    for word in COUNTED:
        report(f'counts.recent "{word}"', counts.recent(word, granularity="day", **shared))
    (author, name), *_ = archive.sql(
        "SELECT author_id, username FROM results "
        "GROUP BY author_id, username ORDER BY count(*) DESC, author_id LIMIT 1"
    ).fetchall()
    report(f"timelines.user @{name}", timelines.user(author, limit=200, **shared))
    missing = archive.sql(
        "SELECT DISTINCT conversation_id FROM posts "
        "WHERE conversation_id NOT IN (SELECT id FROM posts) ORDER BY 1"
    )
    if ids := [post_id for (post_id,) in missing.fetchall()]:
        what = f"posts.lookup of {counted(len(ids), 'post')} that began conversations"
        report(what, posts.lookup(ids, **shared))


def _plot(archive: Archive, out: Path) -> list[Path]:
    import matplotlib as mpl

    from xframes import plot

    mpl.use("Agg")  # write files and open no window
    from matplotlib import pyplot as plt

    found = archive.sql(f"SELECT * FROM posts WHERE id IN ({FOUND})")
    pictures: dict[str, tuple[Callable[[], Axes], str]] = {
        "timeline": (lambda: plot.timeline(found, by="lang"), "Posts found, by language"),
        "counts": (lambda: plot.counts(archive), "All posts, as counted by X"),
    }
    paths = []
    for name, (draw, title) in pictures.items():
        draw().set_title(title)
        path = out / f"{name}.png"
        plt.savefig(path)
        plt.close()
        paths.append(path)
    return paths
