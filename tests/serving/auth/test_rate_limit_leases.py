"""Whatever is asked of whichever process in whatever order, a caller gets its limit, and only so much beyond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.ratelimit.leases import WINDOW_S, RateLimitLease

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

    def sync(self, lease: RateLimitLease, *, is_idle: bool = False) -> None:
        debt, requested_amount = lease.debt, lease.requested_amount(is_idle=is_idle)
        self.level -= debt
        granted = min(requested_amount, max(0, int(self.level // 1)))
        self.level = min(self.capacity, self.level - granted)
        lease.apply_sync(debt, granted, self.level, is_idle=is_idle)


@dataclass
class RateLimitModel:
    """Some processes, a bucket, and a clock."""

    per_minute: int
    processes: int
    now: float = 0.0
    admitted: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.leases = [RateLimitLease(self.per_minute, self.processes) for _ in range(self.processes)]
        self.bucket = Bucket(self.leases[0].capacity, self.leases[0].per_second)
        self.last_used_at = [0.0] * self.processes

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.bucket.fill(seconds)

    def request(self, process: int, times: int) -> int:
        """As often as it is let in; returns how often that is."""
        lease = self.leases[process % self.processes]
        admitted_now = max(0, min(times, int(lease.remaining // 1)))
        lease.remaining -= admitted_now
        if admitted_now:
            self.last_used_at[process % self.processes] = self.now
            self.admitted.append((self.now, admitted_now))
        return admitted_now

    def sync(self, process: int) -> None:
        self.bucket.sync(self.leases[process % self.processes])

    def drain(self, process: int) -> None:
        """Ask until the bucket is empty."""
        while self.request(process, 10**9):
            self.sync(process)

    def become_idle(self, process: int) -> None:
        """Be forgotten by a process, where nothing was requested for long enough."""
        lease = self.leases[process % self.processes]
        if self.now - self.last_used_at[process % self.processes] > lease.idle_after_s:
            self.bucket.sync(lease, is_idle=True)
            self.last_used_at[process % self.processes] = self.now

    @property
    def slack(self) -> float:
        """What the documentation allows beyond what fills in a time."""
        lease = self.leases[0]
        return lease.capacity + 2 * self.processes * lease.size


events = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 10.5, 25.0])),
        st.tuples(st.just("request"), st.integers(0, 3), st.one_of(st.integers(1, 20), st.just(10**9))),
        st.tuples(st.just("drain"), st.integers(0, 3)),
        st.tuples(st.just("sync"), st.integers(0, 3)),
        st.tuples(st.just("become_idle"), st.integers(0, 3)),
    ),
    max_size=60,
)


@settings(max_examples=1000, deadline=None)
@given(per_minute=PER_MINUTE, processes=PROCESSES, events=events)
def test_in_no_stretch_of_time_is_more_let_in_than_is_documented(
    per_minute: int, processes: int, events: list[tuple[str, float, int]]
) -> None:
    model = RateLimitModel(per_minute, processes)
    for name, *arguments in events:
        getattr(model, name)(*arguments)
    for first in range(len(model.admitted)):
        total = 0
        for moment, times in model.admitted[first:]:
            total += times
            bound = model.slack + (moment - model.admitted[first][0]) * per_minute / 60
            assert total <= bound + 1e-6


@given(per_minute=PER_MINUTE, processes=PROCESSES)
def test_the_slack_is_one_bucket_more_or_two_requests_a_process(per_minute: int, processes: int) -> None:
    model = RateLimitModel(per_minute, processes)
    assert model.slack <= 2 * max(model.leases[0].capacity, processes * 2)


@settings(deadline=None)
@given(per_minute=st.integers(60, 100_000), processes=PROCESSES, process=st.integers(0, 3))
def test_whoever_stays_within_the_bucket_is_never_refused_by_a_process_that_asks_for_more_in_time(
    per_minute: int, processes: int, process: int
) -> None:
    model = RateLimitModel(per_minute, processes)
    left = int(model.bucket.capacity)
    while left:
        times = min(left, max(1, int(model.leases[process % processes].remaining // 2)))
        assert model.request(process, times) == times
        model.sync(process)
        left -= times
    assert model.request(process, 1) == 0


@settings(deadline=None)
@given(per_minute=st.integers(6, 10_000), processes=PROCESSES)
def test_asking_without_end_gives_the_rate_in_the_long_run(per_minute: int, processes: int) -> None:
    model = RateLimitModel(per_minute, processes)
    minutes = 3
    for step in range(minutes * 60 * 2):
        model.request(step, 10**9)
        model.sync(step)
        model.wait(0.5)
    total = sum(times for _, times in model.admitted)
    assert minutes * per_minute * 0.9 - model.slack <= total <= minutes * per_minute + model.slack


@given(per_minute=PER_MINUTE, processes=PROCESSES, waits=st.lists(st.floats(0, 30), max_size=30))
def test_processes_without_redis_keep_to_the_limit_together(
    per_minute: int, processes: int, waits: list[float]
) -> None:
    model = RateLimitModel(per_minute, processes)
    for seconds in waits:
        model.wait(seconds)
        for number, lease in enumerate(model.leases):
            lease.refill(seconds)
            model.request(number, 10**9)
    assert sum(times for _, times in model.admitted) <= model.slack + model.now * per_minute / 60 + 1e-6


@given(per_minute=PER_MINUTE, processes=PROCESSES)
def test_after_the_time_that_a_refusal_tells_there_is_something_again(per_minute: int, processes: int) -> None:
    model = RateLimitModel(per_minute, processes)
    model.drain(0)
    assert model.leases[0].wait_s > 0
    model.wait(model.leases[0].wait_s + 1e-6)
    model.sync(0)
    assert model.request(0, 1) == 1


def test_an_answer_of_more_rows_than_are_left_is_paid_before_the_next() -> None:
    rows = RateLimitLease(600, 1)
    bucket = Bucket(rows.capacity, rows.per_second)
    rows.remaining -= 300
    bucket.sync(rows)
    assert rows.remaining < 1
    waited = 0
    while rows.remaining < 1:
        bucket.fill(1)
        bucket.sync(rows)
        waited += 1
    assert waited == pytest.approx((300 - rows.capacity) / rows.per_second, abs=1.5)


def test_no_limit_is_never_reached() -> None:
    free = RateLimitLease(0, 4)
    free.remaining -= 10**12
    sync: list[Callable[[], None]] = [lambda: free.apply_sync(0, 0, 0, is_idle=True), lambda: free.refill(1)]
    for step in sync:
        step()
        assert free.remaining >= 1
        assert free.remaining >= free.low_water_mark
    assert (free.debt, free.requested_amount(is_idle=False), free.wait_s) == (0, 0, 0)


def test_a_bucket_fills_in_the_window_that_is_told() -> None:
    assert RateLimitLease(6000, 2).window_s == WINDOW_S
    assert RateLimitLease(1, 1).window_s == 60
