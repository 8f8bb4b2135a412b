"""The rules of the filtered stream: listed, added, deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from xframes.sandbox.matching import compile_query
from xframes.sandbox.paging import slice_of
from xframes.sandbox.problems import INVALID, kind
from xframes.sandbox.query import QueryError
from xframes.sandbox.streaming import StreamRule, rule_json

if TYPE_CHECKING:
    from .context import Context, Handler
    from .raw import Call, RawHandler

_MOST = 1000  # rules of an app
_LONGEST = 1024  # characters of a rule


def rules(context: Context) -> dict[str, Any]:
    """The rules, oldest first, or those of the ids asked for; ids without a rule are left out."""
    wanted = context.asked.args.get("ids")
    found = [rule for id, rule in sorted(context.services.stream.rules.items()) if wanted is None or id in wanted]
    cursor = context.cursor(at=0)
    page, forth, _ = slice_of(found, cursor, context.asked.size)
    meta = {"sent": _sent(context.now), "result_count": len(page), **context.links(forth, None)}
    return context.answer().body([rule_json(rule) for rule in page], meta)


def change(call: Call) -> dict[str, Any]:
    """Add rules, or delete some by id or value, or all of them; `dry_run` only says what would be."""
    call.only(("dry_run", "delete_all"))
    for name, value in call.query.items():
        if value not in {"true", "false"}:
            raise call.refuse(name, value, f"The `{name}` query parameter value [{value}] is not one of [true,false]")
    body = call.document(("add", "delete"))
    everything = call.query.get("delete_all") == "true"
    if len(body) + everything != 1:
        raise call.refuse("add", body, "Exactly one of `add`, `delete` and `delete_all` must be given")
    dry = call.query.get("dry_run") == "true"
    if everything:
        return _deleted(call, list(call.services.stream.rules), [], dry=dry)
    if "add" in body:
        return _add(call, body["add"], dry=dry)
    return _delete(call, body["delete"], dry=dry)


def _add(call: Call, wanted: Any, *, dry: bool) -> dict[str, Any]:
    _checked(call, wanted)
    stream = call.services.stream
    taken = {rule.value: rule.id for rule in stream.rules.values()}
    made: list[dict[str, str]] = []
    errors: list[dict[str, Any]] = []
    invalid = 0
    for each in wanted:
        value, tag = each["value"], each.get("tag")
        if value in taken:
            errors.append({"value": value, "id": str(taken[value]), "title": "DuplicateRule",
                           "type": kind(call.words, "duplicate-rules")})
        elif len(stream.rules) + len(made) * dry >= _MOST:
            errors.append({"value": value, "title": "RulesCapExceeded", "type": kind(call.words, "rule-cap"),
                           "detail": f"There can be no more than {_MOST} rules."})
        elif problem := _fault_of(call, value):
            invalid += 1
            errors.append({"value": value, "details": [problem], "title": "UnprocessableEntity",
                           "type": kind(call.words, "invalid-rules")})
        else:
            test = compile_query(value, call.services.community)
            rule = StreamRule(len(taken) + 1, value, tag, test) if dry else stream.add_rule(value, tag)
            taken[value] = rule.id
            made.append(rule_json(rule))
    summary = {"created": len(made), "not_created": len(errors), "valid": len(wanted) - invalid, "invalid": invalid}
    return _answer(call, summary, errors, made)


def _checked(call: Call, wanted: Any) -> None:
    if not isinstance(wanted, list) or not wanted:
        raise call.refuse("add", wanted, "`add` must be a list of rules and can not be empty")
    for each in wanted:
        if not isinstance(each, dict) or not isinstance(each.get("value"), str) or set(each) - {"value", "tag"}:
            raise call.refuse("add", each, "a rule is an object of a text `value` and perhaps a text `tag`")
        if not isinstance(each.get("tag", ""), str):
            raise call.refuse("add", each, "the `tag` of a rule is a text")


def _fault_of(call: Call, value: str) -> str | None:
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
    if not isinstance(values, list) or not values or not all(isinstance(each, str) for each in values):
        raise call.refuse("delete", values, f"`{name}` must be a list of texts and can not be empty")
    known = {str(rule.id) if name == "ids" else rule.value: rule.id for rule in call.services.stream.rules.values()}
    missing = [each for each in dict.fromkeys(values) if each not in known]
    errors = [
        {"errors": [{"parameters": {name: [each]}, "message": "Rule does not exist"}], "title": "Invalid Request",
         "detail": INVALID, "type": kind(call.words, "invalid-request")} for each in missing
    ]
    return _deleted(call, [known[each] for each in dict.fromkeys(values) if each in known], errors, dry=dry)


def _deleted(call: Call, ids: list[int], errors: list[dict[str, Any]], *, dry: bool) -> dict[str, Any]:
    if not dry:
        for id in ids:
            call.services.stream.rules.pop(id, None)
    return _answer(call, {"deleted": len(ids), "not_deleted": len(errors)}, errors)


def _answer(
    call: Call, summary: dict[str, int], errors: list[dict[str, Any]], data: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    made: dict[str, Any] = {"data": data} if data else {}
    made["meta"] = {"sent": _sent(call.now), "summary": summary}
    return made | ({"errors": errors} if errors else {})


def _sent(now: int) -> str:
    """When an answer was sent, as X writes it here: with milliseconds."""
    return datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


HANDLERS: dict[str, Handler] = {"streams.rules": rules}
RAW: dict[str, RawHandler] = {"write.delete_stream_rules": change, "write.add_stream_rules": change}
