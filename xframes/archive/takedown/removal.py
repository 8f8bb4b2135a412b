"""Removal: tombstones hide what was removed at once, and a purge erases it from every file.

A tombstone is a row of a page that the archive writes itself. So it survives a rebuild and a merge
like any other row, and stays as a record of the removal.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from xframes.archive.ingest.imports import add_pages, write_rows
from xframes.archive.ingest.journal import open_journal
from xframes.archive.query.views import connect
from xframes.archive.storage.folder import marker
from xframes.archive.storage.page_redaction import Traces, note_traces, people_in, scrub
from xframes.archive.storage.parts import Wanted, read_part
from xframes.archive.storage.redaction import Targets
from xframes.archive.takedown.erasure import (
    PageSizes,
    Rewritten,
    clean_journal,
    ids_by_kind,
    page_file_without,
    rewritten_records,
    table_file_without,
)
from xframes.archive.upkeep.repair import forget_damaged
from xframes.errors import ArchiveError, XframesError
from xframes.flattening import Flattener
from xframes.schema import STORED
from xframes.schema.references import carried, owners
from xframes.sql import newest
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder
    from xframes.archive.storage.readers import Readers

_TOMBSTONE_KINDS = frozenset({"post", "user"})


@contextlib.contextmanager
def plain_errors(prefix: str) -> Iterator[None]:
    """Turn errors of files, locks and DuckDB into an ArchiveError that begins with `prefix`."""
    import duckdb

    try:
        yield
    except (OSError, ValueError, pa.ArrowException, duckdb.Error) as error:
        if isinstance(error, XframesError):
            raise
        reason = next(iter(str(error).splitlines()), "")
        raise ArchiveError(f"{prefix} ({type(error).__name__}: {reason})") from error


@dataclass(frozen=True, slots=True)
class RemovalCounts:
    """How many posts and people the archive had and now hides, and how many ids have tombstones."""

    posts: int
    users: int
    barred: int


def write_tombstones(
    folder: Folder, readers: Readers, posts: Collection[str], users: Collection[str], reason: str
) -> RemovalCounts:
    """Write tombstones for posts and users, which hide them and everything that belongs to them.

    Removing a post also removes its other versions, and its author if the archive has no other post
    by them. Such an author has no tombstone and may be collected again, because their removal was
    not ordered. Removing a user also removes their posts. Damaged files are skipped; the purge
    fails if it cannot read them.
    """
    folder.look()
    with _reading(readers), contextlib.closing(connect(folder)) as connection:
        lookup = _Lookup(folder, connection, skip_damaged=True)
        targets = _targets(lookup, set(posts), set(users))
        present = _present(lookup, targets)
    rows = [("post", i) for i in sorted(targets.posts)] + [("user", i) for i in sorted(users)]
    data = [{"resource_type": kind, "resource_id": id_, "reason": reason} for kind, id_ in rows]
    request = Request("LOCAL", "/archive/remove", action="archive.remove")
    page = Page(request, json.dumps({"data": data}).encode(), folder.now())
    try:
        add_pages(folder, [page])
    except OSError:
        _note_in_journal(folder, page)
    return RemovalCounts(
        posts=len(targets.posts & present.posts),
        users=len(targets.users & present.users),
        barred=len(rows),
    )


def _note_in_journal(folder: Folder, page: Page) -> None:
    """Write tombstones to the journal and the table, when `pages/` cannot be written."""
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


class PurgeWork(Protocol):
    """What of a purge takes long: reading and rewriting files. Jobs spread it over machines."""

    def traces(self, parts: Sequence[Place], targets: Targets) -> Traces:
        """Return what files of pages say of the targets."""

    def rewritten(self, paths: Sequence[Place], targets: Targets) -> dict[Place, Rewritten]:
        """Rewrite the files that contain something of the targets: pages first, then tables."""

    def unclean(self, paths: Sequence[Place], targets: Targets) -> list[Place]:
        """Return the files that contain something of the targets, or cannot be read."""

    def commit(self, moves: Mapping[Path, Place]) -> None:
        """Move finished files to their final paths, all or none."""


class PurgeHere:
    """The work of a purge in this process."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.sizes = PageSizes()

    def traces(self, parts: Sequence[Place], targets: Targets) -> Traces:
        """Return what files of pages say of the targets."""
        return traces_in(parts, targets)

    def rewritten(self, paths: Sequence[Place], targets: Targets) -> dict[Place, Rewritten]:
        """Rewrite the files that contain something of the targets: pages first, then tables."""
        swaps: dict[Place, Rewritten] = {}
        for path in paths:
            new = file_without(self._folder, path, targets, self.sizes)
            if new is not None:
                swaps[path] = new
        return swaps

    def unclean(self, paths: Sequence[Place], targets: Targets) -> list[Place]:
        """Return the files that contain something of the targets, or cannot be read."""
        return [path for path in paths if not is_clean(self._folder, path, targets, self.sizes)]

    def commit(self, moves: Mapping[Path, Place]) -> None:
        """Move finished files to their final paths, all or none."""
        self._folder.commit(moves)


