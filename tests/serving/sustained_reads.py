"""Readers that ask on and on, over connections that stay open, and note what they met with."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from urllib.parse import urlsplit

__all__ = ["Reads", "sustained_reads"]


@dataclass
class Reads:
    """What readers met with so far.

    Attributes:
        seconds: how long each read took.
        failures: what went wrong: a status other than 200, or what the check said.
    """

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """Seconds that so many in a hundred reads stay within."""
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


@contextmanager
def sustained_reads(
    bases: Sequence[str],
    next_path: Callable[[], str],
    *,
    connections: int = 8,
    check: Callable[[int, bytes], str | None] = lambda reader, body: None,
) -> Iterator[Reads]:
    """Read until the context ends.

    Args:
        bases: servers, to which readers are dealt out.
        next_path: what to ask next.
        connections: readers, each with a connection of its own.
        check: given the reader's number and a body, says what is wrong with it, if anything.
    """
    reads, done = Reads(), threading.Event()

    async def read(number: int) -> None:
        parts = urlsplit(bases[number % len(bases)])
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
        try:
            while not done.is_set():
                began = time.perf_counter()
                writer.write(f"GET {next_path()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                reads.seconds.append(time.perf_counter() - began)
                status = head.split(b" ", 2)[1]
                problem = check(number, body) if status == b"200" else f"{status.decode()} {body[:200]!r}"
                if problem is not None:
                    reads.failures.append(problem)
        except (OSError, asyncio.IncompleteReadError) as error:
            reads.failures.append(repr(error))
        finally:
            writer.close()

    async def read_all() -> None:
        await asyncio.gather(*map(read, range(connections)))

    thread = threading.Thread(target=lambda: asyncio.run(read_all()))
    thread.start()
    try:
        yield reads
    finally:
        done.set()
        thread.join(60)
        assert not thread.is_alive(), "a reader hangs"
