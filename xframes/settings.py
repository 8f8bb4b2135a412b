"""Settings: from arguments, then the environment, then the user's config file."""

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
    """A bound that users can change by its variable, or below `[default]` in the config file.

    Parameters
    ----------
    name
        Name in the config file.
    default
        The bound when it is not set.
    """

    name: str
    default: int

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"XFRAMES_{self.name.upper()}"

    @property
    def value(self) -> int:
        """The number in force. Raises ConfigError when it is not a positive whole number."""
        value: Any = from_environment(self.variable)
        source = self.variable
        if value is None:
            value, source = table().get(self.name, self.default), f"{self.name} in the config file"
        if isinstance(value, bool) or not _WHOLE.fullmatch(str(value)):
            expected = "a whole number from 1 to 999,999,999"
            raise ConfigError(f"{source}: expected {expected}, got {value!r:.40}")
        return int(value)

    @property
    def bytes(self) -> int:
        """The same in bytes, where the number counts megabytes."""
        return self.value * 1_000_000

    @property
    def megabytes(self) -> str:
        """The bound as an error names it, with how to raise it."""
        setting = f"{self.variable} (or {self.name} in the config file)"
        return f"{self.value:,} MB; a larger {setting} allows more"


@dataclass(frozen=True, slots=True)
class Text:
    """A setting with any text, set by its variable or below `[default]` in the config file.

    Parameters
    ----------
    name
        Name in the config file.
    """

    name: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"XFRAMES_{self.name.upper()}"

    @property
    def value(self) -> str | None:
        """The text that the environment or the config file sets; None without one."""
        value: Any = from_environment(self.variable)
        if value is None:
            value = table().get(self.name)
        if value in (None, ""):
            return None
        return str(value)

    @property
    def source(self) -> str:
        """Where the text comes from, for an error."""
        if from_environment(self.variable) is not None:
            return self.variable
        return f"{self.name} in the config file"


APP = Text("app")  # a name for the app in the ledger: two sets of credentials can be one app
BUDGET = Text("budget")  # such as 5 or 20/month
MAX_BODY = Bound("max_body_mb", 64)  # of an answer, unpacked; of a line of a stream
MAX_LINE = Bound("max_line_mb", 256)  # of a file: a line, or a document that is not a list
MAX_EMPTY = Bound("max_empty_pages", 50)  # in a row
MAX_PRICE = Bound("max_price", 10)  # dollars that a collection without a budget may cost
BOUNDS = (MAX_BODY, MAX_LINE, MAX_EMPTY, MAX_PRICE)


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting with a few values, set by its variable or below `[default]` in the config file.

    Parameters
    ----------
    name
        Name in the config file.
    values
        The values it can have.
    default
        The value when it is not set.
    """

    name: str
    values: tuple[str, ...]
    default: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"XFRAMES_{self.name.upper()}"

    @property
    def expected(self) -> str:
        """The values, for an error."""
        return " or ".join(map(repr, self.values))

    @property
    def value(self) -> str:
        """The value that the environment, the config file or the default sets.

        Raises ConfigError for any other value, naming its source.
        """
        value: Any = from_environment(self.variable)
        source = self.variable
        if value is None:
            value, source = table().get(self.name), f"{self.name} in the config file"
        if value in (None, ""):
            value = self.default
        if value not in self.values:
            raise ConfigError(f"{source}: expected {self.expected}, got {value!r:.40}")
        return str(value)


WORDS = Choice("words", ("tweet", "post"), "tweet")  # X's vocabulary in requests
READING = Choice("price_reading", ("both", "low", "high"), "both")  # what X bills, if it is known


def config_path() -> Path:
    """Return the path of the config file, which need not exist.

    Returns
    -------
    Path
        `XFRAMES_CONFIG`, else `config.toml` in the platform's config folder for xframes.
    """
    variable = os.environ.get("XFRAMES_CONFIG")
    if variable:
        return Path(variable)
    return platformdirs.user_config_path("xframes") / "config.toml"


def journals_path() -> Path:
    """Return the folder for journals and locks of archives in object storage.

    Returns
    -------
    Path
        `XFRAMES_JOURNALS`, else `journals` in the config file, else `journals` in the platform's
        data folder for xframes.

    Raises
    ------
    ConfigError
        As `read_config`.
    """
    setting = from_environment("XFRAMES_JOURNALS") or read_config().get("journals")
    if setting:
        return Path(str(setting)).expanduser()
    return platformdirs.user_data_path("xframes") / "journals"


@sealed
def read_config() -> dict[str, Any]:
    """Read the config file.

    Returns
    -------
    dict
        Its contents; empty when there is no file.

    Raises
    ------
    ConfigError
        It is not valid TOML, or users other than its owner can read it (it holds secrets).
    """
    path = config_path()
    try:
        mode = path.stat().st_mode
    except OSError:
        return {}
    if stat.S_ISDIR(mode):
        raise ConfigError(f"{path} is a folder; XFRAMES_CONFIG names a file")
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
        raise ConfigError(
            f"{path} can be read by others and may hold credentials; run: chmod 600 '{path}'"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = type(error).__name__
        place = re.search(r"\((at line \d+, column \d+)\)$", str(error))
        if place:
            reason = place[1]  # no more of the message: it may quote a secret
        raise ConfigError(f"{path} is not readable TOML: {reason}") from None


def table() -> Mapping[str, Any]:
    """Read the table `[default]` of the config file.

    Returns
    -------
    Mapping
        The settings in it; empty when there are none.

    Raises
    ------
    ConfigError
        As `read_config`, and when `default` is not a table.
    """
    found = read_config().get("default", {})
    if not isinstance(found, dict):
        raise ConfigError("the config file's `default` must be a table: [default]")
    return found


@sealed
def save_setting(name: str, value: str) -> Path:
    """Save a setting below `[default]` in the config file, and return its path.

    Parameters
    ----------
    name, value
        The setting, and its text.

    Returns
    -------
    Path
        The config file, which is created if it does not exist.

    Raises
    ------
    ConfigError
        As `read_config`, or if the file cannot be changed.
    """
    read_config()
    path = config_path()
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        text = "\n".join(_with_setting(lines, name, value)) + "\n"
        tomllib.loads(text)  # an invalid file is not written
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.resolve().with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path.resolve())
    except (OSError, ValueError):
        raise ConfigError(
            f'{path} cannot be changed. Add this line below [default]: {name} = "{value}"'
        ) from None
    return path


def _with_setting(lines: list[str], name: str, value: str) -> list[str]:
    """Return the lines of a config file with a setting in its table `default`."""
    line = f'{name} = "{value}"'
    header = re.compile(r"\s*\[\s*default\s*\]\s*(#.*)?")
    headers = [number for number, text in enumerate(lines) if header.fullmatch(text)]
    if not headers:
        return [*lines, "[default]", line]
    first = headers[0] + 1
    rest = range(first, len(lines))
    end = next((number for number in rest if lines[number].lstrip().startswith("[")), len(lines))
    kept = [text for text in lines[first:end] if not re.match(rf"\s*{re.escape(name)}\s*=", text)]
    return [*lines[:first], line, *kept, *lines[end:]]


def from_environment(*names: str) -> str | None:
    """Return the first of these environment variables that is set and not empty, else None."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


def on_this_machine(url: str) -> bool:
    """Whether a URL's server is this machine, e.g. a sandbox."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
