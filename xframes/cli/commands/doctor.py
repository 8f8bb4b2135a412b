"""`xframes doctor`: check the installation, credentials, access and an archive.

It says where credentials were found and never shows them.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from xframes import errors
from xframes.cli import output, servers
from xframes.cli.common import ArchivePath
from xframes.screen import counted
from xframes.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.client import Client
    from xframes.planning.live_check import CallResult, LiveReport
    from xframes.schema import Vocabulary

OK, WARN, WRONG = "ok", "warn", "wrong"
_LIBRARIES = ("pandas", "pyarrow", "duckdb", "msgspec", "numpy", "matplotlib", "requests", "click")
_OPTIONAL = ("polars", "networkx", "IPython")
_CAPS = {3_000_000: "pay-per-use"}  # from X's price page; X's answers do not name the tier
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_NEARLY = 0.9  # of the cap
_WHERE = (
    "set XFRAMES_BEARER_TOKEN to the app's bearer token from X's developer console, "
    "or run: xframes login"
)


class Check(NamedTuple):
    """The result of one check: its part, state, finding and advice."""

    part: str
    state: str
    found: str
    advice: str = ""


@click.command("doctor", short_help="Check the installation, credentials and access.")
@click.option(
    "--archive", "folder", type=ArchivePath(path_type=Path, file_okay=False), metavar="DIR",
    help="Check this archive too.",
)
@click.option("--offline", is_flag=True, help="Send no request to X.")
@click.option(
    "--me", is_flag=True,
    help="Also request your own profile with a user's token. X bills one user.",
)
@click.option(
    "--live", is_flag=True,
    help="Also send a few of the cheapest calls and write a report of what X answers.",
)
@click.option(
    "--budget", "usd", type=click.FloatRange(min=0), default=0.25, show_default=True,
    metavar="USD", help="Dollars that --live may cost.",
)
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="File for the report of --live. Default: xframes-live-TIME.json in this folder.",
)
@click.option("--save", is_flag=True, help="Save the settings that --live finds, without asking.")
@servers.options
@output.options
@click.pass_context
def doctor(
    ctx: click.Context, *, folder: Path | None, offline: bool, me: bool, live: bool, usd: float,
    report: Path | None, save: bool, base_url: str | None, words: Vocabulary | None,
    format_: str | None, into: Path | None,
) -> None:
    """Check versions, credentials, access to X and the health of an archive.

    Credentials are never shown, only where they were found. The request to X, for the project's
    usage, is free. Every line that is not ok says what to do. The exit code is 1 if something is
    wrong.

    With --live, a few calls within --budget show which words X takes and sends, what it bills, and
    fields and errors that xframes does not know. The report has no credentials and no data of
    people, so it can be attached to a bug report.

    \b
    Example:
      xframes doctor --archive my-archive
    """
    if live and offline:
        raise click.UsageError("--live and --offline exclude each other")
    on_screen = format_ is None and into is None
    checks = []
    wanted = _Live(usd, report, save=save) if live else None
    for check in _all(folder, base_url, words, offline=offline, me=me, live=wanted):
        safe = Check(*(_safe(text) for text in check))
        checks.append(safe)
        if on_screen:
            _say(safe)
    if not on_screen:
        import pyarrow as pa

        rows = pa.Table.from_pylist([check._asdict() for check in checks])
        output.write(rows, format_, into, most=len(checks))
    wrong = sum(check.state == WRONG for check in checks)
    output.say(_summary(checks), err=True)
    ctx.exit(min(wrong, 1))


def _summary(checks: list[Check]) -> str:
    wrong = sum(check.state == WRONG for check in checks)
    warnings = sum(check.state == WARN for check in checks)
    summary = f"{wrong or 'nothing'} wrong"
    if warnings:
        summary += f", {counted(warnings, 'warning')}"
    return summary


class _Live(NamedTuple):
    """The options of the live check."""

    usd: float
    report: Path | None
    save: bool


def _all(
    folder: Path | None, base_url: str | None, words: Vocabulary | None, *, offline: bool,
    me: bool, live: _Live | None,
) -> Iterator[Check]:
    versions = list(_versions())
    yield from versions
    if any(check.state == WRONG for check in versions):
        return  # the other checks need these libraries
    yield from _files()
    yield _fonts()
    yield _formats()
    usable = True
    for check in _credentials(offline=offline):
        usable = usable and check.state != WRONG
        yield check
    for check in (*_server(base_url), *_words(words)):
        usable = usable and check.state != WRONG
        yield check
    if usable and not offline:
        yield from _access(base_url, words, me=me)
        if live is not None:
            yield from _live(base_url, words, live)
    if folder is not None:
        from xframes.archive.upkeep.health import signs

        yield from (Check(*sign) for sign in signs(folder))


def _say(check: Check) -> None:
    colour = {OK: "green", WARN: "yellow", WRONG: "red"}[check.state]
    output.say(f"{check.part:<12} {check.found}", head=click.style(f"{check.state:<6}", fg=colour))
    if check.advice:
        output.say(f"{'':18} → {check.advice}")


def _safe(text: str) -> str:
    """Replace secrets, and the home folder by `~`, so that a text can be shown to others.

    A path in quotes is left unchanged, because shells do not expand `~` there.
    """
    try:
        from xframes.auth import redact
    except ImportError:  # a library is missing: no credential has been read
        return text
    home = str(Path.home())
    text = redact(text)
    if len(home) <= 1:
        return text
    return re.sub(rf"(?<!'){re.escape(home)}(?=/|$)", "~", text)


# this machine ------------------------------------------------------------------------------------


def _formats() -> Check:
    from xframes.reader.formats import formats
    from xframes.reader.formats.listing import tools

    read = sum(each.is_read for each in formats())
    found = f"{counted(read, 'format')} of {counted(len(tools()), 'tool')} can be imported"
    return Check("formats of files", OK, f"{found} (`xframes formats` lists them)")


def _versions() -> Iterator[Check]:
    machine = f"{platform.system()} {platform.machine()}"
    yield Check("xframes", OK, f"{VERSION}, Python {platform.python_version()} on {machine}")
    required, missing = _imported(_LIBRARIES)
    optional, _ = _imported(_OPTIONAL)
    yield Check("libraries", OK, ", ".join([*required, *optional]))
    for name, reason in missing:
        problem = f"{name} cannot be imported: {reason}"
        yield Check("libraries", WRONG, problem, f"pip install --force-reinstall {name}")


def _imported(names: tuple[str, ...]) -> tuple[list[str], list[tuple[str, str]]]:
    """Import libraries. Returns those that work, with their versions, and the others' errors."""
    from importlib.metadata import PackageNotFoundError, version

    working, missing = [], []
    for name in names:
        try:
            importlib.import_module(name)
            working.append(f"{name} {version(name)}")
        except (ImportError, PackageNotFoundError) as error:
            missing.append((name, str(error)))
    return working, missing


