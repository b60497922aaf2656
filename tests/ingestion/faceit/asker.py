"""A process that asks a source as fast as FACEIT's limiter lets it: `python -m ... URL DATABASE_URL REQUESTS`."""

from __future__ import annotations

import asyncio
import sys

from pydantic import SecretStr

from ingestion.faceit.limits import SecondLimiter
from ingestion.http import Client, Patience, Upstream
from ingestion.limits import CallBudget, SystemClock


async def ask(url: str, database_url: str, count: int) -> None:
    clock, budget = SystemClock(), CallBudget(10 * count)
    upstream = Upstream("FACEIT", url, SecretStr("key"), "LADDER_FACEIT")
    async with (
        SecondLimiter.opened("faceit", database_url, clock) as limiter,
        Client(upstream, limiter, clock, Patience(first_wait_s=0.05)) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(count):
            group.create_task(client.get(f"/things/{number}", budget=budget))


if __name__ == "__main__":
    asyncio.run(ask(sys.argv[1], sys.argv[2], int(sys.argv[3])))
