"""xframes: the X API v2 as dataframes.

Collect with `xf.search.recent(...)` and its kin, archive with `xf.Archive`, query with SQL, plot with `xf.plot`.
Names are imported when first used, so that `import xframes` is quick.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from xframes import version

if TYPE_CHECKING:
    from xframes import errors, networks, plot, sandbox, schema
    from xframes.archive import Archive
    from xframes.client import Client, use
    from xframes.collect import actions, call
    from xframes.collect.accounts import analytics, compliance, lists, messages, usage, users
    from xframes.collect.content import counts, media, posts, search, spaces, streams, timelines
    from xframes.collect.hydration import hydrate
    from xframes.errors import Interrupted, XframesError
    from xframes.frames import Frames, flatten, unescape
    from xframes.reader import read_pages

__version__ = version.VERSION

_HOMES = {
    "Archive": "xframes.archive", "Client": "xframes.client", "Frames": "xframes.frames",
    "Interrupted": "xframes.errors", "XframesError": "xframes.errors", "actions": "xframes.collect",
    "call": "xframes.collect", "flatten": "xframes.frames", "hydrate": "xframes.collect.hydration",
    "read_pages": "xframes.reader", "unescape": "xframes.frames", "use": "xframes.client",
}
_MODULES = {
    **{area: f"xframes.collect.accounts.{area}" for area in (
        "analytics", "compliance", "lists", "messages", "usage", "users",
    )},
    **{area: f"xframes.collect.content.{area}" for area in (
        "counts", "media", "posts", "search", "spaces", "streams", "timelines",
    )},
    "errors": "xframes.errors", "networks": "xframes.networks", "plot": "xframes.plot",
    "sandbox": "xframes.sandbox", "schema": "xframes.schema",
}

__all__ = [
    "Archive", "Client", "Frames", "Interrupted", "XframesError", "actions", "analytics", "call", "compliance",
    "counts", "errors", "flatten", "hydrate", "lists", "media", "messages", "networks", "plot", "posts", "read_pages",
    "sandbox", "schema", "search", "spaces", "streams", "timelines", "unescape", "usage", "use", "users",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        found = getattr(import_module(_HOMES[name]), name)
    elif name in _MODULES:
        found = import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'xframes' has no attribute {name!r}; it has {', '.join(__all__)}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext xframes` calls: cells may begin with `%%xsql`, lines with `%xsql`."""
    import_module("xframes.magics").register(shell)


class _Package(ModuleType):
    """Keeps `xf.flatten` the function: importing the package `xframes.flatten` would put itself in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
