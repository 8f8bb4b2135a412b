"""Takedown: tombstones hide what must go at once, a purge takes it out of every file, an audit row stays.

A tombstone is a page of the archive's own, so it survives a rebuild and travels with a merge like any other.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
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
from xframes.archive.importing import add_pages, write_rows
from xframes.archive.journal import open_journal
from xframes.archive.masking import PREVIEWS
from xframes.archive.places import opened
from xframes.archive.repairing import forget_damaged
from xframes.archive.scrubbing import (
    Doomed,
    handles_in,
    people_in,
    scrub,
    scrubbed,
    without_links,
    without_names,
    without_preview,
)
from xframes.archive.store import PARQUET, PagesFile, part_runs, read_part
from xframes.archive.views import connect
from xframes.errors import ArchiveError, XframesError
from xframes.flatten import Flattener
from xframes.schema import TABLES, Type
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    import duckdb

    from xframes.archive.folder import Folder
    from xframes.archive.journal import Journal
    from xframes.archive.places import Place
    from xframes.archive.views import Readers

# Emptied where they name a removed person: the name, and the column that says whose it is.
_NAMES = {"post_mentions": ("username", "user_id"), "user_mentions": ("username", "mentioned_user_id")}
_TOLD = {"problems": ("value", "resource_id")}  # rows that go where these name a removed person
_ASKED = {"requests": ("path", "params"), "runs": ("arguments", "error"), "writes": ("arguments",),
          "counts": ("query",), "stream_rules": ("value", "tag"), "rule_matches": ("tag",),
          "problems": ("title", "detail")}  # texts to take names from
_LINKS = {"post_urls": ("expanded_url", "display_url", "unwound_url"), "user_urls": ("expanded_url", "display_url")}
# Texts of JSON with fields that no column knows.
_NESTED = {table.name: tuple(c.name for c in table.columns if c.type is Type.JSON and c.path)
           for table in TABLES.values()}
_PREVIEWS = {name: tuple(columns.split()) for name, columns in PREVIEWS.items()}
_WAIT = 30.0  # seconds for readers to let go of files that must be deleted


@contextlib.contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Raise ArchiveError, beginning with `what`, for what files, locks and DuckDB raise inside."""
    import duckdb

    try:
        yield
    except (OSError, ValueError, pa.ArrowException, duckdb.Error) as error:
        if isinstance(error, XframesError):
            raise
        reason = next(iter(str(error).splitlines()), "")
        raise ArchiveError(f"{what} ({type(error).__name__}: {reason})") from error


@dataclass(frozen=True, slots=True)
class Buried:
    """What was hidden: how many posts and people were found here, and how many ids are barred."""

    posts: int
    users: int
    barred: int


def bury(
    folder: Folder, readers: Readers, posts: Collection[str], users: Collection[str], reason: str
) -> Buried:
    """Write tombstones for posts and users, and for all that goes with them; from here on nothing of it shows.

    With a post go its other versions, and its author when no other post of theirs is here; with a user their posts.
    Such an author gets no tombstone: nobody asked to have them removed, and they may be met again.
    What a damaged file would say of them is left to the purge.
    """
    folder.look()
    with _reading(readers), contextlib.closing(connect(folder)) as connection:
        lookup = _Lookup(folder, connection, patient=True)
        doomed = _doom(lookup, set(posts), set(users))
        here = _here(lookup, doomed)
    rows = [("post", i) for i in sorted(doomed.posts)] + [("user", i) for i in sorted(users)]
    data = [{"resource_type": type_, "resource_id": id_, "reason": reason} for type_, id_ in rows]
    request = Request("LOCAL", "/archive/remove", action="archive.remove")
    page = Page(request, json.dumps({"data": data}).encode(), folder.now())
    try:
        add_pages(folder, [page])
    except OSError:
        _note(folder, page)
    return Buried(len(doomed.posts & here.posts), len(doomed.users & here.users), len(rows))


def _note(folder: Folder, page: Page) -> None:
    """Record tombstones where `pages/` cannot be written: in the journal until it can, and as rows."""
    run_id = f"add-{page.page_id[:16]}"
    page = replace(page, run_id=run_id)
    with open_journal(folder.journal) as journal:
        journal.start([(run_id, page.request.action, {}, None)], None, folder.now())
        journal.append([page])
        journal.update(run_id, folder.now(), state="done")
    write_rows(folder, {"tombstones": Flattener().batch([page])["tombstones"]})


