"""Takedown: tombstones hide what must go at once, a purge takes it out of every file, an audit row stays.

A tombstone is a page of the archive's own, so it survives a rebuild and travels with a merge like any other.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xframes.archive import merging
from xframes.archive.bookkeeping import BASE, base_name, part_name
from xframes.archive.flushing import settle
from xframes.archive.folder import marker
from xframes.archive.hiding import owners
from xframes.archive.importing import add_pages
from xframes.archive.journal import open_journal
from xframes.archive.places import opened
from xframes.archive.repairing import forget_damaged
from xframes.archive.scrubbing import Doomed, names_in, scrub, scrubbed, without_links, without_names
from xframes.archive.store import PARQUET, PagesFile, part_runs, read_part
from xframes.archive.views import connect
from xframes.errors import ArchiveError
from xframes.flatten import Flattener
from xframes.schema import TABLES
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    import duckdb

    from xframes.archive.folder import Folder
    from xframes.archive.places import Place
    from xframes.archive.views import Readers

# Emptied where they name a removed person: the name, and the column that says whose it is.
_NAMES = {"post_mentions": ("username", "user_id"), "user_mentions": ("username", "mentioned_user_id")}
_TOLD = {"problems": ("value", "resource_id")}  # rows that go where these name a removed person
_ASKED = {"requests": ("path", "params"), "runs": ("arguments", "error"), "writes": ("arguments",),
          "counts": ("query",), "stream_rules": ("value", "tag"), "rule_matches": ("tag",)}  # texts to take names from
_LINKS = {"post_urls": ("expanded_url", "display_url", "unwound_url"), "user_urls": ("expanded_url", "display_url")}
_HALF_WRITTEN = 60.0  # seconds after which a temporary file is nobody's, when no collection or import is going on
_WAIT = 30.0  # seconds for readers to let go of files that must be deleted


def bury(folder: Folder, posts: Collection[str], users: Collection[str], reason: str) -> Doomed:
    """Write tombstones for posts and users, and for all that goes with them; from here on nothing of it shows.

    With a post go its other versions, and its author when no other post of theirs is here; with a user their posts.
    Such an author gets no tombstone: nobody asked to have them removed, and they may be met again.
    """
    folder.look()
    with contextlib.closing(connect(folder)) as connection:
        doomed = _doom(folder, connection, set(posts), set(users))
    rows = [("post", i) for i in sorted(doomed.posts)] + [("user", i) for i in sorted(users)]
    data = [{"resource_type": type_, "resource_id": id_, "reason": reason} for type_, id_ in rows]
    request = Request("LOCAL", "/archive/remove", action="archive.remove")
    add_pages(folder, [Page(request, json.dumps({"data": data}).encode(), folder.now())])
    return doomed


def purge(folder: Folder, readers: Readers) -> int:
    """Take everything with a tombstone out of every file; gives how many files were rewritten.

    The new files take the old ones' place all at once. Raises ArchiveError when other processes keep reading: what was
    removed stays hidden then, and goes at the next purge.
    """
    folder.look()
    stones = folder.files("tombstones").all
    if not stones:
        return 0
    with folder.lock("compact"), folder.lock("flush"):
        folder.recover_locked()
        with contextlib.closing(connect(folder)) as connection:
            scan = merging.scan(TABLES["tombstones"], [str(p) for p in stones])
            found = connection.execute(f"SELECT DISTINCT resource_type, resource_id FROM {scan}").fetchall()
            doomed = _doom(folder, connection, *({i for t, i in found if t == kind} for kind in ("post", "user")))
        doomed = _with_earlier_names(folder, doomed)
        told = _Told()
        swaps = {path: new for path in folder.page_parts() if (new := _pages_without(folder, path, doomed, told))}
        for table in TABLES:
            for path in folder.files(table).all:
                if new := _table_without(folder, table, path, doomed, told):
                    swaps[path] = new
        with readers.alone(wait=_WAIT) as nobody:
            if not nobody:
                for temp, _ in swaps.values():
                    temp.unlink()
                raise ArchiveError(f"others are reading {folder.path}: what was removed is hidden, but still in its "
                                   "files until purge() is called when they are done")
            _swap(folder, swaps)
            folder.finish_removals()
        _clean_journal(folder, doomed)
        forget_damaged(folder)  # what cannot be read cannot be cleaned
        if folder.bucket:
            folder.bucket.forget_versions()
    folder.note_purged(stones)
    return len(swaps)


def returned(folder: Folder) -> bool:
    """Whether what was removed stands in files again: something that was added since has brought it back.

    What this machine added it knows without asking a bucket again.
    """
    stones = folder.files("tombstones").all
    if not stones:
        return False
    gone = (f"SELECT resource_id FROM {merging.scan(TABLES['tombstones'], [str(p) for p in stones])} "
            "WHERE resource_type = ")
    with contextlib.closing(connect(folder)) as connection:
        for name, table in TABLES.items():
            tests = [f'"{column}" IN ({gone}\'{kind}\')' for column, kind in owners(name) if kind in {"post", "user"}]
            parts = [str(p) for p in folder.files(name).parts]
            rows = f"SELECT 1 FROM {merging.scan(table, parts)} WHERE {' OR '.join(tests)} LIMIT 1"
            if tests and parts and connection.execute(rows).fetchall():
                return True
    return False


def _doom(folder: Folder, connection: duckdb.DuckDBPyConnection, posts: set[str], users: set[str]) -> Doomed:
    """All that goes with these posts and users, looked up in every file."""

    def ask(table: str, query: str, **ids: Iterable[str]) -> set[str]:
        files = folder.files(table).all
        if not files:
            return set()
        rows = merging.scan(TABLES[table], [str(p) for p in files])
        found = connection.execute(query.format(rows=rows), {n: sorted(v) for n, v in ids.items()}).fetchall()
        return {str(value) for row in found for value in row if value is not None}

    only = "SELECT {} FROM {{rows}} GROUP BY {} HAVING bool_and(list_contains($posts, {}))"
    posts |= ask("posts", "SELECT id FROM {rows} WHERE list_contains($users, author_id)", users=users)
    posts |= ask("post_edits", "SELECT post_id, edit_post_id FROM {rows} WHERE post_id IN (SELECT post_id FROM {rows} "
                 "WHERE list_contains($posts, post_id) OR list_contains($posts, edit_post_id))", posts=posts)
    users |= ask("posts", only.format("author_id", "author_id", "id"), posts=posts)
    return Doomed(
        frozenset(posts), frozenset(users),
        frozenset().union(*(
            ask(table, f"SELECT lower(username) FROM {{rows}} WHERE list_contains($users, {id_})", users=users)
            for table, id_ in (("users", "id"), *((table, id_) for table, (_, id_) in _NAMES.items()))
        )),
        frozenset(ask("post_media", only.format("media_key", "media_key", "post_id"), posts=posts)),
        frozenset(ask("post_polls", only.format("poll_id", "poll_id", "post_id"), posts=posts)),
    )


def _with_earlier_names(folder: Folder, doomed: Doomed) -> Doomed:
    """Tables know the newest name of a person, pages all of them."""
    if not doomed.users:
        return doomed
    found = (names_in(page.body, doomed) for path in folder.page_parts() for page in read_part(path))
    return replace(doomed, names=doomed.names.union(*found))


def _swap(folder: Folder, swaps: dict[Place, tuple[Path, Place]]) -> None:
    """Let new files stand where old ones stood, all or nothing. Nobody may be reading."""
    moves = dict(swaps.values())
    for home in {old.parent for old in swaps}:
        moves[marker(folder, (old for old in swaps if old.parent == home))] = home / f"replaced-{folder.new_id()}.json"
    folder.commit(moves)


# pages ---------------------------------------------------------------------------------------------------------------


class _Told:
    """What the pages that were changed say of themselves in `requests`: their size, and how many rows they have."""

    def __init__(self) -> None:
        self._flattener = Flattener()
        self._rows: dict[str, tuple[int, int]] = {}

    def note(self, page: Page) -> None:
        """Note a page as it is now."""
        (row,) = self._flattener.batch([page])["requests"].select(["byte_count", "row_count"]).to_pylist()
        self._rows[page.page_id] = (row["byte_count"], row["row_count"])

    def correct(self, rows: pa.Table) -> pa.Table:
        """Rows of `requests` that say so, too."""
        ids = rows["page_id"].to_pylist()
        for at, column in enumerate(("byte_count", "row_count")):
            new = [self._rows[i][at] if i in self._rows else old
                   for i, old in zip(ids, rows[column].to_pylist(), strict=True)]
            rows = _with(rows, column, pa.chunked_array([pa.array(new, pa.int64())]))
        return rows


def _pages_without(folder: Folder, path: Place, doomed: Doomed, told: _Told) -> tuple[Path, Place] | None:
    """A file of pages written anew without what must go, and its place; None when it holds nothing of it."""
    runs = part_runs(path)
    clean = [run | {n: _unnamed(run.get(n), doomed) for n in _ASKED["runs"] if n in run} for run in runs]
    if clean == runs and all(scrub(page, doomed) is page for page in read_part(path)):
        return None
    temp = folder.new_temp()
    file = PagesFile(temp)
    for page in read_part(path):
        clean_page = scrub(page, doomed)
        file.add([clean_page])
        if clean_page is not page:
            told.note(clean_page)
    file.close(clean)
    return temp, folder.pages / part_name(temp, beside=path)


def _unnamed(text: str | None, doomed: Doomed) -> str | None:
    return None if text is None else without_names(text, doomed)


# tables --------------------------------------------------------------------------------------------------------------


def _table_without(
    folder: Folder, name: str, path: Place, doomed: Doomed, told: _Told
) -> tuple[Path, Place] | None:
    """A file of a table written anew without the rows that must go, and its place; None when it holds none."""
    with pq.ParquetFile(opened(path)) as file:
        looked_at = {*(c for c, _ in owners(name)), *_TOLD.get(name, ()), *_ASKED.get(name, ()), *_NAMES.get(name, ()),
                     *_LINKS.get(name, ()), *(["answer"] if name == "writes" else [])}
        looked_at |= {"page_id", "byte_count", "row_count"} if name == "requests" else set()
        columns = [c for c in file.schema_arrow.names if c in looked_at]
        groups = range(file.num_row_groups)
        if not columns or not any(_changed(name, file.read_row_group(n, columns), doomed, told) for n in groups):
            return None
        temp = folder.new_temp()
        with pq.ParquetWriter(temp, file.schema_arrow, **PARQUET) as writer:
            for n in groups:
                writer.write_table(_clean(name, file.read_row_group(n), doomed, told))
    base = BASE.fullmatch(path.name)
    number = int(base["number"]) + 10_000 if base else 0
    return temp, path.with_name(base_name(temp, base["generation"], number) if base else part_name(temp))


def _changed(name: str, rows: pa.Table, doomed: Doomed, told: _Told) -> bool:
    return not _clean(name, rows, doomed, told).equals(rows)


def _clean(name: str, rows: pa.Table, doomed: Doomed, told: _Told) -> pa.Table:
    """Rows without those that must go, and without the names of removed people."""
    ids = {"post": doomed.posts, "user": doomed.users, "media": doomed.media, "poll": doomed.polls}
    goes = [_among(rows, column, ids[kind]) for column, kind in owners(name)]
    goes += [_among(rows, column, doomed.names, lower=True) for column in _TOLD.get(name, ())]
    if goes:
        rows = rows.filter(pc.invert(reduce(pc.or_, goes)))
    if name in _NAMES:
        column, whose = _NAMES[name]
        stranger = pc.and_(pc.is_valid(rows[whose]), pc.invert(_among(rows, whose, doomed.users)))
        named = pc.or_(_among(rows, whose, doomed.users), _among(rows, column, doomed.names, lower=True))
        rows = _with(rows, column, pc.if_else(pc.and_not(named, stranger), None, rows[column]))
    if name == "writes":
        rows = _unwritten(rows, doomed)
    if name == "requests":
        rows = told.correct(rows)
    for column in _ASKED.get(name, ()):
        rows = _rewritten(rows, column, partial(without_names, doomed=doomed))
    for column in _LINKS.get(name, ()):
        rows = _rewritten(rows, column, partial(without_links, doomed=doomed))
    return rows


def _rewritten(rows: pa.Table, column: str, way: Callable[[str], str]) -> pa.Table:
    if column not in rows.column_names:
        return rows
    texts = [None if text is None else way(text) for text in rows[column].to_pylist()]
    return _with(rows, column, pa.chunked_array([pa.array(texts, pa.string())]))


def _unwritten(rows: pa.Table, doomed: Doomed) -> pa.Table:
    """Rows of `writes` without what was written, where X's answer says that it must go."""
    told, asked = rows["answer"].to_pylist(), rows["arguments"].to_pylist()
    clean = [scrubbed(text, doomed) for text in told]
    asked = [a if new == old else "{}" for a, old, new in zip(asked, told, clean, strict=True)]
    rows = _with(rows, "answer", pa.chunked_array([pa.array(clean, pa.string())]))
    return _with(rows, "arguments", pa.chunked_array([pa.array(asked, pa.string())]))


def _among(rows: pa.Table, column: str, ids: frozenset[str], *, lower: bool = False) -> pa.ChunkedArray:
    """Which rows have one of these in a column; none where the file lacks it."""
    if column not in rows.column_names:
        return pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])
    values = pc.utf8_lower(rows[column]) if lower else rows[column]
    return pc.is_in(values, value_set=pa.array(sorted(ids), pa.string()))


def _with(rows: pa.Table, column: str, values: Any) -> pa.Table:
    at = rows.schema.get_field_index(column)
    return rows.set_column(at, rows.schema.field(at), values)


# the journal ---------------------------------------------------------------------------------------------------------


def _clean_journal(folder: Folder, doomed: Doomed) -> None:
    """Take what must go out of pages not yet in parts and out of runs, and the freed bytes out of the file.

    What dead processes left half written goes whole, unless somebody alive may be writing it.
    """
    busy: set[str] = set()
    if folder.journal.exists():
        with open_journal(folder.journal) as journal:
            busy = settle(folder, journal, ())
            journal.clean(lambda page: scrub(page, doomed), lambda text: without_names(text, doomed))
    if not busy:
        folder.sweep(after=_HALF_WRITTEN)