def _files() -> Iterator[Check]:
    """Check the config file and the file of stored tokens: both are optional and private."""
    from xframes.auth.finding import permission, unknown_settings
    from xframes.auth.tokens import LOGIN, load, tokens_path
    from xframes.settings import config_path, read_config

    def logins() -> object:
        return load(tokens_path(), LOGIN)

    files: tuple[tuple[str, Path, Callable[[], object]], ...] = (
        ("config file", config_path(), read_config), ("logins", tokens_path(), logins),
    )
    for part, path, read in files:
        mode = permission(path)
        if mode is None:
            yield Check(part, OK, f"{path} does not exist (optional)")
            continue
        unknown = []
        try:
            read()
            if part == "config file":
                unknown = unknown_settings()
        except errors.ConfigError as error:
            yield Check(part, WRONG, f"{error} (now {mode})", _file_advice(error, path))
            continue
        if unknown:
            problem = f"{path} ({mode}) has unknown settings: {', '.join(unknown)}"
            yield Check(part, WARN, problem, "correct their names; the README lists all settings")
        else:
            yield Check(part, OK, f"{path} ({mode})")


def _file_advice(error: errors.ConfigError, path: Path) -> str:
    if "chmod" in str(error):
        return f"chmod 600 {shlex.quote(str(path))}"
    return "correct it, or move it away"


def _fonts() -> Check:
    """Check whether plots can draw the scripts of posts."""
    from xframes.plot.canvas import glyphs

    lacking = glyphs.lacking()
    if not lacking:
        return Check("fonts", OK, "plots can draw all common scripts, and emoji")
    # ok: only plots of posts in these scripts need them
    missing = f"none for {', '.join(lacking)} (optional): plots draw boxes"
    return Check("fonts", OK, missing, f"for plots of such posts, {glyphs.FONTS}")


