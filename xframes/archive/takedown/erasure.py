"""Erasure: rewrite files of pages and tables, and the journal, without what must be removed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xframes.archive.ingest.flush import settle
from xframes.archive.ingest.journal import open_journal
from xframes.archive.storage.bookkeeping import BASE, base_name, part_name, settled_name
from xframes.archive.storage.page_redaction import scrub, scrubbed, without_preview
from xframes.archive.storage.parts import PARQUET, PagesFile, part_runs, read_part
from xframes.archive.storage.paths import opened
from xframes.archive.storage.records import settled
from xframes.archive.storage.redaction import cleaned, without_asked
from xframes.flattening import Flattener
from xframes.flattening.contents import OWN_PROBLEMS_FROM
from xframes.schema import STORED, TABLES, Col, Type
from xframes.schema.references import owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from xframes.archive.ingest.journal import Journal
    from xframes.archive.storage.bucket import Place
    from xframes.archive.storage.folder import Folder
    from xframes.archive.storage.redaction import Targets
    from xframes.wire import Page


def ids_by_kind(targets: Targets) -> dict[str, frozenset[str]]:
    """The ids of what must be removed, by the kinds that `references.owners` names."""
    return {
        "post": targets.posts,
        "user": targets.users,
        "media": targets.media,
        "poll": targets.polls,
    }


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file without what must be removed: a temporary file, and its final path.

    `stays` says for each row of the old file of a table whether it is in the new one.
    """

    temp: Path
    place: Place
    stays: np.ndarray = field(default_factory=lambda: np.ones(0, bool))


# pages -------------------------------------------------------------------------------------------


class PageSizes:
    """Size and number of rows of the pages that were rewritten, for the table `requests`.

    `sizes` has both by the id of the page.
    """

    def __init__(self, sizes: Mapping[str, tuple[int, int]] | None = None) -> None:
        self._flattener = Flattener()
        self.sizes = dict(sizes or {})

    def note(self, page: Page) -> None:
        """Note the size of a rewritten page."""
        requests = self._flattener.batch([page])["requests"]
        (row,) = requests.select(["byte_count", "row_count"]).to_pylist()
        self.sizes[page.page_id] = (row["byte_count"], row["row_count"])

    def correct(self, rows: pa.Table) -> pa.Table:
        """Write the new sizes into rows of `requests`."""
        byte_counts, row_counts = [], []
        for row in rows.select(["page_id", "byte_count", "row_count"]).to_pylist():
            before = (row["byte_count"], row["row_count"])
            byte_count, row_count = self.sizes.get(row["page_id"], before)
            byte_counts.append(byte_count)
            row_counts.append(row_count)
        rows = _with_column(rows, "byte_count", pa.array(byte_counts, pa.int64()))
        return _with_column(rows, "row_count", pa.array(row_counts, pa.int64()))


def page_file_without(
    folder: Folder, path: Place, targets: Targets, sizes: PageSizes
) -> Rewritten | None:
    """Rewrite a file of pages without what must be removed; None if it contains nothing of it."""
    runs = part_runs(path)
    clean_runs = [
        {name: _run_value(name, value, targets) for name, value in run.items()} for run in runs
    ]
    if clean_runs == runs and all(scrub(page, targets) is page for page in read_part(path)):
        return None
    temp = folder.new_temp()
    file = PagesFile(temp)
    for page in read_part(path):
        clean_page = scrub(page, targets)
        file.add([clean_page])
        if clean_page is not page:
            sizes.note(clean_page)
    file.close(clean_runs)
    return Rewritten(temp, folder.pages / part_name(temp, next_to=path))


def _run_value(name: str, value: Any, targets: Targets) -> Any:
    """A value of a run's record without what must be removed."""
    if not isinstance(value, str):
        return value
    col = _declaration("runs", name)
    if col is None:
        return without_asked(value, targets)
    return cleaned(value, col, targets)


# tables ------------------------------------------------------------------------------------------


def table_file_without(
    folder: Folder, name: str, path: Place, targets: Targets, sizes: PageSizes
) -> Rewritten | None:
    """Rewrite a file of a table without what must be removed; None if it contains nothing of it."""
    with pq.ParquetFile(opened(path)) as file:
        columns = [n for n in file.schema_arrow.names if _is_relevant(name, n)]
        groups = range(file.num_row_groups)
        if not columns or not any(
            _needs_change(name, file.read_row_group(n, columns), targets, sizes) for n in groups
        ):
            return None
        temp = folder.new_temp()
        stays: list[np.ndarray] = []
        with pq.ParquetWriter(temp, file.schema_arrow, **PARQUET) as writer:
            for n in groups:
                rows = file.read_row_group(n)
                stays.append(_stays(name, rows, targets).to_numpy())
                writer.write_table(_clean(name, rows, targets, sizes))
    new_name = part_name(temp)
    if base := BASE.fullmatch(path.name):
        new_name = base_name(temp, base["generation"], int(base["number"]) + 10_000)
    return Rewritten(temp, path.with_name(new_name), np.concatenate(stays))


