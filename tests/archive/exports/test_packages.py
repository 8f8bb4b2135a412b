"""What an export says of itself, in its data package and its README; exporting in the shell."""

from __future__ import annotations

import hashlib
import json

import frictionless
import pytest
from click.testing import CliRunner

import xframes as xf
from xframes.archive.export.pseudonyms import Pseudonyms
from xframes.cli import main
from xframes.formats import FORMATS
from xframes.schema import TABLES

from .exported import FIRST, KEY, everything

# what describes it --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
def test_the_data_package_is_valid_and_true(collected, tmp_path, masked):
    collected.export(tmp_path / "out", format="csv", pseudonymise=KEY if masked else None)
    with frictionless.system.use_context(trusted=True):
        report = frictionless.validate(str(tmp_path / "out" / "datapackage.json"))
    assert report.valid, report.flatten(["title", "rowNumber", "fieldName", "message"])[:5]


@pytest.mark.parametrize("format", [pytest.param(f.name, marks=() if f.name in {"csv", "parquet", "sqlite"} else pytest.mark.slow)
                                    for f in FORMATS if not f.ids_only])
def test_the_package_names_files_sizes_sums_keys_and_links(archive, tmp_path, format):
    counts = archive.export(tmp_path / "out", format=format)
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text())
    assert frictionless.Package.validate_descriptor(package).valid
    assert {r["name"]: r["rows"] for r in package["resources"]} == counts
    for resource in package["resources"]:
        data = (tmp_path / "out" / resource["path"]).read_bytes()
        assert (resource["bytes"], resource["hash"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
        fields = {f["name"]: f for f in resource["schema"]["fields"]}
        assert fields == {c.name: {"name": c.name, "type": fields[c.name]["type"], "description": c.doc}
                          for c in TABLES[resource["name"]].columns}
    schemas = {r["name"]: r["schema"] for r in package["resources"]}
    assert schemas["post_mentions"]["primaryKey"] == ["post_id", "position"]
    links = {tuple(k["fields"] if isinstance(k["fields"], list) else [k["fields"]]): k["reference"]
             for k in schemas["posts"]["foreignKeys"]}
    assert links["author_id",]["resource"] == "users"
    assert links["conversation_id",] == {"resource": "", "fields": ["id"]}


def test_a_link_that_does_not_hold_is_not_claimed(archive, tmp_path):
    archive.export(tmp_path / "out", where="lang = 'de'")
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text())
    schema = next(r["schema"] for r in package["resources"] if r["name"] == "post_references")
    assert [k["fields"] for k in schema["foreignKeys"]] == [["post_id"], ["page_id"]]


def test_the_readme_says_what_it_is(archive, tmp_path):
    archive.export(tmp_path / "out", where="lang = 'en'")
    text = (tmp_path / "out" / "README.md").read_text()
    for part in ("# out", f"xframes {xf.__version__}", "archive format 2", "2026-02-01 10:00", "2026-03-01 12:00",
                 "`where lang = 'en'`", "| `posts` | 1 |", TABLES["posts"]["lang"].doc, "posts.parquet", "SHA-256"):
        assert part in text, part


@pytest.mark.slow
def test_readme_tells_the_queries(collected, tmp_path):
    collected.export(tmp_path / "plain")
    assert "search.recent `coffee OR climate from:ada`" in (tmp_path / "plain" / "README.md").read_text()
    collected.export(tmp_path / "masked", pseudonymise=KEY)
    text = (tmp_path / "masked" / "README.md").read_text()
    ada = Pseudonyms(KEY).of("username", "ada")
    assert f"search.recent `coffee OR climate from:{ada}`" in text


# the shell ----------------------------------------------------------------------------------------------------------


def test_export_in_the_shell(archive, tmp_path, monkeypatch):
    run = CliRunner()
    home = ["--archive", str(archive.path)]
    out = run.invoke(main, ["export", str(tmp_path / "ids.txt"), *home, "--where", "lang = 'en'"])
    assert (out.exit_code, (tmp_path / "ids.txt").read_text()) == (0, f"{FIRST['id']}\n")
    out = run.invoke(main, ["export", str(tmp_path / "ids.txt"), *home])
    assert (out.exit_code, "already" in out.stderr) == (2, True)
    out = run.invoke(main, ["export", str(tmp_path / "out"), *home, "--pseudonymise", "--table", "users", "--table", "posts"])
    assert (out.exit_code, "XFRAMES_PSEUDONYM_KEY" in out.stderr) == (2, True)
    monkeypatch.setenv("XFRAMES_PSEUDONYM_KEY", KEY)
    out = run.invoke(main, ["export", str(tmp_path / "out"), *home, "--pseudonymise", "--table", "users", "--table", "posts"])
    assert (out.exit_code, out.stderr) == (0, f"5 rows of 2 tables in {tmp_path / 'out'}\n")
    assert KEY not in everything(tmp_path / "out")
    out = run.invoke(main, ["export", str(tmp_path / "three"), *home, "--where", "nonsense("])
    assert (out.exit_code, "query" in out.stderr) == (2, True)
