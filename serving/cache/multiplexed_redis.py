"""One Redis connection, shared by all requests of a process.

Commands are sent as they arrive, and replies are assigned to them in order (pipelining across independent requests).
Commands that change the connection or block it are therefore not allowed: no MULTI, SELECT, SUBSCRIBE or blocking pop.
Scripts do what has to be atomic.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from contextlib import suppress
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = ["MultiplexedRedis"]

_MAX_SILENCE_S = 3.0
"""A connection with pending replies is closed after this long without a reply: the server may be gone."""

PendingReplies = deque[tuple["asyncio.Future[Any]", float]]
"""Futures of the next replies in order, each with the time at which its command was sent."""


class MultiplexedRedis:
    """Connects at the first command, and again at the first command after the connection broke.

    Args:
        url: `redis://`, `rediss://` or `unix://` URL.
        timeout_s: seconds that a command may take, including the time to connect.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        # The pool parses the URL and the login; it never lends a connection.
        self._pool = ConnectionPool.from_url(
            url, socket_timeout=None, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0), protocol=2
        )
        self._timeout_s = timeout_s
        self._connecting = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._pending: PendingReplies = deque()
        self._reader: asyncio.Task[None] | None = None
        self._last_reply_at = 0.0

    async def close(self) -> None:
        """Close the connection; pending commands fail."""
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        await self._pool.disconnect()

    async def execute(self, *command: str | bytes | int | float) -> Any:
        """Send a command and wait for its reply.

        Raises:
            redis.exceptions.ResponseError: Redis rejects the command.
            redis.exceptions.TimeoutError: no reply in time; the command may have been executed.
            redis.exceptions.ConnectionError: Redis cannot be reached, or the connection broke.
        """
        reply: asyncio.Future[Any] | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = self._connection
                if connection is None or not connection.is_connected:
                    connection = await self._connect()
                reply = asyncio.get_running_loop().create_future()
                self._pending.append((reply, time.monotonic()))
                # No await between append and send, so replies arrive in the order of the futures.
                await connection.send_packed_command(connection.pack_command(*command), check_health=False)
                return await reply
        except TimeoutError:
            self._close_if_silent()
            raise RedisTimeoutError(f"no reply within {self._timeout_s} s") from None
        finally:
            if reply is not None and not reply.cancel() and not reply.cancelled():
                reply.exception()  # marks it as retrieved, in case sending failed first

    async def _connect(self) -> AbstractConnection:
        async with self._connecting:
            if self._connection is None or not self._connection.is_connected:
                connection = self._pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py does not annotate it
                try:
                    await connection.connect()
                except BaseException:
                    await connection.disconnect(nowait=True)
                    raise
                self._pending = deque()
                self._connection = connection
                self._reader = asyncio.create_task(self._read(connection, self._pending))
            return self._connection

    async def _read(self, connection: AbstractConnection, pending: PendingReplies) -> None:
        """Assign replies to their commands until the connection breaks."""
        try:
            while True:
                try:
                    reply = await connection.read_response(timeout=math.inf)
                except ResponseError as error:
                    reply = error
                self._last_reply_at = time.monotonic()
                future, _ = pending.popleft()
                if future.done():  # cancelled or timed out
                    continue
                if isinstance(reply, Exception):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except (RedisError, OSError, IndexError):
            pass
        finally:
            if self._connection is connection:
                self._connection = None
            for future, _ in pending:
                if not future.done():
                    future.set_exception(RedisConnectionError("the connection broke"))
            await connection.disconnect(nowait=True)

    def _close_if_silent(self) -> None:
        if self._reader is None or not self._pending:
            return
        _, sent_at = self._pending[0]
        if time.monotonic() - max(sent_at, self._last_reply_at) > _MAX_SILENCE_S:
            self._reader.cancel()
