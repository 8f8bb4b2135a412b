"""Files of every declared format, mutated in every way, and what must hold of their import.

    python -m tests.reader.mutations 10000 [SEED]      # so many files; ends with exit code 1 and the files that failed

No file raises anything but an error that names it, records that were not touched keep all of their rows, and a record that is
lost has a row in `problems`.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import random
import re
import sys
import tarfile
import tempfile
import traceback
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path

import xframes as xf
from tests.reader.declared_files import lines, marked, record, shaped, table
from xframes.flattening import Flattener

ANSWERS = {"activity-answer", "v11-messages"}  # of records that are fuzzed alone
FILES = [each for each in shaped() if each.form != "js" and each.name not in ANSWERS]
COUNT = 4
LEFT = {"page_id", "observed_at", "position", "complete"}
OTHERS = {"requests", "problems", "results", "matches"}
ODD = (
    None, True, False, 0, -1, 7, 2**70, 1e308, float("nan"), float("inf"), "", " ", "None", "NA", "nan", "x", "0", "-5", "1e999", "1.4E+18",
    "[", "[1,", "{", "[]", "{}", "[[]]", "{'a': 1}", "\ud800", "\x00", "2021-13-45", "99999999999999999999999", "@", "#", "😀", "a\nb", '"', "true",
    [], {}, [None], [[]], [{}], [1, "a", None, {"id": 5}], {"id": None}, {"id": {"id": []}}, {"a": {"a": {"a": 1}}}, [[["x"]]], {"$numberLong": "x"},
    {"type": "Point", "coordinates": ["a", None]}, {"indices": "x"}, [{"indices": [1]}], [{"text": {}}], [{"url": []}], [{"id_str": [5]}],
)


def main_key(format_):
    """The table and key that a record of a format fills first."""
    key = format_.shape.keys[0]
    return key, *key.to.split(".")


def record_of(format_, number):
    """The record of a number: all alike but for their ids."""
    flat = format_.form == "table"
    made = marked(format_, record(format_.shape, number % 2, flat=flat))
    key, *_ = main_key(format_)
    *parts, last = [key.names[0]] if flat or key.names[0] in made else key.names[0].split(".")
    here = made
    for part in parts:
        here = here[part]
    own = f"14100000000000001{number:02}"
    here[last] = re.sub(r"\d+(?=\D*$)", own, str(here[last]))
    if not here[last].endswith(own):
        here[last] = own
    if "tweet_url" in made:
        made["tweet_url"] = f"https://x.com/ana/status/{own}"
    return made


def rows_of(tables):
    """The rows of all tables, without what depends on their place in a file."""
    return {name: [{n: v for n, v in row.items() if n not in LEFT} for row in tables[name].to_pylist()]
            for name in tables if name not in OTHERS}


def keyed(rows, format_, number):
    """What the tables say of a record by its id."""
    ids = {f"14100000000000001{number:02}"}
    return sorted(repr(sorted(row.items())) for own in rows.values() for row in own
                  if {str(v) for v in (row.get("id"), row.get("post_id"), row.get("note"), row.get("writer"), row.get("user_id"))} & ids)


@cache
def whole(format_name):
    """The rows of a file that was not mutated."""
    format_ = next(f for f in FILES if f.name == format_name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name_of(format_)
        path.write_bytes(written(format_, [record_of(format_, n) for n in range(COUNT)]))
        return rows_of(Flattener().batch(list(xf.read_pages(path))))


def name_of(format_):
    return "rows.csv" if format_.form == "table" else "lines.jsonl"


def written(format_, records):
    return table(records) if format_.form == "table" else lines(records)


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


# mutations: of one record; they return the bytes of the file -----------------------------------------------------------------------


def another_value(rng, format_, records, number):
    made = records[number]
    for _ in range(rng.randint(1, 3)):
        path = rng.choice([p for p in places(made) if p])
        here = made
        for step in path[:-1]:
            here = here[step]
        odd = copy.deepcopy(rng.choice(ODD))
        here[path[-1]] = odd if format_.form == "json" else str(odd)
    return written(format_, records)


def without_a_key(rng, format_, records, number):
    made = records[number]
    *path, last = rng.choice([p for p in places(made) if p and isinstance(p[-1], str)])
    here = made
    for step in path:
        here = here[step]
    if format_.form == "table":
        here[last] = ""
    else:
        del here[last]
    return written(format_, records)


def a_deep_value(rng, format_, records, number):
    depth = rng.choice([50, 500, 3000])
    parts = [written(format_, [each]) for each in records]
    if format_.form == "table":
        records[number][rng.choice(list(records[number]))] = "[" * depth
        return written(format_, records)
    key = json.dumps(rng.choice(list(records[number])))
    text = parts[number].rstrip(b"\n")[:-1] + f", {key}: {'[' * depth}{']' * depth}}}\n".encode()
    return b"".join(text if place == number else part for place, part in enumerate(parts))


def a_damaged_line(rng, format_, records, number):
    parts = written(format_, records).splitlines(keepends=True)
    at = number + (format_.form == "table")
    if format_.form == "table" and (len(parts) != COUNT + 1 or b'"' in parts[at]):
        return another_value(rng, format_, records, number)
    line = parts[at]
    cut = rng.randrange(1, len(line))
    parts[at] = rng.choice([
        line[:cut] + b"\n", line[:cut] + bytes([rng.randrange(128, 256)]) + line[cut:], line[:cut] + b"\0" + line[cut:], b"garbage\n",
        line.rstrip(b"\n") + b",,,x\n" if format_.form == "table" else line.rstrip(b"\n") + b"}\n", b"\n" + line, line[:cut] + b'"' + line[cut:]
        if format_.form == "json" else line,
    ])
    return b"".join(parts)


# mutations of whole files ----------------------------------------------------------------------------------------------------------


def as_zip(name, data):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("empty.zip", b"PK\5\6" + bytes(18))
        made.writestr(f"../../{name}", data)
        made.writestr("folder/README.md", "# about")
    return packed.getvalue()


def as_tar(name, data):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        entry = tarfile.TarInfo(f"../../{name}")
        entry.size = len(data)
        made.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        made.addfile(link)
    return packed.getvalue()


def shape_of_file(rng, format_, records):
    """Other ways to write the same records: all of their rows must come."""
    data = written(format_, records)
    name = name_of(format_)
    ways = [
        lambda: gzip.compress(data), lambda: as_zip(name, data), lambda: as_tar(name, data), lambda: data + bytes(50),
        lambda: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), lambda: data.decode().encode("utf-8-sig"),
    ]
    if format_.form == "json":
        ways += [lambda: data.decode().encode("utf-16"), lambda: json.dumps(records).encode(), lambda: json.dumps(records, indent=2).encode()]
    else:
        ways += [lambda: table(records, delimiter=rng.choice(";\t|"))]
    return rng.choice(ways)()


def another_header(rng, data):
    head, _, rest = data.partition(b"\n")
    columns = head.rstrip(b"\r").split(b",")
    columns[rng.randrange(len(columns))] = rng.choice([columns[0], b"", b"other"])
    return b",".join(columns) + b"\n" + rest


def damage(rng, format_, records):
    """Damage anywhere: whatever is lost must be named."""
    data = written(format_, records)
    at = rng.randrange(1, len(data))
    packed = rng.choice([gzip.compress(data), as_zip(name_of(format_), data), as_tar(name_of(format_), data)])
    return rng.choice([
        lambda: data[:at], lambda: data[:at] + bytes([rng.randrange(256)]) + data[at + 1:], lambda: packed[:-rng.randrange(1, len(packed) // 2)],
        lambda: data.replace(b"Tide", "Tid\u00e9".encode("latin-1")), lambda: data[:at] + bytes(rng.randint(1, 3)) + data[at:],
        lambda: data[:at] + data, lambda: another_header(rng, data), lambda: data.decode("utf-8", "replace").encode("utf-16")[2 * (at % 2):],
    ])()


OF_RECORDS = (another_value, another_value, another_value, without_a_key, a_deep_value, a_damaged_line)


def check(rng, folder):
    """Mutate and import one file. Raises AssertionError with what is wrong."""
    format_ = rng.choice(FILES)
    records = [record_of(format_, n) for n in range(COUNT)]
    kind = rng.choice([*OF_RECORDS, *OF_RECORDS, shape_of_file, damage])
    number = None
    if kind in OF_RECORDS:
        number = rng.randrange(COUNT)
        data = kind(rng, format_, records, number)
    else:
        data = kind(rng, format_, records)
    path = Path(folder) / name_of(format_)
    path.write_bytes(data)
    says = f"{format_.name}, {kind.__name__}"
    pages, failure = [], None
    try:
        pages.extend(xf.read_pages(path))
    except xf.XframesError as error:
        failure = str(error)
        assert "it cannot be read (" not in failure, f"{says}: {failure}"
    flattener = Flattener()
    tables = flattener.batch(pages)
    rows, told = rows_of(tables), "problems" in tables or failure or flattener.unknown_fields().num_rows
    expected = whole(format_.name)
    if kind is damage:
        begun = [n for n in range(COUNT) if f"14100000000000001{n:02}".encode() in data]  # a cut file does not say what it had
        lost = [n for n in begun if not keyed(rows, format_, n)]
        assert not lost or told, f"{says}: records {lost} are lost"
        return format_.name, kind.__name__
    touched = {number} if number is not None else set()
    for n in range(COUNT):
        if n not in touched:
            own, want = keyed(rows, format_, n), keyed(expected, format_, n)
            assert own == want, f"{says}: record {n} that was not touched: {set(want) ^ set(own)} {failure}"
    kept = len(rows.get(main_key(format_)[1], ())) >= len(expected[main_key(format_)[1]])  # under another id
    if number is not None and not keyed(rows, format_, number) and not kept:
        assert told, f"{says}: the record is lost"
    return format_.name, kind.__name__


# exports of accounts ---------------------------------------------------------------------------------------------------------------


def export_files():
    """The files of an export: their name in it, and their records."""
    def post(number):
        return {"id_str": str(number), "full_text": f"post {number}", "created_at": "Wed Oct 11 20:19:24 +0000 2023", "favorite_count": "3",
                "entities": {"hashtags": [{"text": "fog", "indices": ["0", "3"]}], "user_mentions": [], "urls": []},
                "edit_info": {"initial": {"editTweetIds": [str(number)], "editsRemaining": "5", "editableUntil": "2023-10-11T21:19:24.000Z"}}}

    def message(number):
        return {"messageCreate": {"id": str(number), "text": "at the pier", "senderId": "7", "recipientId": "8", "createdAt": "2024-01-02T03:04:05.000Z",
                                  "urls": [{"url": "https://t.co/a", "expanded": "https://a.example.org", "display": "a"}], "mediaUrls": []}}

    return {
        "account": [{"account": {"accountId": "7", "username": "ana", "accountDisplayName": "Ana", "createdAt": "2012-05-05T10:00:00.000Z"}}],
        "tweets": [{"tweet": post(n)} for n in (101, 102, 103)], "community_tweet": [{"tweet": post(104)}],
        "deleted_tweets": [{"tweet": post(105)}], "like": [{"like": {"tweetId": str(n), "fullText": "liked"}} for n in (201, 202)],
        "follower": [{"follower": {"accountId": str(n), "userLink": "x"}} for n in (301, 302)], "following": [{"following": {"accountId": "303"}}],
        "block": [{"blocking": {"accountId": "304"}}], "mute": [{"muting": {"accountId": "305"}}],
        "lists_member": [{"userListInfo": {"url": "https://x.com/i/lists/1234567"}}],
        "profile": [{"profile": {"description": {"bio": "Paints", "location": "Pier", "website": "https://t.co/z"}, "avatarMediaUrl": "https://a.example.org"}}],
        "direct_messages": [{"dmConversation": {"conversationId": "7-8", "messages": [message(401), message(402)]}}],
        "note_tweet": [{"noteTweet": {"noteTweetId": "9", "createdAt": "2023-10-11T20:19:24.000Z", "core": {"text": "post 101 and more", "urls": []}}}],
    }


def packed_export(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, text in files.items():
            made.writestr(f"data/{name.replace('_', '-')}.js", text)
    return data.getvalue()


def keys_of(rows):
    return {(name, *(str(row.get(key)) for key in ("id", "post_id", "user_id", "follower_id", "followed_id", "blocked_id", "muted_id")))
            for name, own in rows.items() for row in own if name != "user_metrics"}


def imported(path):
    pages, failure = [], None
    try:
        pages.extend(xf.read_pages(path, include="all"))
    except xf.XframesError as error:
        failure = str(error)
        assert "it cannot be read (" not in failure, failure
    flattener = Flattener()
    tables = flattener.batch(pages)
    return rows_of(tables), "problems" in tables or failure or flattener.unknown_fields().num_rows


def check_export(rng, folder):
    """Mutate one file of an export, and import it. Raises AssertionError with what is wrong."""
    files = export_files()
    name = rng.choice(list(files))
    items = files[name]
    texts = {n: f"window.YTD.{n}.part0 = {json.dumps(each)}" for n, each in files.items()}
    path = Path(folder) / "export.zip"
    path.write_bytes(packed_export(texts))
    expected, _ = imported(path)
    if rng.random() < 0.7:
        at = rng.choice([p for p in places(items) if p])
        here = items
        for step in at[:-1]:
            here = here[step]
        here[at[-1]] = copy.deepcopy(rng.choice(ODD))
        texts[name] = f"window.YTD.{name}.part0 = {json.dumps(items)}"
    else:
        cut = rng.randrange(len(texts[name]))
        texts[name] = rng.choice([texts[name][:cut], texts[name][:cut] + "\0" + texts[name][cut:], texts[name][:cut] + "x" + texts[name][cut:], "",
                                  texts[name] + ";", "\ufeff" + texts[name]])
    path.write_bytes(packed_export(texts))
    rows, told = imported(path)
    lost = keys_of(expected) - keys_of(rows)
    assert not lost or told, f"{name}: {sorted(lost)} are lost; {texts[name][:300]}"
    others = {"account", "manifest", "note_tweet", "profile", "tweets", "deleted_tweets", "community_tweet"}
    if name not in others:
        assert not {each for each in lost if each[0] == "posts" and each[1][:2] == "10"}, f"{name}: posts are lost"
    return "export", "export"


def check_any(rng, folder):
    """Mutate and import a file of any format."""
    if rng.random() < 0.08:
        return check_export(rng, folder)
    return check(rng, folder)


def main(count, start):
    done, failed = Counter(), 0
    for seed in range(start, start + count):
        with tempfile.TemporaryDirectory() as folder:
            try:
                done[check_any(random.Random(seed), folder)[1]] += 1
            except Exception as error:  # noqa: BLE001  # each is shown
                failed += 1
                print(f"seed {seed}: {type(error).__name__}: {str(error)[:600]}")
                if not isinstance(error, AssertionError):
                    traceback.print_exc(limit=-4, file=sys.stdout)
    print(f"{count:,} files, {failed} failed: {dict(done)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
