"""SQL in the cells of a notebook: `%load_ext xframes`, then `%%xsql`.

IPython loads this module. xframes does not need IPython otherwise.
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
    from collections.abc import Mapping

    import pandas as pd
    import pyarrow as pa
    from IPython.core.interactiveshell import InteractiveShell

_OPTION = re.compile(r"\s*(-a|--archive|-o|--output|-q|--quiet)(?=[\s=]|$)")
_WORD = re.compile(r"""[\s=]*("[^"]*"|'[^']*'|\S+)""")
# Texts, names and comments of SQL, in which a `$` has no meaning; else the name after a `$`.
_PARAMETER = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$|\$([A-Za-z_]\w*)""",
    re.DOTALL,
)


def register(shell: InteractiveShell) -> None:
    """Add `%xsql` and `%%xsql` to an IPython shell."""
    from IPython.core.error import UsageError
    from IPython.core.magic import needs_local_scope, no_var_expand

    queries = Queries()

    def xsql(
        line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> pd.DataFrame | None:
        names = {**shell.user_ns, **(local_ns or {})}
        try:
            name, frame, quiet = queries.run(line, cell, names)
        except Exception as error:  # noqa: BLE001  any error is shown as one line
            raise UsageError(_message(error)) from None
        if name:
            shell.user_ns[name] = frame
        if quiet:
            return None
        return frame

    xsql.__doc__ = HELP
    marked: Any = needs_local_scope(xsql)  # typed for methods only
    shell.register_magic_function(no_var_expand(marked), "line_cell", "xsql")


HELP = """Query an archive or Frames with DuckDB's SQL; the result is a pandas DataFrame.

    %xsql [-a ARCHIVE] [-o NAME] [-q] SELECT …
    %%xsql [ARCHIVE] [-o NAME] [-q]
    SELECT …

ARCHIVE is a variable (an Archive or Frames) or a folder. Default: the only Archive among your
variables, else the only Frames. `-o NAME` stores the result in a variable, `-q` does not show it.
`$name` in the query is the value of your variable `name`. DataFrames in your variables can be used
as tables.

Examples:
    %xsql select lang, count(*) as posts from results group by lang
    %%xsql my-archive -o top
    select author_id, count(*) as posts from results where lang = $lang
    group by author_id order by posts desc limit 10
"""


def _message(error: Exception) -> str:
    """Return the message of an error on one line, without secrets."""
    message = str(error)
    if not isinstance(error, XframesError):
        message = f"{type(error).__name__}: {error}"
    return neutral(redact(" ".join(message.split())))


class Queries:
    """The queries of `%xsql`. Archives named by their folder stay open for the next query."""

    def __init__(self) -> None:
        self._archives: dict[Path, Archive] = {}

    def run(
        self, line: str, cell: str | None, names: Mapping[str, Any]
    ) -> tuple[str | None, pd.DataFrame | None, bool]:
        """Run the query of a line or cell, with the variables in `names`.

        Returns the name of the variable for the result, the result, and whether not to show it.
        Raises ArgumentError for an incomplete line, XframesError for an error of DuckDB.
        """
        options, query = _options(line)
        if cell is not None:
            options, query = _cell_options(options, query), cell
        if not query.strip():
            raise ArgumentError(
                "the query is missing: use %xsql select * from posts limit 5, "
                "or write it below %%xsql"
            )
        output = options.get("-o")
        if output is not None and not output.isidentifier():
            raise ArgumentError(f"-o: expected the name of a variable, got {output!r}")
        source = self._source(options.get("-a"), names)
        with readable_sql():
            result = source.sql(query, _parameters(query, names))
            frame = None if result is None else _pandas(result.to_arrow_table())
        return output, frame, "-q" in options

    def _source(self, name: str | None, names: Mapping[str, Any]) -> Archive | Frames:
        """Return the Archive or Frames to query: a variable, or the archive in a folder."""
        if name is None:
            return _only(names)
        value = names.get(name)
        if value is None:
            value = name
        if isinstance(value, Archive | Frames):
            return value
        if not isinstance(value, str | Path):
            kind = type(value).__name__
            raise ArgumentError(f"{name}: expected an Archive or Frames, got {kind}")
        path = Path(value).expanduser()
        if not path.is_dir():
            raise ArgumentError(
                f"expected a folder or a variable with an Archive or Frames, got {str(path)!r}"
            )
        path = path.resolve()
        if path not in self._archives:
            self._archives[path] = Archive(path)
        return self._archives[path]


def _cell_options(options: dict[str, str], rest: str) -> dict[str, str]:
    """Add the archive and the options after it, as in `%%xsql my-archive -o top`."""
    word = _WORD.match(rest)
    if word is None:
        return options
    more, rest = _options(rest[word.end():])
    if rest:
        raise ArgumentError(f"unexpected {rest!r} in the line of %%xsql; write the query below it")
    return {"-a": _unquoted(word[1]), **options, **more}


def _options(line: str) -> tuple[dict[str, str], str]:
    """Parse the options at the start of a line. Returns them by short name, and the rest."""
    options: dict[str, str] = {}
    rest = line
    while hit := _OPTION.match(rest):
        short, rest = hit[1].lstrip("-")[0], rest[hit.end():]
        options[f"-{short}"] = ""
        if short != "q":
            value = _WORD.match(rest)
            if value is None:
                raise ArgumentError(f"{hit[1]}: expected a name after it")
            options[f"-{short}"], rest = _unquoted(value[1]), rest[value.end():]
    rest = rest.strip()
    if (word := re.match(r"--?\w+", rest)) is not None:
        raise ArgumentError(
            f"unknown option {word[0]}; the options are -a ARCHIVE, -o NAME and -q, before the rest"
        )
    return options, rest


def _unquoted(word: str) -> str:
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        return word[1:-1]
    return word


def _only(names: Mapping[str, Any]) -> Archive | Frames:
    """Return the only Archive among the variables; without an Archive, the only Frames."""
    for kind, label in ((Archive, "an Archive"), (Frames, "Frames")):
        sources = {
            getattr(value, "path", id(value)): (name, value)
            for name, value in names.items()
            if isinstance(value, kind) and not name.startswith("_")
        }
        if len(sources) == 1:
            return next(iter(sources.values()))[1]
        if sources:
            several = ", ".join(name for name, _ in sources.values())
            raise ArgumentError(
                f"several variables hold {label}: {several}; "
                "name one: %xsql -a NAME …, or %%xsql NAME"
            )
    raise ArgumentError(
        "no Archive and no Frames among the variables: "
        "use archive = xf.Archive('my-archive'), or name a folder with -a"
    )


def _parameters(query: str, names: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the values of the `$name`s of a query, or None if it has none."""
    parameters = dict.fromkeys(hit[1] for hit in _PARAMETER.finditer(query) if hit[1])
    for name in parameters:
        if name not in names:
            raise ArgumentError(f"the query uses ${name}, but no variable {name} exists")
    return {name: names[name] for name in parameters} or None


def _pandas(table: pa.Table) -> pd.DataFrame:
    """Convert a result to the dtypes of xframes.

    DuckDB's sums of integers are decimals: they become Int64 if they fit, else float.
    """
    import pyarrow as pa

    for i, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            kind = pa.float64() if field.type.scale else pa.int64()
            try:
                column = table.column(i).cast(kind)
            except pa.ArrowInvalid:
                column = table.column(i).cast(pa.float64())
            table = table.set_column(i, field.name, column)
    return to_pandas(table)
