"""Turns the cache to a new generation: one key moves, and every key of the old generation is no longer asked for.

Old answers leave by their own expiry; nothing is ever deleted by pattern.
"""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from serving import keys
from serving.generations import POINTER_SCRIPT, Published
from warehouse.errors import PublicationError
from warehouse.publish import Generation

__all__ = ["publish_cache"]

_TIMEOUT_S = 2.0


def publish_cache(redis_url: str, generation: Generation) -> None:
    """Tell every serving process of a generation that the marts have turned to; it never moves back.

    Without this the processes find out from PostgreSQL, about a second later.

    Raises:
        PublicationError: Redis cannot be reached.
    """
    published = Published.of(generation)
    arguments = (published.pack(), published.generation, published.moment)
    try:
        with redis.Redis.from_url(
            redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        ) as client:
            client.eval(POINTER_SCRIPT, 1, keys.pointer_key(), *arguments)
    except RedisError as error:
        raise PublicationError(
            f"the marts turned to generation {published.generation}, but Redis was not told: {error}",
            "serving processes follow by themselves; check LADDER_REDIS_URL",
        ) from None
