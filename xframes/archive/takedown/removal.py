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

from xframes.archive.ingest.flush import settle
from xframes.archive.ingest.imports import add_pages, write_rows
from xframes.archive.ingest.journal import open_journal
from xframes.archive.query import newest
from xframes.archive.query.views import connect
from xframes.archive.storage.bookkeeping import BASE, base_name, part_name
from xframes.archive.storage.folder import marker
from xframes.archive.storage.page_redaction import (
    Traces,
    note_traces,
    people_in,
    scrub,
    scrubbed,
    without_preview,
)
from xframes.archive.storage.parts import PARQUET, PagesFile, part_runs, read_part
from xframes.archive.storage.paths import opened
from xframes.archive.storage.redaction import Doomed, cleaned, without_asked
from xframes.archive.upkeep.repair import forget_damaged
from xframes.errors import ArchiveError, XframesError
from xframes.flattening import Flattener
from xframes.flattening.contents import OWN_PROBLEMS_FROM
from xframes.schema import TABLES, Col, Type
from xframes.schema.references import carried, owners
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    import duckdb

    from xframes.archive.ingest.journal import Journal
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder
    from xframes.archive.storage.readers import Readers

_BARRED = frozenset({"post", "user"})  # what a tombstone can name
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
                folder.finish_removals(at_once=True)
        forget_damaged(folder)  # what cannot be read cannot be cleaned
        folder.sweep()
        folder.storage.forget_versions()
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
        scan = newest.scan(TABLES["tombstones"], [str(p) for p in stones])
        gone = f"SELECT resource_id FROM {scan} WHERE resource_type = "
        with contextlib.closing(connect(folder)) as connection:
            for name, table in TABLES.items():
                tests = [f'"{column}" IN ({gone}\'{kind}\')'
                         for column, kind in owners(name) if kind in _BARRED]
                parts = [str(p) for p in folder.files(name).parts]
                where = " OR ".join(tests)
                rows = f"SELECT 1 FROM {newest.scan(table, parts)} WHERE {where} LIMIT 1"
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
    scan = newest.scan(TABLES["tombstones"], [str(p) for p in stones])
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
                rows = newest.scan(TABLES[table], paths)
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
    things: dict[str, frozenset[str]] = {}
    for table in TABLES.values():
        if table.carrier:
            column, post = carried(table.name)
            query = only.format(column, column, post)
            things[str(table.object)] = frozenset(ask(table.carrier, query, posts=posts))
    doomed = Doomed(frozenset(posts), frozenset(users), media=things["media"], polls=things["poll"])
    return replace(doomed, names=frozenset(name.lower() for name in _held(lookup, "handle", doomed)),
                   shown=_held(lookup, "name", doomed), words=_held(lookup, "words", doomed))


def _held(lookup: _Lookup, holds: str, doomed: Doomed) -> frozenset[str]:
    """What the columns of a kind hold of removed people: theirs by `of`, or in rows that are theirs."""
    found = set[str]()
    for name, table in TABLES.items():
        for col in (c for c in table.body if c.holds == holds):
            whose = [(col.of, "user")] if col.of else owners(name)
            tests = " OR ".join(f'list_contains(${kind}, "{c}")' for c, kind in whose if kind in _BARRED)
            query = f'SELECT "{col.name}" FROM {{rows}} WHERE {tests}'
            ids = {kind: _barred_ids(doomed)[kind] for _, kind in whose if kind in _BARRED}
            found |= lookup.values(name, query, **ids) if tests else set()
    return frozenset(found)


def _barred_ids(doomed: Doomed) -> dict[str, frozenset[str]]:
    return {"post": doomed.posts, "user": doomed.users, "media": doomed.media, "poll": doomed.polls}


def _here(lookup: _Lookup, doomed: Doomed) -> Doomed:
    """Find which of these the archive holds: a row, a version of a post, an author, a mention."""
    among = "SELECT {} FROM {{rows}} WHERE list_contains($ids, {})"
    handles = ((t.name, str(c.of)) for t in TABLES.values() for c in t.body if c.holds == "handle")
    users = dict.fromkeys((("users", "id"), ("posts", "author_id"), *handles))
    posts = (("posts", "id"), ("post_edits", "post_id"), ("post_edits", "edit_post_id"))
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
    found = Traces()
    for path in parts:
        for page in read_part(path):
            note_traces(page.body, doomed, found)
    return replace(doomed, names=doomed.names | found.handles, shown=doomed.shown | found.shown,
                   words=doomed.words | found.words)


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
    clean = [{n: _run_value(n, v, doomed) for n, v in run.items()} for run in runs]
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


def _run_value(name: str, value: Any, doomed: Doomed) -> Any:
    """A value of a run's record, without what must go."""
    col = _declared("runs", name)
    if not isinstance(value, str):
        return value
    return without_asked(value, doomed) if col is None else cleaned(value, col, doomed)


# tables --------------------------------------------------------------------------------------------------------------


def _table_without(
    folder: Folder, name: str, path: Place, doomed: Doomed, told: _Told
) -> tuple[Path, Place] | None:
    """A file of a table written anew without the rows that must go, and its place; None when it holds none."""
    with pq.ParquetFile(opened(path)) as file:
        columns = [n for n in file.schema_arrow.names if _is_looked_at(name, n)]
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


def _is_looked_at(name: str, column: str) -> bool:
    """Whether a column of a file can say that something must go, or hold it."""
    col = _declared(name, column)
    if column in {c for c, _ in owners(name)} or (col is not None and col.content == "id"):
        return True
    if column in {"byte_count", "row_count"}:
        return name == "requests"
    if column == "position":
        return any(c.holds == "subject" for c in TABLES[name].columns)
    return col is None or (col.type in {Type.STR, Type.STRS, Type.JSON} and col.content != "words")


