"""Which fields and expansions a request asks for: everything allowed, unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plan.values import near
from xframes.schema import COMPANIONS, EXPANSIONS, fields, fields_param

if TYPE_CHECKING:
    from xframes.registry import Action
    from xframes.schema import Vocabulary

__all__ = ["asked", "asks_owner", "takes_expansions", "takes_fields"]


def takes_fields(action: Action) -> bool:
    """Whether the action's answers hold objects whose fields can be chosen."""
    return action.kind == "read" and not action.bare and action.objects in COMPANIONS


def takes_expansions(action: Action) -> bool:
    """Whether the action's answers can hold other objects beside the main ones."""
    return takes_fields(action) and action.objects in EXPANSIONS["tweet"]


def asked(action: Action, choice: Any, expansions: Any, words: Vocabulary) -> dict[str, str]:
    """The query parameters `*.fields` and `expansions`. Raises ArgumentError naming what there is."""
    if not takes_fields(action):
        if choice not in (None, "all", "owner") or expansions not in (None, "all"):
            raise ArgumentError("neither fields nor expansions can be chosen: X always answers in full")
        return {}
    main = str(action.objects)
    found: dict[str, str] = {}
    if takes_expansions(action):
        known = EXPANSIONS[words][main]
        names = known if expansions in (None, "all") else _names("expansions", expansions, known)
        if names:
            found["expansions"] = ",".join(names)
    elif expansions not in (None, "all") and list(expansions):
        raise ArgumentError(f"expansions: {action.name} has none")
    companions = COMPANIONS[main] if "expansions" in found else (main,)
    for name, wanted in _by_object(main, choice, companions).items():
        if chosen := _chosen(name, wanted, words):
            found[fields_param(name, words)] = ",".join(chosen)
    return found


def asks_owner(params: Mapping[str, str]) -> bool:
    """Whether a request asks for fields only the object's owner sees: those need the owner's credentials."""
    return any(not private.isdisjoint(params[name].split(",")) for name, private in _private() if name in params)


def _by_object(main: str, choice: Any, companions: tuple[str, ...]) -> dict[str, Any]:
    if choice is None or (isinstance(choice, str) and choice in {"all", "owner"}):
        return dict.fromkeys(companions, choice or "all")
    if not isinstance(choice, Mapping):
        return {main: choice}
    for name in choice:
        if name not in COMPANIONS[main]:
            raise ArgumentError(f"fields: {name!r} is no object of this answer; {near(str(name), COMPANIONS[main])}")
    return dict(choice)


def _chosen(name: str, wanted: Any, words: Vocabulary) -> tuple[str, ...]:
    if isinstance(wanted, str) and wanted in {"all", "owner"}:
        return fields(name, words, owner=wanted == "owner")
    return _names(f"fields of {name}", wanted, fields(name, words, owner=True))


def _names(what: str, given: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    names = given.replace(" ", "").split(",") if isinstance(given, str) else given
    if not isinstance(names, Iterable) or isinstance(names, (bytes, Mapping)):
        raise ArgumentError(f"{what} must be 'all' or names, not {type(given).__name__}")
    found = tuple(dict.fromkeys(n for n in names if n))
    for name in found:
        if name not in known:
            raise ArgumentError(f"{what}: there is no {name!r}; {near(str(name), known)}")
    return found


@cache
def _private() -> tuple[tuple[str, frozenset[str]], ...]:
    vocabularies: tuple[Vocabulary, ...] = ("tweet", "post")
    return tuple(
        (fields_param(name, words), private)
        for words in vocabularies
        for name in COMPANIONS
        if (private := frozenset(fields(name, words, owner=True)) - frozenset(fields(name, words)))
    )
