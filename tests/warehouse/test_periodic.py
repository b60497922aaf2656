"""A function runs at an interval in a thread, and no more after the block."""

from __future__ import annotations

import threading
import time

from warehouse.core.periodic import run_periodically


def test_a_function_runs_at_the_interval_until_the_block_ends() -> None:
    calls: list[float] = []
    third = threading.Event()

    def call() -> None:
        calls.append(time.monotonic())
        if len(calls) == 3:
            third.set()

    started = time.monotonic()
    with run_periodically(call, every_s=0.05, name="test"):
        assert third.wait(30)
    assert calls[0] - started >= 0.05
    count = len(calls)
    time.sleep(0.2)
    assert len(calls) == count
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_the_first_call_is_immediate_on_request() -> None:
    called = threading.Event()
    with run_periodically(called.set, every_s=60, name="test", is_first_immediate=True):
        assert called.wait(30)
