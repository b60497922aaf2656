"""Many requests at once, and what servers say of themselves."""

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
    """What came back."""

    status_code: int
    content: bytes


def get_together(urls: Sequence[str], headers: Mapping[str, str] | None = None) -> list[Reply]:
    """Send all requests at the same time, each over a connection of its own that is open already."""
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
    """A counter of a server, by its name and labels in the exposition."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", httpx.get(f"{base}/metrics").text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def queries(base: str) -> int:
    """How many answers a server has queried for."""
    return count(base, "ladder_query_seconds_count")


def generation_of(base: str) -> int:
    """The generation that a server answers from; 0 while it is not ready."""
    return int(httpx.get(f"{base}/readyz").json().get("generation", 0))


def seconds_until(is_true: Callable[[], bool], limit_s: float = 60) -> float:
    """Wait for something to happen, for long on a busy machine, and say how long that took."""
    began = time.monotonic()
    while not is_true():
        assert time.monotonic() - began < limit_s, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - began
