"""Hydration: ids that somebody shared → posts, and what became of those X does not show any more."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from xframes.archive.coverage import looked_up
from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from xframes.archive import Archive
    from xframes.client import Client


def hydrate(
    ids: Iterable[str | int] | str | os.PathLike[str], into: Archive, *, table: Literal["posts", "users"] = "posts",
    refresh: bool = False, client: Client | None = None, progress: bool | None = None,
) -> pd.DataFrame:
    """Look ids up, add all that X shows to an archive, and tell what became of each id.

    `ids` are texts or whole numbers in any iterable, a column, or a file of text with one id a line. What the archive
    holds is not asked for again, unless `refresh=True`; so the same call goes on where it stopped.

    Gives a row for each id, in their order: `id`, `fate` (found, stored: here already, not_found: deleted or never
    there, suspended, not_authorized: protected, withheld, removed from this archive, not_returned, or X's own kind of
    problem), `detail` in X's words, `observed_at`. GET /2/tweets or /2/users, 100 ids a request.

    Raises ArgumentError for what is no id and a file that is missing, Interrupted when it stops on the way, the
    client's errors.

    Example: `xf.hydrate("ids.txt", into=xf.Archive("my-archive"))["fate"].value_counts()`
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
