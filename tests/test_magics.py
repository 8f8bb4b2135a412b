"""`%load_ext xframes`: SQL in cells, over whatever archive or Frames is there; errors are one line."""

import json
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest

import xframes as xf
from xframes.wire import Page, Request

from .dtypes import TEXT

pytest.importorskip("IPython", reason="IPython is not installed: pip install '.[test]'")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POSTS = [{"id": str(9007199254740993 + i), "text": f"post {i}", "author_id": str(i % 2), "lang": ["en", "de", "en"][i],
          "public_metrics": {"like_count": i}} for i in range(3)]


def pages(posts=POSTS):
    request = Request("GET", "/2/tweets/search/recent", {"query": "tea"}, "search.recent")
    return Page(request, json.dumps({"data": posts}).encode(), NOW)


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell of IPython's with the extension, in an empty folder; what it changes in Python is put back."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    for name in ("displayhook", "excepthook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    shell.run_cell("%load_ext xframes").raise_error()
    yield shell
    shell.restore_sys_module_state()


@pytest.fixture
def archive(tmp_path):
    archive = xf.Archive(tmp_path / "my archive")
    archive.add(pages())
    yield archive
    archive.close()


def ask(shell, code):
    found = shell.run_cell(code)
    found.raise_error()
    return found.result


def refused(shell, code, capsys):
    """The one line a cell that fails says."""
    capsys.readouterr()
    found = shell.run_cell(code)
    assert found.error_in_exec is not None, "later cells must not run on"
    said = capsys.readouterr()
    (line,) = (said.out + said.err).strip().splitlines()
    return line


def test_the_only_archive_is_asked(shell, archive):
    shell.user_ns["archive"] = shell.user_ns["again"] = archive
    found = ask(shell, "%%xsql\nselect lang, count(*) as posts, sum(like_count) as likes, avg(like_count) as mean\n"
                       "from posts group by lang order by lang")
    assert found.to_dict("list") == {"lang": ["de", "en"], "posts": [1, 2], "likes": [1, 2], "mean": [1.0, 1.0]}
    assert found.dtypes.astype(str).tolist() == [TEXT, "Int64", "Int64", "float64"]


def test_frames_are_asked_where_there_is_no_archive(shell):
    shell.user_ns["frames"] = xf.flatten(pages())
    assert ask(shell, "%xsql select max(id) from posts").iloc[0, 0] == POSTS[-1]["id"]


def test_an_archive_by_variable_and_by_folder(shell, archive):
    shell.user_ns.update(one=archive, other=xf.flatten(pages(POSTS[:1])), place=archive.path)
    counted = "select count(*) as n from posts"
    for line, rows in (("%%xsql one", 3), ("%%xsql other", 1), ("%%xsql 'my archive'", 3), ("%%xsql place", 3),
                       ("%%xsql --archive=other", 1), ("%%xsql -a one", 3)):
        assert ask(shell, f"{line}\n{counted}")["n"].tolist() == [rows], line
    assert ask(shell, f"%xsql -a other {counted}")["n"].tolist() == [1]


@pytest.mark.parametrize("line", ["%%xsql archive -o top\n", "%%xsql -o top\n", "%xsql -o top -a archive ",
                                  "%xsql --output=top "])
def test_the_answer_is_kept_in_a_variable_and_shown(shell, archive, line):
    shell.user_ns["archive"] = archive
    shown = ask(shell, f"{line}select 'a' as b")
    assert isinstance(shown, pd.DataFrame)
    assert shell.user_ns["top"] is shown
    assert ask(shell, f"{line.rstrip()} -q{line[-1]}select 'a' as b" if "\n" in line else f"{line}-q select 'a' as b") is None
    assert shell.user_ns["top"]["b"].tolist() == ["a"]


