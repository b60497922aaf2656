"""The cache that processes share: answers, locks and the published generation, behind a circuit breaker.

A dead or slow server costs the requests that meet it first a fraction of a second, and the rest nothing: they go on to
PostgreSQL. Only the watcher asks on, and closes the circuit with the first answer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from serving import keys
from serving.generations import POINTER_SCRIPT, Published
from serving.metrics import Metrics

__all__ = ["RedisTier"]

_TIMEOUT_S = 0.25
_CONNECTIONS = 16
_SLOW_BEFORE_OPEN = 2
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

_UNTOLD = object()


class RedisTier:
    """A Redis or Valkey that may fail at any time; every method then answers as an empty cache would.

    Args:
        url: `redis://` URL.
        metrics: counts errors.
    """

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._client = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            max_connections=_CONNECTIONS + 1,
        )
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self._metrics = metrics
        self._slow = 0
        self._owner = secrets.token_hex(8)
        self.is_open = False
        """The circuit is open: Redis is left alone."""

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def pointer(self) -> bytes | None:
        """What the pointer holds; asked even while the circuit is open, which an answer closes."""
        try:
            found: Any = await self._client.get(keys.pointer_key())
        except RedisError as error:
            self._failed(error)
            return None
        self._slow = 0
        self.is_open = False
        return bytes(found) if found is not None else None

    async def get(self, *names: str) -> list[bytes | None]:
        """Values by key."""
        found: list[bytes | None] = await self._guarded(lambda: self._client.mget(names), [None] * len(names))
        return found

    async def store(self, key: str, value: bytes, seconds: int) -> None:
        """Keep an answer for a while."""
        await self._guarded(lambda: self._client.set(key, value, ex=seconds), None)

    async def lock(self, key: str, seconds: float) -> bool | None:
        """Take the lock of a key.

        Returns:
            True when it is ours now, False when somebody else holds it, None when Redis cannot tell.
        """
        milliseconds = int(seconds * 1000)
        taken = await self._guarded(
            lambda: self._client.set(keys.lock_key(key), self._owner, nx=True, px=milliseconds), _UNTOLD
        )
        return None if taken is _UNTOLD else bool(taken)

    async def renew(self, key: str, seconds: float) -> None:
        """Hold the lock of a key for so long from now on, if it is still ours."""
        arguments = (keys.lock_key(key), self._owner, int(seconds * 1000))
        await self._guarded(lambda: self._client.eval(_RENEW, 1, *arguments), None)

    async def unlock(self, key: str) -> None:
        """Give the lock of a key back, if it is still ours."""
        await self._guarded(lambda: self._client.eval(_RELEASE, 1, keys.lock_key(key), self._owner), None)

    async def advance(self, published: Published) -> None:
        """Tell the others of a publication, unless they know a later one."""
        arguments = (published.pack(), published.generation, published.moment)
        await self._guarded(lambda: self._client.eval(POINTER_SCRIPT, 1, keys.pointer_key(), *arguments), None)

    async def run(self, script: str, names: list[str], *arguments: str | bytes | int) -> Any:
        """What a script returns; None where Redis fails."""
        return await self._guarded(lambda: self._client.eval(script, len(names), *names, *arguments), None)

    async def _guarded(self, command: Callable[[], Awaitable[Any]], otherwise: Any) -> Any:
        if self.is_open:
            return otherwise
        async with self._places:
            if self.is_open:  # while we waited for a place
                return otherwise
            try:
                found = await command()
            except RedisError as error:
                self._failed(error)
                return otherwise
        self._slow = 0
        return found

    def _failed(self, error: RedisError) -> None:
        self._metrics.redis_errors.add()
        if isinstance(error, RedisTimeoutError):
            self._slow += 1
            self.is_open = self.is_open or self._slow >= _SLOW_BEFORE_OPEN
        elif isinstance(error, RedisConnectionError):
            self.is_open = True
        # Anything else is an answer: a full server refuses to store, and still reads.
