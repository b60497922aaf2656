"""Whether this process answers from whole marts, and what is missing beside."""

from __future__ import annotations

import asyncio
import time

from serving.database import Database
from serving.redis_tier import RedisTier
from serving.refusals import Unavailable
from serving.watcher import Watcher
from warehouse.damage import DamagedMart

__all__ = ["Readiness"]

_LOOK_EVERY_S = 1.0


class Readiness:
    """What `/readyz` answers. Probes share one look at the catalogue a second.

    Args:
        database: where the marts are.
        redis: the cache.
        watcher: what is published, and whether PostgreSQL answers.
    """

    def __init__(self, database: Database, redis: RedisTier, watcher: Watcher) -> None:
        self._database = database
        self._redis = redis
        self._watcher = watcher
        self._damaged: list[DamagedMart] = []
        self._looked_at = -_LOOK_EVERY_S
        self._looking = asyncio.Lock()

    async def report(self) -> dict[str, object]:
        """The published generation, and as `degraded` what is missing while answers go on.

        Raises:
            Unavailable: PostgreSQL cannot be reached, nothing is published, or a mart cannot be read.
        """
        if self._watcher.is_database_down:
            raise Unavailable("database_unavailable", "PostgreSQL cannot be reached", 1)
        if self._watcher.current is None:
            raise Unavailable("not_published", "nothing is published yet", 1)
        damaged = await self._damage()
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
        if self._redis.is_open:
            degraded.append("redis: it cannot be reached; PostgreSQL answers")
        report: dict[str, object] = {"status": "ready", "generation": self._watcher.current.generation}
        return {**report, "degraded": degraded} if degraded else report

    async def _damage(self) -> list[DamagedMart]:
        async with self._looking:
            if time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
                seen = await self._database.damaged()
                if seen is not None:  # otherwise what was seen last holds
                    self._damaged = seen
                self._looked_at = time.monotonic()
            return self._damaged
