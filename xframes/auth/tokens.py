"""Where tokens rest between processes: one JSON file beside the config file, readable by its owner only."""

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

LOGIN, OAUTH1 = "login", "oauth1"  # the records logging in writes
_TYPES: dict[str, Any] = {"expires_at": int | float, "scopes": list}  # the rest is text
_PATIENCE = 180  # seconds; a renewal that meets an unanswering server takes a while


def tokens_path() -> Path:
    """`tokens.json` beside the config file."""
    return config_path().with_name("tokens.json")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file against other processes: X takes each refresh token once.

    Raises ConfigError where nothing can be written, before any token is used up.
    """
    lock = FileLock(f"{path}.lock", timeout=_PATIENCE, mode=0o600)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except Timeout:
        raise ConfigError(f"another process has held {path} for {_PATIENCE} s") from None
    except OSError as error:
        raise ConfigError(f"tokens must be kept, but {path} cannot be written: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


@sealed
def load(path: Path, key: str) -> dict[str, Any] | None:
    """A stored record, or None. Raises ConfigError when the file is unreadable or others may read it."""
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise ConfigError(f"{path} can be read by others and holds credentials; run: chmod 600 '{path}'")
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}") from None
    record = found.get(key) if isinstance(found, dict) else None
    if not isinstance(record, dict):
        return None
    for name, value in record.items():
        if not isinstance(value, _TYPES.get(name, str) | None):
            got = type(value).__name__
            raise ConfigError(f"{path}: {key}.{name} is a {got}. Log in again: xframes login")
    return record


@sealed
def save(path: Path, key: str, record: dict[str, Any]) -> None:
    """Store a record, atomically and with mode 0600; the caller holds the lock."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        held = {}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tokens-")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({**held, key: record}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
