"""xframes: collect from the X API v2 into dataframes.

- `xf.search`, `xf.counts`, `xf.timelines`, `xf.posts`, `xf.users` and the other areas have one
  function for each read action of X. `xf.call` carries out any action by its name, and
  `xf.actions` lists them. They return `xf.Frames`: tables for pandas, Arrow and SQL.
- `xf.Archive` keeps everything that is collected, in a folder or a bucket.
- `xf.plot` and `xf.networks` draw and analyse it.
- `xf.Client` sends the requests; `xf.use` sets the default one.
- `xf.errors` has all errors, `xf.schema` all tables and columns.
- `xf.sandbox` is a local X for tests and for learning.
- `from xframes import write` adds the functions that change something at X.

Names are imported when they are first used, so that `import xframes` is fast.

Examples
--------
>>> import xframes as xf
>>> archive = xf.Archive("my-archive")
>>> xf.search.recent("duckdb lang:en", limit=100, into=archive)
>>> archive.sql("select lang, count(*) from posts group by lang").df()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xframes import version

if TYPE_CHECKING:
    from xframes import errors, networks, plot, sandbox, schema
    from xframes.archive import Archive, gaps
    from xframes.billing.budget import Budget
    from xframes.client import Client, Replay, now, use
    from xframes.collect import actions, call
    from xframes.collect.accounts import analytics, compliance, lists, messages, usage, users
    from xframes.collect.content import counts, media, posts, spaces, streams, timelines
    from xframes.collect.hydration import hydrate
    from xframes.errors import Interrupted, XframesError
    from xframes.frames import Frames, flatten, unescape
    from xframes.planning import searches as search
    from xframes.planning.costs.costing import cost
    from xframes.planning.estimates import estimate
    from xframes.planning.lookups import complete
    from xframes.planning.readiness import can
    from xframes.planning.spending_report import spend
    from xframes.planning.watches.watching import watch
    from xframes.reader import read_pages
    from xframes.reader.id_files import read_ids
    from xframes.reporting import report

__version__ = version.VERSION

_HOMES = {
    "Archive": "xframes.archive", "Budget": "xframes.billing.budget", "Client": "xframes.client",
    "Frames": "xframes.frames", "Interrupted": "xframes.errors", "Replay": "xframes.client",
    "XframesError": "xframes.errors", "actions": "xframes.collect", "call": "xframes.collect",
    "can": "xframes.planning.readiness", "complete": "xframes.planning.lookups",
    "cost": "xframes.planning.costs.costing", "estimate": "xframes.planning.estimates",
    "flatten": "xframes.frames", "gaps": "xframes.archive", "hydrate": "xframes.collect.hydration",
    "now": "xframes.client", "read_ids": "xframes.reader.id_files", "read_pages": "xframes.reader",
    "report": "xframes.reporting", "spend": "xframes.planning.spending_report",
    "unescape": "xframes.frames", "use": "xframes.client",
    "watch": "xframes.planning.watches.watching",
}
_MODULES = {
    **{area: f"xframes.collect.accounts.{area}" for area in (
        "analytics", "compliance", "lists", "messages", "usage", "users",
    )},
    **{area: f"xframes.collect.content.{area}" for area in (
        "counts", "media", "posts", "spaces", "streams", "timelines",
    )},
    "errors": "xframes.errors", "networks": "xframes.networks", "plot": "xframes.plot",
    "sandbox": "xframes.sandbox", "schema": "xframes.schema",
    "search": "xframes.planning.searches",
}

__all__ = [
    "Archive", "Budget", "Client", "Frames", "Interrupted", "Replay", "XframesError", "actions",
    "analytics", "call", "can", "complete", "compliance", "cost", "counts", "errors", "estimate",
    "flatten", "gaps", "hydrate", "lists", "media", "messages", "networks", "now", "plot", "posts",
    "read_ids", "read_pages", "report", "sandbox", "schema", "search", "spaces", "spend", "streams",
    "timelines", "unescape", "usage", "use", "users", "watch",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        found = getattr(import_module(_HOMES[name]), name)
    elif name in _MODULES:
        found = import_module(_MODULES[name])
    else:
        raise AttributeError(
            f"module 'xframes' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]


def load_ipython_extension(shell: Any) -> None:
    """Add the magics `%%xsql` and `%xsql` to a notebook; `%load_ext xframes` calls it."""
    import_module("xframes.magics").register(shell)
