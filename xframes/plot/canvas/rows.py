"""The rows a plot draws, as pandas, of whatever holds them."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from datetime import date
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import pandas as pd

# only what was asked for: the parent of a reply, perhaps years older, is not part of what a search found
ASKED = "id IN (SELECT post_id FROM matches)"
_TIMES = ("at", "date")
_EXCERPT = 28


def whole(frame: Any) -> bool:
    """Whether it holds every table: Frames and archives do."""
    return hasattr(type(frame), "tables") and hasattr(frame, "sql")  # asked of the class: an archive would count rows


def table(
    frame: Any, name: str, columns: list[str], where: str = "true", optional: tuple[str, ...] = ()
) -> pd.DataFrame:
    """These columns of a table, or of a frame that holds its rows; of Frames and archives only these are read.

    Raises ArgumentError when a column is missing.
    """
    from xframes.schema import TABLES

    known = {column.name for column in TABLES[name].columns}
    if whole(frame) and (unknown := [c for c in columns if c not in known]):
        raise ArgumentError(f"the table {name} has no column {unknown[0]!r}; see xf.schema.table({name!r})")
    chosen = ", ".join(f'"{column}"' for column in columns)
    return rows(frame, f"SELECT {chosen} FROM {name} WHERE {where}", columns, optional)


def rows(frame: Any, query: str, columns: list[str], optional: tuple[str, ...] = ()) -> pd.DataFrame:
    """These columns as pandas, times in UTC: the answer to `query` of Frames and archives, else the frame's own.

    Of a frame, `optional` columns may be missing; they are missing in what comes back too.
    """
    given = pandas(frame.sql(query) if whole(frame) else frame)
    if missing := [c for c in columns if c not in given and c not in optional]:
        there = ", ".join(map(str, given.columns))
        raise ArgumentError(f"there is no column {missing[0]!r} to draw; the columns are: {there}")
    found = given[[c for c in columns if c in given]].reset_index(drop=True)
    for name in found:
        if str(name).endswith("_at") or name in _TIMES:
            found[name] = _times(found[name])
    return found


def _times(values: pd.Series[Any]) -> pd.Series[Any]:
    """Times in UTC, of times and of text in any of ISO 8601's spellings."""
    import pandas as pd

    known = values.dropna()
    if len(known) and (pd.api.types.is_numeric_dtype(values) or not isinstance(known.iloc[0], str | date)):
        raise ArgumentError(f"the column {values.name!r} holds {known.iloc[0]!r}, which is no time")
    try:
        return pd.to_datetime(values, utc=True, format="ISO8601").dt.as_unit("ms")
    except (TypeError, ValueError) as error:
        said = str(error).split(", at position")[0].rstrip(".")
        raise ArgumentError(f"the column {values.name!r} holds what is no time: {said}") from error


