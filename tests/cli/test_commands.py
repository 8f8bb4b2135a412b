"""The shell as a whole: every command has help and stands in the README; reference; how it starts, is piped and ends."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import xframes as xf
from xframes.cli import main
from xframes.registry import ACTIONS

from .running import run, shell

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def commands(group=main, before=()):
    for name, command in group.commands.items():
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


COMMANDS = dict(commands())


# every command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_an_example_and_a_place_in_the_readme(words):
    shown = run(*words, "--help")

    assert shown.exit_code == 0
    command = COMMANDS[words]
    assert command.get_short_help_str(60), "one line for the list of commands"
    assert not command.get_short_help_str(60).endswith("...")
    assert f"xframes {' '.join(words)}" in README, "the README's table of commands names it"
    if not isinstance(command, click.Group):
        assert re.search(rf"Example:\s+xframes {' '.join(words)}", shown.output)


@pytest.mark.parametrize("words", [w for w in COMMANDS if w[0] == "write" and len(w) == 2], ids=" ".join)
def test_the_example_of_a_write_is_a_request(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    example = re.search(r"Example:\s+xframes (.*) --yes", run(*words, "--help").output)[1]
    shown = run(*shlex.split(example), "--dry-run")
    assert shown.exit_code == 0, shown.output


@pytest.mark.parametrize("name", [n for n, a in ACTIONS.items() if a.kind == "read" and not a.streaming])
def test_every_read_action_is_a_command_with_its_parameters(name):
    area, _, rest = name.partition(".")
    command = COMMANDS[area, rest.replace("_", "-")]

    assert {p.name for p in ACTIONS[name].params} <= {p.name for p in command.params}


def test_names_may_be_written_with_underscores():
    assert run("users", "by_username", "--help").exit_code == 0


def test_no_command_takes_a_secret():
    names = {option for command in COMMANDS.values() for p in command.params for option in p.opts}
    assert not [n for n in names - {"media_key", "media_keys"} if re.search("token|secret|key|password", n)]


# reference -----------------------------------------------------------------------------------------------------------


def test_schema_lists_tables_columns_and_the_whole_dictionary():
    tables = run("schema", "--format", "table").stdout
    assert all(re.search(rf"^{name} ", tables, re.MULTILINE) for name in xf.schema.TABLES)
    columns = run("schema", "users", "--format", "csv").stdout
    assert columns.splitlines()[1].startswith("id,string,true,")
    assert len(run("schema").stdout.splitlines()) > 500


def test_actions_lists_them():
    rows = json.loads(run("actions", "--format", "json", "--kind", "read").stdout)
    assert "xf.search.recent" in {row["function"] for row in rows}
    assert {row["kind"] for row in rows} == {"read"}


# real processes ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_head_may_stop_reading(archive):
    query = "select p.*, i from posts p, range(500) r(i)"
    words = shlex.join([sys.executable, "-m", "xframes.cli", "sql", query, "--archive", str(archive)])
    shown = subprocess.run(["bash", "-c", f"{words} | head -1; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True,
                           check=False, timeout=300)

    assert shown.stdout.startswith("id,text")
    assert shown.stderr == ""
    assert shown.returncode == 0


def is_read(archive):
    """Whether a process reads an archive now."""
    fcntl = pytest.importorskip("fcntl")
    with (archive / ".locks" / "readers.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_question_without_end_ends_by_ctrl_c(archive):
    words = [sys.executable, "-m", "xframes.cli", "sql", "select count(*) from range(1000000000000) r(i), posts where i % 7 = 3",
             "--archive", str(archive)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not is_read(archive) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)  # from the lock to the query
        process.send_signal(signal.SIGINT)
        try:
            shown = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGINT
    assert shown == ("", "")


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["nonsense"], 2), (["sql"], 2)])
def test_exit_codes_of_a_process(words, code):
    assert shell(*words).returncode == code


@pytest.mark.slow
def test_the_sandbox_runs_until_it_is_told_to_stop():
    process = subprocess.Popen([sys.executable, "-m", "xframes.cli", "sandbox", "--posts", "50", "--users", "20"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        lines = [process.stdout.readline() for _ in range(5)]
        exports = dict(line.split()[1].split("=", 1) for line in lines if line.startswith("export "))
        shown = shell("counts", "recent", "coffee", env=os.environ | exports)
        person = shell("users", "me", env=os.environ | exports)
        words = ("streams", "sample", "--limit", 3, "--duration", 10, "--table", "matches")
        heard = [shell(*words, env=os.environ | exports).stdout.splitlines() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert shown.returncode == 0, shown.stderr
    assert person.returncode == 0, person.stderr
    assert [len(lines) for lines in heard] == [1 + 3, 1 + 3], "posts are kept for whoever listens later"
    assert process.returncode == 0
    assert errors == ""


def imported(*words):
    """Modules a command has imported when it ends."""
    code = ("import sys\nfrom xframes.cli import main\ntry:\n    main()\nfinally:\n"
            "    print('\\n'.join(sys.modules), file=sys.stderr)")
    shown = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False)
    return set(shown.stderr.split())


@pytest.mark.parametrize("words", [("--help",), ("search", "recent", "--help"), ("import", "--help")])
def test_help_waits_for_no_heavy_library(words):
    heavy = {"pandas", "numpy", "pyarrow", "duckdb", "matplotlib", "requests", "werkzeug", "msgspec"}
    assert not heavy & imported(*words)
