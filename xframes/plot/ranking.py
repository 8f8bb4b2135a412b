"""What comes up most: hashtags, people, sites, emoji."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from xframes.errors import ArgumentError
from xframes.plot.canvas import drawing
from xframes.plot.canvas.glyphs import drawable
from xframes.plot.canvas.rows import ASKED, pandas, rows, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Of = Literal["hashtags", "cashtags", "mentions", "authors", "domains", "emoji"]
_OWN_DOMAINS = {"x.com", "twitter.com", "pic.x.com", "pic.twitter.com", "t.co"}  # quotes and media, not what is linked
_ASKED = f"p.{ASKED}"
_DETAIL = ("SELECT {column} AS value, p.id AS post_id, p.author_id FROM {table} d JOIN posts p ON p.id = d.post_id "
           f"WHERE {_ASKED}")
_QUERIES = {
    "hashtags": _DETAIL.format(column="d.tag", table="post_hashtags"),
    "cashtags": _DETAIL.format(column="d.tag", table="post_cashtags"),
    "mentions": _DETAIL.format(column="d.username", table="post_mentions"),
    "authors": "SELECT coalesce(u.username, p.author_id) AS value, p.id AS post_id, p.author_id FROM posts p "
               f"LEFT JOIN (SELECT id, max(username) AS username FROM users GROUP BY id) u ON u.id = p.author_id "
               f"WHERE {_ASKED}",
    "domains": _DETAIL.format(column="coalesce(d.unwound_url, d.expanded_url)", table="post_urls"),
    "emoji": f"SELECT p.text AS value, p.id AS post_id, p.author_id FROM posts p WHERE {_ASKED}",
}
_COLUMNS = {"hashtags": ("tag",), "cashtags": ("tag",), "mentions": ("username",), "emoji": ("text",),
            "domains": ("expanded_url", "unwound_url", "domain"),
            "authors": ("username", "author_username", "author_id")}
_SIGNS = {"hashtags": "#", "cashtags": "$", "mentions": "@", "authors": "@"}
_PICTURE = (
    "[\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be"
    "\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757"
    "\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\U0001f004\U0001f0cf\U0001f18e\U0001f191-\U0001f19a\U0001f201"
    "\U0001f21a\U0001f22f\U0001f232-\U0001f236\U0001f238-\U0001f23a\U0001f250\U0001f251\U0001f300-\U0001f64f"
    "\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7eb\U0001f7f0\U0001f900-\U0001f9ff\U0001fa70-\U0001faff]"
)
_ONE = f"(?:{_PICTURE}\ufe0f?|[\u00a9\u00ae\u203c-\u3299]\ufe0f)[\U0001f3fb-\U0001f3ff]?"
_SKINS = dict(zip("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff",
                  ("light", "medium-light", "medium", "medium-dark", "dark"), strict=True))
_JOINTS = "\u200d\ufe0f"
_TAGS = "(?:[\U000e0020-\U000e007f]+)?"  # flags of regions
_EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_ONE}(?:\u200d{_ONE})*{_TAGS}")


def top(
    frame: Any, ax: Axes | None = None, *, of: Of = "hashtags", most: int = 10,
    count: Literal["posts", "authors"] = "posts",
) -> Axes:
    """Draw what comes up in most posts: hashtags, cashtags, mentions, authors, domains (of links) or emoji.

    Each post counts once for each. `count="authors"` counts different people instead, which one loud voice cannot
    sway. Of Frames and archives the posts that were asked for are counted. Other frames have a row for each: `tag`,
    `username`, `author_id`, `expanded_url`, or `text` for emoji, best with `post_id` (or `id`) and `author_id`; a frame
    without counts rows. Upper and lower case are one; links to X itself (quotes, pictures) are no domain.

    Raises ArgumentError when there are none, or for an `of` there is not.
    """
    if of not in _QUERIES:
        raise ArgumentError(f"of is one of {', '.join(_QUERIES)}, not {of!r}")
    if count not in {"posts", "authors"}:
        raise ArgumentError(f"count is posts or authors, not {count!r}")
    found = _split(_found(frame, of, count), of).dropna(subset=["value"])
    found = found[found["value"] != ""]
    if found.empty:
        raise ArgumentError(f"there are no {of} in these posts to draw; other posts may have some")
    found["key"] = found["value"].str.casefold()
    numbers = found.groupby("key")["counted"].nunique()
    ordered = numbers.sort_values(ascending=False, kind="stable").head(max(most, 1))  # alphabetical where they are even
    drawn = found[found["key"].isin(ordered.index)].groupby("key")["value"]
    spelled = drawn.agg(lambda values: values.value_counts().index[0])
    ax = drawing.axes(ax, (8, max(2.0, 0.9 + 0.3 * len(ordered))))
    drawing.bars(ax, [_named(spelled[key], of) for key in ordered.index], {of: [float(n) for n in ordered]}, count)
    return ax


def _found(frame: Any, of: str, count: str) -> pd.DataFrame:
    """What was said in which post (`value`, `counted`)."""
    if whole(frame):
        found = rows(frame, _QUERIES[of], ["value", "post_id", "author_id"])
        return found.rename(columns={"post_id" if count == "posts" else "author_id": "counted"})[["value", "counted"]]
    given = pandas(frame).reset_index(drop=True)
    name = next((column for column in _COLUMNS[of] if column in given), None)
    if name is None:
        there = ", ".join(map(str, given.columns))
        wanted = " or ".join(map(repr, _COLUMNS[of]))
        raise ArgumentError(f"there is no column {wanted} to draw; the columns are: {there}")
    found = given[[name]].set_axis(["value"], axis="columns")
    known = ("author_id",) if count == "authors" else ("post_id", "id")
    by = next((column for column in known if column in given), None)
    if by is None and count == "authors":
        raise ArgumentError("there is no column 'author_id' to count authors by; count='posts' needs none")
    found["counted"] = given[by] if by is not None else range(len(given))
    return found


def _split(found: pd.DataFrame, of: str) -> pd.DataFrame:
    if of == "emoji":
        found["value"] = [_EMOJI.findall(text) if isinstance(text, str) else [] for text in found["value"]]
        return found.explode("value")
    if of == "domains":
        found["value"] = [_domain(url) for url in found["value"]]
    found["value"] = found["value"].astype("string")
    return found


def _domain(url: Any) -> str | None:
    if not isinstance(url, str):
        return None
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:  # a link of somebody who mistyped it
        return None
    host = host.removeprefix("www.")
    return None if not host or host in _OWN_DOMAINS else host


def _named(value: str, of: str) -> str:
    """As it is drawn: tags and handles with their sign, emoji with their name."""
    if of != "emoji":
        sign = "" if of == "authors" and value.isdecimal() else _SIGNS.get(of, "")
        return sign + value
    bare = value.rstrip("\ufe0f")
    return f"{bare}  {_emoji_name(bare)}" if drawable(bare) else _emoji_name(bare)


def _emoji_name(emoji: str) -> str:
    """What Unicode calls an emoji, its parts joined."""
    letters = [chr(ord(c) - 0x1F1E6 + ord("A")) for c in emoji if "\U0001f1e6" <= c <= "\U0001f1ff"]
    if letters:
        return f"flag {''.join(letters)}"
    if emoji.endswith("\u20e3"):
        return f"keycap {emoji[0]}"
    parts = [f"{_SKINS[c]} skin" if c in _SKINS else unicodedata.name(c, "").lower() for c in emoji if c not in _JOINTS]
    return " + ".join(part for part in parts if part)
