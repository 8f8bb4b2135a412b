"""From the decoded pages of a batch to tables."""

from __future__ import annotations

import json
from functools import cache, lru_cache, partial
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes.flatten import measures
from xframes.flatten.columns import Column, Columns, Index, Late, Objects, Pool, Spread, constant, known
from xframes.flatten.decode import Bad, Decoder, Parsed
from xframes.flatten.nodes import tree
from xframes.flatten.reports import OWN_PROBLEMS_FROM, answer, count, own, reported, text, unanswered
from xframes.flatten.tables import Part, Rows
from xframes.schema import FIELDS_PARAM, TABLES, Table, Type, is_complete, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from xframes.wire import Page

# Kinds of objects that become rows of an entity table, and the field that identifies them.
ENTITIES = {"post": "id", "user": "id", "media": "media_key", "place": "id", "poll": "id", "space": "id",
            "topic": "id", "list": "id", "dm": "id", "community": "id", "news": "id|rest_id", "bookmark_folder": "id",
            "rule": "id", "compliance_job": "id", "media_upload": "id"}

_dump = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
_TOPIC_IDS = TABLES["spaces"].schema.get_field_index("topic_ids")


class Batch:
    """The pages of one batch, decoded, and the tables they fill."""

    def __init__(self, pages: Sequence[Page], decoder: Decoder) -> None:
        self.pages = pages
        self.parsed = _decode(pages, decoder)
        self._from = Rows(pages)
        self._structs = decoder.structs
        self._bad: list[list[Bad]] = [
            [*p.bad, *unanswered(page, p)] for page, p in zip(pages, self.parsed, strict=True)
        ]
        self._asked = [_asked(page) for page in pages]
        self._pool = Pool()
        self._parts: dict[str, list[Part]] = {}

    def parts(self) -> dict[str, list[Part]]:
        """The rows of every table that has any."""
        for kind in ENTITIES:
            self._entity(kind)
        self._main_kinds()
        self._matches()
        self._edges()
        self._rule_matches()
        self._writes()
        self._requests()
        self._problems()
        self._pool.build()
        self._own_problems()  # last: building the columns may have found values that fit nowhere
        return self._parts

    def add(self, name: str, columns: Columns, page_of_row: Index, where: str | None = None) -> None:
        """Add rows to a table. `where` names the objects they come from."""
        self._parts.setdefault(name, []).append(Part(columns, page_of_row, self._from, where))

    def add_values(self, name: str, values: Mapping[str, Sequence[Any]], pages: Sequence[int]) -> None:
        """Add rows given as plain values by column, with the page each comes from."""
        if not pages:
            return
        self.add(name, [self._pool.column(values[c.name], c.type) for c in TABLES[name].body], pages)

    def add_objects(self, name: str, kind: str, page: int, given: Mapping[str, Any]) -> None:
        """Add a page's main objects to a table, with `given` values for the columns that do not come from its body.

        A `position` is the object's place on the page.
        """
        main = self.parsed[page].main
        objects = Objects(main, tree(kind), self._structs, self._pool)
        values = {"position": range(len(main))} | {column: [value] * len(main) for column, value in given.items()}
        columns = {c.name: self._pool.column(values[c.name], c.type) for c in TABLES[name].body if not c.path}
        self.add(name, objects.columns(name, columns), [page] * len(main), kind)

    def _entity(self, kind: str) -> None:
        items: list[Any] = []
        page_of_row: list[int] = []
        key = _key(kind)
        for index, parsed in enumerate(self.parsed):
            own = parsed.main if parsed.kind == kind else ()
            included = parsed.includes.get(kind, ())
            if kind == "topic" and parsed.kind == "space":
                included = [*included, *(t for s in parsed.main for t in s.topics or ())]
            fresh = self._unique([*own, *included] if own and included else own or included, key, kind, index)
            items += fresh
            page_of_row += [index] * len(fresh)
        if not items:
            return
        objects = Objects(items, tree(kind), self._structs, self._pool)
        entity, *others = tables_of(kind)
        columns = self._entity_table(entity, objects, page_of_row)
        for table in others:
            if not table.sources:
                self._metrics_table(table, entity, columns, page_of_row)
        ids = columns[0]
        assert isinstance(ids, Column)  # objects without one are problems by now
        self._detail_tables([table for table in others if table.sources], objects, Spread(ids, page_of_row))

    def _unique(self, items: Sequence[Any], key: Callable[[Any], Any], kind: str, page: int) -> Sequence[Any]:
        """One object per key, the main one before the included; those without a key become problems."""
        keys = list(map(key, items))
        distinct = set(keys)
        if len(distinct) == len(keys) and None not in distinct:
            return items
        found: dict[Any, Any] = {}
        for k, item in zip(keys, items, strict=True):
            if k is None:
                path = f"{kind}.{ENTITIES[kind]}"
                self._bad[page].append(Bad("bad_value", f"a {kind} without {ENTITIES[kind]}", path))
            else:
                found.setdefault(k, item)
        return list(found.values())

    def _entity_table(self, table: Table, objects: Objects, page_of_row: Index) -> Columns:
        """Add the entities themselves; gives their columns, the id first."""
        columns = objects.columns(table.name, {})
        if table.name == "spaces":
            columns[_TOPIC_IDS] = self._pool.column([_topic_ids(s) for s in objects.items], Type.STRS)
        columns.append(self._complete(objects.node.key, page_of_row))
        self.add(table.name, columns, page_of_row, objects.node.key)
        return columns

    def _complete(self, kind: str, page_of_row: Index) -> Column | Late:
        if kind in FIELDS_PARAM:
            flags = [_asked_for_all(kind, asked) for asked in self._asked]
        else:
            flags = [p.action is not None for p in self.parsed]
        if len(set(flags)) == 1:
            return Late(partial(constant, flags[0], Type.BOOL, len(page_of_row)))
        return self._pool.column([flags[page] for page in page_of_row], Type.BOOL)

    def _detail_tables(self, tables: Sequence[Table], objects: Objects, spread: Spread) -> None:
        for table, source, items, placed in objects.details(tables, spread):
            given = {table.parent_key: placed.ids, "position": placed.positions}
            if table.const is not None:
                given[table.const] = Late(partial(constant, source.const, Type.STR, len(placed.pages)))
            self.add(table.name, items.columns(table.name, given), placed.pages, items.node.key)

    def _metrics_table(self, table: Table, entity: Table, held: Columns, page_of_row: Index) -> None:
        """What the entities' columns say of this moment, for those that say anything."""
        columns = [held[place] for place in _same_columns(table.name, entity.name)]
        told = known(columns[1:])
        if told is not None:
            page_of_row = list(compress(page_of_row, told))
            if not page_of_row:
                return
            columns = [None if c is None else Late(partial(_kept, c, told)) for c in columns]
        self.add(table.name, columns, page_of_row)

    def _main_kinds(self) -> None:
        for kind, fill in measures.FILL.items():
            for index, parsed in enumerate(self.parsed):
                if parsed.kind == kind and parsed.main:
                    fill(self, index, parsed)

    def _matches(self) -> None:
        posts: list[str] = []
        positions: list[int] = []
        counts: list[int] = []
        for parsed in self.parsed:
            ids = _places(map(_key("post"), parsed.main)) if parsed.kind == "post" else {}
            posts += ids
            positions += ids.values()
            counts.append(len(ids))
        if posts:
            rows = [page for page, count in enumerate(counts) for _ in range(count)]
            runs = [self.pages[r].run_id for r in rows]
            self.add_values("matches", {"run_id": runs, "post_id": posts, "position": positions}, rows)

    def _edges(self) -> None:
        """Relations the action states: each main row and the argument it was asked with."""
        for index, parsed in enumerate(self.parsed):
            edge = parsed.action.edge if parsed.action is not None else None
            given = parsed.args.get(edge.arg) if edge is not None else None
            if edge is None or given is None or parsed.kind not in ENTITIES:
                continue
            ids = _places(map(_key(parsed.kind), parsed.main))
            values: dict[str, Sequence[Any]] = {
                edge.row_column: list(ids), edge.arg_column: [given] * len(ids), "position": list(ids.values()),
            }
            self.add_values(edge.table, values, [index] * len(ids))

    def _rule_matches(self) -> None:
        rows: list[dict[str, Any]] = []
        pages: list[int] = []
        for index, parsed in enumerate(self.parsed):
            post = parsed.main[0].id if parsed.kind == "post" and parsed.main else None
            found: dict[tuple[str | None, str | None], Mapping[str, Any]] = {}
            for rule in parsed.matching_rules:
                found.setdefault((text(rule.get("id")), text(rule.get("post_id", post))), rule)
            known = [(*ids, text(rule.get("tag"))) for ids, rule in found.items() if None not in ids]
            for position, (rule_id, post_id, tag) in enumerate(known):
                rows.append({"rule_id": rule_id, "post_id": post_id, "position": position, "tag": tag})
                pages.append(index)
        self._from_rows("rule_matches", rows, pages)

    def _writes(self) -> None:
        """What write actions changed, with X's answer."""
        rows: list[dict[str, Any]] = []
        pages: list[int] = []
        for index, (page, parsed) in enumerate(zip(self.pages, self.parsed, strict=True)):
            if parsed.action is None or parsed.action.kind != "write":
                continue
            arguments = _dump(dict(page.request.args))
            rows.append({"run_id": page.run_id, "action": parsed.action.name, "arguments": arguments,
                         "status": page.status, "answer": answer(page.body)})
            pages.append(index)
        self._from_rows("writes", rows, pages)

    def _requests(self) -> None:
        rows: list[dict[str, Any]] = []
        for page, parsed in zip(self.pages, self.parsed, strict=True):
            meta = parsed.meta
            request = page.request
            total = meta.get("total_tweet_count", meta.get("total_post_count"))
            rows.append({
                "run_id": page.run_id, "action": parsed.action.name if parsed.action else request.action,
                "method": request.method, "path": request.path or None,
                "params": _dump(dict(request.params)),
                "status": page.status, "result_count": count(meta.get("result_count")),
                "row_count": len(parsed.main), "total_post_count": count(total),
                "newest_id": text(meta.get("newest_id")), "oldest_id": text(meta.get("oldest_id")),
                "next_token": text(meta.get("next_token")), "byte_count": len(page.body),
            })
        self._from_rows("requests", rows, list(range(len(rows))))

    def _from_rows(self, name: str, rows: Sequence[Mapping[str, Any]], pages: Sequence[int]) -> None:
        self.add_values(name, {c.name: [row.get(c.name) for row in rows] for c in TABLES[name].body}, pages)

    def _problems(self) -> None:
        """X's own problems."""
        rows: list[dict[str, Any]] = []
        pages: list[int] = []
        for index, (page, parsed) in enumerate(zip(self.pages, self.parsed, strict=True)):
            for position, error in enumerate(parsed.errors):
                rows.append(reported(error) | {"position": position, "run_id": page.run_id})
                pages.append(index)
        self._from_rows("problems", rows, pages)

    def _own_problems(self) -> None:
        """What fits nowhere."""
        if self._pool.bad:
            self._collect_misfits()
        rows: list[dict[str, Any]] = []
        pages: list[int] = []
        for index, (page, found) in enumerate(zip(self.pages, self._bad, strict=True)):
            for position, bad in enumerate(found, OWN_PROBLEMS_FROM):
                rows.append(own(bad) | {"position": position, "run_id": page.run_id})
                pages.append(index)
        if rows:
            self._from_rows("problems", rows, pages)
            self._pool.build()

    def _collect_misfits(self) -> None:
        """Values that no column could hold, as problems of their pages."""
        for name, parts in self._parts.items():
            for columns, page_of_row, _, where in parts:
                for col, column in zip(TABLES[name].body, columns, strict=False):
                    if not isinstance(column, Column):
                        continue
                    path = f"{where}.{col.path}" if where else f"{name}.{col.name}"
                    for row, value in self._pool.bad.pop(column, ()):  # once: other tables may hold it too
                        text = str(value)[:200]
                        bad = Bad("bad_value", f"{path} cannot hold {text!r}", path, text)
                        self._bad[page_of_row[row]].append(bad)


