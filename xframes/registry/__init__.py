"""The declarations of all actions."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from xframes.registry.account_actions import PEOPLE
from xframes.registry.actions import Action, Edge, Param, Window
from xframes.registry.beyond import BEYOND
from xframes.registry.content_actions import READS
from xframes.registry.service_actions import SERVICE_READS, SERVICE_WRITES
from xframes.registry.write_actions import WRITES

if TYPE_CHECKING:
    import re

__all__ = ["ACTIONS", "Action", "Edge", "Param", "Window", "action", "match"]

_LISTED_FIRST = sorted(
    (*READS, *PEOPLE, *WRITES, *BEYOND, *SERVICE_READS, *SERVICE_WRITES),
    key=lambda action: (action.n is None, action.n or 0),
)
ACTIONS: dict[str, Action] = {action.name: action for action in _LISTED_FIRST}


def action(name: str) -> Action:
    """Return the declaration of an action. Raises KeyError, which names similar actions."""
    try:
        return ACTIONS[name]
    except KeyError:
        import difflib

        near = difflib.get_close_matches(name, ACTIONS, n=3, cutoff=0.3) or list(ACTIONS)
        raise KeyError(f"no action {name!r}; did you mean {', '.join(near)}?") from None


def match(method: str, path: str) -> tuple[Action, dict[str, str]] | None:
    """Return the action of a request, with the Python arguments in its path; None if unknown.

    Fixed paths have precedence over templates: `/2/users/me` is users.me, not users.get. An
    unfilled template (`/2/users/{id}/tweets`) matches its action without arguments.
    """
    for pattern, candidate in _routes().get(method.upper(), ()):
        if hit := pattern.fullmatch(path):
            names = {p.wire: p.name for p in candidate.params if p.where == "path"}
            arguments = {
                names[wire]: value
                for wire, value in hit.groupdict().items()
                if wire in names and not value.startswith("{")
            }
            return candidate, arguments
    return None


@cache
def _routes() -> dict[str, list[tuple[re.Pattern[str], Action]]]:
    routes: dict[str, list[tuple[re.Pattern[str], Action]]] = {}
    for a in sorted(ACTIONS.values(), key=lambda a: (a.path.count("{"), -len(a.path))):
        routes.setdefault(a.method, []).append((a.pattern, a))
    return routes
