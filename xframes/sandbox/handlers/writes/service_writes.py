"""Schedule and start broadcasts, write in their chats; close connections; create folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.protocol import problem_json

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler


def schedule(context: Context) -> dict[str, Any]:
    """Schedule a broadcast."""
    return {"data": context.services.shows.schedule(context.request.args)}


def update(context: Context) -> dict[str, Any]:
    """Change a scheduled broadcast."""
    return {"data": context.services.shows.update(_scheduled(context), context.request.args)}


def delete(context: Context) -> dict[str, Any]:
    """Delete a scheduled broadcast."""
    del context.services.shows.scheduled[_scheduled(context)]
    return {"data": {"deleted": True}}


def start(context: Context) -> dict[str, Any]:
    """Start a scheduled broadcast."""
    id = _scheduled(context)
    return {"data": context.services.shows.start(id, context.me.id, context.now)}


def send(context: Context) -> dict[str, Any]:
    """Write in the chat of a broadcast."""
    shows, id, me = context.services.shows, _live(context), context.me
    message = {
        "id": str(context.community.new_id(context.now)), "broadcast_id": id,
        "author_id": str(me.id), "author_username": me.username, "author_name": me.name,
        "text": context.request.args["text"], "created_at_ms": str(context.now),
    }
    if "reply_to" in context.request.args:
        message["reply_to"] = context.request.args["reply_to"]
    shows.messages.setdefault(id, []).append(message)
    return {"data": {"success": True, "timestamp": str(context.now)}}


def delete_message(context: Context) -> dict[str, Any]:
    """Delete a message of a chat."""
    shows, id = context.services.shows, _live(context)
    wanted = str(context.request.args["message_id"])
    kept = [each for each in shows.messages.get(id, []) if each["id"] != wanted]
    if len(kept) == len(shows.messages.get(id, [])):
        raise problem_json.missing(context.words, "message", "message_id", wanted)
    shows.messages[id] = kept
    return {"data": {"deleted": True}}


def mute(context: Context) -> dict[str, Any]:
    """Mute a user in a chat."""
    context.services.shows.muted.add((_live(context), str(context.request.args["user_id"])))
    return {"data": {"muted": True}}


def unmute(context: Context) -> dict[str, Any]:
    """Unmute a user in a chat."""
    context.services.shows.muted.discard((_live(context), str(context.request.args["user_id"])))
    return {"data": {"muted": False}}


def create_folder(context: Context) -> dict[str, Any]:
    """Create a folder for bookmarks."""
    id, name = context.community.new_id(context.now), context.request.args["name"]
    context.community.kept(context.me).folders[id] = name
    return {"data": {"id": str(id), "name": name}}


def _scheduled(context: Context) -> str:
    """Return the id of the path. Raises Refusal (404) if nothing is scheduled under it."""
    id = str(context.request.args["scheduled_id"])
    if id not in context.services.shows.scheduled:
        raise problem_json.missing(context.words, "broadcast", "id", id)
    return id


def _live(context: Context) -> str:
    """Return the id of the path. Raises Refusal (404) if there is no such broadcast."""
    id = str(context.request.args["broadcast_id"])
    if id not in context.services.shows.live:
        raise problem_json.missing(context.words, "broadcast", "id", id)
    return id


def close(context: Context) -> dict[str, Any]:
    """Close the connections with these ids."""
    return _closed(context, context.request.args["uuids"])


def close_all(context: Context) -> dict[str, Any]:
    """Close all connections."""
    return _closed(context, [each["id"] for each in context.services.stream.connections()])


def close_of(context: Context) -> dict[str, Any]:
    """Close the connections to one stream."""
    endpoint = context.request.args["endpoint"]
    every = context.services.stream.connections()
    return _closed(context, [each["id"] for each in every if each["endpoint_name"] == endpoint])


def _closed(context: Context, ids: list[str]) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    for id in ids:
        is_closed = context.services.stream.end(id)
        results.append({"uuid": id, "success": is_closed})
        if not is_closed:
            results[-1]["error_message"] = "There is no open connection with this id."
    failed = sum(not each["success"] for each in results)
    return {"data": {"successful_kills": len(results) - failed, "failed_kills": failed,
                     "results": results}}


HANDLERS: dict[str, Handler] = {
    "write.create_bookmark_folder": create_folder,
    "write.schedule_broadcast": schedule, "write.update_broadcast": update,
    "write.delete_broadcast": delete, "write.start_broadcast": start,
    "write.send_broadcast_message": send, "write.delete_broadcast_message": delete_message,
    "write.mute_broadcast_user": mute, "write.unmute_broadcast_user": unmute,
    "write.close_connections": close, "write.close_all_connections": close_all,
    "write.close_connections_of": close_of,
}
