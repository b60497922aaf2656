"""Interrupts in code of others that takes them for errors of its own, or goes on without a word."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["SIGNALS", "reraise_interrupts"]

#: Signals that end a command.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def reraise_interrupts(on_interrupt: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Raise at the end what a signal raised inside, whatever became of it there.

    dbt returns interrupts as results, puts other errors in their place, and reads values with code that catches
    everything. Signals reach the main thread alone: in other threads this does nothing.

    Args:
        on_interrupt: called in the handler of a signal that raises.

    Raises:
        KeyboardInterrupt, SystemExit: or whatever else the handler of a signal raised, the first of them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    raised: list[BaseException] = []

    def noting(handler: _Handler) -> _Handler:
        def handle(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except BaseException as error:
                raised.append(error)
                on_interrupt()
                raise

        return handle

    before = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    noted = {number: noting(handler) for number, handler in before.items()}
    for number, handler in noted.items():
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in noted.items():
            # A handler may have replaced itself.
            if signal.getsignal(number) is handler:
                signal.signal(number, before[number])
        if raised:
            raise raised[0]
