"""The fields and expansions of a request: everything allowed, or what the caller chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plan.values import near
from xframes.schema import COMPANIONS, EXPANSIONS, fields, fields_param

if TYPE_CHECKING:
    from xframes.registry import Action
    from xframes.schema import Vocabulary

__all__ = ["asks_owner", "field_params", "takes_expansions", "takes_fields"]


LEAN = "lean"  # no expansions: nothing that X may bill, only ids in fields
_CHOICES = (None, "all", LEAN)  # that fit every action


def takes_fields(action: Action) -> bool:
    """Whether the responses of an action have objects whose fields can be chosen."""
    return action.kind == "read" and not action.bare and action.objects in COMPANIONS


def takes_expansions(action: Action) -> bool:
    """Whether the responses of an action can include other objects than the main ones."""
    return action.expands


def field_params(action: Action, choice: Any, expansions: Any, words: Vocabulary) -> dict[str, str]:
    """Return the query parameters `*.fields` and `expansions`.

    Raises ArgumentError for names that do not exist, with the names that do.
    """
    if not takes_fields(action):
        if choice not in (None, "all", "owner") or expansions not in _CHOICES:
            raise ArgumentError("fields and expansions cannot be chosen: X always sends all fields")
        return {}
    main = str(action.objects)
    params: dict[str, str] = {}
    if takes_expansions(action):
        names = EXPANSIONS[words][main]
        if expansions == LEAN:
            names = ()
        elif expansions not in (None, "all"):
            names = _names("expansions", expansions, names)
        if names:
            params["expansions"] = ",".join(names)
    elif expansions not in _CHOICES and list(expansions):
        raise ArgumentError(f"expansions: {action.name} does not have expansions")
    companions = COMPANIONS[main] if "expansions" in params else (main,)
    for name, wanted in _by_object(main, choice, companions).items():
        if chosen := _chosen(name, wanted, words):
            params[fields_param(name, words)] = ",".join(chosen)
    return params


def asks_owner(params: Mapping[str, str]) -> bool:
    """Whether a request has fields that only the owner of an object can read.

    It needs the credentials of the owner.
    """
    return any(
        name in params and not private.isdisjoint(params[name].split(","))
        for name, private in _private()
    )


def _by_object(main: str, choice: Any, companions: tuple[str, ...]) -> dict[str, Any]:
    if choice is None or (isinstance(choice, str) and choice in {"all", "owner"}):
        return dict.fromkeys(companions, choice or "all")
    if not isinstance(choice, Mapping):
        return {main: choice}
    for name in choice:
        if name not in COMPANIONS[main]:
            objects = COMPANIONS[main]
            raise ArgumentError(
                f"fields: {name!r} is not an object of this response; {near(str(name), objects)}"
            )
    return dict(choice)


def _chosen(name: str, wanted: Any, words: Vocabulary) -> tuple[str, ...]:
    if isinstance(wanted, str) and wanted in {"all", "owner"}:
        return fields(name, words, owner=wanted == "owner")
    return _names(f"fields of {name}", wanted, fields(name, words, owner=True))


def _names(what: str, choice: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(choice, str):
        choice = choice.replace(" ", "").split(",")
    if not isinstance(choice, Iterable) or isinstance(choice, (bytes, Mapping)):
        raise ArgumentError(f"{what}: expected 'all' or names, got {type(choice).__name__}")
    chosen = tuple(dict.fromkeys(name for name in choice if name))
    for name in chosen:
        if name not in names:
            raise ArgumentError(f"{what}: there is no {name!r}; {near(str(name), names)}")
    return chosen


@cache
def _private() -> tuple[tuple[str, frozenset[str]], ...]:
    vocabularies: tuple[Vocabulary, ...] = ("tweet", "post")
    private = []
    for words, name in product(vocabularies, COMPANIONS):
        names = frozenset(fields(name, words, owner=True)) - frozenset(fields(name, words))
        if names:
            private.append((fields_param(name, words), names))
    return tuple(private)
