"""Upload media in one request or in chunks, and add texts to them.

Chunks go to endpoints of their own, or to one address with the older `command=`.
"""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from typing import IO, TYPE_CHECKING, Any

from werkzeug.formparser import parse_form_data

from xframes.sandbox.handlers.calls import text_of
from xframes.sandbox.protocol import bodies
from xframes.sandbox.protocol.problem_json import no_route
from xframes.sandbox.services.upload_sessions import TYPES, UploadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.sandbox.handlers.calls import Call, RawHandler
    from xframes.sandbox.world.model import Upload

_ONE_SHOT = ("media", "media_category", "media_type", "shared", "additional_owners")
_INITIALIZE = ("media_type", "total_bytes", "media_category", "shared", "additional_owners")
_LONGEST_ALT = 1000
_METADATA = (
    "alt_text",
    "allow_download_status",
    "audience_policy",
    "content_expiration",
    "domain_restrictions",
    "found_media_origin",
    "geo_restrictions",
    "management_info",
    "preview_image",
    "sensitive_media_warning",
    "shared_info",
    "sticker_info",
    "upload_source",
)
_SUBTITLED = ("TweetVideo", "AmplifyVideo")


def _fields(call: Call) -> dict[str, Any]:
    """Return the names and values of a request: JSON, or a form, whose files stay on disk."""
    if bodies.content_type(call.environ) == "multipart/form-data":
        _, form, files = parse_form_data(call.environ)
        streams = {name: file.stream for name, file in files.items()}
        return {**call.query, **form.to_dict(), **streams}
    if bodies.content_type(call.environ) == "application/x-www-form-urlencoded":
        return {**call.query, **dict(bodies.form(call.environ))}
    names = (*_ONE_SHOT, *_INITIALIZE, "command", "media_id", "segment_index")
    return {**call.query, **call.document(names)}


def upload(call: Call) -> dict[str, Any]:
    """Upload a file in one request, or take a step of the older form if there is a `command`."""
    return _with_files(call, _upload)


