"""`python -m tests.benchmarks` at a tiny size: every table has its rows. No number is judged."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import pairwise

import msgspec
import pytest

import xframes as xf
from tests.benchmarks import queries
from tests.benchmarks.__main__ import BENCHMARKS, main
from tests.benchmarks.measuring import ROOT
from tests.benchmarks.pages import page, pages_again, post_id, search_pages, write, write_pages
from tests.benchmarks.rivals import RIVALS, answered

STATES = 4


def tables_of(text: str) -> dict[str, list[list[str]]]:
    """The rows of each Markdown table, by its title up to a colon or comma."""
    tables: dict[str, list[list[str]]] = {}
    title = ""
    for line in text.splitlines():
        if line.startswith("### "):
            title = line.removeprefix("### ")
            tables[title] = []
        elif line.startswith("| "):
            tables[title].append([cell.strip() for cell in line.strip("|").split("|")])
    for rows in tables.values():
        assert len({len(row) for row in rows}) == 1
        del rows[:2]  # the head
    return tables


@pytest.fixture
def printed(capsys):
    def printed(*arguments: str) -> list[list[list[str]]]:
        main([*arguments, "--size", "100"], rounds=1)
        return list(tables_of(capsys.readouterr().out).values())

    return printed


@pytest.mark.slow
def test_queries(printed):
    (rows,) = printed("queries")
    assert Counter(row[1] for row in rows) == dict.fromkeys(queries.QUERIES, STATES)


@pytest.mark.slow
def test_growth(printed):
    growth, year, queries_of_year = printed("growth", "--seconds")
    assert [len(growth), len(year), len(queries_of_year)] == [6, 6, 4 * len(queries.QUERIES)]


@pytest.mark.slow
def test_memory(printed):
    growth, imports = printed("growth", "import", "--memory")
    assert [len(growth), len(imports)] == [4, 2]
    assert all(int(row[-2]) > 0 for row in growth + imports)


@pytest.mark.slow
def test_importing(printed):
    in_process, commands = printed("import", "--seconds")
    assert len(in_process) == 2 + len(RIVALS)
    assert len(commands) == 3


@pytest.mark.slow
def test_opening(printed):
    (rows,) = printed("opening")
    assert len(rows) == 6


@pytest.mark.slow
def test_live_path_as_a_command():
    command = [sys.executable, "-m", "tests.benchmarks", "live", "--size", "100"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (rows,) = tables_of(done.stdout).values()
    assert len(rows) == 3


@pytest.mark.parametrize("arguments", [
    ["lives"], ["--size", "0"], ["--size", "many"], ["--size", "9000000m"],  # more than any disk has
])
def test_wrong_arguments_end_the_command(arguments):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2


def test_help_lists_every_benchmark(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert raised.value.code == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in BENCHMARKS)


# the generator


def test_pages_are_the_same_each_time_and_bear_ids_that_grow_with_time():
    assert page(3) == page(3) != page(4)
    ids = [int(post_id(number)) for number in range(5000)]
    assert all(one < other for one, other in pairwise(ids))


def test_a_search_finds_the_posts_newest_first_and_ends(tmp_path):
    found = [msgspec.json.decode(body) for body in search_pages(50, 250)]
    ids = [post["id"] for body in found for post in body["data"]]
    assert ids == [post_id(number) for number in range(299, 49, -1)]
    assert ["next_token" in body["meta"] for body in found] == [True, True, False]


def test_posts_are_rich_and_differ_from_row_to_row():
    frames = xf.flatten([answered(body) for body in search_pages(0, 1000)])
    posts = frames.posts.drop_duplicates("id")
    assert posts["text"].nunique() > 0.95 * len(posts)
    assert len(frames.matches) == 1000
    assert 50 <= len(posts) - 1000 <= 200  # those referred to, each often
    authors = posts["author_id"].value_counts()
    assert authors.iloc[0] > 5
    assert (authors == 1).mean() > 0.5
    tags = frames.post_hashtags["tag"].value_counts()
    assert len(tags) > 100
    assert tags.iloc[0] > 10
    assert set(posts["author_id"]) <= set(frames.users["id"])


def test_posts_seen_again_keep_their_ids_and_change_their_metrics():
    (first,), (again,) = search_pages(0, 40), pages_again(range(40))
    before, after = (msgspec.json.decode(body)["data"] for body in (first, again))
    assert [post["id"] for post in before] == [post["id"] for post in after]
    assert [post["text"] for post in before] == [post["text"] for post in after]
    likes = [[post["public_metrics"]["like_count"] for post in posts] for posts in (before, after)]
    assert all(one < other for one, other in zip(*likes, strict=True))


def test_files_have_the_size_wanted(tmp_path):
    posts = write(tmp_path / "sized.jsonl", 1.2)
    assert 1.2e6 <= (tmp_path / "sized.jsonl").stat().st_size < 1.9e6
    assert posts % 100 == 0
    assert write_pages(tmp_path / "one.jsonl", [page(1)]) == (tmp_path / "one.jsonl").stat().st_size
