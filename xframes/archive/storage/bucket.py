"""Archives in object storage: a bucket's objects, through fsspec.

Objects never change: each is put once under a name never used again. So a listing is all there is to know, what was
read once can be kept, and a machine that finds an object gone lists again. Credentials and options are fsspec's own.
"""

from __future__ import annotations

import hashlib
import io
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
_SERVER = ("endpoint_url", "account_name", "host", "port")  # options that say which server a URL is of
_SERVER_ENVIRONMENT = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST", "AZURE_STORAGE_ACCOUNT_NAME")
_BLOCK = 1_048_576  # bytes read at once, at least
_BLOCKS = 64  # blocks kept in memory
_TEXT = 1 << 30  # bytes of a text at most: a range asks for no size first
_ONE_ANSWER = 1_000  # names in one answer to a listing; a longer listing is no picture of one moment
_LISTINGS = 4  # at most, for one picture
_AT_ONCE = 8  # objects put or deleted at the same time
_PROCESS = secrets.token_hex(8)


def is_url(text: str) -> bool:
    """Whether an archive's address is a URL, and not a folder's path."""
    return _URL.match(text) is not None


@dataclass(frozen=True, slots=True)
class Object:
    """The place of an object, or of a folder of objects, in an archive's bucket."""

    url: str
    key: str
    bucket: Bucket = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.key).stem

    @property
    def parent(self) -> Object:
        """The folder it is in."""
        return Object(self.url, self.key.rpartition("/")[0], self.bucket)

    def __truediv__(self, other: str | PurePosixPath) -> Object:
        return Object(self.url, f"{self.key}/{other}" if self.key else str(other), self.bucket)

    def __str__(self) -> str:
        return f"{self.url}/{self.key}" if self.key else self.url

    def with_name(self, name: str) -> Object:
        """Another place in the same folder."""
        return self.parent / name

    def exists(self) -> bool:
        """Whether it was there at the last look."""
        return self.bucket.holds(self.key)

    def read_text(self, encoding: str = "utf-8") -> str:
        """Its text. Raises FileNotFoundError when it is gone."""
        del encoding
        return self.bucket.text(self.key, keep=self.name.startswith("replaced-"))


Place: TypeAlias = Path | Object
"""A file of an archive: a path on a local disk, or an object in a bucket."""


class Content(io.RawIOBase):
    """An object as a file to read; any number may be open."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._size = bucket.size(key)
        self._position = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """Any part of it."""
        return True

    def tell(self) -> int:
        """Where reading goes on."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go on reading elsewhere."""
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, or all that is left."""
        end = self._size if size is None or size < 0 else min(self._size, self._position + size)
        if end <= self._position:
            return b""
        data = self._bucket.read(self._key, self._position, end)
        self._position = end
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; gives how many bytes came."""
        data = self.read(len(buffer))
        buffer[:len(data)] = data
        return len(data)


