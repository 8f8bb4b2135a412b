"""Which columns name what, and whose a row is: read from the declarations."""

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
    """The columns of a table that name rows of other tables (or of itself), each with that table's name.

    A thing's own id is not among them: see `own_key`.
    """
    own = own_key(table)
    named = {c.name: c.names for c in TABLES[table].columns if c.name != own and c.names}
    return MappingProxyType(named)


@cache
def own_key(table: str) -> str | None:
    """The column by which other tables name a row of this one; None where nothing does."""
    declared = TABLES[table]
    first = declared.key[0]
    return first if len(declared.key) == 1 and declared[first].names == table else None


def named(table: str) -> dict[str, str]:
    """What the columns of a table name, its own things included."""
    own = own_key(table)
    return dict(references(table)) | ({own: table} if own else {})


def is_list(table: str, column: str) -> bool:
    """Whether the column holds several ids."""
    return TABLES[table][column].type is Type.STRS


@cache
def owners(table: str) -> tuple[tuple[str, str], ...]:
    """The columns that say whose a row is, each with the kind of thing: post, user, media or poll.

    They are those of the key and the owner's. Mentions stand in somebody else's text and are not among them.
    """
    declared = TABLES[table]
    columns = dict.fromkeys((*declared.key, *filter(None, [declared.owner])))
    targets = {c: named(table).get(c) for c in columns}
    return tuple((c, str(TABLES[target].object)) for c, target in targets.items() if target in _removable())


@cache
def _removable() -> frozenset[str]:
    """The tables of what can be removed: posts, people, and what posts carry."""
    return frozenset({"posts", "users", *(t.name for t in TABLES.values() if t.carrier)})


def carried(thing: str) -> tuple[str, str]:
    """The columns of a thing's carrier that name the thing, and the post it belongs to."""
    carrier = TABLES[str(TABLES[thing].carrier)]
    (column,) = (c for c, target in references(carrier.name).items() if target == thing)
    return column, carrier.parent_key


def writer(table: str) -> str | None:
    """The column that names who wrote a row's texts; None where the row does not say."""
    declared = TABLES[table]
    own = own_key(table)
    names = named(table)
    return next((c for c in (declared.owner, own) if c and names.get(c) == "users"), None)
