"""Readiness: whether this process serves complete marts, and which parts are degraded."""

from __future__ import annotations

import asyncio
import time

from serving.cache.database import Database
from serving.cache.generation_watcher import GenerationWatcher
from serving.cache.memory_tier import MemoryTier
from serving.cache.redis_tier import RedisTier
from serving.cache.responses import STALE_LIMIT_S
from serving.errors import Unavailable
from warehouse.publication.damage import DamagedMart

__all__ = ["Readiness"]

_CHECK_EVERY_S = 1.0


class Readiness:
    """The report of `/readyz`. Probes share one check of the marts per second.

    Args:
        database: holds the marts.
        redis: the shared cache.
        watcher: knows the published generation, and whether PostgreSQL is down.
        memory: responses of this process.
    """

    def __init__(self, database: Database, redis: RedisTier, watcher: GenerationWatcher, memory: MemoryTier) -> None:
        self._database = database
        self._redis = redis
        self._watcher = watcher
        self._memory = memory
        self._last_damaged: list[DamagedMart] = []
        self._checked_at = -_CHECK_EVERY_S
        self._check_lock = asyncio.Lock()

    async def report(self) -> dict[str, object]:
        """The published generation, and as `degraded` the problems that do not stop responses.

        Raises:
            Unavailable: PostgreSQL cannot be reached and no cached response can be served, nothing is published, or a
                mart cannot be read.
        """
        is_down = self._watcher.is_database_down
        if is_down and not self._can_serve_cached():
            raise Unavailable(
                "database_unavailable", "PostgreSQL cannot be reached, and nothing cached can be served", 1
            )
        if self._watcher.current is None:
            raise Unavailable("not_published", "nothing is published yet", 1)
        damaged = [] if is_down else await self._damaged_marts()
        unreadable = [mart for mart in damaged if not mart.is_readable]
        if unreadable:
            others = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
            raise Unavailable(
                "mart_damaged",
                f"{unreadable[0].message}{others}",
                5,
                [{"mart": mart.mart, "problem": mart.problem} for mart in damaged],
            )
        degraded = [mart.message for mart in damaged]
        if is_down:
            degraded.append("postgresql: cannot be reached; cached responses are served, marked stale")
        if self._redis.is_circuit_open:
            others = "responses in memory are served" if is_down else "PostgreSQL is queried"
            degraded.append(f"redis: cannot be reached; {others}")
        report: dict[str, object] = {"status": "ready", "generation": self._watcher.current.generation}
        return {**report, "degraded": degraded} if degraded else report

    def _can_serve_cached(self) -> bool:
        """Whether memory or Redis may hold a response that is young enough."""
        if self._watcher.current is None or self._watcher.seconds_since_confirmed >= STALE_LIMIT_S:
            return False
        return not self._redis.is_circuit_open or self._memory.has_any

    async def _damaged_marts(self) -> list[DamagedMart]:
        async with self._check_lock:
            if time.monotonic() - self._checked_at >= _CHECK_EVERY_S:
                damaged = await self._database.damaged()
                if damaged is not None:  # otherwise the last result stays valid
                    self._last_damaged = damaged
                self._checked_at = time.monotonic()
            return self._last_damaged
