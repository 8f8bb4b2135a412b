"""Watch: repeat collections, refreshes, checks and conditions, within budgets, in one process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import subprocess
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from filelock import FileLock, Timeout

from xframes.archive import Archive, Run
from xframes.billing.card import in_dollars
from xframes.billing.guard import most_expensive
from xframes.billing.meter import Meter, Ticket
from xframes.client import Client
from xframes.collect.dispatch import collect, own_ids
from xframes.errors import ArgumentError, ConfigError, Interrupted, XframesError
from xframes.plan import plan
from xframes.planning.costs.costing import expected_price
from xframes.planning.lookups import complete
from xframes.planning.watches.compliance_check import Check
from xframes.planning.watches.watch_file import (
    Alert,
    Collection,
    Compliance,
    Refresh,
    Task,
    Watch,
    read_watch,
)
from xframes.registry import ACTIONS
from xframes.registry.prices import dollars
from xframes.screen import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from xframes.billing.budget import Amount, Budget
    from xframes.wire import Request

__all__ = ["WatchEvent", "watch"]

log = logging.getLogger("xframes")
_LONGEST_SLEEP = 60.0  # seconds until the clock is read again: a machine may have slept
_COMMAND_SECONDS = 600.0
_MOST_EVENTS = 100_000  # the last ones are kept
_SLACK = 0.1  # of an interval, by which one call of `once` may be early
_POLL = timedelta(minutes=1)  # between two requests for the state of a compliance job


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """What a watch did, or in a dry run will do.

    Parameters
    ----------
    at
        When it began; in a dry run, when it is due.
    task
        The name of the task, e.g. "collect.coffee".
    outcome
        "done", "stopped" (by a budget, a limit or Ctrl-C; it continues later), "waiting" (for X to
        finish a compliance job), "failed", "true" or "false" (a condition), or "planned" (in a dry
        run).
    detail
        What was done, or the reason.
    run_id
        The run in the archive's table `runs`. None without one.
    price_low, price_high
        Dollars: what it cost. In a dry run, what it is expected to cost by what the archive found
        earlier, else the most that it can cost, or None without a bound.
    exit_code
        The exit code that a true condition sets. None otherwise.
    """

    at: datetime
    task: str
    outcome: str
    detail: str = ""
    run_id: str | None = None
    price_low: float | None = None
    price_high: float | None = None
    exit_code: int | None = None


def watch(
    source: str | os.PathLike[str] | Mapping[str, Any], *, once: bool = False,
    dry_run: bool = False, client: Client | None = None,
    on_event: Callable[[WatchEvent], None] | None = None,
) -> pd.DataFrame:
    """Repeat the collections, refreshes, checks and conditions of a file into one archive.

    It can be stopped at any time and started again: what is not due is not repeated, and
    interrupted runs are continued. One process at a time watches an archive.

    Parameters
    ----------
    source
        Path of a TOML file, or a mapping with its content: `archive`, `budget` (such as "1/day" or
        a list of budgets), tables `collect.NAME` (`action`, `every` and the action's arguments),
        `refresh` (`hours` after each post at which its metrics are read again), `compliance`
        (`every`, `tables`, `report`) and `alerts.NAME` (`sql`, and `command` or `exit_code`).
    once
        Do what is due and return, e.g. for cron. Default: continue until Ctrl-C, SIGTERM or an
        `exit_code`.
    dry_run
        Send nothing; return what is due when, and what it can cost.
    client
        Client to send with. Default: one with the credentials of the environment or the config
        file. Compliance jobs need `Client(writes=True)`.
    on_event
        Function that is called with each event.

    Returns
    -------
    pandas.DataFrame
        One row per event: `at`, `task`, `outcome`, `detail`, `run_id`, `price_low`, `price_high`
        and `exit_code`. A condition has a row when its outcome changes.

    Raises
    ------
    ArgumentError
        Before any request, for a file that is not understood.
    ConfigError
        There are no credentials, or another process watches the archive.

    Examples
    --------
    >>> xf.watch("watch.toml", dry_run=True)
    """
    import pandas as pd

    watched = read_watch(source)
    needs_writes = any(isinstance(task, Compliance) for task in watched.tasks)
    if client is None:
        client = Client.from_env(writes=needs_writes)
    if needs_writes and not client.writes:
        raise ArgumentError("watch: [compliance] creates jobs at X: use Client(writes=True)")
    with Archive(watched.archive) as archive:
        watcher = _Watcher(watched, archive, client, on_event)
        watcher.check()
        if dry_run:
            watcher.plan()
        else:
            with _alone(watcher.state.path), _within(client, watched.budgets):
                if once:
                    watcher.round(slack=_SLACK)
                else:
                    watcher.run()
        names = list(WatchEvent.__dataclass_fields__)
        return pd.DataFrame([asdict(event) for event in watcher.events], columns=names)


class _State:
    """When each task last began, kept in a file, so that a new process continues."""

    def __init__(self, archive: str) -> None:
        location = archive if "://" in archive else str(Path(archive).resolve())
        name = hashlib.blake2b(location.encode(), digest_size=8).hexdigest()
        self.path = platformdirs.user_data_path("xframes") / "watch" / f"{name}.json"
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {}
        self._tasks: dict[str, Any] = content if isinstance(content, dict) else {}

    def began_at(self, task: str) -> datetime | None:
        """Return when a task last began; None if it never did."""
        try:
            return datetime.fromisoformat(self._tasks[task]["began_at"])
        except (KeyError, TypeError, ValueError):
            return None

    def is_raised(self, task: str) -> bool:
        """Whether a condition was true when it was last checked."""
        return self._has(task, "raised")

    def is_broken_off(self, task: str) -> bool:
        """Whether the process ended while it carried out a task."""
        return self._has(task, "running")

    def polled_at(self, task: str) -> datetime | None:
        """Return when a task that waits for X was last continued; None if it does not wait."""
        try:
            return datetime.fromisoformat(self._tasks[task]["polled_at"])
        except (KeyError, TypeError, ValueError):
            return None

    def _has(self, task: str, flag: str) -> bool:
        entry = self._tasks.get(task)
        return isinstance(entry, dict) and entry.get(flag) is True

    def write(
        self, task: str, began_at: datetime, *, raised: bool = False, running: bool = False,
        polled_at: datetime | None = None,
    ) -> None:
        """Record that a task began, or with `running=False`, that it ended or waits for X."""
        entry: dict[str, Any] = {"raised": raised, "running": running}
        if polled_at is not None:
            entry["polled_at"] = polled_at.isoformat()
        self._tasks[task] = {"began_at": began_at.isoformat(), **entry}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(self._tasks), encoding="utf-8")
        temporary.replace(self.path)


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the lock of a watch. Raises ConfigError if another process has it."""
    state.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state.with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigError("watch: another process watches this archive; stop it first") from None
    try:
        yield
    finally:
        lock.release()


class _Watcher:
    def __init__(
        self, watched: Watch, archive: Archive, client: Client,
        on_event: Callable[[WatchEvent], None] | None,
    ) -> None:
        self.watched, self.archive, self.client = watched, archive, client
        self.state = _State(watched.archive)
        self.events: deque[WatchEvent] = deque(maxlen=_MOST_EVENTS)
        self._last: dict[str, str] = {}  # the outcome of each condition
        self._on_event = on_event

    # before anything is sent ----------------------------------------------------------------------

    def check(self) -> None:
        """Check the arguments of all collections, and the credentials that they need."""
        for task in self.watched.tasks:
            if isinstance(task, Collection):
                self._plan(task)
                self.client.may_send(task.action)

    def plan(self) -> None:
        """Add an event for each task: when it is due, and what it can cost."""
        for task in self.watched.tasks:
            low, high, detail = self._expected(task)
            if task.every:
                detail = f"{detail}; every {task.every}"
            if high:
                times = max(1.0, timedelta(days=1) / task.every)
                detail = f"{detail}, up to {dollars(round(high * times, 2))} a day"
            self._add(WatchEvent(
                self._due(task), task.name, "planned", detail, price_low=low, price_high=high,
            ))

    def _expected(self, task: Task) -> tuple[float | None, float | None, str]:
        if isinstance(task, Alert):
            action = " ".join(task.command) or f"exit code {task.exit_code}"
            return 0.0, 0.0, f"if true: {action}"
        if isinstance(task, Compliance):
            return 0.0, 0.0, f"check all {' and '.join(task.tables)} of the archive"
        if isinstance(task, Refresh):
            posts = len(self.archive.ids()) if self.archive.exists else 0
            price = posts * in_dollars(self.client.meter.card.resource("Post").high)
            return 0.0, price, f"read again at most {counted(posts, 'post')}"
        planned = self._plan(task)
        most = most_expensive(planned, self.client.meter.card)
        expected = None
        if planned.since is not None:
            expected = expected_price(planned, self.archive, self.client, task.every)
        detail = f"{task.action} {json.dumps(task.arguments, default=str, ensure_ascii=False)}"
        if expected is not None:
            low, high = (round(amount, 6) for amount in expected)
            return low, high, f"{detail}; by what the archive found, {self._most(most)}"
        if most is None:
            return 0.0, None, f"{detail}; {self._most(most)}"
        return 0.0, most, detail

    def _most(self, most: float | None) -> str:
        if most is None:
            return f"no limit: {self._bound()}"
        return f"at most {dollars(round(most, 2))} each time"

    def _bound(self) -> str:
        budgets = self.watched.budgets or tuple(filter(None, [self.client.meter.budget]))
        return " and ".join(map(str, budgets)) or "it costs what X returns"

    def _plan(self, task: Collection) -> Any:
        own = own_ids(ACTIONS[task.action], task.arguments)
        try:
            return plan(
                task.action, dict.fromkeys(own, "0") | task.arguments, now=self.client.now(),
                words=self.client.words, query_limit=self.client.query_limit,
            )
        except ArgumentError as error:
            raise ArgumentError(f"{task.name}: {error}") from None

    def _due(self, task: Task) -> datetime:
        began = self.state.began_at(task.name)
        now = self.client.now()
        is_wrong = began is not None and began > now  # the clock was wrong
        if began is None or is_wrong or self.state.is_broken_off(task.name):
            return now
        polled = self.state.polled_at(task.name)
        if polled is not None:
            return min(polled, now) + _POLL
        return began + task.every

    # the loop -------------------------------------------------------------------------------------

    def run(self) -> None:
        """Do what is due, again and again, until a condition or a person ends it."""
        try:
            while self.round():
                self._sleep()
        except KeyboardInterrupt:
            log.info("watch: stopped")

    def round(self, slack: float = 0.0) -> bool:
        """Carry out all tasks that are due. Returns whether to continue.

        A task counts as due if only `slack` of its interval is missing, at most a minute: cron does
        not start processes to the second.
        """
        continues = True
        for task in self.watched.tasks:
            early = min(task.every * slack, timedelta(minutes=1))
            if self._due(task) - early > self.client.now():
                continue
            event = self._carry_out(task)
            continues = continues and event.exit_code is None
            repeats = isinstance(task, Alert) or event.outcome == "waiting"
            is_same = repeats and self._last.get(task.name) == event.outcome
            self._last[task.name] = event.outcome
            if not is_same or event.exit_code is not None:
                self._add(event)
        return continues

    def _sleep(self) -> None:
        """Sleep until the next task is due, or until conditions are checked again."""
        timed = [self._due(task) for task in self.watched.tasks if task.every]
        seconds = _LONGEST_SLEEP
        if timed:
            seconds = (min(timed) - self.client.now()).total_seconds()
        if seconds > 0:
            self.client.sleep(min(seconds, _LONGEST_SLEEP))

    def _carry_out(self, task: Task) -> WatchEvent:
        now = self.client.now()
        if isinstance(task, Alert):
            return self._check(task, now)
        began = now
        if self.state.polled_at(task.name) is not None:
            began = self.state.began_at(task.name) or now
        self.state.write(task.name, began, running=True, polled_at=self.state.polled_at(task.name))
        before = self.client.meter.so_far() or (0.0, 0.0)
        run_id: str | None = None
        try:
            outcome, run_id, detail = self._do(task)
        except Interrupted as error:
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            outcome, run_id, detail = "stopped", error.run_id, str(error.__cause__ or error)
        except XframesError as error:
            outcome = "stopped" if error.retryable else "failed"
            detail = str(error)
        polled_at = now if outcome == "waiting" else None
        self.state.write(task.name, began, polled_at=polled_at)
        after = self.client.meter.so_far() or (0.0, 0.0)
        return WatchEvent(
            now, task.name, outcome, detail, run_id, round(after[0] - before[0], 6),
            round(after[1] - before[1], 6),
        )

    def _do(self, task: Collection | Refresh | Compliance) -> tuple[str, str | None, str]:
        """Carry out a task, and return its outcome, run and detail."""
        if isinstance(task, Collection):
            run = self._collect(task)
            return "done", run.run_id, f"{counted(run.rows, 'row')} in {counted(run.pages, 'page')}"
        if not self.archive.exists:
            return "done", None, "the archive has no ids"
        if isinstance(task, Refresh):
            run = complete(
                self.archive, "posts", refresh=task.hours, client=self.client, progress=False
            )
            return "done", run.run_id, f"{counted(run.rows, 'post')} read again"
        outcome, detail = Check.of(self.state.path.with_suffix(".check"), task).carry_out(
            self.archive, self.client
        )
        return outcome, None, detail

    def _collect(self, task: Collection) -> Run:
        """Collect, after the interrupted run of the same collection, if there is one.

        With `since`, the archive itself continues interrupted runs.
        """
        unfinished = None
        if "since" not in task.arguments:
            unfinished = self._unfinished(task)
        if unfinished is not None:
            return self.archive.resume(unfinished, self.client, progress=False)
        return collect(
            task.action, into=self.archive, client=self.client, progress=False, **task.arguments
        )

    def _unfinished(self, task: Collection) -> str | None:
        """Return the last run of a collection, if it was interrupted."""
        if not self.archive.exists:
            return None
        wanted = self._plan(task).arguments
        own = own_ids(ACTIONS[task.action], task.arguments)
        rows = self.archive.sql(
            "SELECT run_id, state, arguments FROM runs WHERE action = ? ORDER BY started_at DESC",
            [task.action],
        ).fetchall()
        for run_id, state, text in rows:
            arguments = json.loads(text or "{}")
            if all(arguments.get(name) == value for name, value in wanted.items()
                   if name not in own):
                return str(run_id) if state != "done" else None
        return None

    # conditions -----------------------------------------------------------------------------------

    def _check(self, task: Alert, now: datetime) -> WatchEvent:
        """Check a condition. Its command runs when it becomes true, not each time it is true."""
        was_true = self.state.is_raised(task.name)
        try:
            rows = self.archive.sql(task.sql).fetchall()
        except Exception as error:  # noqa: BLE001  any error of the user's SQL ends this check only
            self.state.write(task.name, now, raised=was_true)
            return WatchEvent(now, task.name, "failed", _first_line(error))
        value = rows[0][0] if rows else None
        self.state.write(task.name, now, raised=bool(value))
        if not value:
            return WatchEvent(now, task.name, "false", str(value))
        detail = str(value)
        if task.command and not was_true:
            detail = f"{detail}; {_run_command(task, value)}"
        return WatchEvent(now, task.name, "true", detail, exit_code=task.exit_code)

    def _add(self, event: WatchEvent) -> None:
        self.events.append(event)
        if self._on_event is not None:
            self._on_event(event)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _run_command(task: Alert, value: Any) -> str:
    """Run the command of a condition, without a shell, and say how it ended."""
    variables = {"XFRAMES_ALERT": task.name.partition(".")[2], "XFRAMES_VALUE": str(value)}
    try:
        ended = subprocess.run(  # noqa: S603  the user's own command, from the user's own file
            task.command, env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
            timeout=_COMMAND_SECONDS, check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{task.command[0]} failed: {_first_line(error)}"
    return f"{task.command[0]} ended with {ended.returncode}"


# budgets -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _within(client: Client, budgets: tuple[Budget, ...]) -> Iterator[None]:
    """Apply several budgets to a client, in addition to its own."""
    meter = client.meter
    if not budgets:
        yield
        return
    several = _BudgetsMeter.of(meter, budgets)
    client.meter = several
    try:
        yield
    finally:
        vars(meter).update(several.totals())
        client.meter = meter


class _BudgetsMeter(Meter):
    """A meter with several budgets: before each request, the one with the least left applies."""

    budgets: tuple[Budget, ...]

    @classmethod
    def of(cls, meter: Meter, budgets: tuple[Budget, ...]) -> _BudgetsMeter:
        """Return a meter that continues another one."""
        new = cls.__new__(cls)
        vars(new).update(vars(meter))
        own = meter.budget
        new.budgets = (*filter(None, [own]), *budgets)
        if any(one.usd is None or one.posts or one.requests for one in new.budgets):
            raise ArgumentError(f"watch: expected budgets in dollars only, got {own}")
        new.budget = new.budgets[0]
        return new

    def totals(self) -> dict[str, Any]:
        """Return what the meter knows, without its budgets."""
        return {name: value for name, value in vars(self).items() if "budget" not in name}

    def open(self, request: Request, *, owned: bool) -> Ticket:
        """Write the intent of a request, within all budgets."""
        self.budget = min(self.budgets, key=lambda budget: self._left(budget, request))
        return super().open(request, owned=owned)

    def _left(self, budget: Budget, request: Request) -> int:
        """Return the billionths of a dollar that are left of a budget."""
        spent = self._write(lambda ledger: ledger.spent(self._label(ledger, request), budget.per))
        if spent is None or budget.units is None:
            return 0
        amount: Amount = spent.low if budget.reading == "low" else spent.high
        return budget.units - amount.units
