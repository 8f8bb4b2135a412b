"""Hydration: look up shared ids, and report the fate of each post or user."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from xframes.archive import Archive
from xframes.archive.ingest.coverage import looked_up
from xframes.client import Client
from xframes.errors import ArgumentError
from xframes.registry.documentation import document

if TYPE_CHECKING:
    import pandas as pd  # noqa: TC004  nothing evaluates this one; pandas takes long to import


@document("posts.lookup", "users.lookup")
def hydrate(
    ids: Iterable[str | int] | str | os.PathLike[str], into: Archive, *,
    table: Literal["posts", "users"] = "posts", refresh: bool = False,
    client: Client | None = None, progress: bool | None = None,
) -> pd.DataFrame:
    """Look up ids, add what X returns to an archive, and report what became of each id.

    After an interruption, the same call requests only the ids that the archive still lacks.

    Parameters
    ----------
    ids
        Ids as text or whole numbers, in any iterable, e.g. a column; or the path of a text file
        with one id per line.
    into
        Archive to collect into.
    table
        What the ids are: posts or users.
    refresh
        Request again what the archive already has. Default: only what it lacks.
    client
    progress

    Returns
    -------
    pandas.DataFrame
        One row per id, in their order: `id`, `fate`, `detail` in X's words, `observed_at`. A `fate`
        is found, stored (the archive had it), not_found (deleted, or never existed), suspended,
        not_authorized (protected), withheld, removed (from this archive), not_returned, or X's own
        kind of problem.

    Raises
    ------
    ArgumentError
        Before any request, for values that are not ids and for a file that cannot be read.
    Interrupted
    ApiError

    Examples
    --------
    >>> xf.hydrate("ids.txt", into=xf.Archive("my-archive"))["fate"].value_counts()
    """
    from xframes.frames import to_pandas

    if not hasattr(into, "collect"):
        raise ArgumentError(
            f"into: expected an Archive such as xf.Archive('my-archive'), got {into!r:.60}"
        )
    return to_pandas(looked_up(into, _listed(ids), table, client, progress, refresh=refresh))


def _listed(ids: Iterable[str | int] | str | os.PathLike[str]) -> Iterable[str | int]:
    """Return the ids, read from a file if the argument is a path."""
    if isinstance(ids, str):
        if set(ids) <= set("0123456789, \n"):
            return ids
    elif not isinstance(ids, os.PathLike):
        return ids
    lines = [line.strip().strip('"') for line in _text(ids).splitlines() if line.strip()]
    if lines and not any(char.isdigit() for char in lines[0]):  # the title of a CSV file's column
        del lines[0]
    return lines


def _text(path: str | os.PathLike[str]) -> str:
    """Read a text file in UTF-8 or UTF-16. Raises ArgumentError if it cannot be read."""
    try:
        data = Path(path).expanduser().read_bytes()
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror
        raise ArgumentError(f"ids: the file {os.fspath(path)} cannot be read: {reason}") from None
    except UnicodeDecodeError:
        raise ArgumentError(
            f"ids: expected a text file with one id per line, got {os.fspath(path)}"
        ) from None