def _credentials(*, offline: bool) -> Iterator[Check]:
    from xframes.auth import KINDS, Credentials
    from xframes.auth.finding import found

    try:
        settings = [one for one in found() if one.setting not in {"base_url", "words"}]
        credentials = Credentials.find()
    except errors.ConfigError as error:
        advice = "correct it there, then run xframes doctor again"
        yield Check("credentials", WRONG, str(error), advice)
        return
    for one in settings:
        finding = f"{one.setting} in {one.where}"
        if one.unused:
            finding += f"; also in {' and '.join(one.unused)}, not used"
        yield Check("found", OK, finding)
    if credentials.lacks:
        yield Check("credentials", WARN, credentials.lacks, f"set all four: {KINDS['oauth1'][1]}")
    kinds = [KINDS[kind][0] for kind in credentials.held]
    if kinds:
        yield Check("credentials", OK, "; ".join(kinds))
    elif credentials.oauth1 is not None:
        finding = "an app's key and secret, which X exchanges for a bearer token"
        yield Check("credentials", OK, finding)
    else:
        advice = f"{_WHERE}; without credentials, try xframes demo or xframes sandbox"
        yield Check("credentials", WARN if offline else WRONG, "none", advice)


def _server(base_url: str | None) -> Iterator[Check]:
    from xframes.client import server_url
    from xframes.settings import BASE_URL, on_this_machine

    try:
        url = server_url(base_url)
    except errors.ConfigError as error:
        advice = f"correct --base-url, XFRAMES_BASE_URL or base_url; X's is {BASE_URL}"
        yield Check("server", WRONG, str(error), advice)
        return
    local = on_this_machine(url)
    finding = url
    if url != BASE_URL:
        finding += f" (by {_server_setting(base_url)})"
    proxies = [name for name in _PROXIES if os.environ.get(name)]
    if proxies and not local:
        finding += f", through the proxy in {proxies[0]}"
    if urlsplit(url).scheme == "http" and not local:
        problem = f"{finding}: credentials are sent there unencrypted"
        yield Check("server", WARN, problem, "use https")
    else:
        yield Check("server", OK, finding)


def _server_setting(base_url: str | None) -> str:
    """Name the setting that holds the server's address."""
    from xframes.settings import from_environment

    if base_url:
        return "--base-url"
    if from_environment("XFRAMES_BASE_URL"):
        return "XFRAMES_BASE_URL"
    return "the config file"


def _words(given: Vocabulary | None) -> Iterator[Check]:
    from xframes.client import vocabulary
    from xframes.settings import WORDS

    try:
        yield Check("words", OK, f"requests use X's {vocabulary(given)} words")
    except errors.ConfigError as error:
        advice = f"set --words, {WORDS.variable} or words to {WORDS.expected}"
        yield Check("words", WRONG, str(error), advice)


# X -----------------------------------------------------------------------------------------------


def _access(base_url: str | None, words: Vocabulary | None, *, me: bool) -> Iterator[Check]:
    """Request the project's usage, which is free, and with `me` the user's own profile."""
    from xframes.client import Client, Retries

    retries = Retries(attempts=2, wait=5)
    client = Client.from_env(base_url=base_url, words=words, retries=retries, timeout=(5, 20))
    with client:
        kinds = set(client.kinds)
        is_user = bool(kinds & {"oauth1", "oauth2"})
        # without a token, X exchanges the app's key and secret for one
        if not kinds or kinds & {"app", "oauth1"}:
            yield _requested(client, "usage.posts")
        else:
            advice = "xframes doctor --me checks the user's token (X bills one user)"
            finding = "not checked: the free request needs an app's token"
            yield Check("access", OK, finding, "" if me else advice)
        if me and is_user:
            yield _requested(client, "users.me")
        elif me:
            yield Check("person", WARN, "no user's token", "xframes login")


def _requested(client: Client, action: str) -> Check:
    """Send the request of an action and report the result."""
    from xframes.collect import call

    part = "access" if action == "usage.posts" else "person"
    try:
        frames = call(action, client=client)
    except errors.XframesError as error:
        state = WARN if isinstance(error, errors.RateLimited) else WRONG
        return Check(part, state, str(error), _advice(error))
    quota = _quota(client, action)
    if action == "users.me":
        return _profile(frames["users"]["username"].to_pylist(), quota)
    rows = frames["usage"].to_pylist()
    if not rows:
        return _empty(part)
    return _used(rows[0], quota)


def _advice(error: errors.XframesError) -> str:
    """Say what to do about an error of X."""
    if isinstance(error, errors.Unauthorized | errors.Forbidden):
        return "copy the token again from X's developer console, from an app in a project"
    if isinstance(error, errors.RateLimited):
        return "wait until then; the credentials are valid"
    if isinstance(error, errors.UsageCapped) and error.status == 402:
        return "buy credits at https://console.x.com; the credentials are valid"
    if isinstance(error, errors.UsageCapped):
        return "wait until the cap is reset, or raise it in X's developer console"
    return "check the network and the address of the server; --offline sends no request"


def _profile(usernames: list[str], quota: str) -> Check:
    if not usernames:
        return _empty("person")
    return Check("person", OK, f"logged in as @{usernames[0]}{quota}")


