"""Read media by key, and the state of an upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler


def lookup(context: Context) -> dict[str, Any]:
    """Answer with the media of up to 100 keys, in that order; missing ones are partial errors."""
    answer, known = context.answer(), context.community.media
    keys = context.request.args["media_keys"]
    for key in keys:
        if key not in known:
            answer.errors.not_found("media", "media_keys", key)
    return answer.body(answer.media(known[key] for key in keys if key in known))


def get(context: Context) -> dict[str, Any]:
    """Answer with one medium by its key."""
    answer = context.answer()
    key = context.request.args["media_key"]
    medium = context.community.media.get(key)
    if medium is None:
        answer.errors.not_found("media", "media_key", key)
        return answer.body(None)
    return answer.body(answer.media([medium])[0])


def upload_status(context: Context) -> dict[str, Any]:
    """Answer with the state of an upload. Raises Refusal (400) for the uploads of other people."""
    id = context.request.args["media_id"]
    upload = context.services.uploads.items.get(id)
    if upload is None or context.viewer is None or upload.owner_id != context.viewer.id:
        raise context.refuse("media_id", str(id), f"There is no upload [{id}] of yours")
    return {"data": context.services.uploads.json(upload, processing=True)}


HANDLERS: dict[str, Handler] = {
    "media.lookup": lookup, "media.get": get, "media.upload_status": upload_status,
}
