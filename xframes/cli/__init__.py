"""The command line of xframes, e.g. `xframes search recent "…" --archive DIR`.

Exit codes: 0 done, 1 failed, 2 usage, 3 stopped by a limit or budget (resumable). Errors are one
line on stderr. These modules import only click and declarations, so that help appears at once;
each command imports pandas, DuckDB, requests and matplotlib when it needs them.
"""

from __future__ import annotations

from xframes.cli.program import main

__all__ = ["main"]