@contextlib.contextmanager
def _reading(readers: Readers) -> Iterator[None]:
    readers.enter()
    try:
        yield
    finally:
        readers.leave()


def purge(folder: Folder, readers: Readers) -> int:
    """Take everything with a tombstone out of every file; gives how many files were rewritten.

    The new files take the old ones' place all at once. Raises ArchiveError when other processes keep reading: what was
    removed stays hidden then, and goes at the next purge.
    """
    with folder.lock("compact"), folder.lock("flush"), folder.owned():
        folder.recover_locked()
        folder.look()
        stones = folder.files("tombstones").all
        if not stones:
            return 0
        with contextlib.closing(connect(folder)) as connection:
            lookup, barred = _Lookup(folder, connection), _barred(connection, stones)
            doomed = _with_earlier_names(folder.page_parts(), _doom(lookup, *barred))
            # Before the files: they tell the names, should this process die on the way.
            _clean_journal(folder, doomed, doomed.users - barred[1])
        told = _Told()
        kept = {p.name for table in TABLES for p in folder.files(table).all}
        kept |= {p.name for p in folder.page_parts()}
        swaps = {path: new for path in folder.page_parts() if (new := _pages_without(folder, path, doomed, told))}
        for table in TABLES:
            for path in folder.files(table).all:
                if new := _table_without(folder, table, path, doomed, told):
                    swaps[path] = new
        old = [path for paths in folder.replaced().values() for path in paths if path.name not in folder.purged]
        unclean = [path for path in old if not _is_clean(folder, path, doomed, told)]
        urgent = bool(swaps or folder.buried or unclean)
        with readers.alone(wait=_WAIT if urgent else 0) as nobody:
            if urgent and not nobody:
                raise ArchiveError(f"others are reading {folder.path}: what was removed is hidden, but in "
                                   "its files until a purge or compaction when they are done")
            _swap(folder, swaps)
            if nobody:
                folder.finish_removals()
        forget_damaged(folder)  # what cannot be read cannot be cleaned
        folder.sweep()
        if folder.bucket:
            folder.bucket.forget_versions()
        kept = (kept - {p.name for p in swaps}) | {p.name for p in old if p not in unclean}
        folder.note_purged(kept | {new.name for _, new in swaps.values()})
    return len(swaps)


def _is_clean(folder: Folder, path: Place, doomed: Doomed, told: _Told) -> bool:
    """Whether a replaced file holds nothing of what must go: then it may wait for its readers."""
    try:
        if path.parent == folder.pages:
            return _pages_without(folder, path, doomed, told) is None
        return _table_without(folder, path.parent.name, path, doomed, told) is None
    except (OSError, ValueError, ArchiveError):  # what cannot be read may hold anything
        return False


def hiding(folder: Folder) -> Callable[[Place, str | None], Iterator[Page]]:
    """Give the way to read files of pages in which nothing shows of what was removed.

    Files that a purge has left clean are read as they are. The caller says that it is reading.
    """
    doomed: list[Doomed] = []

    def read(path: Place, run_id: str | None) -> Iterator[Page]:
        pages = read_part(path, run_id)
        if not folder.files("tombstones").all or (path.name in folder.purged and not folder.buried):
            return pages
        if not doomed:
            doomed.append(_hidden(folder))
        return (scrub(page, doomed[0]) for page in pages)

    return read


def _hidden(folder: Folder) -> Doomed:
    """What must not show, as far as readable files tell."""
    stones, done = folder.files("tombstones").all, folder.purged
    with contextlib.closing(connect(folder)) as connection:
        lookup = _Lookup(folder, connection, patient=True)
        doomed = _doom(lookup, *_barred(connection, stones))
    unclean = [p for p in folder.page_parts() if folder.buried or p.name not in done]
    return _with_earlier_names(unclean, doomed)


