"""Posts by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .context import Context, Handler


def lookup(context: Context) -> dict[str, Any]:
    """The posts of up to 100 ids, in the order asked, each once; missing ones are partial errors."""
    answer = context.answer()
    wanted = dict.fromkeys(context.asked.args["post_ids"])
    found = [post for id in wanted if (post := answer.find_post(id, "ids", "data")) is not None]
    return answer.body(answer.posts(found))


def get(context: Context) -> dict[str, Any]:
    """One post; a missing one is a 200 with `errors` and no `data`."""
    answer = context.answer()
    post = answer.find_post(context.asked.args["post_id"], "id", "data")
    return answer.body(answer.posts([post])[0] if post else None)


HANDLERS: dict[str, Handler] = {"posts.lookup": lookup, "posts.get": get}