def _empty(part: str) -> Check:
    advice = "try again; xframes usage posts prints the problems that X reports"
    return Check(part, WARN, "X's answer was empty", advice)


def _used(row: dict[str, Any], quota: str) -> Check:
    """Compare the number of posts read with the project's cap."""
    cap, used, day = row["project_cap"], row["project_usage"] or 0, row["cap_reset_day"]
    if not cap:
        return Check("access", OK, f"accepted{quota}")
    tier = ""
    if cap in _CAPS:
        tier = f" ({_CAPS[cap]})"
    finding = (
        f"accepted; the project may read {counted(cap, 'post')} a month{tier} and has read "
        f"{used:,}; the count is reset on day {day}{quota}"
    )
    if used >= cap:
        advice = "wait for that day, or raise the cap in X's developer console"
        return Check("access", WRONG, finding, advice)
    if used >= cap * _NEARLY:
        return Check("access", WARN, finding, "xframes usage posts shows the usage per day")
    return Check("access", OK, finding)


def _quota(client: Client, action: str) -> str:
    """Say how many requests of an action X still accepts."""
    limit = client.limits.get(action)
    if not limit:
        return ""
    most, left, reset = limit
    return f"; {left:,} of {most:,} such requests left until {reset:%H:%M} UTC"


# a live check --------------------------------------------------------------------------------


def _live(base_url: str | None, words: Vocabulary | None, options: _Live) -> Iterator[Check]:
    """Send a few cheap calls, report each, write the report, and offer what it decides."""
    from xframes.planning.live_check import LiveCheck

    check = LiveCheck(base_url, words, options.usd)
    for call in check.run():
        yield _of_call(call)
    report = check.report
    yield from _findings(report)
    path = options.report
    if path is None:
        path = Path(f"xframes-live-{check.client.now():%Y%m%d-%H%M%S}.json")
    try:
        path.write_text(report.to_json() + "\n", encoding="utf-8")
    except OSError as error:
        yield Check("report", WRONG, f"{path}: {error.strerror}", "choose another --report")
    else:
        yield Check("report", OK, f"{path}, without credentials and data of people")
    for name, value in report.settings.items():
        yield _offered(name, value, save=options.save)


def _of_call(call: CallResult) -> Check:
    """Describe one call of the live check."""
    from xframes.billing.sums import money

    finding = f"{call.action} ({call.purpose}): {call.outcome}"
    if call.status is not None:
        finding += f", HTTP {call.status}"
    if call.kind:
        finding += f" {call.kind}"
    if call.price_high:
        finding += f", {money(call.price_low, call.price_high)}"
    unknown = [*call.unknown_fields, *call.unknown_problems]
    if unknown:
        known = f"{finding}; unknown: {', '.join(unknown)}"
        return Check("live", WARN, known, "attach the report to a bug report of xframes")
    if call.outcome == "not sent":
        return Check("live", WARN, finding, "a larger --budget allows it")
    if call.outcome == "failed" or call.status in {401, 402, 403}:
        return Check("live", WARN, finding, f"xframes can {call.action} shows what it needs")
    return Check("live", OK, finding)


def _findings(report: LiveReport) -> Iterator[Check]:
    """Say what follows from the calls."""
    from xframes.billing.sums import money

    accepted = " and ".join(report.words_accepted) or "none of the"
    received = " and ".join(report.words_received) or "no particular"
    finding = f"X accepts {accepted} words and answers in {received} words"
    yield Check("words", OK if report.words_accepted else WARN, finding)
    readings = {
        "low": "expanded objects were not billed", "high": "expanded objects were billed",
        "unknown": "the balance does not show whether expanded objects were billed",
    }
    low, high = report.price
    change = "the balance is not known"
    if report.balance_change is not None:
        change = f"the balance fell by {money(report.balance_change, report.balance_change)}"
    finding = f"{money(low, high)} by the price card; {change}; {readings[report.price_reading]}"
    yield Check("price", OK, finding)


def _offered(name: str, value: str, *, save: bool) -> Check:
    """Offer to save a setting: on a terminal by a question, elsewhere by its line."""
    from xframes.settings import config_path, save_setting

    finding = f'{name} = "{value}" fits what X answered'
    if not save and sys.stdin.isatty():
        save = click.confirm(f"Save {name} = {value!r} in {config_path()}?", err=True)
    if not save:
        advice = f'xframes doctor --live --save, or add it to {config_path()} below [default]'
        return Check("setting", WARN, finding, advice)
    try:
        path = save_setting(name, value)
    except errors.ConfigError as error:
        return Check("setting", WRONG, str(error), "correct the config file")
    return Check("setting", OK, f"{finding}; saved in {path}")


COMMANDS = (doctor,)
