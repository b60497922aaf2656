"""Whatever is asked of whichever process in whatever order, a caller gets its limit, and only so much beyond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.ratelimit.limits import WINDOW_S, Allowance

PROCESSES = st.integers(1, 4)
PER_MINUTE = st.one_of(st.integers(1, 100), st.integers(100, 100_000))


@dataclass
class Bucket:
    """What the script in Redis does, in Python; `test_settling` holds the two to each other."""

    capacity: float
    per_second: float
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.capacity

    def fill(self, seconds: float) -> None:
        self.level = min(self.capacity, self.level + seconds * self.per_second)

    def settle(self, allowance: Allowance, *, is_resting: bool = False) -> None:
        owed, wanted = allowance.owed, allowance.wanted(is_resting=is_resting)
        self.level -= owed
        granted = min(wanted, max(0, int(self.level // 1)))
        self.level = min(self.capacity, self.level - granted)
        allowance.settle(owed, granted, self.level, is_resting=is_resting)


@dataclass
class World:
    """Some processes, a bucket, and a clock."""

    per_minute: int
    processes: int
    now: float = 0.0
    asked: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.allowances = [Allowance(self.per_minute, self.processes) for _ in range(self.processes)]
        self.bucket = Bucket(self.allowances[0].capacity, self.allowances[0].per_second)
        self.used_at = [0.0] * self.processes

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.bucket.fill(seconds)

    def ask(self, process: int, times: int) -> int:
        """As often as it is let in; returns how often that is."""
        allowance = self.allowances[process % self.processes]
        let_in = max(0, min(times, int(allowance.left // 1)))
        allowance.left -= let_in
        if let_in:
            self.used_at[process % self.processes] = self.now
            self.asked.append((self.now, let_in))
        return let_in

    def settle(self, process: int) -> None:
        self.bucket.settle(self.allowances[process % self.processes])

    def drain(self, process: int) -> None:
        """Ask until the bucket is empty."""
        while self.ask(process, 10**9):
            self.settle(process)

    def rest(self, process: int) -> None:
        """Be forgotten by a process, where nothing was requested for long enough."""
        allowance = self.allowances[process % self.processes]
        if self.now - self.used_at[process % self.processes] > allowance.forgotten_after_s:
            self.bucket.settle(allowance, is_resting=True)
            self.used_at[process % self.processes] = self.now

    @property
    def slack(self) -> float:
        """What the documentation allows beyond what fills in a time."""
        allowance = self.allowances[0]
        return allowance.capacity + 2 * self.processes * allowance.lease


events = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 10.5, 25.0])),
        st.tuples(st.just("ask"), st.integers(0, 3), st.one_of(st.integers(1, 20), st.just(10**9))),
        st.tuples(st.just("drain"), st.integers(0, 3)),
        st.tuples(st.just("settle"), st.integers(0, 3)),
        st.tuples(st.just("rest"), st.integers(0, 3)),
    ),
    max_size=60,
)


@settings(max_examples=1000, deadline=None)
@given(per_minute=PER_MINUTE, processes=PROCESSES, events=events)
def test_in_no_stretch_of_time_is_more_let_in_than_is_documented(
    per_minute: int, processes: int, events: list[tuple[str, float, int]]
) -> None:
    world = World(per_minute, processes)
    for name, *arguments in events:
        getattr(world, name)(*arguments)
    for first in range(len(world.asked)):
        total = 0
        for moment, times in world.asked[first:]:
            total += times
            bound = world.slack + (moment - world.asked[first][0]) * per_minute / 60
            assert total <= bound + 1e-6


@given(per_minute=PER_MINUTE, processes=PROCESSES)
def test_the_slack_is_one_bucket_more_or_two_requests_a_process(per_minute: int, processes: int) -> None:
    world = World(per_minute, processes)
    assert world.slack <= 2 * max(world.allowances[0].capacity, processes * 2)


@settings(deadline=None)
@given(per_minute=st.integers(60, 100_000), processes=PROCESSES, process=st.integers(0, 3))
def test_whoever_stays_within_the_bucket_is_never_refused_by_a_process_that_asks_for_more_in_time(
    per_minute: int, processes: int, process: int
) -> None:
    world = World(per_minute, processes)
    left = int(world.bucket.capacity)
    while left:
        times = min(left, max(1, int(world.allowances[process % processes].left // 2)))
        assert world.ask(process, times) == times
        world.settle(process)
        left -= times
    assert world.ask(process, 1) == 0


@settings(deadline=None)
@given(per_minute=st.integers(6, 10_000), processes=PROCESSES)
def test_asking_without_end_gives_the_rate_in_the_long_run(per_minute: int, processes: int) -> None:
    world = World(per_minute, processes)
    minutes = 3
    for step in range(minutes * 60 * 2):
        world.ask(step, 10**9)
        world.settle(step)
        world.wait(0.5)
    total = sum(times for _, times in world.asked)
    assert minutes * per_minute * 0.9 - world.slack <= total <= minutes * per_minute + world.slack


@given(per_minute=PER_MINUTE, processes=PROCESSES, waits=st.lists(st.floats(0, 30), max_size=30))
def test_processes_without_redis_keep_to_the_limit_together(
    per_minute: int, processes: int, waits: list[float]
) -> None:
    world = World(per_minute, processes)
    for seconds in waits:
        world.wait(seconds)
        for number, allowance in enumerate(world.allowances):
            allowance.refill(seconds)
            world.ask(number, 10**9)
    assert sum(times for _, times in world.asked) <= world.slack + world.now * per_minute / 60 + 1e-6


@given(per_minute=PER_MINUTE, processes=PROCESSES)
def test_after_the_time_that_a_refusal_tells_there_is_something_again(per_minute: int, processes: int) -> None:
    world = World(per_minute, processes)
    world.drain(0)
    assert world.allowances[0].wait_s > 0
    world.wait(world.allowances[0].wait_s + 1e-6)
    world.settle(0)
    assert world.ask(0, 1) == 1


def test_an_answer_of_more_rows_than_are_left_is_paid_before_the_next() -> None:
    rows = Allowance(600, 1)
    bucket = Bucket(rows.capacity, rows.per_second)
    rows.left -= 300
    bucket.settle(rows)
    assert rows.left < 1
    waited = 0
    while rows.left < 1:
        bucket.fill(1)
        bucket.settle(rows)
        waited += 1
    assert waited == pytest.approx((300 - rows.capacity) / rows.per_second, abs=1.5)


def test_no_limit_is_never_reached() -> None:
    free = Allowance(0, 4)
    free.left -= 10**12
    settle: list[Callable[[], None]] = [lambda: free.settle(0, 0, 0, is_resting=True), lambda: free.refill(1)]
    for step in settle:
        step()
        assert free.left >= 1
        assert free.left >= free.low
    assert (free.owed, free.wanted(is_resting=False), free.wait_s) == (0, 0, 0)


def test_a_bucket_fills_in_the_window_that_is_told() -> None:
    assert Allowance(6000, 2).window_s == WINDOW_S
    assert Allowance(1, 1).window_s == 60
