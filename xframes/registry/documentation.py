"""Complete the docstrings of functions that carry out actions, from the declarations."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from xframes import registry
from xframes.registry.actions import DOCS, Action, Param, Window
from xframes.registry.prices import CARD, OWNED, PER_REQUEST, PER_RESOURCE, dollars
from xframes.screen import counted

F = TypeVar("F", bound=Callable[..., Any])

TITLE = "Limits, price and source"
_WIDTH = 92
_CREDENTIALS = {
    "app": "an app-only bearer token",
    "oauth1": "a user's OAuth 1.0a tokens",
    "oauth2": "a user's OAuth 2.0 token",
}
_PERIODS = {1: "second", 60: "minute", 900: "15 minutes", 3600: "hour", 86_400: "24 hours"}

# Descriptions of arguments that many functions share and no declaration has.
_CLIENT = """Client to send with. Default: the client set with `xf.use`; without it, a client
    with the credentials of the environment or the config file."""
_PROGRESS = "Whether to show a progress bar. Default: only on terminals and in notebooks."
_SHARED = {
    "limit": "Stop after this many rows of the main table. Default: no limit.",
    "max_results": "Most rows of a page. Default: as many as X sends.",
    "since": """`"last"` (needs `into`): collect only posts newer than the last run of the same
        query. Default: collect older ones too.""",
    "fields": """`"all"` requests every public field; `"owner"` also those that only the owner sees.
        A list names fields of the main objects in X's words, a dict fields by kind of object, e.g.
        `{"post": ["text"], "user": "all"}`.""",
    "expansions": """`"all"` requests every related object, which X may bill; a list names X's
        expansions. `"lean"` requests none: authors and referenced posts are ids, which
        `xf.complete` can look up later, each once.""",
    "refresh": """With `into`: whether to request again what the archive already has. Default:
        no.""",
    "into": """Archive to collect into; the function then returns its finished Run. Default: keep
        the result in memory.""",
    "client": _CLIENT,
    "progress": _PROGRESS,
}
_SHARED_WRITES = {
    "into": "Archive that also keeps X's answer. Default: none.",
    "client": f"{_CLIENT} It must be created with `writes=True`.",
    "dry_run": "Return the Request and send nothing.",
    "progress": _PROGRESS,
}
_RAISES = {
    "ArgumentError": "Before any request, for arguments that X would refuse.",
    "Interrupted": "The collection stopped early. It carries what was collected and how to resume.",
    "ApiError": "X refused the request or could not be reached; `xf.errors` lists the kinds.",
    "Forbidden": "The credentials, their scopes or the access tier do not allow it.",
    "NotFound": "X has no such object.",
    "OutcomeUnknown": "X did not answer, so the write may have happened. It is not sent again.",
}


def document(*names: str) -> Callable[[F], F]:
    """Complete the docstring of a function that carries out these actions.

    Entries under `Parameters` get the bounds of their declaration. Entries without text, also under
    `Raises`, get the text that all functions share. A section with the `facts` of the actions is
    added.
    """
    actions = [registry.action(name) for name in names]

    def complete(function: F) -> F:
        if function.__doc__:  # None under `python -OO`
            function.__doc__ = _completed(function.__doc__, actions)
        return function

    return complete


def facts(action: Action) -> list[str]:
    """Return the limits, price, credentials and source of an action, one sentence each."""
    parts = [
        *_sizes(action),
        rate_limits(action),
        *([action.caps] if action.caps else []),
        _price(action),
        _access(action),
    ]
    parts += action.access_notes
    sentences = [f"{text[0].upper()}{text[1:]}." for text in parts]
    return [*sentences, f"{action.endpoint}, {DOCS}{action.docs}"]


def bounds(action: Action, param: Param) -> list[str]:
    """Return the values that an argument may have, one sentence for each rule."""
    rules = [_form(param), _range(param), _choices(param), *_relations(action, param.name)]
    if param.default is not None:
        rules.append(f"default: {_quoted(param.default)}")
    if param == action.repeats:
        rules.append("a list: one run for each, at the pace of one client")
    return [f"{text[0].upper()}{text[1:]}." for text in rules if text]


# facts of an action ------------------------------------------------------------------------------


def _sizes(action: Action) -> Iterator[str]:
    rows = (action.rows or "").replace("_", " ")
    if action.paged is not None:
        least, most = action.paged
        yield f"{least:,} to {most:,} {rows} per request"
    for field, fewer in action.paged_with:
        yield f"at most {fewer:,} {rows} per request with {field}, which is requested by default"
    for param in action.params:
        if param.splits:
            yield f"at most {param.max:,} {param.name} per request; longer lists are split"
    if action.span_days is not None:
        yield f"at most {counted(action.span_days, 'day')} per request; longer times are split"


def rate_limits(action: Action) -> str:
    """Return the documented rate limits of an action, for a person to read."""
    pools = {"app": action.app, "user": action.user}
    if not any(pools.values()):
        return "X documents no rate limit"
    if action.app == action.user:
        return f"{_windows(action.app)} (app and user)"
    return "; ".join(f"{_windows(windows)} ({pool})" for pool, windows in pools.items() if windows)


def _windows(windows: Sequence[Window]) -> str:
    return _listed(
        [f"{counted(w.requests, 'request')} per {_PERIODS[w.seconds]}" for w in windows], "and"
    )


def _price(action: Action) -> str:
    card = f"{action.price} on {CARD}, which can change"
    if action.price in PER_RESOURCE:
        rate = f"{dollars(PER_RESOURCE[action.price])} per {_words(action.price)} ({card})"
        if action.owned:
            rate += f"; {dollars(OWNED)} if the id is yours and you own the app"
        if action.maybe_free:
            rate += "; another source of X says that it is free"
        return rate
    if action.price in PER_REQUEST:
        return f"{dollars(PER_REQUEST[action.price])} per request ({card})"
    return f"not on {CARD}"


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _access(action: Action) -> str:
    kinds = [_CREDENTIALS[kind] for kind in action.auth]
    scopes = (
        f" with {_listed(action.scopes, 'and')}"
        if "oauth2" in action.auth and action.scopes
        else ""
    )
    return f"credentials: {_listed(kinds, 'or')}{scopes}"


# bounds of a parameter ---------------------------------------------------------------------------

_FORMS = {
    "time": "a date, an aware datetime or ISO 8601 text, in whole seconds; dates are UTC",
    "seconds": "a number or a timedelta",
    "username": "with or without @",
    "usernames": "with or without @",
    "keys": "in any iterable, e.g. a column",
}


def _form(param: Param) -> str:
    if param.kind in {"id", "ids"}:
        form = "text or a whole number" if takes_numbers(param) else "text"
        if param.names == "users":
            form += ", or a `@handle`, which the archive knows or one request looks up"
        return f"{form}, in any iterable, e.g. a column" if param.many else form
    return _FORMS.get(param.kind, "")


def takes_numbers(param: Param) -> bool:
    """Whether an id may be a whole number: ids of Spaces and media may not."""
    return param.pattern is None or re.fullmatch(param.pattern, "1" * 19) is not None


def _range(param: Param) -> str:
    if param.kind == "time":
        return _earliest(param.earliest)
    if param.splits:
        return f"lists of more than {param.max:,} are split into several requests"
    unit = {"int": "", "seconds": "", "str": " characters", "query": " characters"}.get(
        param.kind, " items"
    )
    item = re.search(r"\{(\d+),(\d+)\}$", param.pattern or "") if param.kind == "texts" else None
    each = f" of {item[1]} to {item[2]} characters" if item else ""
    least = None if unit and param.min == 0 else param.min
    if param.max is None:
        return f"at least {least:,}" if least is not None and not unit else ""
    if least is None or (unit and least == 1):
        return f"at most {param.max:,}{unit}{each}"
    return f"{least:,} to {param.max:,}{unit}{each}"


def _earliest(earliest: str | None) -> str:
    relative = re.fullmatch(r"-(\d+)d", earliest or "")
    if relative:
        return f"not before {counted(int(relative[1]), 'day')} ago"
    return f"not before {earliest[:10]}" if earliest else ""


def _choices(param: Param) -> str:
    if not param.choices:
        return ""
    quoted = [_quoted(choice) for choice in param.choices]
    return f"one or more of {_listed(quoted, 'and')}" if param.many else _listed(quoted, "or")


def _relations(action: Action, name: str) -> Iterator[str]:
    """Yield the rules about other arguments, one sentence each."""
    for group in action.exclusive:
        if name in group:
            yield f"cannot be combined with {_listed([n for n in group if n != name], 'or')}"
    for group in action.needed:
        if name in group and len(group) > 1:
            others = _listed([n for n in group if n != name], "or")
            yield f"required unless {others} is passed"
    if needs := [other for first, other in action.together if first == name]:
        yield f"only with {_listed(needs, 'and')}"


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _listed(names: Sequence[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


# docstrings --------------------------------------------------------------------------------------


def _completed(docstring: str, actions: Sequence[Action]) -> str:
    shared = _SHARED_WRITES if any(a.kind == "write" for a in actions) else _SHARED
    parts = []
    for title, lines in _sections(inspect.cleandoc(docstring)):
        whole: Sequence[str] = lines
        if title == "Parameters":
            whole = _filled(
                lines, lambda name, text: _meaning(name, text or shared.get(name, ""), actions)
            )
        elif title == "Raises":
            whole = _filled(lines, lambda name, text: text or _RAISES[name])
        parts.append(_section(title, whole) if title else "\n".join(whole).strip())
    for action in actions:
        title = TITLE if len(actions) == 1 else f"{TITLE} of {action.name}"
        parts.append(_section(title, [part for line in facts(action) for part in _wrapped(line)]))
    return "\n\n".join(parts)


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, "-" * len(title), *lines]).strip()


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the title and lines of each section of a docstring. The first title is empty."""
    title, lines, section = "", text.splitlines(), list[str]()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if below and set(below) == {"-"}:
            yield title, section
            title, section = line, []
        elif not (line and set(line) == {"-"}):
            section.append(line)
    yield title, section


