"""Read what belongs to the developer's project: usage, compliance jobs, rules of the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.protocol.page_tokens import slice_of
from xframes.sandbox.services.broadcast import rule_json
from xframes.sandbox.services.usage_meter import CAP
from xframes.sandbox.world.snowflakes import exact_stamp

if TYPE_CHECKING:
    from xframes.sandbox.handlers.context import Context, Handler

_USAGE_DAYS = 7
_USAGE_ALWAYS = {"project_id", "project_cap", "project_usage", "cap_reset_day"}
_JOB_ALWAYS = {
    "id", "type", "created_at", "upload_url", "download_url", "upload_expires_at",
    "download_expires_at", "status",
}


def usage(context: Context) -> dict[str, Any]:
    """Answer with the project's use of its cap; the numbers are texts, as X sends them."""
    meter = context.services.usage
    days = meter.last(context.request.args.get("days", _USAGE_DAYS))
    app: dict[str, Any] = {"client_app_id": meter.app_id, "usage_result_count": len(days)}
    if days:
        app["usage"] = days
    full: dict[str, Any] = {
        "project_id": meter.project_id, "project_cap": str(CAP),
        "project_usage": str(meter.this_period()), "cap_reset_day": meter.reset_day,
        "daily_project_usage": {"project_id": meter.project_id, "usage": days},
        "daily_client_app_usage": [app],
    }
    names = context.request.fields.get("usage", frozenset()) | _USAGE_ALWAYS
    return context.answer().body({name: value for name, value in full.items() if name in names})


def job(context: Context) -> dict[str, Any]:
    """Answer with one compliance job."""
    compliance = context.services.compliance
    answer = context.answer()
    id = context.request.args["job_id"]
    if id not in compliance.jobs:
        answer.errors.not_found("compliance_job", "id", str(id))
        return answer.body(None)
    full = compliance.json(compliance.jobs[id], context.services.url)
    return answer.body(_job_fields(context, full))


def jobs(context: Context) -> dict[str, Any]:
    """Answer with the jobs of a type, oldest first; `status` selects those of one status."""
    compliance = context.services.compliance
    args = context.request.args
    rows = []
    for each in compliance.jobs.values():
        status = compliance.status(each)
        if each.type == args["type"] and args.get("status", status) == status:
            rows.append(_job_fields(context, compliance.json(each, context.services.url)))
    return context.answer().body(rows, {"result_count": len(rows)})


def _job_fields(context: Context, full: dict[str, Any]) -> dict[str, Any]:
    """Return the requested fields of a job, and those that X always sends."""
    names = context.request.fields.get("compliance_job", frozenset(full)) | _JOB_ALWAYS
    return {name: value for name, value in full.items() if name in names}


def rules(context: Context) -> dict[str, Any]:
    """Answer with the rules, oldest first; `ids` selects some, ignoring ids without a rule."""
    ids = context.request.args.get("ids")
    every = sorted(context.services.stream.rules.items())
    rows = [rule for id, rule in every if ids is None or id in ids]
    page, forth, _ = slice_of(rows, context.cursor(at=0), context.request.size)
    meta = {
        "sent": exact_stamp(context.now),
        "result_count": len(page),
        **context.links(forth, None),
    }
    return context.answer().body([rule_json(rule) for rule in page], meta)


def credits_left(context: Context) -> dict[str, Any]:
    """Answer with the credits left."""
    return {"data": context.services.usage.credits()}


def rule_counts(context: Context) -> dict[str, Any]:
    """Answer with the number of rules of the project's only app."""
    meter, count = context.services.usage, len(context.services.stream.rules)
    app = {"client_app_id": meter.app_id, "rule_count": count}
    return {"data": {
        "cap_per_client_app": "1000", "cap_per_project": "1000", "project_rules_count": str(count),
        "client_app_rules_count": app, "all_project_client_apps": [app],
    }}


def connections(context: Context) -> dict[str, Any]:
    """Answer with the connections to streams, oldest first."""
    args = context.request.args
    every = context.services.stream.connections(args.get("status", "active"))
    streams = args.get("endpoints")
    return _page(context, [
        each for each in every if streams is None or each["endpoint_name"] in streams
    ])


def notes(context: Context) -> dict[str, Any]:
    """Answer with the user's Community Notes: there are none here."""
    return _page(context, [])


def eligible_posts(context: Context) -> dict[str, Any]:
    """Answer with posts that can have a note: all posts, newest first."""
    return context.page(context.community.listed, previous=False, span=False)


def _page(context: Context, rows: list[dict[str, Any]]) -> dict[str, Any]:
    page, forth, _ = slice_of(rows, context.cursor(at=0), context.request.size)
    return context.answer().body(page, {"result_count": len(page), **context.links(forth, None)})


HANDLERS: dict[str, Handler] = {
    "usage.credits": credits_left, "streams.rule_counts": rule_counts,
    "connections.list": connections, "notes.written": notes,
    "notes.eligible_posts": eligible_posts,
    "usage.posts": usage, "compliance.job": job, "compliance.jobs": jobs, "streams.rules": rules,
}