def test_variables_are_values_of_the_query_and_frames_are_its_tables(shell, archive):
    shell.user_ns.update(archive=archive, lang="it's", n=2, mine=pd.DataFrame({"author_id": ["1"]}))
    found = ask(shell, "%xsql select $lang as lang, $n as n, '$lang' as kept, {'a': 1} as s -- $none")
    assert found.iloc[0].tolist() == ["it's", 2, "$lang", {"a": 1}]
    assert ask(shell, "%%xsql\nselect count(*) from posts semi join mine using (author_id)").iloc[0, 0] == 1


def test_ids_and_times_keep_their_types(shell, archive):
    shell.user_ns["archive"] = archive
    found = ask(shell, "%xsql select id, created_at, like_count, possibly_sensitive from posts order by id")
    assert found["id"].tolist() == [post["id"] for post in POSTS]
    assert found.dtypes.astype(str).tolist() == [TEXT, "datetime64[us, UTC]", "Int64", "boolean"]


def test_what_does_not_fit_an_integer_is_still_a_number(shell, archive):
    shell.user_ns["archive"] = archive
    found = ask(shell, "%xsql select sum(9223372036854775807) as much, 1.25 as some from range(3)")
    assert found["much"].tolist() == [pytest.approx(2.767e19, rel=1e-3)]
    assert found["some"].tolist() == [1.25]


@pytest.mark.parametrize(("code", "says"), [
    ("%xsql select langg from posts", 'Candidate bindings: "lang"'),
    ("%%xsql\nselect * frm posts", "syntax error"),
    ("%xsql", "query"),
    ("%%xsql archive\n \n", "query"),
    ("%xsql -o", "-o"),
    ("%xsql -o not-a-name select 1", "'not-a-name'"),
    ("%xsql --loud select 1", "--loud"),
    ("%%xsql archive select 1\nselect 2", "'select 1'"),
    ("%xsql -a nowhere select 1", "'nowhere'"),
    ("%xsql -a number select 1", "number: "),
    ("%xsql -a . select 1", "is not empty and not an xframes archive"),
    ("%xsql select $nobody", "$nobody"),
    ("%xsql select error('Bearer AAAAAAAAAAAAAAAAAAAAAAAAAA')", "Bearer ***"),
])
def test_errors_are_one_line(shell, archive, code, says, capsys):
    shell.user_ns.update(archive=archive, number=7)
    line = refused(shell, code, capsys)
    assert line.startswith("UsageError: ")
    assert says in line


def test_nothing_to_ask_and_too_much_to_ask(shell, archive, tmp_path, capsys):
    assert "xf.Archive(" in refused(shell, "%xsql select 1", capsys)
    shell.user_ns.update(a=archive, b=xf.Archive(tmp_path / "other"))
    assert ": a, b;" in refused(shell, "%xsql select 1", capsys)


def test_archives_named_by_folder_stay_open(shell, archive, monkeypatch):
    made = []
    monkeypatch.setattr(xf.Archive, "close", lambda archive: made.append("closed"))
    monkeypatch.setattr(xf.Archive, "__init__", lambda *a, init=xf.Archive.__init__: (made.append("opened"), init(*a))[1])
    ask(shell, "%xsql -a 'my archive' select 1")
    archive.add(pages([{"id": "1", "text": "new"}]))
    assert ask(shell, "%xsql -a 'my archive' select count(*) from posts").iloc[0, 0] == 4
    assert made == ["opened"]
    monkeypatch.undo()


def test_the_help_of_the_magic(shell):
    assert "select author_id" in shell.find_line_magic("xsql").__doc__
    assert shell.find_cell_magic("xsql") is not None


def test_keys_complete(shell, archive):
    from IPython.core.completer import provisionalcompleter

    shell.user_ns.update(archive=archive, frames=xf.flatten([]))
    for code in ('archive["post_h', 'frames["post_h', "frames.post_h", 'archive["posts"].column_nam'):
        with provisionalcompleter():
            found = [one.text for one in shell.Completer.completions(code, len(code))]
        assert any("post_hashtags" in one or "column_names" in one for one in found), code
