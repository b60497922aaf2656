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
from serving.cache.leaderboards import write_boards
from serving.cache.multiplexed import Multiplexed
from serving.cache.warm_up import warm_up
from serving.endpoints.generations import POINTER_SCRIPT, Published
from serving.errors import Unavailable
from warehouse.core.errors import PublicationError
from warehouse.database.connection_hints import connection_hint
from warehouse.publication.generations import Generation

__all__ = ["publish_cache"]

_TIMEOUT_S = 2.0
_READY_WITHIN_S = 0.6
"""Readers may wait for a new generation for a second; processes look for it five times in one."""
_BOARDS_WITHIN_S = 60.0
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
    published = Published.of(generation)
    try:
        asyncio.run(_publish(redis_url, published, serving_url))
    except RedisError as error:
        raise PublicationError(
            f"the marts turned to generation {published.generation}, but Redis could not be notified: {error}",
            f"serving processes follow by themselves; {connection_hint('valkey')}",
        ) from None


async def _publish(redis_url: str, published: Published, serving_url: str | None) -> None:
    line = Multiplexed(redis_url, _TIMEOUT_S)
    try:
        if serving_url is None:
            await _tell(line, published)
        else:
            await _make_ready_and_tell(line, Database(serving_url), published)
    finally:
        await line.close()


async def _make_ready_and_tell(line: Multiplexed, database: Database, published: Published) -> None:
    await database.open()
    boards = asyncio.create_task(write_boards(line, database, published))
    warming = asyncio.create_task(warm_up(line, database, published))
    try:
        await asyncio.wait({boards, warming}, timeout=_READY_WITHIN_S)
        await _tell(line, published)
        # Boards that take longer are seen as each gets whole.
        await asyncio.wait({boards}, timeout=_BOARDS_WITHIN_S)
    finally:
        for name, task in (("boards", boards), ("warm-up", warming)):
            task.cancel()
            try:
                done = await task
            except asyncio.CancelledError:
                _logger.info("%s: not ready in time", name)
            except (DatabaseDown, Unavailable, RedisError) as error:
                _logger.warning("%s not ready: %s", name, str(error) or type(error).__name__)
            except Exception:  # costs no reader anything, so it must not cost the publication either
                _logger.exception("%s not ready", name)
            else:
                _logger.info("%s: %d ready", name, done)
        await database.close()


async def _tell(line: Multiplexed, published: Published) -> None:
    arguments = (published.pack(), published.generation, published.moment)
    await line.execute("EVAL", POINTER_SCRIPT, 1, keys.pointer_key(), *arguments)
