"""The files of an account's export: which kind each has, and what they need of each other."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from xframes.errors import XframesError
from xframes.reader.bounded import rest
from xframes.reader.formats import export_format, read_export
from xframes.reader.formats.conversion import read_record
from xframes.reader.formats.exports.account_files import ACCOUNT, PROFILE, Export, unused_notes
from xframes.reader.formats.readings import COUNT, as_time, is_nothing
from xframes.screen import counted

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from xframes.reader.choices import Choices
    from xframes.reader.formats import Converted, Notes

_NAMED = re.compile(
    rb"\s*(window\.YTD|Grailbird\.data)\.([A-Za-z0-9_]{1,80}?)(?:\.part\d{1,6})?\s*=\s*"
)
_SETTINGS = re.compile(
    rb"\s*(?:window\.__THAR_CONFIG|var\s+(?:user_details|payload_details|tweet_index))\s*=\s*"
)
_OTHERS = re.compile(
    r"(?:^|/)(account|profile|verified|manifest|user_details|payload_details)\.js$"
)
_UPLOAD = r'"upload-options"\s*:\s*\{[^{}]*\}\s*,\s*'  # of archives of communities
_DOCUMENT = re.compile(
    (r'\s*\{\s*(?:' + _UPLOAD + r')?"(?:account|profile|tweets?|follower|following|like|'
     r'note-tweet|community-tweet)"\s*:\s*\[\s*\{\s*"(?:account|profile|tweet|follower|'
     r'following|like|noteTweet)"\s*:\s*\{').encode()
)
_LONG_TEXTS = re.compile(r"(?:^|/)note-tweet(?:-part\d+)?\.js$")
_OF_POSTS = {"export-posts", "export-deleted"}
_HEAD = 1_000  # bytes that show the kind of a file
_BOM = b"\xef\xbb\xbf"
_JSON = json.JSONDecoder(strict=False)
_START, _NEXT = re.compile(r"\s*\[\s*"), re.compile(r"\s*,\s*")
_IN_TIME = ("account", "manifest", "note_tweet", "profile", "verified")  # read with the others


def kind(head: bytes) -> str | None:
    """Return the kind of a file of an export by its first bytes; None for other files.

    Files that only describe the export are of the kind "".
    """
    head = head.removeprefix(_BOM)
    if hit := _NAMED.match(head):
        name = hit[2].decode()
        return f"grailbird.{name}" if hit[1].startswith(b"Grailbird") else name
    if _SETTINGS.match(head):
        return ""
    return None


def is_document(head: bytes) -> bool:
    """Whether a file is a whole export in one document, as archives of communities keep them."""
    return _DOCUMENT.match(head.removeprefix(_BOM)) is not None


def document_pages(
    data: bytes, export: Export, notes: Notes, choices: Choices
) -> Iterator[Converted]:
    """Read a whole export in one document: the records of each of its files, by its name.

    Raises XframesError if it is damaged.
    """
    try:
        content = json.loads(data.removeprefix(_BOM).decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise XframesError(f"it is damaged ({error})") from None
    files = {name.replace("-", "_"): items for name, items in content.items()
             if isinstance(items, list)}
    for item in _dicts(files.get("note_tweet")):
        if isinstance(note := item.get("noteTweet"), dict) and isinstance(note.get("core"), dict):
            export.notes.append(note)
    for name in ("account", "profile", "verified"):
        _describe(export, name, files.get(name))
    for kind_, items in files.items():
        yield from _pages(items, kind_, export, notes, choices, is_inside=True)
    for detail in unused_notes(export):
        notes.add_record(detail)


def packed(archive: zipfile.ZipFile) -> Export:
    """Read what describes an export in a zip."""
    def read(name: str) -> bytes:
        with archive.open(name) as file:
            return rest(file)

    export = _export(archive.namelist(), read)
    export.is_whole = True
    return export


def unpacked(folder: Path) -> Export:
    """Read what describes an export in a folder; for posts by month also in the one above."""
    paths = {str(path): path for place in (folder.parent, folder) for path in place.glob("*.js")}

    def read(name: str) -> bytes:
        with paths[name].open("rb") as file:
            return rest(file)

    return _export(sorted(paths), read)


def _export(names: list[str], read: Callable[[str], bytes]) -> Export:
    export = Export()
    for name in names:
        if _LONG_TEXTS.search(name):
            items = (item.get("noteTweet") for item in _dicts(_loaded(read(name))))
            export.notes += [n for n in items if isinstance(n, dict)
                             and isinstance(n.get("core"), dict)]
        elif hit := _OTHERS.search(name):
            _describe(export, hit[1], _loaded(read(name)))
    return export


def _describe(export: Export, name: str, content: Any) -> None:
    notes = _silent()
    if name == "manifest":
        _read_manifest(export, content)
    elif name == "payload_details":
        export.made_at = _moment(content, "created_at")
    elif name == "user_details" and isinstance(content, dict):
        export.account |= read_record(ACCOUNT, content, notes).main
        export.profile |= read_record(PROFILE, content, notes).main
    else:
        for item in _dicts(content):
            inner = item.get(name)
            if not isinstance(inner, dict):
                continue
            if name == "account":
                export.account |= read_record(ACCOUNT, inner, notes).main
            elif name == "profile":
                export.profile |= read_record(PROFILE, inner, notes).main
            elif name == "verified" and isinstance(inner.get("verified"), bool):
                export.profile["verified"] = inner["verified"]
    export.profile.pop("id", None)


def _silent() -> Notes:
    from xframes.reader.formats import Notes

    return Notes("")


def _read_manifest(export: Export, content: Any) -> None:
    if not isinstance(content, dict):
        return
    export.made_at = _moment(content.get("archiveInfo"), "generationDate")
    user = content.get("userInfo")
    if isinstance(user, dict) and not export.account:
        export.account = read_record(ACCOUNT, user, _silent()).main
    kinds = content.get("dataTypes")
    for each in kinds.values() if isinstance(kinds, dict) else ():
        files = each.get("files") if isinstance(each, dict) else None
        for file in files if isinstance(files, list) else ():
            if isinstance(file, dict) and isinstance(file.get("fileName"), str):
                count = file.get("count")
                export.counts[file["fileName"]] = 0 if is_nothing(count) else _number(count)


def _number(value: Any) -> int:
    try:
        return int(COUNT(value))
    except ValueError:
        return 0


def _moment(content: Any, name: str) -> datetime | None:
    if not isinstance(content, dict) or is_nothing(content.get(name)):
        return None
    try:
        return as_time(content[name])
    except (ValueError, TypeError, OverflowError):
        return None


def _dicts(content: Any) -> list[dict[str, Any]]:
    if not isinstance(content, list):
        return []
    return [item for item in content if isinstance(item, dict)]


def _loaded(data: bytes) -> Any:
    try:
        return json.loads(_plain(data).decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _plain(data: bytes) -> bytes:
    data = data.removeprefix(_BOM)
    hit = _NAMED.match(data) or _SETTINGS.match(data)
    return data[hit.end() if hit else 0:].strip().rstrip(b";")


def pages(
    data: bytes, kind_: str, export: Export, notes: Notes, choices: Choices, *, is_inside: bool
) -> Iterator[Converted]:
    """Read a file of an export. What is not chosen is counted in `notes.left`.

    Raises XframesError if it is damaged, after the records before the damage.
    """
    items, damage = _records(data)
    yield from _pages(items, kind_, export, notes, choices, is_inside=is_inside)
    if damage is not None:
        raise XframesError(f"it is damaged after {counted(len(items), 'record')} ({damage})")


def _records(data: bytes) -> tuple[list[Any], str | None]:
    """Return the records of a file, and what ends them early."""
    text = _plain(data).decode("utf-8", "replace")
    try:
        items = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        return _before_damage(text), str(error)
    if isinstance(items, list):
        return items, None
    return [], None


def _before_damage(text: str) -> list[Any]:
    """Return the items of a list up to the first that cannot be parsed."""
    items: list[Any] = []
    at = _START.match(text)
    while at is not None:
        try:
            item, end = _JSON.raw_decode(text, at.end())
        except (ValueError, RecursionError):
            break
        items.append(item)
        at = _NEXT.match(text, end)
    return items


def _pages(
    items: list[Any], kind_: str, export: Export, notes: Notes, choices: Choices, *,
    is_inside: bool,
) -> Iterator[Converted]:
    _check_count(items, export, notes)
    format_ = export_format(kind_)
    if format_ is None:
        if items and kind_ not in _IN_TIME and not kind_.endswith("_headers"):
            notes.leave(kind_.replace("_", " "), len(items))
        return
    is_named = choices.is_named and not is_inside
    if format_.choice and format_.choice not in choices.include and not is_named:
        if kind_ != "verified":
            notes.leave(format_.label, _size(items))
        return
    for page in read_export(format_, items, export, notes):
        page.observed_at = page.observed_at or export.made_at
        yield page


def _size(items: list[Any]) -> int:
    """Return the number of records; of conversations, that of their messages."""
    count = 0
    for item in items:
        inner = item.get("dmConversation") if isinstance(item, dict) else None
        messages = inner.get("messages") if isinstance(inner, dict) else None
        count += len(messages) if isinstance(messages, list) else 1
    return count


def _check_count(items: list[Any], export: Export, notes: Notes) -> None:
    """Note a file with fewer records than the export's manifest says."""
    for name, promised in export.counts.items():
        if notes.file.endswith(name) and promised > len(items):
            notes.add_record(
                f"the export's manifest says {promised:,} records in {name}, got {len(items):,}"
            )


def unkept(export: Export, names: list[str]) -> Iterator[str]:
    """Yield what an export lacks: files of its manifest, and posts of its long texts."""
    for name, count in export.counts.items():
        if count and not any(each.endswith(name) for each in names):
            yield f"the export's manifest says {count:,} records in {name}, which is missing"
    yield from unused_notes(export)


def unkept_beside(path: Path, kind_: str, export: Export) -> Iterator[str]:
    """Yield what an unpacked export lacks, for its manifest and its file of long texts."""
    folder = path.parent
    if path.name == "manifest.js" and not kind_:
        names = [f"{folder.name}/{each.name}" for each in folder.iterdir()]
        yield from unkept(Export(counts=export.counts), names)
    elif kind_ == "note_tweet" and export.notes:
        for each in sorted(folder.glob("*tweet*.js")):
            data = each.read_bytes()
            format_ = export_format(kind(data[:_HEAD]) or "")
            if format_ is not None and format_.name in _OF_POSTS:
                for _ in read_export(format_, _records(data)[0], export, _silent()):
                    pass
        yield from unused_notes(export)
