"""Concurrent requests, and metrics of servers."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx


@dataclass(frozen=True)
class Reply:
    """An HTTP response."""

    status_code: int
    content: bytes


def get_together(urls: Sequence[str], headers: Mapping[str, str] | None = None) -> list[Reply]:
    """Send all requests at the same time, each over its own open connection."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())

    async def get_all() -> list[Reply]:
        connections = [await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port) for url in urls]
        return list(
            await asyncio.gather(*(_get(url, lines, *each) for url, each in zip(urls, connections, strict=True)))
        )

    return asyncio.run(get_all())


async def _get(url: str, lines: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Reply:
    target = url.removeprefix("http://" + urlsplit(url).netloc)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n".encode())
    raw = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await writer.wait_closed()
    head, _, content = raw.partition(b"\r\n\r\n")
    return Reply(int(head.split(b" ", 2)[1]), content)


def count(base: str, name: str) -> int:
    """A counter of a server, by name and labels."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", httpx.get(f"{base}/metrics").text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def queries(base: str) -> int:
    """Number of queries that a server has run for responses."""
    return count(base, "ladder_query_seconds_count")


def generation_of(base: str) -> int:
    """The generation that a server serves; 0 while it is not ready."""
    return int(httpx.get(f"{base}/readyz").json().get("generation", 0))


def seconds_until(is_true: Callable[[], bool], limit_s: float = 60) -> float:
    """Wait until a condition is true; returns the seconds. The limit is generous, for busy machines."""
    began = time.monotonic()
    while not is_true():
        assert time.monotonic() - began < limit_s, "the condition did not become true in time"
        time.sleep(0.02)
    return time.monotonic() - began