class Bucket:
    """The objects below a URL, as they were at the last `look`, with what this process has put and deleted since.

    `home` is the local folder for this archive's journal, locks and temporary files.

    Raises ArchiveError when the library for the URL is missing, when the URL holds credentials, and, from any method,
    for what the store refuses. The errors show no credentials.
    """

    is_shared = True  # other machines read and write it, and no lock shows them
    grace_seconds = 600.0  # what was replaced stays so long for readers on other machines

    def __init__(self, url: str) -> None:
        hit = _URL.match(url)
        if hit is None or re.match(r"[^/]*@", hit["rest"]) or "?" in url:
            raise ArchiveError("the URL of an archive is like s3://bucket/prefix; credentials and options have their "
                               "place in the environment or in fsspec's configuration")
        self.url = url.rstrip("/")
        self.scheme = hit["scheme"]
        self._fs, self._root = _connect(self.url, self.scheme)
        self.home = journals_path() / self._identity()
        self.losses = 0  # listings that lacked what was there before
        self._folders: dict[str, dict[str, int]] | None = None
        self._sizes: dict[str, int] = {}  # of every object ever seen
        self._texts: dict[str, str] = {}
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._guard = threading.Lock()

    @property
    def root(self) -> Object:
        """The place of the archive itself."""
        return Object(self.url, "", self)

    @property
    def in_process(self) -> bool:
        """Whether other processes see nothing of it."""
        return self.scheme == "memory"

    def _identity(self) -> str:
        """The name of this archive's folder on this machine: one for each URL of each server."""
        options = self._fs.storage_options
        told = [options.get(n) or (options.get("client_kwargs") or {}).get(n) for n in _SERVER]
        server = [_PROCESS] if self.in_process else [*told, *map(os.environ.get, _SERVER_ENVIRONMENT)]
        text = "\n".join([self._fs.unstrip_protocol(self._root), *(str(s) for s in server if s)])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def check(self) -> None:
        """Do nothing: a URL names no file and no link."""

    def settle(self, folders: Iterable[Path]) -> None:
        """Create the folder on this machine of the archive."""
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            (self.home / "archive.txt").write_text(f"{self.url}\n", encoding="utf-8")
        except OSError as error:
            raise ArchiveError(f"{self.url} keeps its journal in {self.home}, which cannot be written "
                               f"({error}). Set XFRAMES_JOURNALS to another folder") from None

    def create(self, folders: Iterable[Place]) -> None:
        """Do nothing: object storage has no folders."""

    # what there is -----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """List all objects: one listing, repeated only when it needs several answers and they do not agree."""
        found = self._listed()
        for _ in range(_LISTINGS - 1):
            if sum(map(len, found.values())) < _ONE_ANSWER:
                break
            before, found = found, self._listed()
            if found == before:
                break
        old, self._folders = self._folders or {}, found
        self.losses += any(names.keys() - found.get(home, {}).keys() for home, names in old.items())

    def _listed(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        with self._doing("listed", missing=True):
            for name, about in self._fs.find(self._root, detail=True).items():
                key = name.removeprefix(self._root).lstrip("/")
                home, _, last = key.rpartition("/")
                found.setdefault(home, {})[last] = self._sizes[key] = int(about["size"])
        return found

    def names(self, folder: Place) -> list[str]:
        """The names of objects in a folder, sorted."""
        return sorted(self._seen().get(_object(folder).key, {}).copy())

    def top_names(self) -> list[str]:
        """The names in the archive itself, sorted; also those of folders."""
        paths = [folder or name for folder, names in self._seen().copy().items() for name in names]
        return sorted({path.split("/")[0] for path in paths})

    def strays(self, folder: Place) -> Iterator[tuple[str, str]]:
        """Find nothing: objects of other names are never listed as data."""
        del folder
        return iter(())

    def inside(self, place: Place) -> str:
        """The path of an object relative to the archive, with slashes."""
        return _object(place).key

    @property
    def has_replaced(self) -> bool:
        """Whether there are objects that others have replaced."""
        return any(name.startswith("replaced-") for names in self._seen().copy().values() for name in names.copy())

    def holds(self, key: str) -> bool:
        """Whether an object was there at the last look."""
        home, _, name = key.rpartition("/")
        return name in self._seen().get(home, {})

    def size(self, key: str) -> int:
        """Bytes of an object."""
        if key not in self._sizes:
            with self._doing("read"):
                self._sizes[key] = int(self._fs.size(self._at(key)))
        return self._sizes[key]

    def _seen(self) -> dict[str, dict[str, int]]:
        if self._folders is None:
            self.look()
        assert self._folders is not None
        return self._folders

    # reading -----------------------------------------------------------------------------------------------------

    def text(self, key: str, *, keep: bool = False) -> str:
        """An object's text; with `keep` it is read once. Raises FileNotFoundError when it is gone."""
        if key in self._texts:
            return self._texts[key]
        with self._doing("read"):
            found = bytes(self._fs.cat_file(self._at(key), start=0, end=_TEXT)).decode()
        if keep:
            self._texts[key] = found
        return found

    def read(self, key: str, start: int, end: int) -> bytes:
        """Bytes of an object: what is missing of their blocks is asked for at once. Raises FileNotFoundError."""
        first, last = start // _BLOCK, max(start, end - 1) // _BLOCK
        with self._guard:
            held = {n: self._blocks[key, n] for n in range(first, last + 1) if (key, n) in self._blocks}
        lacking = [n for n in range(first, last + 1) if n not in held]
        if lacking:
            begin = lacking[0] * _BLOCK
            stop = min((lacking[-1] + 1) * _BLOCK, self.size(key))
            with self._doing("read"):
                data = self._fs.cat_file(self._at(key), start=begin, end=stop)
            for n in range(lacking[0], lacking[-1] + 1):
                held[n] = data[n * _BLOCK - begin:(n + 1) * _BLOCK - begin]
            self._keep(key, held)
        return b"".join(held[n] for n in range(first, last + 1))[start - first * _BLOCK:end - first * _BLOCK]

    def _keep(self, key: str, blocks: Mapping[int, bytes]) -> None:
        with self._guard:
            for n, block in blocks.items():
                self._blocks[key, n] = block
                self._blocks.move_to_end((key, n))
            while len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let DuckDB read the objects: it requests nothing but content from the store."""
        connection.register_filesystem(self._filesystem())

    def _filesystem(self) -> Any:
        import fsspec

        bucket, start = self, len(self.url) + 1

        class Objects(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec is untyped, and may be missing
            cachable = False
            protocol = self.scheme

            def glob(self, path: str, **_: Any) -> list[str]:
                return [path]  # our names are names, never patterns

            def open(self, path: str, mode: str = "rb", **_: Any) -> RawIOBase:
                if mode != "rb":
                    raise PermissionError(f"{path}: an archive's objects are not written by queries")
                return Content(bucket, path[start:])

            def size(self, path: str) -> int:
                return bucket.size(path[start:])

            def exists(self, path: str, **_: Any) -> bool:
                return bucket.holds(path[start:])

            def modified(self, path: str) -> datetime:
                del path
                return datetime(1970, 1, 1, tzinfo=UTC)  # objects never change

        return Objects()

    # writing -----------------------------------------------------------------------------------------------------

    def put(self, moves: Mapping[Path, Place]) -> None:
        """Put finished files, each with one put, and let them go: pages first, what says which are replaced last.

        So whatever another machine sees, no row lacks its page, and nothing is hidden before what replaces it is there.
        """
        for rank in range(3):
            with self._doing("written to", lacking=True):
                objects = [(temp, _object(final)) for temp, final in moves.items()]
                self._all(self._put, [move for move in objects if _rank(move[1]) == rank])

    def _put(self, move: tuple[Path, Object]) -> None:
        temp, final = move
        size = temp.stat().st_size
        if final.name.startswith("replaced-"):
            self._texts[final.key] = temp.read_text(encoding="utf-8")
        self._fs.put_file(str(temp), self._at(final.key))
        self._sizes[final.key] = size
        self._seen().setdefault(final.parent.key, {})[final.name] = size
        temp.unlink(missing_ok=True)

    def delete(self, places: Iterable[Place]) -> None:
        """Delete objects, whoever else is deleting them."""
        with self._doing("deleted from"):
            self._all(self._delete, [_object(place).key for place in places])

    def delete_folder(self, folder: Place) -> None:
        """Delete the objects in a folder and its folders."""
        top = f"{_object(folder).key}/"
        homes = [(home, names) for home, names in self._seen().copy().items()
                 if f"{home}/".startswith(top)]
        self.delete(self.root / f"{home}/{name}" for home, names in homes for name in names.copy())

    def _delete(self, key: str) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._at(key))
        home, _, name = key.rpartition("/")
        self._seen().get(home, {}).pop(name, None)

    def forget_versions(self) -> None:
        """Delete earlier versions of objects, and marks of deletion, where the store keeps any (S3, when told to)."""
        if not hasattr(self._fs, "object_version_info"):
            return
        name, _, prefix = self._root.partition("/")
        asked = {"Bucket": name, "Prefix": f"{prefix}/" if prefix else ""}
        old: list[dict[str, str]] = []
        try:
            with self._doing("read"):
                while True:
                    found = self._fs.call_s3("list_object_versions", **asked)
                    old += [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in found.get("Versions", ())
                            if not v["IsLatest"]]
                    old += [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in found.get("DeleteMarkers", ())]
                    if not found.get("IsTruncated"):
                        break
                    asked |= {"KeyMarker": found["NextKeyMarker"], "VersionIdMarker": found["NextVersionIdMarker"]}
        except (ArchiveError, FileNotFoundError) as error:
            log.warning("%s: whether earlier versions of what was removed are kept is unknown (%s)", self.url, error)
            return
        with self._doing("deleted from"):
            self._all(lambda version: self._fs.call_s3("delete_object", Bucket=name, **version), old)

    def fetch(self, key: str, local: Path) -> None:
        """Copy an object into a local file. Raises FileNotFoundError when it is gone."""
        with self._doing("read"):
            self._fs.get_file(self._at(key), str(local))

    def _all(self, work: Any, items: list[Any]) -> None:
        """Do it for all, several at the same time where the store's library can."""
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
        """Turn what libraries raise into ArchiveError, without secrets; FileNotFoundError says that something is gone.

        With `missing` it is no error, with `lacking` it is one: the bucket itself is missing then.
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
        """What an error says, without anything that is a credential here."""
        text = f"{type(error).__name__}: {error}"
        known = {*_secrets(self._fs.storage_options), *_secrets(os.environ)}
        for secret in sorted(known, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def _object(place: Place) -> Object:
    if not isinstance(place, Object):
        raise TypeError(f"expected an object in a bucket, got {place}")
    return place


def _rank(final: Object) -> int:
    if final.key.endswith(".json"):
        return 2
    return 0 if final.key.startswith("pages/") else 1


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    """Values that are credentials, by their names."""
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _secrets(value)
        elif isinstance(value, str) and len(value) > 5 and _SECRET.search(name):
            yield value


def _connect(url: str, scheme: str) -> tuple[Any, str]:
    """The filesystem of a URL, and the URL's path in it."""
    try:
        import fsspec

        known = scheme in fsspec.available_protocols()
        fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False) if known else (None, "")
    except ImportError:
        extra = _EXTRAS.get(scheme)
        needed = f"install xframes with its extra [{extra}]" if extra else f"install fsspec and its library for {scheme}://"
        raise ArchiveError(f"{url}: a library for this kind of storage is missing: {needed}") from None
    except Exception as error:  # noqa: BLE001  # each store's library has errors of its own
        raise ArchiveError(f"{url} cannot be used: {type(error).__name__}") from None
    if not known:
        raise ArchiveError(f"{url}: there is no library for {scheme}:// among those fsspec knows")
    return fs, str(root).rstrip("/")
