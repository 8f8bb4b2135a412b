"""The shell's way into xframes: `xframes demo`, `xframes search recent "…" --archive DIR`, `xframes sql "…"`.

Exit codes: 0 done, 1 failed, 2 usage, 3 stopped by a limit or budget (resumable). Errors are one line on stderr.
Modules here import click and declarations only; pandas, DuckDB, requests and matplotlib wait for the command that
needs them, so that help and import start at once.
"""

from __future__ import annotations

from xframes.cli.program import main

__all__ = ["main"]
