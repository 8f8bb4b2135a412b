"""Every action of X that xframes knows, declared once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from xframes.registry.account_actions import PEOPLE
from xframes.registry.actions import Action, Edge, Param, Window
from xframes.registry.beyond import BEYOND
from xframes.registry.content_actions import READS
from xframes.registry.write_actions import WRITES

if TYPE_CHECKING:
    import re

__all__ = ["ACTIONS", "Action", "Edge", "Param", "Window", "action", "match"]

ACTIONS: dict[str, Action] = {
    a.name: a for a in sorted((*READS, *PEOPLE, *WRITES, *BEYOND), key=lambda a: (a.n is None, a.n or 0))
}


def action(name: str) -> Action:
    """The declaration of an action. Raises KeyError naming the nearest ones there are."""
    try:
        return ACTIONS[name]
    except KeyError:
        import difflib

        near = difflib.get_close_matches(name, ACTIONS, n=3, cutoff=0.3) or list(ACTIONS)
        raise KeyError(f"there is no action {name!r}; did you mean {', '.join(near)}?") from None


def match(method: str, path: str) -> tuple[Action, dict[str, str]] | None:
    """The action a request's method and path belong to, with the Python arguments its path holds; None if unknown.

    Fixed paths win over templates: `/2/users/me` is users.me, not users.get. An unfilled template
    (`/2/users/{id}/tweets`) matches its action without arguments.
    """
    for pattern, found in _routes().get(method.upper(), ()):
        if hit := pattern.fullmatch(path):
            names = {p.wire: p.name for p in found.params if p.where == "path"}
            return found, {names[w]: v for w, v in hit.groupdict().items() if w in names and not v.startswith("{")}
    return None


@cache
def _routes() -> dict[str, list[tuple[re.Pattern[str], Action]]]:
    routes: dict[str, list[tuple[re.Pattern[str], Action]]] = {}
    for a in sorted(ACTIONS.values(), key=lambda a: (a.path.count("{"), -len(a.path))):
        routes.setdefault(a.method, []).append((a.pattern, a))
    return routes
