"""Keeps this process's knowledge of the published generation up to date, outside the path of any request.

PostgreSQL is the source of truth; the pointer in Redis, read several times per second, shows when to query it. If
PostgreSQL has a generation that Redis has not announced, the publisher is still warming up the cache, so the watcher
waits for the announcement. The wait is short, because the publisher may have died; the first process to give up
announces the generation itself.
"""

from __future__ import annotations

import asyncio
import logging
import time

import msgspec

from serving.cache.database import Database, DatabaseDown
from serving.cache.redis_tier import RedisTier
from serving.endpoints.generations import PublishedGeneration

__all__ = ["GenerationWatcher"]

_REDIS_EVERY_S = 0.2
_DATABASE_EVERY_S = 1.0
_DATABASE_EVERY_S_IN_OUTAGE = 0.4
_PUBLISHER_WAIT_S = 1.0

_logger = logging.getLogger(__name__)


class GenerationWatcher:
    """Knows the published generation, and whether PostgreSQL can be reached.

    Args:
        database: queried once per second, more often while Redis or PostgreSQL is down.
        redis: read five times per second.
    """

    def __init__(self, database: Database, redis: RedisTier) -> None:
        self._database = database
        self._redis = redis
        self._pointer: PublishedGeneration | None = None
        self._database_checked_at = -_DATABASE_EVERY_S
        self._unannounced: PublishedGeneration | None = None
        self._unannounced_since = 0.0
        self.current: PublishedGeneration | None = None
        """The published generation; None before the first."""
        self.previous: PublishedGeneration | None = None
        """The one that this process served before."""
        self.is_database_down = False
        """PostgreSQL cannot be reached, so responses may be stale."""
        self.confirmed_at = time.monotonic()
        """When PostgreSQL last confirmed the generation, in monotonic seconds."""

    @property
    def seconds_since_confirmed(self) -> int:
        """Seconds since PostgreSQL last confirmed the generation."""
        return int(time.monotonic() - self.confirmed_at)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self.refresh()
            except Exception:
                _logger.exception("the generation could not be refreshed; trying again")
            await asyncio.sleep(_REDIS_EVERY_S)

    async def refresh(self) -> None:
        """Read the pointer once, and query PostgreSQL if the pointer is new or the interval is over."""
        is_new = await self._refresh_from_redis()
        every_s = _DATABASE_EVERY_S
        if self.is_database_down or self._redis.is_circuit_open or self.current is None:
            every_s = _DATABASE_EVERY_S_IN_OUTAGE
        if is_new or time.monotonic() - self._database_checked_at >= every_s:
            await self._refresh_from_database()

    def mark_database_down(self) -> None:
        """Record that a query could not reach PostgreSQL: no further queries until the watcher has reached it."""
        self.is_database_down = True

    def adopt(self, published: PublishedGeneration) -> None:
        """Serve a generation read from PostgreSQL, in this process only: others may still wait for the warm-up."""
        if published.is_after(self.current):
            self.previous, self.current = self.current, published

    async def _refresh_from_redis(self) -> bool:
        packed = await self._redis.read_pointer()
        if packed is None:
            if self.current is not None and not self.is_database_down:
                await self._redis.advance_pointer(self.current)  # Redis was emptied
            return False
        try:
            pointer = PublishedGeneration.unpack(packed)
        except msgspec.MsgspecError:
            return False
        if pointer == self._pointer:
            return False
        self._pointer = pointer
        return pointer != self.current

    async def _refresh_from_database(self) -> None:
        self._database_checked_at = time.monotonic()
        try:
            newest = await self._database.newest()
            if self.is_database_down:
                await self._database.recover()
        except DatabaseDown:
            self.is_database_down = True
            if self.current is None:
                # This process started during the outage, so the pointer in Redis is the only source.
                self.current = self._pointer
            return
        self.is_database_down = False
        self.confirmed_at = time.monotonic()
        if newest is not None and not self._is_being_warmed_up(newest):
            self.adopt(newest)
            if newest.is_after(self._pointer):
                await self._redis.advance_pointer(newest)

    def _is_being_warmed_up(self, newest: PublishedGeneration) -> bool:
        if self.current is None or self._redis.is_circuit_open or not newest.is_after(self._pointer):
            return False
        if newest != self._unannounced:
            self._unannounced, self._unannounced_since = newest, time.monotonic()
        return time.monotonic() - self._unannounced_since < _PUBLISHER_WAIT_S
