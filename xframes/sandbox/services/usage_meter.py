"""Count the usage of this sandbox as X does: different posts a day, after an invented past."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xframes.registry import Action

CAP = 3_000_000
_GRANT, _POST = 20.0, 0.005  # dollars: granted, and for each post


class Usage:
    """The different posts served each day (UTC): in `data` of answers, and by streams."""

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
        """Count posts served now; a post counts once a day."""
        with self._lock:
            self._read.setdefault(self._day(), set()).update(ids)

    def see(self, action: Action, body: dict[str, Any]) -> None:
        """Count the posts in the `data` of an answer."""
        posts = body.get("data")
        if action.kind != "read" or action.objects != "post" or not posts:
            return
        if isinstance(posts, dict):
            posts = [posts]
        self.count([post["id"] for post in posts])

    def on(self, day: date) -> int:
        """Return the number of posts served on a day, invented for the days before the start."""
        if day >= self._began:
            return len(self._read.get(day, ()))
        drawn = zlib.crc32(f"{self._seed} {day}".encode())
        if drawn % 4 == 0:
            return 0
        return 100 + drawn % 4000

    def last(self, days: int) -> list[dict[str, str]]:
        """Return those of the last `days` days with usage, oldest first, as X writes them."""
        dates = [self._day() - timedelta(days=back) for back in range(days - 1, -1, -1)]
        return [{"date": f"{day}T00:00:00.000Z", "usage": str(self.on(day))}
                for day in dates if self.on(day)]

    def credits(self) -> dict[str, Any]:
        """Return the credits left, in dollars: granted ones, less those for the posts of today."""
        left = max(0.0, round(_GRANT - _POST * self.today, 3))
        expires = self._day() + timedelta(days=30)
        grant = {"amount": left, "expires_at": f"{expires}T00:00:00.000Z"}
        return {"free_balance": left, "free_grants": [grant], "prepaid_balance": 0.0,
                "total_balance": left}

    def this_period(self) -> int:
        """Return the number of posts served since the last reset day."""
        day, total = self._day(), 0
        while True:
            total += self.on(day)
            if day.day == self.reset_day:
                return total
            day -= timedelta(days=1)