def purge(folder: Folder, readers: Readers, work: PurgeWork | None = None) -> int:
    """Erase everything with a tombstone from every file, and return how many files were rewritten.

    All rewritten files replace the old ones at once. Raises ArchiveError if other processes keep
    reading the old files; then the removed data stays hidden, and the next purge tries again.
    """
    work = work or PurgeHere(folder)
    with folder.lock("compact"), folder.lock("flush"), folder.owned():
        folder.recover_locked()
        folder.look()
        stones = folder.files("tombstones").all
        if not stones:
            return 0
        with contextlib.closing(connect(folder)) as connection:
            lookup, barred = _Lookup(folder, connection), _barred(connection, stones)
            targets = _targets(lookup, *barred)
            targets = _with_earlier_names(work.traces, folder.page_parts(), targets)
            # The journal first: if the process dies, the next purge reads the names from the files.
            clean_journal(folder, targets, targets.users - barred[1])
        files = [*folder.page_parts(), *(p for table in STORED for p in folder.files(table).all)]
        swaps = work.rewritten(files, targets)
        replaced = [
            path
            for paths in folder.replaced().values()
            for path in paths
            if path.name not in folder.purged
        ]
        unclean = work.unclean(replaced, targets)
        swaps_and_records = swaps | rewritten_records(folder, swaps)
        must_delete = bool(folder.new_tombstones or unclean)
        _replace(folder, readers, swaps_and_records, work, must_delete=must_delete)
        forget_damaged(folder)  # unreadable files cannot be cleaned
        folder.sweep()
        folder.storage.forget_versions()
        clean = {path.name for path in files} - {path.name for path in swaps}
        clean.update(new.place.name for new in swaps.values())
        clean.update(path.name for path in replaced if path not in unclean)
        folder.note_purged(clean)
    return len(swaps)


def file_without(
    folder: Folder, path: Place, targets: Targets, sizes: PageSizes
) -> Rewritten | None:
    """Rewrite a file without the targets; None if it contains nothing of them."""
    if path.parent == folder.pages:
        return page_file_without(folder, path, targets, sizes)
    return table_file_without(folder, path.parent.name, path, targets, sizes)


def is_clean(folder: Folder, path: Place, targets: Targets, sizes: PageSizes) -> bool:
    """Whether a replaced file contains nothing of the targets, so that it may wait for readers."""
    try:
        return file_without(folder, path, targets, sizes) is None
    except (OSError, ValueError, ArchiveError):  # an unreadable file may contain anything
        return False


def _replace(
    folder: Folder,
    readers: Readers,
    swaps: Mapping[Place, Rewritten],
    work: PurgeWork,
    *,
    must_delete: bool,
) -> None:
    """Replace old files by new ones, all or nothing, and delete replaced files.

    Raises ArchiveError if other processes keep reading files that must be deleted.
    """
    wait = 0.0
    must_delete = must_delete or bool(swaps)
    if must_delete:
        wait = readers.patience
    with readers.alone(wait=wait) as alone:
        if must_delete and not alone:
            raise ArchiveError(
                f"other processes are reading {folder.path}: the removed data is hidden, but stays "
                "in files. Run purge() or compact() when they have finished"
            )
        moves = {new.temp: new.place for new in swaps.values()}
        for home in {old.parent for old in swaps}:
            old_files = (old for old in swaps if old.parent == home)
            moves[marker(folder, old_files)] = home / f"replaced-{folder.new_id()}.json"
        work.commit(moves)
        if alone:
            folder.finish_removals(at_once=True)


def hiding(folder: Folder) -> Callable[[Place, Wanted], Iterator[Page]]:
    """Return a function that reads the wanted pages of a file without what was removed.

    Files that the last purge has cleaned are read without a check. The caller must be registered
    as a reader.
    """
    targets: list[Targets] = []

    def read(path: Place, wanted: Wanted) -> Iterator[Page]:
        pages = read_part(path, wanted)
        is_purged = path.name in folder.purged and not folder.new_tombstones
        if is_purged or not folder.files("tombstones").all:
            return pages
        if not targets:
            targets.append(_hidden(folder))
        return (scrub(page, targets[0]) for page in pages)

    return read


