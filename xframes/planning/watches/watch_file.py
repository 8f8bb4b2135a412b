"""The file of a watch: named collections, refreshes, checks and conditions, checked when read."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xframes import registry
from xframes.billing.budget import Budget
from xframes.errors import ArgumentError, ConfigError
from xframes.plan.values import near

if TYPE_CHECKING:
    import os

__all__ = ["Alert", "Collection", "Compliance", "Refresh", "Watch", "read_watch"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EVERY = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_TOP = ("archive", "budget", "collect", "refresh", "compliance", "alerts")
_HANDLING = {"action", "every", "into", "client", "progress"}


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection that is repeated: its name, action and arguments."""

    name: str
    every: timedelta
    action: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refresh:
    """A schedule on which the metrics of collected posts are read again: hours after each post."""

    name: str
    every: timedelta
    hours: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Compliance:
    """A schedule on which all ids are checked with X by batch jobs; `report` is a CSV file."""

    name: str
    every: timedelta
    tables: tuple[str, ...]
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition in SQL: when it is true, a command runs, or the watch ends with an exit code."""

    name: str
    every: timedelta
    sql: str
    command: tuple[str, ...] = ()
    exit_code: int | None = None


Task = Collection | Refresh | Compliance | Alert


@dataclass(frozen=True, slots=True)
class Watch:
    """All that a watch does with one archive, within its budgets."""

    archive: str
    budgets: tuple[Budget, ...] = ()
    tasks: tuple[Task, ...] = field(default_factory=tuple)


def read_watch(source: str | os.PathLike[str] | Mapping[str, Any]) -> Watch:
    """Read the file of a watch, or a mapping with the same content.

    Paths in a file are relative to it. Raises ArgumentError for anything that is not understood.
    """
    folder = Path()
    if isinstance(source, Mapping):
        content = dict(source)
    else:
        path = Path(source).expanduser()
        folder = path.parent
        content = _parsed(path)
    _only(content, _TOP, "watch")
    archive = content.get("archive")
    if not isinstance(archive, str) or not archive:
        raise ArgumentError("watch: archive: expected the folder or URL of an archive")
    if "://" not in archive:
        archive = str(folder / Path(archive).expanduser())
    tasks: list[Task] = []
    for name, entry in _tables(content, "collect"):
        tasks.append(_collection(name, entry))
    if "refresh" in content:
        tasks.append(_refresh(_table(content, "refresh")))
    if "compliance" in content:
        tasks.append(_compliance(_table(content, "compliance"), folder))
    for name, entry in _tables(content, "alerts"):
        tasks.append(_alert(name, entry))
    if not tasks:
        raise ArgumentError("watch: expected [collect.NAME], [refresh], [compliance] or "
                            "[alerts.NAME], got none of them")
    return Watch(archive, _budgets(content.get("budget", [])), tuple(tasks))


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError(f"watch: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ArgumentError(f"watch: {path} is not TOML: {error}") from None


def _only(entry: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in entry:
        if name not in names:
            raise ArgumentError(f"{where}: there is no setting {name!r}; {near(name, names)}")


def _table(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    entry = content[name]
    if not isinstance(entry, Mapping):
        raise ArgumentError(f"watch: {name}: expected a table [{name}], got {entry!r:.40}")
    return dict(entry)


def _tables(content: Mapping[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    if name not in content:
        return []
    entries = _table(content, name)
    for key, entry in entries.items():
        if not isinstance(entry, Mapping):
            raise ArgumentError(f"watch: expected [{name}.NAME], got {key} = {entry!r:.40}")
    return [(f"{name}.{key}", dict(entry)) for key, entry in entries.items()]


def _every(entry: dict[str, Any], where: str, otherwise: str | None = None) -> timedelta:
    """Take `every` out of a table: text such as "30m", "6h" or "7d"."""
    value = entry.pop("every", otherwise)
    match = _EVERY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) <= 0:
        raise ArgumentError(f"{where}: every: expected a time such as 30m, 6h or 7d, got {value!r}")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def _collection(name: str, entry: dict[str, Any]) -> Collection:
    every = _every(entry, name)
    action = entry.pop("action", None)
    if not isinstance(action, str):
        raise ArgumentError(f"{name}: action: expected a name such as search.recent")
    try:
        declared = registry.action(action)
    except KeyError as error:
        raise ArgumentError(f"{name}: action: {error.args[0]}") from None
    if declared.kind == "write" or declared.streaming:
        raise ArgumentError(f"{name}: action: expected a read that ends, got {action}")
    refused = sorted(_HANDLING & entry.keys())
    if refused:
        raise ArgumentError(f"{name}: there is no argument {refused[0]!r}")
    is_bounded = entry.keys() & {"since_id", "start_time"}
    if declared.follows and not is_bounded:
        entry.setdefault("since", "last")
    return Collection(name, every, action, entry)


def _refresh(entry: dict[str, Any]) -> Refresh:
    every = _every(entry, "refresh", "1h")
    _only(entry, ("hours",), "refresh")
    hours = entry.get("hours")
    is_list = isinstance(hours, list) and hours
    if not is_list or not all(isinstance(hour, int | float) and hour >= 0 for hour in hours or ()):
        raise ArgumentError(f"refresh: hours: expected hours such as [1, 6, 24], got {hours!r:.40}")
    return Refresh("refresh", every, tuple(float(hour) for hour in hours or ()))


def _compliance(entry: dict[str, Any], folder: Path) -> Compliance:
    every = _every(entry, "compliance")
    _only(entry, ("tables", "report"), "compliance")
    tables = entry.get("tables", ["posts", "users"])
    if not isinstance(tables, list) or not tables or not set(tables) <= {"posts", "users"}:
        raise ArgumentError(f"compliance: tables: expected posts and users, got {tables!r:.60}")
    report = entry.get("report")
    if report is None:
        return Compliance("compliance", every, tuple(tables))
    if not isinstance(report, str):
        raise ArgumentError(f"compliance: report: expected a file name, got {report!r:.40}")
    return Compliance("compliance", every, tuple(tables), folder / Path(report).expanduser())


def _alert(name: str, entry: dict[str, Any]) -> Alert:
    every = timedelta()  # each time when tasks were carried out, and each minute
    if "every" in entry:
        every = _every(entry, name)
    _only(entry, ("sql", "command", "exit_code"), name)
    sql, command, code = (entry.get(key) for key in ("sql", "command", "exit_code"))
    if not isinstance(sql, str) or not sql.strip():
        raise ArgumentError(f"{name}: sql: expected a query whose first value is true or false")
    if isinstance(command, str):
        command = shlex.split(command)
    if not isinstance(command or [], list) or not all(isinstance(w, str) for w in command or ()):
        raise ArgumentError(f"{name}: command: expected a list of texts, got {command!r:.60}")
    is_code = isinstance(code, int) and not isinstance(code, bool) and 1 <= code <= 125
    if code is not None and not is_code:
        raise ArgumentError(f"{name}: exit_code: expected 1 to 125, got {code!r:.40}")
    if not command and code is None:
        raise ArgumentError(f"{name}: expected a command or an exit_code, got neither")
    return Alert(name, every, sql, tuple(command or ()), code)


def _budgets(value: Any) -> tuple[Budget, ...]:
    listed = value if isinstance(value, list) else [value]
    try:
        return tuple(Budget.read(str(text), "watch: budget") for text in listed)
    except ConfigError as error:
        raise ArgumentError(str(error)) from None
