"""How the tests of the shell run it: in this process, or as a terminal would."""

import subprocess
import sys

from click.testing import CliRunner

from xframes.cli import main


def run(*words, **options):
    return CliRunner().invoke(main, [str(word) for word in words], **options)


def shell(*words, **options):
    """A real process, as a terminal starts it."""
    return subprocess.run([sys.executable, "-m", "xframes.cli", *map(str, words)], capture_output=True, text=True,
                          check=False, timeout=300, **options)