def numbers(found: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The rows with these columns as numbers, also of text and decimals; what has no end is missing.

    Raises ArgumentError for what is no number.
    """
    import numpy as np
    import pandas as pd

    for name in columns:
        values = found[name]
        if not pd.api.types.is_numeric_dtype(values):
            given = values.astype(object).where(values.notna(), None)
            made = pd.to_numeric(given, errors="coerce")
            if len(wrong := given[made.isna() & values.notna()]):
                raise ArgumentError(f"the column {name!r} holds {wrong.iloc[0]!r}, which is no number")
            found = found.assign(**{name: made})
        if pd.api.types.is_float_dtype(found[name]):
            found = found.assign(**{name: found[name].replace([np.inf, -np.inf], np.nan)})
    return found


def pandas(frame: Any) -> pd.DataFrame:
    """A frame of any kind as pandas."""
    import pandas as pd

    if hasattr(frame, "df"):  # a DuckDB relation
        frame = frame.df()
    elif hasattr(frame, "read_all"):  # what Arrow streams, e.g. a relation's .arrow()
        frame = frame.read_all().to_pandas()
    elif hasattr(frame, "collect"):  # what polars has not computed yet
        frame = frame.collect().to_pandas()
    elif hasattr(frame, "to_pandas"):  # Arrow, polars
        frame = frame.to_pandas()
    if not isinstance(frame, pd.DataFrame):
        what = type(frame).__name__
        raise ArgumentError(f"a {what} cannot be drawn; give Frames, an Archive, a DataFrame or a relation")
    return frame


def newest(found: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """The newest observation of each key, or the last row where nothing says when it was observed."""
    found = found.sort_values("observed_at", kind="stable") if "observed_at" in found else found
    return found.drop_duplicates(key, keep="last")


def texts(frame: Any, ids: Iterable[str]) -> dict[str, str]:
    """The beginning of each post's text, by id, of Frames and archives; the ends of ids tell the same ones apart."""
    query = "SELECT id, any_value(plain_text) AS text FROM posts WHERE id IN (SELECT unnest($ids)) GROUP BY id"
    return _excerpts(frame, query, ids)


def media_texts(frame: Any, keys: Iterable[str]) -> dict[str, str]:
    """The beginning of the text of the first post with a medium, by media key, as above."""
    query = ("SELECT media_key AS id, arg_min(plain_text, created_at) AS text FROM post_media m "
             "JOIN posts p ON p.id = m.post_id WHERE media_key IN (SELECT unnest($ids)) GROUP BY media_key")
    return _excerpts(frame, query, ids=keys)


def _excerpts(frame: Any, query: str, ids: Iterable[str]) -> dict[str, str]:
    if not whole(frame):
        return {}
    found = frame.sql(query, {"ids": [str(one) for one in ids]}).df().dropna()
    found["text"] = [shorten(bare(text), _EXCERPT) for text in found["text"]]
    found = found[found["text"] != ""].sort_values("id")
    found["text"] += [f" (…{one[-4:]})" if again else "" for one, again in
                      zip(found["id"], found["text"].duplicated(keep=False), strict=True)]
    return dict(zip(found["id"], found["text"], strict=True))


def bare(text: str) -> str:
    """A text in one line, without the links X puts in for pictures and pages."""
    return " ".join(word for word in text.split() if not word.startswith("https://t.co/"))


def shorten(text: str, most: int) -> str:
    """A text of at most so many characters; those of Chinese, Japanese and Korean are as wide as two."""
    if len(text) * 2 <= most:
        return text
    wide = list(accumulate(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text[: most + 1]))
    if len(text) <= most and wide[-1] <= most:
        return text
    return f"{text[: bisect_right(wide, most - 1)].rstrip()}…"


def floats(numbers: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Numbers as matplotlib draws them; missing ones leave a gap."""
    values: np.ndarray[Any, Any] = numbers.to_numpy(dtype="float64", na_value=float("nan"))
    return values


def naive(times: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """UTC times as numpy has them, which every version of matplotlib draws."""
    values: np.ndarray[Any, Any] = times.dt.tz_localize(None).to_numpy()
    return values


def broken(times: pd.Series[Any], values: Any, step: pd.Timedelta) -> tuple[pd.Series[Any], Any]:
    """The points of a line in order of time, with one that breaks it wherever a step is left out."""
    import numpy as np
    import pandas as pd

    order = times.argsort(kind="stable")
    times, values = times.iloc[order].reset_index(drop=True), np.asarray(values)[order]
    after = times[times.diff() > step * 1.5].index
    gaps = (times.iloc[after - 1] + step).astype(times.dtype)
    places = pd.Series([*times.index, *(after - 0.5)], dtype="float64").argsort(kind="stable")
    return (pd.concat([times, gaps], ignore_index=True).iloc[places].reset_index(drop=True),
            np.concatenate([values, np.full(len(gaps), np.nan)])[places])


def moment(when: Any) -> pd.Timestamp:
    """A moment in UTC; one without a time zone is in UTC already.

    Raises ArgumentError for what is none.
    """
    import pandas as pd

    try:
        found = pd.Timestamp(when)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{when!r} is no time; give a datetime, or text such as '2026-03-01T12:00Z'") from error
    return found.tz_localize("UTC") if found.tzinfo is None else found.tz_convert("UTC")


def chosen(ids: Iterable[str | int] | str | int) -> list[str]:
    """Ids as they stand in tables, each once, in order."""
    given = [ids] if isinstance(ids, str | int) else ids
    return list(dict.fromkeys(str(one) for one in given))
