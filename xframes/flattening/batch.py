"""From the pages of a batch, decoded, to the rows of tables."""

from __future__ import annotations

import json
from functools import cache, lru_cache, partial
from itertools import chain, compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.flattening import metrics
from xframes.flattening.arrow_columns import (
    Column,
    Columns,
    Index,
    LazyColumn,
    Objects,
    Spread,
    constant,
    rows_with_values,
)
from xframes.flattening.contents import (
    OWN_PROBLEMS_FROM,
    Contents,
    Misfit,
    error_row,
    misfit_row,
    missing_objects,
    to_count,
    to_text,
    write_answer,
)
from xframes.flattening.nodes import Structs, tree
from xframes.flattening.table_builder import Part, TableBuilder
from xframes.plan.windows import drawn
from xframes.schema import FIELDS_PARAM, TABLES, Table, Type, is_complete, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from xframes.flattening.decoder import Decoder
    from xframes.wire import Page

# Kinds of objects that become rows of an entity table, and the field that identifies them.
ENTITIES = {
    "post": "id", "user": "id", "media": "media_key", "place": "id", "poll": "id", "space": "id",
    "topic": "id", "list": "id", "dm": "id", "community": "id", "news": "id|rest_id",
    "bookmark_folder": "id", "rule": "id", "compliance_job": "id", "media_upload": "id",
    "note": "id", "broadcast": "id|broadcast_id", "scheduled_broadcast": "scheduled_broadcast_id",
    "broadcast_message": "id", "like": "id", "connection": "id",
}

_dump = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
_TOPIC_IDS = TABLES["spaces"].schema.get_field_index("topic_ids")


def flatten_batch(pages: Sequence[Page], decoder: Decoder) -> dict[str, list[Part]]:
    """Return the rows of every table that has any."""
    while True:  # structs that change on the way are used for the whole batch
        structs = decoder.structs
        contents = [decoder.decode(page) for page in pages]
        if decoder.structs is structs:
            return _Batch(pages, contents, structs).parts()


