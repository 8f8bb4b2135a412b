"""usage.posts: how much of the cap has been used, by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.usage import CAP

if TYPE_CHECKING:
    from .context import Context, Handler

_DAYS = 7


def posts(context: Context) -> dict[str, Any]:
    """The project's use of its cap, and by day where asked for; the numbers are texts, as X sends them."""
    usage = context.services.usage
    days = usage.last(context.asked.args.get("days", _DAYS))
    app: dict[str, Any] = {"client_app_id": usage.app_id, "usage_result_count": len(days)}
    full: dict[str, Any] = {
        "project_id": usage.project_id, "project_cap": str(CAP), "project_usage": str(usage.this_period()),
        "cap_reset_day": usage.reset_day, "daily_project_usage": {"project_id": usage.project_id, "usage": days},
        "daily_client_app_usage": [app | ({"usage": days} if days else {})],
    }
    asked = context.asked.fields.get("usage", frozenset()) | {"project_id", "project_cap", "project_usage",
                                                             "cap_reset_day"}
    return context.answer().body({name: value for name, value in full.items() if name in asked})


HANDLERS: dict[str, Handler] = {"usage.posts": posts}
