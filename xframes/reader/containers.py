"""Unpack compressed files, zip and tar, and decode text that is not UTF-8.

The content of a file decides how it is unpacked, not its name.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import tarfile
import tempfile
import zipfile
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Literal, Self, cast

from xframes.reader import account_export, row_files, spreadsheets, web_archive
from xframes.reader.damage import reason
from xframes.reader.formats import ID_LISTS
from xframes.reader.formats.exports.account_files import Export

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = re.compile(r"\.(jsonl?|ndjson|csv|tsv)$")
_PACKED = re.compile(r"\.(gz|zstd?|bz2|xz)$", re.IGNORECASE)
# Text files without posts. The .js files of exports are recognized by their content.
_OTHERS = re.compile(r"\.(ipynb|html?|js|css|md|py|r)$")
_BINARY = re.compile(rb"[\0-\x08\x0e-\x1a]")
_IDS = re.compile(  # of posts or accounts, or their links, one a line
    rb"(?:\s*(?:[0-9]{5,20}|@\w{1,20}|https?://(?:\w+\.)?(?:twitter|x)\.com/\S+)\s*?(?:\r?\n|\Z))+"
    rb"\s*(?:[0-9]{1,20}|@\w{1,20}|https?:\S*)?"
)
_HIDDEN = "hidden, by its name or that of a folder"
_HEAD = 4096
_BUFFER_BYTES = 1 << 20
_DEEPEST = 4  # levels of compressed files and zips in each other
_READ_WHOLE = {  # headers of a tar with names and other properties of a member
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}
_LONGEST_HEADER = 1 << 20
_NO_TIME_BEFORE = 1980
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FORMATS = (
    (b"\0\0\0\0\0\0\0\0DUCK", "a DuckDB database: save its tables as Parquet or CSV"),
    (b"RDX", "saved by R: save it as JSON"), (b"X\n\0", "saved by R: save it as JSON"),
    (b"\xd0\xcf\x11\xe0", "an Office file"), (b"\x89HDF", "an HDF5 file"),
)


@dataclass(slots=True)
class Part:
    """One text to read: its name, its bytes as UTF-8, and how it begins.

    `skipped` is why a member of a zip or tar is not read, `damage` why it cannot be read,
    `modified_at` is its own time.
    """

    name: str
    file: IO[bytes]
    head: bytes
    inside: bool = False  # in a zip or tar, where files without posts are skipped
    export: Export = field(default_factory=Export)
    skipped: str | None = None
    damage: str | None = None
    modified_at: datetime | None = None
    is_workbook: bool = False
    member: str = ""  # its name in the zip or tar, also of what is packed in it

    @property
    def is_columnar(self) -> bool:
        """Whether this is a Parquet file, a database or an Excel workbook."""
        return self.head.startswith(row_files.PARQUET) or self.is_workbook or self.is_database

    @property
    def is_database(self) -> bool:
        """Whether this is an SQLite or DuckDB database."""
        return self.head.startswith(row_files.SQLITE) or row_files.is_duckdb(self.head)

    @property
    def is_web_archive(self) -> bool:
        """Whether this is a WARC file."""
        return self.head.startswith(web_archive.BEGINNING)

    @property
    def kind(self) -> str | None:
        """The kind of a file of an account's export; None for other files."""
        return account_export.kind(self.head)

    @property
    def is_table(self) -> bool:
        """Whether this is a CSV file."""
        if self.is_columnar or self.is_web_archive:
            return False
        named = self.name.lower().endswith((".csv", ".tsv"))
        is_known = named or spreadsheets.begins_posts(self.head, self.name)
        return not _is_json(self.head) and is_known

    @property
    def refusal(self) -> str | None:
        """Why this file cannot be read, or None."""
        name = self.name.lower()
        is_known = self.is_table or self.is_columnar or self.is_web_archive
        if self.skipped or self.kind is not None or is_known:
            return self.skipped
        if self.head[:1] == b"\x80" and self.head[1:2] in {b"\2", b"\3", b"\4", b"\5"}:
            return "a Python pickle, which can run code when it is read: save it as JSON"
        for magic, description in _OTHER_FORMATS:
            if self.head.startswith(magic):
                return description
        return self._other_refusal(name)

    def _other_refusal(self, name: str) -> str | None:
        is_json = _is_json(self.head)
        if _BINARY.search(self.head.rstrip(b"\0")) and not is_json:
            return "binary, and not in a known format"
        is_empty = not self.head.strip()
        if _IDS.fullmatch(self.head):
            return ID_LISTS
        if _OTHERS.search(name) or not (_NAMES.search(name) or is_json or is_empty):
            return "not in a known format by its name and content"
        return None