class _Batch:
    """The contents of a batch of pages, and what fills the tables from them."""

    def __init__(
        self, pages: Sequence[Page], contents: Sequence[Contents], structs: Structs
    ) -> None:
        self._pages = pages
        self._contents = contents
        self._structs = structs
        self._builder = TableBuilder(pages, contents, structs)
        self._pool = self._builder.pool
        self._misfits = [
            [*of_page.misfits, *missing_objects(page, of_page)]
            for page, of_page in zip(pages, contents, strict=True)
        ]
        self._field_params = [_field_params(page) for page in pages]

    def parts(self) -> dict[str, list[Part]]:
        """Return the rows of every table that has any."""
        for kind in ENTITIES:
            self._add_entities(kind)
        self._add_metrics()
        self._add_matches()
        self._add_samples()
        self._add_edges()
        self._add_rule_matches()
        self._add_writes()
        self._add_requests()
        self._add_errors()
        self._pool.build()
        if self._pool.misfits:
            self._collect_misfits()
        self._add_misfits()
        return self._builder.parts

    def _add_entities(self, kind: str) -> None:
        """Add the objects of that kind on all pages, with their details."""
        items: list[Any] = []
        page_of_row: list[int] = []
        is_main: list[bool] = []
        for page, contents in enumerate(self._contents):
            objects = _objects_of(contents, kind)
            if objects:
                objects = self._unique(objects, kind, page)
                items += objects
                page_of_row += [page] * len(objects)
                main = _main_count(contents, kind)
                is_main += [True] * main + [False] * (len(objects) - main)
        if items:
            decoded = Objects(items, tree(kind), self._structs, self._pool)
            self._add_objects(decoded, page_of_row, is_main)

    def _unique(self, items: Sequence[Any], kind: str, page: int) -> Sequence[Any]:
        """Return one object per key, the first. Objects without a key are misfits."""
        keys = list(map(_key_getter(kind), items))
        distinct = set(keys)
        if len(distinct) == len(keys) and None not in distinct:
            return items
        unique: dict[Any, Any] = {}
        for key, item in zip(keys, items, strict=True):
            if key is None:
                name = ENTITIES[kind]
                misfit = Misfit("bad_value", f"a {kind} without {name}", f"{kind}.{name}")
                self._misfits[page].append(misfit)
            else:
                unique.setdefault(key, item)
        return list(unique.values())

    def _add_objects(
        self, objects: Objects, page_of_row: Index, is_main: Sequence[bool]
    ) -> None:
        """Add the rows of objects of one kind: of the entity's table, its metrics and details."""
        kind = objects.node.key
        entity, *others = tables_of(kind)
        external: dict[str, Column | LazyColumn] = {}
        if entity.name == "posts":
            external["is_result"] = self._pool.column(is_main, Type.BOOL)
        columns = objects.columns(entity.name, external)
        if entity.name == "spaces":
            topic_ids = list(map(_topic_ids, objects.items))
            columns[_TOPIC_IDS] = self._pool.column(topic_ids, Type.STRS)
        columns.append(self._complete(kind, page_of_row))
        self._builder.add(entity.name, columns, page_of_row, kind)
        for table in others:
            if not table.sources:
                self._add_entity_metrics(table, entity, columns, page_of_row)
        ids = columns[0]
        assert isinstance(ids, Column)  # objects without one are misfits by now
        details = [table for table in others if table.sources]
        self._add_details(details, objects, Spread(ids, page_of_row))

    def _complete(self, kind: str, page_of_row: Index) -> Column | LazyColumn:
        """Return the column `complete`: whether all fields were requested."""
        if kind in FIELDS_PARAM:
            flags = [_has_all_fields(kind, params) for params in self._field_params]
        else:
            flags = [contents.action is not None for contents in self._contents]
        if len(set(flags)) == 1:
            return LazyColumn(partial(constant, flags[0], Type.BOOL, len(page_of_row)))
        return self._pool.column([flags[page] for page in page_of_row], Type.BOOL)

    def _add_details(self, tables: Sequence[Table], objects: Objects, spread: Spread) -> None:
        for table, source, items, placement in objects.details(tables, spread):
            external: dict[str, Column | LazyColumn] = {"position": placement.positions}
            external[table.parent_key] = placement.ids
            if table.const is not None:
                build = partial(constant, source.const, Type.STR, len(placement.pages))
                external[table.const] = LazyColumn(build)
            columns = items.columns(table.name, external)
            self._builder.add(table.name, columns, placement.pages, items.node.key)

    def _add_entity_metrics(
        self, table: Table, entity: Table, entity_columns: Columns, page_of_row: Index
    ) -> None:
        """Add the rows of a table of metrics, for the entities that have any."""
        columns = [entity_columns[place] for place in _shared_columns(table.name, entity.name)]
        flags = rows_with_values(columns[1:])
        if flags is not None:
            page_of_row = list(compress(page_of_row, flags))
            if not page_of_row:
                return
            columns = [_filter(column, flags) for column in columns]
        self._builder.add(table.name, columns, page_of_row)

    def _add_metrics(self) -> None:
        for kind, add in metrics.ADD.items():
            for page, contents in enumerate(self._contents):
                if contents.kind == kind and contents.main:
                    add(self._builder, page)

    def _add_matches(self) -> None:
        """Add the posts that answered each request, in X's order."""
        posts: list[str] = []
        positions: list[int] = []
        page_of_row: list[int] = []
        for page, contents in enumerate(self._contents):
            if contents.kind == "post":
                places = _first_places(contents)
                posts += places
                positions += places.values()
                page_of_row += [page] * len(places)
        runs = [self._pages[page].run_id for page in page_of_row]
        values: dict[str, Sequence[Any]] = {
            "run_id": runs, "post_id": posts, "position": positions,
        }
        self._builder.add_values("matches", values, page_of_row)

    def _add_samples(self) -> None:
        """Add the windows of samples, and the posts that were read from them."""
        for page, contents in enumerate(self._contents):
            found = drawn(self._pages[page].request.args)
            if found is None:
                continue
            window, run_id = found.window, self._pages[page].run_id
            common = {
                "sample_id": found.sample_id, "window": window.number, "stratum": window.stratum,
                "run_id": run_id,
            }
            row = common | {
                "stratum_windows": window.stratum_windows, "probability": window.probability,
                "counted": window.counted, "start_at": window.start_at, "end_at": window.end_at,
            }
            self._builder.add_rows("sample_windows", [row], [page])
            if contents.kind == "post":
                row = common | {
                    "weight": 1 / window.probability,
                    "window_start_at": window.start_at, "window_end_at": window.end_at,
                }
                posts = _first_places(contents)
                rows = [row | {"post_id": post} for post in posts]
                self._builder.add_rows("samples", rows, [page] * len(rows))

    def _add_edges(self) -> None:
        """Add the relations an action implies: each main row and an argument of the request."""
        for page, contents in enumerate(self._contents):
            if contents.action is None or contents.action.edge is None:
                continue
            edge = contents.action.edge
            argument = contents.args.get(edge.arg)
            if argument is None or contents.kind not in ENTITIES:
                continue
            places = _first_places(contents)
            values: dict[str, Sequence[Any]] = {
                edge.row_column: list(places), edge.arg_column: [argument] * len(places),
                "position": list(places.values()),
            }
            self._builder.add_values(edge.table, values, [page] * len(places))

    def _add_rule_matches(self) -> None:
        rows: list[dict[str, Any]] = []
        page_of_row: list[int] = []
        for page, contents in enumerate(self._contents):
            if contents.matching_rules:
                new_rows = list(_rule_matches(contents))
                rows += new_rows
                page_of_row += [page] * len(new_rows)
        self._builder.add_rows("rule_matches", rows, page_of_row)

    def _add_writes(self) -> None:
        """Add what write actions changed, with X's answer."""
        rows: list[dict[str, Any]] = []
        page_of_row: list[int] = []
        for index, (page, contents) in enumerate(zip(self._pages, self._contents, strict=True)):
            action = contents.action
            if action is None or action.kind != "write":
                continue
            rows.append({
                "run_id": page.run_id, "action": action.name, "status": page.status,
                "arguments": _dump(dict(page.request.args)), "answer": write_answer(page.body),
            })
            page_of_row.append(index)
        self._builder.add_rows("writes", rows, page_of_row)

    def _add_requests(self) -> None:
        rows = list(map(_request_row, self._pages, self._contents))
        self._builder.add_rows("requests", rows, range(len(rows)))

    def _add_errors(self) -> None:
        """Add X's own problems."""
        rows = [list(map(error_row, contents.errors)) for contents in self._contents]
        self._add_problems(rows, 0)

    def _add_misfits(self) -> None:
        """Add what no table can hold."""
        if any(self._misfits):
            rows = [list(map(misfit_row, misfits)) for misfits in self._misfits]
            self._add_problems(rows, OWN_PROBLEMS_FROM)
            self._pool.build()

    def _add_problems(self, rows: Sequence[Sequence[dict[str, Any]]], start: int) -> None:
        """Add the problems of each page, numbered from `start`."""
        page_of_row: list[int] = []
        for index, of_page in enumerate(rows):
            page_of_row += [index] * len(of_page)
            for position, row in enumerate(of_page, start):
                row["position"] = position
                row["run_id"] = self._pages[index].run_id
        self._builder.add_rows("problems", list(chain.from_iterable(rows)), page_of_row)

    def _collect_misfits(self) -> None:
        """Collect the values that no column could hold as misfits of their pages."""
        for name, parts in self._builder.parts.items():
            for columns, page_of_row, _, where in parts:
                for col, column in zip(TABLES[name].body, columns, strict=False):
                    if isinstance(column, Column) and column in self._pool.misfits:
                        path = f"{name}.{col.name}"
                        if where:
                            path = f"{where}.{col.path}"
                        # once: other tables may have the same column
                        for row, value in self._pool.misfits.pop(column):
                            self._misfits[page_of_row[row]].append(_misfit(path, value))


