"""Exports: tables of an archive as files for others, with a description.

Everything is written under a temporary name and renamed when complete. Rows stream in batches;
DuckDB works within a bound of memory and keeps the rest in a temporary folder next to the target.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from xframes import formats
from xframes.archive.export import datapackage, masking
from xframes.archive.export.datapackage import Facts
from xframes.archive.export.masking import Mask
from xframes.archive.export.pseudonyms import Pseudonyms
from xframes.archive.export.selection import Selection
from xframes.archive.query.views import Views
from xframes.archive.storage.disk import remove, sync
from xframes.errors import ArgumentError
from xframes.formats import Format, Options, Rows
from xframes.schema import TABLES
from xframes.schema.references import is_list, own_key, references

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb
    import pyarrow as pa

    from xframes.archive.storage.folder import Folder
    from xframes.schema import Col

MEMORY = 256_000_000  # bytes DuckDB may use; the rest goes to a temporary folder
BATCH_ROWS = 10_240
# Suffixes next to an unfinished export: what DuckDB spills, and the earlier export it replaces.
_SPILL, _OLD = "-tmp", "-old"
_RUNNING = "running"  # the lock an export holds, in the folder of what DuckDB spills


@dataclass(frozen=True, slots=True)
class Wish:
    """What to export, and how."""

    tables: frozenset[str]
    format: Format
    single: bool  # one file, without a folder around it
    where: str | None = None
    posts: str | Sequence[str] | None = None
    included: bool = False
    overwrite: bool = False
    spreadsheet: bool = False


def check_arguments(
    path: str | os.PathLike[str],
    tables: str | Iterable[str] | None,
    format: str | None,
    where: str | None,
    posts: str | Iterable[str] | None,
    *,
    included: bool,
    overwrite: bool,
    spreadsheet: bool = False,
) -> Wish:
    """Check the arguments of an export.

    Raises ArgumentError for those that are invalid or contradict each other.
    """
    named = frozenset([tables] if isinstance(tables, str) else tables or ())
    for name in named - set(TABLES):
        raise ArgumentError(f"tables: expected names among {', '.join(TABLES)}, got {name!r}")
    chosen, single = formats.resolve(path, format)
    if where is not None and posts is not None:
        raise ArgumentError("expected where= (a condition on posts) or posts= (ids), got both")
    formats.check_spreadsheet(chosen, formats.FORMATS, wanted=spreadsheet)
    if single and not chosen.whole and len(named) != 1 and not (chosen.ids_only and not named):
        raise ArgumentError(
            f"{Path(path).name} is one file of one table: expected one name in tables=, got "
            f"{len(named)}. For several, pass a path without a suffix: it is a folder"
        )
    given = posts if isinstance(posts, str) or posts is None else [str(i) for i in posts]
    quoted = spreadsheet and chosen.spreadsheet == "quoted"
    return Wish(named, chosen, single, where, given, included, overwrite, quoted)


def export(
    folder: Folder,
    path: str | os.PathLike[str],
    wish: Wish,
    key: str | bytes | None = None,
    *,
    keep_post_ids: bool = False,
) -> dict[str, int]:
    """Export an archive; return the rows of each table. Raises as `Archive.export` does."""
    pseudonyms = None if key is None else Pseudonyms(key, posts=not keep_post_ids)
    target = Path(path).expanduser()
    check_target(target, folder, wish)
    if wish.format.ids_only and pseudonyms is not None:
        raise ArgumentError(
            "pseudonymise: not for format 'ids', because X cannot look pseudonyms up"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    staged = target.with_name(f".{target.name}.part-{secrets.token_hex(4)}")
    spill = staged.with_name(f"{staged.name}{_SPILL}")
    running = FileLock(spill / _RUNNING)
    while not (spill / _RUNNING).exists():  # another export may sweep before the lock
        running.release()
        spill.mkdir(exist_ok=True)
        running.acquire()
    views = Views(folder)
    views.readers.enter()
    try:
        connection = views.connection()
        connection.execute(f"SET memory_limit = '{MEMORY}B'")
        # every thread holds memory
        connection.execute("SET threads = 1; SET preserve_insertion_order = false")
        connection.execute(f"SET temp_directory = '{str(spill).replace(chr(39), 2 * chr(39))}'")
        if pseudonyms is not None:
            pseudonyms.people = masking.people(connection)
        name = target.stem if wish.single else target.name
        job = _Job(folder, connection, wish, pseudonyms, name, spill, views.empty)
        counts = job.run(staged)
        _sync(staged)
        place_export(staged, target)
    finally:
        views.close()
        views.readers.leave()
        remove(staged)
        running.release()
        remove(spill)
    return counts


def _sweep(target: Path) -> None:
    """Remove the remains of killed exports to this target; running ones hold their lock."""
    name = re.compile(rf"(\.{re.escape(target.name)}\.part-[0-9a-f]{{8}}){re.escape(_SPILL)}")
    for spill in sorted(target.parent.iterdir()):
        hit = name.fullmatch(spill.name)
        if hit is None or spill.is_symlink() or not (spill / _RUNNING).is_file():
            continue
        try:
            with FileLock(spill / _RUNNING).acquire(timeout=0):
                old = spill.with_name(f"{hit[1]}{_OLD}")
                if old.exists() and not target.exists():  # killed between two renames
                    old.rename(target)
                remove(old)
                remove(spill.with_name(hit[1]))
        except Timeout:
            continue
        remove(spill)


def check_target(target: Path, folder: Folder, wish: Wish) -> None:
    """Raise ArgumentError if an export cannot be written there."""
    if target.resolve().is_relative_to(folder.home.resolve()):
        raise ArgumentError(f"{target} is inside the archive; pass a path outside it")
    if not target.exists() and not target.is_symlink():
        return
    if not wish.overwrite:
        raise ArgumentError(
            f"{target} already exists; pass overwrite=True (--overwrite) or another path"
        )
    if wish.single and not target.is_file():
        raise ArgumentError(
            f"{target}: expected a file for format {wish.format.name!r}, got a folder"
        )
    if not wish.single and (not target.is_dir() or not (target / "datapackage.json").is_file()):
        raise ArgumentError(
            f"{target} is not an earlier export (no datapackage.json in it); pass another path"
        )


def _sync(path: Path) -> None:
    for file in path.iterdir() if path.is_dir() else ():
        sync(file)
    sync(path)


def place_export(staged: Path, target: Path) -> None:
    """Move the finished export to its name, and only then remove the earlier one."""
    if not target.is_dir():
        staged.replace(target)
        return
    old = staged.with_name(f"{staged.name}{_OLD}")
    target.rename(old)
    try:
        staged.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


@dataclass(slots=True)
class _Job:
    """One export."""

    folder: Folder
    connection: duckdb.DuckDBPyConnection
    wish: Wish
    pseudonyms: Pseudonyms | None
    name: str
    spill: Path
    empty: frozenset[str]

    def run(self, staged: Path) -> dict[str, int]:
        selection = self._selection()
        if self.wish.format.ids_only:
            return self._ids(staged, selection)
        names = selection.choose_tables(masked=self.pseudonyms is not None)
        columns = {name: self._columns(name) for name in names}
        facts = self._facts(selection, columns)
        self._check_links(selection, facts)
        if self.wish.single:
            home, facts.files = staged.parent, dict.fromkeys(names, staged)
        else:
            staged.mkdir()
            home = staged
            format = self.wish.format
            stems = {n: self.name if format.whole else n for n in names}
            facts.files = {n: home / f"{stem}{format.suffix}" for n, stem in stems.items()}
        self._write(selection, facts)
        if not self.wish.single:
            facts.hashes = {
                path: datapackage.checksum(path) for path in dict.fromkeys(facts.files.values())
            }
            datapackage.write_package(home, facts, self.name)
            (home / "README.md").write_text(datapackage.readme(facts, self.name), encoding="utf-8")
        return facts.counts

    def _selection(self) -> Selection:
        import duckdb

        selection = Selection(self.connection, named=self.wish.tables, empty=self.empty)
        posts = self.wish.posts
        try:
            if self.wish.where is not None:
                selection.narrow(
                    f"SELECT id FROM posts WHERE {self.wish.where}", f"where {self.wish.where}"
                )
            elif isinstance(posts, str):
                selection.narrow(posts.strip().rstrip(";"), posts)
            elif posts is not None:
                self.connection.execute(
                    "CREATE TEMP TABLE given AS SELECT unnest($ids::VARCHAR[]) AS id",
                    {"ids": list(posts)},
                )
                selection.narrow("FROM given", f"a list of {len(posts):,} ids")
        except (duckdb.ProgrammingError, duckdb.DataError) as error:
            raise ArgumentError(
                f"DuckDB refuses the query for posts: {str(error).splitlines()[0]}"
            ) from error
        return selection

    def _columns(self, table: str) -> Sequence[Col]:
        return TABLES[table].columns if self.pseudonyms is None else masking.masked_columns(table)

    # rows ---------------------------------------------------------------------------------------

    def _batches(self, selection: Selection, table: str) -> Iterator[pa.Table]:
        """Select the rows of the table in order, with pseudonyms if they are wanted."""
        import pyarrow as pa

        declared = TABLES[table]
        rows = selection.rows(table)
        shown = [c.name for c in declared.columns]
        if self.pseudonyms is not None:
            rows = masking.source(table, rows)
            shown += masking.helpers(table)
        order = ", ".join(
            f'"{c}"' for c in dict.fromkeys((*filter(None, [declared.time]), *declared.key))
        )
        names = ", ".join(f'"{n}"' for n in shown)
        query = f"SELECT {names} FROM {rows}"
        if declared.kind != "view":  # which has an order of its own
            query += f" ORDER BY {order}"
        relation = self.connection.sql(query)
        mask = Mask(table, self.pseudonyms) if self.pseudonyms is not None else None
        schema = _schema(self._columns(table))
        for batch in relation.to_arrow_reader(BATCH_ROWS):
            whole = pa.Table.from_batches([batch])
            yield (mask.batch(whole) if mask else whole).select(schema.names).cast(schema)

    def _write(self, selection: Selection, facts: Facts) -> None:
        format = self.wish.format
        tables = [self._rows(selection, facts, name) for name in facts.counts]
        options = Options(
            spreadsheet=self.wish.spreadsheet,
            temp=self.spill,
            cut=facts.cut,
            about=lambda: datapackage.readme(facts, self.name),
        )
        if format.write_all is not None:
            facts.counts = format.write_all(next(iter(facts.files.values())), tables, options)
        if format.write is not None:
            for rows in tables:
                with facts.files[rows.name].open("wb") as file:
                    facts.counts[rows.name] = format.write(file, rows, options)

    def _rows(self, selection: Selection, facts: Facts, name: str) -> Rows:
        columns = facts.columns[name]
        shown = {c.name for c in columns}
        joins = [c for c in references(name) if c in shown and not is_list(name, c)]
        links = {
            column: (target, key)
            for column, (target, key) in facts.links.get(name, {}).items()
            if facts.keys.get(target) == (key,)
        }
        return Rows(
            name,
            _schema(columns),
            self._batches(selection, name),
            about=TABLES[name].doc,
            meanings={c.name: c.doc for c in columns},
            count=facts.counts[name],
            key=facts.keys.get(name, ()),
            indexes=tuple(joins),
            links=links,
        )

    def _ids(self, path: Path, selection: Selection) -> dict[str, int]:
        import pyarrow as pa

        (table,) = self.wish.tables or {"posts"}
        batches = id_batches(
            self.connection,
            table,
            selection.rows(table),
            included=self.wish.included or self.wish.posts is not None,
        )
        schema = pa.schema([("id", pa.string())])
        rows = Rows(
            table,
            schema,
            (pa.table([pa.array(ids, pa.string())], schema=schema) for ids in batches),
        )
        assert self.wish.format.write is not None
        with path.open("wb") as file:
            return {table: self.wish.format.write(file, rows, Options())}

    # facts --------------------------------------------------------------------------------------

    def _facts(self, selection: Selection, columns: dict[str, Sequence[Col]]) -> Facts:
        masked = self.pseudonyms is not None
        description = (
            "a query that may name people"
            if masked and selection.description is not None
            else selection.description
        )
        return Facts(
            format=self.wish.format,
            made_at=self.folder.now(),
            counts=selection.counts,
            columns=columns,
            files={},
            description=description,
            masked=masked,
            keep_post_ids=self.pseudonyms is not None and not self.pseudonyms.posts,
            left_out=selection.left_out,
            dropped=datapackage.missing(columns),
            dates=self._dates(selection),
            queries=self._queries(selection),
            spreadsheet=self.wish.spreadsheet,
        )

    def _dates(self, selection: Selection) -> dict[str, Any]:
        spans = {
            "Posts were made": ("posts", "created_at"),
            "Pages were received": ("posts", "observed_at"),
            "Collections began": ("runs", "started_at"),
        }
        return {
            what: self.connection.execute(
                f'SELECT min("{c}"), max("{c}") FROM {selection.rows(table)}'
            ).fetchall()[0]
            for what, (table, c) in spans.items()
        }

    def _queries(self, selection: Selection) -> list[tuple[str, str, int]]:
        """Queries and their counts; under pseudonyms without the people in them."""
        found = self.connection.execute(
            f"SELECT action, arguments, count(*) FROM {selection.rows('runs')} "
            "WHERE action IS NOT NULL AND action NOT LIKE 'archive.%' "
            "GROUP BY ALL ORDER BY min(started_at), action"
        ).fetchall()
        counts: dict[tuple[str, str], int] = {}
        for name, arguments, count in found:
            given = json.loads(arguments or "{}")
            if "query" in given:
                text = str(given["query"])
                text = text if self.pseudonyms is None else self.pseudonyms.query(text)
            else:
                text = "" if self.pseudonyms is not None or not given else _short(arguments)
            action = name if self.pseudonyms is None else self.pseudonyms.rewrite(name).text
            counts[action, text] = counts.get((action, text), 0) + count
        return [(action, text, count) for (action, text), count in counts.items()]

    def _check_links(self, selection: Selection, facts: Facts) -> None:
        """Note the keys that hold, and the links: columns whose every id names an exported row."""
        for table in facts.counts:
            named = {c.name for c in facts.columns[table]}
            key = TABLES[table].key
            if named.issuperset(key) and self._is_key(selection, table):
                facts.keys[table] = key
            for column, target in references(table).items():
                own = own_key(target)
                if (
                    target not in facts.counts
                    or own is None
                    or column not in named
                    or is_list(table, column)
                ):
                    continue
                lost = (
                    f"FROM {selection.lean(table)} AS t ANTI JOIN {selection.lean(target)} AS o "
                    f'ON t."{column}" = o."{own}" WHERE t."{column}" IS NOT NULL'
                )
                if not self._any(lost) and self._any(
                    f'FROM {selection.lean(table)} WHERE "{column}" IS NOT NULL'
                ):
                    facts.links.setdefault(table, {})[column] = (target, own)

    def _is_key(self, selection: Selection, table: str) -> bool:
        """Whether the table's key is unique and never null, in what is written.

        Texts are rewritten under pseudonyms, and may be the same afterwards. Rows of an archive
        that others made may repeat.
        """
        declared = TABLES[table]
        key = declared.key
        texts = [
            c
            for c in key
            if declared[c].content != "id" and masking.rule(table, c) not in {"kept", "fact"}
        ]
        if texts and self.pseudonyms is not None:
            return False
        nulls = " OR ".join(f'"{c}" IS NULL' for c in key)
        if self._any(f"FROM {selection.lean(table)} WHERE {nulls}"):
            return False
        names = ", ".join(f'"{c}"' for c in key)
        return not self._any(f"FROM {selection.lean(table)} GROUP BY {names} HAVING count(*) > 1")

    def _any(self, rows: str) -> bool:
        return bool(self.connection.execute(f"SELECT 1 {rows} LIMIT 1").fetchall())


def _schema(columns: Sequence[Col]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(c.name, c.type.arrow) for c in columns])


def _short(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def id_batches(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: str | None = None,
    *,
    included: bool = False,
) -> Iterator[list[str]]:
    """Return the ids of a table's rows, in ascending order.

    Posts that were only included in responses are left out, unless `included` is true.
    Raises ArgumentError if its rows have no id.
    """
    if table not in TABLES or (key := own_key(table)) is None:
        raise ArgumentError(
            f"table: expected one of {', '.join(t for t in TABLES if own_key(t))}, got {table!r}, "
            "whose rows have no id"
        )
    joins = (
        " SEMI JOIN matches AS m ON m.post_id = t.id" if table == "posts" and not included else ""
    )
    relation = connection.sql(
        f'SELECT t."{key}" AS id FROM {rows or _quoted(table)} AS t{joins} ORDER BY length(id), id'
    )
    for batch in relation.to_arrow_reader(BATCH_ROWS):
        yield batch["id"].to_pylist()


def _quoted(table: str) -> str:
    return f'"{table}"'


def ids(views: Views, table: str, *, included: bool) -> list[str]:
    """Return all ids of a table's rows. Raises ArgumentError if they have none."""
    names = [name for name in (table, "matches") if table in TABLES]
    with views.readers.reading():
        cursor = views.cursor(names)
        return [i for batch in id_batches(cursor, table, included=included) for i in batch]
