"""SQL in the cells of a notebook: `%load_ext xframes`, then `%%xsql`.

IPython is not needed otherwise, so it is imported when it loads this.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xframes.archive import Archive
from xframes.auth import redact
from xframes.errors import ArgumentError, XframesError
from xframes.frames import Frames, readable_sql, to_pandas
from xframes.screen import neutral

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    import pyarrow as pa
    from IPython.core.interactiveshell import InteractiveShell

_OPTION = re.compile(r"\s*(-a|--archive|-o|--output|-q|--quiet)(?=[\s=]|$)")
_WORD = re.compile(r"""[\s=]*("[^"]*"|'[^']*'|\S+)""")
# Texts, names and comments of SQL, in which a `$` means nothing; else the name after a `$`.
_NAMED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$|\$([A-Za-z_]\w*)""", re.DOTALL)


def register(shell: InteractiveShell) -> None:
    """Give the shell `%xsql` and `%%xsql`."""
    from IPython.core.error import UsageError
    from IPython.core.magic import needs_local_scope, no_var_expand

    asked = Asked()

    def xsql(line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> pd.DataFrame | None:
        names = {**shell.user_ns, **(local_ns or {})}
        try:
            name, found, quiet = asked.ask(line, cell, names)
        except Exception as error:  # noqa: BLE001  whatever it is: people get a line, not the inside of xframes
            said = str(error) if isinstance(error, XframesError) else f"{type(error).__name__}: {error}"
            raise UsageError(neutral(redact(" ".join(said.split())))) from None
        if name:
            shell.user_ns[name] = found
        return None if quiet else found

    xsql.__doc__ = HELP
    marked: Any = needs_local_scope(xsql)  # typed as if only methods had magic
    shell.register_magic_function(no_var_expand(marked), "line_cell", "xsql")


HELP = """Ask an archive, or Frames, with DuckDB's SQL; the answer is a pandas DataFrame.

    %xsql [-a ARCHIVE] [-o NAME] [-q] SELECT …
    %%xsql [ARCHIVE] [-o NAME] [-q]
    SELECT …

ARCHIVE is a variable (an Archive or Frames) or a folder; without it, the only Archive (else the only Frames) among
your variables is asked. `-o NAME` keeps the answer in a variable, `-q` does not show it. `$name` in the query is the
value of your variable `name`; DataFrames in your variables can be named as tables.

Examples:
    %xsql select lang, count(*) as posts from posts group by lang
    %%xsql my-archive -o top
    select author_id, count(*) as posts from posts where lang = $lang group by author_id order by posts desc limit 10
"""


class Asked:
    """What `%xsql` does; keeps archives named by their folder open from one question to the next."""

    def __init__(self) -> None:
        self._opened: dict[Path, Archive] = {}

    def ask(
        self, line: str, cell: str | None, names: Mapping[str, Any]
    ) -> tuple[str | None, pd.DataFrame | None, bool]:
        """Answer; gives the variable to keep it in, the answer, and whether it is not to be shown.

        Raises ArgumentError for what the line lacks, XframesError for what DuckDB refuses.
        """
        options, rest = _options(line)
        if cell is not None:
            if word := _WORD.match(rest):  # the archive, as in `%%xsql my-archive -o top`
                more, rest = _options(rest[word.end():])
                options = {"-a": _unquoted(word[1]), **options, **more}
            if rest:
                raise ArgumentError(f"{rest!r} stands in the line of %%xsql; the query belongs below it")
            rest = cell
        if not rest.strip():
            raise ArgumentError("there is no query: %xsql select * from posts limit 5, or %%xsql with it below")
        output = options.get("-o")
        if output is not None and not output.isidentifier():
            raise ArgumentError(f"-o {output}: that is no name for a variable")
        asked = self._source(options.get("-a"), names)
        with readable_sql():
            found = asked.sql(rest, _parameters(rest, names))
            return output, None if found is None else _pandas(found.to_arrow_table()), "-q" in options

    def _source(self, name: str | None, names: Mapping[str, Any]) -> Archive | Frames:
        if name is None:
            return _only(names)
        value = names.get(name)
        if isinstance(value, Archive | Frames):
            return value
        if value is not None and not isinstance(value, str | Path):
            raise ArgumentError(f"{name} is a {type(value).__name__}, no Archive and no Frames")
        path = Path(name if value is None else value).expanduser()
        if not path.is_dir():
            raise ArgumentError(f"{str(path)!r} is no folder, and no variable holds an Archive by that name")
        path = path.resolve()
        if path not in self._opened:
            self._opened[path] = Archive(path)
        return self._opened[path]


def _options(line: str) -> tuple[dict[str, str], str]:
    """The options at the start of a line, by their short names, and what comes after them."""
    options: dict[str, str] = {}
    rest = line
    while hit := _OPTION.match(rest):
        short, rest = hit[1].lstrip("-")[0], rest[hit.end():]
        options[f"-{short}"] = ""
        if short != "q":
            value = _WORD.match(rest)
            if value is None:
                raise ArgumentError(f"{hit[1]} needs a name after it")
            options[f"-{short}"], rest = _unquoted(value[1]), rest[value.end():]
    rest = rest.strip()
    if (word := re.match(r"--?\w+", rest)) is not None:
        raise ArgumentError(f"{word[0]} is no option of xsql; those are -a ARCHIVE, -o NAME and -q, before the rest")
    return options, rest


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def _only(names: Mapping[str, Any]) -> Archive | Frames:
    """The one Archive among the variables; where there is none, the one Frames."""
    for kind, one in ((Archive, "an Archive"), (Frames, "Frames")):
        key: Callable[[Any], Any] = lambda value: getattr(value, "path", id(value))  # noqa: E731  three words
        found = {key(v): (n, v) for n, v in names.items() if isinstance(v, kind) and not n.startswith("_")}
        if len(found) == 1:
            return next(iter(found.values()))[1]
        if found:
            there = ", ".join(name for name, _ in found.values())
            raise ArgumentError(f"several variables hold {one}: {there}; say which: %xsql -a NAME …, or %%xsql NAME")
    raise ArgumentError("there is nothing to ask: make archive = xf.Archive('my-archive'), or name a folder with -a")


def _parameters(query: str, names: Mapping[str, Any]) -> dict[str, Any] | None:
    """Values for the `$name`s of a query."""
    asked = dict.fromkeys(hit[1] for hit in _NAMED.finditer(query) if hit[1])
    unset = [name for name in asked if name not in names]
    if unset:
        raise ArgumentError(f"the query names ${unset[0]}, and there is no variable {unset[0]}")
    return {name: names[name] for name in asked} or None


def _pandas(table: pa.Table) -> pd.DataFrame:
    """The answer in the dtypes of xframes. DuckDB's sums of integers are wider than any: Int64 where they fit."""
    import pyarrow as pa

    for i, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            kind = pa.float64() if field.type.scale else pa.int64()
            try:
                plain = table.column(i).cast(kind)
            except pa.ArrowInvalid:
                plain = table.column(i).cast(pa.float64())
            table = table.set_column(i, field.name, plain)
    return to_pandas(table)
