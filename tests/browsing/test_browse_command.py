"""`xframes browse`: prints an address, shows the archive, and ends with Ctrl-C."""

import signal
import subprocess
import sys

import pytest
import requests
from click.testing import CliRunner

from xframes.cli import main


@pytest.mark.slow
def test_the_command_shows_an_archive_until_ctrl_c(archive):
    command = [sys.executable, "-m", "xframes.cli", "browse", str(archive.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:")
            answer = requests.get(url, timeout=60)
            assert answer.status_code == 200
            assert "tea-study" in answer.text
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def test_an_archive_and_a_key_are_needed(tmp_path, archive, monkeypatch):
    assert CliRunner().invoke(main, ["browse", str(tmp_path / "nothing")]).exit_code == 2
    monkeypatch.delenv("XFRAMES_PSEUDONYM_KEY", raising=False)
    assert CliRunner().invoke(main, ["browse", str(archive.path), "--pseudonymise"]).exit_code == 2
