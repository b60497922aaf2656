"""Finds or loads the response to a validated request: memory, a leaderboard's sorted set, Redis, or one query."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from serving.cache.database import READ_TIMEOUT_S, Database, DatabaseDown, QueryResult
from serving.cache.generation_watcher import GenerationWatcher
from serving.cache.keys import CacheKey
from serving.cache.leaderboards import LEADERBOARD_PLACE, read_place
from serving.cache.memory_tier import MemoryTier
from serving.cache.redis_tier import RedisTier
from serving.cache.requests import CanonicalRequest
from serving.cache.responses import STALE_LIMIT_S, CachedResponse, StoredBody, encode_response
from serving.endpoints.generations import PublishedGeneration
from serving.errors import Unavailable, UnknownSubject
from serving.telemetry.metrics import Metrics

__all__ = ["Cache"]

_LOCK_EXPIRES_S = 2.0
"""A lock expires this long after its holder died. A live holder renews it four times as often."""
_RENEW_EVERY_S = _LOCK_EXPIRES_S / 4
_MAX_WAIT_S = READ_TIMEOUT_S + 1.0
"""Longer than a live lock holder can take, so that no other process runs the same query."""
_FIRST_POLL_S = 0.002
_MAX_POLL_S = 0.05
_POLL_OTHERS_EVERY_S = 1.0
"""Interval of the checks whether another process has finished the refresh of a response."""

TieredResponse = tuple[CachedResponse, str]
"""A response, and the tier in which it was found."""


class Cache:
    """The tiers, with single flight per key.

    Args:
        memory: responses of this process.
        redis: responses of all processes.
        database: queried when no tier has the response.
        watcher: knows the published generation.
        metrics: counts responses by tier.
    """

    def __init__(
        self, memory: MemoryTier, redis: RedisTier, database: Database, watcher: GenerationWatcher, metrics: Metrics
    ) -> None:
        self._memory = memory
        self._redis = redis
        self._database = database
        self._watcher = watcher
        self._metrics = metrics
        self._loads: dict[str, asyncio.Task[TieredResponse]] = {}
        self._refreshes: dict[str, asyncio.Task[None]] = {}

    def published_generation(self) -> PublishedGeneration:
        """The generation to serve from.

        Raises:
            Unavailable: no generation is published, or none is known.
        """
        current = self._watcher.current
        if current is not None:
            return current
        if self._watcher.is_database_down:
            raise _database_down()
        raise Unavailable("not_published", "nothing is published yet", 5)

    async def get(self, request: CanonicalRequest) -> CachedResponse:
        """The response to a request in the published generation.

        Raises:
            UnknownSubject: the player, board or other subject does not exist.
            Unavailable: the response is not cached and cannot be queried now.
        """
        response, _ = await self.get_with_tier(CacheKey(self.published_generation(), request))
        return response

    async def get_with_tier(self, key: CacheKey) -> TieredResponse:
        """The response for a key, and the tier in which it was found.

        Raises:
            UnknownSubject: the player, board or other subject does not exist.
            Unavailable: the response is not cached and cannot be queried now.
        """
        target, published = key.request.target, key.published
        cached = self._memory.get(target)
        if cached is not None and cached.published is published and self.fresh_or_refreshing(cached):
            self._metrics.count_response("memory", is_stale=self._watcher.is_database_down)
            return cached, "memory"
        error = self._memory.get_unknown(target, published)
        if error is not None:
            # The same exception is raised many times; its traceback would keep the frames of all of them.
            raise error.with_traceback(None)
        load = self._loads.get(key.name)
        if load is None:
            load = self._loads[key.name] = asyncio.create_task(self._load_once(key))
            load.add_done_callback(lambda done: self._on_loaded(key, done))
        else:
            self._metrics.flight_waits.add()
        # The first client may disconnect; the others still wait for the same load.
        return await asyncio.shield(load)

    def fresh_or_refreshing(self, response: CachedResponse) -> bool:
        """Whether a response of the published generation is fresh. Starts a background refresh near its end of life.

        Responses in use are therefore replaced before they expire. Each process draws the time of its refresh from the
        last part of the response's lifetime, as in "Optimal Probabilistic Cache Stampede Prevention" (Vattani,
        Chierichetti and Lowenstein, 2015), but once per response: a hit costs one comparison. Single flight already
        limits the refresh to one process, so the draw only has to spread the start times.
        """
        now = time.monotonic()
        if now < response.refresh_at:
            return True
        if now >= response.fresh_until:
            return False
        # No second attempt before this one ends. If PostgreSQL hangs, it ends shortly after the response expires.
        response.refresh_at = response.fresh_until
        name = response.key.name
        if name not in self._refreshes:
            self._refreshes[name] = task = asyncio.create_task(self._refresh(response))
            task.add_done_callback(lambda _: self._refreshes.pop(name))
        return True

    async def _refresh(self, response: CachedResponse) -> None:
        """Load a response again, unless another process is loading it or has loaded it."""
        if self._watcher.is_database_down:
            return
        key = response.key
        try:
            from_leaderboard = await self._from_leaderboard(key)
            if from_leaderboard is not None:
                self._memory.put(from_leaderboard)
                return
            if await self._refreshed_elsewhere(response):
                return
            if await self._redis.lock(key.lock_name, _LOCK_EXPIRES_S) is False:
                response.refresh_at = min(time.monotonic() + _POLL_OTHERS_EVERY_S, response.fresh_until)
                return
            async with self._holding_lock(key):
                # The previous lock holder may have stored it between our read and our lock.
                if not await self._refreshed_elsewhere(response):
                    self._metrics.refreshes.add()
                    self._memory.put(await self._query(key))
        except DatabaseDown:
            self._watcher.mark_database_down()
        except (UnknownSubject, Unavailable):
            pass  # the first request after the response has expired gets the error

    async def _refreshed_elsewhere(self, response: CachedResponse) -> bool:
        found = await self._in_redis(response.key)
        if found is None or found.stored.created_at <= response.stored.created_at:
            return False
        self._memory.put(found)
        return True

    async def _load_once(self, key: CacheKey) -> TieredResponse:
        try:
            from_leaderboard = await self._from_leaderboard(key)
            if from_leaderboard is not None:
                return self._put(from_leaderboard, "board")
            return await self._from_redis(key) or await self._from_single_query(key)
        except DatabaseDown:
            self._watcher.mark_database_down()
            failure = _database_down()
        except Unavailable as error:
            failure = error
        stale = await self._stale_response(key)
        if stale is None:
            raise failure
        self._metrics.count_response("stale", is_stale=True)
        return stale, "stale"

    async def _from_leaderboard(self, key: CacheKey) -> CachedResponse | None:
        """A player's place from the sorted set of the leaderboard. It holds ranked players only."""
        if key.request.endpoint is not LEADERBOARD_PLACE:
            return None
        rows = await read_place(self._redis, key.published, key.request.values)
        return None if rows is None else CachedResponse(key, await encode_response(key, rows))

    async def _from_redis(self, key: CacheKey) -> TieredResponse | None:
        response = await self._in_redis(key)
        return None if response is None else self._put(response, "redis")

    async def _in_redis(self, key: CacheKey) -> CachedResponse | None:
        """The response in Redis, if it is fresh."""
        (packed,) = await self._redis.get(key.name)
        response = _unpack(key, packed)
        return None if response is None or time.monotonic() >= response.fresh_until else response

    async def _from_single_query(self, key: CacheKey) -> TieredResponse:
        if self._watcher.is_database_down:
            raise DatabaseDown
        deadline = time.monotonic() + _MAX_WAIT_S
        poll_after_s = _FIRST_POLL_S
        while (has_lock := await self._redis.lock(key.lock_name, _LOCK_EXPIRES_S)) is False:
            if time.monotonic() >= deadline:
                break
            self._metrics.flight_waits.add()
            while time.monotonic() < deadline:
                if self._watcher.is_database_down:  # the lock holder may be the last to notice
                    raise DatabaseDown
                await asyncio.sleep(poll_after_s)
                poll_after_s = min(poll_after_s * 2, _MAX_POLL_S)
                packed, lock_holder = await self._redis.get(key.name, key.lock_name)
                response = _unpack(key, packed)
                if response is not None and time.monotonic() < response.fresh_until:
                    return self._put(response, "redis")
                if lock_holder is None:
                    break
        if not has_lock:
            return await self._from_query(key)
        async with self._holding_lock(key):
            # The previous lock holder may have stored the response between our read and our lock.
            return await self._from_redis(key) or await self._from_query(key)

    @asynccontextmanager
    async def _holding_lock(self, key: CacheKey) -> AsyncIterator[None]:
        """Renew a lock that this process holds, and release it at the end."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(_RENEW_EVERY_S)
                await self._redis.renew(key.lock_name, _LOCK_EXPIRES_S)

        renewal = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewal.cancel()
            await self._redis.unlock(key.lock_name)

    async def _from_query(self, key: CacheKey) -> TieredResponse:
        return self._put(await self._query(key), "query")

    async def _query(self, key: CacheKey) -> CachedResponse:
        """Query PostgreSQL for a response and store it in Redis, under the generation that the query read."""
        request = key.request
        started_at = time.perf_counter()
        result = await self._database.read(request.endpoint, request.values)
        self._metrics.observe_query(time.perf_counter() - started_at)
        self._watcher.adopt(result.published)
        key = key.in_generation(self._known_instance(result))
        if not result.is_known:
            error = UnknownSubject(request.endpoint.subject)
            self._memory.put_unknown(request.target, key.published, error)
            raise error
        response = CachedResponse(key, await encode_response(key, result.rows))
        await self._redis.store(key.name, response.stored.pack(), request.endpoint.max_age_s + STALE_LIMIT_S)
        return response

    async def _stale_response(self, key: CacheKey) -> CachedResponse | None:
        """A response of this generation or the previous one that is young enough to be served in an outage."""
        cached = self._memory.get(key.request.target)
        if cached is not None and cached.may_be_served_stale:
            return cached
        candidates = [key]
        if self._watcher.previous is not None:
            candidates.append(key.in_generation(self._watcher.previous))
        values = await self._redis.get(*(candidate.name for candidate in candidates))
        for candidate, packed in zip(candidates, values, strict=True):
            response = _unpack(candidate, packed)
            if response is not None and response.may_be_served_stale:
                self._memory.put(response)
                return response
        return None

    def _on_loaded(self, key: CacheKey, load: asyncio.Task[TieredResponse]) -> None:
        del self._loads[key.name]
        if not load.cancelled():
            load.exception()  # marks it as retrieved, in case every client has disconnected

    def _put(self, response: CachedResponse, tier: str) -> TieredResponse:
        self._metrics.count_response(tier, is_stale=self._watcher.is_database_down)
        self._memory.put(response)
        return response, tier

    def _known_instance(self, result: QueryResult) -> PublishedGeneration:
        """The one instance of a generation in this process, because hits compare generations by identity."""
        for known in (self._watcher.current, self._watcher.previous):
            if known == result.published:
                return known
        return result.published


def _unpack(key: CacheKey, packed: bytes | None) -> CachedResponse | None:
    if packed is None:
        return None
    try:
        stored = StoredBody.unpack(packed)
    except msgspec.MsgspecError:
        return None
    return CachedResponse(key, stored)


def _database_down() -> Unavailable:
    return Unavailable("database_unavailable", "the database cannot be reached and the response is not cached", 5)
