"""Entities, media and places of the API v1.1, as the API v2 has them."""

from __future__ import annotations

from typing import Any

from xframes.reader.formats.readings import COUNT, ID, Reading, is_nothing, items

_TYPE_CODES = {"photo": "3", "animated_gif": "16", "video": "7"}
_LINK = {"url": "url", "expanded_url": "expanded_url", "display_url": "display_url"}
_UNWOUND = {
    "unwound_url": "url", "status": "status", "title": "title", "description": "description",
}


def _spans(value: Any, names: dict[str, str]) -> list[dict[str, Any]]:
    """Return entities with `start` and `end` instead of `indices`; both count code points."""
    entities = []
    for item in items(value):
        if not isinstance(item, dict):
            raise TypeError("expected a list of objects")
        entity = {new: item.get(old) for new, old in names.items() if not is_nothing(item.get(old))}
        entity = {new: one for new, one in entity.items() if not isinstance(one, dict | list)}
        indices = item.get("indices")
        if isinstance(indices, list) and len(indices) == 2:
            entity["start"], entity["end"] = (COUNT(index) for index in indices)
        entities.append(entity)
    return entities


def hashtags(value: Any) -> list[dict[str, Any]]:
    """Return hashtags or cashtags."""
    return _spans(value, {"tag": "text"})


def mentions(value: Any) -> list[dict[str, Any]]:
    """Return mentions."""
    entities = _spans(value, {"username": "screen_name", "id": "id_str"})
    for entity, item in zip(entities, items(value), strict=True):
        if "id" not in entity and not is_nothing(item.get("id")):
            entity["id"] = ID(item["id"])
    return entities


def links(value: Any) -> list[dict[str, Any]]:
    """Return links, also those of media."""
    entities = _spans(value, _LINK)
    for entity, item in zip(entities, items(value), strict=True):
        unwound = item.get("unwound")
        if isinstance(unwound, dict):
            for new, old in _UNWOUND.items():
                if isinstance(unwound.get(old), str | int):
                    entity[new] = unwound[old]
    return entities


def media(value: Any) -> list[dict[str, Any]]:
    """Return media."""
    media_items = (item for item in items(value) if isinstance(item, dict))
    return [_medium(item, key) for item in media_items if (key := _key(item))]


def _key(item: dict[str, Any]) -> str | None:
    if isinstance(item.get("media_key"), str):
        return str(item["media_key"])
    for name in ("id_str", "id"):
        if not is_nothing(item.get(name)):
            return f"{_TYPE_CODES.get(str(item.get('type')), '3')}_{ID(item[name])}"
    return None


def _medium(item: dict[str, Any], key: str) -> dict[str, Any]:
    kind = item.get("type")
    if not isinstance(kind, str):
        kind = "photo"
    width, height = _size(item)
    video = item.get("video_info")
    medium: dict[str, Any] = {
        "media_key": key, "type": kind, "width": width, "height": height,
        "alt_text": _str(item.get("ext_alt_text")),
    }
    if isinstance(video, dict):
        medium["duration_ms"] = _int(video.get("duration_millis"))
        variants = video.get("variants")
        if isinstance(variants, list):
            medium["variants"] = [_variant(each) for each in variants if isinstance(each, dict)]
    statistics = item.get("mediaStats")
    if isinstance(statistics, dict):
        medium["public_metrics"] = {"view_count": _int(statistics.get("viewCount"))}
    picture = _str(item.get("media_url_https")) or _str(item.get("media_url"))
    medium["url" if kind == "photo" else "preview_image_url"] = picture
    return {name: one for name, one in medium.items() if one not in (None, [], {})}


def _size(item: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return the width and height of the largest picture.

    The oldest exports have a list of sizes instead of an object of them.
    """
    sizes = item.get("sizes")
    original = item.get("original_info")
    if isinstance(original, dict) and isinstance(original.get("width"), int):
        return _int(original["width"]), _int(original.get("height"))
    if isinstance(sizes, dict):
        sizes = [sizes.get("large")] if isinstance(sizes.get("large"), dict) else [*sizes.values()]
    if not isinstance(sizes, list):
        return None, None
    pairs = [(_int(s.get("w")), _int(s.get("h"))) for s in sizes if isinstance(s, dict)]
    whole = [(w, h) for w, h in pairs if w is not None and h is not None]
    return max(whole, default=(None, None))


def _variant(item: dict[str, Any]) -> dict[str, Any]:
    variant = {
        "bit_rate": _int(item.get("bitrate")), "url": _str(item.get("url")),
        "content_type": _str(item.get("content_type")),
    }
    return {name: one for name, one in variant.items() if one is not None}


def _int(value: Any) -> int | None:
    if is_nothing(value):
        return None
    return COUNT(value)  # type: ignore[no-any-return]  # a count is an int or None


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def sources_of_media(value: Any) -> list[str]:
    """Return the posts that media come from."""
    ids = []
    for item in items(value):
        if isinstance(item, dict):
            id_ = item.get("source_status_id_str") or item.get("source_status_id")
            if not is_nothing(id_) and ID(id_) not in ids:
                ids.append(ID(id_))
    return ids


def bounding_box(value: Any) -> list[float] | None:
    """Return the west, south, east and north of a polygon."""
    polygon = value.get("coordinates") if isinstance(value, dict) else value
    if isinstance(polygon, list) and all(point == [] for point in polygon):
        return None
    while isinstance(polygon, list) and polygon and isinstance(polygon[0], list):
        if all(isinstance(p, list) and len(p) == 2 and _are_numbers(p) for p in polygon):
            longitudes, latitudes = zip(*polygon, strict=True)
            return [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]
        polygon = polygon[0]
    raise ValueError("expected a polygon")


def _are_numbers(values: list[Any]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


_SPAN = {"indices": [0, 5]}
HASHTAGS = Reading("hashtags with positions", hashtags, ([{"text": "rain", **_SPAN}],))
MENTIONS = Reading(
    "mentions with positions", mentions, ([{"screen_name": "bo", "id_str": "502", **_SPAN}],)
)
URLS = Reading(
    "links with positions", links,
    ([{"url": "https://t.co/a", "expanded_url": "https://a.example.org", **_SPAN}],),
)
MEDIA = Reading("media", media, (
    [{"id_str": "77", "type": "photo", "media_url_https": "https://pbs.example.org/a.jpg"}],
))
SOURCES = Reading("posts that media come from", sources_of_media, ([{"source_status_id": 9}],))
BOX = Reading("polygon", bounding_box, (
    {"coordinates": [[[1.0, 2.0], [3.0, 2.0], [3.0, 4.0], [1.0, 4.0]]]},
))
