"""Syncs leases with the shared rate limit buckets in Redis, outside the path of any request.

Callers below the low-water mark are synced at once, callers with new requests once per second, all others not at all.
One script syncs hundreds of callers. Without Redis each process refills leases at its part of the rate.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from serving.cache import keys
from serving.cache.redis_tier import RedisTier
from serving.ratelimit.leases import Caller

__all__ = ["RateLimitSync"]

_SWEEP_EVERY_S = 1.0
_PAUSE_S = 0.01
"""Pause between two syncs, so a busy caller is synced at most a hundred times per second."""
_MAX_WAIT_S = 0.3
"""The longest wait of a request for a sync: a little longer than the timeout of Redis."""
_BATCH_SIZE = 256
"""Callers per script. Redis is blocked while a script runs, for about a millisecond."""

_logger = logging.getLogger(__name__)

_SYNC_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local replies = {}
for number, key in ipairs(KEYS) do
    local stored = redis.call('HMGET', key, 'at', 'requests', 'rows')
    local seconds = math.max(0, now - (tonumber(stored[1]) or now))
    local full_in = 0
    for index, name in ipairs({'requests', 'rows'}) do
        local first = (number - 1) * 8 + (index - 1) * 4
        local capacity, per_second = tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
        local debt, requested = tonumber(ARGV[first + 3]), tonumber(ARGV[first + 4])
        local level, granted = 0, 0
        if capacity > 0 then
            level = math.min(capacity, (tonumber(stored[index + 1]) or capacity) + seconds * per_second) - debt
            granted = math.min(requested, math.max(0, math.floor(level)))
            level = math.min(capacity, level - granted)
            redis.call('HSET', key, name, level)
            full_in = math.max(full_in, (capacity - level) / per_second)
        end
        replies[#replies + 1] = granted
        replies[#replies + 1] = math.floor(level * 1000)
    end
    redis.call('HSET', key, 'at', string.format('%.6f', now))
    redis.call('PEXPIRE', key, math.ceil(full_in * 1000) + 1000)
end
return replies
"""
"""Syncs the buckets KEYS. ARGV holds for each key, first for requests and then for rows: capacity (0 for no limit),
tokens per second, debt, requested tokens (negative to return tokens). Returns granted tokens and level in thousandths
for each. A missing key is a full bucket; a full bucket expires."""


class RateLimitSync:
    """Syncs the leases of callers.

    Args:
        redis: holds the buckets.
    """

    def __init__(self, redis: RedisTier) -> None:
        self._redis = redis
        self._callers: dict[str, Caller] = {}
        self._requested: list[Caller] = []
        self._wake_up = asyncio.Event()
        self._next_sync: asyncio.Future[None] | None = None
        self._last_sweep_at = 0.0

    def add(self, caller: Caller) -> None:
        """Sync a caller from now on, in place of an earlier one with the same subject."""
        self._callers[caller.subject] = caller

    def remove(self, caller: Caller) -> None:
        """Stop syncing a caller."""
        if self._callers.get(caller.subject) is caller:
            del self._callers[caller.subject]

    def request_sync(self, caller: Caller) -> None:
        """Request an immediate sync, unless the bucket is known to be empty for now."""
        if not caller.is_sync_requested and not caller.wait_s(time.monotonic()):
            caller.is_sync_requested = True
            caller.is_idle = False
            self._requested.append(caller)
            self._wake_up.set()

    async def wait_for_sync(self, caller: Caller) -> None:
        """Wait for a pending sync of a caller, at most for the time limit."""
        if caller.is_sync_requested:
            if self._next_sync is None:
                self._next_sync = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._next_sync}, timeout=_MAX_WAIT_S)

    async def run(self) -> None:
        """Sync until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP_EVERY_S):
                    await self._wake_up.wait()
            try:
                await self._sync_pending()
            except Exception:
                _logger.exception("rate limits could not be synced; trying again")
            await asyncio.sleep(_PAUSE_S)

    async def _sync_pending(self) -> None:
        self._wake_up.clear()
        requested, self._requested = self._requested, []
        finished_sync, self._next_sync = self._next_sync, None
        for caller in requested:
            caller.is_sync_requested = False
        try:
            pending = dict.fromkeys([*requested, *self._sweep()])
            callers = [caller for caller in pending if caller.requests.per_minute or caller.rows.per_minute]
            for first in range(0, len(callers), _BATCH_SIZE):
                await self._sync(callers[first : first + _BATCH_SIZE])
        finally:
            if finished_sync is not None:
                finished_sync.set_result(None)

    def _sweep(self) -> Iterator[Caller]:
        """Once per second: callers with new requests, and callers that have become idle."""
        now = time.monotonic()
        if now - self._last_sweep_at < _SWEEP_EVERY_S:
            return
        self._last_sweep_at = now
        for caller in self._callers.values():
            if caller.has_new_requests:
                caller.has_new_requests = False
                caller.last_used_at = now
                caller.is_idle = False
                yield caller
            elif not caller.is_idle and now - caller.last_used_at > caller.idle_after_s:
                caller.is_idle = True
                yield caller

    async def _sync(self, callers: Sequence[Caller]) -> None:
        leases = [(lease, caller.is_idle) for caller in callers for lease in (caller.requests, caller.rows)]
        debts = [lease.debt for lease, _ in leases]
        arguments: list[str] = []
        for (lease, is_idle), debt in zip(leases, debts, strict=True):
            capacity = lease.capacity if lease.per_minute else 0
            arguments += (str(capacity), str(lease.per_second), str(debt), str(lease.requested_amount(is_idle=is_idle)))
        bucket_keys = [keys.rate_limit_key(caller.subject) for caller in callers]
        replies = await self._redis.run(_SYNC_SCRIPT, bucket_keys, *arguments)
        now = time.monotonic()
        if replies is None:
            for caller in callers:
                caller.requests.refill(now - caller.synced_at)
                caller.rows.refill(now - caller.synced_at)
        else:
            for number, ((lease, is_idle), debt) in enumerate(zip(leases, debts, strict=True)):
                granted, level = replies[2 * number], replies[2 * number + 1] / 1000
                lease.apply_sync(debt, granted, level, is_idle=is_idle)
        for caller in callers:
            caller.synced_at = now
