"""What is packed in what, told by content and not by name: compressed files, zip and tar, text that is not UTF-8."""

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
from typing import IO, TYPE_CHECKING, Any, Self, cast

from xframes.reader import exports, spreadsheets
from xframes.reader.damage import reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = re.compile(r"\.(jsonl?|ndjson|csv|tsv)$")
_PACKED = re.compile(r"\.(gz|zstd?|bz2|xz)$", re.IGNORECASE)
_OTHERS = re.compile(r"\.(ipynb|html?|js|css|md|py|r)$")  # text, but never posts; exports' .js are told by content
_BINARY = re.compile(rb"[\0-\x08\x0e-\x1a]")
_HIDDEN = "hidden, by its name or that of a folder"
_HEAD = 4096
_BUFFER_BYTES = 1 << 20
_DEEPEST = 4  # a zip in a zip in a …
_READ_WHOLE = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
               tarfile.SOLARIS_XHDTYPE}  # headers of a tar: names and more of a member
_LONGEST_HEADER = 1 << 20
_BOMS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"))
_STRANGERS = (
    (b"PAR1", "a Parquet file"), (b"SQLite format 3\0", "an SQLite database"), (b"RDX", "saved by R: write it as JSON"),
    (b"X\n\0", "saved by R: write it as JSON"), (b"\xd0\xcf\x11\xe0", "an Office file"), (b"\x89HDF", "an HDF5 file"),
)


@dataclass(slots=True)
class Part:
    """One text to read: its name, its bytes as UTF-8, how it begins; what is beside an export.

    `skipped` says why a member of a zip or tar is not looked at, `damage` why it cannot be.
    """

    name: str
    file: IO[bytes]
    head: bytes
    inside: bool = False  # of a zip or tar: what else is packed with posts is left alone
    export: exports.Export = field(default_factory=lambda: exports.Export([], []))
    skipped: str | None = None
    damage: str | None = None

    @property
    def is_export(self) -> bool:
        """Whether these are the posts of an account's export."""
        return exports.begins_posts(self.head)

    @property
    def is_table(self) -> bool:
        """Whether this is a CSV file."""
        named = self.name.lower().endswith((".csv", ".tsv"))
        return not _is_json(self.head) and (named or spreadsheets.begins_posts(self.head))

    @property
    def refusal(self) -> str | None:
        """Why nothing can be read from this, or None."""
        name = self.name.lower()
        if self.skipped or self.is_export or self.is_table:
            return self.skipped
        if self.head[:1] == b"\x80" and self.head[1:2] in {b"\2", b"\3", b"\4", b"\5"}:
            return "a Python pickle, which can run code when it is read: save it as JSON"
        if stranger := next((what for magic, what in _STRANGERS if self.head.startswith(magic)), None):
            return stranger
        if _BINARY.search(self.head.rstrip(b"\0")) and not _is_json(self.head):
            return "binary, of no kind that holds pages"
        if _OTHERS.search(name) or not (_NAMES.search(name) or _is_json(self.head) or not self.head.strip()):
            return "by its name and its content of no kind that holds pages"
        return None


def parts(path: Path) -> Iterator[Part]:
    """What a file holds, unpacked, one after another. Raises what `DAMAGE` lists where it is damaged."""
    with path.open("rb") as file:
        yield from _unpacked(path.name, file, path.parent, 0, inside=False)


def _unpacked(name: str, file: IO[bytes], beside: Path | None, depth: int, *, inside: bool) -> Iterator[Part]:
    buffered: Any = io.BufferedReader(cast("io.RawIOBase", file), _BUFFER_BYTES)
    try:
        head = buffered.peek(_HEAD)[:_HEAD]
        opened = _opened(head, buffered) if depth < _DEEPEST else None
        if opened is not None:
            with opened:
                yield from _unpacked(_PACKED.sub("", name), opened, beside, depth + 1, inside=inside)
        elif depth < _DEEPEST and head[:4] in {b"PK\3\4", b"PK\5\6"}:
            yield from _zipped(buffered, depth)
        elif depth < _DEEPEST and head[257:262] == b"ustar":
            yield from _tarred(buffered, depth)
        else:
            yield _text(name, buffered, head, beside, inside=inside)
    finally:
        buffered.close()


