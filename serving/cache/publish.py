"""Switches the cache to a new generation: one pointer key moves, and the keys of the old generation fall out of use.

Before the pointer moves, hot requests and leaderboards are warmed up under the keys of the new generation, within a
time limit; serving does not depend on them. Old responses expire by themselves; no key is ever deleted by pattern.
"""

from __future__ import annotations

import asyncio
import logging

from redis.exceptions import RedisError

from serving.cache import keys
from serving.cache.database import Database, DatabaseDown
from serving.cache.leaderboards import write_leaderboards
from serving.cache.multiplexed_redis import MultiplexedRedis
from serving.cache.warm_up import warm_up
from serving.endpoints.generations import POINTER_SCRIPT, PublishedGeneration
from serving.errors import Unavailable
from warehouse.core.errors import PublicationError
from warehouse.database.connection_hints import connection_hint
from warehouse.publication.generations import Generation

__all__ = ["publish_cache"]

_TIMEOUT_S = 2.0
_WARM_UP_LIMIT_S = 0.6
"""Readers may wait one second for a new generation; serving processes check for it five times per second."""
_LEADERBOARDS_LIMIT_S = 60.0
"""Leaderboards that are not written by then are queried in SQL."""

_logger = logging.getLogger(__name__)


def publish_cache(redis_url: str, generation: Generation, *, serving_url: str | None = None) -> None:
    """Announce a promoted generation to all serving processes. The pointer never moves back.

    Without this, the processes read the generation from PostgreSQL about two seconds later.

    Args:
        redis_url: the cache.
        generation: the generation that the marts were promoted to.
        serving_url: login of `ladder_serving`, for the warm-up of hot requests and leaderboards; without it they are
            loaded when they are requested.

    Raises:
        PublicationError: Redis cannot be reached.
    """
    published = PublishedGeneration.of(generation)
    try:
        asyncio.run(_publish(redis_url, published, serving_url))
    except RedisError as error:
        raise PublicationError(
            f"the marts were promoted to generation {published.generation}, but Redis could not be notified: {error}",
            f"serving processes follow within seconds; {connection_hint('valkey')}",
        ) from None


async def _publish(redis_url: str, published: PublishedGeneration, serving_url: str | None) -> None:
    redis = MultiplexedRedis(redis_url, _TIMEOUT_S)
    try:
        if serving_url is None:
            await _advance_pointer(redis, published)
        else:
            await _warm_up_and_advance(redis, Database(serving_url), published)
    finally:
        await redis.close()


async def _warm_up_and_advance(redis: MultiplexedRedis, database: Database, published: PublishedGeneration) -> None:
    await database.open()
    leaderboards = asyncio.create_task(write_leaderboards(redis, database, published))
    warming = asyncio.create_task(warm_up(redis, database, published))
    try:
        await asyncio.wait({leaderboards, warming}, timeout=_WARM_UP_LIMIT_S)
        await _advance_pointer(redis, published)
        # Leaderboards that take longer become visible one by one.
        await asyncio.wait({leaderboards}, timeout=_LEADERBOARDS_LIMIT_S)
    finally:
        for name, task in (("leaderboards", leaderboards), ("warm-up", warming)):
            task.cancel()
            try:
                count = await task
            except asyncio.CancelledError:
                _logger.info("%s: time limit reached", name)
            except (DatabaseDown, Unavailable, RedisError) as error:
                _logger.warning("%s failed: %s", name, str(error) or type(error).__name__)
            except Exception:  # readers do not depend on it, so the publication does not fail either
                _logger.exception("%s failed", name)
            else:
                _logger.info("%s: %d stored", name, count)
        await database.close()


async def _advance_pointer(redis: MultiplexedRedis, published: PublishedGeneration) -> None:
    arguments = (published.pack(), published.generation, published.published_at_us)
    await redis.execute("EVAL", POINTER_SCRIPT, 1, keys.pointer_key(), *arguments)