def _filled(lines: Sequence[str], meaning: Callable[[str, str], str]) -> list[str]:
    """Return the entries of a section (a name, then indented text) with the text of `meaning`."""
    entries: dict[str, str] = {}
    for line in filter(None, lines):
        if line.startswith(" "):
            name = next(reversed(entries))
            entries[name] = f"{entries[name]} {line.strip()}".strip()
        else:
            entries[line] = ""
    return [
        part
        for name, text in entries.items()
        for part in (name, *_wrapped(meaning(name, text), "    "))
    ]


def _meaning(name: str, text: str, actions: Sequence[Action]) -> str:
    """Return the text of a parameter's entry, with the facts of its declaration."""
    for action in actions:
        param = next((p for p in action.params if p.name == name), None)
        if param is not None:
            return " ".join([text or param.doc, *bounds(action, param)])
    if name == "max_results" and actions and actions[0].paged is not None:
        least, most = actions[0].paged
        return f"{text} {least:,} to {most:,}."
    if name == "limit" and actions:
        return f"{text} {_about_limit(actions[0])}".strip()
    return text


def _about_limit(action: Action) -> str:
    if action.paged is None:
        return "" if action.streaming else "Collecting stops after the page that reaches it."
    least = action.paged[0]
    return (
        f"X's smallest page has {least} rows, so a lower limit still returns and costs {least}."
        if least > 1
        else ""
    )


def _wrapped(text: str, indent: str = "") -> list[str]:
    text = " ".join(text.split())
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
