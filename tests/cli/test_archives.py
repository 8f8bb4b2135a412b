"""Archives in the shell: importing, housekeeping, looking over, asking."""

import subprocess
import sys
from pathlib import Path

import pytest

from .running import run

ROOT = Path(__file__).parents[2]


def test_import_prints_the_runs_and_what_could_not_be_read(tmp_path):
    bad = tmp_path / "bad.ndjson"
    bad.write_text('{"data": [{"id": "1", "text": "x"}]}\nnot json\n')
    shown = run("import", ROOT / "data" / "tweet-words.ndjson", bad, "--archive", tmp_path / "a")

    assert shown.exit_code == 0, shown.stderr
    rows = [line.split(",") for line in shown.stdout.splitlines()]
    assert rows[0][:5] == ["run_id", "action", "state", "pages", "rows"]
    assert [row[1:4] for row in rows[1:]] == [["import", "done", "3"], ["import", "done", "2"]]
    assert "2 files, 5 pages" in shown.stderr
    assert "1 problem of kind unreadable_page" in shown.stderr


def test_a_program_that_only_imports_does_without_pandas(tmp_path):
    words = ["import", str(ROOT / "data" / "tweet-words.ndjson"), "--archive", str(tmp_path / "a")]
    script = f"import sys; sys.argv[1:] = {words!r}\nfrom xframes.cli import main\n"
    end = "try: main()\nfinally: print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script + end], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"


def test_import_twice_adds_nothing(tmp_path):
    words = ("import", ROOT / "data" / "tweet-words.ndjson", "--archive", tmp_path / "a", "--processes", 1)
    assert run(*words).stdout == run(*words).stdout


@pytest.mark.slow
def test_the_housekeeping_commands_leave_the_answers_as_they_were(archive, tmp_path):
    counted = "select count(*) as posts, sum(like_count) as likes from posts"
    before = run("sql", counted, "--archive", archive).stdout
    for command in ("compact", "rebuild", "verify", "runs"):
        assert run(command, "--archive", archive).exit_code == 0
    assert run("sql", counted, "--archive", archive).stdout == before


def test_verify_says_what_is_wrong_and_fails(tmp_path):
    folder = tmp_path / "a"
    run("import", ROOT / "data" / "tweet-words.ndjson", "--archive", folder)
    part = min((folder / "pages").glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:-20])
    shown = run("verify", "--archive", folder, "--format", "json")

    assert shown.exit_code == 1
    assert "pages/part-" in shown.stdout
    assert "finding" in shown.stderr


def test_what_says_nothing_to_do_is_wrong_usage(archive):
    for words, said in [(("sql", " "), "QUERY"), (("remove", "--reason", "why"), "--post or --user")]:
        shown = run(*words, "--archive", archive)
        assert shown.exit_code == 2
        assert said in shown.stderr


def test_sql_from_stdin_and_statements_without_rows(archive):
    shown = run("sql", "-", "--archive", archive, input="select 1 as one\n")
    assert shown.stdout == "one\n1\n"
    assert run("sql", "set threads = 1", "--archive", archive).exit_code == 0


def test_import_counts_what_was_stored_and_left_and_fails_for_what_is_refused(tmp_path):
    post = '{"id_str": "5", "text": "tea", "user": {"id_str": "7", "screen_name": "ada"}}\n'
    good, ids, likes = tmp_path / "good.jsonl", tmp_path / "ids.json", tmp_path / "folder"
    good.write_text(post + post)
    ids.write_text('{"ids": [1, 2], "next_cursor": 0}')
    likes.mkdir()
    (likes / "account.js").write_text('window.YTD.account.part0 = [{"account": {"accountId": "7", "username": "ada"}}]')
    (likes / "like.js").write_text('window.YTD.like.part0 = [{"like": {"tweetId": "9"}}]')
    shown = run("import", good, "--archive", tmp_path / "a")
    assert (shown.exit_code, shown.stderr.splitlines()[-1]) == (0, "good.jsonl: stored posts 1, users 1")
    shown = run("import", good, ids, "--archive", tmp_path / "a")
    assert shown.exit_code == 1
    assert "users lookup" in shown.stderr
    assert "good.jsonl: stored posts 1, users 1" in shown.stderr
    shown = run("import", likes, "--archive", tmp_path / "a")
    assert shown.exit_code == 0
    assert "likes (1)" in shown.stderr.splitlines()[-1]
    shown = run("import", likes / "like.js", "--archive", tmp_path / "a")  # a file that is named is read
    assert "likes 1" in shown.stderr.splitlines()[-1]


def test_formats_are_listed():
    shown = run("formats", "--format", "csv")
    assert shown.exit_code == 0
    assert "v11-post" in shown.stdout
