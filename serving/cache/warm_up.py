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
from serving.cache.leaderboards import PLACE
from serving.cache.memory import Memory
from serving.cache.multiplexed import Multiplexed
from serving.cache.redis_tier import RedisTier
from serving.cache.requests import Question
from serving.cache.responses import STALE_LIMIT_S, make
from serving.endpoints import BY_NAME
from serving.endpoints.generations import Published
from serving.errors import Unavailable

__all__ = ["report_hot", "warm_up"]

_logger = logging.getLogger(__name__)

_REPORT_EVERY_S = 2.0
_REPORTED = 64
_WARMED = 128
_KEPT = 512
_STANDS_FOR_S = 24 * 3600
_AT_ONCE = 3
"""Queries at a time; serving processes have connections of their own."""

_REPORT = f"""
for place = 2, #ARGV, 2 do
    redis.call('ZINCRBY', KEYS[1], ARGV[place + 1], ARGV[place])
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -{_KEPT + 1})
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
_TAKE = """
local hot = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'REV')
redis.call('ZUNIONSTORE', KEYS[1], 1, KEYS[1], 'WEIGHTS', '0.5')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(1')
redis.call('EXPIRE', KEYS[1], ARGV[2])
return hot
"""
"""The head of the list. Counts are halved with each publication, so that what is no longer asked leaves."""


class _Hot(msgspec.Struct, array_like=True, frozen=True):
    """A question as the list has it; dates are text, which PostgreSQL reads as well."""

    endpoint: str
    scope: str
    values: dict[str, Any]
    limit: int | None


async def report_hot(memory: Memory, redis: RedisTier) -> None:
    """Tell Redis what this process is asked most, until cancelled."""
    while True:
        await asyncio.sleep(_REPORT_EVERY_S)
        try:
            await _report(memory, redis)
        except Exception:
            _logger.exception("what is asked most could not be told; this goes on")


async def _report(memory: Memory, redis: RedisTier) -> None:
    arguments: list[bytes | int] = []
    for question, uses in memory.take_hot(_REPORTED):
        # A sorted set answers for places anyway.
        if question.endpoint is not PLACE:
            hot = _Hot(question.endpoint.name, question.scope, dict(question.values), question.limit)
            arguments += (msgspec.msgpack.encode(hot), uses)
    if arguments:
        await redis.run(_REPORT, [keys.hot_key()], _STANDS_FOR_S, *arguments)


async def warm_up(line: Multiplexed, database: Database, published: Published) -> int:
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
    hottest = iter(await line.execute("EVAL", _TAKE, 1, keys.hot_key(), _WARMED, _STANDS_FOR_S))

    async def work() -> int:
        # Each takes the next from the same list, so that one slow query does not hold up the others.
        return sum([await _make_ready(line, database, published, packed) for packed in hottest])

    return sum(await asyncio.gather(*(work() for _ in range(_AT_ONCE))))


async def _make_ready(line: Multiplexed, database: Database, published: Published, packed: bytes) -> bool:
    """Store one answer; of one that cannot be made, whoever asks for it is told."""
    try:
        hot = msgspec.msgpack.decode(packed, type=_Hot)
        question = Question(BY_NAME[hot.endpoint], hot.scope, hot.values, hot.limit)
        reading = await database.read(question.endpoint, question.values)
    except (msgspec.MsgspecError, KeyError, Unavailable):
        return False
    # Of another generation the next publisher makes it ready.
    if reading.published != published or not reading.is_known:
        return False
    stored = await make(question, published, reading.rows)
    key = keys.answer_key(published, question.endpoint, question.scope)
    await line.execute("SET", key, stored.pack(), "EX", question.endpoint.max_age_s + STALE_LIMIT_S)
    return True
