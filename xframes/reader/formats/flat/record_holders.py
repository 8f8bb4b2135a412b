"""Documents of JSON that hold records of other formats: of pandas, databases and maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reader.formats.flat import plain_tables
from xframes.reader.formats.source_format import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LISTS = ("tweets", "posts", "results", "items", "records", "rows", "statuses", "docs", "list")


def records_in(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the records that a document holds. None for other documents."""
    for read in (_of_elasticsearch, _of_couchdb, _of_split, _of_columns, _of_features, _of_lists):
        records = [each for each in read(document) if isinstance(each, dict)]
        if records:
            return records
    return None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _of_elasticsearch(document: Mapping[str, Any]) -> Iterator[Any]:
    hits = document.get("hits")
    found = _objects(hits.get("hits")) if isinstance(hits, dict) else [document]
    for hit in found:
        if "_index" in hit or "_id" in hit:
            yield hit.get("_source")


def _of_couchdb(document: Mapping[str, Any]) -> Iterator[Any]:
    if "total_rows" in document:
        for row in _objects(document.get("rows")):
            yield row.get("doc") or row.get("value")


def _of_split(document: Mapping[str, Any]) -> Iterator[Any]:
    """Read what pandas writes with `orient="split"` or `orient="table"`."""
    names, rows = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(rows, list):
        for row in rows:
            if isinstance(row, list):
                yield dict(zip(map(str, names), row, strict=False))
    elif isinstance(document.get("schema"), dict) and isinstance(rows, list):
        yield from rows


def _of_columns(document: Mapping[str, Any]) -> Iterator[Any]:
    """Read what pandas writes by default: an object of rows for each column."""
    columns = [column for column in document.values() if isinstance(column, dict)]
    if len(columns) < 2 or len(columns) != len(document):
        return
    keys = columns[0].keys()
    if keys and all(str(key).isdecimal() for key in keys) and all(
        column.keys() == keys for column in columns
    ):
        for key in keys:
            yield {name: column[key] for name, column in document.items()}


def _of_features(document: Mapping[str, Any]) -> Iterator[Any]:
    if document.get("type") != "FeatureCollection":
        return
    for feature in _objects(document.get("features")):
        properties = feature.get("properties")
        if isinstance(properties, dict):
            geometry = feature.get("geometry")
            at_point = {"coordinates": geometry} if isinstance(geometry, dict) else {}
            yield at_point | properties


def _of_lists(document: Mapping[str, Any]) -> Iterator[Any]:
    """Read a list of posts, if the document has no other objects, which would be left out."""
    lists = [name for name, value in document.items() if _objects(value)]
    if len(lists) == 1 and lists[0] in _LISTS:
        found = _objects(document[lists[0]])
        if plain_tables.is_post(found[0]):
            yield from found


HOLDER = Format(
    "json-holder", "JSON of pandas, CouchDB, Elasticsearch and GeoJSON with posts", "flat", "json",
    records=records_in, tables=("posts", "users"), cannot_say="what its records do not have",
)
