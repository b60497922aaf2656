"""From a validated request to its answer: memory, a board's sorted set, Redis, or one query, whichever comes first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from serving.cache import keys
from serving.cache.database import READ_TIMEOUT_S, Database, DatabaseDown, QueryResult
from serving.cache.generation_watcher import GenerationWatcher
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
"""A lock outlives its holder by no more. It is renewed four times as often, so that only a dead holder's runs out."""
_RENEW_EVERY_S = _LOCK_EXPIRES_S / 4
_MAX_WAIT_S = READ_TIMEOUT_S + 1.0
"""Longer than a holder that lives can take, so that no other process queries PostgreSQL for the same answer."""
_FIRST_POLL_S = 0.002
_MAX_POLL_S = 0.05
_POLL_OTHERS_EVERY_S = 1.0
"""How often to look whether the process that is making a hot answer again is done."""

TieredResponse = tuple[CachedResponse, str]
"""An answer, and the tier that it was found in."""


class Cache:
    """The tiers, and one flight for each key.

    Args:
        memory: this process's answers.
        redis: all processes' answers.
        database: what is asked last.
        watcher: says what is published.
        metrics: counts where answers were found.
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

    def published(self) -> PublishedGeneration:
        """The generation to answer from.

        Raises:
            Unavailable: there is none, or none is known.
        """
        current = self._watcher.current
        if current is not None:
            return current
        if self._watcher.is_database_down:
            raise _database_down()
        raise Unavailable("not_published", "nothing is published yet", 5)

    async def get(self, request: CanonicalRequest) -> CachedResponse:
        """Find or make the answer to a question.

        Raises:
            UnknownSubject: there is no such player or board.
            Unavailable: it is not cached and cannot be queried now.
        """
        response, _ = await self.get_with_tier(request)
        return response

    async def get_with_tier(self, request: CanonicalRequest) -> TieredResponse:
        """Find or make the answer to a question, and say where it was found.

        Raises:
            UnknownSubject: there is no such player or board.
            Unavailable: it is not cached and cannot be queried now.
        """
        published = self.published()
        cached = self._memory.get(request.target)
        if cached is not None and cached.published is published and self.fresh_or_refreshing(cached):
            self._metrics.count_response("memory", is_stale=self._watcher.is_database_down)
            return cached, "memory"
        error = self._memory.get_unknown(request.target, published)
        if error is not None:
            # It is raised again and again, and would keep the frames of all who met it.
            raise error.with_traceback(None)
        key = keys.response_key(published, request.endpoint, request.target)
        load = self._loads.get(key)
        if load is None:
            load = asyncio.create_task(self._load_once(request, published, key))
            self._loads[key] = load
            load.add_done_callback(lambda done: self._on_loaded(key, done))
        else:
            self._metrics.flight_waits.add()
        # Whoever asked first may hang up; the others still wait for the same flight.
        return await asyncio.shield(load)

    def fresh_or_refreshing(self, response: CachedResponse) -> bool:
        """Whether an answer of the published generation is fresh; near its end it is made again, in the background.

        So the age of what is in use never ends for a reader. Each process draws the moment at which it begins from the
        last part of the age, as in "Optimal Probabilistic Cache Stampede Prevention" (Vattani, Chierichetti and
        Lowenstein, 2015), but once for each answer: a hit then costs no more than a comparison, and since one process
        alone makes the answer, the draw has only to spread the moments.
        """
        now = time.monotonic()
        if now < response.refresh_at:
            return True
        if now >= response.fresh_until:
            return False
        # Not before this attempt is over, which is not long after the age if PostgreSQL hangs.
        response.refresh_at = response.fresh_until
        key = keys.response_key(response.published, response.endpoint, response.target)
        if key not in self._refreshes:
            self._refreshes[key] = task = asyncio.create_task(self._refresh(response, key))
            task.add_done_callback(lambda _: self._refreshes.pop(key))
        return True

    async def _refresh(self, response: CachedResponse, key: str) -> None:
        """Make an answer again, unless another process does or has."""
        if self._watcher.is_database_down:
            return
        try:
            from_leaderboard = await self._from_leaderboard(response.request, response.published)
            if from_leaderboard is not None:
                self._memory.put(from_leaderboard)
                return
            if await self._refreshed_elsewhere(response, key):
                return
            if await self._redis.lock(key, _LOCK_EXPIRES_S) is False:
                response.refresh_at = min(time.monotonic() + _POLL_OTHERS_EVERY_S, response.fresh_until)
                return
            async with self._holding_lock(key):
                # The lock's last holder may have made it between our look and the lock.
                if not await self._refreshed_elsewhere(response, key):
                    self._metrics.refreshes.add()
                    self._memory.put(await self._query(response.request))
        except DatabaseDown:
            self._watcher.mark_database_down()
        except (UnknownSubject, Unavailable):
            pass  # who asks when its age is over is told

    async def _refreshed_elsewhere(self, response: CachedResponse, key: str) -> bool:
        found = await self._in_redis(response.request, response.published, key)
        if found is None or found.stored.created_at <= response.stored.created_at:
            return False
        self._memory.put(found)
        return True

    async def _load_once(self, request: CanonicalRequest, published: PublishedGeneration, key: str) -> TieredResponse:
        try:
            from_leaderboard = await self._from_leaderboard(request, published)
            if from_leaderboard is not None:
                return self._put(from_leaderboard, "board")
            return await self._from_redis(request, published, key) or await self._from_single_query(
                request, published, key
            )
        except DatabaseDown:
            self._watcher.mark_database_down()
            failure = _database_down()
        except Unavailable as error:
            failure = error
        stale = await self._stale_response(request, published, key)
        if stale is None:
            raise failure
        self._metrics.count_response("stale", is_stale=True)
        return stale, "stale"

    async def _from_leaderboard(
        self, request: CanonicalRequest, published: PublishedGeneration
    ) -> CachedResponse | None:
        """A player's place from the sorted set, which holds all ranked players of a board; others are looked for."""
        if request.endpoint is not LEADERBOARD_PLACE:
            return None
        rows = await read_place(self._redis, published, request.values)
        return (
            None
            if rows is None
            else CachedResponse(request, published, await encode_response(request, published, rows))
        )

    async def _from_redis(
        self, request: CanonicalRequest, published: PublishedGeneration, key: str
    ) -> TieredResponse | None:
        response = await self._in_redis(request, published, key)
        return None if response is None else self._put(response, "redis")

    async def _in_redis(
        self, request: CanonicalRequest, published: PublishedGeneration, key: str
    ) -> CachedResponse | None:
        """What Redis holds, if it is fresh."""
        (packed,) = await self._redis.get(key)
        response = _unpack(request, published, packed)
        return None if response is None or time.monotonic() >= response.fresh_until else response

    async def _from_single_query(
        self, request: CanonicalRequest, published: PublishedGeneration, key: str
    ) -> TieredResponse:
        if self._watcher.is_database_down:
            raise DatabaseDown
        deadline = time.monotonic() + _MAX_WAIT_S
        poll_after_s = _FIRST_POLL_S
        while (has_lock := await self._redis.lock(key, _LOCK_EXPIRES_S)) is False and time.monotonic() < deadline:
            self._metrics.flight_waits.add()
            while time.monotonic() < deadline:
                if self._watcher.is_database_down:  # the holder may be the last to find out
                    raise DatabaseDown
                await asyncio.sleep(poll_after_s)
                poll_after_s = min(poll_after_s * 2, _MAX_POLL_S)
                packed, lock_holder = await self._redis.get(key, keys.lock_key(key))
                response = _unpack(request, published, packed)
                if response is not None and time.monotonic() < response.fresh_until:
                    return self._put(response, "redis")
                if lock_holder is None:
                    break
        if not has_lock:
            return await self._from_query(request)
        async with self._holding_lock(key):
            # Its last holder may have stored the answer between our look and the lock.
            return await self._from_redis(request, published, key) or await self._from_query(request)

    @asynccontextmanager
    async def _holding_lock(self, key: str) -> AsyncIterator[None]:
        """Keep a lock that was taken alive, and give it back."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(_RENEW_EVERY_S)
                await self._redis.renew(key, _LOCK_EXPIRES_S)

        renewal = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewal.cancel()
            await self._redis.unlock(key)

    async def _from_query(self, request: CanonicalRequest) -> TieredResponse:
        return self._put(await self._query(request), "query")

    async def _query(self, request: CanonicalRequest) -> CachedResponse:
        """Query for an answer, and store it."""
        started_at = time.perf_counter()
        result = await self._database.read(request.endpoint, request.values)
        self._metrics.observe_query(time.perf_counter() - started_at)
        self._watcher.adopt(result.published)
        published = self._known_instance(result)
        if not result.is_known:
            failure = UnknownSubject(request.endpoint.subject)
            self._memory.put_unknown(request.target, published, failure)
            raise failure
        stored = await encode_response(request, published, result.rows)
        response = CachedResponse(request, published, stored)
        key = keys.response_key(published, request.endpoint, request.target)
        await self._redis.store(key, stored.pack(), request.endpoint.max_age_s + STALE_LIMIT_S)
        return response

    async def _stale_response(
        self, request: CanonicalRequest, published: PublishedGeneration, key: str
    ) -> CachedResponse | None:
        """What was true when PostgreSQL was last asked, of this generation or the one before."""
        cached = self._memory.get(request.target)
        if cached is not None and cached.may_be_served_stale:
            return cached
        candidates = [(published, key)]
        if self._watcher.previous is not None:
            previous = self._watcher.previous
            candidates.append((previous, keys.response_key(previous, request.endpoint, request.target)))
        values = await self._redis.get(*(name for _, name in candidates))
        for (generation, _), packed in zip(candidates, values, strict=True):
            response = _unpack(request, generation, packed)
            if response is not None and response.may_be_served_stale:
                self._memory.put(response)
                return response
        return None

    def _on_loaded(self, key: str, load: asyncio.Task[TieredResponse]) -> None:
        del self._loads[key]
        if not load.cancelled():
            load.exception()  # taken note of, for when everybody who asked has hung up

    def _put(self, response: CachedResponse, tier: str) -> TieredResponse:
        self._metrics.count_response(tier, is_stale=self._watcher.is_database_down)
        self._memory.put(response)
        return response, tier

    def _known_instance(self, result: QueryResult) -> PublishedGeneration:
        """The one object that stands for a generation in this process: hits compare identities."""
        for known in (self._watcher.current, self._watcher.previous):
            if known == result.published:
                return known
        return result.published


def _unpack(request: CanonicalRequest, published: PublishedGeneration, packed: bytes | None) -> CachedResponse | None:
    if packed is None:
        return None
    try:
        stored = StoredBody.unpack(packed)
    except msgspec.MsgspecError:
        return None
    return CachedResponse(request, published, stored)


def _database_down() -> Unavailable:
    return Unavailable("database_unavailable", "the database cannot be reached and the answer is not cached", 5)