def _misfit(path: str, value: Any) -> Misfit:
    text = str(value)[:200]
    return Misfit("bad_value", f"{path} cannot hold {text!r}", path, text)


def _objects_of(contents: Contents, kind: str) -> Sequence[Any]:
    """Return a page's objects of one kind, the main ones before the included."""
    included = contents.includes.get(kind, ())
    if kind == "topic" and contents.kind == "space":
        included = [*included, *_topics(contents.main)]
    if contents.kind != kind or not contents.main:
        return included
    main = contents.main
    if contents.removed:
        key = _key_getter(kind)
        main = [item for item in main if key(item) not in contents.removed]
    if not included:
        return main
    return [*main, *included]


def _main_count(contents: Contents, kind: str) -> int:
    """Return the number of different main objects of one kind on a page."""
    if contents.kind != kind:
        return 0
    return len(set(map(_key_getter(kind), contents.main)) - {None} - contents.removed)


def _topics(spaces: Iterable[Any]) -> Iterator[Any]:
    for space in spaces:
        yield from space.topics or ()


@cache
def _key_getter(kind: str) -> Callable[[Any], Any]:
    """Return a function that returns the id of an object of that kind."""
    first, _, second = ENTITIES[kind].partition("|")
    if not second:
        return attrgetter(first)
    return lambda item: getattr(item, first) or getattr(item, second)