def _declared(name: str, column: str) -> Col | None:
    """The declaration of a file's column; None where a newer xframes wrote it."""
    return next((c for c in TABLES[name].columns if c.name == column), None)


def _clean(name: str, rows: pa.Table, doomed: Doomed, told: _Told) -> pa.Table:
    """Rows without those that must go, and without the names of removed people."""
    goes = [_among(rows, column, _barred_ids(doomed)[kind]) for column, kind in owners(name)]
    subjects = [c.name for c in TABLES[name].columns if c.holds == "subject"]
    if subjects:  # pages lose X's own reports; ours are made of what a page has left
        told_by_x = pc.less(rows["position"], OWN_PROBLEMS_FROM)
        goes += [pc.and_(told_by_x, _among(rows, column, doomed.names, lower=True)) for column in subjects]
    if goes:
        rows = rows.filter(pc.invert(reduce(pc.or_, goes)))
    if name == "requests":
        rows = told.correct(rows)
    before = rows
    for n in rows.column_names:
        col = _declared(name, n)
        if col is not None and col.holds == "handle":
            rows = _without_handles(rows, col, doomed)
        elif col is None or col.holds != "preview":
            rows = _rewritten(rows, n, partial(_value, col=col, doomed=doomed))
    rows = _without_previews(before, rows, name, doomed)
    return _without_requests(before, rows, name)


def _value(text: str, col: Col | None, doomed: Doomed) -> str | None:
    if not doomed.occurs_in(text.encode()):
        return text
    if col is not None and col.type is Type.JSON and col.content != "request":
        return scrubbed(text, doomed)
    return cleaned(text, col, doomed)


def _without_handles(rows: pa.Table, col: Col, doomed: Doomed) -> pa.Table:
    """Rows without removed people's handles. Who has a former one today is somebody else, and stays."""
    theirs = _among(rows, str(col.of), doomed.users)
    said = pc.is_valid(rows[col.of]) if col.of in rows.column_names else theirs
    stranger = pc.and_(said, pc.invert(theirs))
    named = pc.or_(theirs, _among(rows, col.name, doomed.names, lower=True))
    rows = _with(rows, col.name, pc.if_else(pc.and_not(named, stranger), None, rows[col.name]))
    return _rewritten(rows, col.name, partial(_value, col=col, doomed=doomed))


def _without_previews(before: pa.Table, rows: pa.Table, name: str, doomed: Doomed) -> pa.Table:
    """Rows of links without what removed people's pages show of themselves; `before` has the links whole."""
    shown = [c for c in TABLES[name].columns if c.holds == "preview" and c.name in rows.column_names]
    if not shown:
        return rows
    links = [c.name for c in TABLES[name].columns if c.holds in {"link", "shown_link"} and c.name in rows.column_names]
    entities = before.select([*links, *(c.name for c in shown)]).to_pylist()
    left = [without_preview(row, doomed) for row in entities]
    for col in shown:
        values = [None if row[col.name] is None else kept.get(col.name, "" if row[col.name] == "" else None)
                  for row, kept in zip(entities, left, strict=True)]
        rows = _with(rows, col.name, pa.chunked_array([pa.array(values, pa.string())]))
        if col.type is Type.JSON:
            rows = _rewritten(rows, col.name, partial(scrubbed, doomed=doomed))
    return rows


def _without_requests(before: pa.Table, rows: pa.Table, name: str) -> pa.Table:
    """Rows without what was asked, where something went from the answer that stands beside it."""
    answers = [c.name for c in TABLES[name].columns if c.holds == "content" and c.name in rows.column_names]
    requests = [c.name for c in TABLES[name].columns if c.holds == "request" and c.name in rows.column_names]
    for answer in answers if requests else ():
        same = [old == new for old, new in zip(before[answer].to_pylist(), rows[answer].to_pylist(), strict=True)]
        for request in requests:
            values = pc.if_else(pa.array(same, pa.bool_()), rows[request].combine_chunks(), "{}")
            rows = _with(rows, request, pa.chunked_array([values]))
    return rows


def _rewritten(rows: pa.Table, column: str, way: Callable[[str], str | None]) -> pa.Table:
    """Rows with a column's texts, or lists of texts, rewritten, each text once; others stay as they are."""
    type_ = rows.schema.field(column).type
    texts = rows[column].combine_chunks()
    if pa.types.is_list(type_) and pa.types.is_string(type_.value_type):
        found = {text: way(text) for text in pc.unique(texts.flatten()).to_pylist() if text is not None}
        if all(text == new for text, new in found.items()):
            return rows
        lists = [None if row is None else [found.get(text) for text in row] for row in texts.to_pylist()]
        return _with(rows, column, pa.chunked_array([pa.array(lists, type_)]))
    if not pa.types.is_string(type_):
        return rows
    found = {text: way(text) for text in pc.unique(texts).to_pylist() if text is not None}
    if all(text == new for text, new in found.items()):
        return rows
    values = [None if text is None else found[text] for text in texts.to_pylist()]
    return _with(rows, column, pa.chunked_array([pa.array(values, pa.string())]))


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

        journal.clean(clean, lambda text: without_asked(text, doomed))


def _authors(journal: Journal, doomed: Doomed) -> frozenset[str]:
    """The authors of the posts in the journal that stay."""
    flattener, found = Flattener(), set[str]()
    for run_id in journal.pending():
        for _, page in journal.read(run_id):
            posts = flattener.batch([page]).get("posts")
            for row in () if posts is None else posts.select(["id", "author_id"]).to_pylist():
                found |= {row["author_id"]} - {None} if row["id"] not in doomed.posts else set()
    return frozenset(found)
