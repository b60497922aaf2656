"""The rate limit of FACEIT: a number of requests per second, shared by all processes on one database.

Requests are spaced evenly instead of counted, so it does not matter when the source's second begins. Each request
reserves its time slot in one row of the database, which takes a few milliseconds; slots are about 100 ms apart.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import resources
from typing import Self

import psycopg

from ingestion.http.rate_limits import Clock
from warehouse.core.errors import DatabaseError
from warehouse.database.connections import first_line

__all__ = ["PerSecondLimiter", "PerSecondSlot"]

_LIMIT_HEADER = "ratelimit-limit"
_REMAINING_HEADER = "ratelimit-remaining"
_WAIT_HEADERS = ("retry-after", "ratelimit-reset")
#: `10;w=1`: 10 requests in a window of 1 second.
_POLICY = re.compile(r"(\d+)\s*;\s*w=(\d+)")

#: Requests per second until a response reports the limit; the documented limit of FACEIT.
_PER_SECOND = 10.0
#: Share by which requests are spaced further apart than required, because network delays vary.
_MARGIN = 0.05
#: Delay (s) that the margin makes up for. A process that was delayed for longer gives up its slot and reserves another.
_MAX_DELAY_S = 0.05
_ATTEMPTS = 5
#: Longest pause (s) that a response may demand.
_MAX_PAUSE_S = 60.0
#: Pauses the slots of all processes for some seconds.
_PAUSE = b"""
    UPDATE ops.request_slots SET next_at = greatest(next_at, clock_timestamp() + %(pause)s * interval '1 second')
    WHERE source = %(source)s
"""


class PerSecondSlot:
    """Permission to make one request, which takes the rate-limit headers of the response.

    Attributes:
        pause_s: seconds for which no process may make a request from now on.
    """

    def __init__(self, limiter: PerSecondLimiter) -> None:
        self._limiter = limiter
        self.pause_s = 0.0

    def update_from_headers(self, headers: Mapping[str, str]) -> None:
        """Adopt the requests per second that the headers of a response allow."""
        reported = [(int(count), int(window)) for count, window in _POLICY.findall(headers.get(_LIMIT_HEADER, ""))]
        rates = [count / window for count, window in reported if window > 0]
        if rates and min(rates) > 0:
            self._limiter.per_second = min(rates)

    def on_rate_limited(self, headers: Mapping[str, str], message: str) -> None:
        """Handle a 429: all processes wait as long as the response demands, a second by default.

        A 429 whose headers report remaining requests is not about the limit; the request is retried soon.
        """
        if _seconds(headers, _REMAINING_HEADER):
            return
        waits = [seconds for name in _WAIT_HEADERS if (seconds := _seconds(headers, name)) is not None]
        self.pause_s = min(max(waits, default=1.0) or 1.0, _MAX_PAUSE_S)


class PerSecondLimiter:
    """Bounds the requests in flight, and reserves a time slot for every request.

    Args:
        source: name of the source, which identifies the row that all processes share.
        connection: a connection with autocommit, of a login that may write `ops` (`ladder_ingest`).
        clock: time.
        concurrency: maximum number of requests in flight.
    """

    def __init__(
        self, source: str, connection: psycopg.AsyncConnection, *, clock: Clock, concurrency: int = 10
    ) -> None:
        self.concurrency = concurrency
        self.per_second = _PER_SECOND
        self._source = source
        self._connection = connection
        self._clock = clock
        self._reserve_slot_query = resources.files(__package__).joinpath("reserve_slot.sql").read_bytes()
        self._in_flight = asyncio.Semaphore(concurrency)
        self._queue_lock = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def connect(cls, source: str, database_url: str, clock: Clock) -> AsyncIterator[Self]:
        """A limiter with a connection of its own.

        Raises:
            DatabaseError: the warehouse cannot be reached.
        """
        # A reservation that a crash loses has expired by the time the server is back.
        options = "-c timezone=UTC -c synchronous_commit=off"
        try:
            connection = await psycopg.AsyncConnection.connect(
                database_url, autocommit=True, options=options, connect_timeout=10, application_name="ladderhouse"
            )
        except psycopg.OperationalError as error:
            raise _database_error(error) from None
        async with connection:
            yield cls(source, connection, clock=clock)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[PerSecondSlot]:
        """Wait until a request may be made; it is in flight until the block ends.

        Raises:
            DatabaseError: the warehouse cannot be read or written.
        """
        async with self._in_flight:
            # First in, first out: the stalest work items are requested first, even if the budget ends before the rest.
            async with self._queue_lock:
                for _ in range(_ATTEMPTS):
                    wait_s = await self._reserve_slot()
                    reserved_at = time.monotonic()
                    if wait_s > 0:
                        await self._clock.sleep(wait_s)
                    if time.monotonic() - reserved_at <= wait_s + _MAX_DELAY_S:
                        break
            slot = PerSecondSlot(self)
            try:
                yield slot
            finally:
                if slot.pause_s:
                    await self._execute(_PAUSE, {"source": self._source, "pause": slot.pause_s})

    async def _reserve_slot(self) -> float:
        """Reserve the next time slot; returns the seconds until then, negative if it has passed."""
        spacing = (1 + _MARGIN) / self.per_second
        cursor = await self._execute(self._reserve_slot_query, {"source": self._source, "spacing": spacing})
        row = await cursor.fetchone()
        assert row is not None  # an INSERT with RETURNING always returns a row
        return float(row[0])

    async def _execute(self, statement: bytes, parameters: Mapping[str, str | float]) -> psycopg.AsyncCursor:
        try:
            return await self._connection.execute(statement, parameters)
        except psycopg.Error as error:
            raise _database_error(error) from None


def _seconds(headers: Mapping[str, str], name: str) -> float | None:
    try:
        return max(0.0, float(headers[name]))
    except (KeyError, ValueError):
        return None


def _database_error(error: psycopg.Error) -> DatabaseError:
    message = f"the warehouse cannot reserve a request to FACEIT: {first_line(error)}"
    return DatabaseError(message, "run again once PostgreSQL responds")
