"""The list of formats: everything derives from it, and a half-declared format fails before it is used."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from click.testing import CliRunner

from xframes import formats
from xframes.archive import Archive
from xframes.cli import main, output
from xframes.errors import ArgumentError
from xframes.formats import FORMATS, Format, FormatName
from xframes.schema import TABLES

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
ONE = {"name": "invented", "label": "Invented", "suffixes": (".inv", ".invented"), "media_type": "text/x-invented",
       "about": "The names of the columns, then the number of rows.", "text": True}
INVENT = f"""
import sys
from xframes import formats

def write(file, rows, options):
    count = sum(len(batch) for batch in rows.batches)
    file.write((",".join(rows.schema.names) + f"\\n{{count}}\\n").encode())
    return count

formats.FORMATS = formats.declared(*formats.FORMATS, formats.Format(write=write, **{ONE!r}))
from xframes.cli import main
main()
"""


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def write_nothing(file, rows, options):
    return 0


# declarations -------------------------------------------------------------------------------------------------------


def test_the_names_a_type_checker_knows_are_those_declared():
    assert list(typing.get_args(FormatName)) == [f.name for f in FORMATS]


def test_the_readme_lists_the_formats():
    rows = re.findall(r"^\| `(\w+)` \| (`\.[^|]+) \| ([^|]+) \|$", README, re.MULTILINE)
    declared = [(f.name, ", ".join(f"`{s}`" for s in f.suffixes), f.about) for f in output.choices()[:1] + FORMATS]
    assert rows == declared


def test_the_docstring_and_the_help_list_the_formats():
    for shown in (run("export", "--help").stdout, Archive.export.__doc__):
        text = " ".join(shown.split())
        for format in FORMATS:
            assert f"{format.name} ({', '.join(format.suffixes)}): {format.about}" in text
    rows = " ".join(run("sql", "--help").stdout.split())
    assert all(f.name in rows and f.suffix in rows for f in output.choices())


def test_the_choices_of_the_shell_are_the_list():
    options = {name: {p.name: p for p in main.get_command(None, name).params} for name in ("export", "sql")}
    assert list(options["export"]["format_"].type.choices) == [f.name for f in FORMATS]
    assert list(options["sql"]["format_"].type.choices) == ["table", *(f.name for f in FORMATS if not f.ids_only)]


@pytest.mark.parametrize("wrong", [
    {"name": ""}, {"label": ""}, {"suffixes": ()}, {"suffixes": ("inv",)}, {"suffixes": (".INV",)}, {"media_type": ""},
    {"about": ""}, {"write": None}, {"write": "write_nothing"}, {"write_all": write_nothing},
])
def test_a_format_with_a_part_missing_cannot_be_declared(wrong):
    with pytest.raises(ValueError, match="format"):
        Format(**{"write": write_nothing} | ONE | wrong)


@pytest.mark.parametrize("part", [f.name for f in dataclasses.fields(Format) if f.default is dataclasses.MISSING])
def test_a_format_without_a_part_cannot_be_declared(part):
    with pytest.raises(TypeError, match=part):
        Format(write=write_nothing, **{k: v for k, v in ONE.items() if k != part})


def test_two_formats_have_no_name_or_suffix_in_common():
    new = Format(write=write_nothing, **ONE)
    assert formats.declared(*FORMATS, new)[-1] is new
    for same in (dataclasses.replace(new, name="csv"), dataclasses.replace(new, suffixes=(".csv",))):
        with pytest.raises(ValueError, match="csv"):
            formats.declared(*FORMATS, same)


def test_a_format_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FORMATS[0].name = "other"


@pytest.mark.slow
def test_a_declared_format_works_in_exports_and_in_the_shell(archive, tmp_path):
    def invented(*words):
        shown = subprocess.run([sys.executable, "-c", INVENT, *map(str, words), "--archive", str(archive.path)],
                               capture_output=True, text=True, check=False, cwd=tmp_path)
        assert shown.returncode == 0, shown.stderr
        return shown.stdout

    invented("export", "folder", "--format", "invented")
    invented("export", "posts.INVENTED", "--table", "posts")
    columns = ",".join(c.name for c in TABLES["posts"].columns)
    assert (tmp_path / "folder" / "posts.inv").read_text() == f"{columns}\n2\n"
    assert (tmp_path / "posts.INVENTED").read_text() == f"{columns}\n2\n"
    package = json.loads((tmp_path / "folder" / "datapackage.json").read_text())
    assert {(r["format"], r["mediatype"]) for r in package["resources"]} == {("inv", "text/x-invented")}
    assert ONE["about"] in (tmp_path / "folder" / "README.md").read_text()

    query = ("sql", "select 1 as a, 2 as b")
    invented(*query, "--output", "rows.inv")
    assert (tmp_path / "rows.inv").read_text() == invented(*query, "--format", "invented") == "a,b\n1\n"
    assert "invented" in invented("sql", "--help")


# paths --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", [None, *(f.name for f in FORMATS)])
@pytest.mark.parametrize("name", ["o.xls", "o.XLS", "o.tsv", "o.feather", "o.sqlite3x", "o.parquet.gz", "o.x"])
def test_an_unknown_suffix_is_refused_with_the_formats_there_are(archive, tmp_path, name, format):
    with pytest.raises(ArgumentError) as refused:
        archive.export(tmp_path / name, format=format, tables="posts")
    assert Path(name).suffix.lower() in str(refused.value)
    assert all(f.name in str(refused.value) and f.suffix in str(refused.value) for f in FORMATS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive"]


@pytest.mark.parametrize("format", FORMATS, ids=lambda f: f.name)
def test_a_format_that_contradicts_the_suffix_is_refused(archive, tmp_path, format):
    for other in FORMATS:
        if format.suffix not in other.suffixes:
            with pytest.raises(ArgumentError):
                archive.export(tmp_path / f"study{format.suffix}", format=other.name, tables="posts")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive"]


@pytest.mark.parametrize("format", FORMATS, ids=lambda f: f.name)
def test_every_suffix_in_any_case_says_the_format(format):
    for suffix in (*format.suffixes, format.suffix.upper()):
        assert formats.resolve(f"a.b/study{suffix}", format.name) == (format, True)
        owner = next(f for f in FORMATS if suffix.lower() in f.suffixes)
        assert formats.resolve(f"study{suffix}", None) == (owner, True)


@pytest.mark.parametrize(("path", "format", "files"), [
    ("out", None, "posts.parquet"), ("out", "csv", "posts.csv"), ("out", "sqlite", "out.sqlite"),
    ("study.v2", "parquet", "posts.parquet"), ("export-2026.11.27", "jsonl", "posts.jsonl"),
    ("study.v2/", None, "posts.parquet"), ("my.study/", "json", "posts.json"), ("o.xls/", "csv", "posts.csv"),
    (".hidden", "csv", "posts.csv"),
])
def test_what_is_a_folder(archive, tmp_path, path, format, files):
    archive.export(f"{tmp_path}/{path}", format=format, tables="posts")
    assert (tmp_path / path / files).is_file()
    assert (tmp_path / path / "datapackage.json").is_file()


@pytest.mark.parametrize(("path", "format"), [("study.v2", None), ("export-2026.11.27", None), ("study.csv/", None),
                                              ("study.csv/", "csv"), ("ids/", "ids"), ("study.xlsx/", "parquet")])
def test_what_could_be_a_folder_or_a_file_is_refused(archive, tmp_path, path, format):
    with pytest.raises(ArgumentError):
        archive.export(f"{tmp_path}/{path}", format=format, tables="posts")
    shown = run("export", f"{tmp_path}/{path}", *(["--format", format] if format else []), "--archive", archive.path)
    assert shown.exit_code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive"]


@pytest.mark.slow
def test_a_database_may_be_called_db(archive, tmp_path):
    archive.export(tmp_path / "a.db")
    archive.export(tmp_path / "b.db", format="duckdb")
    assert (tmp_path / "a.db").read_bytes().startswith(b"SQLite format 3\0")
    assert (tmp_path / "b.db").read_bytes()[8:12] == b"DUCK"