def returned(folder: Folder, readers: Readers) -> bool:
    """Whether what was removed stands in files again: something that was added since has brought it back.

    What this machine added it knows without asking a bucket again.
    """
    with _reading(readers):
        stones = folder.files("tombstones").all
        if not stones:
            return False
        scan = merging.scan(TABLES["tombstones"], [str(p) for p in stones])
        gone = f"SELECT resource_id FROM {scan} WHERE resource_type = "
        with contextlib.closing(connect(folder)) as connection:
            for name, table in TABLES.items():
                tests = [f'"{column}" IN ({gone}\'{kind}\')'
                         for column, kind in owners(name) if kind in {"post", "user"}]
                parts = [str(p) for p in folder.files(name).parts]
                where = " OR ".join(tests)
                rows = f"SELECT 1 FROM {merging.scan(table, parts)} WHERE {where} LIMIT 1"
                if tests and parts and connection.execute(rows).fetchall():
                    return True
    return False


def people(folder: Folder, readers: Readers, handles: Collection[str]) -> dict[str, set[str]]:
    """Find who has each of these handles (lower case): ids of those who have it now, else had it."""
    folder.look()
    found: dict[str, set[str]] = {handle: set() for handle in handles}
    with _reading(readers), contextlib.closing(connect(folder)) as connection:
        lookup = _Lookup(folder, connection)
        newest = "SELECT id, arg_max(lower(username), observed_at) AS name FROM {rows} GROUP BY id"
        now = f"SELECT name, id FROM ({newest}) WHERE list_contains($names, name)"
        ever = "SELECT lower(username), id FROM {rows} WHERE list_contains($names, lower(username))"
        for query in (now, ever):
            left = [handle for handle, ids in found.items() if not ids]
            for handle, id_ in lookup.rows("users", query, names=left) if left else ():
                found[handle].add(id_)
        rest = frozenset(handle for handle, ids in found.items() if not ids)
        for path in folder.page_parts() if rest else ():
            for page in read_part(path):
                for handle, id_ in people_in(page.body, rest):
                    found[handle].add(id_)
    return found


def _barred(
    connection: duckdb.DuckDBPyConnection, stones: Iterable[Place]
) -> tuple[set[str], set[str]]:
    """The ids of posts and users that have tombstones."""
    scan = merging.scan(TABLES["tombstones"], [str(p) for p in stones])
    found = connection.execute(f"SELECT DISTINCT resource_type, resource_id FROM {scan}").fetchall()
    return {i for t, i in found if t == "post"}, {i for t, i in found if t == "user"}


@dataclass(frozen=True, slots=True)
class _Lookup:
    """Queries over every file of a table; a `patient` one does without those that cannot be read."""

    folder: Folder
    connection: duckdb.DuckDBPyConnection
    patient: bool = False

    def rows(self, table: str, query: str, **ids: Iterable[str]) -> list[tuple[Any, ...]]:
        import duckdb

        files = [[str(p) for p in self.folder.files(table).all]]
        asked = {name: sorted(values) for name, values in ids.items()}
        found: list[tuple[Any, ...]] = []
        for paths in filter(None, files):
            try:
                rows = merging.scan(TABLES[table], paths)
                found += self.connection.execute(query.format(rows=rows), asked).fetchall()
            except duckdb.Error:
                if not self.patient:
                    raise
                if len(paths) > 1:  # without those that are damaged
                    files += [[path] for path in paths]
        return found

    def values(self, table: str, query: str, **ids: Iterable[str]) -> set[str]:
        rows = self.rows(table, query, **ids)
        return {str(value) for row in rows for value in row if value is not None}


def _doom(lookup: _Lookup, posts: set[str], users: set[str]) -> Doomed:
    """All that goes with these posts and users, looked up in every file."""
    only = "SELECT {} FROM {{rows}} GROUP BY {} HAVING bool_and(list_contains($posts, {}))"
    ask = lookup.values
    written = "SELECT id FROM {rows} WHERE list_contains($users, author_id)"
    posts = posts | ask("posts", written, users=users)
    posts |= ask("post_edits", "SELECT post_id, edit_post_id FROM {rows} WHERE post_id IN (SELECT post_id FROM {rows} "
                 "WHERE list_contains($posts, post_id) OR list_contains($posts, edit_post_id))", posts=posts)
    users = users | ask("posts", only.format("author_id", "author_id", "id"), posts=posts)
    return Doomed(
        frozenset(posts), frozenset(users),
        frozenset().union(*(
            ask(table, f"SELECT lower(username) FROM {{rows}} WHERE list_contains($users, {id_})", users=users)
            for table, id_ in (("users", "id"), *((table, id_) for table, (_, id_) in _NAMES.items()))
        )),
        frozenset(ask("post_media", only.format("media_key", "media_key", "post_id"), posts=posts)),
        frozenset(ask("post_polls", only.format("poll_id", "poll_id", "post_id"), posts=posts)),
    )


