"""Rate limits of a simulated upstream: requests per minute and per day, with higher limits for a key."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RequestLimits:
    """Rate limits of the upstream; practically unlimited by default.

    A minute lasts `minute_s` seconds of real time, so that a test does not have to wait for sixty. The day is the
    world's: advancing the world by a day renews the budget. Requests with a key have no daily limit.
    """

    per_minute: int = 1_000_000
    per_day: int = 100_000_000
    per_minute_with_key: int = 1_000_000
    keys: frozenset[str] = frozenset()
    minute_s: float = 60.0

    @classmethod
    def without_key(cls) -> RequestLimits:
        """The public service's limits for a client without a key."""
        return cls(per_minute=60, per_day=3_000, per_minute_with_key=300)


@dataclass
class RequestBudget:
    """Requests counted against `limits`, with and without a key."""

    limits: RequestLimits
    _minute_from: float = field(default_factory=time.monotonic)
    _minute_spent: dict[bool, int] = field(default_factory=dict)
    _day: int = 0
    _day_spent: int = 0

    def spend(self, *, has_key: bool, world_day: int) -> tuple[int, int | None]:
        """Count one request; remaining requests of minute and day (None: no limit), negative if exceeded."""
        now = time.monotonic()
        if now - self._minute_from >= self.limits.minute_s:
            self._minute_from, self._minute_spent = now, {}
        if world_day != self._day:
            self._day, self._day_spent = world_day, 0
        self._minute_spent[has_key] = self._minute_spent.get(has_key, 0) + 1
        allowed = self.limits.per_minute_with_key if has_key else self.limits.per_minute
        minute = allowed - self._minute_spent[has_key]
        if has_key:
            return minute, None
        self._day_spent += 1
        return minute, self.limits.per_day - self._day_spent
