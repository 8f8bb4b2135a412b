"""Archives in every state of their files, and how their tables on Spark are compared with those of DuckDB."""

import random
from contextlib import suppress

import pytest

import xframes as xf
from tests.archives import EVERYTHING, page, post
from xframes.archive.upkeep import levels, settling
from xframes.errors import ArchiveError

NEW_WORDS = {"referenced_tweets": "referenced_posts", "edit_history_tweet_ids": "edit_history_post_ids"}
TAGS = [{"start": 0, "end": 4, "tag": "tea"}, {"start": 5, "end": 9, "tag": "Tee"}]
MENTIONS = [{"start": 0, "end": 3, "username": "ada"}, {"start": 4, "end": 6, "username": "bob", "id": "8"}]
URLS = [{"start": 0, "end": 3, "url": "https://t.co/a", "expanded_url": "https://example.org/a"}]


def rich(chance):
    """A post as one page shows it: some fields are missing, some differ from page to page."""
    number = chance.randrange(1, 24)
    found = post(number, author_id=chance.choice(["7", "8"]), public_metrics={"like_count": chance.randrange(99)})
    found["entities"] = {"hashtags": TAGS[:chance.randrange(3)], "mentions": MENTIONS[:chance.randrange(3)],
                         "urls": URLS[:chance.randrange(2)]}
    if chance.random() < 0.4:
        found["edit_history_tweet_ids"] = [str(number - number % 3), str(number)]
    if chance.random() < 0.5:
        found["referenced_tweets"] = [{"type": chance.choice(["retweeted", "replied_to", "quoted"]), "id": str(chance.randrange(1, 24))}]
    if chance.random() < 0.3:
        del found["lang"]
    if chance.random() < 0.4:  # X's other vocabulary
        found = {NEW_WORDS.get(key, key): value for key, value in found.items()}
    return found


def fill(archive, seed, count=3):
    """Pages of few posts, in no order of time; some of them asked for everything."""
    chance = random.Random(seed)
    for number in range(count):
        posts = [rich(chance) for _ in range(5)]
        archive.add([page(*posts, seconds=chance.randrange(500), params=chance.choice([EVERYTHING, {}]), run_id=f"run-{seed}-{number % 2}")])


def mixed(path, other):
    """Compacted, settled and fresh files, some with rows that do not hold, and those of a second machine."""
    archive = xf.Archive(path)
    with pytest.MonkeyPatch.context() as patch:  # settle the smallest archives, and put few files together
        patch.setattr(settling, "WORTH_BYTES", 0)
        patch.setattr(levels, "LARGE_ROWS", 0)
        fill(archive, 1)
        archive.compact()
        fill(archive, 2)
    with xf.Archive(other) as second:
        fill(second, 4)
        second.compact()
    archive.merge(str(other))
    fill(archive, 5, 1)
    files = archive._folder.files("posts")
    assert files.settled
    assert files.settled.dead["posts"]
    assert files.besides(files.settled.files["posts"])
    return archive


def hide(archive, **what):
    """Remove while another process reads: the rows are hidden, and stay in the files."""
    reading = archive.connect()
    with suppress(ArchiveError):
        archive.remove(**what, reason="request")
    reading.close()
    del reading


def as_rows(table, schema):
    rows = table.select(schema.names).cast(schema).to_pylist()
    return sorted(map(repr, rows)), rows


def assert_same(frame, archive, name):
    """A table on Spark has the rows that DuckDB shows; `results` in the same order."""
    expected = archive.sql(f'select * from "{name}"').to_arrow_table()
    found = frame.toArrow()
    assert found.schema.names == expected.schema.names
    assert as_rows(found, expected.schema)[0] == as_rows(expected, expected.schema)[0], name
    if name == "results":
        assert found["id"].to_pylist() == expected["id"].to_pylist()