def parts(path: Path) -> Iterator[Part]:
    """Unpack a file and return its parts in order. Raises an error of `DAMAGE` if it is damaged."""
    with path.open("rb") as file:
        yield from _unpacked(path.name, file, path.parent, 0, inside=False)


def member_sizes(name: str, file: IO[bytes]) -> list[int]:
    """Return the bytes that each member of a zip or tar has in it; empty for other files.

    Empty too for an account's export, whose files belong together, and for a compressed tar, of
    which no part can be read alone. Raises an error of `DAMAGE` if it is damaged.
    """
    head = file.read(_HEAD)
    file.seek(0)
    if _is_zip(head, name):
        with zipfile.ZipFile(file) as zipped:
            members = _in_order(zipped)
            if any(info.filename.lower().endswith(".js") for info in members):
                return []
            return [info.compress_size for info in members]
    if _is_tar(head):
        with tarfile.open(fileobj=file, mode="r:", tarinfo=_Entry) as tarred:
            return [entry.size for entry in tarred]
    return []


def parts_of_members(name: str, file: IO[bytes], members: range) -> Iterator[Part]:
    """Return the parts of some members of a zip or tar, by their numbers in `member_sizes`."""
    head = file.read(_HEAD)
    file.seek(0)
    if _is_zip(head, name):
        return _zipped(file, 0, members)
    return _tarred(file, 0, members)


def _unpacked(
    name: str, file: IO[bytes], folder: Path | None, depth: int, *, inside: bool
) -> Iterator[Part]:
    buffered: Any = io.BufferedReader(cast("io.RawIOBase", file), _BUFFER_BYTES)
    try:
        head = buffered.peek(_HEAD)[:_HEAD]
        if depth >= _DEEPEST:
            yield _text(name, buffered, head, folder, inside=inside)
            return
        plain = _decompressed(head, buffered)
        if plain is not None:
            name = _PACKED.sub("", name)
            with plain:
                yield from _unpacked(name, plain, folder, depth + 1, inside=inside)
        elif _is_zip(head, name):
            yield from _zipped(buffered, depth)
        elif head[:4] == b"PK\3\4":
            yield Part(name, buffered, head, inside, is_workbook=True)
        elif _is_tar(head):
            yield from _tarred(buffered, depth)
        else:
            yield _text(name, buffered, head, folder, inside=inside)
    finally:
        buffered.close()


def _decompressed(head: bytes, file: IO[bytes]) -> Any:
    """Open a compressed file; None if it is not compressed."""
    if head[:2] == b"\x1f\x8b":
        return _Pieces(gzip.GzipFile(fileobj=file, mode="rb"))
    if head[:3] == b"BZh":
        return _Pieces(bz2.BZ2File(file))
    if head[:6] == b"\xfd7zXZ\0":
        return _Pieces(lzma.LZMAFile(file))
    if head[:4] == b"\x28\xb5\x2f\xfd":
        import pyarrow as pa

        return _Damaged(pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))
    return None


def _is_zip(head: bytes, name: str) -> bool:
    """Whether a file is a zip, and not a workbook, which is one by its content."""
    if head[:4] == b"PK\3\4" and name.lower().endswith((".xlsx", ".xlsm")):
        return False
    return head[:4] in {b"PK\3\4", b"PK\5\6"}


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _in_order(packed: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return sorted(packed.infolist(), key=lambda i: i.filename)


def _zipped(file: IO[bytes], depth: int, members: range | None = None) -> Iterator[Part]:
    with tempfile.TemporaryFile() as whole:
        source: Any = file
        if depth:  # a zip is read from its end, which a compressed stream cannot do
            while data := file.read(_BUFFER_BYTES):
                whole.write(data)
            source = whole
        with zipfile.ZipFile(source) as packed:
            export = account_export.packed(packed)
            for number, info in enumerate(_in_order(packed)):
                if info.is_dir() or (members is not None and number not in members):
                    continue
                if is_hidden(info.filename):
                    yield _skipped(info.filename, _HIDDEN)
                    continue
                try:
                    with _member(packed, info) as member:
                        for part in _unpacked(info.filename, member, None, depth + 1, inside=True):
                            part.export = export
                            part.member = part.member or info.filename
                            part.modified_at = part.modified_at or _time_of_zip(info)
                            yield part
                except Exception as error:  # noqa: BLE001  other members can still be read
                    yield _damaged(info.filename, error)


def _member(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member so that it is unpacked piece by piece.

    zipfile itself unpacks large pieces of a member that is compressed by bzip2.
    """
    if info.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return packed.open(info)
    if info.compress_type != zipfile.ZIP_BZIP2:
        raise zipfile.BadZipFile("unknown compression method. Unpack the zip and import its files")
    plain = copy(info)
    plain.compress_type, plain.file_size = zipfile.ZIP_STORED, info.compress_size
    del plain.CRC  # the checksum of the unpacked member; bzip2 has a checksum of its own
    return cast("IO[bytes]", bz2.BZ2File(packed.open(plain)))


def _tarred(file: IO[bytes], depth: int, members: range | None = None) -> Iterator[Part]:
    mode: Literal["r|", "r:"] = "r|"
    if members is not None:
        mode = "r:"  # which skips what is not wanted
    with tarfile.open(fileobj=file, mode=mode, tarinfo=_Entry) as packed:
        for number, entry in enumerate(packed):
            if members is not None and number >= members.stop:
                return
            if entry.isdir() or (members is not None and number not in members):
                continue
            if not entry.isfile():
                yield _skipped(entry.name, "a link or a device")
                continue
            if is_hidden(entry.name):
                yield _skipped(entry.name, _HIDDEN)
                continue
            try:
                member = cast("IO[bytes]", _Member(packed.extractfile(entry)))
                for part in _unpacked(entry.name, member, None, depth + 1, inside=True):
                    part.modified_at = part.modified_at or _time_of_epoch(entry.mtime)
                    part.member = part.member or entry.name
                    yield part
            except Exception as error:  # noqa: BLE001  other members can still be read
                yield _damaged(entry.name, error)


class _Entry(tarfile.TarInfo):
    """A member of a tar, with limited headers: tarfile reads a header into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header. Raises ReadError if it is too large."""
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in _READ_WHOLE and entry.size > _LONGEST_HEADER:
            raise tarfile.ReadError(
                f"header: expected at most {_LONGEST_HEADER:,} bytes, got {entry.size:,}"
            )
        return entry


def _time_of_zip(info: zipfile.ZipInfo) -> datetime | None:
    """Return when a member was modified; a zip has no time before 1981 and no zone."""
    if info.date_time[0] <= _NO_TIME_BEFORE:
        return None
    try:
        return datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        return None


def _time_of_epoch(seconds: float) -> datetime | None:
    if seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder in its path, is hidden by its name."""
    places = (place for place in re.split(r"[/\\]", name) if place not in {"", ".", ".."})
    return any(place.startswith(".") or place == "__MACOSX" for place in places)


def _skipped(name: str, why: str) -> Part:
    return Part(name, io.BytesIO(), b"", inside=True, skipped=why)


def _damaged(name: str, error: Exception) -> Part:
    return Part(name, io.BytesIO(), b"", inside=True, damage=reason(error))


def _text(
    name: str, file: IO[bytes], head: bytes, folder: Path | None, *, inside: bool
) -> Part:
    """Return a text as UTF-8; posts of an unpacked export, with the other files in the folder."""
    text: IO[bytes] = file
    if encoding := _encoding(head):
        text = io.BufferedReader(_Recoded(file, encoding), _BUFFER_BYTES)
        head = cast("io.BufferedReader", text).peek(_HEAD)[:_HEAD]
    part = Part(name, text, head.removeprefix(codecs.BOM_UTF8), inside)
    if part.kind is not None and folder is not None:
        part.export = account_export.unpacked(folder)
    return part


def _encoding(head: bytes) -> str | None:
    """Return the encoding of a text; None for UTF-8.

    A byte order mark shows it, or the zero bytes between the first characters of JSON.
    """
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    if head[:2] in {b"{\0", b"[\0"} and head[3:4] == b"\0":
        return "utf-16-le"
    if head[:2] in {b"\0{", b"\0["}:
        return "utf-16-be"
    return None


def _is_json(head: bytes) -> bool:
    return head.lstrip(b" \t\r\n\x1e").startswith((b"{", b"[", b'"{', b'"['))


class _Member(io.RawIOBase):
    """A member of a tar that is read as a stream: the one of tarfile cannot say if it can seek."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found: bytes = self._file.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


class _Pieces(io.RawIOBase):
    """A compressed file, read piece by piece, so that what is before a damage is returned."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        found: bytes = self._file.read1(len(buffer))
        buffer[: len(found)] = found
        return len(found)


class _Damaged(io.RawIOBase):
    """A stream of Arrow that raises EOFError if it is damaged, as gzip does."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        try:
            found: bytes = self._stream.read(len(buffer))
        except (OSError, ValueError) as error:
            raise EOFError(str(error)) from error
        buffer[: len(found)] = found
        return len(found)


class _Recoded(io.RawIOBase):
    """Converts a text in another encoding to UTF-8."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            data = self._file.read(65_536)
            self._held = self._decoder.decode(data, final=not data).encode("utf-8", "replace")
            if not data:
                break
        found, self._held = self._held[: len(buffer)], self._held[len(buffer):]
        buffer[: len(found)] = found
        return len(found)
