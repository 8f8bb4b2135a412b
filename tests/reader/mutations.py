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

FILES = [each for each in shaped() if each.form != "js"]
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
    if own not in here[last]:
        here[last] = own
    if "tweet_url" in made:
        made["tweet_url"] = f"https://x.com/ana/status/{own}"
    return made


def rows_of(frames):
    """The rows of all tables, without what depends on their place in a file."""
    return {name: [{n: v for n, v in row.items() if n not in LEFT} for row in frames[name].to_pylist()]
            for name in frames.tables if name not in OTHERS}


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
        return rows_of(xf.flatten(xf.read_pages(path)))


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


def shape_of_file(rng, format_, records):
    """Other ways to write the same records: all of their rows must come."""
    data = written(format_, records)
    packed = io.BytesIO()
    how = rng.choice(["gzip", "zip", "tar", "utf-8-sig", "utf-16", "crlf", "list", "pretty", "nul at the end", "semicolons"])
    name = name_of(format_)
    if how == "gzip":
        return gzip.compress(data)
    if how == "zip":
        with zipfile.ZipFile(packed, "w") as made:
            made.writestr("empty.zip", b"PK\5\6" + bytes(18))
            made.writestr(f"../../{name}", data)
            made.writestr("folder/README.md", "# about")
        return packed.getvalue()
    if how == "tar":
        with tarfile.open(fileobj=packed, mode="w:gz") as made:
            entry = tarfile.TarInfo(f"../../{name}")
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
            made.addfile(link)
        return packed.getvalue()
    if how in {"utf-8-sig", "utf-16"} and format_.form == "json":
        return data.decode().encode(how)
    if how == "semicolons" and format_.form == "table":
        return table(records, delimiter=rng.choice(";\t|"))
    if how in {"list", "pretty"} and format_.form == "json":
        return json.dumps(records, indent=2 if how == "pretty" else None).encode()
    if how == "nul at the end":
        return data + bytes(50)
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def damage(rng, format_, records):
    """Damage anywhere: whatever is lost must be named."""
    data = written(format_, records)
    how = rng.choice(["cut", "flip", "cut gzip", "latin-1", "NUL", "twice", "header", "cut zip", "UTF-16 as UTF-8"])
    at = rng.randrange(len(data))
    if how == "cut":
        return data[:at]
    if how == "flip":
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1:]
    if how == "cut gzip":
        packed = gzip.compress(data)
        return packed[:rng.randrange(2, len(packed))]
    if how == "cut zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as made:
            made.writestr(name_of(format_), data)
        return packed.getvalue()[:-rng.randrange(1, 60)]
    if how == "latin-1":
        return data.replace(b"Tide", "Tidé".encode("latin-1"))
    if how == "NUL":
        return data[:at] + bytes(rng.randint(1, 3)) + data[at:]
    if how == "twice":
        return data[:at] + data
    if how == "header" and format_.form == "table":
        head, _, rest = data.partition(b"\n")
        columns = head.rstrip(b"\r").split(b",")
        columns[rng.randrange(len(columns))] = rng.choice([columns[0], b"", b"other"])
        return b",".join(columns) + b"\n" + rest
    return data.decode("utf-8", "replace").encode("utf-16")[2 * (at % 2):]


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
        for page in xf.read_pages(path):
            pages.append(page)
    except xf.XframesError as error:
        failure = str(error)
        assert "it cannot be read (" not in failure, f"{says}: {failure}"
    frames = xf.flatten(pages)
    rows, told = rows_of(frames), frames["problems"].num_rows or failure
    expected = whole(format_.name)
    if kind is damage:
        lost = [n for n in range(COUNT) if not keyed(rows, format_, n)]
        cut = b"\n".join(data.split(b"\n")[:1]) if format_.form == "table" else b""
        is_silent = lost and not told and not (data.endswith(b"\n") or len(data) <= len(cut)) and data[:2] != b"PK"
        assert not is_silent, f"{says}: records {lost} are lost"
        return format_.name, kind.__name__
    touched = {number} if number is not None else set()
    for n in range(COUNT):
        if n not in touched:
            own, want = keyed(rows, format_, n), keyed(expected, format_, n)
            assert own == want, f"{says}: record {n} that was not touched: {set(want) ^ set(own)} {failure}"
    if number is not None and not keyed(rows, format_, number):
        assert told, f"{says}: the record is lost"
    return format_.name, kind.__name__


def main(count, start):
    done, failed = Counter(), 0
    for seed in range(start, start + count):
        with tempfile.TemporaryDirectory() as folder:
            try:
                done[check(random.Random(seed), folder)[1]] += 1
            except Exception as error:
                failed += 1
                print(f"seed {seed}: {type(error).__name__}: {str(error)[:600]}")
                if not isinstance(error, AssertionError):
                    traceback.print_exc(limit=-4, file=sys.stdout)
    print(f"{count:,} files, {failed} failed: {dict(done)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
