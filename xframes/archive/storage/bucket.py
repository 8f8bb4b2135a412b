"""Archives in object storage: a bucket's objects, through fsspec.

Objects never change: each is put once, under a name that is never used again. So a listing says
everything, content read once can be kept in memory, and a machine that misses an object lists
again. Credentials and options are those of fsspec.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import secrets
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from xframes.errors import ArchiveError
from xframes.settings import journals_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from io import RawIOBase

    import duckdb


log = logging.getLogger("xframes")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://(?P<rest>.*)", re.DOTALL)
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
_SECRET = re.compile(r"key|secret|token|password|credential|connection_string", re.IGNORECASE)
_SERVER = ("endpoint_url", "account_name", "host", "port")  # options that say which server it is
_SERVER_ENVIRONMENT = (
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "STORAGE_EMULATOR_HOST",
    "AZURE_STORAGE_ACCOUNT_NAME",
)
_TEXT = 1 << 30  # bytes of a text, at most; reading a range needs no request for the size
_LISTINGS = 4  # at most, until two of them agree
_AT_ONCE = 8  # objects put or deleted at the same time
_REPLACED = "replaced-"  # how the names of markers begin
STAGING = ".staging"  # the folder of what jobs of several machines have not published yet
_INTENT = re.compile(r"commit-(?P<stage>[0-9a-f]{28})\.json")
_OLDEST_STAGE = 604_800.0  # seconds after which the stage of another machine is abandoned
_PROCESS = secrets.token_hex(8)

def is_url(text: str) -> bool:
    """Whether an archive's address is a URL, not the path of a folder."""
    return _URL.match(text) is not None


@dataclass(frozen=True, slots=True)
class Object:
    """An object in an archive's bucket, or a folder of objects."""

    url: str
    key: str
    bucket: Bucket = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.key).stem

    @property
    def parent(self) -> Object:
        """The folder it is in."""
        return Object(self.url, self.key.rpartition("/")[0], self.bucket)

    def __truediv__(self, other: str | PurePosixPath) -> Object:
        if not self.key:
            return Object(self.url, str(other), self.bucket)
        return Object(self.url, f"{self.key}/{other}", self.bucket)

    def __str__(self) -> str:
        if not self.key:
            return self.url
        return f"{self.url}/{self.key}"

    def with_name(self, name: str) -> Object:
        """Return another object in the same folder."""
        return self.parent / name

    def exists(self) -> bool:
        """Whether the last listing has it."""
        return self.bucket.holds(self.key)

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return its text. Raises FileNotFoundError if it is gone."""
        del encoding
        return self.bucket.text(self.key, keep=self.name.startswith(_REPLACED))


Place: TypeAlias = Path | Object
"""A file of an archive: a path on a local disk or an object in a bucket."""


class Content(io.RawIOBase):
    """An object as a file to read; several may be open at the same time."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._size = bucket.size(key)
        self._position = 0

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def seekable(self) -> bool:
        """Return True: reading can start anywhere."""
        return True

    def tell(self) -> int:
        """Return the position from which the next read starts."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position from which the next read starts."""
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Read `size` bytes, or everything that is left."""
        end = self._size
        if size is not None and size >= 0:
            end = min(self._size, self._position + size)
        if end <= self._position:
            return b""
        data = self._bucket.read(self._key, self._position, end)
        self._position = end
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer and return the number of bytes read."""
        data = self.read(len(buffer))
        buffer[:len(data)] = data
        return len(data)


