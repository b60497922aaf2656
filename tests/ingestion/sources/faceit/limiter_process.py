"""A process that acquires slots as a run does and writes their times: `python -m ... DATABASE_URL COUNT`."""

from __future__ import annotations

import asyncio
import sys
import time

from ingestion.http.rate_limits import SystemClock
from ingestion.sources.faceit.rate_limits import PerSecondLimiter


async def acquire_slots(database_url: str, count: int) -> list[float]:
    async def acquire_slot() -> None:
        async with limiter.acquire():
            timestamps.append(time.time())

    timestamps: list[float] = []
    async with PerSecondLimiter.connect("faceit", database_url, SystemClock()) as limiter, asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(acquire_slot())
    return timestamps


if __name__ == "__main__":
    sys.stdout.write(" ".join(map(str, asyncio.run(acquire_slots(sys.argv[1], int(sys.argv[2]))))))
