"""Create batch compliance jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.handlers.calls import text_of
from xframes.sandbox.protocol.problem_json import conflict

if TYPE_CHECKING:
    from xframes.sandbox.handlers.calls import Call, RawHandler

_TYPES = ("tweets", "users")
_LONGEST_NAME = 64


def create(call: Call) -> dict[str, Any]:
    """Create a job. Raises Refusal (409) while one of the same type is in progress."""
    call.only(("compliance_job.fields",))
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
    job = compliance.create(
        "users" if kind == "users" else "tweets", name, resumable=resumable
    )
    if job is None:
        raise conflict(call.words, "You cannot create a new job if one is already in progress.")
    full = compliance.json(job, call.services.url)
    names = call.query.get("compliance_job.fields", ",".join(full)).split(",")
    return {"data": {name: value for name, value in full.items() if name in {"id", *names}}}


RAW: dict[str, RawHandler] = {"write.create_compliance_job": create}
