"""What was read from this sandbox: different posts a day, as X counts them, after an invented past."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xframes.registry import Action

CAP = 3_000_000


class Usage:
    """Counts the different posts served each day (UTC): `data` of every answer and the posts of streams."""

    def __init__(self, seed: int, clock: Callable[[], int]) -> None:
        self.project_id = str(1_000_000_000_000_000_000 + zlib.crc32(f"project {seed}".encode()))
        self.app_id = str(10_000_000 + zlib.crc32(f"app {seed}".encode()) % 10_000_000)
        self.reset_day = 1 + seed % 28
        self._seed = seed
        self._clock = clock
        self._began = self._day()
        self._read: dict[date, set[str]] = {}
        self._lock = Lock()

    @property
    def today(self) -> int:
        """Different posts served since midnight (UTC)."""
        return self.on(self._day())

    def _day(self) -> date:
        return datetime.fromtimestamp(self._clock() / 1000, UTC).date()

    def count(self, ids: Iterable[str]) -> None:
        """Count posts served now; one served before on the same day is free."""
        with self._lock:
            self._read.setdefault(self._day(), set()).update(ids)

    def see(self, action: Action, body: dict[str, Any]) -> None:
        """Count the posts an answer is about."""
        data = body.get("data")
        if action.kind == "read" and action.objects == "post" and data:
            self.count([each["id"] for each in (data if isinstance(data, list) else [data])])

    def on(self, day: date) -> int:
        """Return the posts served on a day; those before the sandbox began are invented, and some are none."""
        if day >= self._began:
            return len(self._read.get(day, ()))
        drawn = zlib.crc32(f"{self._seed} {day}".encode())
        return 0 if drawn % 4 == 0 else 100 + drawn % 4000

    def last(self, days: int) -> list[dict[str, str]]:
        """Return the days with usage among the last so many, today included, oldest first, as X writes them."""
        found = [self._day() - timedelta(days=back) for back in range(days - 1, -1, -1)]
        return [{"date": f"{day}T00:00:00.000Z", "usage": str(self.on(day))} for day in found if self.on(day)]

    def this_period(self) -> int:
        """Return the posts served since the count last began anew."""
        day, sum_ = self._day(), 0
        while True:
            sum_ += self.on(day)
            if day.day == self.reset_day:
                return sum_
            day -= timedelta(days=1)
