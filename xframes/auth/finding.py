"""Report where credentials and settings were found: names of variables and files, never values."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from xframes.auth import tokens
from xframes.auth.credentials import BEARER_NAMES, OAUTH1_NAMES, OAUTH2_NAMES
from xframes.sealing import sealed
from xframes.settings import (
    APP,
    BOUNDS,
    BUDGET,
    READING,
    WORDS,
    config_path,
    read_config,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Variables by the name of a setting in the config file. A variable has priority over the file.
SETTINGS: dict[str, tuple[str, ...]] = {
    "bearer_token": BEARER_NAMES,
    **{name: (f"XFRAMES_{name.upper()}", name.upper()) for name in OAUTH1_NAMES},
    **{f"oauth2_{name}": names for name, names in OAUTH2_NAMES.items()},
    "base_url": ("XFRAMES_BASE_URL",),
    **{one.name: (one.variable,) for one in (WORDS, READING, APP, BUDGET)},
    **{bound.name: (bound.variable,) for bound in BOUNDS},
}


@dataclass(frozen=True, slots=True)
class Found:
    """A setting and its place. `unused` are places with the same setting and lower priority."""

    setting: str
    where: str
    unused: tuple[str, ...] = ()


@sealed
def found() -> list[Found]:
    """Return all settings, in the order of `SETTINGS`, and then stored logins.

    Raises ConfigError if the config file, or the file of stored tokens, cannot be read, or can be
    read by other users.
    """
    config = table()
    settings = []
    for setting, names in SETTINGS.items():
        places = [f"variable {name}" for name in names if os.environ.get(name, "").strip()]
        if config.get(setting):
            places.append(f"{config_path()} [default]")
        if places:
            settings.append(Found(setting, places[0], tuple(places[1:])))
    return [*settings, *_stored({one.setting for one in settings})]


def _stored(settings: set[str]) -> Iterator[Found]:
    path = tokens.tokens_path()
    unused = " (not used: other credentials are set)"
    if tokens.load(path, tokens.OAUTH1) is not None:
        details = ""
        if settings & set(OAUTH1_NAMES):
            details = unused
        yield Found(f"OAuth 1.0a login{details}", str(path))
    record = tokens.load(path, tokens.LOGIN)
    if record is not None:
        details = _details(record)
        if settings & {"oauth2_access_token", "oauth2_refresh_token"}:
            details = unused
        yield Found(f"OAuth 2.0 login{details}", str(path))


def _details(record: Mapping[str, Any]) -> str:
    """Describe the scopes and the end of a stored login."""
    details = [f"scopes {' '.join(record.get('scopes') or ['unknown'])}"]
    expires_at = record.get("expires_at")
    if isinstance(expires_at, int | float):
        details.append(f"valid until {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%d %H:%M} UTC")
        if record.get("refresh_token"):
            details[-1] += ", then renewed"
    return f" ({'; '.join(details)})"


@sealed
def unknown_settings() -> list[str]:
    """Return the names in the config file that are not settings, such as misspelled ones.

    Raises ConfigError as `found` does.
    """
    above = [name for name in read_config() if name not in {"default", "journals"}]
    names = [f"{name} (it belongs below [default])" for name in above if name in SETTINGS]
    names += [name for name in above if name not in SETTINGS]
    return names + [name for name in table() if name not in SETTINGS]


def permission(path: Path) -> str | None:
    """Return the permissions of a file as `ls` shows them, or None if it does not exist."""
    try:
        return stat.filemode(path.stat().st_mode)
    except OSError:
        return None
