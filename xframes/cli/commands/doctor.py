"""`xframes doctor`: what is there, what is wrong, and what to do about it; secrets are named, never shown."""

from __future__ import annotations

import importlib
import os
import platform
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from xframes import errors
from xframes.cli import output, servers
from xframes.cli.common import ArchivePath
from xframes.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xframes.client import Client
    from xframes.schema import Vocabulary

OK, WARN, WRONG = "ok", "warn", "wrong"
_LIBRARIES = ("pandas", "pyarrow", "duckdb", "msgspec", "numpy", "matplotlib", "requests", "click")
_OPTIONAL = ("polars", "networkx", "IPython")
_CAPS = {3_000_000: "pay-per-use"}  # by what X's price page says; it names no tier in its answers
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_NEARLY = 0.9  # of the cap
_WHERE = "set XFRAMES_BEARER_TOKEN to the app's bearer token from X's developer console, or run: xframes login"


class Check(NamedTuple):
    """One thing looked at."""

    part: str
    state: str
    found: str
    advice: str = ""


@click.command("doctor", short_help="What is there, what is wrong, what to do.")
@click.option("--archive", "folder", type=ArchivePath(path_type=Path, file_okay=False), metavar="DIR",
              help="Look this archive over, too.")
@click.option("--offline", is_flag=True, help="Ask X nothing.")
@click.option("--me", is_flag=True, help="Also ask X who you are, with a person's token; X bills that as one user.")
@servers.options
@output.options
@click.pass_context
def doctor(
    ctx: click.Context, *, folder: Path | None, offline: bool, me: bool, base_url: str | None, format_: str | None,
    into: Path | None, words: Vocabulary | None,
) -> None:
    """Versions, credentials (where they were found, never what they are), access to X, and an archive's health.

    The one call to X costs nothing: it asks for the project's usage. Exit code 1 when something is wrong; each line
    that is not ok says what to do.

    \b
    Example:
      xframes doctor --archive my-archive
    """
    checks = []
    for check in _all(folder, base_url, words, offline=offline, me=me):
        safe = Check(*(_safe(text) for text in check))
        checks.append(safe)
        if format_ is None and into is None:
            _say(safe)
    if format_ is not None or into is not None:
        import pyarrow as pa

        output.write(pa.Table.from_pylist([c._asdict() for c in checks]), format_, into, most=len(checks))
    wrong = sum(check.state == WRONG for check in checks)
    warned = sum(check.state == WARN for check in checks)
    output.say(f"{wrong or 'nothing'} wrong{f', {warned} to look at' if warned else ''}", err=True)
    ctx.exit(1 if wrong else 0)


def _all(
    folder: Path | None, base_url: str | None, words: Vocabulary | None, *, offline: bool, me: bool
) -> Iterator[Check]:
    versions = list(_versions())
    yield from versions
    if any(check.state == WRONG for check in versions):
        return  # the other checks need these libraries
    yield from _files()
    usable = True
    for check in _credentials(offline=offline):
        usable = usable and check.state != WRONG
        yield check
    for check in (*_server(base_url), *_words(words)):
        usable = usable and check.state != WRONG
        yield check
    if usable and not offline:
        yield from _access(base_url, words, me=me)
    if folder is not None:
        from xframes.archive.upkeep.health import signs

        yield from (Check(*sign) for sign in signs(folder))


def _say(check: Check) -> None:
    colour = {OK: "green", WARN: "yellow", WRONG: "red"}[check.state]
    output.say(f"{check.part:<12} {check.found}", head=click.style(f"{check.state:<6}", fg=colour))
    if check.advice:
        output.say(f"{'':18} → {check.advice}")


def _safe(text: str) -> str:
    """A text without secrets, and with `~` for the home folder, so that it can be shown to others.

    Not after a quote: no shell would know such a `~` for what it is.
    """
    try:
        from xframes.auth import redact
    except ImportError:  # a library is missing: no credential has been read
        return text
    home = str(Path.home())
    if len(home) == 1:
        return redact(text)
    return re.sub(rf"(?<!'){re.escape(home)}(?=/|$)", "~", redact(text))


