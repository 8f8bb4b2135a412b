"""Where settings come from: arguments, then the environment, then the user's config file."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from xframes.errors import ConfigError
from xframes.sealing import sealed

BASE_URL = "https://api.x.com"


def config_path() -> Path:
    """The config file: `XFRAMES_CONFIG`, else `config.toml` in the platform's config folder for xframes."""
    given = os.environ.get("XFRAMES_CONFIG")
    return Path(given) if given else platformdirs.user_config_path("xframes") / "config.toml"


def journals_path() -> Path:
    """Where archives in object storage keep journals and locks: `XFRAMES_JOURNALS`, else `journals` in the config file.

    By default `journals` in the platform's data folder for xframes. Raises ConfigError as `read_config` does.
    """
    given = from_environment("XFRAMES_JOURNALS") or read_config().get("journals")
    return Path(str(given)).expanduser() if given else platformdirs.user_data_path("xframes") / "journals"


@sealed
def read_config() -> dict[str, Any]:
    """The config file's contents; empty when there is none.

    Raises ConfigError when the file cannot be parsed, or when others than its owner may read it (it holds secrets).
    """
    path = config_path()
    try:
        mode = path.stat().st_mode
    except OSError:
        return {}
    if stat.S_ISDIR(mode):
        raise ConfigError(f"{path} is a folder; XFRAMES_CONFIG names a file")
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
        raise ConfigError(f"{path} can be read by others and may hold credentials; run: chmod 600 '{path}'")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"\(at line \d+, column \d+\)$", str(error))  # no more of it: it may quote a secret
        raise ConfigError(f"{path} is not readable TOML: {place[0][1:-1] if place else type(error).__name__}") from None


def from_environment(*names: str) -> str | None:
    """The first of these environment variables that is set and not empty."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


def on_this_machine(url: str) -> bool:
    """Whether a URL's server is this machine's own: the sandbox, say."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
