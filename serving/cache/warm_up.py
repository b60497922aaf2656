"""Warm-up: the most frequent requests are loaded for a new generation before it is announced.

Serving processes report their hot requests to Redis every few seconds, outside the path of any request. After the marts
were promoted, the publisher takes the list, queries the hottest requests and stores the responses under the keys of the
new generation. Serving processes keep to the old generation until the pointer moves, so no reader sees a mixture. A
request that was not warmed in time is loaded when it is requested.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from serving.cache import keys
from serving.cache.database import Database
from serving.cache.keys import CacheKey
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
"""Concurrent queries; serving processes have their own connections."""

_REPORT = f"""
for index = 2, #ARGV, 2 do
    redis.call('ZINCRBY', KEYS[1], ARGV[index + 1], ARGV[index])
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
"""Returns the hottest requests. Counts are halved with each publication, so requests out of use leave the list."""


class _HotRequest(msgspec.Struct, array_like=True, frozen=True):
    """A request as the list stores it. Dates are text, which PostgreSQL accepts too."""

    endpoint: str
    target: str
    values: dict[str, Any]
    limit: int | None


async def report_hot_requests(memory: MemoryTier, redis: RedisTier) -> None:
    """Report the hot requests of this process to Redis until cancelled."""
    while True:
        await asyncio.sleep(_REPORT_EVERY_S)
        try:
            await _report(memory, redis)
        except Exception:
            _logger.exception("hot requests could not be reported; trying again")


async def _report(memory: MemoryTier, redis: RedisTier) -> None:
    arguments: list[bytes | int] = []
    for request, hits in memory.take_hot_requests(_MAX_REPORTED):
        # Leaderboard places are served from sorted sets.
        if request.endpoint is not LEADERBOARD_PLACE:
            hot = _HotRequest(request.endpoint.name, request.target, dict(request.values), request.limit)
            arguments += (msgspec.msgpack.encode(hot), hits)
    if arguments:
        await redis.run(_REPORT, [keys.hot_requests_key()], _EXPIRES_AFTER_S, *arguments)


async def warm_up(redis: MultiplexedRedis, database: Database, published: PublishedGeneration) -> int:
    """Load the most frequent requests for a generation, the hottest first.

    Args:
        redis: connection to the cache.
        database: holds the marts.
        published: the generation; must be the published one.

    Returns:
        Number of responses that were stored.

    Raises:
        DatabaseDown: PostgreSQL cannot be reached.
        redis.exceptions.RedisError: Redis cannot be reached, or is full.
    """
    hottest = iter(
        await redis.execute("EVAL", _TAKE_HOTTEST, 1, keys.hot_requests_key(), _MAX_WARMED, _EXPIRES_AFTER_S)
    )

    async def work() -> int:
        # All workers take requests from one list, so a slow query does not delay the others.
        return sum([await _warm(redis, database, published, packed) for packed in hottest])

    return sum(await asyncio.gather(*(work() for _ in range(_CONCURRENCY))))


async def _warm(redis: MultiplexedRedis, database: Database, published: PublishedGeneration, packed: bytes) -> bool:
    """Load and store one response. False when that fails; a client that requests it then gets the error."""
    try:
        hot = msgspec.msgpack.decode(packed, type=_HotRequest)
        request = CanonicalRequest(BY_NAME[hot.endpoint], hot.target, hot.values, hot.limit)
        result = await database.read(request.endpoint, request.values)
    except (msgspec.MsgspecError, KeyError, Unavailable):
        return False
    # The rows of another generation belong to the next publication's warm-up.
    if result.published != published or not result.is_known:
        return False
    key = CacheKey(published, request)
    stored = await encode_response(key, result.rows)
    await redis.execute("SET", key.name, stored.pack(), "EX", request.endpoint.max_age_s + STALE_LIMIT_S)
    return True
