"""Many requests at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import httpx

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)


def get_together(urls: Sequence[str]) -> list[httpx.Response]:
    """Send all requests at the same time, each over a connection of its own."""

    async def get_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(limits=_LIMITS, timeout=30) as client:
            return list(await asyncio.gather(*(client.get(url) for url in urls)))

    return asyncio.run(get_all())


def count(base: str, name: str) -> int:
    """A counter of a server, by its name and labels in the exposition."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", httpx.get(f"{base}/metrics").text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def queries(base: str) -> int:
    """How many answers a server has queried for."""
    return count(base, "ladder_query_seconds_count")
