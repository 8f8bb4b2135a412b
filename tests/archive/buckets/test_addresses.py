"""Addresses of archives: what they may be, and errors that show no credentials."""

import sys

import pytest

from xframes.archive import Archive
from xframes.archive.storage import bucket
from xframes.errors import ArchiveError

from .objects import fsspec, ids, page


def test_a_url_of_this_disk_is_a_folder(tmp_path):
    Archive(tmp_path / "one").add(page(1))
    archive = Archive(f"file://{tmp_path}/one")
    assert archive.path == tmp_path / "one"
    assert len(ids(archive)) == 10


def test_a_missing_library_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ArchiveError, match=r"\[gcs\]"):
        Archive("gs://bucket/one")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ArchiveError, match="fsspec"):
        Archive("memory://data/one")


@pytest.mark.parametrize("url", ["s3://key:word@bucket/one", "s3://bucket/one?secret=word"])
def test_credentials_do_not_belong_in_the_url(url):
    with pytest.raises(ArchiveError, match="s3://bucket/prefix") as caught:
        Archive(url)
    assert "word" not in str(caught.value)


def test_errors_show_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "an invented secret")
    archive = Archive("memory://data/one")
    archive.add(page(1))

    def refused(*_, **__):
        raise PermissionError("signature of 'an invented secret' does not match")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", refused)
    with pytest.raises(ArchiveError, match=r"memory://data/one.*PermissionError.*\*\*\*") as caught:
        archive.sql("SELECT 1 FROM posts")
    error = caught.value
    while error:
        assert "invented" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_journal_that_has_no_place_says_which_setting_names_one(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XFRAMES_JOURNALS", str(tmp_path / "file"))
    with pytest.raises(ArchiveError, match="XFRAMES_JOURNALS"):
        Archive("memory://data/one").add(page(1))


def test_two_servers_have_two_journals(monkeypatch):
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    one = bucket.Bucket("s3://data/one")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:2")
    two = bucket.Bucket("s3://data/one/")
    assert one.home != two.home
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    assert bucket.Bucket("s3a://data/one").home == one.home


def test_the_shell_takes_urls():
    from click.testing import CliRunner

    from xframes.cli import main

    Archive("memory://data/one").add(page(1))
    found = CliRunner().invoke(main, ["sql", "select count(*) as n from posts", "--archive", "memory://data/one",
                                      "--format", "csv"])
    assert found.exit_code == 0, found.output
    assert found.output.split() == ["n", "10"]


@pytest.mark.parametrize("command", [["sql", "select 1"], ["runs"], ["compact"], ["verify"], ["export", "out"]])
def test_a_mistyped_url_is_told(command):
    from click.testing import CliRunner

    from xframes.cli import main

    Archive("memory://data/right").add(page(1))
    found = CliRunner().invoke(main, [*command, "--archive", "memory://data/wrong"])
    assert found.exit_code == 2, found.output
    assert "memory://data/wrong" in found.output