def _needs_change(name: str, rows: pa.Table, targets: Targets, sizes: PageSizes) -> bool:
    return not _clean(name, rows, targets, sizes).equals(rows)


def _is_relevant(name: str, column: str) -> bool:
    """Whether a column can contain something to remove, or decide whether its row is removed."""
    col = _declaration(name, column)
    if column in {c for c, _ in owners(name)} or (col is not None and col.content == "id"):
        return True
    if column in {"byte_count", "row_count"}:
        return name == "requests"
    if column == "position":
        return any(c.holds == "subject" for c in TABLES[name].columns)
    if col is None:
        return True
    return col.type in {Type.STR, Type.STRS, Type.JSON} and col.content != "words"


def _declaration(name: str, column: str) -> Col | None:
    """The declaration of a file's column; None if a newer version of xframes wrote it."""
    return next((c for c in TABLES[name].columns if c.name == column), None)


def _clean(name: str, rows: pa.Table, targets: Targets, sizes: PageSizes) -> pa.Table:
    """Remove rows, and remove names and other traces of people from the rows that stay."""
    rows = rows.filter(_stays(name, rows, targets))
    if name == "requests":
        rows = sizes.correct(rows)
    before = rows
    for n in rows.column_names:
        col = _declaration(name, n)
        if col is not None and col.holds == "handle":
            rows = _without_handles(rows, col, targets)
        elif col is None or col.holds != "preview":
            rows = _rewrite(rows, n, partial(_clean_text, col=col, targets=targets))
    rows = _without_previews(before, rows, name, targets)
    return _without_requests(before, rows, name)


def _stays(name: str, rows: pa.Table, targets: Targets) -> pa.ChunkedArray:
    """For each row, whether it stays."""
    ids = ids_by_kind(targets)
    to_remove = [_is_in(rows, column, ids[kind]) for column, kind in owners(name)]
    subjects = [c.name for c in TABLES[name].columns if c.holds == "subject"]
    if subjects:  # only reports by X: xframes' own are derived from what a page still has
        by_x = pc.less(rows["position"], OWN_PROBLEMS_FROM)
        for column in subjects:
            about_them = _is_in(rows, column, targets.names, lower=True)
            to_remove.append(pc.fill_null(pc.and_(by_x, about_them), False))
    if not to_remove:
        return pa.chunked_array([pa.repeat(pa.scalar(True), rows.num_rows)])
    return pc.invert(reduce(pc.or_, to_remove))


def _clean_text(text: str, col: Col | None, targets: Targets) -> str | None:
    if not targets.occurs_in(text.encode()):
        return text
    if col is not None and col.type is Type.JSON and col.content != "request":
        return scrubbed(text, targets)
    return cleaned(text, col, targets)


def _without_handles(rows: pa.Table, col: Col, targets: Targets) -> pa.Table:
    """Remove the handles of removed people from a column.

    A former handle of theirs stays in rows about another person, who has it now.
    """
    is_target = _is_in(rows, str(col.of), targets.users)
    has_id = is_target
    if col.of in rows.column_names:
        has_id = pc.is_valid(rows[col.of])
    is_other = pc.and_(has_id, pc.invert(is_target))
    has_handle = pc.or_(is_target, _is_in(rows, col.name, targets.names, lower=True))
    values = pc.if_else(pc.and_not(has_handle, is_other), None, rows[col.name])
    rows = _with_column(rows, col.name, values)
    return _rewrite(rows, col.name, partial(_clean_text, col=col, targets=targets))


def _without_previews(before: pa.Table, rows: pa.Table, name: str, targets: Targets) -> pa.Table:
    """Remove the previews of links to removed people's pages.

    `before` has the links before cleaning, which show whose pages they lead to.
    """
    present = [c for c in TABLES[name].columns if c.name in rows.column_names]
    previews = [c for c in present if c.holds == "preview"]
    if not previews:
        return rows
    columns = [c.name for c in present if c.holds in {"link", "shown_link", "preview"}]
    links = before.select(columns).to_pylist()
    clean_links = [without_preview(link, targets) for link in links]
    for col in previews:
        values = [
            _preview(col.name, link, clean)
            for link, clean in zip(links, clean_links, strict=True)
        ]
        rows = _with_column(rows, col.name, pa.array(values, pa.string()))
        if col.type is Type.JSON:
            rows = _rewrite(rows, col.name, lambda text: scrubbed(text, targets))
    return rows


def _preview(column: str, link: Mapping[str, Any], clean: Mapping[str, Any]) -> str | None:
    """A part of a preview after cleaning; null if it was removed. An empty text stays."""
    if link[column] is None:
        return None
    after: str | None = clean.get(column)
    if after is None and link[column] == "":
        return ""
    return after


def _without_requests(before: pa.Table, rows: pa.Table, name: str) -> pa.Table:
    """Empty the request in rows whose answer has changed."""
    present = [c for c in TABLES[name].columns if c.name in rows.column_names]
    requests = [c.name for c in present if c.holds == "request"]
    if not requests:
        return rows
    for answer in (c.name for c in present if c.holds == "content"):
        pairs = zip(before[answer].to_pylist(), rows[answer].to_pylist(), strict=True)
        same = pa.array([old == new for old, new in pairs], pa.bool_())
        for request in requests:
            values = pc.if_else(same, rows[request].combine_chunks(), "{}")
            rows = _with_column(rows, request, values)
    return rows


