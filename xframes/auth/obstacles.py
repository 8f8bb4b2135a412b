"""What can keep a call from being carried out: known before it is sent, or reported by X.

Both have the same kinds and words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xframes.auth.credentials import KINDS, needed
from xframes.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.auth.credentials import Credentials
    from xframes.errors import ApiError
    from xframes.registry import Action

__all__ = ["Obstacle", "ObstacleKind", "expected_obstacles", "reported_obstacle"]

ObstacleKind = Literal["credentials", "scopes", "removed", "tier", "credits", "cap", "query"]
_ENROLLED = ("client-not-enrolled", "client-forbidden")  # X's problems about access levels
_LEVEL = ("access level", "level of access", "subset of", "enroll", "current plan")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that keeps an action from being carried out.

    Parameters
    ----------
    kind
        "credentials", "scopes", "removed", "tier", "credits", "cap" or "query".
    reason
        What is missing.
    fix
        What to do about it. Empty if the reason says it.
    """

    kind: ObstacleKind
    reason: str
    fix: str = ""

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.reason, self.fix)))


_CREDITS = Obstacle(
    "credits", "the account has no credits left", "add credits in X's developer console"
)
_CAP = Obstacle(
    "cap", "the monthly cap of posts is reached",
    "wait until it is reset, or raise it in X's developer console",
)
_ONLY_READS = Obstacle(
    "scopes", "the app has no permission for it",
    "set its permissions (read, write, messages) in X's developer console, then create its tokens "
    "again",
)
_NOT_INCLUDED = Obstacle(
    "tier", "the app's access level does not include it",
    "check its project and level in X's developer console",
)


def expected_obstacles(action: Action, credentials: Credentials) -> Iterator[Obstacle]:
    """Yield what is known to be missing before a call."""
    try:
        credentials.choose(action)
    except ConfigError as error:
        kind: ObstacleKind = "credentials"
        if credentials.missing_scopes(action) and "oauth2" in action.auth:
            kind = "scopes"
        yield Obstacle(kind, str(error))
    yield from _levels(action)


def _levels(action: Action) -> Iterator[Obstacle]:
    """Yield what self-serve access lacks."""
    if action.removal:
        yield Obstacle("removed", action.removal)
    if action.need:
        yield Obstacle("tier", action.need)


def reported_obstacle(error: ApiError, action: Action | None) -> Obstacle | None:
    """Return the obstacle that a refusal of X means, or None for another one."""
    if error.status == 402 or error.kind == "credits-depleted":
        return _CREDITS
    if error.kind == "usage-capped":
        return _CAP
    if error.status == 403 and action is not None:
        return _forbidden(error, action)
    return None


def _forbidden(error: ApiError, action: Action) -> Obstacle | None:
    text = str(error).lower()
    if error.kind == "unsupported-authentication":
        kinds = action.auth or tuple(KINDS)
        fix = "; ".join(KINDS[kind][1] for kind in kinds)
        return Obstacle("credentials", f"{action.name} needs {needed(action, kinds)}", f"set {fix}")
    if error.kind == "oauth1-permissions" or "app permissions" in text:
        return _ONLY_READS
    if "scope" in text:
        return Obstacle(
            "scopes", f"{action.name} needs the scopes {' '.join(action.scopes)}",
            "to log in again with them, use: xframes login",
        )
    known = next(_levels(action), None)
    if known is None and (error.kind in _ENROLLED or any(word in text for word in _LEVEL)):
        return _NOT_INCLUDED
    return known
