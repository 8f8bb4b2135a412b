"""Workers and drivers die in mid-job and in mid-commit, tasks run twice, and two jobs race.

Nothing is lost, and nothing is there twice. Each fault comes ten times, at different moments.
"""

import contextlib
import threading
import time

import pytest

from xframes.archive import Archive

from .invented_files import differences, write

AGAIN = [pytest.param(n, marks=pytest.mark.slow, id=f"again-{n}") for n in range(1, 10)]
ALWAYS = [pytest.param(0, id="once"), *AGAIN]  # the fault that the small part of the suite has
TEN = [pytest.param(0, marks=pytest.mark.slow, id="once"), *AGAIN]
PAGES = 30
HANGING = 6  # seconds; after three, Spark starts a copy of a task
SPECULATION = {"spark.speculation": "true", "spark.speculation.interval": "50ms", "spark.speculation.quantile": "0.3",
               "spark.speculation.multiplier": "1.5", "spark.speculation.minTaskRuntime": "1s",
               "spark.speculation.task.duration.threshold": "3s"}  # of stages with a single task
pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The file, and the tables that one machine makes of it."""
    home = tmp_path_factory.mktemp("single")
    path = write(home / "pages.jsonl", range(PAGES))
    with Archive(home / "archive") as archive:
        archive.import_pages(path)
        yield path, archive


@pytest.fixture(scope="class")
def spare(cluster):
    """Drivers that have started: the next one starts while a test has its own. One core each is enough."""
    waiting = []
    yield waiting
    for made in waiting:
        made.kill()


@pytest.fixture
def driver(cluster, spare):
    """A driver for one test, which kills it."""
    made = next_driver(cluster, spare)
    yield made
    made.kill()


def next_driver(cluster, spare):
    made = spare.pop() if spare else cluster.driver(cores=1)
    spare.append(cluster.driver(cores=1))
    return made


@pytest.fixture(scope="class")
def steady(cluster):
    """A driver that survives, for tests that kill something else."""
    made = cluster.driver(**SPECULATION)
    yield made
    made.kill()


@pytest.fixture(scope="class")
def two(cluster):
    """Two drivers with a core each."""
    drivers = cluster.driver(cores=1), cluster.driver(cores=1)
    yield drivers
    for made in drivers:
        made.kill()


def staged(place):
    return [path for path in (place / ".tmp").glob("*.parquet") if path.stat().st_size]


def is_publishing(place):
    """Whether the commit of a compaction, after that of its settling, has begun."""
    if list((place / "tables/posts").glob("base-*")):
        return True
    with contextlib.suppress(OSError):
        return any("base-" in commit.read_text() for commit in (place / ".tmp").glob("commit-*.json"))
    return False


def wait_until(test, seconds=240):
    until = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < until
        time.sleep(0.002)


class TestWorkers:
    """One driver survives all of it."""

    @pytest.mark.parametrize("number", TEN)
    def test_a_worker_is_killed_in_mid_job(self, cluster, steady, single, tmp_path, number):
        """Its tasks run again on the other worker; the files of the dead attempts are never published."""
        path, expected = single
        place = tmp_path / "spark"
        steady.start("import_pages", str(place), path, task_bytes=30_000)
        wait_until(lambda: len(staged(place)) > 5 + 4 * number)
        cluster.kill_worker()
        assert steady.answer()["rows"]["pages"] == PAGES
        assert_whole(place, expected)

    @pytest.mark.parametrize("number", TEN)
    def test_a_task_runs_twice(self, cluster, steady, single, tmp_path, number):
        """A worker hangs for some seconds, a copy of its task runs on the other one, and the first one goes on to write."""
        path, expected = single
        place = tmp_path / "spark"
        steady.start("import_pages", str(place), path, task_bytes=30_000)
        wait_until(lambda: len(staged(place)) > 5 + 4 * number)
        with cluster.hanging_tasks() as stopped:
            assert stopped
            time.sleep(HANGING)
        assert steady.answer()["rows"]["pages"] == PAGES
        assert_whole(place, expected)


def assert_whole(place, expected):
    """Nothing is lost or doubled, and after one more look nothing is left of what was not published."""
    with Archive(place) as archive:
        assert differences(archive, expected) == []
        assert archive.verify().ok
        archive.compact()
        assert differences(archive, expected) == []
        assert not list((place / ".tmp").iterdir())


class TestDrivers:
    """Each loses its driver."""

    @pytest.mark.parametrize("number", TEN)
    def test_a_driver_is_killed_while_tasks_write(self, cluster, spare, driver, single, tmp_path, number):
        """Nothing is visible, and the next job removes what was staged and imports everything once."""
        path, expected = single
        place = tmp_path / "spark"
        driver.start("import_pages", str(place), path, task_bytes=30_000)
        wait_until(lambda: len(staged(place)) > 5 + 4 * number)
        driver.kill()
        with Archive(place) as archive:
            assert archive.tables["posts"] == 0
            if number % 2:  # either side cleans up
                archive.import_pages(path)
        if not number % 2:
            second = next_driver(cluster, spare)
            assert second("import_pages", str(place), path, task_bytes=200_000)["rows"]["pages"] == PAGES
            second.kill()
        assert_whole(place, expected)

    @pytest.mark.parametrize("number", ALWAYS)
    def test_a_driver_is_killed_in_mid_commit(self, driver, store, single, number):
        """In a bucket, after some files were published: whoever opens the archive next publishes the rest."""
        path, expected = single
        url = f"s3://jobs/mid-commit-{number}"
        killed = threading.Event()

        def on_copy(count):
            if count == 3 + 2 * number and not killed.is_set():
                killed.set()
                driver.kill()

        store.watch(on_copy)
        driver.start("import_pages", url, path, task_bytes=100_000)
        assert killed.wait(240)
        store.watch(None)
        with Archive(url) as archive:
            assert differences(archive, expected, ("runs",)) == []
            assert archive.verify().ok
            archive.compact()
            assert differences(archive, expected, ("runs",)) == []

    @pytest.mark.parametrize("number", TEN)
    def test_a_driver_is_killed_in_mid_commit_of_a_folder(self, driver, single, tmp_path, number):
        """All is published or nothing; a compaction leaves the rows as they were in either case."""
        path, expected = single
        place = tmp_path / "spark"
        with Archive(place) as archive:
            archive.import_pages(path)
            driver.start("compact", str(place), range_bytes=20_000 - 1_500 * number)
            wait_until(lambda: is_publishing(place))
            driver.kill()
            assert differences(archive, expected) == []
            assert archive.verify().ok
            assert len(list((place / "tables/posts").glob("base-*"))) > 1
            archive.compact()
            assert differences(archive, expected) == []
            assert not list((place / ".tmp").iterdir())


class TestRaces:
    """Two drivers have a core each."""

    @pytest.mark.parametrize("number", TEN)
    def test_two_jobs_race(self, two, single, tmp_path, number):
        path, _ = single
        place = tmp_path / "spark"
        other = write(tmp_path / "other.jsonl", range(PAGES, PAGES + 10))
        driver, second = two
        driver.start("import_pages", str(place), path, task_bytes=60_000)
        second.start("import_pages", str(place), other, task_bytes=60_000)
        assert driver.answer()["rows"]["pages"] == PAGES
        assert second.answer()["rows"]["pages"] == 10
        driver.start("compact", str(place), range_bytes=20_000)
        time.sleep(number / 4)
        second.start("rebuild", str(place))
        assert "error" not in driver.answer()
        assert "error" not in second.answer()
        with Archive(tmp_path / "single") as expected:
            expected.import_pages([path, other])
            assert_whole(place, expected)
