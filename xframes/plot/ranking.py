"""A plot of the most frequent hashtags, accounts, domains or emoji."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.glyphs import drawable
from xframes.plot.canvas.rows import listed, pandas, rows, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Of = Literal["hashtags", "cashtags", "mentions", "authors", "domains", "emoji"]
# X adds links to these domains for quoted posts and media.
_OWN_DOMAINS = {"x.com", "twitter.com", "pic.x.com", "pic.twitter.com", "t.co"}
_DETAIL = (
    "SELECT {column} AS value, p.id AS post_id, p.author_id "
    "FROM {table} d JOIN results p ON p.content_post_id = d.post_id"
)
_QUERIES = {
    "hashtags": _DETAIL.format(column="d.tag", table="post_hashtags"),
    "cashtags": _DETAIL.format(column="d.tag", table="post_cashtags"),
    "mentions": _DETAIL.format(column="d.username", table="post_mentions"),
    "authors": """
        SELECT coalesce(p.username, p.author_id) AS value, p.id AS post_id, p.author_id
        FROM results p""",
    "domains": _DETAIL.format(column="coalesce(d.unwound_url, d.expanded_url)", table="post_urls"),
    "emoji": "SELECT p.text AS value, p.id AS post_id, p.author_id FROM results p",
}
_COLUMNS = {
    "hashtags": ("tag",), "cashtags": ("tag",), "mentions": ("username",), "emoji": ("text",),
    "domains": ("expanded_url", "unwound_url", "domain"),
    "authors": ("username", "author_username", "author_id"),
}
_SIGNS = {"hashtags": "#", "cashtags": "$", "mentions": "@", "authors": "@"}
_PICTURE = (
    "[\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693"
    "\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd"
    "\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c"
    "\u2b50\u2b55\U0001f004\U0001f0cf\U0001f18e\U0001f191-\U0001f19a\U0001f201\U0001f21a\U0001f22f"
    "\U0001f232-\U0001f236\U0001f238-\U0001f23a\U0001f250\U0001f251\U0001f300-\U0001f64f"
    "\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7eb\U0001f7f0\U0001f900-\U0001f9ff"
    "\U0001fa70-\U0001faff]"
)
_ONE = f"(?:{_PICTURE}\ufe0f?|[\u00a9\u00ae\u203c-\u3299]\ufe0f)[\U0001f3fb-\U0001f3ff]?"
_SKINS = {
    "\U0001f3fb": "light", "\U0001f3fc": "medium-light", "\U0001f3fd": "medium",
    "\U0001f3fe": "medium-dark", "\U0001f3ff": "dark",
}
_JOINTS = "\u200d\ufe0f"
_TAGS = "(?:[\U000e0020-\U000e007f]+)?"  # flags of regions
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_ONE}(?:\u200d{_ONE})*{_TAGS}"
)


def top(
    frame: Any, ax: Axes | None = None, *, of: Of = "hashtags", most: int = 10,
    count: Literal["posts", "authors"] = "posts",
) -> Axes:
    """Draw the most frequent hashtags, cashtags, mentions, authors, domains of links, or emoji.

    A value counts once per post, and upper and lower case are the same. Links to X itself (quoted
    posts and media) are left out of the domains.

    Parameters
    ----------
    frame
        Frames, an Archive, or a frame with one row per value: `tag`, `username` (for authors also
        `author_id`) or `expanded_url`; or one row per post with `text`, for emoji. `post_id` or
        `id` counts each post once; without them, rows are counted. From Frames and an Archive, only
        posts that a query returned are counted, not the posts that they refer to. A repost has the
        hashtags, mentions, links and text of the post that it reposts.
    ax
        Axes to draw on. Without it, a new figure.
    of
        What to count: `hashtags`, `cashtags`, `mentions`, `authors`, `domains` or `emoji`.
        Default: `hashtags`.
    most
        Number of bars. Default: 10.
    count
        `posts` counts posts, also reposts, so how far a value spread. `authors` counts different
        authors, so that one author with many posts counts once, and needs `author_id`.
        Default: `posts`.

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
    if of not in _QUERIES:
        raise ArgumentError(f"of: expected one of {', '.join(_QUERIES)}, got {of!r}")
    if count not in {"posts", "authors"}:
        raise ArgumentError(f"count: expected posts or authors, got {count!r}")
    values = _split(_values(frame, of, count), of).dropna(subset=["value"])
    values = values[values["value"] != ""]
    if values.empty:
        raise ArgumentError(f"no {of} to draw in these posts")
    values["key"] = values["value"].str.casefold()
    numbers = values.groupby("key")["counted"].nunique()  # sorted by key: equal numbers stay sorted
    ranked = numbers.sort_values(ascending=False, kind="stable").head(max(most, 1))
    drawn = values[values["key"].isin(ranked.index)].groupby("key")["value"]
    spellings = drawn.agg(lambda spelled: spelled.value_counts().index[0])
    labels = [_label(spellings[key], of) for key in ranked.index]
    ax = drawing.axes(ax, (8, max(2.0, 0.9 + 0.3 * len(ranked))))
    drawing.bars(ax, labels, {of: [float(number) for number in ranked]}, count)
    return ax


def _values(frame: Any, of: str, count: str) -> pd.DataFrame:
    """Return one row per value and post: `value`, and `counted`, the post or author to count."""
    keys = ("author_id",) if count == "authors" else ("post_id", "id")
    if whole(frame):
        answer = rows(frame, _QUERIES[of], ["value", "post_id", "author_id"])
        return answer.rename(columns={keys[0]: "counted"})[["value", "counted"]]
    source = pandas(frame).reset_index(drop=True)
    name = next((column for column in _COLUMNS[of] if column in source), None)
    if name is None:
        expected = " or ".join(map(repr, _COLUMNS[of]))
        raise ArgumentError(
            f"expected a column {expected} to draw, got the columns: {listed(source)}"
        )
    values = source[[name]].set_axis(["value"], axis="columns")
    key = next((column for column in keys if column in source), None)
    if key is not None:
        values["counted"] = source[key]
    elif count == "authors":
        raise ArgumentError(
            "count='authors': expected a column 'author_id', got the columns: "
            f"{listed(source)}. count='posts' works without it"
        )
    else:
        values["counted"] = range(len(source))
    return values


def _split(values: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return one row per emoji of a text, the domain of a link, or the value itself."""
    if of == "emoji":
        values["value"] = [_emoji(text) for text in values["value"]]
        return values.explode("value")
    if of == "domains":
        values["value"] = [_domain(url) for url in values["value"]]
    values["value"] = values["value"].astype("string")
    return values


def _emoji(text: Any) -> list[str]:
    if not isinstance(text, str):
        return []
    return _EMOJI.findall(text)


def _domain(url: Any) -> str | None:
    if not isinstance(url, str):
        return None
    if "//" not in url:
        url = f"//{url}"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # an invalid link, as its author typed it
        return None
    host = host.removeprefix("www.")
    if not host or host in _OWN_DOMAINS:
        return None
    return host


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
