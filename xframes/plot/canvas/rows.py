"""The rows to draw, as pandas, from every kind of frame."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from datetime import date
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plot.canvas.glyphs import without_lost_emoji

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import pandas as pd

# Posts that a query returned. Posts they refer to are left out: the parent of a reply may be years
# older and does not match the query. Of an edited post, it is the newest version.
MATCHES = "id IN (SELECT id FROM results)"
_TIMES = ("at", "date")
_EXCERPT = 28


def whole(frame: Any) -> bool:
    """Whether `frame` holds every table, as Frames and archives do."""
    # looked up on the class, because `archive.tables` would count rows
    return hasattr(type(frame), "tables") and hasattr(frame, "sql")


def table(
    frame: Any, name: str, columns: list[str], where: str = "true", optional: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Read columns of a table: from Frames or an archive, or from a frame with the table's rows.

    Raises ArgumentError if a column is missing that is not `optional`.
    """
    from xframes.schema import TABLES

    names = {column.name for column in TABLES[name].columns}
    unknown = [column for column in columns if column not in names]
    if whole(frame) and unknown:
        raise ArgumentError(
            f"the table {name} has no column {unknown[0]!r}; xf.schema.table({name!r}) lists them"
        )
    chosen = ", ".join(f'"{column}"' for column in columns)
    return rows(frame, f"SELECT {chosen} FROM {name} WHERE {where}", columns, optional)


