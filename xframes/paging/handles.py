"""Handles in place of user ids: resolved in the archive first, else by a lookup at X."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from xframes.billing.card import in_dollars, load
from xframes.billing.sums import money
from xframes.errors import ArgumentError, NotFound
from xframes.registry import ACTIONS
from xframes.registry.params import USERNAME
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from xframes.registry import Action, Param

log = logging.getLogger("xframes")
LOOKUP = "users.by_usernames"
_SHOWN = 10
_HANDLE = re.compile(rf"\s*@({USERNAME})\s*")


def handles_in(action: Action, values: Mapping[str, Any]) -> list[str]:
    """Return the `@handle`s among the arguments that take ids of users, in lower case."""
    found: dict[str, None] = {}
    for param in _of_users(action, values):
        handles = filter(_is_handle, _items(param, values[param.name]))
        found.update(dict.fromkeys(map(_key, handles)))
    return list(found)


def replaced(action: Action, values: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments with ids in place of `@handle`s."""
    changed = dict(values)
    for param in _of_users(action, values):
        value = values[param.name]
        if _is_handle(value):
            changed[param.name] = ids[_key(value)]
        elif any(map(_is_handle, items := _items(param, value))):
            changed[param.name] = [ids[_key(i)] if _is_handle(i) else i for i in items]
    return changed


def _of_users(action: Action, values: Mapping[str, Any]) -> list[Param]:
    return [param for param in action.params if param.names == "users" and param.name in values]


def _items(param: Param, value: Any) -> list[Any]:
    """Return the items of a list, also of one in text; for any other value, the value."""
    if isinstance(value, str) and param.many:
        return [part for part in re.split(r"[,\s]+", value) if part]
    if isinstance(value, str | bytes) or hasattr(value, "columns"):
        return [value]
    if not hasattr(value, "__iter__"):
        return [value]
    return list(value)


def resolved(
    handles: Iterable[str], known: Any, look_up: Callable[[list[str]], dict[str, str]], name: str
) -> dict[str, str]:
    """Return the user id of each handle.

    Handles that the archive `known` has are resolved there. `look_up` requests all others from X at
    once, and returns the ids by handle; those that are in the archive now can be left out. Raises
    NotFound for a handle that X does not have.
    """
    in_archive: Callable[[list[str]], dict[str, str]] = getattr(known, "user_ids", lambda _: {})
    wanted = list(handles)
    ids = in_archive(wanted)
    missing = [handle for handle in wanted if handle not in ids]
    if not missing:
        return ids
    ids |= look_up(missing)
    ids |= in_archive([handle for handle in missing if handle not in ids])
    for handle in missing:
        if handle not in ids:
            raise NotFound(
                f"{name}: X has no user @{handle}, or does not return them (suspended)", action=name
            )
    return ids


def refuse_lookup(missing: list[str]) -> NoReturn:
    """Raise ArgumentError: a dry run sends nothing, so no handle can be looked up."""
    raise ArgumentError(f"dry_run: expected ids of users, got @{missing[0]}, which is not known")


def _is_handle(value: Any) -> bool:
    return isinstance(value, str) and _HANDLE.fullmatch(value) is not None


def _key(handle: str) -> str:
    return handle.strip().removeprefix("@").lower()


def announce(handles: list[str], name: str) -> None:
    """Log the lookup of handles and print it on stderr, because it costs."""
    from tqdm.auto import tqdm

    rate = load().main(ACTIONS[LOOKUP], owned=False)
    price = money(in_dollars(rate.low * len(handles)), in_dollars(rate.high * len(handles)))
    message = f"{name}: looking up {counted(len(handles), 'handle')} at X ({LOOKUP}, {price}): "
    message += ", ".join(f"@{handle}" for handle in handles[:_SHOWN])
    log.info(message)
    tqdm.write(f"xframes: {message}", file=sys.stderr)