class Bucket:
    """The objects below a URL, as of the last `look` and what this process put or deleted since.

    `home` is this machine's folder for the archive's journal, locks and temporary files.

    Raises ArchiveError if the library for the URL is missing or the URL contains credentials, and
    from any method if the store refuses a request. The errors show no credentials.
    """

    is_shared = True  # other machines read and write it, and locks do not show them
    grace_seconds = 600.0  # how long replaced files stay for readers on other machines
    block_bytes = 1_048_576  # in one read, at least
    most_blocks = 64  # kept in memory
    one_response = 1_000  # names; a longer listing may mix several moments

    def __init__(self, url: str) -> None:
        hit = _URL.match(url)
        if hit is None or re.match(r"[^/]*@", hit["rest"]) or "?" in url:
            raise ArchiveError(
                "expected the URL of an archive without credentials or options, such as "
                "s3://bucket/prefix. Set them in the environment or in fsspec's configuration"
            )
        self.url = url.rstrip("/")
        self.scheme = hit["scheme"]
        self._fs, self._root = _connect(self.url, self.scheme)
        self.home = journals_path() / self._identity()
        self.losses = 0  # listings without an object that an earlier one had
        self._folders: dict[str, dict[str, int]] | None = None
        self._sizes: dict[str, int] = {}  # of every object listed so far
        self._texts: dict[str, str] = {}
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._guard = threading.Lock()

    @property
    def root(self) -> Object:
        """The archive itself."""
        return Object(self.url, "", self)

    @property
    def in_process(self) -> bool:
        """Whether only this process can read and write it."""
        return self.scheme == "memory"

    def _identity(self) -> str:
        """Return the name of this archive's folder on this machine, unique by server and URL."""
        server: list[Any] = [_PROCESS]
        if not self.in_process:
            options = self._fs.storage_options
            client = options.get("client_kwargs") or {}
            server = [options.get(name) or client.get(name) for name in _SERVER]
            server += map(os.environ.get, _SERVER_ENVIRONMENT)
        parts = (self._fs.unstrip_protocol(self._root), *filter(None, server))
        text = "\n".join(map(str, parts))
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def check(self) -> None:
        """Do nothing: a URL is not the path of a file or a link."""

    @property
    def is_present(self) -> bool:
        """Whether there are objects: a URL has no empty folders."""
        return bool(self.top_names())

    def settle(self, folders: Iterable[Path]) -> None:
        """Create the archive's folders on this machine."""
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            (self.home / "archive.txt").write_text(f"{self.url}\n", encoding="utf-8")
        except OSError as error:
            raise ArchiveError(f"{self.url} keeps its journal in {self.home}, which cannot be "
                               f"written ({error}). Set XFRAMES_JOURNALS to another "
                               "folder") from None

    def create(self, folders: Iterable[Place]) -> None:
        """Do nothing: object storage has no folders."""

    # listing --------------------------------------------------------------------------------------

    def look(self) -> None:
        """List all objects, a second time only if one response may not have held them all."""
        folders = self._listed()
        for _ in range(_LISTINGS - 1):
            if sum(map(len, folders.values())) < self.one_response:
                break
            before, folders = folders, self._listed()
            if folders == before:
                break
        old, self._folders = self._folders or {}, folders
        for home, names in old.items():
            if names.keys() - folders.get(home, {}).keys():
                self.losses += 1
                break

    def _listed(self) -> dict[str, dict[str, int]]:
        folders: dict[str, dict[str, int]] = {}
        with self._doing("listed", missing=True):
            for name, about in self._fs.find(self._root, detail=True).items():
                key = name.removeprefix(self._root).lstrip("/")
                home, _, last = key.rpartition("/")
                folders.setdefault(home, {})[last] = self._sizes[key] = int(about["size"])
        return folders

    def names(self, folder: Place) -> list[str]:
        """Return the names of the objects in a folder, sorted."""
        return sorted(self._listing().get(_object(folder).key, {}).copy())

    def top_names(self) -> list[str]:
        """Return the names of objects and folders at the top of the archive, sorted."""
        names = set(self._listing().get("", {}).copy())
        names |= {home.split("/")[0] for home, inside in self._objects() if home and inside}
        return sorted(names)

    def strays(self, folder: Place) -> Iterator[tuple[str, str]]:
        """Find nothing: objects with other names are never read as data."""
        del folder
        return iter(())

    def inside(self, place: Place) -> str:
        """Return the path of an object relative to the archive, with slashes."""
        return _object(place).key

    @property
    def has_replaced(self) -> bool:
        """Whether the archive has markers of replaced files."""
        names = chain.from_iterable(names for _, names in self._objects())
        return any(name.startswith(_REPLACED) for name in names)

    def holds(self, key: str) -> bool:
        """Whether the last listing has an object."""
        home, _, name = key.rpartition("/")
        return name in self._listing().get(home, {})

    def size(self, key: str) -> int:
        """Return the size of an object in bytes."""
        if key not in self._sizes:
            with self._doing("read"):
                self._sizes[key] = int(self._fs.size(self._at(key)))
        return self._sizes[key]

    def _listing(self) -> dict[str, dict[str, int]]:
        """Return the sizes of all objects by folder and name."""
        if self._folders is None:
            self.look()
        assert self._folders is not None
        return self._folders

    def _objects(self) -> list[tuple[str, list[str]]]:
        """Return each folder with the names in it; other threads may put and delete meanwhile."""
        return [(home, list(names.copy())) for home, names in self._listing().copy().items()]

    # reading --------------------------------------------------------------------------------------

    def text(self, key: str, *, keep: bool = False) -> str:
        """Return an object's text; with `keep` it is fetched once. Raises FileNotFoundError."""
        if key in self._texts:
            return self._texts[key]
        with self._doing("read"):
            text = bytes(self._fs.cat_file(self._at(key), start=0, end=_TEXT)).decode()
        if keep:
            self._texts[key] = text
        return text

    def read(self, key: str, start: int, end: int) -> bytes:
        """Return bytes of an object; fetch the blocks not in memory with one request.

        Raises FileNotFoundError if the object is gone.
        """
        first, last = start // self.block_bytes, max(start, end - 1) // self.block_bytes
        numbers = range(first, last + 1)
        with self._guard:
            blocks = {n: self._blocks[key, n] for n in numbers if (key, n) in self._blocks}
        lacking = [n for n in numbers if n not in blocks]
        if lacking:
            begin = lacking[0] * self.block_bytes
            stop = min((lacking[-1] + 1) * self.block_bytes, self.size(key))
            with self._doing("read"):
                data = self._fs.cat_file(self._at(key), start=begin, end=stop)
            for n in range(lacking[0], lacking[-1] + 1):
                blocks[n] = data[n * self.block_bytes - begin:(n + 1) * self.block_bytes - begin]
            self._keep(key, blocks)
        whole = b"".join(blocks[n] for n in numbers)
        return whole[start - first * self.block_bytes:end - first * self.block_bytes]

    def _keep(self, key: str, blocks: Mapping[int, bytes]) -> None:
        with self._guard:
            for n, block in blocks.items():
                self._blocks[key, n] = block
                self._blocks.move_to_end((key, n))
            while len(self._blocks) > self.most_blocks:
                self._blocks.popitem(last=False)

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let DuckDB read the objects. It requests nothing but their content from the store."""
        connection.register_filesystem(self._filesystem())

    def _filesystem(self) -> Any:
        import fsspec

        bucket, start = self, len(self.url) + 1

        class Objects(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec is untyped
            cachable = False
            protocol = self.scheme

            def glob(self, path: str, **_: Any) -> list[str]:
                return [path]  # every name is literal, never a pattern

            def open(self, path: str, mode: str = "rb", **_: Any) -> RawIOBase:
                if mode != "rb":
                    raise PermissionError(f"{path}: queries cannot write an archive's objects")
                return Content(bucket, path[start:])

            def size(self, path: str) -> int:
                return bucket.size(path[start:])

            def exists(self, path: str, **_: Any) -> bool:
                return bucket.holds(path[start:])

            def modified(self, path: str) -> datetime:
                del path
                return datetime(1970, 1, 1, tzinfo=UTC)  # objects never change

        return Objects()

    # staging --------------------------------------------------------------------------------------

    def stage(self, temp: Path, stage: str) -> None:
        """Put a finished file where `publish` takes it from, and remove it here. Lists nothing."""
        with self._doing("written to", lacking=True):
            self._fs.put_file(str(temp), self._at(f"{STAGING}/{stage}/{temp.name}"))
        temp.unlink()

    def publish(self, stage: str, moves: Mapping[str, Place]) -> None:
        """Move staged files to their final paths, all or none. The store copies them itself.

        After a crash in between, `complete` on any machine moves the rest.
        """
        pairs = [[name, self.inside(final)] for name, final in moves.items()]
        intent = self.root / f"{STAGING}/commit-{stage}.json"
        with self._doing("written to", lacking=True):
            self._fs.pipe_file(self._at(intent.key), json.dumps(pairs).encode())
        self._publish(intent, stage, moves)

    def unpublished(self) -> list[Object]:
        """Return the lists of files that jobs began to publish, as of the last listing.

        Nothing is listed for it.
        """
        if self._folders is None:
            return []
        home = self.root / STAGING
        return [home / name for name in self.names(home) if _INTENT.fullmatch(name)]

    def staged(self, intent: Place, moves: Iterable[tuple[str, str]]) -> dict[str, Object]:
        """Return what a job began to publish and is still staged, by the final paths."""
        hit = _INTENT.fullmatch(intent.name)
        assert hit
        places = {final: self.root / f"{STAGING}/{hit['stage']}/{name}" for name, final in moves}
        return {final: place for final, place in places.items() if place.exists()}

    def complete(self, intent: Place, moves: Mapping[str, Place]) -> None:
        """Complete what a job began to publish."""
        hit = _INTENT.fullmatch(intent.name)
        assert hit
        self._publish(intent, hit["stage"], moves)

    def _publish(self, intent: Place, stage: str, moves: Mapping[str, Place]) -> None:
        home = f"{STAGING}/{stage}"
        pairs = [(f"{home}/{name}", _object(final)) for name, final in moves.items()]
        for rank in range(3):
            with self._doing("written to", lacking=True):
                self._all(self._copy, [pair for pair in pairs if _rank(pair[1]) == rank])
        self.delete([intent])
        self.delete([self.root / f"{home}/{name}" for name in moves])

    def _copy(self, move: tuple[str, Object]) -> None:
        staged, final = move
        try:
            self._fs.cp_file(self._at(staged), self._at(final.key))
        except FileNotFoundError:  # another machine has completed the same commit
            if not self._fs.exists(self._at(final.key)):
                raise
        self._sizes.pop(final.key, None)
        names = self._listing().setdefault(final.parent.key, {})
        names[final.name] = self.size(final.key)

    def forget_stages(self, dead: Iterable[str], now: float) -> None:
        """Delete what ended jobs have staged: these stages, and any older than a week."""
        oldest = f"{int(max(0, now - _OLDEST_STAGE) * 1000):012x}"
        gone, begun = set(dead), {name[7:35] for name in self.names(self.root / STAGING)}
        for home, _ in self._objects():
            top, _, stage = home.partition("/")
            if top == STAGING and stage not in begun and (stage in gone or stage < oldest):
                self.delete_folder(self.root / home)

    # writing --------------------------------------------------------------------------------------

    def put(self, moves: Mapping[Path, Place]) -> None:
        """Put finished files with one put each and remove them here: pages first, markers last.

        So at any moment every row another machine reads has its page, and no file is hidden before
        its replacement is there.
        """
        for rank in range(3):
            with self._doing("written to", lacking=True):
                objects = [(temp, _object(final)) for temp, final in moves.items()]
                self._all(self._put, [move for move in objects if _rank(move[1]) == rank])

    def _put(self, move: tuple[Path, Object]) -> None:
        temp, final = move
        size = temp.stat().st_size
        if final.name.startswith(_REPLACED):
            self._texts[final.key] = temp.read_text(encoding="utf-8")
        self._fs.put_file(str(temp), self._at(final.key))
        self._sizes[final.key] = size
        self._listing().setdefault(final.parent.key, {})[final.name] = size
        temp.unlink(missing_ok=True)

    def delete(self, places: Iterable[Place]) -> None:
        """Delete objects, even if other machines are deleting them too."""
        with self._doing("deleted from"):
            self._all(self._delete, [_object(place).key for place in places])

    def delete_folder(self, folder: Place) -> None:
        """Delete the objects in a folder and its subfolders."""
        top = f"{_object(folder).key}/"
        places: list[Place] = []
        for home, names in self._objects():
            if f"{home}/".startswith(top):
                places += [self.root / f"{home}/{name}" for name in names]
        self.delete(places)

    def _delete(self, key: str) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._at(key))
        home, _, name = key.rpartition("/")
        self._listing().get(home, {}).pop(name, None)

    def forget_versions(self) -> None:
        """Delete earlier versions of objects, and delete markers, in a versioned bucket (S3)."""
        if not hasattr(self._fs, "object_version_info"):
            return
        name, _, prefix = self._root.partition("/")
        try:
            with self._doing("read"):
                old = list(self._old_versions(name, prefix))
        except (ArchiveError, FileNotFoundError) as error:
            log.warning("%s: cannot check for earlier versions of removed objects (%s)",
                        self.url, error)
            return
        with self._doing("deleted from"):
            self._all(lambda each: self._fs.call_s3("delete_object", Bucket=name, **each), old)

    def _old_versions(self, name: str, prefix: str) -> Iterator[dict[str, str]]:
        query = {"Bucket": name, "Prefix": ""}
        if prefix:
            query["Prefix"] = f"{prefix}/"
        while True:
            answer = self._fs.call_s3("list_object_versions", **query)
            versions = [each for each in answer.get("Versions", ()) if not each["IsLatest"]]
            for each in (*versions, *answer.get("DeleteMarkers", ())):
                yield {"Key": each["Key"], "VersionId": each["VersionId"]}
            if not answer.get("IsTruncated"):
                return
            query["KeyMarker"] = answer["NextKeyMarker"]
            query["VersionIdMarker"] = answer["NextVersionIdMarker"]

    def fetch(self, key: str, local: Path) -> None:
        """Copy an object into a local file. Raises FileNotFoundError if it is gone."""
        with self._doing("read"):
            self._fs.get_file(self._at(key), str(local))

    def _all(self, work: Any, items: list[Any]) -> None:
        """Do the work for all items, several at a time if the store's library allows it."""
        if len(items) < 2 or not self._fs.async_impl:
            for item in items:
                work(item)
            return
        with ThreadPoolExecutor(_AT_ONCE, "xframes-bucket") as pool:
            for _ in pool.map(work, items):
                pass

    def _at(self, key: str) -> str:
        return f"{self._root}/{key}"

    @contextmanager
    def _doing(self, what: str, *, missing: bool = False, lacking: bool = False) -> Iterator[None]:
        """Turn what libraries raise into ArchiveError without secrets; keep FileNotFoundError.

        With `missing`, FileNotFoundError is ignored. With `lacking` it becomes ArchiveError too:
        then the bucket itself is missing.
        """
        try:
            yield
        except ArchiveError:
            raise
        except FileNotFoundError as error:
            if missing:
                return
            if not lacking:
                raise
            raise ArchiveError(f"{self.url} cannot be {what}: {self._plain(error)}") from None
        except Exception as error:  # noqa: BLE001  # each store's library has errors of its own
            raise ArchiveError(f"{self.url} cannot be {what}: {self._plain(error)}") from None

    def _plain(self, error: Exception) -> str:
        """Return the text of an error without any credential of this machine."""
        text = f"{type(error).__name__}: {error}"
        secrets_here = {*_secrets(self._fs.storage_options), *_secrets(os.environ)}
        for secret in sorted(secrets_here, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def _object(place: Place) -> Object:
    if not isinstance(place, Object):
        raise TypeError(f"expected an object in a bucket, got {place}")
    return place


def _rank(final: Object) -> int:
    if final.key.endswith(".json"):
        return 2
    if final.key.startswith("pages/"):
        return 0
    return 1


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    """Find values that are credentials, by their names."""
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _secrets(value)
        elif isinstance(value, str) and len(value) > 5 and _SECRET.search(name):
            yield value


def _connect(url: str, scheme: str) -> tuple[Any, str]:
    """Return the filesystem of a URL, and the path of the URL in it."""
    try:
        import fsspec

        is_supported = scheme in fsspec.available_protocols()
        fs, root = None, ""
        if is_supported:
            fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError:
        advice = f"install fsspec and its library for {scheme}://"
        if scheme in _EXTRAS:
            advice = f"install xframes with its extra [{_EXTRAS[scheme]}]"
        raise ArchiveError(f"{url}: the library for {scheme}:// is missing: {advice}") from None
    except Exception as error:  # noqa: BLE001  # each store's library has errors of its own
        raise ArchiveError(f"{url} cannot be used: {type(error).__name__}") from None
    if not is_supported:
        raise ArchiveError(f"{url}: fsspec has no library for {scheme}://")
    return fs, str(root).rstrip("/")
