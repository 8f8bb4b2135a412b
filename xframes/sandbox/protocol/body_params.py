"""Check a request's body against the action's declaration, with the messages of X's validator."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.registry import Action, Param

Complaint = tuple[str, list[str], str]
_INT64 = 2**63 - 1
_NAMES = {
    str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object",
    type(None): "null",
}
_UNKNOWN = "is not defined in the schema and the schema does not allow additional properties"


@cache
def _wires(action: Action) -> dict[str, Param]:
    """Return the parameters of an action's body by path; lists of objects without brackets."""
    return {p.wire.replace("[]", ""): p for p in action.params if p.where == "body"}


def check_body(
    action: Action, document: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Complaint]]:
    """Return a body's arguments by Python name (ids as numbers), and all complaints about it."""
    args: dict[str, Any] = {}
    complaints: list[Complaint] = []
    wires = _wires(action)
    for path, value, known in _leaves(document, wires, ""):
        param = wires.get(path)
        if not known:
            complaints.append((path, [str(value)], f"$.{path}: {_UNKNOWN}"))
        elif param is None:
            wanted = "array" if _is_list(wires, path) else "object"
            message = f"$.{path}: {_kind(value)} found, {wanted} expected"
            complaints.append((path, [str(value)], message))
        elif wrong := _wrong(param, value):
            complaints.append((path, [str(value)], f"$.{path}: {wrong}"))
        else:
            args[param.name] = _typed(param, value)
    named = {path for path, _, _ in complaints}
    for path, param in wires.items():
        is_needed = param.required or param.default is not None
        if is_needed and param.name not in args and path not in named:
            complaints.append((path, [], f"$.{path}: is missing but it is required"))
    return args, complaints or list(_groups(action, args))


def _leaves(
    document: Mapping[str, Any], wires: Mapping[str, Param], within: str
) -> Iterator[tuple[str, Any, bool]]:
    """Yield every value of a body with its path, and whether the path is declared."""
    for name, value in document.items():
        path = f"{within}{name}"
        inner = any(wire.startswith(f"{path}.") for wire in wires)
        if path in wires:
            yield path, value, True
        if inner and isinstance(value, dict) and not _is_list(wires, path):
            found = _leaves(value, wires, f"{path}.")
            yield from (
                leaf for leaf in found if leaf[2] or path not in wires
            )  # an open object takes anything
        elif isinstance(value, list) and _is_list(wires, path):
            yield from _listed(value, wires, path)
        elif path not in wires:
            yield path, value, inner


def _is_list(wires: Mapping[str, Param], path: str) -> bool:
    """Whether a path is of a list of objects."""
    return any(param.wire.startswith(f"{path}[].") for param in wires.values())


def _listed(
    items: list[Any], wires: Mapping[str, Param], path: str
) -> Iterator[tuple[str, Any, bool]]:
    """Yield the values of a list of objects, as one list for each name."""
    found: dict[str, list[Any]] = {}
    for item in items:
        if not isinstance(item, dict):
            yield f"{path}[]", item, True
            continue
        for name, value in item.items():
            found.setdefault(f"{path}.{name}", []).append(value)
    for inner, values in found.items():
        yield inner, values, inner in wires


def _wrong(param: Param, value: Any) -> str | None:
    """Return the complaint about a value, None for a valid one."""
    if param.kind == "json":
        return None
    if param.many:
        return _wrong_list(param, value)
    if param.kind in {"bool", "int"}:
        wanted: type[Any] = {"bool": bool, "int": int}[param.kind]
        if type(value) is not wanted:
            return f"{_kind(value)} found, {_NAMES[wanted]} expected"
        return _wrong_number(param, value)
    return _wrong_text(param, value)


def _wrong_number(param: Param, value: int) -> str | None:
    is_low = param.min is not None and value < param.min
    if is_low or (param.max is not None and value > param.max):
        return f"must be between {param.min} and {param.max}"
    return None


def _wrong_text(param: Param, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"{_kind(value)} found, string expected"
    if param.choices and value not in param.choices:
        return f"does not have a value in the enumeration [{', '.join(param.choices)}]"
    if param.pattern and not re.fullmatch(param.pattern, value):
        return f"does not match the regex pattern ^{param.pattern}$"
    if param.kind in {"id", "ids"} and int(value) > _INT64:
        return "must be a 64-bit number"
    if not param.many and not (param.min or 0) <= len(value) <= (param.max or len(value)):
        return f"must be between {param.min or 0} and {param.max} characters long"
    return None


def _wrong_list(param: Param, value: Any) -> str | None:
    if not isinstance(value, list):
        return f"{_kind(value)} found, array expected"
    if not (param.min or 0) <= len(value) <= (param.max or len(value)):
        return f"must have between {param.min or 0} and {param.max} items but found {len(value)}"
    return next((wrong for each in value if (wrong := _wrong_text(param, each))), None)


def _groups(action: Action, args: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield complaints about combinations of parameters."""
    wire = {p.name: p.wire.replace("[]", "") for p in action.params}
    for group in action.needed:
        if not any(name in args for name in group):
            names = ", ".join(wire[name] for name in group)
            yield wire[group[0]], [], f"one of [{names}] must be given"
    for group in action.exclusive:
        both = [name for name in group if name in args]
        if len(both) > 1:
            names = ", ".join(wire[name] for name in group)
            yield wire[both[1]], [], f"only one of [{names}] may be given"
    for name, other in action.together:
        if name in args and other not in args:
            yield wire[other], [], f"$.{wire[other]}: is missing but it is required"


def _kind(value: Any) -> str:
    return _NAMES[type(value)]


def _typed(param: Param, value: Any) -> Any:
    if param.kind == "id":
        return int(value)
    if param.kind == "ids":
        return [int(each) for each in value]
    return value
