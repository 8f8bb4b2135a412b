"""Where settings come from: arguments, then the environment, then the user's config file."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import platformdirs

from xframes.errors import ConfigError
from xframes.sealing import sealed

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE_URL = "https://api.x.com"
_WHOLE = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound that users may move: by its variable, else below `[default]` in the config file."""

    name: str
    default: int

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"XFRAMES_{self.name.upper()}"

    @property
    def value(self) -> int:
        """The number in force. Raises ConfigError when it is no positive whole number."""
        found = from_environment(self.variable)
        where = self.variable
        if found is None:
            found, where = table().get(self.name, self.default), f"{self.name} in the config file"
        if isinstance(found, bool) or not _WHOLE.fullmatch(str(found)):
            wanted = "a whole number from 1 to 999,999,999"
            raise ConfigError(f"{where}: expected {wanted}, got {found!r:.40}")
        return int(found)

    @property
    def bytes(self) -> int:
        """The same in bytes, where the number counts megabytes."""
        return self.value * 1_000_000

    @property
    def megabytes(self) -> str:
        """The bound in the words of an error, with what raises it."""
        raised = f"{self.variable} (or {self.name} in the config file)"
        return f"{self.value:,} MB; a larger {raised} allows more"


MAX_BODY = Bound("max_body_mb", 64)  # of an answer, unpacked; of a line of a stream
MAX_LINE = Bound("max_line_mb", 256)  # of a file: a line, or a document that is no list
MAX_EMPTY = Bound("max_empty_pages", 50)  # in a row
BOUNDS = (MAX_BODY, MAX_LINE, MAX_EMPTY)


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


def table() -> Mapping[str, Any]:
    """The config file's table `[default]`.

    Raises ConfigError as `read_config` does, and when it is no table.
    """
    found = read_config().get("default", {})
    if not isinstance(found, dict):
        raise ConfigError("the config file's `default` must be a table: [default]")
    return found


def from_environment(*names: str) -> str | None:
    """The first of these environment variables that is set and not empty."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


def on_this_machine(url: str) -> bool:
    """Whether a URL's server is this machine's own: the sandbox, say."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
