"""A TCP proxy on loopback that can delay or break connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Forwards bytes, each after a delay.

    Attributes:
        delay_s: delay of replies in seconds; may be changed at any time.
        url: URL of the server through this proxy.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._stopped: set[asyncio.StreamWriter] = set()
        self.delay_s = 0.0
        self.url = ""

    def cut(self) -> None:
        """Break all connections."""
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in self._writers])

    def stop_forwarding(self) -> None:
        """Stop forwarding on the open connections, without breaking them."""
        self._loop.call_soon_threadsafe(lambda: self._stopped.update(self._writers))

    async def _open(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        login, at, _ = self._parts.netloc.rpartition("@")
        self.url = urlunsplit(self._parts._replace(netloc=f"{login}{at}127.0.0.1:{port}"))
        self._server = server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        for source, target, is_late in ((reader, far_writer, False), (far_reader, writer, True)):
            task = self._loop.create_task(self._pass_on(source, target, is_late=is_late))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_late: bool) -> None:
        self._writers.add(target)
        loop = self._loop
        with suppress(OSError):
            while data := await source.read(65536):
                if is_late and self.delay_s:
                    # Like a long distance: later bytes are not delayed by earlier ones.
                    loop.call_later(self.delay_s, self._write, target, data)
                else:
                    self._write(target, data)
        self._writers.discard(target)
        target.close()

    def _write(self, target: asyncio.StreamWriter, data: bytes) -> None:
        if not target.is_closing() and target not in self._stopped:
            target.write(data)

    async def _close(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Open the proxy, and close it with the context."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(5)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
