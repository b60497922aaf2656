"""Time, moved on together with the world's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ingestion.http.rate_limits import SystemClock

__all__ = ["SteppingClock"]


@dataclass
class SteppingClock(SystemClock):
    """The machine's clock, moved on by hand together with the world's."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead
