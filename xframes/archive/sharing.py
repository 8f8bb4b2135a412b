"""What of an archive leaves it: the methods `export` and `ids`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from xframes.archive.folder import Folder
    from xframes.archive.views import Views


class Sharing:
    """The part of `Archive` that writes for others."""

    _folder: Folder
    _views: Views

    def export(
        self, path: str | os.PathLike[str], *, tables: str | Iterable[str] | None = None, format: str | None = None,
        where: str | None = None, posts: str | Iterable[str] | None = None, pseudonymise: str | bytes | None = None,
        keep_post_ids: bool = False, included: bool = False, overwrite: bool = False,
        spreadsheet: bool = False,
    ) -> dict[str, int]:
        """Write tables for others, with a README.md and a datapackage.json that describe them; gives rows by table.

        `format`: parquet, csv, jsonl, excel, duckdb, or ids (a text file, one a line: of the posts that were asked for,
        with `included` of all). `path` is a folder, or one file when its suffix says so (`study.xlsx`, `study.duckdb`;
        with one table also `.parquet`, `.csv`, `.jsonl`). `tables`: by default all with rows, but for those that
        concern only whoever collected (messages, bookmarks, blocks, usage, writes, …). What was removed is never there.

        `where` is a condition on posts (`lang = 'en'`), `posts` a query for their ids, or ids: only those posts go, and
        what hangs on them in every table; posts they refer to are named, not included. `pseudonymise` is a key of 16
        bytes or more: ids, handles and names of people, ids of posts (unless `keep_post_ids`), mentions and X's links
        in texts become pseudonyms, the same for the same key; the README lists what else is left out.

        CSV holds texts as they are, for pandas and R. A spreadsheet that opens such a file runs text that begins with
        `=`, `+`, `-` or `@` as a formula, and a post can hold one: `spreadsheet=True` puts an apostrophe before it.

        Raises ArgumentError when the target is there (unless `overwrite`, an earlier export), when posts, tables or the
        key are no good, and for more rows than Excel takes; ConfigError without the extra `excel`.
        """
        from xframes.archive import exporting

        self._freshen()
        wished = exporting.wish(path, tables, format, where, posts, included=included, overwrite=overwrite,
                                spreadsheet=spreadsheet)
        return exporting.export(self._folder, path, wished, pseudonymise, keep_post_ids=keep_post_ids)

    def ids(self, table: str = "posts", *, included: bool = False) -> list[str]:
        """The ids of a table's things, ascending: of posts those that were asked for, with `included` all there are.

        Raises ArgumentError when the table's rows have no id.
        """
        from xframes.archive import exporting

        self._freshen()
        return exporting.ids(self._views, table, included=included)

    def _freshen(self) -> None:
        raise NotImplementedError  # `Archive` has it; this class is a part of that one and never stands alone
