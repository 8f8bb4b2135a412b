"""Store tokens in a JSON file next to the config file, which only its owner can read."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from xframes.errors import ConfigError
from xframes.sealing import sealed
from xframes.settings import config_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGIN, OAUTH1 = "login", "oauth1"  # the records of logins
_TYPES: dict[str, Any] = {"expires_at": int | float, "scopes": list}  # all others are text
_PATIENCE = 180  # seconds; a renewal can wait for a slow server


def tokens_path() -> Path:
    """Return the path of `tokens.json`, next to the config file."""
    return config_path().with_name("tokens.json")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock the file, because X accepts each refresh token only once.

    Raises ConfigError if the file cannot be written, before a refresh token is used.
    """
    lock = FileLock(f"{path}.lock", timeout=_PATIENCE, mode=0o600)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except Timeout:
        raise ConfigError(f"{path}: another process has locked it for {_PATIENCE} s") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: renewed tokens cannot be stored there ({error.strerror})"
        ) from None
    try:
        yield
    finally:
        lock.release()


@sealed
def load(path: Path, key: str) -> dict[str, Any] | None:
    """Return a stored record, or None.

    Raises ConfigError if the file cannot be read, or can be read by other users.
    """
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise ConfigError(
                f"{path}: other users can read these credentials. Use: chmod 600 '{path}'"
            )
        records = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: it cannot be read ({type(error).__name__})") from None
    if not isinstance(records, dict) or not isinstance(records.get(key), dict):
        return None
    record: dict[str, Any] = records[key]
    for name, value in record.items():
        if not isinstance(value, _TYPES.get(name, str) | None):
            got = type(value).__name__
            raise ConfigError(
                f"{path}: {key}.{name}: unexpected {got}. To log in again, use: xframes login"
            )
    return record


@sealed
def save(path: Path, key: str, record: dict[str, Any]) -> None:
    """Store a record, atomically and with mode 0600. The caller has locked the file."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        records = {}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tokens-")  # with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({**records, key: record}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
