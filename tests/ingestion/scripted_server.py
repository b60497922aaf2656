"""A source on loopback with scripted responses, valid or broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reply:
    """One response. `missing` bytes of the announced body are not sent; the response begins after `wait_s` seconds.

    The body is sent `times` times, with pauses of `pause_s`; if `times` is 0, without end and without a length.
    """

    status: int = 200
    body: bytes = b"[]"
    headers: Mapping[str, str] = field(default_factory=dict)
    missing: int = 0
    wait_s: float = 0.0
    times: int = 1
    pause_s: float = 0.0
    phrase: str = "Scripted"


@dataclass
class Server:
    """A running server: its base URL and a log of its requests."""

    url: str
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    max_in_flight: int = 0


@asynccontextmanager
async def scripted(respond: Callable[[str, int], Reply]) -> AsyncIterator[Server]:
    """Serve on loopback; `respond` receives the path with its query and the number of earlier requests for it."""
    running = Server("")
    in_flight = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal in_flight
        running.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                path = first.split()[1]
                reply = respond(path, running.requests.count(path))
                running.requests.append(path)
                running.headers.append({k.lower(): v for k, v in (line.split(": ", 1) for line in lines)})
                in_flight += 1
                running.max_in_flight = max(running.max_in_flight, in_flight)
                await asyncio.sleep(reply.wait_s)
                in_flight -= 1
                length = {"content-length": str(len(reply.body) * reply.times)} if reply.times else {}
                fields = {**length, **reply.headers}
                writer.write(f"HTTP/1.1 {reply.status} {reply.phrase}\r\n".encode())
                writer.write("".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode() + b"\r\n")
                writer.write(reply.body[: len(reply.body) - reply.missing])
                await writer.drain()
                sent = 1
                while sent != reply.times:
                    await asyncio.sleep(reply.pause_s)
                    writer.write(reply.body)
                    await writer.drain()
                    sent += 1
                if reply.missing:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    running.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
    try:
        yield running
    finally:
        server.close()


def error(status: int, text: str, **headers: str) -> Reply:
    """An error response in OpenDota's form; header names with `_` in place of `-`."""
    return Reply(status, f'{{"error":"{text}"}}'.encode(), {k.replace("_", "-"): v for k, v in headers.items()})
