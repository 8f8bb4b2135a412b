"""Help that can be followed: each example is one the program takes. And the Tab key, in the shells themselves."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from glob import glob
from itertools import chain
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import xframes as xf
from xframes.cli import main
from xframes.registry import ACTIONS
from xframes.registry.documentation import TITLE, facts


def commands(group=main, before=()):
    for name, command in group.commands.items():
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


LEAVES = {words: command for words, command in commands() if not isinstance(command, click.Group)}


def examples(command):
    """The lines after `Example:` in a command's help, whole."""
    block = re.search(r"Examples?:\n((?: +\S.*\n?)+)", command.help or "")
    return [line.strip() for line in block[1].splitlines()] if block else []


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The files examples speak of."""
    monkeypatch.chdir(tmp_path)
    for name in ("cat.png", "ids.txt", "pages/one.jsonl"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    for name in ("my-archive", "from-the-other-machine", "other-archive"):
        Path(name).mkdir()


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_example_is_taken(words, place):
    lines = examples(LEAVES[words])
    assert lines, "no example"
    assert any(line.startswith(f"xframes {' '.join(words)}") for line in lines)
    for line in lines:
        for part in re.split(r" \| | > ", line):
            program, *given = shlex.split(part, comments=True)
            given = list(chain.from_iterable(sorted(glob(word)) or [word] for word in given))
            if program == "xframes":
                parse(given)


def test_examples_name_things_as_x_names_them(place):
    seen = 0
    for words, command in LEAVES.items():
        action = ACTIONS.get(".".join(words).replace("-", "_"))
        for param in action.params if action else ():
            given = parse(shlex.split(examples(command)[0])[1:]).params.get(param.name)
            values = given if isinstance(given, tuple | list) else [given] if given is not None else []
            if param.pattern:
                seen += len(values)
                assert [v for v in values if not re.fullmatch(param.pattern, str(v))] == [], words
    assert seen > 20


def parse(given):
    """Parse a command line down to its command; click refuses what is wrong in it."""
    command, name, parent = main, "xframes", None
    while True:
        context = command.make_context(name, list(given), parent=parent)
        if not isinstance(command, click.Group):
            return context
        name, command, given = command.resolve_command(context, [*context._protected_args, *context.args])
        parent = context


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_option_has_a_help_text(words):
    options = [param for param in LEAVES[words].params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_wrong_examples_would_be_found(place):
    for line in (["search", "recent"], ["sql", "select 1", "--archive", "not-there"], ["nonsense"],
                 ["users", "get", "1", "--nonsense"]):
        with pytest.raises(click.UsageError):
            parse(line)


@pytest.mark.parametrize("words", [w for w in LEAVES if ".".join(w).replace("-", "_") in ACTIONS], ids=" ".join)
def test_commands_show_what_their_declarations_hold(words):
    shown = " ".join(CliRunner().invoke(main, [*words, "--help"]).output.split())
    action = ACTIONS[".".join(words).replace("-", "_")]
    assert f"{TITLE}: {' '.join(facts(action))}" in shown
    assert [p.name for p in action.params if not p.required and p.doc and p.doc not in shown] == []


@pytest.mark.parametrize("area", [n for n, c in main.commands.items() if isinstance(c, click.Group)])
def test_groups_say_what_is_in_them(area):
    shown = CliRunner().invoke(main, [area, "--help"]).output
    assert all(name in shown for name in main.commands[area].commands)


# the Tab key ------------------------------------------------------------------------------------------------------


def completed(line, monkeypatch):
    """What click offers for a line whose last word is unfinished."""
    from click.shell_completion import ShellComplete

    *before, last = shlex.split(line + "x")
    return [item.value for item in ShellComplete(main, {}, "xframes", "_X").get_completions(before[1:], last[:-1])]


@pytest.mark.parametrize(("line", "offered"), [
    ("xframes do", ["doctor"]),
    ("xframes search re", ["recent"]),
    ("xframes write like", ["like"]),
    ("xframes schema post_h", ["post_hashtags"]),
    ("xframes search recent tea --table user_m", ["user_metrics", "user_mentions"]),
    ("xframes export x --table media_v", ["media_variants"]),
    ("xframes sql q --arch", ["--archive"]),
    ("xframes completion ", ["bash", "zsh", "fish"]),
])
def test_what_is_offered(line, offered, monkeypatch):
    assert set(completed(line, monkeypatch)) == set(offered)


def test_every_action_is_offered(monkeypatch):
    for area in {name.partition(".")[0] for name in ACTIONS}:
        names = {n.partition(".")[2].replace("_", "-") for n, a in ACTIONS.items()
                 if n.startswith(f"{area}.") and a.step_of is None}
        assert names <= set(completed(f"xframes {area} ", monkeypatch)), area


def test_every_option_of_an_archive_offers_folders():
    from click.shell_completion import CompletionItem

    for words, command in LEAVES.items():
        for param in command.params:
            if "--archive" in param.opts:
                context = click.Context(command)
                assert [i.type for i in param.shell_complete(context, "my") if isinstance(i, CompletionItem)] == ["dir"], words


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_clicks_own(shell):
    shown = CliRunner().invoke(main, ["completion", shell])
    assert shown.exit_code == 0
    assert f"_XFRAMES_COMPLETE={shell}_complete" in shown.output
    assert CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
def test_bash_itself_completes(tmp_path):
    program = tmp_path / "xframes"
    program.write_text(f"#!{sys.executable}\nfrom xframes.cli import main\nmain()\n")
    program.chmod(0o755)
    asked = ('eval "$(xframes completion bash)"; COMP_WORDS=(xframes schema post_h); COMP_CWORD=2; _xframes_completion xframes; '
             'echo "${COMPREPLY[@]}"')
    shown = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False, timeout=300,
                           env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert shown.stdout.strip() == "post_hashtags", shown.stderr
    assert "post_hashtags" in xf.schema.TABLES