def _hidden(folder: Folder) -> Targets:
    """What must be hidden, according to all readable files."""
    stones, purged = folder.files("tombstones").all, folder.purged
    with contextlib.closing(connect(folder)) as connection:
        lookup = _Lookup(folder, connection, skip_damaged=True)
        targets = _targets(lookup, *_barred(connection, stones))
    unclean = [p for p in folder.page_parts() if folder.new_tombstones or p.name not in purged]
    return _with_earlier_names(traces_in, unclean, targets)


def returned(folder: Folder, readers: Readers) -> bool:
    """Whether new files contain something that was removed before.

    Uses the last listing of the files, so that a bucket is not listed again.
    """
    with _reading(readers):
        stones = folder.files("tombstones").all
        if not stones:
            return False
        scan = newest.scan(STORED["tombstones"], [str(p) for p in stones])
        removed_ids = f"SELECT resource_id FROM {scan} WHERE resource_type = "
        with contextlib.closing(connect(folder)) as connection:
            for name, table in STORED.items():
                where = " OR ".join(
                    f"\"{column}\" IN ({removed_ids}'{kind}')" for column, kind in _barrable(name)
                )
                parts = [str(p) for p in folder.files(name).parts]
                rows = f"SELECT 1 FROM {newest.scan(table, parts)} WHERE {where} LIMIT 1"
                if where and parts and connection.execute(rows).fetchall():
                    return True
    return False


def _barrable(name: str) -> list[tuple[str, str]]:
    """The columns of a table that say whose a row is and that tombstones can name."""
    return [(column, kind) for column, kind in owners(name) if kind in _TOMBSTONE_KINDS]


def people(folder: Folder, readers: Readers, handles: Collection[str]) -> dict[str, set[str]]:
    """Find the ids of the people with each of these handles (lower case).

    Only if no person has the handle now, the people who had it before are returned.
    """
    folder.look()
    ids: dict[str, set[str]] = {handle: set() for handle in handles}
    with _reading(readers), contextlib.closing(connect(folder)) as connection:
        lookup = _Lookup(folder, connection)
        newest = "SELECT id, arg_max(lower(username), observed_at) AS name FROM {rows} GROUP BY id"
        now = f"SELECT name, id FROM ({newest}) WHERE list_contains($names, name)"
        ever = "SELECT lower(username), id FROM {rows} WHERE list_contains($names, lower(username))"
        for query in (now, ever):
            missing = [handle for handle, found in ids.items() if not found]
            if missing:
                for handle, id_ in lookup.rows("users", query, names=missing):
                    ids[handle].add(id_)
        rest = frozenset(handle for handle, found in ids.items() if not found)
        if rest:
            for path in folder.page_parts():
                for page in read_part(path):
                    for handle, id_ in people_in(page.body, rest):
                        ids[handle].add(id_)
    return ids


def _barred(
    connection: duckdb.DuckDBPyConnection, stones: Iterable[Place]
) -> tuple[set[str], set[str]]:
    """The ids of posts and users that have tombstones."""
    scan = newest.scan(STORED["tombstones"], [str(p) for p in stones])
    rows = connection.execute(f"SELECT DISTINCT resource_type, resource_id FROM {scan}").fetchall()
    posts = {id_ for kind, id_ in rows if kind == "post"}
    return posts, {id_ for kind, id_ in rows if kind == "user"}


@dataclass(frozen=True, slots=True)
class _Lookup:
    """Queries over all files of a table; with `skip_damaged`, over those that can be read."""

    folder: Folder
    connection: duckdb.DuckDBPyConnection
    skip_damaged: bool = False

    def rows(self, table: str, query: str, **ids: Iterable[str]) -> list[tuple[Any, ...]]:
        """Run a query in which `{rows}` is the table and each `$name` is one of the lists `ids`."""
        import duckdb

        files = [[str(p) for p in self.folder.files(table).all]]
        parameters = {name: sorted(values) for name, values in ids.items()}
        results: list[tuple[Any, ...]] = []
        for paths in filter(None, files):
            try:
                scan = newest.scan(STORED[table], paths)
                query_of_files = query.format(rows=scan)
                results += self.connection.execute(query_of_files, parameters).fetchall()
            except duckdb.Error:
                if not self.skip_damaged:
                    raise
                if len(paths) > 1:  # read each file alone, to skip only the damaged ones
                    files += [[path] for path in paths]
        return results

    def values(self, table: str, query: str, **ids: Iterable[str]) -> set[str]:
        """Run a query as `rows` does and return all values that are not null, as text."""
        rows = self.rows(table, query, **ids)
        return {str(value) for row in rows for value in row if value is not None}


