"""Single posts, conversations, and who mentions whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.plot.canvas.drawing import short
from xframes.plot.graphs import network as draw_network
from xframes.reporting.blocks import Card, Cards
from xframes.reporting.sections.activity import picture
from xframes.sql import derivation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.reporting.blocks import Block
    from xframes.reporting.chosen import Selection

_MOST_CARDS = 12
_LONGEST_TEXT = 1_000  # characters of a post; the rest is cut, which an ellipsis shows
_MOST_EDGES = 300  # with more, a drawing of who mentions whom cannot be read
_METRICS = (
    ("like_count", "likes"), ("repost_count", "reposts"), ("reply_count", "replies"),
    ("quote_count", "quotes"), ("impression_count", "views"),
)
_TOP = f"""
    SELECT id FROM chosen WHERE kind <> 'repost'
    ORDER BY coalesce(like_count, 0) + coalesce(repost_count, 0) + coalesce(reply_count, 0)
        + coalesce(quote_count, 0) DESC, id
    LIMIT {_MOST_CARDS}"""
_CARDS = f"""
    SELECT p.id, p.author_id, users.name, p.created_at, p.like_count, p.repost_count, p.reply_count,
        p.quote_count, p.impression_count, coalesce(users.username, p.author_username) AS username,
        {derivation.WHOLE_TEXT} AS text, edits.versions, removed.reason AS removal, context.notes
    FROM posts AS p
    LEFT JOIN users ON users.id = p.author_id
    LEFT JOIN (
        SELECT post_id, count(*) AS versions FROM post_edits WHERE post_id IN ({{ids}})
        GROUP BY post_id) AS edits ON edits.post_id = p.id
    LEFT JOIN (
        SELECT id, any_value(coalesce(reason, action)) AS reason FROM removals GROUP BY id
    ) AS removed ON removed.id = p.id
    LEFT JOIN (
        SELECT post_id, list(summary ORDER BY community_notes.created_at) AS notes
        FROM community_notes JOIN community_note_status USING (note)
        WHERE current_status = 'CURRENTLY_RATED_HELPFUL' AND post_id IN ({{ids}})
        GROUP BY post_id) AS context
        ON context.post_id = p.id
    WHERE p.id IN ({{ids}})"""
_CONVERSATIONS = """
    WITH mine AS MATERIALIZED (
        SELECT conversation_id, author_id, created_at FROM posts
        SEMI JOIN chosen ON chosen.id = posts.id WHERE conversation_id IS NOT NULL),
    several AS (SELECT conversation_id FROM mine GROUP BY conversation_id HAVING count(*) > 1),
    counted AS (
        SELECT conversation_id, count(*) AS posts, count(DISTINCT author_id) AS authors,
            min(created_at) AS first_at, max(created_at) AS last_at
        FROM mine SEMI JOIN several USING (conversation_id) GROUP BY conversation_id)
    SELECT counted.conversation_id, counted.posts, counted.authors, first_at, last_at,
        root.text AS first_post
    FROM counted LEFT JOIN posts AS root ON root.id = counted.conversation_id
    ORDER BY counted.posts DESC, counted.conversation_id"""
_EDGES = """
    SELECT chosen.author_id AS source, post_mentions.user_id AS target, count(*) AS weight
    FROM chosen JOIN post_mentions ON post_mentions.post_id = chosen.content_post_id
    WHERE post_mentions.user_id IS NOT NULL AND post_mentions.user_id <> chosen.author_id
    GROUP BY ALL ORDER BY weight DESC, source, target"""


def posts(selection: Selection) -> Iterator[Block]:
    """Show the posts with the most likes, reposts, replies and quotes as cards."""
    ids = selection.rows(_TOP)["id"].tolist()
    if ids:
        listed = ", ".join("'" + str(id_).replace("'", "''") + "'" for id_ in ids)
        rows: list[Any] = selection.rows(_CARDS.format(ids=listed)).to_dict("records")
        rows.sort(key=lambda row: ids.index(row["id"]))
        cards = tuple(_card(row, selection) for row in rows)
        yield Cards(f"The {len(cards)} posts with the most likes, reposts, replies and quotes",
                    cards, selection.written(_TOP))


def _card(row: dict[str, Any], selection: Selection) -> Card:
    import pandas as pd

    text = _text(row["text"]) or ""
    if len(text) > _LONGEST_TEXT:
        text = f"{text[:_LONGEST_TEXT]}…"
    numbers = tuple(
        (label, short(float(row[name]))) for name, label in _METRICS if not pd.isna(row[name])
    )
    marks = []
    if _number(row["versions"]) > 1:
        marks.append(f"edited, {_number(row['versions'])} versions")
    if _text(row["removal"]):
        marks.append(f"gone since at X: {row['removal']}")
    url = None
    if not selection.is_pseudonymised:
        url = f"https://x.com/i/status/{row['id']}"
    created_at = ""
    if not pd.isna(row["created_at"]):
        created_at = f"{row['created_at'].tz_convert(selection.tz):%Y-%m-%d %H:%M %Z}"
    name = _text(row["name"]) or _text(row["author_id"]) or "unknown"
    return Card(
        row["id"], name, _text(row["username"]), created_at, text, numbers, tuple(marks),
        _notes(row["notes"]), url,
    )


def _notes(value: Any) -> tuple[str, ...]:
    """Return the texts of the Community Notes that X shows with a post."""
    if value is None or isinstance(value, float):  # no note
        return ()
    return tuple(str(text)[:_LONGEST_TEXT] for text in value if text)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int:
    import pandas as pd

    return 0 if pd.isna(value) else int(value)


def conversations(selection: Selection) -> Iterator[Block]:
    """Show the conversations with the most results."""
    table = selection.table("Conversations by posts", _CONVERSATIONS)
    if table is not None:
        yield table


def network(selection: Selection) -> Iterator[Block]:
    """Draw who mentions whom, if it is small enough to be read, and list the pairs."""
    table = selection.table("Mentions", _EDGES)
    if table is None:
        return
    if (table.row_count or 0) <= _MOST_EDGES:
        edges = selection.rows(_EDGES)
        yield from picture(
            lambda ax: draw_network(edges, ax), "Who mentions whom; a thick line is often", (9, 6)
        )
    yield table
