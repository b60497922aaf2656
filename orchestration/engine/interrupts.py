"""Interrupts (Ctrl-C and termination) and expected errors in steps."""

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
from warehouse.database.error_messages import SERVER_UNAVAILABLE, to_database_error

__all__ = ["convert_interrupts", "exit_code", "expected_errors_as_failures", "run_interruptibly"]

T = TypeVar("T")

#: Signals that have interrupted coroutines of this process, in order.
_received: list[int] = []


class _Interrupted(DagsterExecutionInterruptedError, DagsterError):
    """An interrupt that ends the run. Dagster would retry a step that any other interrupt ends, like a failed one."""


def exit_code() -> int:
    """Exit code of a command that was ended by an interrupt."""
    return 128 + (_received[0] if _received else signal.SIGINT)


@contextmanager
def convert_interrupts() -> Iterator[None]:
    """Raise interrupts as KeyboardInterrupt inside the block, and as Dagster's interrupt outside of it.

    asyncio and dbt unwind on KeyboardInterrupt, and do not know Dagster's own exception.
    """
    try:
        with raise_interrupts_as(KeyboardInterrupt):
            yield
    except KeyboardInterrupt:
        raise _Interrupted from None


@contextmanager
def expected_errors_as_failures() -> Iterator[None]:
    """Convert errors that the user can fix into failures of one line. These and interrupts are not retried."""
    try:
        yield
    except LadderError as error:
        raise Failure(description=str(error), allow_retries=False) from error
    except psycopg.OperationalError as error:
        raise Failure(description=str(to_database_error(error, SERVER_UNAVAILABLE)), allow_retries=False) from error
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        raise _Interrupted from None


def run_interruptibly(runner: asyncio.Runner, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a step. A signal cancels it, whatever it awaits.

    An exception from a signal handler inside an event loop would end an arbitrary task, or none, so the handlers are
    replaced by ones that cancel the coroutine.

    Raises:
        KeyboardInterrupt: a signal was received, and the coroutine has ended.
    """
    if threading.current_thread() is not threading.main_thread():
        return runner.run(coroutine)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    loop = runner.get_loop()
    received: list[int] = []

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None

        def cancel(number: int) -> None:
            received.append(number)
            task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, cancel, number)
        return await coroutine

    try:
        result = runner.run(cancellable())
    except asyncio.CancelledError:
        if not received:
            raise
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
    if received:
        _received.extend(received)
        raise KeyboardInterrupt
    return result
