"""What the documents promise is run: every Python example, every command line, every link."""

import re
import shlex
from importlib import import_module
from itertools import chain
from pathlib import Path

import click
import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

import xframes as xf
from xframes.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md"]
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
LINES = [line.removeprefix("$ ").split("#")[0].strip()
         for name in DOCUMENTS
         for block in re.findall(r"```console\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
         for line in block.splitlines()]
COMMANDS = [part.strip() for line in LINES for part in line.split("|") if part.strip().startswith("xframes ")]

mpl.use("Agg")


@pytest.fixture(scope="module")
def x():
    with xf.sandbox.start(seed=7) as running:
        yield running


@pytest.fixture
def session(x, monkeypatch, tmp_path):
    """What a reader has: a key, the checkout's data, a folder to work in."""
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "no-config.toml"))
    monkeypatch.setenv("XFRAMES_BASE_URL", x.url)
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", x.bearer_token)
    monkeypatch.setenv("XFRAMES_OAUTH2_ACCESS_TOKEN", x.user_token)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    xf.use(None)
    yield tmp_path
    xf.use(None)
    plt.close("all")


def test_a_picture_of_an_accounts_analytics_takes_five_lines(session):
    five = next(example for example in EXAMPLES if "xf.plot.analytics" in example)
    assert len(five.strip().splitlines()) == 5
    exec(compile(five, "five lines", "exec"), {"__name__": "__readme__"})
    assert (session / "analytics.png").stat().st_size > 10_000


def test_there_are_examples():
    assert len(EXAMPLES) >= 4
    assert len(COMMANDS) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(number, session):
    names = {"__name__": "__readme__"}
    exec(compile(EXAMPLES[number], f"README example {number}", "exec"), names)

    if "frames" in names:
        assert len(names["frames"]) > 0
    if "archive" in names:
        assert names["archive"].tables["requests"] > 0
        names["archive"].close()
    if "top" in names:
        assert len(names["top"]) == 10


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_line_is_one_the_program_takes(line):
    words = shlex.split(line)[1:]
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    options = {option for p in command.params for option in p.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_two_set_up_commands_stand_there_as_they_are_run():
    assert "\npip install . && xframes demo\n" in README
    assert '\npip install -e ".[test]" && pytest\n' in README
    assert '\npip install --quiet --disable-pip-version-check -e ".[test]" && pytest' in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_the_tables_named_are_those_there_are():
    section = README.split("## The tables")[1].split("\n- ")[0]
    named = set(re.findall(r"`([a-z_]+)`", section))
    assert named <= set(xf.schema.TABLES)
    assert {"posts", "users", "post_references", "matches", "problems"} <= named


def test_the_plots_named_are_those_there_are():
    section = README.partition("## Plots")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == set(xf.plot.__all__) - {"STYLE"}


def test_every_environment_variable_the_client_reads_is_documented():
    from xframes.auth.credentials import BEARER_NAMES, OAUTH1_NAMES, OAUTH2_NAMES

    names = [*BEARER_NAMES, *(f"XFRAMES_{name.upper()}" for name in OAUTH1_NAMES), *chain(*OAUTH2_NAMES.values())]
    assert [name for name in names if f"`{name}`" not in README] == []


def test_every_public_name_is_there_and_says_what_it_is():
    import_module("xframes.flattening")  # the package must not take the place of the function of that name

    assert xf.__all__ == sorted(xf.__all__, key=lambda name: (name.lower() == name, name))
    assert [name for name in xf.__all__ if not (getattr(xf, name).__doc__ or "").strip()] == []
    assert callable(xf.flatten)
    with pytest.raises(AttributeError, match="it has Archive, Budget, Client"):
        _ = xf.nonsense
