"""A process that takes turns as a run does, and writes when it had each: `python -m ... DATABASE_URL TURNS`."""

from __future__ import annotations

import asyncio
import sys
import time

from ingestion.http.rate_limits import SystemClock
from ingestion.sources.faceit.rate_limits import PerSecondLimiter


async def make_request(database_url: str, count: int) -> list[float]:
    async def slot() -> None:
        async with limiter.acquire():
            timestamps.append(time.time())

    timestamps: list[float] = []
    async with PerSecondLimiter.connect("faceit", database_url, SystemClock()) as limiter, asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(slot())
    return timestamps


if __name__ == "__main__":
    sys.stdout.write(" ".join(map(str, asyncio.run(make_request(sys.argv[1], int(sys.argv[2]))))))