def _here(lookup: _Lookup, doomed: Doomed) -> Doomed:
    """Find which of these the archive holds: a row, a version of a post, an author, a mention."""
    among = "SELECT {} FROM {{rows}} WHERE list_contains($ids, {})"
    posts = (("posts", "id"), ("post_edits", "post_id"), ("post_edits", "edit_post_id"))
    mentions = tuple((table, id_) for table, (_, id_) in _NAMES.items())
    users = (("users", "id"), ("posts", "author_id"), *mentions)
    return Doomed(*(
        frozenset().union(*(
            lookup.values(table, among.format(column, column), ids=ids) for table, column in places
        ))
        for places, ids in ((posts, doomed.posts), (users, doomed.users))
    ))


def _with_earlier_names(parts: Iterable[Place], doomed: Doomed) -> Doomed:
    """Tables know the newest name of a person, pages all of them."""
    if not doomed.users:
        return doomed
    found = (handles_in(page.body, doomed) for path in parts for page in read_part(path))
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
                     *_LINKS.get(name, ()), *_PREVIEWS.get(name, ()), *_NESTED[name],
                     *(["answer"] if name == "writes" else [])}
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
    if name in _PREVIEWS:
        rows = _without_previews(rows, name, doomed)
    for column in _NESTED[name]:
        rows = _rewritten(rows, column, partial(scrubbed, doomed=doomed))
    for column in _LINKS.get(name, ()):
        rows = _rewritten(rows, column, partial(without_links, doomed=doomed))
    return rows


def _without_previews(rows: pa.Table, name: str, doomed: Doomed) -> pa.Table:
    """Rows of links without what removed people's pages show of themselves."""
    columns = [c for c in ("url", *_LINKS[name], *_PREVIEWS[name]) if c in rows.column_names]
    left = [without_preview(row, doomed) for row in rows.select(columns).to_pylist()]
    for column in (c for c in _PREVIEWS[name] if c in rows.column_names):
        values = [None if old is None else row.get(column, "" if old == "" else None)
                  for row, old in zip(left, rows[column].to_pylist(), strict=True)]
        rows = _with(rows, column, pa.chunked_array([pa.array(values, pa.string())]))
    return rows


def _rewritten(rows: pa.Table, column: str, way: Callable[[str], str | None]) -> pa.Table:
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


def _clean_journal(folder: Folder, doomed: Doomed, authors: frozenset[str]) -> None:
    """Take what must go out of pages not yet in parts and out of runs, and the freed bytes out of the file.

    Of `authors`, who would go with their last post, those stay who have others among these pages.
    """
    if not folder.journal.exists():
        return
    with open_journal(folder.journal) as journal:
        settle(folder, journal, ())
        pages_doomed: list[Doomed] = []

        def clean(page: Page) -> Page:
            if not pages_doomed:  # now nothing is added to the journal
                staying = _authors(journal, doomed) & authors if authors else frozenset()
                pages_doomed.append(replace(doomed, users=doomed.users - staying))
            return scrub(page, pages_doomed[0])

        journal.clean(clean, lambda text: without_names(text, doomed))


def _authors(journal: Journal, doomed: Doomed) -> frozenset[str]:
    """The authors of the posts in the journal that stay."""
    flattener, found = Flattener(), set[str]()
    for run_id in journal.pending():
        for _, page in journal.read(run_id):
            posts = flattener.batch([page]).get("posts")
            for row in () if posts is None else posts.select(["id", "author_id"]).to_pylist():
                found |= {row["author_id"]} - {None} if row["id"] not in doomed.posts else set()
    return frozenset(found)
