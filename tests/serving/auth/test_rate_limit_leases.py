"""For any sequence of requests and processes, a caller gets its limit and no more than the documented slack."""

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
    """The sync script of Redis in Python; `test_rate_limit_sync` compares both."""

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
    """A model with several processes, one bucket and a clock."""

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
        """Send requests; returns how many are admitted."""
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
        """Send requests until the bucket is empty."""
        while self.request(process, 10**9):
            self.sync(process)

    def become_idle(self, process: int) -> None:
        """Become idle in a process, if the last request was long enough ago."""
        lease = self.leases[process % self.processes]
        if self.now - self.last_used_at[process % self.processes] > lease.idle_after_s:
            self.bucket.sync(lease, is_idle=True)
            self.last_used_at[process % self.processes] = self.now

    @property
    def slack(self) -> float:
        """The documented slack beyond the tokens that the bucket fills."""
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
def test_no_interval_admits_more_than_documented(
    per_minute: int, processes: int, events: list[tuple[str, float, int]]
) -> None:
    model = RateLimitModel(per_minute, processes)
    for name, *arguments in events:
        getattr(model, name)(*arguments)
    for first in range(len(model.admitted)):
        total = 0
        for timestamp, times in model.admitted[first:]:
            total += times
            bound = model.slack + (timestamp - model.admitted[first][0]) * per_minute / 60
            assert total <= bound + 1e-6


@given(per_minute=PER_MINUTE, processes=PROCESSES)
def test_the_slack_is_at_most_one_more_bucket_or_two_requests_per_process(per_minute: int, processes: int) -> None:
    model = RateLimitModel(per_minute, processes)
    assert model.slack <= 2 * max(model.leases[0].capacity, processes * 2)


@settings(deadline=None)
@given(per_minute=st.integers(60, 100_000), processes=PROCESSES, process=st.integers(0, 3))
def test_a_caller_within_its_bucket_is_never_rejected_if_the_lease_is_synced_in_time(
    per_minute: int, processes: int, process: int
) -> None:
    model = RateLimitModel(per_minute, processes)
    remaining = int(model.bucket.capacity)
    while remaining:
        times = min(remaining, max(1, int(model.leases[process % processes].remaining // 2)))
        assert model.request(process, times) == times
        model.sync(process)
        remaining -= times
    assert model.request(process, 1) == 0


@settings(deadline=None)
@given(per_minute=st.integers(6, 10_000), processes=PROCESSES)
def test_endless_requests_are_admitted_at_the_rate_in_the_long_run(per_minute: int, processes: int) -> None:
    model = RateLimitModel(per_minute, processes)
    minutes = 3
    for step in range(minutes * 60 * 2):
        model.request(step, 10**9)
        model.sync(step)
        model.wait(0.5)
    total = sum(times for _, times in model.admitted)
    assert minutes * per_minute * 0.9 - model.slack <= total <= minutes * per_minute + model.slack


@given(per_minute=PER_MINUTE, processes=PROCESSES, waits=st.lists(st.floats(0, 30), max_size=30))
def test_processes_without_redis_keep_the_limit_in_total(per_minute: int, processes: int, waits: list[float]) -> None:
    model = RateLimitModel(per_minute, processes)
    for seconds in waits:
        model.wait(seconds)
        for number, lease in enumerate(model.leases):
            lease.refill(seconds)
            model.request(number, 10**9)
    assert sum(times for _, times in model.admitted) <= model.slack + model.now * per_minute / 60 + 1e-6


@given(per_minute=PER_MINUTE, processes=PROCESSES)
def test_a_request_is_admitted_after_the_reported_wait(per_minute: int, processes: int) -> None:
    model = RateLimitModel(per_minute, processes)
    model.drain(0)
    assert model.leases[0].wait_s > 0
    model.wait(model.leases[0].wait_s + 1e-6)
    model.sync(0)
    assert model.request(0, 1) == 1


def test_a_response_with_too_many_rows_delays_the_next() -> None:
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


def test_a_caller_without_a_limit_is_never_limited() -> None:
    unlimited = RateLimitLease(0, 4)
    unlimited.remaining -= 10**12
    sync: list[Callable[[], None]] = [lambda: unlimited.apply_sync(0, 0, 0, is_idle=True), lambda: unlimited.refill(1)]
    for step in sync:
        step()
        assert unlimited.remaining >= 1
        assert unlimited.remaining >= unlimited.low_water_mark
    assert (unlimited.debt, unlimited.requested_amount(is_idle=False), unlimited.wait_s) == (0, 0, 0)


def test_a_bucket_fills_within_the_reported_window() -> None:
    assert RateLimitLease(6000, 2).window_s == WINDOW_S
    assert RateLimitLease(1, 1).window_s == 60
