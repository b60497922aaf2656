"""The sync script on a real server equals the model, and processes sync their leases in time."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.cache.redis_tier import RedisTier
from serving.ratelimit.leases import Caller, RateLimitLease
from serving.ratelimit.sync import RateLimitSync
from serving.telemetry.metrics import Metrics
from tests.serving.auth.test_rate_limit_leases import Bucket
from warehouse.embedded import Servers


@pytest.fixture
def subject() -> str:
    """Subject of a new caller."""
    return f"test-{secrets.token_hex(8)}"


@pytest.fixture
def cache(servers: Servers) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(servers.redis_url) as client:
        yield client


class DirectRedis:
    """Redis without a circuit breaker, so that a busy machine does not change the results of the script."""

    def __init__(self, url: str) -> None:
        self.client = redis.asyncio.Redis.from_url(url)

    async def run(self, script: str, names: list[str], *arguments: str) -> Any:
        return await self.client.eval(script, len(names), *names, *arguments)


@asynccontextmanager
async def sync_without_circuit_breaker(url: str) -> AsyncIterator[RateLimitSync]:
    direct = DirectRedis(url)
    try:
        yield RateLimitSync(direct)  # type: ignore[arg-type]
    finally:
        await direct.client.aclose()


@asynccontextmanager
async def running_sync(url: str, directory: Path) -> AsyncIterator[RateLimitSync]:
    tier = RedisTier(url, Metrics(directory))
    rate_limit_sync = RateLimitSync(tier)
    task = asyncio.create_task(rate_limit_sync.run())
    try:
        yield rate_limit_sync
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await tier.close()


def add_caller(
    rate_limit_sync: RateLimitSync, subject: str, *, requests: int, rows: int = 0, processes: int = 1
) -> Caller:
    created = Caller(subject, frozenset(), RateLimitLease(requests, processes), RateLimitLease(rows, processes))
    rate_limit_sync.add(created)
    return created


def use(rate_limit_sync: RateLimitSync, caller: Caller, times: int) -> int:
    """Use requests as access control does; returns how many were admitted."""
    for done in range(times):
        if caller.requests.remaining < 1:
            rate_limit_sync.request_sync(caller)
            return done
        caller.requests.remaining -= 1
        caller.has_new_requests = True
        if caller.requests.remaining < caller.requests.low_water_mark:
            rate_limit_sync.request_sync(caller)
    return times


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests=st.integers(0, 10_000),
    rows=st.integers(0, 10_000),
    steps=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.booleans()), max_size=8),
)
def test_the_buckets_in_redis_equal_the_model(
    servers: Servers, requests: int, rows: int, steps: list[tuple[int, int, bool]]
) -> None:
    async def run() -> None:
        async with sync_without_circuit_breaker(servers.redis_url) as rate_limit_sync:
            real = add_caller(rate_limit_sync, f"test-{secrets.token_hex(8)}", requests=requests, rows=rows)
            expected = [RateLimitLease(requests, 1), RateLimitLease(rows, 1)]
            buckets = [Bucket(lease.capacity, lease.per_second) for lease in expected]
            for lease in (real.requests, real.rows, *expected):
                lease.per_second = 1e-9  # no time passes
            for *spent, is_idle in steps:
                for lease, other, amount in zip((real.requests, real.rows), expected, spent, strict=True):
                    lease.remaining -= amount
                    other.remaining -= amount
                real.is_idle = is_idle
                await rate_limit_sync._sync([real])
                for lease, other, bucket in zip((real.requests, real.rows), expected, buckets, strict=True):
                    if lease.per_minute:
                        bucket.sync(other, is_idle=is_idle)
                    assert (lease.remaining, lease.debt) == pytest.approx((other.remaining, other.debt), abs=0.01)

    asyncio.run(run())


def test_a_bucket_fills_over_time_and_expires_when_it_is_full(
    servers: Servers, cache: redis.Redis, subject: str
) -> None:
    async def run() -> None:
        async with sync_without_circuit_breaker(servers.redis_url) as rate_limit_sync:
            one = add_caller(rate_limit_sync, subject, requests=600)  # a bucket of 100, 10 per second, leases of 50
            one.is_idle = False
            for _ in range(2):
                one.requests.remaining -= 50
                await rate_limit_sync._sync([one])
            assert one.requests.remaining == 0
            began = time.monotonic()
            await asyncio.sleep(0.5)
            await rate_limit_sync._sync([one])
            filled = (time.monotonic() - began) * 10
            assert one.requests.remaining == pytest.approx(filled, abs=2)

    asyncio.run(run())
    assert 9 < cache.ttl(f"ladder:limits:{subject}") <= 12


def test_two_processes_exceed_a_shared_bucket_by_no_more_than_documented(
    servers: Servers, tmp_path: Path, subject: str
) -> None:
    async def run() -> None:
        async with running_sync(servers.redis_url, tmp_path) as one, running_sync(servers.redis_url, tmp_path) as other:
            began = time.monotonic()
            pairs = [
                (rate_limit_sync, add_caller(rate_limit_sync, subject, requests=600, processes=2))
                for rate_limit_sync in (one, other)
            ]
            admitted = 0
            while time.monotonic() - began < 2:
                for rate_limit_sync, caller in pairs:
                    admitted += use(rate_limit_sync, caller, 1000)
                    await rate_limit_sync.wait_for_sync(caller)
                await asyncio.sleep(0.002)
            rate = 10 * (time.monotonic() - began)
            assert 100 + rate - 30 <= admitted <= 100 + rate + 2 * 2 * 25

    asyncio.run(run())


def test_a_caller_with_an_empty_lease_waits_for_a_sync_and_is_admitted(
    servers: Servers, tmp_path: Path, subject: str
) -> None:
    async def run() -> None:
        async with running_sync(servers.redis_url, tmp_path) as rate_limit_sync:
            caller = add_caller(rate_limit_sync, subject, requests=6000, processes=4)
            admitted = 0
            while admitted < 900:
                admitted += use(rate_limit_sync, caller, 900 - admitted)
                for _ in range(3):  # a busy machine may take longer than a request waits
                    if caller.requests.remaining < 1:
                        rate_limit_sync.request_sync(caller)
                    await rate_limit_sync.wait_for_sync(caller)
                assert caller.requests.remaining >= 1

    asyncio.run(run())


def test_a_caller_over_the_limit_is_rejected_without_another_redis_call(
    servers: Servers, cache: redis.Redis, tmp_path: Path, subject: str
) -> None:
    async def run() -> None:
        async with running_sync(servers.redis_url, tmp_path) as rate_limit_sync:
            caller = add_caller(rate_limit_sync, subject, requests=6)
            while use(rate_limit_sync, caller, 10) or caller.is_sync_requested:
                await rate_limit_sync.wait_for_sync(caller)
            before = calls(cache)
            for _ in range(1000):
                assert use(rate_limit_sync, caller, 1) == 0
                await rate_limit_sync.wait_for_sync(caller)
            assert calls(cache) - before <= 1

    asyncio.run(run())


def test_without_redis_a_process_has_its_part_of_the_limit(tmp_path: Path, subject: str) -> None:
    async def run() -> None:
        async with running_sync("redis://127.0.0.1:1/0", tmp_path) as rate_limit_sync:
            began = time.monotonic()
            caller = add_caller(
                rate_limit_sync, subject, requests=1200, processes=2
            )  # 10 a second of 20, and 50 at once
            admitted = 0
            while time.monotonic() - began < 2:
                admitted += use(rate_limit_sync, caller, 1000)
                await rate_limit_sync.wait_for_sync(caller)
                await asyncio.sleep(0.002)
            assert admitted == pytest.approx(50 + 10 * (time.monotonic() - began), abs=12)

    asyncio.run(run())


def calls(cache: redis.Redis) -> int:
    """Number of scripts that a server has run."""
    return int(cache.info("commandstats").get("cmdstat_eval", {}).get("calls", 0))