def _targets(lookup: _Lookup, posts: set[str], users: set[str]) -> Targets:
    """Find everything that must be removed together with these posts and users."""
    only = "SELECT {} FROM {{rows}} GROUP BY {} HAVING bool_and(list_contains($posts, {}))"
    by_users = "SELECT id FROM {rows} WHERE list_contains($users, author_id)"
    versions = (
        "SELECT post_id, edit_post_id FROM {rows} WHERE post_id IN (SELECT post_id FROM {rows} "
        "WHERE list_contains($posts, post_id) OR list_contains($posts, edit_post_id))"
    )
    posts = posts | lookup.values("posts", by_users, users=users)
    posts |= lookup.values("post_edits", versions, posts=posts)
    authors = only.format("author_id", "author_id", "id")
    users = users | lookup.values("posts", authors, posts=posts)
    carried_ids: dict[str, frozenset[str]] = {}
    for table in STORED.values():
        if table.carrier:
            column, post = carried(table.name)
            query = only.format(column, column, post)
            ids = lookup.values(table.carrier, query, posts=posts)
            carried_ids[str(table.object)] = frozenset(ids)
    targets = Targets(
        frozenset(posts),
        frozenset(users),
        media=carried_ids["media"],
        polls=carried_ids["poll"],
    )
    return replace(
        targets,
        names=frozenset(name.lower() for name in _texts(lookup, "handle", targets)),
        shown=_texts(lookup, "name", targets),
        words=_texts(lookup, "words", targets),
    )


def _texts(lookup: _Lookup, holds: str, targets: Targets) -> frozenset[str]:
    """The handles, names or words of the targets, from all columns that hold such texts.

    A column says with `of` whose text it has; without it, the text belongs to the row's owner.
    """
    ids = ids_by_kind(targets)
    texts = set[str]()
    for name, table in STORED.items():
        for col in table.body:
            if col.holds != holds:
                continue
            owner_columns = _barrable(name)
            if col.of:
                owner_columns = [(col.of, "user")]
            if owner_columns:
                tests = " OR ".join(f'list_contains(${kind}, "{c}")' for c, kind in owner_columns)
                query = f'SELECT "{col.name}" FROM {{rows}} WHERE {tests}'
                of_kinds = {kind: ids[kind] for _, kind in owner_columns}
                texts |= lookup.values(name, query, **of_kinds)
    return frozenset(texts)


def _present(lookup: _Lookup, targets: Targets) -> Targets:
    """Find which posts and users the archive has, as rows, versions, authors or mentions."""
    posts = [("posts", "id"), ("post_edits", "post_id"), ("post_edits", "edit_post_id")]
    users = [("users", "id"), ("posts", "author_id")]
    for table in STORED.values():
        users += [(table.name, str(col.of)) for col in table.body if col.holds == "handle"]
    return Targets(
        _present_ids(lookup, posts, targets.posts),
        _present_ids(lookup, users, targets.users),
    )


def _present_ids(
    lookup: _Lookup, columns: Iterable[tuple[str, str]], ids: frozenset[str]
) -> frozenset[str]:
    """Those of the ids that occur in one of the columns (pairs of table and column)."""
    present = set[str]()
    for table, column in dict.fromkeys(columns):
        query = f"SELECT {column} FROM {{rows}} WHERE list_contains($ids, {column})"
        present |= lookup.values(table, query, ids=ids)
    return frozenset(present)


def _with_earlier_names(
    read: Callable[[Sequence[Place], Targets], Traces], parts: Sequence[Place], targets: Targets
) -> Targets:
    """Add earlier handles, names and words, which only pages have: tables have the newest ones."""
    if not targets.users:
        return targets
    traces = read(parts, targets)
    return replace(
        targets,
        names=targets.names | traces.handles,
        shown=targets.shown | traces.shown,
        words=targets.words | traces.words,
    )


def traces_in(parts: Iterable[Place], targets: Targets) -> Traces:
    """Return what files of pages say of the targets."""
    traces = Traces()
    for path in parts:
        for page in read_part(path):
            note_traces(page.body, targets, traces)
    return traces
