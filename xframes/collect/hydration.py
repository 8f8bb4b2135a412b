"""Hydration: look up shared ids, and report the fate of each post or user."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, cast

from xframes.archive import Archive
from xframes.archive.ingest.coverage import looked_up
from xframes.client import Client
from xframes.errors import ArgumentError
from xframes.reader.id_files import ids_of
from xframes.registry.documentation import document

if TYPE_CHECKING:
    import pandas as pd  # noqa: TC004  nothing evaluates this one; pandas takes long to import


@document("posts.lookup", "users.lookup")
def hydrate(
    ids: Iterable[str | int] | str | os.PathLike[str], into: Archive, *,
    table: Literal["posts", "users"] = "posts", column: str | None = None, skip_bad: bool = False,
    refresh: bool = False, client: Client | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Look up ids, add what X returns to an archive, and report what became of each id.

    After an interruption, the same call requests only the ids that the archive still lacks.

    Parameters
    ----------
    ids
        Ids as text or whole numbers, in any iterable, e.g. a column; or the path of a file, which
        `xf.read_ids` describes.
    into
        Archive to collect into.
    table
        What the ids are: posts or users.
    column
        Of a file: the name of the column with the ids. Default: see `xf.read_ids`.
    skip_bad
        Of a file: leave out what is not an id, with a warning. Default: raise an error.
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

    Warns
    -----
    UserWarning
        If a spreadsheet has probably rounded the ids. `problems` then has a row `rounded_ids`.

    Examples
    --------
    >>> xf.hydrate("ids.txt", into=xf.Archive("my-archive"))["fate"].value_counts()
    """
    from xframes.frames import to_pandas

    if not hasattr(into, "collect"):
        raise ArgumentError(
            f"into: expected an Archive such as xf.Archive('my-archive'), got {into!r:.60}"
        )
    listed = _listed(ids, table, column, skip_bad=skip_bad)
    return to_pandas(looked_up(into, listed, table, client, progress, refresh=refresh))


def _listed(
    ids: Iterable[str | int] | str | os.PathLike[str], table: str, column: str | None, *,
    skip_bad: bool,
) -> Iterable[str | int]:
    """Return the ids, read from a file if the argument is a path."""
    is_text = isinstance(ids, str) and set(ids) <= set("0123456789, \n")
    if isinstance(ids, str | os.PathLike) and not is_text:
        return ids_of(ids, table, column, skip_bad=skip_bad)
    if column is not None:
        raise ArgumentError("column: expected a file of ids, got the ids themselves")
    return cast("Iterable[str | int]", ids)  # mypy does not see that no path is left
