"""All processes on one database share ten requests per second, or the limit in the source's headers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from ingestion.http.rate_limits import SystemClock
from ingestion.sources.faceit.rate_limits import PerSecondLimiter
from sandbox.faceit import KEY, FaceitLimits
from sandbox.server import serve
from sandbox.world import World
from tests.conftest import Database
from tests.ingestion.clocks import JumpingClock
from warehouse.core.errors import DatabaseError
from warehouse.database.connections import connect
from warehouse.ops.state import track

ROOT = Path(__file__).parents[4]
SPACING_S = 0.105


@dataclass(frozen=True)
class MeasuredWaits:
    """Requested sleeps of two limiters on two connections in a scenario, and the time of each request."""

    seconds: list[float]
    elapsed_s: list[float]

    def is_near(self, expected: list[float]) -> bool:
        """Whether the last waits were the expected ones, less the elapsed time."""
        count = len(expected)
        measured = zip(self.seconds[-count:], self.elapsed_s[-count:], expected, strict=True)
        return all(seconds - elapsed - 0.01 <= wait <= seconds + 0.01 for wait, elapsed, seconds in measured)


def waits(
    database: Database, scenario: Callable[[PerSecondLimiter, PerSecondLimiter], Awaitable[None]]
) -> MeasuredWaits:
    class TimedClock(JumpingClock):
        async def sleep(self, seconds: float) -> None:
            elapsed.append(time.monotonic() - started)
            await super().sleep(seconds)

    clock = TimedClock()
    elapsed: list[float] = []
    started = time.monotonic()

    async def run() -> None:
        url = database.url("ingest")
        async with (
            PerSecondLimiter.connect("it", url, clock) as one,
            PerSecondLimiter.connect("it", url, clock) as other,
        ):
            await scenario(one, other)

    asyncio.run(run())
    return MeasuredWaits(clock.slept, elapsed)


async def acquire_slots(limiter: PerSecondLimiter, count: int) -> None:
    for _ in range(count):
        async with limiter.acquire():
            pass


def test_requests_are_spaced_evenly_whichever_process_makes_them(database: Database) -> None:
    async def scenario(one: PerSecondLimiter, other: PerSecondLimiter) -> None:
        for _ in range(5):
            await acquire_slots(one, 1)
            await acquire_slots(other, 1)

    measured_waits = waits(database, scenario)
    assert measured_waits.is_near([number * SPACING_S for number in range(1, 10)])
    assert len(measured_waits.seconds) == 9  # the first was made at once


def test_the_limit_in_the_headers_applies_from_then_on(database: Database) -> None:
    async def scenario(one: PerSecondLimiter, other: PerSecondLimiter) -> None:
        for limit in ("1000, 1000;w=1", "10, 10;w=1, 600;w=60", "10, 1;w=2", "many", "0, 0;w=1", "10;w=0"):
            async with one.acquire() as slot:
                slot.update_from_headers({"ratelimit-limit": limit})
            rates.append(one.per_second)

    rates: list[float] = []
    waits(database, scenario)
    assert rates == [1000, 10, 0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit-reset": "3"}, 3),
        ({"retry-after": "7", "ratelimit-reset": "1"}, 7),
        ({}, 1),
        ({"retry-after": "?"}, 1),
    ],
)
def test_a_429_pauses_all_requests_as_long_as_it_demands(
    database: Database, headers: dict[str, str], seconds: float
) -> None:
    async def scenario(one: PerSecondLimiter, other: PerSecondLimiter) -> None:
        async with one.acquire() as slot:
            slot.on_rate_limited({"ratelimit-remaining": "0", **headers}, "API rate limit exceeded")
        await acquire_slots(one, 1)
        await acquire_slots(other, 1)

    assert waits(database, scenario).is_near([seconds, seconds + SPACING_S])


def test_a_429_pauses_the_other_processes_at_once(database: Database) -> None:
    async def scenario(one: PerSecondLimiter, other: PerSecondLimiter) -> None:
        async with one.acquire() as slot:
            slot.on_rate_limited({"ratelimit-reset": "3"}, "API rate limit exceeded")
        await acquire_slots(other, 1)

    assert waits(database, scenario).is_near([3])


def test_the_pause_after_a_429_is_limited(database: Database) -> None:
    async def scenario(one: PerSecondLimiter, other: PerSecondLimiter) -> None:
        async with one.acquire() as slot:
            slot.on_rate_limited({"retry-after": "86400"}, "")
        await acquire_slots(one, 1)

    assert waits(database, scenario).is_near([60])


def test_a_429_with_remaining_requests_pauses_no_request(database: Database) -> None:
    async def scenario(one: PerSecondLimiter, other: PerSecondLimiter) -> None:
        async with one.acquire() as slot:
            slot.on_rate_limited({"ratelimit-remaining": "4", "ratelimit-reset": "1"}, "")
        await acquire_slots(one, 1)

    assert waits(database, scenario).is_near([SPACING_S])


def test_a_delayed_process_gives_up_its_slot(database: Database) -> None:
    class DelayedClock(SystemClock):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            time.sleep(seconds + (0.3 if len(slept) == 1 else 0))  # noqa: ASYNC251  # the delay

    async def scenario() -> None:
        async with PerSecondLimiter.connect("it", database.url("ingest"), DelayedClock()) as limiter:
            await acquire_slots(limiter, 2)

    slept: list[float] = []
    started_at = datetime.now(UTC)
    asyncio.run(scenario())
    # The second request woke too late, and reserved another slot.
    with psycopg.connect(database.url("ingest")) as connection:
        row = connection.execute("SELECT next_at FROM ops.request_slots").fetchone()
    assert row is not None
    assert (row[0] - started_at).total_seconds() > 0.3 + 2 * SPACING_S - 0.01


def test_requests_in_flight_are_limited_and_made_in_order(database: Database) -> None:
    async def scenario() -> None:
        async with PerSecondLimiter.connect("it", database.url("ingest"), JumpingClock()) as limiter:

            async def work(number: int) -> None:
                nonlocal maximum
                async with limiter.acquire():
                    order.append(number)
                    in_flight.add(number)
                    maximum = max(maximum, len(in_flight))
                    if maximum == limiter.concurrency:
                        is_full.set()
                    await asyncio.wait_for(is_full.wait(), 60)
                    await asyncio.sleep(0.02)
                    in_flight.discard(number)

            await asyncio.gather(*(work(number) for number in range(30)))
            assert maximum == limiter.concurrency

    order: list[int] = []
    in_flight: set[int] = set()
    is_full = asyncio.Event()
    maximum = 0
    asyncio.run(scenario())
    assert order == list(range(30))


def test_an_unreachable_database_is_reported_in_one_line(database: Database) -> None:
    async def open_nowhere() -> None:
        async with PerSecondLimiter.connect("it", "postgresql://nobody@127.0.0.1:9/none", SystemClock()):
            pass

    async def lose_it() -> None:
        async with PerSecondLimiter.connect("it", database.url("ingest"), SystemClock()) as limiter:
            await acquire_slots(limiter, 1)
            with psycopg.connect(database.admin_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            await acquire_slots(limiter, 1)

    for scenario in (open_nowhere, lose_it):
        with pytest.raises(DatabaseError) as caught:
            asyncio.run(scenario())
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_two_processes_stay_within_ten_a_second_together(database: Database) -> None:
    command = [sys.executable, "-m", "tests.ingestion.sources.faceit.limiter_process", database.url("ingest"), "30"]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    timestamps = [float(text) for process in processes for text in process.communicate(timeout=120)[0].split()]
    assert len(timestamps) == 60
    maximum = max(sum(begin <= timestamp < begin + 1 for timestamp in timestamps) for begin in timestamps)
    # A process may be delayed just after its slot began; without a shared limit there would be twice as many.
    assert maximum <= 11


@pytest.mark.slow
def test_two_runs_at_once_are_not_refused_by_a_source_that_allows_ten_a_second(database: Database) -> None:
    world = World(seed=7, players=60, days=20)
    with serve(world, faceit_limits=FaceitLimits.as_recorded()) as sandbox:
        players = sandbox.faceit.world.suggested_players(40)
        with connect(database.url("ingest")) as connection:
            track(connection, "faceit", "player", players)
        environment = {
            **database.environment,
            "LADDER_FACEIT_URL": sandbox.faceit_url,
            "LADDER_FACEIT_KEY": KEY,
            "PYTHONPATH": str(ROOT),
        }
        command = [
            sys.executable,
            "-m",
            "tests.ingestion.sources.faceit.sync_process",
            database.url("ingest"),
            "players",
        ]
        processes = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
        ]
        assert [process.communicate(timeout=120)[0] for process in processes] == ["", ""]
        statuses = Counter(entry.status for entry in sandbox.faceit.log.entries)
    assert statuses[200] == 2 * len(players)
    # A loaded machine may send some too late, which are retried; without a shared limit half would be refused.
    assert statuses[429] <= statuses[200] / 10
    assert set(statuses) <= {200, 429}
