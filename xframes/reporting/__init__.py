"""Reports: an archive as one HTML file for people without Python.

    xf.report(archive, "report.html", tz="Europe/Berlin")
    xf.report(archive).section("timeline")            # a part of it, in a notebook
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xframes.errors import ArgumentError
from xframes.plan.values import moment
from xframes.reporting import html
from xframes.reporting.blocks import block_of
from xframes.reporting.chosen import Selection, opened
from xframes.reporting.html import Section
from xframes.reporting.sections import SECTIONS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

    from xframes.archive import Archive
    from xframes.plan.values import Time

__all__ = ["HtmlReport", "report"]


def __dir__() -> list[str]:
    return list(__all__)


@dataclass(slots=True)
class HtmlReport:
    """A report. Its sections are computed when they are needed, each once.

    Parameters
    ----------
    selection
        The results that it describes.
    title
        The headline.
    names
        The names of its sections, in order.
    more
        Sections of the caller: functions of a Selection, by their titles.
    """

    selection: Selection = field(repr=False)
    title: str
    names: tuple[str, ...]
    more: Mapping[str, Callable[[Selection], Any]] = field(default_factory=dict, repr=False)
    _built: dict[str, Section] = field(default_factory=dict, repr=False)

    def section(self, name: str) -> Section:
        """Return one section, which a notebook shows.

        Parameters
        ----------
        name
            Name of a section, such as `"timeline"`, or the title of one of the caller's.

        Returns
        -------
        Section
            The section, without any block if the archive has nothing for it.

        Raises
        ------
        ArgumentError
            The report has no such section.

        Examples
        --------
        >>> xf.report(archive).section("timeline")
        """
        if name not in self._built:
            self._built[name] = self._build(name)
        return self._built[name]

    def _build(self, name: str) -> Section:
        if name in self.more:
            content = self.more[name](self.selection)
            items = content if isinstance(content, list | tuple) else [content]
            return Section(name, name, [block_of(item) for item in items])
        if name not in self.names:
            known = ", ".join((*self.names, *self.more))
            raise ArgumentError(f"section: expected one of {known}, got {name!r:.60}")
        declared = SECTIONS[name]
        return Section(name, declared.title, list(declared.build(self.selection)))

    @property
    def html(self) -> str:
        """The whole report as one HTML page, which loads nothing."""
        sections = [self.section(name) for name in (*self.names, *self.more)]
        return html.page(self.title, self.selection.definition, [s for s in sections if s.blocks])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the report to a file, and return its path.

        Parameters
        ----------
        path
            The file, such as `report.html`. An existing file is replaced.

        Returns
        -------
        Path
            The path of the file.

        Raises
        ------
        OSError
            The file cannot be written.

        Examples
        --------
        >>> xf.report(archive).save("report.html")
        """
        target = Path(path)
        target.write_text(self.html, encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        return html.fragment([self.section(name) for name in (*self.names, *self.more)])


def report(
    archive: Archive, path: str | os.PathLike[str] | None = None, *, query: str | None = None,
    start: Time | None = None, end: Time | None = None, tz: str = "UTC", title: str | None = None,
    sections: str | Iterable[str] | None = None,
    more: Mapping[str, Callable[[Selection], Any]] | None = None,
    pseudonymise: str | bytes | None = None,
) -> HtmlReport:
    """Describe the results in an archive: a page to read without Python, offline.

    It says what was collected, and how completely, before it shows any chart. Numbers have their
    SQL. Long tables are cut, and say so. The file loads nothing from elsewhere.

    Parameters
    ----------
    archive
        The archive.
    path
        HTML file to write. Default: none; notebooks show what is returned.
    query
        Only results of this query. Default: all results.
    start
        Only results posted at this time or later: an aware datetime, ISO 8601 text or a date.
        Default: from the first.
    end
        Only results posted before this time. Default: to the last.
    tz
        Time zone of days and hours, such as `Europe/Berlin`. Default: UTC.
    title
        The headline. Default: the name of the archive.
    sections
        Names of sections, in order: {names}. Default: all that have something to show.
    more
        Sections of your own: functions by their titles. They get a Selection, whose `sql` queries
        the results as table `chosen`, and return text, a DataFrame, Axes, or a list of these.
    pseudonymise
        A key of at least 16 bytes: the report shows pseudonyms instead of ids, handles and names,
        as `Archive.export` does. Default: none.

    Returns
    -------
    HtmlReport
        The report, with `section(name)`, `html` and `save(path)`.

    Raises
    ------
    ArgumentError
        An argument is invalid.

    Examples
    --------
    >>> xf.report(archive, "report.html", query="coffee lang:en", tz="Europe/Berlin")
    """
    names = tuple(SECTIONS)
    if sections is not None:
        names = (sections,) if isinstance(sections, str) else tuple(sections)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise ArgumentError(
            f"sections: expected some of {', '.join(SECTIONS)}, got {unknown[0]!r:.60}"
        )
    selection = opened(
        archive, query=query, start=None if start is None else moment("start", start),
        end=None if end is None else moment("end", end), tz=tz, key=pseudonymise,
    )
    made = HtmlReport(selection, title or selection.name, names, dict(more or {}))
    if path is not None:
        made.save(path)
    return made


if report.__doc__:  # python -OO removes it
    report.__doc__ = report.__doc__.replace("{names}", ", ".join(f"`{name}`" for name in SECTIONS))
