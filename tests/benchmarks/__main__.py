"""The benchmarks as a command: `python -m tests.benchmarks` prints Markdown tables.

Nothing is asserted about the numbers. Posts are invented, the same ones each time.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import growth, importing, live, opening, queries
from tests.benchmarks.report import machine
from tests.benchmarks.setting import ROUNDS, Setting, bytes_needed
from xframes.screen import counted

BENCHMARKS = {
    "queries": (queries.run, "six queries in four states of an archive, against hand-written SQL"),
    "growth": (growth.run, "imports and compactions of 1 % more; a year of daily collections"),
    "import": (importing.run, "importing a file, against its floor and others' ways"),
    "live": (live.run, "processor time of a collector per page, against requests, json.loads"),
    "opening": (opening.run, "sessions, opening an archive, the command `xframes sql`"),
}
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


def posts(text: str) -> int:
    """A number of posts such as 500k."""
    found = re.fullmatch(r"(\d+)([km]?)", text.lower())
    if found is None or int(found[1]) == 0:
        expected = "expected a number of posts such as 500k or 2m"
        raise argparse.ArgumentTypeError(f"{expected}, got {text!r}")
    return int(found[1]) * _UNITS[found[2]]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    listed = "\n".join(f"  {name:8} {about}" for name, (_, about) in BENCHMARKS.items())
    made = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Print the benchmarks of xframes as Markdown tables.",
        epilog=f"benchmarks:\n{listed}\n\nLibraries of others are compared where they are "
               "installed: pip install -e \".[test,benchmarks]\"",
    )
    made.add_argument("names", nargs="*", metavar="NAME", help="a benchmark; default: all")
    made.add_argument("--size", type=posts, default="50k", metavar="POSTS",
                      help="posts to work with: 50k (default), 500k, 2m, or any other number")
    made.add_argument("--memory", action="store_true",
                      help="measure memory; default: memory and time")
    made.add_argument("--seconds", action="store_true",
                      help="measure time; default: memory and time")
    return made


def main(arguments: list[str] | None = None, *, rounds: int = ROUNDS) -> None:
    """Run benchmarks and print their tables as they are done."""
    command = parser()
    options = command.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        command.error(f"expected names among {', '.join(BENCHMARKS)}, got {', '.join(unknown)}")
    both = options.memory == options.seconds
    needed = bytes_needed(options.size)
    with tempfile.TemporaryDirectory(prefix="xframes-benchmarks-") as folder:
        free = shutil.disk_usage(folder).free
        room = (f"about {needed / 1e9:,.1f} GB needed in {tempfile.gettempdir()}, "
                f"{free / 1e9:,.1f} GB free")
        print(room, file=sys.stderr)
        if free < needed:
            command.error(f"not enough room: {room}. Set TMPDIR to a folder with more")
        setting = Setting(Path(folder), options.size, both or options.seconds,
                          both or options.memory, rounds)
        print(f"## Benchmarks: {options.size:,} posts\n\n{machine()}\n\n"
              f"Medians of {counted(rounds, 'round')} in which everything compared runs in turn, "
              "unless a table says otherwise. CPU: processor time, child processes included; other "
              "work on the machine changes it least.\n", flush=True)
        for name in options.names or BENCHMARKS:
            for table in BENCHMARKS[name][0](setting):
                print(table, flush=True)


if __name__ == "__main__":
    main()
