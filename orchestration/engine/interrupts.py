"""Ctrl-C and termination inside a step."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from dagster import DagsterError, Failure
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.interrupts import raise_interrupts_as

from orchestration.processes.signals import SIGNALS
from warehouse.core.errors import LadderError
from warehouse.database.refused import SERVER_AWAY, refused

__all__ = ["convert_interrupts", "exit_code", "expected_errors_as_failures", "run_interruptibly"]

T = TypeVar("T")

#: Signals that ended a coroutine in this process, in their order.
_received: list[int] = []


class _Interrupted(DagsterExecutionInterruptedError, DagsterError):
    """An interrupt that ends the run: Dagster retries a step that any other interrupt ends, as if it had failed."""


def exit_code() -> int:
    """The exit code of a command that an interrupt has ended."""
    return 128 + (_received[0] if _received else signal.SIGINT)


@contextmanager
def convert_interrupts() -> Iterator[None]:
    """Run asyncio or dbt in a step: both unwind on KeyboardInterrupt, and neither knows Dagster's own interrupt."""
    try:
        with raise_interrupts_as(KeyboardInterrupt):
            yield
    except KeyboardInterrupt:
        raise _Interrupted from None


@contextmanager
def expected_errors_as_failures() -> Iterator[None]:
    """Show an error that a person can mend as one line in Dagster too, and retry neither it nor an interrupt."""
    try:
        yield
    except LadderError as error:
        raise Failure(description=str(error), allow_retries=False) from error
    except psycopg.OperationalError as error:
        raise Failure(description=str(refused(error, SERVER_AWAY)), allow_retries=False) from error
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        raise _Interrupted from None


def run_interruptibly(runner: asyncio.Runner, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a step; a signal cancels it, whatever it waits for.

    An exception that a handler raises in the middle of an event loop would end one of its tasks, or none.

    Raises:
        KeyboardInterrupt: a signal came, and the coroutine has ended.
    """
    if threading.current_thread() is not threading.main_thread():
        return runner.run(coroutine)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    loop = runner.get_loop()
    came: list[int] = []

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None

        def cancel(number: int) -> None:
            came.append(number)
            task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, cancel, number)
        return await coroutine

    try:
        result = runner.run(cancellable())
    except asyncio.CancelledError:
        if not came:
            raise
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
    if came:
        _received.extend(came)
        raise KeyboardInterrupt
    return result
