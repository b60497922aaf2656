"""The rate limits of OpenDota: requests per minute and per day, taken from the headers of its responses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import NoReturn

from ingestion.errors import DayLimitReached
from ingestion.http.rate_limits import Clock

__all__ = ["PerMinuteLimiter", "PerMinuteSlot"]

_MINUTE_HEADER = "X-Rate-Limit-Remaining-Minute"
_DAY_HEADER = "X-Rate-Limit-Remaining-Day"

#: Tolerance (s) for a minute of the source that begins after ours.
_SKEW_S = 1.0


class PerMinuteSlot:
    """Permission to make one request, which takes the rate-limit headers of the response."""

    def __init__(self, limiter: PerMinuteLimiter, minute: int) -> None:
        self._limiter = limiter
        self._minute = minute

    def update_from_headers(self, headers: Mapping[str, str]) -> None:
        """Adopt the remaining requests in the headers of a response."""
        self._limiter.update_remaining(self._minute, _number(headers, _MINUTE_HEADER), _number(headers, _DAY_HEADER))

    def on_rate_limited(self, headers: Mapping[str, str], message: str) -> None:
        """Handle a 429: all requests wait for the next minute.

        A 429 whose headers report remaining requests is not about the minute; the request is retried soon.

        Raises:
            DayLimitReached: the daily limit is reached.
        """
        if "daily" in message.lower():
            self._limiter.end_day()
        if not _number(headers, _MINUTE_HEADER):
            self._limiter.pause_for_minute()


class PerMinuteLimiter:
    """Bounds the requests in flight, and keeps within the limits per minute and day that response headers report.

    No limit is assumed. The first request is made alone, and its response has the first headers; without headers only
    `concurrency` limits the requests. Minutes are calendar minutes, days are UTC.

    Args:
        source: name of the source, for messages.
        clock: time.
        concurrency: maximum number of requests in flight.
    """

    def __init__(self, source: str, *, clock: Clock, concurrency: int = 8) -> None:
        self.concurrency = concurrency
        self._source = source
        self._clock = clock
        self._in_flight = 0
        self._has_response = False
        self._queue_lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._minute = 0
        self._minute_left: int | None = None
        self._is_minute_reported = False
        self._largest_minute_limit = 0
        self._day: date | None = None
        self._day_left: int | None = None
        self._paused_until: datetime | None = None

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[PerMinuteSlot]:
        """Wait until a request may be made; it is in flight until the block ends.

        Raises:
            DayLimitReached: no request may be made today.
        """
        # First in, first out: the stalest work items are requested first, even if the budget ends before the rest.
        async with self._queue_lock:
            while (wait_s := self._wait_s()) != 0:
                if wait_s is None:
                    await self._changed.wait()
                else:
                    await self._clock.sleep(wait_s)
            self._in_flight += 1
        try:
            yield PerMinuteSlot(self, self._minute)
        finally:
            self._in_flight -= 1
            self._has_response = True
            self._wake()

    def update_remaining(self, minute: int, minute_left: int | None, day_left: int | None) -> None:
        """Adopt the remaining requests that the response to a request of `minute` reports."""
        self._begin_minute()
        if day_left is not None:
            self._day_left = day_left if self._day_left is None else min(self._day_left, day_left)
        if minute_left is None:
            return
        self._largest_minute_limit = max(self._largest_minute_limit, minute_left + 1)
        # A response that arrives in a later minute than its request may report either minute, so it is ignored.
        if minute == self._minute:
            reported = self._minute_left if self._is_minute_reported else None
            self._minute_left = minute_left if reported is None else min(reported, minute_left)
            self._is_minute_reported = True

    def pause_for_minute(self) -> None:
        """Make no request until the next minute."""
        now = self._clock.now()
        self._paused_until = now + timedelta(seconds=_seconds_to_next_minute(now))

    def end_day(self) -> NoReturn:
        """Make no request until the next day.

        Raises:
            DayLimitReached: always.
        """
        self._begin_minute()
        self._day_left = 0
        raise DayLimitReached(
            f"{self._source} accepts no more requests today, its daily limit is reached",
            "run again after midnight UTC, or use a key",
        )

    def _wait_s(self) -> float | None:
        """Seconds to wait; 0 to proceed; None to wait until a request in flight has ended."""
        now = self._begin_minute()
        if self._paused_until is not None and now < self._paused_until:
            return (self._paused_until - now).total_seconds()
        if self._day_left is not None and self._day_left <= self._in_flight:
            if self._in_flight and self._day_left > 0:
                return None
            self.end_day()
        if self._in_flight >= (self.concurrency if self._has_response else 1):
            return None
        if self._minute_left is not None and self._minute_left <= self._in_flight:
            return None if self._in_flight and self._minute_left > 0 else _seconds_to_next_minute(now)
        return 0

    def _begin_minute(self) -> datetime:
        """Reset the remaining requests at the start of a minute or a day; returns the current time."""
        now = self._clock.now()
        minute = int(now.timestamp() // 60)
        if minute != self._minute:
            self._minute = minute
            # A new minute allows at least as many requests as any earlier minute did.
            self._minute_left = self._largest_minute_limit or None
            self._is_minute_reported = False
        if now.date() != self._day:
            self._day = now.date()
            self._day_left = None
        return now

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _number(headers: Mapping[str, str], name: str) -> int | None:
    try:
        return max(0, int(headers[name]))
    except (KeyError, ValueError):
        return None


def _seconds_to_next_minute(now: datetime) -> float:
    return 60 - now.timestamp() % 60 + _SKEW_S