def _opened(head: bytes, file: IO[bytes]) -> Any:
    """The file unpacked by one step; None when it is not compressed."""
    if head[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file, mode="rb")
    if head[:3] == b"BZh":
        return bz2.BZ2File(file)
    if head[:6] == b"\xfd7zXZ\0":
        return lzma.LZMAFile(file)
    if head[:4] == b"\x28\xb5\x2f\xfd":
        import pyarrow as pa

        return _Damaged(pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))
    return None


def _zipped(file: IO[bytes], depth: int) -> Iterator[Part]:
    with tempfile.TemporaryFile() as whole:
        source: Any = file
        if depth:  # what is packed itself cannot be read from its end
            while data := file.read(_BUFFER_BYTES):
                whole.write(data)
            source = whole
        with zipfile.ZipFile(source) as packed:
            export = exports.packed(packed)
            for info in sorted(packed.infolist(), key=lambda i: i.filename):
                if info.is_dir():
                    continue
                if is_hidden(info.filename):
                    yield _skipped(info.filename, _HIDDEN)
                    continue
                try:
                    with _member(packed, info) as member:
                        for part in _unpacked(info.filename, member, None, depth + 1, inside=True):
                            part.export = export
                            yield part
                except Exception as error:  # noqa: BLE001  the other members are read all the same
                    yield _damaged(info.filename, error)


def _member(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """A member unpacked piece by piece: for rare methods, zipfile unpacks much at once."""
    if info.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return packed.open(info)
    if info.compress_type != zipfile.ZIP_BZIP2:
        raise zipfile.BadZipFile("packed by a rare method; unpack the zip and import its files")
    plain = copy(info)
    plain.compress_type, plain.file_size = zipfile.ZIP_STORED, info.compress_size
    del plain.CRC  # it is of what is unpacked; bzip2 has its own
    return cast("IO[bytes]", bz2.BZ2File(packed.open(plain)))


def _tarred(file: IO[bytes], depth: int) -> Iterator[Part]:
    with tarfile.open(fileobj=file, mode="r|", tarinfo=_Entry) as packed:
        for entry in packed:
            if entry.isdir():
                continue
            if is_hidden(entry.name) or not entry.isfile():
                yield _skipped(entry.name, _HIDDEN if entry.isfile() else "a link or a device")
                continue
            try:
                member = cast("IO[bytes]", packed.extractfile(entry))
                yield from _unpacked(entry.name, member, None, depth + 1, inside=True)
            except Exception as error:  # noqa: BLE001  the other members are read all the same
                yield _damaged(entry.name, error)


class _Entry(tarfile.TarInfo):
    """A member of a tar. tarfile reads its headers whole, so their size has a bound."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """A header."""
        found = super().frombuf(buf, encoding, errors)
        if found.type in _READ_WHOLE and found.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {found.size:,} bytes")
        return found


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder it is in, is hidden, by its path in an archive or a folder."""
    places = (place for place in re.split(r"[/\\]", name) if place not in {"", ".", ".."})
    return any(place.startswith(".") or place == "__MACOSX" for place in places)


def _skipped(name: str, why: str) -> Part:
    return Part(name, io.BytesIO(), b"", inside=True, skipped=why)


def _damaged(name: str, error: Exception) -> Part:
    return Part(name, io.BytesIO(), b"", inside=True, damage=reason(error))


def _text(name: str, file: IO[bytes], head: bytes, beside: Path | None, *, inside: bool) -> Part:
    """Text as UTF-8; of an unpacked export with what stands beside it."""
    text: IO[bytes] = file
    if encoding := _encoding(head):
        text = io.BufferedReader(_Recoded(file, encoding), _BUFFER_BYTES)
        head = cast("io.BufferedReader", text).peek(_HEAD)[:_HEAD]
    part = Part(name, text, head.removeprefix(codecs.BOM_UTF8), inside)
    if part.is_export and beside is not None:
        part.export = exports.unpacked(beside)
    return part


def _encoding(head: bytes) -> str | None:
    """How a text that is not UTF-8 is written: by its mark, or as JSON in which every second byte is nothing."""
    marked = next((encoding for bom, encoding in _BOMS if head.startswith(bom)), None)
    if marked is None and head[:2] in {b"{\0", b"[\0"} and head[3:4] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if marked is None and head[:2] in {b"\0{", b"\0["} else marked


def _is_json(head: bytes) -> bool:
    return head.lstrip(b" \t\r\n\x1e").startswith((b"{", b"[", b'"{', b'"['))


class _Damaged(io.RawIOBase):
    """A stream of Arrow's whose damage is an EOFError, as gzip's is."""

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
    """A text in another encoding, as UTF-8."""

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
