"""Readers that send requests continuously over open connections, and record durations and failures."""

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
    """Durations and failures of readers.

    Attributes:
        seconds: duration of each read.
        failures: other statuses than 200, and messages of the check.
    """

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """A percentile of the durations, in seconds."""
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
        bases: servers over which the readers are distributed.
        next_path: returns the next path to request.
        connections: number of readers, each with its own connection.
        check: returns an error message for a reader's number and a body; None if the body is correct.
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
