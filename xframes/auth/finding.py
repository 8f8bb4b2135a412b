"""Where credentials and settings were found: names of variables and files, never what stands in them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from xframes.auth import tokens
from xframes.auth.credentials import BEARER_NAMES, OAUTH1_NAMES, OAUTH2_NAMES
from xframes.sealing import sealed
from xframes.settings import BOUNDS, WORDS, config_path, read_config, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SETTINGS: dict[str, tuple[str, ...]] = {  # by its name in the config file: the variables that win over it
    "bearer_token": BEARER_NAMES,
    **{name: (f"XFRAMES_{name.upper()}", name.upper()) for name in OAUTH1_NAMES},
    **{f"oauth2_{name}": names for name, names in OAUTH2_NAMES.items()},
    "base_url": ("XFRAMES_BASE_URL",),
    WORDS.name: (WORDS.variable,),
    **{bound.name: (bound.variable,) for bound in BOUNDS},
}


@dataclass(frozen=True, slots=True)
class Found:
    """A setting and where it was found; `unused` are places that also have it and lose."""

    setting: str
    where: str
    unused: tuple[str, ...] = ()


@sealed
def found() -> list[Found]:
    """The settings there are, in order of the list of settings, then what logging in stored.

    Raises ConfigError when the config file or the file of stored tokens is unreadable or open to others.
    """
    config = table()
    settings = []
    for setting, names in SETTINGS.items():
        places = [f"variable {name}" for name in names if os.environ.get(name, "").strip()]
        places += [f"{config_path()} [default]"] if config.get(setting) else []
        if places:
            settings.append(Found(setting, places[0], tuple(places[1:])))
    return [*settings, *_stored({one.setting for one in settings})]


def _stored(given: set[str]) -> Iterator[Found]:
    path = tokens.tokens_path()
    if tokens.load(path, tokens.OAUTH1) is not None:
        used = not given & set(OAUTH1_NAMES)
        yield Found(f"OAuth 1.0a login{'' if used else ' (not used: others are set)'}", str(path))
    if (record := tokens.load(path, tokens.LOGIN)) is not None:
        used = not given & {"oauth2_access_token", "oauth2_refresh_token"}
        about = _about(record) if used else " (not used: others are set)"
        yield Found(f"OAuth 2.0 login{about}", str(path))


def _about(record: Mapping[str, Any]) -> str:
    """What a stored login may do, and until when."""
    said = [f"scopes {' '.join(record.get('scopes') or ['unknown'])}"]
    ends = record.get("expires_at")
    if isinstance(ends, int | float):
        renews = ", then renewed" if record.get("refresh_token") else ""
        said.append(f"valid until {datetime.fromtimestamp(ends, UTC):%Y-%m-%d %H:%M} UTC{renews}")
    return f" ({'; '.join(said)})"


@sealed
def unknown_settings() -> list[str]:
    """Names in the config file that mean nothing, such as misspelt ones. Raises ConfigError as `found` does."""
    above = [name for name in read_config() if name not in {"default", "journals"}]
    return [*(f"{name} (it belongs below [default])" if name in SETTINGS else name for name in above),
            *(name for name in table() if name not in SETTINGS)]


def permission(path: Path) -> str | None:
    """A file's permission as `ls` writes it, e.g. `-rw-------`; None when there is no file."""
    try:
        return stat.filemode(path.stat().st_mode)
    except OSError:
        return None