def rows(
    frame: Any, query: str, columns: list[str], optional: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Read columns as pandas, with times in UTC.

    Frames and archives are read by `query`; other frames have the columns themselves. `optional`
    columns that the frame lacks are left out of the result.
    """
    if whole(frame):
        frame = frame.sql(query)
    source = pandas(frame)
    missing = [c for c in columns if c not in source and c not in optional]
    if missing:
        raise ArgumentError(
            f"expected a column {missing[0]!r} to draw, got the columns: {listed(source)}"
        )
    selection = source[[c for c in columns if c in source]].reset_index(drop=True)
    for name in selection:
        if str(name).endswith("_at") or name in _TIMES:
            selection[name] = _times(selection[name])
    return selection


def listed(frame: pd.DataFrame) -> str:
    """Return the names of a frame's columns, for messages."""
    return ", ".join(map(str, frame.columns))


def _times(values: pd.Series[Any]) -> pd.Series[Any]:
    """Convert times, or text in any form of ISO 8601, to times in UTC."""
    import pandas as pd

    filled = values.dropna()
    if len(filled):
        first = filled.iloc[0]
        if pd.api.types.is_numeric_dtype(values) or not isinstance(first, str | date):
            raise ArgumentError(f"column {values.name!r}: expected times, got {first!r}")
    try:
        return pd.to_datetime(values, utc=True, format="ISO8601").dt.as_unit("ms")
    except (TypeError, ValueError) as error:
        reason = str(error).split(", at position")[0].rstrip(".")
        raise ArgumentError(f"column {values.name!r}: expected times ({reason})") from error


def numbers(found: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Convert columns of numbers, text or decimals to numbers; infinite values become missing.

    Raises ArgumentError for a value that is not a number.
    """
    import numpy as np
    import pandas as pd

    for name in columns:
        values = found[name]
        if not pd.api.types.is_numeric_dtype(values):
            plain = values.astype(object).where(values.notna(), None)
            converted = pd.to_numeric(plain, errors="coerce")
            wrong = plain[converted.isna() & values.notna()]
            if len(wrong):
                raise ArgumentError(f"column {name!r}: expected numbers, got {wrong.iloc[0]!r}")
            found = found.assign(**{name: converted})
        if pd.api.types.is_float_dtype(found[name]):
            found = found.assign(**{name: found[name].replace([np.inf, -np.inf], np.nan)})
    return found


def pandas(frame: Any) -> pd.DataFrame:
    """Convert a frame of any kind to pandas."""
    import pandas as pd

    if hasattr(frame, "df"):  # a DuckDB relation
        frame = frame.df()
    elif hasattr(frame, "read_all"):  # an Arrow reader, e.g. a relation's .arrow()
        frame = frame.read_all().to_pandas()
    elif hasattr(frame, "collect"):  # a lazy frame of polars
        frame = frame.collect().to_pandas()
    elif hasattr(frame, "to_pandas"):  # Arrow, polars
        frame = frame.to_pandas()
    if not isinstance(frame, pd.DataFrame):
        raise ArgumentError(
            "frame: expected Frames, an Archive, a DataFrame, an Arrow table or a DuckDB relation, "
            f"got a {type(frame).__name__}"
        )
    return frame


def newest(found: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Keep the newest observation of each key; without `observed_at`, the last row."""
    if "observed_at" in found:
        found = found.sort_values("observed_at", kind="stable")
    return found.drop_duplicates(key, keep="last")


def texts(frame: Any, ids: Iterable[str]) -> dict[str, str]:
    """Return the beginning of each post's text by id, from Frames and archives.

    Equal beginnings are distinguished by the last digits of the id.
    """
    query = """
        SELECT id, any_value(plain_text) AS text FROM posts
        WHERE id IN (SELECT unnest($ids)) GROUP BY id
    """
    return _excerpts(frame, query, ids)


def media_texts(frame: Any, keys: Iterable[str]) -> dict[str, str]:
    """Return the beginning of the text of the first post with each medium, by media key."""
    query = """
        SELECT media_key AS id, arg_min(plain_text, created_at) AS text
        FROM post_media m JOIN posts p ON p.id = m.post_id
        WHERE media_key IN (SELECT unnest($ids)) GROUP BY media_key
    """
    return _excerpts(frame, query, ids=keys)


def _excerpts(frame: Any, query: str, ids: Iterable[str]) -> dict[str, str]:
    if not whole(frame):
        return {}
    found = frame.sql(query, {"ids": [str(one) for one in ids]}).df().dropna()
    found["text"] = [shorten(bare(text), _EXCERPT) for text in found["text"]]
    found = found[found["text"] != ""].sort_values("id")
    ends = " (…" + found["id"].str[-4:] + ")"
    found["text"] += ends.where(found["text"].duplicated(keep=False), "")
    return dict(zip(found["id"], found["text"], strict=True))


def bare(text: str) -> str:
    """Return a text in one line, without what a label has no room for.

    That are the links that X adds for media and quoted posts, and emoji that no font has.
    """
    words = without_lost_emoji(text).split()
    return " ".join(word for word in words if not word.startswith("https://t.co/"))


def shorten(text: str, most: int) -> str:
    """Shorten a text to `most` columns; Chinese, Japanese and Korean characters take two."""
    if len(text) * 2 <= most:
        return text
    widths = list(accumulate(map(_width, text[: most + 1])))
    if len(text) <= most and widths[-1] <= most:
        return text
    return f"{text[: bisect_right(widths, most - 1)].rstrip()}…"


def shorten_middle(text: str, most: int) -> str:
    """Shorten a text to `most` columns as `shorten` does, and keep its beginning and its end."""
    start = shorten(text, most // 2)
    if start == text:
        return text
    end = shorten(text[:: -1], most - most // 2)
    return start.removesuffix("…").rstrip() + "…" + end.removesuffix("…")[::-1].lstrip()


def _width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def floats(numbers: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Convert numbers for matplotlib, which leaves a gap where one is missing."""
    values: np.ndarray[Any, Any] = numbers.to_numpy(dtype="float64", na_value=float("nan"))
    return values


def naive(times: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Convert UTC times to numpy's, which every version of matplotlib can draw."""
    values: np.ndarray[Any, Any] = times.dt.tz_localize(None).to_numpy()
    return values


def broken(
    times: pd.Series[Any], values: Any, step: pd.Timedelta
) -> tuple[pd.Series[Any], Any]:
    """Sort the points of a line by time, and add a missing value wherever a step is absent."""
    import numpy as np
    import pandas as pd

    order = times.argsort(kind="stable")
    times, values = times.iloc[order].reset_index(drop=True), np.asarray(values)[order]
    after = times[times.diff() > step * 1.5].index
    gaps = (times.iloc[after - 1] + step).astype(times.dtype)
    places = pd.Series([*times.index, *(after - 0.5)], dtype="float64").argsort(kind="stable")
    all_times = pd.concat([times, gaps], ignore_index=True).iloc[places].reset_index(drop=True)
    all_values = np.concatenate([values, np.full(len(gaps), np.nan)])[places]
    return all_times, all_values


def chosen(ids: Iterable[str | int] | str | int) -> list[str]:
    """Return ids as text, each once, in order."""
    if isinstance(ids, str | int):
        ids = [ids]
    return list(dict.fromkeys(map(str, ids)))
