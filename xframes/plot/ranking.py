"""A plot of the most frequent hashtags, accounts, links, words or emoji."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Literal

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.glyphs import drawable
from xframes.plot.canvas.pictures import plot
from xframes.plot.canvas.rows import listed, pandas, whole

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from matplotlib.axes import Axes

Of = Literal[
    "hashtags", "cashtags", "mentions", "authors", "urls", "domains", "words", "emoji", "languages",
]
# X adds links to these domains for quoted posts and media.
_OWN_DOMAINS = ("x.com", "twitter.com", "pic.x.com", "pic.twitter.com", "t.co")
_DETAIL = (
    "SELECT {column} AS value, p.id AS post_id, p.author_id "
    "FROM {table} d JOIN results p ON p.content_post_id = d.post_id"
)
_LINKS = _DETAIL.format(column="coalesce(d.unwound_url, d.expanded_url)", table="post_urls")
_POSTS = "SELECT {column} AS value, p.id AS post_id, p.author_id FROM results p"
_QUERIES = {
    "hashtags": _DETAIL.format(column="d.tag", table="post_hashtags"),
    "cashtags": _DETAIL.format(column="d.tag", table="post_cashtags"),
    "mentions": _DETAIL.format(column="d.username", table="post_mentions"),
    "authors": _POSTS.format(column="coalesce(p.username, p.author_id)"),
    "urls": _LINKS,
    "domains": _LINKS,
    "words": _POSTS.format(column="p.text"),
    "emoji": _POSTS.format(column="p.text"),
    "languages": _POSTS.format(column="p.lang"),
}
_COLUMNS = {
    "hashtags": ("tag",), "cashtags": ("tag",), "mentions": ("username",),
    "words": ("text",), "emoji": ("text",), "languages": ("lang",),
    "urls": ("unwound_url", "expanded_url"), "domains": ("unwound_url", "expanded_url", "domain"),
    "authors": ("username", "author_username", "author_id"),
}
# SQL of what is counted in a value; the value itself if there is none.
_OWN = ", ".join(f"'{name}'" for name in _OWN_DOMAINS)
_COUNTED = {
    "words": "unnest(words(value))", "emoji": "unnest(emoji(value))",
    "urls": f"CASE WHEN domain(value) NOT IN ({_OWN}) THEN value END",
    "domains": f"CASE WHEN domain(value) NOT IN ({_OWN}) THEN domain(value) END",
}
_EXACT = {"urls", "emoji"}  # what differs in upper and lower case there is different
_RANKING = """
    WITH each_value AS (SELECT {counted} AS value, {by} AS counted FROM ({source})),
    named AS (SELECT value, counted, {key} AS key FROM each_value WHERE value <> ''),
    numbers AS (SELECT key, count(DISTINCT counted) AS number FROM named GROUP BY key),
    spellings AS (SELECT key, value, count(*) AS uses FROM named GROUP BY key, value)
    SELECT first(s.value ORDER BY s.uses DESC, s.value) AS value, n.number
    FROM numbers n JOIN spellings s ON s.key = n.key
    GROUP BY n.key, n.number ORDER BY n.number DESC, n.key LIMIT $most
