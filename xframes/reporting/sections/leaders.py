"""What occurs most often: authors, hashtags, domains, words, languages and kinds of media."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.planning.estimates import estimate
from xframes.plot.canvas import drawing
from xframes.reporting.blocks import Table, Text
from xframes.reporting.sections.activity import picture
from xframes.sql import derivation

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes

    from xframes.reporting.blocks import Block
    from xframes.reporting.chosen import Selection

_BARS = 15
_OWN_DOMAINS = "('x.com', 'twitter.com', 'pic.x.com', 'pic.twitter.com', 't.co')"
_LONG_WORD = 4  # letters: shorter words say little
_WORDS = f"""
    SELECT word, count(*) AS posts, count(DISTINCT author_id) AS authors{{more}}
    FROM (SELECT author_id, unnest(list_distinct(words(text))) AS word FROM ({{texts}}))
    WHERE length(word) >= {_LONG_WORD} GROUP BY word ORDER BY posts DESC, word"""


def authors(selection: Selection) -> Iterator[Block]:
    """Show the authors with the most posts."""
    return _ranking(selection, "Authors by posts", """
        SELECT coalesce('@' || max(username), author_id) AS author, count(*) AS posts,
            sum(like_count) AS likes, sum(repost_count) AS reposts,
            max(followers_count) AS followers
        FROM chosen WHERE author_id IS NOT NULL
        GROUP BY author_id ORDER BY posts DESC, likes DESC, author""")


def hashtags(selection: Selection) -> Iterator[Block]:
    """Show the hashtags in the most posts."""
    return _ranking(selection, "Hashtags by posts", """
        SELECT '#' || mode(tag) AS hashtag, count(DISTINCT id) AS posts,
            count(DISTINCT author_id) AS authors
        FROM (SELECT id, author_id, unnest(hashtags) AS tag FROM chosen)
        GROUP BY lower(tag) ORDER BY posts DESC, hashtag""")


def domains(selection: Selection) -> Iterator[Block]:
    """Show the domains that the most posts link to."""
    return _ranking(selection, "Domains by posts", f"""
        SELECT domain, count(*) AS posts, count(DISTINCT author_id) AS authors
        FROM (
            SELECT author_id,
                unnest(list_distinct(list_transform(links, lambda link: domain(link)))) AS domain
            FROM chosen)
        WHERE domain NOT IN {_OWN_DOMAINS}
        GROUP BY domain ORDER BY posts DESC, domain""")


def words(selection: Selection, most: int = 200_000) -> Iterator[Block]:
    """Show the words in the most posts. Of more than `most` posts, read some chosen at random."""
    number = selection.value("SELECT count(*) FROM chosen") or 0
    part = -(-number // most)
    if part > 1:
        yield from _words_of_part(selection, f"hash(id) % {part} = 0", number)
    else:
        texts = "SELECT author_id, text FROM chosen"
        yield from _ranking(selection, "Words by posts", _WORDS.format(texts=texts, more=""))


def _words_of_part(selection: Selection, part: str, number: int) -> Iterator[Block]:
    """Show the words of posts chosen by a part of their hashes, and what is estimated of all."""
    read = selection.value(f"SELECT count(*) FROM chosen WHERE {part}") or 0
    texts = f"""SELECT part.author_id, {derivation.WHOLE_TEXT} AS text
            FROM (SELECT author_id, content_post_id FROM chosen WHERE {part}) AS part
            JOIN posts ON posts.id = part.content_post_id"""
    share, margin = f"count(*) / {read}", f"1.96 * sqrt(count(*) * ({read} - count(*)) / {read}^3)"
    more = f""", round(100 * ({share}), 2) AS percent_of_all,
            round(100 * greatest(0, {share} - {margin}), 2) AS percent_low,
            round(100 * least(1, {share} + {margin}), 2) AS percent_high"""
    yield Text(f"The words of {read:,} of the {number:,} posts, chosen at random; with 95 % "
               "intervals of their shares of all.")
    yield from _ranking(selection, "Words by posts", _WORDS.format(texts=texts, more=more))


def languages(selection: Selection) -> Iterator[Block]:
    """Show the languages of the posts, as X detected them; of a sample, also what it estimates."""
    yield from _estimated(selection)
    yield from _ranking(selection, "Languages by posts", """
        SELECT coalesce(lang, '(unknown)') AS language, count(*) AS posts,
            count(DISTINCT author_id) AS authors
        FROM chosen GROUP BY 1 ORDER BY posts DESC, language""")


def _estimated(selection: Selection) -> Iterator[Block]:
    """Yield the shares of all posts that a sample in the archive estimates."""
    if selection.is_pseudonymised or not selection.has("samples"):
        return
    yield Text("The archive has a sample of all posts (search.sample). Its shares of all posts, "
               "with 95 % intervals:")
    yield Table("Estimated shares of all posts", estimate(selection.archive, "lang"))


def media(selection: Selection) -> Iterator[Block]:
    """Show the kinds of media in the posts."""
    return _ranking(selection, "Media by kind", """
        SELECT media.type AS media_kind, count(*) AS media, count(DISTINCT chosen.id) AS posts
        FROM chosen JOIN post_media ON post_media.post_id = chosen.content_post_id
        JOIN media USING (media_key) GROUP BY media.type ORDER BY media DESC, media_kind""")


def _ranking(selection: Selection, title: str, query: str) -> Iterator[Block]:
    """Yield bars of the first numbers, and the table that they are from."""
    table: Table | None = selection.table(title, query)
    if table is None:
        return
    rows = table.frame.head(_BARS)
    height = 0.7 + 0.24 * len(rows)
    yield from picture(lambda ax: _bars(ax, rows), title, (9, height))
    yield table


def _bars(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw the second column as bars, named by the first; the largest at the top."""
    names = [str(name) for name in rows.iloc[:, 0]]
    unit = str(rows.columns[1])
    drawing.bars(ax, names, {unit: rows.iloc[:, 1].astype(float).tolist()}, unit)
