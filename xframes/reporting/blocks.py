"""What a section of a report consists of: texts, tables, pictures and posts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from xframes.errors import ArgumentError
from xframes.screen import counted

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 20  # of a table in a report


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph, with the SQL of the numbers in it."""

    text: str
    is_warning: bool = False
    sql: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a query, at most MOST_ROWS, with the SQL that returns them all."""

    title: str
    frame: pd.DataFrame
    sql: str | None = None
    row_count: int | None = None

    @property
    def note(self) -> str:
        """Say how many rows are not shown; empty if all are."""
        if self.row_count is None or self.row_count <= len(self.frame):
            return ""
        return f"The first {len(self.frame):,} of {counted(self.row_count, 'row')}."


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing as SVG, and its description for people who do not see it."""

    svg: str
    description: str


@dataclass(frozen=True, slots=True)
class Card:
    """A post, as people know it from X."""

    id: str
    author: str
    handle: str | None
    created_at: str
    text: str
    numbers: tuple[tuple[str, str], ...]
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Cards:
    """Posts, with the SQL that chose them."""

    title: str
    cards: tuple[Card, ...]
    sql: str


Block: TypeAlias = Text | Table | Picture | Cards


def block_of(content: Any) -> Block:
    """Return a block of what a caller's section returns: text, a DataFrame, Axes or a Figure."""
    import pandas as pd

    if isinstance(content, str):
        return Text(content)
    if hasattr(content, "df") and callable(content.df):  # a DuckDB relation
        content = content.df()
    if isinstance(content, pd.DataFrame):
        return Table("", content.head(MOST_ROWS), row_count=len(content))
    figure = getattr(content, "figure", content)
    if hasattr(figure, "savefig"):
        from xframes.reporting.svg import svg_of

        return Picture(svg_of(figure), "A figure")
    raise ArgumentError(
        f"more: expected text, a DataFrame, Axes or a list of these, got {content!r:.60}"
    )