"""
_SIGNS = {"hashtags": "#", "cashtags": "$", "mentions": "@", "authors": "@"}
_SKINS = {
    "\U0001f3fb": "light", "\U0001f3fc": "medium-light", "\U0001f3fd": "medium",
    "\U0001f3fe": "medium-dark", "\U0001f3ff": "dark",
}
_JOINTS = "\u200d\ufe0f"


def top_data(
    frame: Any, *, of: Of = "hashtags", most: int = 10, count: Literal["posts", "authors"] = "posts"
) -> pd.DataFrame:
    """Return the numbers that `top` draws.

    Parameters
    ----------
    frame, of, most, count
        As for `top`.

    Returns
    -------
    pandas.DataFrame
        One row per value, most frequent first: `value`, in its most frequent spelling, and `posts`
        or `authors`.

    Raises
    ------
    ArgumentError
        As `top`.

    Examples
    --------
    >>> xf.plot.top.data(archive, of="words", most=100)
    """
    if of not in _QUERIES:
        raise ArgumentError(f"of: expected one of {', '.join(_QUERIES)}, got {of!r}")
    if count not in {"posts", "authors"}:
        raise ArgumentError(f"count: expected posts or authors, got {count!r}")
    ranked = _ranked(frame, of, count, most)
    if ranked.empty:
        raise ArgumentError(f"no {of} to draw in these posts")
    return ranked.rename(columns={"number": count})


@plot(top_data)
def top(
    frame: Any, ax: Axes | None = None, *, of: Of = "hashtags", most: int = 10,
    count: Literal["posts", "authors"] = "posts",
) -> Axes:
    """Draw the most frequent hashtags, mentions, authors, links, words, emoji or languages.

    A value counts once per post, and upper and lower case are the same, but for links. Links to X
    itself (quoted posts and media) are left out. Words are those of the SQL function `words`: texts
    without links and handles, with pairs of characters for Chinese. `top.data` returns the numbers.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with one row per value: `tag`, `username` (for authors also
        `author_id`) or `expanded_url`; or one row per post with `text`, for words and emoji, or
        `lang`. `post_id` or `id` counts each post once; without them, rows are counted. From Frames
        and an Archive, only posts that a query returned are counted, not the posts that they refer
        to. A repost has the hashtags, mentions, links and text of the post that it reposts.
    ax
        Axes to draw on. Without it, a new figure.
    of
        What to count: `hashtags`, `cashtags`, `mentions`, `authors`, `urls`, `domains` (of links),
        `words`, `emoji` or `languages`. Default: `hashtags`.
    most
        Number of bars. Default: 10.
    count
        `posts` counts posts, also reposts, so how far a value spread. `authors` counts different
        authors, so that one author with many posts counts once, and needs `author_id`. Default:
        `posts`.

    Returns
    -------
    Axes
        The axes, with one bar per value, most frequent first.

    Raises
    ------
    ArgumentError
        There are no such values, a column is missing, or `of` or `count` is unknown.

    Examples
    --------
    >>> xf.plot.top(archive, of="domains", count="authors")
    """
    ranked = top_data(frame, of=of, most=most, count=count)
    labels = [_label(value, of) for value in ranked["value"]]
    ax = drawing.axes(ax, (8, max(2.0, 0.9 + 0.3 * len(ranked))))
    drawing.bars(ax, labels, {of: [float(number) for number in ranked[count]]}, count)
    return ax


def _ranked(frame: Any, of: str, count: str, most: int) -> pd.DataFrame:
    """Return the most frequent values, as `value` and `number`. Equal numbers are sorted."""
    from xframes.frames import to_pandas
    from xframes.sql.macros import run

    key = "value"
    if of not in _EXACT:
        key = "lower(nfc_normalize(value))"
    parts = {
        "counted": _COUNTED.get(of, "value"), "key": key,
        "by": "author_id" if count == "authors" else "post_id",
    }
    params = {"most": max(most, 1)}
    if whole(frame):  # counted where the rows are
        query = _RANKING.format(**parts, source=_QUERIES[of])
        return to_pandas(frame.sql(query, params).to_arrow_table())
    query = _RANKING.format(**parts, source="FROM given")
    return to_pandas(run(query, _given(frame, of, count), params))


def _given(frame: Any, of: str, count: str) -> pa.Table:
    """Return one row per value of a frame: `value`, and the `post_id` or `author_id` to count."""
    import pyarrow as pa

    source = pandas(frame).reset_index(drop=True)
    names = [column for column in _COLUMNS[of] if column in source]
    if not names:
        expected = " or ".join(map(repr, _COLUMNS[of]))
        raise ArgumentError(
            f"expected a column {expected} to draw, got the columns: {listed(source)}"
        )
    values = source[names[0]]
    for name in names[1:]:
        values = values.where(values.notna(), source[name])
    keys = ("author_id",) if count == "authors" else ("post_id", "id")
    key = next((column for column in keys if column in source), None)
    if key is None and count == "authors":
        raise ArgumentError(
            "count='authors': expected a column 'author_id', got the columns: "
            f"{listed(source)}. count='posts' works without it"
        )
    counted = source.index.to_series() if key is None else source[key]
    is_known = values.notna()
    return pa.table({
        "value": pa.array(values[is_known].astype(str), pa.string()),
        keys[0]: pa.array(counted[is_known].astype("string"), pa.string()),
    })


def _label(value: str, of: str) -> str:
    """Return a tag or handle with its sign, or an emoji with its name."""
    if of == "emoji":
        emoji = value.rstrip("\ufe0f")
        name = _emoji_name(emoji)
        return f"{emoji}  {name}" if drawable(emoji) else name
    if of == "authors" and value.isdecimal():  # an id, because the handle is not known
        return value
    return _SIGNS.get(of, "") + value


def _emoji_name(emoji: str) -> str:
    """Return the Unicode name of an emoji; the names of its parts are joined by a plus sign."""
    letters = [chr(ord(c) - 0x1F1E6 + ord("A")) for c in emoji if "\U0001f1e6" <= c <= "\U0001f1ff"]
    if letters:
        return f"flag {''.join(letters)}"
    if emoji.endswith("\u20e3"):
        return f"keycap {emoji[0]}"
    parts = [_part_name(character) for character in emoji if character not in _JOINTS]
    return " + ".join(part for part in parts if part)


def _part_name(character: str) -> str:
    if character in _SKINS:
        return f"{_SKINS[character]} skin"
    return unicodedata.name(character, "").lower()
