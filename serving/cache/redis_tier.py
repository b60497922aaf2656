"""The shared cache tier in Redis, behind a circuit breaker: responses, leaderboards, locks, published generation.

A dead or slow server delays the first few requests by a fraction of a second. Then the circuit opens, and requests
skip Redis and use PostgreSQL. Only the watcher still sends a command; the first reply closes the circuit.
"""

from __future__ import annotations

import secrets
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from serving.cache import keys
from serving.cache.multiplexed_redis import MultiplexedRedis
from serving.endpoints.generations import POINTER_SCRIPT, PublishedGeneration
from serving.telemetry.metrics import Metrics

__all__ = ["RedisTier"]

_TIMEOUT_S = 0.25
_TIMEOUTS_BEFORE_OPEN = 2
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

_NO_REPLY = object()


class RedisTier:
    """A Redis or Valkey server that may fail at any time; every method then behaves like an empty cache.

    Args:
        url: `redis://` URL.
        metrics: counts errors.
    """

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._redis = MultiplexedRedis(url, _TIMEOUT_S)
        self._metrics = metrics
        self._timeouts = 0
        self._owner = secrets.token_hex(8)
        self.is_circuit_open = False
        """No commands are sent, except for the pointer."""

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.close()

    async def read_pointer(self) -> bytes | None:
        """Value of the pointer key. Sent even while the circuit is open; a reply closes it."""
        try:
            reply: bytes | None = await self._redis.execute("GET", keys.pointer_key())
        except RedisError as error:
            self._record_failure(error)
            return None
        self._timeouts = 0
        self.is_circuit_open = False
        return reply

    async def get(self, *key_names: str) -> list[bytes | None]:
        """Values by key."""
        reply: list[bytes | None] = await self._execute([None] * len(key_names), "MGET", *key_names)
        return reply

    async def store(self, key: str, value: bytes, seconds: int) -> None:
        """Store a response that expires after some seconds."""
        await self._execute(None, "SET", key, value, "EX", seconds)

    async def lock(self, name: str, seconds: float) -> bool | None:
        """Try to acquire a lock.

        Returns:
            True when this process holds it, False when another process does, None when Redis does not reply.
        """
        reply = await self._execute(_NO_REPLY, "SET", name, self._owner, "NX", "PX", int(seconds * 1000))
        return None if reply is _NO_REPLY else reply is not None

    async def renew(self, name: str, seconds: float) -> None:
        """Let a lock expire after some seconds from now, if this process still holds it."""
        await self.run(_RENEW, [name], self._owner, int(seconds * 1000))

    async def unlock(self, name: str) -> None:
        """Release a lock, if this process still holds it."""
        await self.run(_RELEASE, [name], self._owner)

    async def advance_pointer(self, published: PublishedGeneration) -> None:
        """Announce a generation to other processes, unless a later one was announced."""
        await self.run(
            POINTER_SCRIPT, [keys.pointer_key()], published.pack(), published.generation, published.published_at_us
        )

    async def run(self, script: str, key_names: list[str], *arguments: str | bytes | int) -> Any:
        """Run a Lua script and return its result; None when Redis fails."""
        return await self._execute(None, "EVAL", script, len(key_names), *key_names, *arguments)

    async def _execute(self, default: Any, *command: str | bytes | int) -> Any:
        if self.is_circuit_open:
            return default
        try:
            reply = await self._redis.execute(*command)
        except RedisError as error:
            self._record_failure(error)
            return default
        self._timeouts = 0
        return reply

    def _record_failure(self, error: RedisError) -> None:
        self._metrics.redis_errors.add()
        if isinstance(error, RedisTimeoutError):
            self._timeouts += 1
            self.is_circuit_open = self.is_circuit_open or self._timeouts >= _TIMEOUTS_BEFORE_OPEN
        elif isinstance(error, RedisConnectionError):
            self.is_circuit_open = True
        # Other errors are replies: a full server rejects writes and still serves reads.
