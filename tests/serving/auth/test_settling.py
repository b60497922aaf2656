"""Buckets in a real server do what the arithmetic says, and a process settles with them in time."""

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
from serving.ratelimit.limits import Allowance, Caller
from serving.ratelimit.sync import Limits
from serving.telemetry.metrics import Metrics
from tests.serving.auth.test_limits import Bucket
from warehouse.embedded import Servers


@pytest.fixture
def subject() -> str:
    """A caller whom nobody has met."""
    return f"test-{secrets.token_hex(8)}"


@pytest.fixture
def cache(servers: Servers) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(servers.redis_url) as client:
        yield client


class Patient:
    """Redis without a circuit breaker, for tests of what the script computes: a busy machine changes nothing."""

    def __init__(self, url: str) -> None:
        self.client = redis.asyncio.Redis.from_url(url)

    async def run(self, script: str, names: list[str], *arguments: str) -> Any:
        return await self.client.eval(script, len(names), *names, *arguments)


@asynccontextmanager
async def arithmetic(url: str) -> AsyncIterator[Limits]:
    patient = Patient(url)
    try:
        yield Limits(patient)  # type: ignore[arg-type]
    finally:
        await patient.client.aclose()


@asynccontextmanager
async def settling(url: str, directory: Path) -> AsyncIterator[Limits]:
    tier = RedisTier(url, Metrics(directory))
    limits = Limits(tier)
    task = asyncio.create_task(limits.run())
    try:
        yield limits
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await tier.close()


def caller(limits: Limits, subject: str, *, requests: int, rows: int = 0, processes: int = 1) -> Caller:
    made = Caller(subject, frozenset(), Allowance(requests, processes), Allowance(rows, processes))
    limits.enter(made)
    return made


def spend(limits: Limits, spender: Caller, times: int) -> int:
    """As the gate does it; returns how often it let in."""
    for done in range(times):
        if spender.requests.left < 1:
            limits.hurry(spender)
            return done
        spender.requests.left -= 1
        spender.is_used = True
        if spender.requests.left < spender.requests.low:
            limits.hurry(spender)
    return times


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests=st.integers(0, 10_000),
    rows=st.integers(0, 10_000),
    steps=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.booleans()), max_size=8),
)
def test_the_buckets_in_redis_are_those_of_the_arithmetic(
    servers: Servers, requests: int, rows: int, steps: list[tuple[int, int, bool]]
) -> None:
    async def play() -> None:
        async with arithmetic(servers.redis_url) as limits:
            real = caller(limits, f"test-{secrets.token_hex(8)}", requests=requests, rows=rows)
            expected = [Allowance(requests, 1), Allowance(rows, 1)]
            buckets = [Bucket(limit.capacity, limit.per_second) for limit in expected]
            for limit in (real.requests, real.rows, *expected):
                limit.per_second = 1e-9  # no time passes
            for *spent, is_resting in steps:
                for limit, other, amount in zip((real.requests, real.rows), expected, spent, strict=True):
                    limit.left -= amount
                    other.left -= amount
                real.is_resting = is_resting
                await limits._settle([real])
                for limit, other, bucket in zip((real.requests, real.rows), expected, buckets, strict=True):
                    if limit.per_minute:
                        bucket.settle(other, is_resting=is_resting)
                    assert (limit.left, limit.owed) == pytest.approx((other.left, other.owed), abs=0.01)

    asyncio.run(play())


def test_a_bucket_fills_with_time_and_leaves_redis_when_it_is_full(
    servers: Servers, cache: redis.Redis, subject: str
) -> None:
    async def play() -> None:
        async with arithmetic(servers.redis_url) as limits:
            one = caller(limits, subject, requests=600)  # a bucket of 100, 10 a second, leases of 50
            one.is_resting = False
            for _ in range(2):
                one.requests.left -= 50
                await limits._settle([one])
            assert one.requests.left == 0
            began = time.monotonic()
            await asyncio.sleep(0.5)
            await limits._settle([one])
            filled = (time.monotonic() - began) * 10
            assert one.requests.left == pytest.approx(filled, abs=2)

    asyncio.run(play())
    assert 9 < cache.ttl(f"ladder:limits:{subject}") <= 12


def test_two_processes_share_a_bucket_and_go_over_it_by_no_more_than_is_documented(
    servers: Servers, tmp_path: Path, subject: str
) -> None:
    async def play() -> None:
        async with settling(servers.redis_url, tmp_path) as one, settling(servers.redis_url, tmp_path) as other:
            began = time.monotonic()
            pairs = [(limits, caller(limits, subject, requests=600, processes=2)) for limits in (one, other)]
            let_in = 0
            while time.monotonic() - began < 2:
                for limits, spender in pairs:
                    let_in += spend(limits, spender, 1000)
                    await limits.settled(spender)
                await asyncio.sleep(0.002)
            rate = 10 * (time.monotonic() - began)
            assert 100 + rate - 30 <= let_in <= 100 + rate + 2 * 2 * 25

    asyncio.run(play())


def test_whoever_has_a_lease_no_more_waits_a_moment_for_another_and_is_not_refused(
    servers: Servers, tmp_path: Path, subject: str
) -> None:
    async def play() -> None:
        async with settling(servers.redis_url, tmp_path) as limits:
            spender = caller(limits, subject, requests=6000, processes=4)
            let_in = 0
            while let_in < 900:
                let_in += spend(limits, spender, 900 - let_in)
                for _ in range(3):  # a busy machine may take longer than a request waits
                    if spender.requests.left < 1:
                        limits.hurry(spender)
                    await limits.settled(spender)
                assert spender.requests.left >= 1

    asyncio.run(play())


def test_whoever_is_over_the_limit_is_told_so_without_asking_redis_again(
    servers: Servers, cache: redis.Redis, tmp_path: Path, subject: str
) -> None:
    async def play() -> None:
        async with settling(servers.redis_url, tmp_path) as limits:
            spender = caller(limits, subject, requests=6)
            while spend(limits, spender, 10) or spender.is_hurried:
                await limits.settled(spender)
            before = calls(cache)
            for _ in range(1000):
                assert spend(limits, spender, 1) == 0
                await limits.settled(spender)
            assert calls(cache) - before <= 1

    asyncio.run(play())


def test_without_redis_a_process_has_its_part_of_the_limit(tmp_path: Path, subject: str) -> None:
    async def play() -> None:
        async with settling("redis://127.0.0.1:1/0", tmp_path) as limits:
            began = time.monotonic()
            spender = caller(limits, subject, requests=1200, processes=2)  # 10 a second of 20, and 50 at once
            let_in = 0
            while time.monotonic() - began < 2:
                let_in += spend(limits, spender, 1000)
                await limits.settled(spender)
                await asyncio.sleep(0.002)
            assert let_in == pytest.approx(50 + 10 * (time.monotonic() - began), abs=12)

    asyncio.run(play())


def calls(cache: redis.Redis) -> int:
    """How many scripts a server has run."""
    return int(cache.info("commandstats").get("cmdstat_eval", {}).get("calls", 0))
