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
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, cast

from xframes.reader import exports, tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)
_NAMES = re.compile(r"\.(jsonl?|ndjson|csv|tsv)$")
_PACKED = re.compile(r"\.(gz|zstd?|bz2|xz)$", re.IGNORECASE)
_OTHERS = re.compile(r"\.(ipynb|html?|js|css|md|py|r)$")  # text, but never posts; exports' .js are told by content
_BINARY = re.compile(rb"[\0-\x08\x0e-\x1a]")
_HEAD = 4096
_BUFFER_BYTES = 1 << 20
_DEEPEST = 4  # a zip in a zip in a …
_BOMS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"))
_STRANGERS = (
    (b"PAR1", "a Parquet file"), (b"SQLite format 3\0", "an SQLite database"), (b"RDX", "saved by R: write it as JSON"),
    (b"X\n\0", "saved by R: write it as JSON"), (b"\xd0\xcf\x11\xe0", "an Office file"), (b"\x89HDF", "an HDF5 file"),
)


@dataclass(slots=True)
class Part:
    """One text to read: its name, its bytes as UTF-8, how it begins, and what stands beside the posts of an export."""

    name: str
    file: IO[bytes]
    head: bytes
    inside: bool = False  # of a zip or tar: what else is packed with posts is left alone
    export: exports.Export = field(default_factory=lambda: exports.Export([], []))

    @property
    def is_export(self) -> bool:
        """Whether these are the posts of an account's export."""
        return exports.begins_posts(self.head)

    @property
    def is_table(self) -> bool:
        """Whether this is a CSV file."""
        named = self.name.lower().endswith((".csv", ".tsv"))
        return not _is_json(self.head) and (named or tables.begins_posts(self.head))

    @property
    def refusal(self) -> str | None:
        """Why nothing can be read from this, or None."""
        name = self.name.lower()
        if self.is_export or self.is_table:
            return None
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
            try:
                export = exports.packed(packed)
                for name in sorted(i.filename for i in packed.infolist() if not i.is_dir() and not _hidden(i.filename)):
                    with packed.open(name) as member:
                        for part in _unpacked(name, member, None, depth + 1, inside=True):
                            part.export = export
                            yield part
            except (ValueError, RuntimeError, NotImplementedError) as error:  # a password, or an unknown method
                raise zipfile.BadZipFile(str(error)) from error


def _tarred(file: IO[bytes], depth: int) -> Iterator[Part]:
    with tarfile.open(fileobj=file, mode="r|") as packed:
        for entry in packed:
            member = packed.extractfile(entry) if entry.isfile() and not _hidden(entry.name) else None
            if member is not None:
                yield from _unpacked(entry.name, member, None, depth + 1, inside=True)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


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
        except OSError as error:
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
