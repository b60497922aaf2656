"""From a validated request to its answer: memory, a board's sorted set, Redis, or one query, whichever comes first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from serving.cache import keys
from serving.cache.database import READ_LIMIT_S, Database, DatabaseDown, Reading
from serving.cache.leaderboards import PLACE, place
from serving.cache.memory import Memory
from serving.cache.redis_tier import RedisTier
from serving.cache.requests import Question
from serving.cache.responses import STALE_LIMIT_S, Answer, Stored, make
from serving.cache.watcher import Watcher
from serving.endpoints.generations import Published
from serving.errors import Unavailable, UnknownSubject
from serving.telemetry.metrics import Metrics

__all__ = ["Cache", "Question"]

_LOCK_S = 2.0
"""A lock outlives its holder by no more. It is renewed four times as often, so that only a dead holder's runs out."""
_RENEW_EVERY_S = _LOCK_S / 4
_WAIT_S = READ_LIMIT_S + 1.0
"""Longer than a holder that lives can take, so that no other process queries PostgreSQL for the same answer."""
_FIRST_LOOK_S = 0.002
_LAST_LOOK_S = 0.05
_LOOK_AT_OTHERS_EVERY_S = 1.0
"""How often to look whether the process that is making a hot answer again is done."""

Found = tuple[Answer, str]
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
        self, memory: Memory, redis: RedisTier, database: Database, watcher: Watcher, metrics: Metrics
    ) -> None:
        self._memory = memory
        self._redis = redis
        self._database = database
        self._watcher = watcher
        self._metrics = metrics
        self._flights: dict[str, asyncio.Task[Found]] = {}
        self._refreshes: dict[str, asyncio.Task[None]] = {}

    def published(self) -> Published:
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

    async def answer(self, question: Question) -> Answer:
        """Find or make the answer to a question.

        Raises:
            UnknownSubject: there is no such player or board.
            Unavailable: it is not cached and cannot be queried now.
        """
        answer, _ = await self.find(question)
        return answer

    async def find(self, question: Question) -> Found:
        """Find or make the answer to a question, and say where it was found.

        Raises:
            UnknownSubject: there is no such player or board.
            Unavailable: it is not cached and cannot be queried now.
        """
        published = self.published()
        kept = self._memory.get(question.scope)
        if kept is not None and kept.published is published and self.keep_fresh(kept):
            self._metrics.found("memory", is_stale=self._watcher.is_database_down)
            return kept, "memory"
        unknown = self._memory.unknown(question.scope, published)
        if unknown is not None:
            # It is raised again and again, and would keep the frames of all who met it.
            raise unknown.with_traceback(None)
        key = keys.answer_key(published, question.endpoint, question.scope)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(question, published, key))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._land(key, done))
        else:
            self._metrics.flight_waits.add()
        # Whoever asked first may hang up; the others still wait for the same flight.
        return await asyncio.shield(flight)

    def keep_fresh(self, answer: Answer) -> bool:
        """Whether an answer of the published generation is fresh; near its end it is made again, in the background.

        So the age of what is in use never ends for a reader. Each process draws the moment at which it begins from the
        last part of the age, as in "Optimal Probabilistic Cache Stampede Prevention" (Vattani, Chierichetti and
        Lowenstein, 2015), but once for each answer: a hit then costs no more than a comparison, and since one process
        alone makes the answer, the draw has only to spread the moments.
        """
        now = time.monotonic()
        if now < answer.refresh_at:
            return True
        if now >= answer.fresh_until:
            return False
        # Not before this attempt is over, which is not long after the age if PostgreSQL hangs.
        answer.refresh_at = answer.fresh_until
        key = keys.answer_key(answer.published, answer.endpoint, answer.scope)
        if key not in self._refreshes:
            self._refreshes[key] = task = asyncio.create_task(self._refresh(answer, key))
            task.add_done_callback(lambda _: self._refreshes.pop(key))
        return True

    async def _refresh(self, answer: Answer, key: str) -> None:
        """Make an answer again, unless another process does or has."""
        if self._watcher.is_database_down:
            return
        try:
            placed = await self._on_board(answer.question, answer.published)
            if placed is not None:
                self._memory.put(placed)
                return
            if await self._is_made_again(answer, key):
                return
            if await self._redis.lock(key, _LOCK_S) is False:
                answer.refresh_at = min(time.monotonic() + _LOOK_AT_OTHERS_EVERY_S, answer.fresh_until)
                return
            async with self._holding(key):
                # The lock's last holder may have made it between our look and the lock.
                if not await self._is_made_again(answer, key):
                    self._metrics.refreshes.add()
                    self._memory.put(await self._read(answer.question))
        except DatabaseDown:
            self._watcher.report_down()
        except (UnknownSubject, Unavailable):
            pass  # who asks when its age is over is told

    async def _is_made_again(self, answer: Answer, key: str) -> bool:
        found = await self._in_redis(answer.question, answer.published, key)
        if found is None or found.stored.made_at <= answer.stored.made_at:
            return False
        self._memory.put(found)
        return True

    async def _fly(self, question: Question, published: Published, key: str) -> Found:
        try:
            placed = await self._on_board(question, published)
            if placed is not None:
                return self._keep(placed, "board")
            return await self._from_redis(question, published, key) or await self._from_one_query(
                question, published, key
            )
        except DatabaseDown:
            self._watcher.report_down()
            refusal = _database_down()
        except Unavailable as error:
            refusal = error
        stale = await self._stale(question, published, key)
        if stale is None:
            raise refusal
        self._metrics.found("stale", is_stale=True)
        return stale, "stale"

    async def _on_board(self, question: Question, published: Published) -> Answer | None:
        """A player's place from the sorted set, which holds all ranked players of a board; others are looked for."""
        if question.endpoint is not PLACE:
            return None
        rows = await place(self._redis, published, question.values)
        return None if rows is None else Answer(question, published, await make(question, published, rows))

    async def _from_redis(self, question: Question, published: Published, key: str) -> Found | None:
        found = await self._in_redis(question, published, key)
        return None if found is None else self._keep(found, "redis")

    async def _in_redis(self, question: Question, published: Published, key: str) -> Answer | None:
        """What Redis holds, if it is fresh."""
        (packed,) = await self._redis.get(key)
        found = _unpack(question, published, packed)
        return None if found is None or time.monotonic() >= found.fresh_until else found

    async def _from_one_query(self, question: Question, published: Published, key: str) -> Found:
        if self._watcher.is_database_down:
            raise DatabaseDown
        deadline = time.monotonic() + _WAIT_S
        look_after_s = _FIRST_LOOK_S
        while (is_ours := await self._redis.lock(key, _LOCK_S)) is False and time.monotonic() < deadline:
            self._metrics.flight_waits.add()
            while time.monotonic() < deadline:
                if self._watcher.is_database_down:  # the holder may be the last to find out
                    raise DatabaseDown
                await asyncio.sleep(look_after_s)
                look_after_s = min(look_after_s * 2, _LAST_LOOK_S)
                packed, holder = await self._redis.get(key, keys.lock_key(key))
                found = _unpack(question, published, packed)
                if found is not None and time.monotonic() < found.fresh_until:
                    return self._keep(found, "redis")
                if holder is None:
                    break
        if not is_ours:
            return await self._from_database(question)
        async with self._holding(key):
            # Its last holder may have stored the answer between our look and the lock.
            return await self._from_redis(question, published, key) or await self._from_database(question)

    @asynccontextmanager
    async def _holding(self, key: str) -> AsyncIterator[None]:
        """Keep a lock that was taken alive, and give it back."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(_RENEW_EVERY_S)
                await self._redis.renew(key, _LOCK_S)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await self._redis.unlock(key)

    async def _from_database(self, question: Question) -> Found:
        return self._keep(await self._read(question), "query")

    async def _read(self, question: Question) -> Answer:
        """Query for an answer, and store it."""
        began = time.perf_counter()
        reading = await self._database.read(question.endpoint, question.values)
        self._metrics.observe_query(time.perf_counter() - began)
        self._watcher.adopt(reading.published)
        published = self._same(reading)
        if not reading.is_known:
            refusal = UnknownSubject(question.endpoint.subject)
            self._memory.remember_unknown(question.scope, published, refusal)
            raise refusal
        stored = await make(question, published, reading.rows)
        answer = Answer(question, published, stored)
        key = keys.answer_key(published, question.endpoint, question.scope)
        await self._redis.store(key, stored.pack(), question.endpoint.max_age_s + STALE_LIMIT_S)
        return answer

    async def _stale(self, question: Question, published: Published, key: str) -> Answer | None:
        """What was true when PostgreSQL was last asked, of this generation or the one before."""
        kept = self._memory.get(question.scope)
        if kept is not None and kept.may_serve_stale:
            return kept
        generations = [(published, key)]
        if self._watcher.previous is not None:
            before = self._watcher.previous
            generations.append((before, keys.answer_key(before, question.endpoint, question.scope)))
        values = await self._redis.get(*(name for _, name in generations))
        for (generation, _), packed in zip(generations, values, strict=True):
            found = _unpack(question, generation, packed)
            if found is not None and found.may_serve_stale:
                self._memory.put(found)
                return found
        return None

    def _land(self, key: str, flight: asyncio.Task[Found]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # taken note of, for when everybody who asked has hung up

    def _keep(self, answer: Answer, tier: str) -> Found:
        self._metrics.found(tier, is_stale=self._watcher.is_database_down)
        self._memory.put(answer)
        return answer, tier

    def _same(self, reading: Reading) -> Published:
        """The one object that stands for a generation in this process: hits compare identities."""
        for known in (self._watcher.current, self._watcher.previous):
            if known == reading.published:
                return known
        return reading.published


def _unpack(question: Question, published: Published, packed: bytes | None) -> Answer | None:
    if packed is None:
        return None
    try:
        stored = Stored.unpack(packed)
    except msgspec.MsgspecError:
        return None
    return Answer(question, published, stored)


def _database_down() -> Unavailable:
    return Unavailable("database_unavailable", "the database cannot be reached and the answer is not cached", 5)
