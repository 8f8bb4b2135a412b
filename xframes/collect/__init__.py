"""Collectors: one typed function per read action, and the table of all actions."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from xframes import registry
from xframes.collect.accounts import analytics, compliance, lists, messages, usage, users
from xframes.collect.content import counts, media, posts, search, spaces, streams, timelines
from xframes.collect.dispatch import collect, function
from xframes.errors import ArgumentError
from xframes.plan.values import near

if TYPE_CHECKING:
    from types import ModuleType

    import pandas as pd

__all__ = [
    "actions",
    "analytics",
    "call",
    "compliance",
    "counts",
    "lists",
    "media",
    "messages",
    "posts",
    "search",
    "spaces",
    "streams",
    "timelines",
    "usage",
    "users",
]

_AREAS = {
    "analytics": analytics,
    "compliance": compliance,
    "counts": counts,
    "lists": lists,
    "media": media,
    "messages": messages,
    "posts": posts,
    "search": search,
    "spaces": spaces,
    "streams": streams,
    "timelines": timelines,
    "usage": usage,
    "users": users,
}


def call(name: str, /, **arguments: Any) -> Any:
    """Call an action by its name.

    `xf.call("search.recent", query="duckdb")` is `xf.search.recent(query="duckdb")`. Writes need no
    import. Some reads have no function of their own and can only be called like this; `xf.actions`
    lists them.

    Parameters
    ----------
    name
        Name of the action, e.g. `"search.recent"` or `"write.like"`.
    arguments
        Arguments of its function, by name.

    Returns
    -------
    Frames
        What the function of the action returns.

    Raises
    ------
    ArgumentError
        Before any request, for a name or an argument that does not exist, or that X would refuse.
    XframesError
        What the function of the action raises.

    Examples
    --------
    >>> xf.call("users.search", query="duckdb", limit=100).users
    """
    try:
        action = registry.action(name)
    except KeyError as error:
        raise ArgumentError(str(error.args[0])) from None
    if action.step_of is not None:
        raise ArgumentError(
            f"{name} is a step of {action.step_of}; call that action instead", action=name
        )
    area, _, rest = name.partition(".")
    module: ModuleType | None = _AREAS.get(area)
    if action.kind == "write":
        module = import_module("xframes.write")
    function_ = getattr(module, rest, None)
    if function_ is None and action.kind == "write":
        return import_module("xframes.write.sending").write(name, **arguments)
    if function_ is None:
        return collect(name, **arguments)
    parameters = inspect.signature(function_).parameters
    for argument in arguments:
        if argument not in parameters:
            hint = near(argument, parameters)
            raise ArgumentError(f"{name}: no argument {argument!r}; {hint}", action=name)
    for parameter in parameters.values():
        if parameter.default is parameter.empty and parameter.name not in arguments:
            raise ArgumentError(f"{name}: {parameter.name} is required", action=name)
    return function_(**arguments)


def actions(*, all: bool = False) -> pd.DataFrame:
    """List the actions of the X API.

    Parameters
    ----------
    all
        Also list the actions that are not part of X's listing. Default: only those that are.

    Returns
    -------
    pandas.DataFrame
        One row per action, in the order of the listing: `name`, `kind` (read or write), `method`,
        `path`, `function` and `title`. `function` is what to call: `xf.…` for reads, `write.…`
        (after `from xframes import write`) for writes.

    Examples
    --------
    >>> xf.actions(all=True).query("kind == 'write'")
    """
    import pandas as pd

    shown = [a for a in registry.ACTIONS.values() if all or a.listed]
    return pd.DataFrame(
        [(a.name, a.kind, a.method, a.path, function(a), a.title) for a in shown],
        columns=["name", "kind", "method", "path", "function", "title"],
    )
