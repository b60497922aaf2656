"""Clocks that tests control."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from ingestion.http.rate_limits import SystemClock


class JumpingClock:
    """A clock that stops until a task sleeps, and then jumps to the time at which the first task wakes."""

    def __init__(self, now: datetime = datetime(2026, 11, 1, 12, 0, 30, tzinfo=UTC)) -> None:
        self._now = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> None:
        self._now += timedelta(**by)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        wake = self._now + timedelta(seconds=seconds)
        await asyncio.sleep(0)
        self._now = max(self._now, wake)


class ShiftedClock(SystemClock):
    """The system clock, some time ahead."""

    def __init__(self, **ahead: float) -> None:
        self._ahead = timedelta(**ahead)

    def now(self) -> datetime:
        return super().now() + self._ahead
