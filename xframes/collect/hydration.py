"""Hydration: from shared ids to posts or users, and what became of those that X no longer shows."""

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
        raise ArgumentError(f"into must be an Archive, e.g. xf.Archive('my-archive'), not {into!r:.60}")
    return to_pandas(looked_up(into, _listed(ids), table, client, progress, refresh=refresh))


def _listed(ids: Iterable[str | int] | str | os.PathLike[str]) -> Iterable[str | int]:
    if not isinstance(ids, str | os.PathLike) or (isinstance(ids, str) and set(ids) <= set("0123456789, \n")):
        return ids
    try:
        data = Path(ids).expanduser().read_bytes()
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except OSError as error:
        raise ArgumentError(f"ids: the file {os.fspath(ids)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ArgumentError(f"ids: the file {os.fspath(ids)} is no text; it needs one id a line") from None
    found = [line.strip().strip('"') for line in text.splitlines() if line.strip()]
    headed = found and not any(char.isdigit() for char in found[0])  # a CSV file's head
    return found[1:] if headed else found