def _with_files(
    call: Call, handle: Callable[[Call, dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Handle a request with files, and close them if it is refused."""
    fields = _fields(call)
    try:
        return handle(call, fields)
    except BaseException:
        for value in fields.values():
            if hasattr(value, "close"):
                value.close()
        raise


def _upload(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    step = _COMMANDS.get(str(fields.get("command")))
    if "command" in fields:
        if step is None or call.services.uploads.form == "endpoints":
            message = f"[command] is not one of [{','.join(_ONE_SHOT)}]"
            raise call.refuse("command", fields["command"], message)
        return step(call, fields)
    _only(call, fields, _ONE_SHOT)
    chunk = _chunk(call, fields.get("media"))
    try:
        size = chunk.seek(0, 2)
        new = _begin(call, fields, size, needs_type=False)
        new.segments[0] = chunk
        call.services.uploads.finalize(new)
    except BaseException:
        chunk.close()
        raise
    return {"data": call.services.uploads.json(new, processing=True)}


def initialize(call: Call) -> dict[str, Any]:
    """Begin an upload in chunks."""
    _check_endpoints(call)
    return _initialize(call, call.document(_INITIALIZE))


def _initialize(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    new = _begin(call, fields, _number(call, fields, "total_bytes"), needs_type=True)
    return {"data": call.services.uploads.json(new, processing=False)}


def append(call: Call) -> dict[str, Any]:
    """Add one chunk."""
    _check_endpoints(call)
    return _with_files(call, _append)


def _append(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    _only(call, fields, ("media", "segment_index"))
    upload = _add_chunk(call, fields, call.args["media_id"])
    return {"data": {"expires_at": int(upload.ends)}}


def _add_chunk(call: Call, fields: dict[str, Any], media_id: str) -> Upload:
    found = _find(call, media_id)
    index = _number(call, fields, "segment_index")
    chunk = _chunk(call, fields.get("media"))
    try:
        call.services.uploads.append(found, index, chunk)
    except UploadError as error:
        chunk.close()
        raise _refusal(call, error) from None
    return found


def finalize(call: Call) -> dict[str, Any]:
    """End an upload in chunks; processing begins, if the file needs it."""
    _check_endpoints(call)
    return _finalize(call, call.args["media_id"])


def _finalize(call: Call, media_id: str) -> dict[str, Any]:
    found = _find(call, media_id)
    try:
        call.services.uploads.finalize(found)
    except UploadError as error:
        raise _refusal(call, error) from None
    return {"data": call.services.uploads.json(found, processing=True)}


def _command_append(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    _add_chunk(call, fields, str(fields.get("media_id")))
    return {}


_COMMANDS: dict[str, Callable[[Call, dict[str, Any]], dict[str, Any]]] = {
    "INIT": _initialize, "APPEND": _command_append,
    "FINALIZE": lambda call, fields: _finalize(call, str(fields.get("media_id"))),
}


def metadata(call: Call) -> dict[str, Any]:
    """Set the alt text of an upload, and the other metadata X stores."""
    body = call.document(("id", "metadata"))
    found = _find(call, text_of(call, body, "id") or "")
    values = body.get("metadata", {})
    if not isinstance(values, dict) or set(values) - set(_METADATA):
        message = f"`metadata` is an object of [{','.join(_METADATA)}]"
        raise call.refuse("metadata", values, message)
    alt = values.get("alt_text", {"text": None})
    if not isinstance(alt, dict) or not isinstance(alt.get("text"), str | None):
        raise call.refuse("metadata", alt, "`alt_text` is an object of a text `text`")
    if alt["text"] is not None:
        if not 1 <= len(alt["text"]) <= _LONGEST_ALT:
            message = f"`alt_text.text` has 1 to {_LONGEST_ALT} characters"
            raise call.refuse("metadata", alt["text"], message)
        found.media.alt = alt["text"]
    return {"data": {"id": str(found.id), "associated_metadata": values}}


def add_subtitles(call: Call) -> dict[str, Any]:
    """Add uploaded subtitles to a video."""
    body = call.document(("id", "media_category", "subtitles"))
    video = _video(call, body)
    facts = body.get("subtitles")
    if not isinstance(facts, dict) or set(facts) - {"id", "language_code", "display_name"}:
        message = "`subtitles` is an object of id, language_code and display_name"
        raise call.refuse("subtitles", facts, message)
    file = _find(call, text_of(call, facts, "id") or "")
    if file.kind != "subtitles" or not file.ready:
        raise call.refuse("subtitles", file.id, "this upload holds no subtitles")
    language = _language(call, facts)
    video.subtitles[language] = {name: str(value) for name, value in facts.items()}
    return {"data": {"id": str(video.id), "media_category": body["media_category"],
                     "associated_subtitles": list(video.subtitles.values())}}


def delete_subtitles(call: Call) -> dict[str, Any]:
    """Delete a video's subtitles in one language."""
    body = call.document(("id", "media_category", "language_code"))
    video = _video(call, body)
    deleted = video.subtitles.pop(_language(call, body), None)
    return {"data": {"deleted": deleted is not None}}


def _video(call: Call, body: dict[str, Any]) -> Upload:
    if body.get("media_category") not in _SUBTITLED:
        message = f"is not one of [{','.join(_SUBTITLED)}]"
        raise call.refuse("media_category", body.get("media_category"), message)
    found = _find(call, text_of(call, body, "id") or "")
    if found.kind != "video":
        raise call.refuse("id", found.id, "only videos have subtitles")
    return found


def _language(call: Call, body: dict[str, Any]) -> str:
    found = text_of(call, body, "language_code") or ""
    if not re.fullmatch("[A-Z]{2}", found):
        raise call.refuse("language_code", found, "`language_code` is two capital letters")
    return found


def _begin(call: Call, fields: dict[str, Any], total: int, *, needs_type: bool) -> Upload:
    kind = text_of(call, fields, "media_type", required=needs_type)
    if kind is not None and kind not in TYPES:
        raise call.refuse("media_type", kind, f"is not one of [{','.join(TYPES)}]")
    guess = "tweet_video" if kind and kind.startswith("video/") else "tweet_image"
    category = text_of(call, fields, "media_category", required=not needs_type) or guess
    assert call.viewer is not None  # uploads take a person's credentials only
    try:
        return call.services.uploads.begin(call.viewer.id, category, total, call.now)
    except UploadError as error:
        raise _refusal(call, error) from None


def _find(call: Call, media_id: str) -> Upload:
    found = call.services.uploads.items.get(int(media_id)) if media_id.isdecimal() else None
    if found is None or call.viewer is None or found.owner_id != call.viewer.id:
        raise call.refuse("media_id", media_id, f"There is no upload [{media_id}] of yours")
    if not found.finalized and call.services.uploads.clock() >= found.ends:
        raise call.refuse("media_id", media_id, "The upload has ended: too much time has passed")
    return found


def _chunk(call: Call, value: Any) -> IO[bytes]:
    """Return the bytes of a file: the part of a form, or base64 text."""
    if hasattr(value, "read"):
        file: IO[bytes] = value
        return file
    if not isinstance(value, str) or not value:
        raise call.refuse("media", "", "`media` must be a file, or its bytes in base64")
    try:
        raw = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise call.refuse("media", "", "`media` is not base64") from None
    chunk = tempfile.SpooledTemporaryFile(1024 * 1024)  # noqa: SIM115  closed with the upload
    chunk.write(raw)
    return chunk


def _number(call: Call, fields: dict[str, Any], name: str) -> int:
    found = str(fields.get(name, ""))
    if not re.fullmatch("[0-9]{1,18}", found):
        raise call.refuse(name, found, f"`{name}` must be a number")
    return int(found)


def _only(call: Call, fields: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in fields:
        if name not in known:
            raise call.refuse(name, "", f"[{name}] is not one of [{','.join(known)}]")


def _check_endpoints(call: Call) -> None:
    """Raise Refusal (404) on a server that takes only the older form."""
    if call.services.uploads.form == "command":
        raise no_route(f"{call.environ['REQUEST_METHOD']} {call.environ['PATH_INFO']}")


def _refusal(call: Call, error: UploadError) -> Exception:
    message = f"`{error.parameter}` [{error.value}] {error}"
    return call.refuse(error.parameter, error.value, message)


RAW: dict[str, RawHandler] = {
    "write.upload_media": upload,
    "write.initialize_upload": initialize,
    "write.append_upload": append,
    "write.finalize_upload": finalize,
    "write.set_media_metadata": metadata,
    "write.add_subtitles": add_subtitles,
    "write.delete_subtitles": delete_subtitles,
}
