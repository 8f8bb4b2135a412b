"""What a format of tables declares, and what its write function receives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

_SUFFIX = re.compile(r"\.[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Rows:
    """One table to write: its columns, and its rows in batches that can be read once."""

    name: str
    schema: pa.Schema
    batches: Iterator[pa.Table]
    about: str = ""
    meanings: Mapping[str, str] = field(default_factory=dict)  # column → what it holds
    count: int | None = None  # None: not known before the rows are read
    key: tuple[str, ...] = ()  # columns that are unique together and never null
    indexes: tuple[str, ...] = ()  # columns by which other tables are joined
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # column → (table, column)


@dataclass(frozen=True, slots=True)
class Options:
    """How tables are written: settings of the export or of the command."""

    is_result: bool = False  # the result of any query, also for pipes; else tables of an export
    spreadsheet: bool = False  # no text may be read as a formula
    temp: Path | None = None  # the folder of temporary files; None: the system's
    about: Callable[[], str] | None = None  # the README of the export, for files that hold it
    cut: dict[tuple[str, str], int] = field(default_factory=dict)  # (table, column) → values cut
    most: int = 40  # rows shown on a screen
    more: str = ""  # what to say if there are more
    width: int | None = None  # of the screen; None: measured


WriteTable = Callable[[IO[bytes], Rows, Options], int]
WriteTables = Callable[[Path, Iterable[Rows], Options], dict[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of the shell's output and of exports, and the function that writes it.

    `write` gets an open file for one table and returns the number of rows; `write_all` gets the
    path of one file for all tables and returns the rows of each. A format has one of the two.
    Raises ValueError for a declaration with a part missing.
    """

    name: str
    label: str  # in sentences: "JSON lines"
    suffixes: tuple[str, ...]  # in lower case; files get the first one
    media_type: str
    about: str  # one sentence, in the help, the docstring and the README of an export
    write: WriteTable | None = None
    write_all: WriteTables | None = None
    text: bool = False  # UTF-8, safe for a terminal once its control characters are escaped
    ids_only: bool = False  # the ids of one table without its rows: for exports only
    spreadsheet: Literal["no", "quoted", "typed"] = "no"  # how `spreadsheet=True` is kept
    dialect: Callable[[str], Mapping[str, Any]] | None = (
        None  # table → its dialect in a data package
    )

    @property
    def whole(self) -> bool:
        """Whether one file holds all tables."""
        return self.write_all is not None

    @property
    def suffix(self) -> str:
        """The suffix of the files."""
        return self.suffixes[0]

    def __post_init__(self) -> None:
        problems = {
            "name": not self.name.isidentifier(),
            "label": not self.label,
            "suffixes": not self.suffixes or not all(map(_SUFFIX.fullmatch, self.suffixes)),
            "media_type": "/" not in self.media_type,
            "about": not self.about.endswith("."),
            "write or write_all": callable(self.write) == callable(self.write_all),
        }
        wrong = [part for part, is_wrong in problems.items() if is_wrong]
        if wrong:
            raise ValueError(f"format {self.name!r}: {', '.join(wrong)} missing or invalid")