def _rewrite(rows: pa.Table, column: str, rewrite: Callable[[str], str | None]) -> pa.Table:
    """Rewrite the texts, or lists of texts, of a column; columns of other types stay as they are.

    `rewrite` is called once for each distinct text; None removes it.
    """
    type_ = rows.schema.field(column).type
    values = rows[column].combine_chunks()
    if pa.types.is_string(type_):
        new = _new_texts(values, rewrite)
        if new:
            texts = [new.get(text) for text in values.to_pylist()]
            rows = _with_column(rows, column, pa.array(texts, type_))
    elif pa.types.is_list(type_) and pa.types.is_string(type_.value_type):
        new = _new_texts(values.flatten(), rewrite)
        if new:
            lists = [
                None if row is None else [new.get(text) for text in row]
                for row in values.to_pylist()
            ]
            rows = _with_column(rows, column, pa.array(lists, type_))
    return rows


def _new_texts(texts: pa.Array, rewrite: Callable[[str], str | None]) -> dict[str, str | None]:
    """The new text of each distinct text; empty if all stay as they are."""
    old = [text for text in pc.unique(texts).to_pylist() if text is not None]
    new = {text: rewrite(text) for text in old}
    if all(text == rewritten for text, rewritten in new.items()):
        return {}
    return new


def _is_in(
    rows: pa.Table, column: str, values: frozenset[str], *, lower: bool = False
) -> pa.ChunkedArray:
    """For each row, whether a column has one of these values; false if the column is missing."""
    if column not in rows.column_names:
        return pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])
    texts = rows[column]
    if lower:
        texts = pc.utf8_lower(texts)
    return pc.is_in(texts, value_set=pa.array(sorted(values), pa.string()))


def _with_column(rows: pa.Table, column: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    index = rows.schema.get_field_index(column)
    return rows.set_column(index, rows.schema.field(index), values)


# records of which rows hold ----------------------------------------------------------------------


def rewritten_records(
    folder: Folder, rewritten: Mapping[Place, Rewritten]
) -> dict[Place, Rewritten]:
    """Write the records of which rows hold again, with the names and rows of rewritten files.

    Without them, queries would have to merge all rows of these tables. Older records come first.
    """
    by_name = {(old.parent.name, old.name): new for old, new in rewritten.items()}
    records = {}
    for table in STORED:
        if record := folder.files(table).settled:
            records[record.place.name] = record
    new_records = {}
    for _, record in sorted(records.items()):
        files: dict[str, list[str]] = {}
        dead: dict[str, dict[str, np.ndarray]] = {}
        for table, names in record.files.items():
            news = {name: by_name.get((table, name)) for name in names}
            files[table] = [new.place.name if new else name for name, new in news.items()]
            dead[table] = dict(_new_bits(record.bits(table), news))
        if files != {table: list(names) for table, names in record.files.items()}:
            temp = folder.new_temp()
            settled.write(temp, files, dead)
            place = record.place.with_name(settled_name(temp))
            new_records[record.place] = Rewritten(temp, place)
    return new_records


def _new_bits(
    dead: Mapping[str, np.ndarray], news: Mapping[str, Rewritten | None]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the names of the files that have dead rows now, with a bit for each row that stays."""
    for name, bits in dead.items():
        new = news[name]
        if new is None:
            yield name, bits
            continue
        of_rows = np.unpackbits(bits)[:len(new.stays)]
        yield new.place.name, np.packbits(of_rows[new.stays])


# the journal -------------------------------------------------------------------------------------


def clean_journal(folder: Folder, targets: Targets, authors: frozenset[str]) -> None:
    """Remove the targets from the journal: from pages not yet in parts, and from runs.

    The freed bytes of the file are overwritten. `authors` are the people who are removed only
    because their last post is; those with other posts in the journal stay.
    """
    if not folder.journal.exists():
        return
    with open_journal(folder.journal) as journal:
        settle(folder, journal, ())
        targets_here: list[Targets] = []

        def clean(page: Page) -> Page:
            if not targets_here:  # only now is the journal locked, so that no page can be added
                staying: frozenset[str] = frozenset()
                if authors:
                    staying = _authors(journal, targets) & authors
                targets_here.append(replace(targets, users=targets.users - staying))
            return scrub(page, targets_here[0])

        journal.clean(clean, lambda text: without_asked(text, targets))


def _authors(journal: Journal, targets: Targets) -> frozenset[str]:
    """The authors of the posts in the journal that stay."""
    flattener, authors = Flattener(), set[str]()
    for run_id in journal.pending():
        for _, page in journal.read(run_id):
            posts = flattener.batch([page]).get("posts")
            if posts is not None:
                rows = posts.select(["id", "author_id"]).to_pylist()
                authors |= {row["author_id"] for row in rows if row["id"] not in targets.posts}
    return frozenset(authors - {None})
