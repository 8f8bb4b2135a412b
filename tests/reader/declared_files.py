"""Files of every declared format, written by its declaration: records, and mutations of them."""

from __future__ import annotations

import copy
import csv
import io
import json

from xframes.reader.formats import formats

MOST_DEPTH = 2


def shaped(form=None):
    """The formats with a declared shape that are read as files of their own."""
    return [f for f in formats() if f.shape is not None and f.is_read and form in {None, f.form}]


def put(record, name, value):
    *parts, last = name.split(".")
    for part in parts:
        record = record.setdefault(part, {})
        if not isinstance(record, dict):
            return
    record[last] = value


def record(shape, number=0, depth=0, *, flat=False):
    """A record that has each key of a shape once, with a sample of how it is read."""
    made = dict(shape.samples)
    for key in shape.keys:
        value = copy.deepcopy(key.read.samples[number % len(key.read.samples)])
        name = key.names[0]
        if name.startswith("_"):
            continue
        if flat:
            made[name] = value if isinstance(value, str) else json.dumps(value)
        else:
            put(made, name, value)
    if depth < MOST_DEPTH and not flat:
        for inner in shape.inner:
            put(made, inner.name, record(inner.shape(), number, depth + 1))
    return made


def marked(format_, made):
    """The record, with the keys and values that its format is recognised by."""
    for mark in format_.certain[:1]:
        for part in mark:
            name, equals, value = part.partition("=")
            if equals:
                made[name] = value
            elif name not in made:
                put(made, name, "x" if format_.form == "table" else None)
    return made


def table(rows, delimiter=","):
    """A CSV file of rows."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def lines(records):
    """A file of JSON, one record a line."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)
