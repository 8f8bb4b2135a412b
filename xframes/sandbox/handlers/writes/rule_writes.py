"""Add and delete rules of the filtered stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.sandbox.protocol.problem_json import INVALID, Refusal, kind
from xframes.sandbox.queries.predicates import compile_query
from xframes.sandbox.queries.syntax import QueryError
from xframes.sandbox.services.broadcast import StreamRule, rule_json
from xframes.sandbox.world.snowflakes import exact_stamp

if TYPE_CHECKING:
    from xframes.sandbox.handlers.calls import Call, RawHandler

_MOST = 1000  # rules of an app
_LONGEST = 1024  # characters of a rule


def change(call: Call) -> dict[str, Any]:
    """Add rules, delete some by id or value, or delete all; `dry_run` changes nothing."""
    call.only(("dry_run", "delete_all"))
    for name, value in call.query.items():
        if value not in {"true", "false"}:
            message = f"The `{name}` query parameter value [{value}] is not one of [true,false]"
            raise call.refuse(name, value, message)
    body = call.document(("add", "delete"))
    everything = call.query.get("delete_all") == "true"
    if len(body) + everything != 1:
        message = "Exactly one of `add`, `delete` and `delete_all` must be given"
        raise call.refuse("add", body, message)
    dry = call.query.get("dry_run") == "true"
    if everything:
        return _deleted(call, list(call.services.stream.rules), [], dry=dry)
    if "add" in body:
        return _add(call, body["add"], dry=dry)
    return _delete(call, body["delete"], dry=dry)


def _add(call: Call, wanted: Any, *, dry: bool) -> dict[str, Any]:
    _check_rules(call, wanted)
    stream = call.services.stream
    taken = {rule.value: rule.id for rule in stream.rules.values()}
    added: list[dict[str, str]] = []
    errors: list[dict[str, Any]] = []
    invalid = 0
    for each in wanted:
        value, tag = each["value"], each.get("tag")
        if value in taken:
            errors.append({"value": value, "id": str(taken[value]), "title": "DuplicateRule",
                           "type": kind(call.words, "duplicate-rules")})
        elif len(stream.rules) + len(added) * dry >= _MOST:
            errors.append({"value": value, "title": "RulesCapExceeded",
                           "type": kind(call.words, "rule-cap"),
                           "detail": f"There can be no more than {_MOST} rules."})
        elif problem := _problem_of(call, value):
            invalid += 1
            errors.append(_invalid(call, value, problem))
        else:
            if dry:
                match = compile_query(value, call.services.community)
                rule = StreamRule(len(taken) + 1, value, tag, match)
            else:
                rule = stream.add_rule(value, tag)
            taken[value] = rule.id
            added.append(rule_json(rule))
    summary = {"created": len(added), "not_created": len(errors),
               "valid": len(wanted) - invalid, "invalid": invalid}
    if invalid and not added and not dry:
        raise Refusal(400, _answer(call, summary, errors))
    return _answer(call, summary, errors, added)


def _invalid(call: Call, value: str, problem: str) -> dict[str, Any]:
    return {"value": value, "details": [problem], "title": "UnprocessableEntity",
            "type": kind(call.words, "invalid-rules")}


def _check_rules(call: Call, wanted: Any) -> None:
    if not isinstance(wanted, list) or not wanted:
        raise call.refuse("add", wanted, "`add` must be a list of rules and can not be empty")
    for each in wanted:
        is_rule = isinstance(each, dict) and isinstance(each.get("value"), str)
        if not is_rule or set(each) - {"value", "tag"}:
            message = "a rule is an object of a text `value` and perhaps a text `tag`"
            raise call.refuse("add", each, message)
        if not isinstance(each.get("tag", ""), str):
            raise call.refuse("add", each, "the `tag` of a rule is a text")


def _problem_of(call: Call, value: str) -> str | None:
    if len(value) > _LONGEST:
        return f"Rules must be {_LONGEST} characters or less (this one has {len(value)})"
    try:
        compile_query(value, call.services.community)
    except QueryError as error:
        return str(error)
    return None


def _delete(call: Call, wanted: Any, *, dry: bool) -> dict[str, Any]:
    if not isinstance(wanted, dict) or len(wanted) != 1 or not set(wanted) <= {"ids", "values"}:
        raise call.refuse("delete", wanted, "`delete` must hold either `ids` or `values`")
    [(name, values)] = wanted.items()
    if (
        not isinstance(values, list)
        or not values
        or not all(isinstance(each, str) for each in values)
    ):
        message = f"`{name}` must be a list of texts and can not be empty"
        raise call.refuse("delete", values, message)
    known: dict[str, int] = {}
    for rule in call.services.stream.rules.values():
        key = str(rule.id) if name == "ids" else rule.value
        known[key] = rule.id
    wanted_once = list(dict.fromkeys(values))
    errors = [
        {"errors": [{"parameters": {name: [each]}, "message": "Rule does not exist"}],
         "title": "Invalid Request", "detail": INVALID, "type": kind(call.words, "invalid-request")}
        for each in wanted_once if each not in known
    ]
    ids = [known[each] for each in wanted_once if each in known]
    return _deleted(call, ids, errors, dry=dry)


def _deleted(
    call: Call, ids: list[int], errors: list[dict[str, Any]], *, dry: bool
) -> dict[str, Any]:
    if not dry:
        for id in ids:
            call.services.stream.rules.pop(id, None)
    return _answer(call, {"deleted": len(ids), "not_deleted": len(errors)}, errors)


def _answer(
    call: Call, summary: dict[str, int], errors: list[dict[str, Any]],
    data: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if data:
        body["data"] = data
    body["meta"] = {"sent": exact_stamp(call.now), "summary": summary}
    if errors:
        body["errors"] = errors
    return body


RAW: dict[str, RawHandler] = {
    "write.delete_stream_rules": change, "write.add_stream_rules": change,
}
