"""Requests keep within the limits in the source's headers, whatever they are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import DayLimitReached
from ingestion.sources.opendota.rate_limits import PerMinuteLimiter
from tests.ingestion.clocks import JumpingClock


@dataclass
class Source:
    """Counts requests in calendar minutes and days, as the real source does, and reports the remaining ones."""

    clock: JumpingClock
    per_minute: int
    per_day: int = 10**9
    minutes: dict[int, int] = field(default_factory=dict)
    requested: int = 0
    refused: int = 0
    in_flight: int = 0
    max_in_flight: int = 0

    async def respond(self) -> tuple[int, dict[str, str]]:
        minute = int(self.clock.now().timestamp() // 60)
        self.minutes[minute] = self.minutes.get(minute, 0) + 1
        self.requested += 1
        left, left_today = self.per_minute - self.minutes[minute], self.per_day - self.requested
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        for _ in range(20):
            await asyncio.sleep(0)
        self.in_flight -= 1
        self.refused += left < 0
        return (429 if left < 0 else 200), {
            "X-Rate-Limit-Remaining-Minute": str(left),
            "X-Rate-Limit-Remaining-Day": str(left_today),
        }


async def make_request(limiter: PerMinuteLimiter, source: Source) -> None:
    """Make one request, and repeat it while it is refused."""
    while True:
        async with limiter.acquire() as slot:
            status, headers = await source.respond()
            slot.update_from_headers(headers)
            if status == 200:
                return
            slot.on_rate_limited(headers, "")


async def make_concurrent_requests(limiter: PerMinuteLimiter, source: Source, count: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(make_request(limiter, source))


@given(per_minute=st.integers(1, 40), count=st.integers(1, 120))
def test_no_request_is_refused_by_a_minute_of_any_size(per_minute: int, count: int) -> None:
    clock = JumpingClock()
    source = Source(clock, per_minute)
    asyncio.run(make_concurrent_requests(PerMinuteLimiter("it", clock=clock), source, count))
    assert source.refused == 0
    assert source.requested == count
    # The minimum number of minutes: no request waits while some are left.
    assert len(source.minutes) == -(-count // per_minute)


def test_a_minute_that_other_clients_use_too_is_respected() -> None:
    clock = JumpingClock()
    source = Source(clock, per_minute=60)
    source.minutes[int(clock.now().timestamp() // 60)] = 57
    asyncio.run(make_concurrent_requests(PerMinuteLimiter("it", clock=clock), source, 10))
    assert source.refused == 0
    assert list(source.minutes.values()) == [60, 7]


def test_the_number_of_requests_in_flight_is_limited() -> None:
    clock = JumpingClock()
    source = Source(clock, per_minute=10_000)
    asyncio.run(make_concurrent_requests(PerMinuteLimiter("it", clock=clock, concurrency=5), source, 50))
    assert source.max_in_flight == 5


def test_the_very_first_request_is_made_alone() -> None:
    clock = JumpingClock()
    source = Source(clock, per_minute=1)
    asyncio.run(make_concurrent_requests(PerMinuteLimiter("it", clock=clock), source, 3))
    assert source.refused == 0


def test_without_headers_only_concurrency_limits_requests() -> None:
    async def scenario() -> None:
        limiter = PerMinuteLimiter("it", clock=clock)
        for _ in range(500):
            async with limiter.acquire() as slot:
                slot.update_from_headers({"X-Rate-Limit-Remaining-Minute": "lots"})

    clock = JumpingClock()
    asyncio.run(scenario())
    assert clock.slept == []


def test_a_429_pauses_all_requests_until_the_next_minute() -> None:
    async def scenario() -> None:
        limiter = PerMinuteLimiter("it", clock=clock)
        async with limiter.acquire() as slot:
            slot.on_rate_limited({}, "")
        async with limiter.acquire():
            assert clock.now().second <= 2

    clock = JumpingClock()
    asyncio.run(scenario())
    assert clock.slept == [31.0]


def test_a_429_with_remaining_requests_pauses_no_request() -> None:
    async def scenario() -> None:
        limiter = PerMinuteLimiter("it", clock=clock)
        async with limiter.acquire() as slot:
            slot.on_rate_limited({"X-Rate-Limit-Remaining-Minute": "9"}, "")
        async with limiter.acquire():
            pass

    clock = JumpingClock()
    asyncio.run(scenario())
    assert clock.slept == []


async def make_requests_until_day_limit(limiter: PerMinuteLimiter, source: Source, count: int) -> int:
    """How many of `count` concurrent requests were made before the daily limit."""
    results = await asyncio.gather(*(make_request(limiter, source) for _ in range(count)), return_exceptions=True)
    failures = [result for result in results if result is not None]
    assert all(isinstance(failure, DayLimitReached) for failure in failures)
    return count - len(failures)


@given(per_day=st.integers(1, 30))
def test_the_day_ends_before_the_source_refuses(per_day: int) -> None:
    clock = JumpingClock()
    source = Source(clock, per_minute=1000, per_day=per_day)
    made = asyncio.run(make_requests_until_day_limit(PerMinuteLimiter("it", clock=clock), source, 40))
    assert made == source.requested == per_day


def test_a_new_day_is_a_new_budget() -> None:
    async def scenario() -> None:
        limiter = PerMinuteLimiter("it", clock=clock)
        async with limiter.acquire() as slot:
            slot.update_from_headers({"X-Rate-Limit-Remaining-Day": "0"})
        with pytest.raises(DayLimitReached):
            async with limiter.acquire():
                pass
        clock.advance(hours=12)
        async with limiter.acquire():
            pass

    clock = JumpingClock()
    asyncio.run(scenario())


def test_slots_are_acquired_in_order() -> None:
    async def scenario() -> None:
        limiter = PerMinuteLimiter("it", clock=JumpingClock(), concurrency=2)

        async def work(name: str) -> None:
            for number in range(3):
                async with limiter.acquire():
                    order.append((number, name))
                    await asyncio.sleep(0)

        await asyncio.gather(*(work(name) for name in "abcde"))

    order: list[tuple[int, str]] = []
    asyncio.run(scenario())
    assert [number for number, _ in order] == sorted(number for number, _ in order)


def test_a_failed_request_releases_its_slot() -> None:
    async def scenario() -> None:
        limiter = PerMinuteLimiter("it", clock=JumpingClock(), concurrency=1)
        for _ in range(3):
            with pytest.raises(ValueError, match="broken"):
                async with limiter.acquire():
                    raise ValueError("broken")

    asyncio.run(asyncio.wait_for(scenario(), 5))
