"""Turns the cache to a new generation: one key moves, and every key of the old generation is no longer asked for.

Before it moves, what was asked most and the boards are made ready under the new generation's keys, for as long as there
is time; nothing depends on them. Old answers leave by their own expiry; nothing is ever deleted by pattern.
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
from warehouse.database.server_hints import server_hint
from warehouse.publication.publication import Generation

__all__ = ["publish_cache"]

_TIMEOUT_S = 2.0
_WARM_UP_LIMIT_S = 0.6
"""Readers may wait for a new generation for a second; processes look for it five times in one."""
_LEADERBOARDS_LIMIT_S = 60.0
"""What of the boards is not ready then is left to SQL."""

_logger = logging.getLogger(__name__)


def publish_cache(redis_url: str, generation: Generation, *, serving_url: str | None = None) -> None:
    """Tell every serving process of a generation that the marts have turned to; it never moves back.

    Without this the processes find out from PostgreSQL, about two seconds later.

    Args:
        redis_url: the cache.
        generation: what the marts have turned to.
        serving_url: login of `ladder_serving`, to make ready what was asked most, and the boards; without it they are
            made when they are requested.

    Raises:
        PublicationError: Redis cannot be reached.
    """
    published = PublishedGeneration.of(generation)
    try:
        asyncio.run(_publish(redis_url, published, serving_url))
    except RedisError as error:
        raise PublicationError(
            f"the marts turned to generation {published.generation}, but Redis could not be notified: {error}",
            f"serving processes follow by themselves; {server_hint('valkey')}",
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
        # Boards that take longer are seen as each gets whole.
        await asyncio.wait({leaderboards}, timeout=_LEADERBOARDS_LIMIT_S)
    finally:
        for name, task in (("boards", leaderboards), ("warm-up", warming)):
            task.cancel()
            try:
                count = await task
            except asyncio.CancelledError:
                _logger.info("%s: not ready in time", name)
            except (DatabaseDown, Unavailable, RedisError) as error:
                _logger.warning("%s not ready: %s", name, str(error) or type(error).__name__)
            except Exception:  # costs no reader anything, so it must not cost the publication either
                _logger.exception("%s not ready", name)
            else:
                _logger.info("%s: %d ready", name, count)
        await database.close()


async def _advance_pointer(redis: MultiplexedRedis, published: PublishedGeneration) -> None:
    arguments = (published.pack(), published.generation, published.published_at_us)
    await redis.execute("EVAL", POINTER_SCRIPT, 1, keys.pointer_key(), *arguments)
