"""Read files of ids as people have them: one per line, columns of tables, links, JSON lists."""

from __future__ import annotations

import csv
import json
import re
import sys
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple

from xframes.errors import ArgumentError, XframesError
from xframes.reader.bounded import lines, rest
from xframes.reader.containers import parts
from xframes.reader.damage import DAMAGE, reason
from xframes.reader.rounding import Rounding
from xframes.screen import counted

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from xframes.reader.containers import Part

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.0+)?")
_ROUNDED = re.compile(r"[0-9][.,][0-9]+[eE]\+?[0-9]+")
_SITE = r"(?:https?://)?(?:(?:www|mobile|m)\.)?(?:x|twitter)\.com/(?:#!/)?"
_HANDLE = re.compile(rf"(?:@|{_SITE})([A-Za-z0-9_]{{1,15}})/?(?:\?\S*)?")
_TITLE = re.compile(r"[^\W\d][^,;\t]*")
_SAMPLE = 1000  # rows that show which column has the ids
_BOM = "\ufeff"


@dataclass(frozen=True)
class _Kind:
    """What the ids of a file are: the names of their column, preferred first, and their links."""

    noun: str
    columns: tuple[str, ...]
    link: re.Pattern[str]
    handles: bool = False

    def read(self, text: str) -> str | None:
        """Return the id, or `@handle`, that a text has; None if it has none."""
        text = text.strip().removeprefix("=").strip("\"'").strip()  # ="123" in spreadsheets
        if hit := _NUMBER.fullmatch(text) or self.link.match(text):
            return hit[1]
        if self.handles and (hit := _HANDLE.fullmatch(text)):
            return f"@{hit[1]}"
        return None


_KINDS = {
    "posts": _Kind(
        "post", ("post_id", "tweet_id", "status_id", "id", "id_str"),
        re.compile(rf"{_SITE}(?:i/web/|[A-Za-z0-9_]+/|i/)status(?:es)?/([0-9]{{1,19}})(?![0-9])"),
    ),
    "users": _Kind(
        "user", ("user_id", "author_id", "id", "id_str"),
        re.compile(rf"{_SITE}(?:i/user/|intent/user\?user_id=)([0-9]{{1,19}})(?![0-9])"),
        handles=True,
    ),
}


class _Cell(NamedTuple):
    """A value that should be an id, and its place in the file."""

    place: str
    text: str


def read_ids(
    path: str | os.PathLike[str], *, table: Literal["posts", "users"] = "posts",
    column: str | None = None, skip_bad: bool = False,
) -> list[str]:
    """Read the ids of a file, in their order, each once.

    A file has one id per line, or is a table (CSV, TSV) with a column of ids, or JSON: a list of
    ids or of objects, or one of them per line. Links to posts and users are read as their ids, and
    `123.0`, as pandas writes numbers, as `123`. Files may be compressed (gz, zst, bz2, xz, zip).

    Parameters
    ----------
    path
        The file.
    table
        What the ids are: posts, or users. Files of users may also have `@handle`s.
    column
        Name of the column, or of the field of JSON objects, with the ids. Default: `id`, `post_id`,
        `tweet_id` or `user_id`, else the only column with ids.
    skip_bad
        Leave out what is not an id, with a warning. Default: raise an error.

    Returns
    -------
    list[str]
        The ids, as text.

    Raises
    ------
    ArgumentError
        The file cannot be read, has no ids, or several columns of ids, or a line is not an id; the
        message has the number of the line.

    Warns
    -----
    UserWarning
        If all ids end in zeros, because a spreadsheet has probably rounded them.

    Examples
    --------
    >>> xf.posts.lookup(xf.read_ids("ids.csv.gz", column="tweet_id"))
    """
    ids = ids_of(path, table, column, skip_bad=skip_bad)
    Rounding(ids).warn(Path(path).name)
    return ids


