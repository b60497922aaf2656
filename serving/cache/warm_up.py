"""What is asked most is made ready for a new generation before anybody is told of it.

Serving processes tell Redis what they are asked, every few seconds and not on any request's way. The publisher, once
the marts have turned, takes the list, queries for its head and stores the answers where serving processes will look for
them. They keep to the old generation meanwhile, so nobody sees half; and what is not made in time is made when asked
for, as if there were no warm-up.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from serving.cache import keys
from serving.cache.database import Database
from serving.cache.leaderboards import LEADERBOARD_PLACE
from serving.cache.memory_tier import MemoryTier
from serving.cache.multiplexed_redis import MultiplexedRedis
from serving.cache.redis_tier import RedisTier
from serving.cache.requests import CanonicalRequest
from serving.cache.responses import STALE_LIMIT_S, encode_response
from serving.endpoints import BY_NAME
from serving.endpoints.generations import PublishedGeneration
from serving.errors import Unavailable

__all__ = ["report_hot_requests", "warm_up"]

_logger = logging.getLogger(__name__)

_REPORT_EVERY_S = 2.0
_MAX_REPORTED = 64
_MAX_WARMED = 128
_MAX_KEPT = 512
_EXPIRES_AFTER_S = 24 * 3600
_CONCURRENCY = 3
"""Queries at a time; serving processes have connections of their own."""

_REPORT = f"""
for place = 2, #ARGV, 2 do
    redis.call('ZINCRBY', KEYS[1], ARGV[place + 1], ARGV[place])
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -{_MAX_KEPT + 1})
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
_TAKE_HOTTEST = """
local hot = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'REV')
redis.call('ZUNIONSTORE', KEYS[1], 1, KEYS[1], 'WEIGHTS', '0.5')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(1')
redis.call('EXPIRE', KEYS[1], ARGV[2])
return hot
"""
"""The head of the list. Counts are halved with each publication, so that what is no longer asked leaves."""


class _HotRequest(msgspec.Struct, array_like=True, frozen=True):
    """A question as the list has it; dates are text, which PostgreSQL reads as well."""

    endpoint: str
    target: str
    values: dict[str, Any]
    limit: int | None


async def report_hot_requests(memory: MemoryTier, redis: RedisTier) -> None:
    """Tell Redis what this process is asked most, until cancelled."""
    while True:
        await asyncio.sleep(_REPORT_EVERY_S)
        try:
            await _report(memory, redis)
        except Exception:
            _logger.exception("what is asked most could not be told; this goes on")


async def _report(memory: MemoryTier, redis: RedisTier) -> None:
    arguments: list[bytes | int] = []
    for request, hits in memory.take_hot_requests(_MAX_REPORTED):
        # A sorted set answers for places anyway.
        if request.endpoint is not LEADERBOARD_PLACE:
            hot = _HotRequest(request.endpoint.name, request.target, dict(request.values), request.limit)
            arguments += (msgspec.msgpack.encode(hot), hits)
    if arguments:
        await redis.run(_REPORT, [keys.hot_requests_key()], _EXPIRES_AFTER_S, *arguments)


async def warm_up(redis: MultiplexedRedis, database: Database, published: PublishedGeneration) -> int:
    """Make the answers of a generation that are asked most, the hottest first.

    Args:
        line: the cache.
        database: where the marts are.
        published: the generation, which has to be the published one.

    Returns:
        How many answers are ready.

    Raises:
        DatabaseDown: PostgreSQL cannot be reached.
        redis.exceptions.RedisError: Redis cannot be reached, or is full.
    """
    hottest = iter(
        await redis.execute("EVAL", _TAKE_HOTTEST, 1, keys.hot_requests_key(), _MAX_WARMED, _EXPIRES_AFTER_S)
    )

    async def work() -> int:
        # Each takes the next from the same list, so that one slow query does not hold up the others.
        return sum([await _warm(redis, database, published, packed) for packed in hottest])

    return sum(await asyncio.gather(*(work() for _ in range(_CONCURRENCY))))


async def _warm(redis: MultiplexedRedis, database: Database, published: PublishedGeneration, packed: bytes) -> bool:
    """Store one answer; of one that cannot be made, whoever asks for it is told."""
    try:
        hot = msgspec.msgpack.decode(packed, type=_HotRequest)
        request = CanonicalRequest(BY_NAME[hot.endpoint], hot.target, hot.values, hot.limit)
        result = await database.read(request.endpoint, request.values)
    except (msgspec.MsgspecError, KeyError, Unavailable):
        return False
    # Of another generation the next publisher makes it ready.
    if result.published != published or not result.is_known:
        return False
    stored = await encode_response(request, published, result.rows)
    key = keys.response_key(published, request.endpoint, request.target)
    await redis.execute("SET", key, stored.pack(), "EX", request.endpoint.max_age_s + STALE_LIMIT_S)
    return True
