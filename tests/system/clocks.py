"""A clock that tests advance together with the simulated world."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ingestion.http.rate_limits import SystemClock

__all__ = ["SteppingClock"]


@dataclass
class SteppingClock(SystemClock):
    """The system clock plus an offset, which tests increase together with the time of the world."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead
