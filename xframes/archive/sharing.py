"""The methods of an archive that write for others: `export` and `ids`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.formats import with_formats

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from xframes.archive.folder import Folder
    from xframes.archive.views import Views
    from xframes.formats import FormatName


class Sharing:
    """The part of `Archive` that writes for others."""

    _folder: Folder
    _views: Views

    @with_formats
    def export(
        self,
        path: str | os.PathLike[str],
        *,
        tables: str | Iterable[str] | None = None,
        format: FormatName | None = None,
        where: str | None = None,
        posts: str | Iterable[str] | None = None,
        pseudonymise: str | bytes | None = None,
        keep_post_ids: bool = False,
        included: bool = False,
        overwrite: bool = False,
        spreadsheet: bool = False,
    ) -> dict[str, int]:
        """Write tables for others, with a README.md and a datapackage.json that describe them.

        What was removed from the archive is never exported.

        Parameters
        ----------
        path
            A folder to write, if it has no suffix or ends with a slash. With the suffix of a
            format, one file: of all tables, or for the formats with one file per table, of the
            table named.
        tables
            Names of tables to export. Default: all non-empty tables except private ones (messages,
            bookmarks, blocks, usage, writes, …).
        format
            Default: the suffix of `path`; for a folder, parquet. It must not contradict the suffix.
            With a format named, a folder may end in a version or a date (`study.v2`).

            {formats}
        where
            A condition on posts in SQL (`lang = 'en'`): export only these posts, and what belongs
            to them in every table. Posts they refer to are named, not included.
        posts
            The same for the posts of a query for ids, or of a list of ids.
        pseudonymise
            A key of at least 16 bytes. Ids, handles and names of people, ids of posts, mentions,
            and links to X in texts are replaced by pseudonyms, the same for the same key. The
            README says what is left out.
        keep_post_ids
            With `pseudonymise`: keep X's ids of posts.
        included
            With format ids: also posts that were only included in responses.
        overwrite
            Replace an earlier export at `path`.
        spreadsheet
            With format csv: put an apostrophe before text that begins with `=`, `+`, `-` or `@`,
            which a spreadsheet would run as a formula. Without it, text stays as X sent it, for
            pandas and R.

        Returns
        -------
        dict[str, int]
            The number of rows of each table.

        Raises
        ------
        ArgumentError
            Before anything is at `path`: it exists (unless `overwrite` is true and it is an earlier
            export) or has an unknown suffix; arguments are invalid or contradict each other;
            nothing matches; or a table does not fit the format.
        ConfigError
            Format excel without the extra `excel`.

        Examples
        --------
        >>> archive.export("study.sqlite", where="lang = 'en'")
        """
        from xframes.archive import exporting

        wish = exporting.check_arguments(
            path,
            tables,
            format,
            where,
            posts,
            included=included,
            overwrite=overwrite,
            spreadsheet=spreadsheet,
        )
        self._freshen()
        return exporting.export(
            self._folder, path, wish, pseudonymise, keep_post_ids=keep_post_ids
        )

    def ids(self, table: str = "posts", *, included: bool = False) -> list[str]:
        """Return the ids of a table's rows, in ascending order.

        Parameters
        ----------
        table
            The name of a table whose rows have an id.
        included
            Of posts: also those that were only included in responses.

        Returns
        -------
        list[str]
            The ids, each once.

        Raises
        ------
        ArgumentError
            The rows of `table` have no id.

        Examples
        --------
        >>> archive.ids("users")
        """
        from xframes.archive import exporting

        self._freshen()
        return exporting.ids(self._views, table, included=included)

    def _freshen(self) -> None:
        raise NotImplementedError  # `Archive` has it; this class is a part of that one
