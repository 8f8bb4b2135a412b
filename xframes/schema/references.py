"""References between tables, and the owners of rows, from the declarations."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from xframes.schema import TABLES
from xframes.schema.declarations import Type

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def references(table: str) -> Mapping[str, str]:
    """The columns with ids of another table (or of other rows of this one) → that table.

    They do not include the id of the row itself: see `own_key`.
    """
    own = own_key(table)
    named = {c.name: c.names for c in TABLES[table].columns if c.name != own and c.names}
    return MappingProxyType(named)


@cache
def own_key(table: str) -> str | None:
    """The column with the row's own id; None if the table has no ids."""
    declared = TABLES[table]
    first = declared.key[0]
    if len(declared.key) > 1 or declared[first].names != table:
        return None
    return first


def named(table: str) -> dict[str, str]:
    """The columns with ids → the table of these ids, including the row's own id."""
    columns = dict(references(table))
    own = own_key(table)
    if own:
        columns[own] = table
    return columns


def is_list(table: str, column: str) -> bool:
    """Whether the column holds several ids."""
    return TABLES[table][column].type is Type.STRS


@cache
def owners(table: str) -> tuple[tuple[str, str], ...]:
    """The columns with the owners of a row, each with the kind: post, user, media or poll.

    They are columns of the key and the column `owner`. The mentioned user is not an owner of a
    mention, because it is part of another person's text.
    """
    declared = TABLES[table]
    columns = dict.fromkeys((*declared.key, *filter(None, [declared.owner])))
    targets = {c: named(table).get(c) for c in columns}
    return tuple(
        (c, str(TABLES[target].object)) for c, target in targets.items() if target in _removable()
    )


@cache
def _removable() -> frozenset[str]:
    """The tables with rows that can be removed: posts, people, and media and polls of posts."""
    return frozenset({"posts", "users", *(t.name for t in TABLES.values() if t.carrier)})


def carried(thing: str) -> tuple[str, str]:
    """The columns of a table's carrier with the id of its rows, and with the post."""
    carrier = TABLES[str(TABLES[thing].carrier)]
    (column,) = (c for c, target in references(carrier.name).items() if target == thing)
    return column, carrier.parent_key


def writer(table: str) -> str | None:
    """The column with the author of a row's texts; None if the table has no such column."""
    declared = TABLES[table]
    own = own_key(table)
    names = named(table)
    return next((c for c in (declared.owner, own) if c and names.get(c) == "users"), None)