# here ----------------------------------------------------------------------------------------------------------------


def _versions() -> Iterator[Check]:
    yield Check("xframes", OK, f"{VERSION}, Python {platform.python_version()} on {platform.system()} "
                f"{platform.machine()}")
    there, missing = _imported(_LIBRARIES)
    more, _ = _imported(_OPTIONAL)
    yield Check("libraries", OK, ", ".join([*there, *more]))
    for name, why in missing:
        yield Check("libraries", WRONG, f"{name} cannot be imported: {why}", f"pip install --force-reinstall {name}")


def _imported(names: tuple[str, ...]) -> tuple[list[str], list[tuple[str, str]]]:
    from importlib.metadata import PackageNotFoundError, version

    there, missing = [], []
    for name in names:
        try:
            importlib.import_module(name)
            there.append(f"{name} {version(name)}")
        except (ImportError, PackageNotFoundError) as error:
            missing.append((name, str(error)))
    return there, missing


def _files() -> Iterator[Check]:
    """The config file and the file of stored tokens: there, private, understood."""
    from xframes.auth.finding import permission, unknown_settings
    from xframes.auth.tokens import LOGIN, load, tokens_path
    from xframes.settings import config_path, read_config

    def logins() -> object:
        return load(tokens_path(), LOGIN)

    looked: tuple[tuple[str, Path, Callable[[], object]], ...] = (
        ("config file", config_path(), read_config), ("logins", tokens_path(), logins),
    )
    for part, path, read in looked:
        mode = permission(path)
        if mode is None:
            yield Check(part, OK, f"{path} is not there, and need not be")
            continue
        try:
            read()
            unknown = unknown_settings() if part == "config file" else []
        except errors.ConfigError as error:
            private = f"chmod 600 {shlex.quote(str(path))}"
            advice = private if "chmod" in str(error) else "correct it, or move it away"
            yield Check(part, WRONG, f"{error} (now {mode})", advice)
            continue
        if unknown:
            yield Check(part, WARN, f"{path} ({mode}) has settings nobody reads: {', '.join(unknown)}",
                        "correct their names; the README lists those there are")
        else:
            yield Check(part, OK, f"{path} ({mode})")


def _credentials(*, offline: bool) -> Iterator[Check]:
    from xframes.auth import KINDS, Credentials
    from xframes.auth.finding import found

    try:
        places = [one for one in found() if one.setting not in {"base_url", "words"}]
        held = Credentials.find()
    except errors.ConfigError as error:
        yield Check("credentials", WRONG, str(error), "correct it where it stands, then run xframes doctor again")
        return
    for one in places:
        also = f"; also in {' and '.join(one.unused)}, not used" if one.unused else ""
        yield Check("found", OK, f"{one.setting} in {one.where}{also}")
    if held.lacks:
        yield Check("credentials", WARN, held.lacks, f"set all four: {KINDS['oauth1'][1]}")
    kinds = [KINDS[kind][0] for kind in held.held]
    if not kinds and held.oauth1 is None:
        yield Check("credentials", WARN if offline else WRONG, "none",
                    f"{_WHERE}; without a key, try xframes demo or xframes sandbox")
    else:
        yield Check("credentials", OK, "; ".join(kinds) or "an app's key and secret, for which X gives a bearer token")


def _server(base_url: str | None) -> Iterator[Check]:
    from xframes.client import server_url
    from xframes.settings import BASE_URL, from_environment, on_this_machine

    try:
        url = server_url(base_url)
    except errors.ConfigError as error:
        yield Check("server", WRONG, str(error), f"--base-url, XFRAMES_BASE_URL or base_url: {BASE_URL} is X's")
        return
    here = on_this_machine(url)
    proxy = "" if here else next((name for name in _PROXIES if os.environ.get(name)), "")
    by = "--base-url" if base_url else "XFRAMES_BASE_URL" if from_environment("XFRAMES_BASE_URL") else "the config file"
    said = f"{url}{'' if url == BASE_URL else f' (by {by})'}{f', through the proxy in {proxy}' if proxy else ''}"
    if urlsplit(url).scheme == "http" and not here:
        yield Check("server", WARN, f"{said}: credentials go there unencrypted", "use https")
    else:
        yield Check("server", OK, said)


