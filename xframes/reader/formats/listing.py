"""The list of formats, from their declarations: for the shell, the documentation and `doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xframes.reader.formats import formats
from xframes.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xframes.reader.formats import Format


def rows() -> list[dict[str, Any]]:
    """Return one row for each format.

    The columns are its name, tool, versions, family, form, whether it is read, the tables it fills,
    the choice it needs, what it cannot say, and the way out where it is refused.
    """
    return [
        {
            "format": each.name, "tool": each.tool, "version": each.version or None,
            "family": each.family, "form": each.form,
            "read": each.is_read, "tables": ", ".join(each.fills), "with": each.choice or None,
            "not_in_it": each.cannot_say or None, "way_out": each.way_out or None,
        }
        for each in formats()
    ]


def tools() -> dict[str, list[Format]]:
    """Return the formats that are read, by tool and version."""
    grouped: dict[str, list[Format]] = {}
    for each in formats():
        if each.is_read:
            grouped.setdefault(each.source, []).append(each)
    return grouped


def markdown() -> str:
    """Return the table of the documentation: one row for each tool."""
    lines = ["| files of | fill | do not have |", "|---|---|---|"]
    for tool, own in tools().items():
        names = {name for each in own for name in each.fills}
        filled = ", ".join(f"`{name}`" for name in TABLES if name in names and _is_main(name))
        missing = "; ".join(dict.fromkeys(each.cannot_say for each in own if each.cannot_say))
        choices = sorted({each.choice for each in own if each.choice})
        if choices:
            filled += f" (with {', '.join(choices)})"
        lines.append(f"| {tool} | {filled} | {missing} |")
    return "\n".join(lines)


def refused() -> Iterator[str]:
    """Yield what is recognised and refused, with the way out."""
    for each in formats():
        if not each.is_read:
            yield f"{each.tool}: {each.way_out}"


def _is_main(name: str) -> bool:
    return TABLES[name].kind != "detail"