@cache
def _key(kind: str) -> Callable[[Any], Any]:
    """Gives the id of an object of that kind."""
    first, _, second = ENTITIES[kind].partition("|")
    return (lambda item: getattr(item, first) or getattr(item, second)) if second else attrgetter(first)


def _kept(column: Column | Late, flags: Sequence[bool]) -> pa.Array:
    return column.array.filter(pa.array(flags))


@cache
def _same_columns(table: str, entity: str) -> tuple[int, ...]:
    """Where the columns of a table stand in the entity it is a part of, told by their wire paths."""
    paths = [c.path for c in TABLES[entity].body]
    return tuple(paths.index(c.path) for c in TABLES[table].body)


def _places(ids: Iterable[str | None]) -> dict[str, int]:
    """Where each id stands first, in order."""
    found: dict[str, int] = {}
    for place, one in enumerate(ids):
        if one is not None:
            found.setdefault(one, place)
    return found


def _topic_ids(space: Any) -> list[str] | None:
    """A Space's topics, of which 2.159 sends the objects only."""
    if space.topic_ids or not space.topics:
        return list(space.topic_ids) if isinstance(space.topic_ids, list) else None
    return [t.id for t in space.topics]


def _decode(pages: Sequence[Page], decoder: Decoder) -> list[Parsed]:
    """Decode all pages with one set of structs: names learnt on the way apply to the whole batch."""
    while True:
        before = decoder.structs
        parsed = [decoder.decode(page) for page in pages]
        if decoder.structs is before:
            return parsed


def _asked(page: Page) -> tuple[tuple[str, str], ...]:
    """The fields and expansions a page was asked with."""
    return tuple((n, v) for n, v in sorted(page.request.params.items()) if n.endswith(".fields") or n == "expansions")


@lru_cache(maxsize=256)
def _asked_for_all(kind: str, params: tuple[tuple[str, str], ...]) -> bool:
    return is_complete(kind, dict(params))