def _filter(column: Column | LazyColumn | None, flags: Sequence[bool]) -> LazyColumn | None:
    if column is None:
        return None
    return LazyColumn(lambda: column.array.filter(pa.array(flags)))


@cache
def _shared_columns(table: str, entity: str) -> tuple[int, ...]:
    """Return the places in an entity's table of the columns of another, by their wire paths."""
    paths = [c.path for c in TABLES[entity].body]
    return tuple(paths.index(c.path) for c in TABLES[table].body)


def _first_places(contents: Contents) -> dict[str, int]:
    """Return where each main object is first, by its id, in order."""
    places: dict[str, int] = {}
    for place, id_ in enumerate(map(_key_getter(str(contents.kind)), contents.main)):
        if id_ is not None and id_ not in contents.removed:
            places.setdefault(id_, place)
    return places


def _topic_ids(space: Any) -> list[str] | None:
    """Return the ids of a Space's topics; X's specification 2.159 has the objects only."""
    if not space.topic_ids and space.topics:
        return [topic.id for topic in space.topics]
    if isinstance(space.topic_ids, list):
        return list(space.topic_ids)
    return None


def _rule_matches(contents: Contents) -> Iterator[dict[str, Any]]:
    """Yield the rules that a page's post matched. A list of pages has the post with each rule."""
    post_id = None
    if contents.kind == "post" and contents.main:
        post_id = contents.main[0].id
    rules: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    for rule in contents.matching_rules:
        ids = to_text(rule.get("id")), to_text(rule.get("post_id", post_id))
        rules.setdefault(ids, rule)
    position = 0
    for (rule_id, of_post), rule in rules.items():
        if rule_id is not None and of_post is not None:
            yield {"rule_id": rule_id, "post_id": of_post, "position": position,
                   "tag": to_text(rule.get("tag"))}
            position += 1


def _request_row(page: Page, contents: Contents) -> dict[str, Any]:
    request, meta = page.request, contents.meta
    action = request.action
    if contents.action is not None:
        action = contents.action.name
    total = meta.get("total_tweet_count", meta.get("total_post_count"))
    return {
        "run_id": page.run_id, "action": action, "method": request.method,
        "path": request.path or None, "params": _dump(dict(request.params)),
        "status": page.status, "result_count": to_count(meta.get("result_count")),
        "row_count": len(contents.main), "total_post_count": to_count(total),
        "newest_id": to_text(meta.get("newest_id")), "oldest_id": to_text(meta.get("oldest_id")),
        "next_token": to_text(meta.get("next_token")), "byte_count": len(page.body),
        "microsecond": page.received_at.microsecond % 1000,
    }


def _field_params(page: Page) -> tuple[tuple[str, str], ...]:
    """Return the fields and expansions that a page's request has."""
    params = sorted(page.request.params.items())
    return tuple((n, v) for n, v in params if n.endswith(".fields") or n == "expansions")


@lru_cache(maxsize=256)
def _has_all_fields(kind: str, params: tuple[tuple[str, str], ...]) -> bool:
    return is_complete(kind, dict(params))
