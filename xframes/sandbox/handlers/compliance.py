"""Batch compliance jobs: made, looked up, listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.problems import conflict

from .raw import text_of

if TYPE_CHECKING:
    from .context import Context, Handler
    from .raw import Call, RawHandler

_TYPES = ("tweets", "users")
_LONGEST_NAME = 64


def create(call: Call) -> dict[str, Any]:
    """A new job; 409 while one of the same type is in progress."""
    call.only(())
    body = call.document(("type", "name", "resumable"))
    kind = text_of(call, body, "type")
    if kind not in _TYPES:
        raise call.refuse("type", kind, f"[{kind}] is not one of [{','.join(_TYPES)}]")
    name = text_of(call, body, "name", required=False)
    if name is not None and len(name) > _LONGEST_NAME:
        raise call.refuse("name", name, f"`name` has at most {_LONGEST_NAME} characters")
    resumable = body.get("resumable", False)
    if not isinstance(resumable, bool):
        raise call.refuse("resumable", resumable, "`resumable` is true or false")
    compliance = call.services.compliance
    job = compliance.create("users" if kind == "users" else "tweets", name, resumable=resumable)
    if job is None:
        raise conflict(call.words, "You cannot create a new job if one is already in progress.")
    return {"data": compliance.json(job, call.services.url)}


def one(context: Context) -> dict[str, Any]:
    """One job."""
    compliance = context.services.compliance
    answer = context.answer()
    id = context.asked.args["job_id"]
    job = compliance.jobs.get(id)
    if job is None:
        answer.errors.not_found("compliance_job", "id", str(id))
        return answer.body(None)
    return answer.body(_chosen(context, compliance.json(job, context.services.url)))


def several(context: Context) -> dict[str, Any]:
    """The jobs of a type, oldest first, perhaps only those of one status."""
    compliance = context.services.compliance
    args = context.asked.args
    found = [compliance.json(job, context.services.url) for job in compliance.jobs.values()
             if job.type == args["type"] and args.get("status", compliance.status(job)) == compliance.status(job)]
    return context.answer().body([_chosen(context, each) for each in found], {"result_count": len(found)})


def _chosen(context: Context, full: dict[str, Any]) -> dict[str, Any]:
    """What was asked of a job; all that X requires of one is always there."""
    asked = context.asked.fields.get("compliance_job", frozenset(full))
    always = {"id", "type", "created_at", "upload_url", "download_url", "upload_expires_at", "download_expires_at",
              "status"}
    return {name: value for name, value in full.items() if name in asked | always}


HANDLERS: dict[str, Handler] = {"compliance.job": one, "compliance.jobs": several}
RAW: dict[str, RawHandler] = {"write.create_compliance_job": create}
