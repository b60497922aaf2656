"""Settles what was spent with the buckets that all processes share, in Redis, away from any request.

Who runs low is settled at once, who was used within the second, everybody else not at all; one script settles
hundreds. Without Redis each process fills by itself, at its part of the rate.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from serving.cache import keys
from serving.cache.redis_tier import RedisTier
from serving.ratelimit.limits import Caller

__all__ = ["Limits"]

_SWEEP_EVERY_S = 1.0
_REST_S = 0.01
"""Between two rounds: a caller that runs low again and again is settled a hundred times a second."""
_WAIT_S = 0.3
"""The longest that a request waits to hear whether there is more: a little longer than Redis may take."""
_AT_ONCE = 256
"""Callers that one script settles; Redis answers nobody else meanwhile, which takes about a millisecond."""

_logger = logging.getLogger(__name__)

_SETTLE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local replies = {}
for number, key in ipairs(KEYS) do
    local stored = redis.call('HMGET', key, 'at', 'requests', 'rows')
    local seconds = math.max(0, now - (tonumber(stored[1]) or now))
    local full_in = 0
    for place, name in ipairs({'requests', 'rows'}) do
        local first = (number - 1) * 8 + (place - 1) * 4
        local capacity, per_second = tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
        local owed, wanted = tonumber(ARGV[first + 3]), tonumber(ARGV[first + 4])
        local level, granted = 0, 0
        if capacity > 0 then
            level = math.min(capacity, (tonumber(stored[place + 1]) or capacity) + seconds * per_second) - owed
            granted = math.min(wanted, math.max(0, math.floor(level)))
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
"""Settles the buckets KEYS. ARGV has for each, first for requests and then for rows: capacity (0 for no limit), what it
fills in a second, what is owed, what is wanted (negative for what is given back). Returns for each what it grants, and
its level in thousandths. A bucket that is not there is full, and a full one is soon not there."""


class Limits:
    """Settles callers.

    Args:
        redis: where the buckets are.
    """

    def __init__(self, redis: RedisTier) -> None:
        self._redis = redis
        self._callers: dict[str, Caller] = {}
        self._hurried: list[Caller] = []
        self._is_called = asyncio.Event()
        self._round: asyncio.Future[None] | None = None
        self._swept_at = 0.0

    def enter(self, caller: Caller) -> None:
        """Settle a caller from now on, in place of an earlier one with the same subject."""
        self._callers[caller.subject] = caller

    def leave(self, caller: Caller) -> None:
        """Settle a caller no more."""
        if self._callers.get(caller.subject) is caller:
            del self._callers[caller.subject]

    def hurry(self, caller: Caller) -> None:
        """Have a caller settled at once, unless the bucket said how long that is of no use."""
        if not caller.is_hurried and not caller.wait_s(time.monotonic()):
            caller.is_hurried = True
            caller.is_resting = False
            self._hurried.append(caller)
            self._is_called.set()

    async def settled(self, caller: Caller) -> None:
        """Wait until a caller that is to be settled at once has been, or for as long as that may take."""
        if caller.is_hurried:
            if self._round is None:
                self._round = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._round}, timeout=_WAIT_S)

    async def run(self) -> None:
        """Settle until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP_EVERY_S):
                    await self._is_called.wait()
            try:
                await self._settle_all()
            except Exception:
                _logger.exception("limits could not be settled; this goes on")
            await asyncio.sleep(_REST_S)

    async def _settle_all(self) -> None:
        self._is_called.clear()
        hurried, self._hurried = self._hurried, []
        waiting, self._round = self._round, None
        for caller in hurried:
            caller.is_hurried = False
        try:
            met = dict.fromkeys([*hurried, *self._sweep()])
            callers = [caller for caller in met if caller.requests.per_minute or caller.rows.per_minute]
            for first in range(0, len(callers), _AT_ONCE):
                await self._settle(callers[first : first + _AT_ONCE])
        finally:
            if waiting is not None:
                waiting.set_result(None)

    def _sweep(self) -> Iterator[Caller]:
        """Once a second: who has asked since, and for the last time who has not for long."""
        now = time.monotonic()
        if now - self._swept_at < _SWEEP_EVERY_S:
            return
        self._swept_at = now
        for caller in self._callers.values():
            if caller.is_used:
                caller.is_used = False
                caller.used_at = now
                caller.is_resting = False
                yield caller
            elif not caller.is_resting and now - caller.used_at > caller.forgotten_after_s:
                caller.is_resting = True
                yield caller

    async def _settle(self, callers: Sequence[Caller]) -> None:
        limits = [(limit, caller.is_resting) for caller in callers for limit in (caller.requests, caller.rows)]
        debts = [limit.owed for limit, _ in limits]
        arguments: list[str] = []
        for (limit, is_resting), owed in zip(limits, debts, strict=True):
            capacity = limit.capacity if limit.per_minute else 0
            arguments += (str(capacity), str(limit.per_second), str(owed), str(limit.wanted(is_resting=is_resting)))
        names = [keys.limit_key(caller.subject) for caller in callers]
        replies = await self._redis.run(_SETTLE, names, *arguments)
        now = time.monotonic()
        if replies is None:
            for caller in callers:
                caller.requests.refill(now - caller.settled_at)
                caller.rows.refill(now - caller.settled_at)
        else:
            for place, ((limit, is_resting), owed) in enumerate(zip(limits, debts, strict=True)):
                granted, level = replies[2 * place], replies[2 * place + 1] / 1000
                limit.settle(owed, granted, level, is_resting=is_resting)
        for caller in callers:
            caller.settled_at = now