def ids_of(
    path: str | os.PathLike[str], table: str, column: str | None, *, skip_bad: bool
) -> list[str]:
    """Read the ids of a file as `read_ids` does, without the warning about rounded ids."""
    kind = _KINDS.get(table)
    if kind is None:
        raise ArgumentError(f"table: expected 'posts' or 'users', got {table!r}")
    path = Path(path).expanduser()
    ids: dict[str, None] = {}
    bad: list[str] = []
    with _readable(path):
        for cell in _cells(path, kind, column):
            found = kind.read(cell.text)
            if found is not None:
                ids[found] = None
                continue
            message = _refusal(cell, kind)
            if not skip_bad:
                raise ArgumentError(f"{message}. skip_bad (--skip-bad) leaves such lines out")
            bad.append(message)
    if bad:
        warnings.warn(f"{counted(len(bad), 'line')} left out, e.g. {bad[0]}", stacklevel=3)
    if not ids:
        raise ArgumentError(f"{path.name}: expected ids, got a file without any")
    return list(ids)


def _refusal(cell: _Cell, kind: _Kind) -> str:
    text = cell.text.strip()
    message = f"{cell.place}: expected the id of a {kind.noun}, got {text[:40]!r}"
    if _ROUNDED.fullmatch(text):
        message += ", a number that a spreadsheet has rounded"
    return message


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text file that are not empty, e.g. queries, each once.

    Raises ArgumentError if it cannot be read or has none.
    """
    found: dict[str, None] = {}
    with _readable(path):
        for part, name in _texts(path):
            if b"\0" in part.head:
                raise ArgumentError(f"{name}: expected text, got a binary file")
            for line in lines(part.file):
                text = line.decode("utf-8", "replace").removeprefix(_BOM).strip()
                if text:
                    found[text] = None
    if not found:
        raise ArgumentError(f"{path.name}: expected one value per line, got an empty file")
    return list(found)


def _cells(path: Path, kind: _Kind, column: str | None) -> Iterator[_Cell]:
    """Read the values of a file that should be ids."""
    for part, name in _texts(path):
        if b"\0" in part.head:
            raise ArgumentError(f"{name}: expected text, CSV or JSON with ids, got a binary file")
        if part.head.lstrip()[:1] in {b"[", b"{"}:
            yield from _json_cells(part.file, name, kind, column)
        else:
            yield from _table_cells(part.file, name, kind, column)


def _texts(path: Path) -> Iterator[tuple[Part, str]]:
    """Unpack a file: its texts with their names."""
    for part in parts(path):
        name = f"{path.name}: {part.name}" if part.inside else path.name
        if part.damage is not None:
            raise ArgumentError(f"{name}: the file cannot be read: {part.damage}")
        if part.skipped is None:
            yield part, name


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise ArgumentError, with the path, for a file that is missing, damaged or too large."""
    try:
        yield
    except ArgumentError:
        raise
    except (OSError, XframesError, *DAMAGE) as error:
        raise ArgumentError(f"{path}: the file cannot be read: {reason(error)}") from None


# tables -------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    line: int
    cells: list[str]


def _table_cells(
    file: IO[bytes], name: str, kind: _Kind, column: str | None
) -> Iterator[_Cell]:
    """Read the column with the ids of a table, or of lines with one id each."""
    rows = _rows(file)
    sample = list(islice(rows, _SAMPLE))
    if not sample:
        return
    titles = _titles(sample[0], kind, column)
    if titles:
        del sample[0]
    if not titles and len(sample) == 1 and all(map(kind.read, sample[0].cells)):
        (line, cells), = sample  # all ids in one line
        yield from (_Cell(f"{name}, line {line}", cell) for cell in cells)
        return
    index = _column(sample, titles, name, kind, column)
    for line, cells in chain(sample, rows):
        cell = cells[index] if index < len(cells) else ""
        yield _Cell(f"{name}, line {line}", cell)