def _words(given: Vocabulary | None) -> Iterator[Check]:
    from xframes.client import vocabulary
    from xframes.settings import WORDS

    try:
        yield Check("words", OK, f"requests use X's {vocabulary(given)} words")
    except errors.ConfigError as error:
        advice = f"set --words, {WORDS.variable} or words to {WORDS.expected}"
        yield Check("words", WRONG, str(error), advice)


# at X ----------------------------------------------------------------------------------------------------------------


def _access(base_url: str | None, words: Vocabulary | None, *, me: bool) -> Iterator[Check]:
    """Ask X for the project's usage, which it bills nothing for; with `me` also who is speaking."""
    from xframes.client import Client, Retries

    retries = Retries(attempts=2, wait=5)
    client = Client.from_env(base_url=base_url, words=words, retries=retries, timeout=(5, 20))
    with client:
        if not client.kinds or {"app", "oauth1"} & set(client.kinds):  # none: an app's key and secret get a token
            yield _asked(client, "usage.posts")
        else:
            yield Check("access", OK, "not asked: the call that costs nothing takes an app's token", "" if me else
                        "xframes doctor --me asks with the person's token (X bills one user)")
        if me and set(client.kinds) & {"oauth1", "oauth2"}:
            yield _asked(client, "users.me")
        elif me:
            yield Check("person", WARN, "there is no person's token to ask with", "xframes login")


def _asked(client: Client, action: str) -> Check:
    from xframes.collect import call

    part = "access" if action == "usage.posts" else "person"
    try:
        frames = call(action, client=client)
    except (errors.Unauthorized, errors.Forbidden) as error:
        return Check(part, WRONG, str(error), "copy the token anew from X's developer console, of an app in a project")
    except errors.RateLimited as error:
        return Check(part, WARN, str(error), "wait until then; the credentials are fine")
    except errors.UsageCapped as error:
        return Check(part, WRONG, str(error), "wait until the cap begins anew, or raise it in X's developer console")
    except errors.XframesError as error:
        return Check(part, WRONG, str(error), "is the network up, and is it the right server? --offline asks nothing")
    left = _left(client, action)
    if action == "users.me":
        names = frames["users"]["username"].to_pylist()
        return Check(part, OK, f"X knows this person as @{names[0]}{left}") if names else _empty(part)
    rows = frames["usage"].to_pylist()
    return _used(rows[0], left) if rows else _empty(part)


def _empty(part: str) -> Check:
    return Check(part, WARN, "X answered with nothing", "try again; xf.usage.posts() shows the problems it names")


def _used(row: dict[str, Any], left: str) -> Check:
    """What the project may read, and has read."""
    cap, used, day = row["project_cap"], row["project_usage"], row["cap_reset_day"]
    if not cap:
        return Check("access", OK, f"accepted{left}")
    tier = f" ({_CAPS[cap]})" if cap in _CAPS else ""
    said = (f"accepted; the project may read {cap:,} posts a month{tier} and has read {used or 0:,}; it begins anew on "
            f"day {day}{left}")
    if (used or 0) >= cap:
        return Check("access", WRONG, said, "wait for that day, or raise the cap in X's developer console")
    if (used or 0) >= cap * _NEARLY:
        return Check("access", WARN, said, "little is left: xframes usage posts shows what it went to")
    return Check("access", OK, said)


def _left(client: Client, action: str) -> str:
    told = client.limits.get(action)
    return f"; {told[1]:,} of {told[0]:,} such requests left until {told[2]:%H:%M} UTC" if told else ""


COMMANDS = (doctor,)
