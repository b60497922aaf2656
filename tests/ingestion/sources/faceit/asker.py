"""A process that takes turns as a run does, and writes when it had each: `python -m ... DATABASE_URL TURNS`."""

from __future__ import annotations

import asyncio
import sys
import time

from ingestion.http.rate_limits import SystemClock
from ingestion.sources.faceit.rate_limits import SecondLimiter


async def ask(database_url: str, count: int) -> list[float]:
    async def turn() -> None:
        async with limiter.turn():
            moments.append(time.time())

    moments: list[float] = []
    async with SecondLimiter.opened("faceit", database_url, SystemClock()) as limiter, asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(turn())
    return moments


if __name__ == "__main__":
    sys.stdout.write(" ".join(map(str, asyncio.run(ask(sys.argv[1], int(sys.argv[2]))))))