def _rows(file: IO[bytes]) -> Iterator[_Row]:
    """Read the rows of a text that are not empty; without delimiters, one of spaces counts."""
    csv.field_size_limit(sys.maxsize)
    texts = (line.decode("utf-8", "replace").removeprefix(_BOM) for line in lines(file))
    empty = 0
    first = ""
    for first in texts:
        if first.strip():
            break
        empty += 1
    delimiter = max(",;\t|", key=first.count)
    if delimiter not in first:
        for number, text in enumerate(chain([first], texts), start=empty + 1):
            yield from (_Row(number, [text]) for text in _words(text))
        return
    reader = csv.reader(chain([first], texts), delimiter=delimiter)
    line = empty + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield _Row(line, cells)
        line = empty + reader.line_num + 1


def _words(text: str) -> list[str]:
    """Return the ids of a line that spaces separate; a text of words is one value."""
    words = text.split()
    if len(words) > 1 and not all(map(_NUMBER.fullmatch, words)):
        return [text]
    return words


def _titles(row: _Row, kind: _Kind, column: str | None) -> list[str]:
    """Return the titles of the columns, if the first row has them."""
    cells = [cell.strip().strip('"') for cell in row.cells]
    if column is not None and column in cells:
        return cells
    if any(map(kind.read, cells)) or not any(map(_TITLE.fullmatch, cells)):
        return []
    return cells


def _column(
    sample: Sequence[_Row], titles: list[str], name: str, kind: _Kind, column: str | None
) -> int:
    """Return the position of the column with the ids."""
    if column is not None:
        if column in titles:
            return titles.index(column)
        got = ", ".join(titles) or "a file without titles of columns"
        raise ArgumentError(f"column: expected a column of {name}, got {column!r}; it has {got}")
    lower = [title.lower() for title in titles]
    for title in kind.columns:
        if title in lower:
            return lower.index(title)
    width = max((len(row.cells) for row in sample), default=1)
    if width == 1:
        return 0
    fits = [index for index in range(width) if _has_ids(sample, index, kind)]
    if len(fits) == 1:
        return fits[0]
    places = ", ".join(titles) or f"{width} without titles"
    hint = "pass column (--column) with the title of one"
    if not titles:
        hint = "leave only the column of ids"
    line = sample[0].line - bool(titles)
    raise ArgumentError(
        f"{name}, line {line}: expected one column of ids, got {counted(width, 'column')}: "
        f"{places}; {hint}"
    )


def _has_ids(sample: Sequence[_Row], index: int, kind: _Kind) -> bool:
    """Whether a column has ids, and nothing else."""
    cells = [row.cells[index] for row in sample if index < len(row.cells)]
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and all(map(kind.read, filled))


# JSON ---------------------------------------------------------------------------------------------


def _json_cells(
    file: IO[bytes], name: str, kind: _Kind, column: str | None
) -> Iterator[_Cell]:
    """Read a JSON document with a list, or one JSON value per line."""
    text = rest(file).decode("utf-8", "replace").removeprefix(_BOM)
    with suppress(ValueError, RecursionError):
        for number, value in enumerate(_items(json.loads(text)), start=1):
            yield _json_cell(f"{name}, item {number}", value, kind, column)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        place = f"{name}, line {number}"
        if not line.strip():
            continue
        try:
            items = _items(json.loads(line))
        except (ValueError, RecursionError):
            yield _Cell(place, line)
            continue
        yield from (_json_cell(place, value, kind, column) for value in items)


def _items(value: Any) -> list[Any]:
    """Return the items of a list, of a page's data, or of an object that has only a list."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        data = value.get("data")
        if len(value) == 1:
            (data,) = value.values()
        if isinstance(data, list):
            return data
    return [value]


def _json_cell(place: str, value: Any, kind: _Kind, column: str | None) -> _Cell:
    if isinstance(value, dict):
        names = kind.columns if column is None else (column,)
        value = next((value[name] for name in names if name in value), value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        value = int(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return _Cell(place, str(value))
    return _Cell(place, json.dumps(value))
