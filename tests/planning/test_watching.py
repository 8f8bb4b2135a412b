"""Watches: what is repeated when, within budgets, stopped and started again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import xframes as xf
from tests.cli.running import run
from tests.invoices import Shop, serving
from xframes.client import Client
from xframes.errors import ArgumentError, ConfigError
from xframes.planning.watches.watch_file import read_watch

pytestmark = pytest.mark.filterwarnings("ignore:.*the newest post in the archive is from")  # the ids of the shop are old
APP = "invented-watch-key-3c8e91"
SEARCH = {"action": "search.recent", "query": "t0", "every": "1h", "expansions": "lean", "limit": 20}


class Clock:
    """A clock that moves only when somebody sleeps; `until` ends the watch as Ctrl-C does."""

    def __init__(self):
        self.now, self.until = datetime.now(UTC), None

    def sleep(self, seconds):
        self.now += timedelta(seconds=seconds)
        if self.until and self.now >= self.until:
            raise KeyboardInterrupt

    def client(self, server, **options):
        return Client(options.pop("token", APP), base_url=server.url, sleep=self.sleep, now=lambda: self.now, retries=2, **options)


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XFRAMES_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def shop():
    made = Shop(posts=300)
    with serving(made) as made.url:
        yield made


@pytest.fixture(scope="module")
def sandbox():
    with xf.sandbox.start(posts=300, users=50) as running:
        yield running


def content(tmp_path, **more):
    return {"archive": str(tmp_path / "archive"), **more}


def outcomes(events):
    return list(zip(events["task"], events["outcome"], strict=True))


def test_collections_are_repeated_and_stopped_and_started(shop, tmp_path):
    source = content(tmp_path, collect={"tea": SEARCH, "counts": {"action": "counts.recent", "query": "t0", "every": "3h"}})
    clock = Clock()
    start, clock.until = clock.now, clock.now + timedelta(hours=3, minutes=30)
    events = xf.watch(source, client=clock.client(shop))
    tea, counts = (events[events["task"] == f"collect.{name}"] for name in ("tea", "counts"))
    assert [round((at - start).total_seconds() / 3600) for at in tea["at"]] == [0, 1, 2, 3]
    assert [round((at - start).total_seconds() / 3600) for at in counts["at"]] == [0, 3]
    assert set(events["outcome"]) == {"done"}
    clock.until = clock.now + timedelta(hours=1)  # the next search is due after half an hour
    again = xf.watch(source, client=clock.client(shop))
    assert outcomes(again) == [("collect.tea", "done")]
    runs = xf.Archive(tmp_path / "archive").runs()
    assert set(events["run_id"]) | set(again["run_id"]) == set(runs["run_id"])


def test_once_does_what_is_due(shop, tmp_path):
    source = content(tmp_path, collect={"tea": SEARCH})
    clock = Clock()
    assert outcomes(xf.watch(source, once=True, client=clock.client(shop))) == [("collect.tea", "done")]
    clock.now += timedelta(minutes=30)
    assert outcomes(xf.watch(source, once=True, client=clock.client(shop))) == []
    clock.now += timedelta(minutes=29, seconds=30)  # cron is not exact
    assert outcomes(xf.watch(source, once=True, client=clock.client(shop))) == [("collect.tea", "done")]


def test_a_search_continues_after_the_newest_post(sandbox, tmp_path):
    source = content(tmp_path, collect={"coffee": {"action": "search.recent", "query": "coffee", "every": "1h"}})
    clock = Clock()
    for _ in range(2):
        xf.watch(source, once=True, client=clock.client(sandbox, token=sandbox.bearer_token))
        clock.now += timedelta(hours=1)
    searches = [request.params for request in sandbox.requests if request.path.endswith("/search/recent")]
    assert ("since_id" in searches[0], "since_id" in searches[-1]) == (False, True)


@pytest.mark.parametrize("budgets", [["0.10/day", "0.15/month"], ["0.15/month", "0.10/day"]])
def test_all_budgets_are_kept(shop, tmp_path, budgets):
    topics = {f"u{number}": {**SEARCH, "query": f"u{number}", "every": "1d"} for number in range(4)}
    source = content(tmp_path, budget=budgets, collect=topics)
    clock = Clock()
    clock.now = clock.now.replace(day=3, hour=1)
    shop.clock = lambda: clock.now
    events = xf.watch(source, once=True, client=clock.client(shop))
    assert shop.total()[1] == pytest.approx(0.10)
    assert [outcome for _, outcome in outcomes(events)].count("stopped") == 3
    clock.now += timedelta(days=1)
    xf.watch(source, once=True, client=clock.client(shop))
    assert shop.total()[1] == pytest.approx(0.15)
    clock.now += timedelta(days=1)
    assert {outcome for _, outcome in outcomes(xf.watch(source, once=True, client=clock.client(shop)))} == {"stopped"}
    assert shop.total()[1] == pytest.approx(0.15)
    assert events["price_high"].sum() == pytest.approx(0.10)


def test_an_interrupted_collection_is_continued(shop, tmp_path):
    lookup = {"action": "posts.lookup", "post_ids": [str(10_000 + number) for number in range(250)], "every": "1h", "expansions": "lean"}
    source = content(tmp_path, collect={"posts": lookup})
    clock = Clock()
    shop.faults = [None, 503, 503, 503]
    (first,) = xf.watch(source, once=True, client=clock.client(shop)).itertuples()
    assert first.outcome == "stopped"
    clock.now += timedelta(hours=1)
    (second,) = xf.watch(source, once=True, client=clock.client(shop)).itertuples()
    assert (second.outcome, second.run_id) == ("done", first.run_id)
    assert shop.total()[1] == pytest.approx(250 * 0.005)
    assert len(xf.Archive(tmp_path / "archive").ids()) == 250


def test_metrics_are_read_again_on_their_schedule(sandbox, tmp_path):
    search = {"action": "search.recent", "query": "coffee", "every": "30d", "limit": 10, "expansions": "lean"}
    source = content(tmp_path, collect={"coffee": search}, refresh={"hours": [1, 24 * 8], "every": "1d"})
    clock = Clock()
    first = xf.watch(source, once=True, client=clock.client(sandbox, token=sandbox.bearer_token))
    assert outcomes(first) == [("collect.coffee", "done"), ("refresh", "done")]
    assert not first["detail"].iloc[1].startswith("10 ")
    clock.now += timedelta(days=8, hours=1)
    (later,) = xf.watch(source, once=True, client=clock.client(sandbox, token=sandbox.bearer_token)).itertuples()
    assert (later.task, later.outcome) == ("refresh", "done")
    with xf.Archive(tmp_path / "archive") as archive:
        assert archive.run(later.run_id).rows >= 10


@pytest.mark.slow
def test_ids_are_checked_and_reported(tmp_path):
    with xf.sandbox.start(posts=300, users=50) as sandbox:
        check_ids(sandbox, tmp_path)


def check_ids(sandbox, tmp_path):
    sandbox.compliance.processing_seconds = 0
    client = xf.Client(sandbox.bearer_token, base_url=sandbox.url, writes=True)
    with xf.Archive(tmp_path / "archive") as archive:
        xf.search.recent("coffee", limit=20, into=archive, client=client)
        deleted = set(archive.ids()[:3])
        suspended = archive.sql("SELECT author_id FROM posts WHERE id = ?", [archive.ids()[5]]).fetchall()[0][0]
    for id in deleted:
        sandbox.community.posts[int(id)].state = "deleted"
    sandbox.community.people[int(suspended)].standing = "suspended"
    source = content(tmp_path, compliance={"every": "7d", "report": str(tmp_path / "gone.csv")})
    with pytest.raises(ArgumentError):
        xf.watch(source, once=True, client=xf.Client(sandbox.bearer_token, base_url=sandbox.url))
    (event,) = xf.watch(source, once=True, client=client).itertuples()
    assert event.outcome == "done", event.detail
    with xf.Archive(tmp_path / "archive") as archive:
        removals = archive.frame("removals")
        assert deleted | {suspended} <= set(removals["id"])
        assert set(archive.runs()["state"]) == {"done"}
    lines = (tmp_path / "gone.csv").read_text().splitlines()
    assert lines[0].startswith("table,id,reason")
    assert {line.split(",")[1] for line in lines[1:]} == set(removals["id"])
    assert "posts checked" in event.detail
    assert "users checked" in event.detail


@pytest.mark.slow
def test_a_compliance_job_does_not_hold_up_other_tasks(sandbox, tmp_path):
    clock = Clock()
    start, clock.until = clock.now, clock.now + timedelta(minutes=5)
    sandbox.compliance.processing_seconds = 10**6
    client = clock.client(sandbox, token=sandbox.bearer_token, writes=True)
    with xf.Archive(tmp_path / "archive") as archive:
        xf.search.recent("coffee", limit=20, into=archive, client=client)
        sandbox.community.posts[int(archive.ids()[0])].state = "deleted"
    count = {"action": "counts.recent", "query": "tea", "every": "2m"}
    source = content(tmp_path, compliance={"every": "7d", "report": str(tmp_path / "gone.csv")}, collect={"tea": count})
    events = xf.watch(source, client=client)
    assert outcomes(events).count(("compliance", "waiting")) == 1
    assert outcomes(events).count(("collect.tea", "done")) >= 2
    sandbox.compliance.processing_seconds = 0
    for job in sandbox.compliance.jobs.values():
        job.done = 0.0
    clock.until = start + timedelta(minutes=12)  # another process continues the job of the first
    events = xf.watch(source, client=client)
    assert ("compliance", "done") in outcomes(events)
    assert outcomes(events).count(("compliance", "done")) == 1
    assert "posts," in (tmp_path / "gone.csv").read_text()
    with xf.Archive(tmp_path / "archive") as archive:
        runs = archive.runs()
        assert len(runs[runs.action == "write.run_compliance_job"]) == 3  # posts: begun, finished; users: both at once
        assert set(runs["state"]) == {"done"}


def test_without_an_archive_there_is_nothing_to_check(sandbox, tmp_path):
    client = xf.Client(sandbox.bearer_token, base_url=sandbox.url, writes=True)
    source = content(tmp_path, compliance={"every": "7d"}, refresh={"hours": [1]})
    assert set(xf.watch(source, dry_run=True, client=client)["outcome"]) == {"planned"}
    assert set(xf.watch(source, once=True, client=client)["outcome"]) == {"done"}


@pytest.mark.slow
def test_a_dry_run_estimates_from_what_the_archive_found(sandbox, tmp_path):
    clock = Clock()
    client = clock.client(sandbox, token=sandbox.bearer_token)
    with xf.Archive(tmp_path / "archive") as archive:
        xf.search.recent("coffee OR tea OR climate OR chess OR duckdb OR cycling", client=client, into=archive)
        found = archive.tables["matches"]
    query = {"action": "search.recent", "query": "coffee OR tea OR climate OR chess OR duckdb OR cycling", "every": "1d"}
    requests = client.requests_made
    plan = xf.watch(content(tmp_path, collect={"all": query}), dry_run=True, client=client).iloc[0]
    assert client.requests_made == requests
    assert found > 60
    daily = found / 7 * 0.005
    assert 0.2 * daily < plan.price_low < daily < plan.price_high < 12 * daily
    blind = xf.watch(content(tmp_path, collect={"all": {**query, "query": "bread"}}), dry_run=True, client=client)
    assert blind.price_high.isna().all()


def test_conditions_run_a_command_once_or_end_the_watch(shop, tmp_path):
    out = tmp_path / "alerts.txt"
    script = f"import os; open({str(out)!r}, 'a').write(os.environ['XFRAMES_ALERT'] + os.environ['XFRAMES_VALUE'] + ' ')"
    many = {"sql": "SELECT count(*) FROM posts HAVING count(*) >= 15", "command": [sys.executable, "-c", script]}
    source = content(tmp_path, collect={"tea": SEARCH}, alerts={"many": many, "wrong": {"sql": "SELECT nothing", "exit_code": 9}})
    clock = Clock()
    clock.until = clock.now + timedelta(minutes=3)
    events = xf.watch(source, client=clock.client(shop))
    assert out.read_text() == "many20 "
    assert [outcome for task, outcome in outcomes(events) if task == "alerts.many"] == ["true"]
    assert [outcome for task, outcome in outcomes(events) if task == "alerts.wrong"] == ["failed"]
    source["alerts"] = {"share": {"sql": "SELECT true", "exit_code": 7}}
    ended = xf.watch(source, client=clock.client(shop))
    assert ended["exit_code"].iloc[-1] == 7


def test_a_dry_run_sends_nothing_and_has_the_price(shop, tmp_path):
    free = {"action": "timelines.user", "user_id": "900", "every": "6h"}
    source = content(tmp_path, budget="1/day", collect={"tea": SEARCH, "free": free}, alerts={"a": {"sql": "SELECT 1", "exit_code": 3}})
    plan = xf.watch(source, dry_run=True, client=Clock().client(shop)).set_index("task")
    assert shop.field_params == []
    assert plan.loc["collect.tea", "price_high"] == pytest.approx(20 * 0.005)
    assert plan.loc["collect.free", "price_high"] != plan.loc["collect.free", "price_high"]  # no bound
    assert set(plan["outcome"]) == {"planned"}
    assert not xf.Archive(tmp_path / "archive").runs().shape[0]


@pytest.mark.parametrize("source", [
    {}, {"archive": "a"}, {"archive": "a", "colect": {}}, {"archive": "a", "collect": {"x": {"action": "search.recent", "query": "q"}}},
    {"archive": "a", "collect": {"x": {"action": "search.recnt", "query": "q", "every": "1h"}}},
    {"archive": "a", "collect": {"x": {"action": "write.like", "post_id": "1", "every": "1h"}}},
    {"archive": "a", "collect": {"x": {"action": "streams.sample", "every": "1h"}}},
    {"archive": "a", "collect": {"x": {"action": "search.recent", "qery": "q", "every": "1h"}}},
    {"archive": "a", "collect": {"x": {"action": "search.recent", "query": "q", "every": "soon"}}},
    {"archive": "a", "budget": "lots", "refresh": {"hours": [1]}}, {"archive": "a", "refresh": {"hours": []}},
    {"archive": "a", "compliance": {"every": "7d", "tables": ["lists"]}}, {"archive": "a", "alerts": {"x": {"sql": "SELECT 1"}}},
    {"archive": "a", "alerts": {"x": {"sql": "SELECT 1", "exit_code": 0}}}, {"archive": "a", "collect": {"tea": 3}},
])
def test_what_is_not_understood_is_refused_before_any_request(shop, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError):
        xf.watch(source, once=True, client=Clock().client(shop, writes=True))
    assert shop.field_params == []


def test_paths_in_a_file_are_relative_to_it(tmp_path):
    file = tmp_path / "watch.toml"
    file.write_text('archive = "here"\n[compliance]\nevery = "7d"\nreport = "gone.csv"\n[collect.a]\naction = "counts.recent"\nquery = "q"\nevery = "90m"\n')
    watched = read_watch(file)
    assert watched.archive == str(tmp_path / "here")
    assert [task.every for task in watched.tasks] == [timedelta(minutes=90), timedelta(days=7)]
    assert watched.tasks[1].report == tmp_path / "gone.csv"


def test_the_example_of_the_readme_is_understood():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (example,) = [block for block in re.findall(r"```toml\n(.*?)```", readme, re.DOTALL) if "[collect." in block]
    watched = read_watch(tomllib.loads(example))
    assert [task.name for task in watched.tasks] == ["collect.coffee", "refresh", "compliance", "alerts.spike"]
    assert [budget.per for budget in watched.budgets] == ["day", "month"]


FILE = """
archive = "archive"
budget = "1/day"
[collect.tea]
action = "search.recent"
query = "t0"
every = "1h"
limit = 20
expansions = "lean"
"""


def test_the_command(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("XFRAMES_BEARER_TOKEN", APP)
    monkeypatch.setenv("XFRAMES_BASE_URL", shop.url)
    file = tmp_path / "watch.toml"
    file.write_text(FILE)
    dry = run("watch", file, "--dry-run", "--format", "json")
    assert json.loads(dry.stdout)[0]["outcome"] == "planned"
    done = run("watch", file, "--once")
    assert (done.exit_code, "collect.tea: done" in done.stdout) == (0, True)
    assert "$0.10" in done.stderr
    file.write_text(FILE + '[alerts.a]\nsql = "SELECT count(*) > 3 FROM posts"\nexit_code = 12\n')
    assert run("watch", file).exit_code == 12
    file.write_text(FILE.replace("1/day", "0.0/day").replace("tea", "other"))
    low = run("watch", file, "--once")
    assert low.exit_code == 3, low.output
    file.write_text("archive = 3")
    assert run("watch", file).exit_code == 2


@pytest.mark.slow
def test_one_process_watches_and_stops_when_told(shop, tmp_path):
    file = tmp_path / "watch.toml"
    file.write_text(FILE)
    environment = {**os.environ, "XFRAMES_BEARER_TOKEN": APP, "XFRAMES_BASE_URL": shop.url}
    process = subprocess.Popen([sys.executable, "-m", "xframes.cli", "watch", str(file)], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert "collect.tea: done" in process.stdout.readline()
        with pytest.raises(ConfigError):
            xf.watch(file, once=True, client=Client(APP, base_url=shop.url))
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
    assert outcomes(xf.watch(file, once=True, client=Client(APP, base_url=shop.url))) == []


@pytest.mark.slow
def test_a_killed_watch_continues_where_it_was(shop, tmp_path):
    file = tmp_path / "watch.toml"
    lookup = ", ".join(f'"{10_000 + number}"' for number in range(250))
    file.write_text(f'archive = "archive"\n[collect.posts]\naction = "posts.lookup"\nevery = "6h"\nexpansions = "lean"\npost_ids = [{lookup}]\n')
    shop.faults = [None, "hang"]
    environment = {**os.environ, "XFRAMES_BEARER_TOKEN": APP, "XFRAMES_BASE_URL": shop.url}
    process = subprocess.Popen([sys.executable, "-m", "xframes.cli", "watch", str(file)], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while shop.requests < 2 and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    shop.hanging.set()
    (event,) = xf.watch(file, once=True, client=Client(APP, base_url=shop.url)).itertuples()
    assert event.outcome == "done"
    archive = xf.Archive(tmp_path / "archive")
    assert archive.runs()["state"].tolist() == ["done"]
    assert len(archive.ids()) == 250
    assert shop.requests == 4  # three parts, and the one whose answer was lost again
