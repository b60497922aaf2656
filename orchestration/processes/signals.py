"""Interrupts in third-party code that swallows them, or converts them into other errors."""

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
    """Raise again, at the end of the block, the exception that a signal handler raised inside it.

    dbt returns interrupts as results, replaces them by other errors, and catches all exceptions in some places. Python
    handles signals in the main thread, so in other threads this does nothing.

    Args:
        on_interrupt: called in the signal handler, when it raises.

    Raises:
        KeyboardInterrupt, SystemExit: or any other exception of a signal handler; the first one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    raised: list[BaseException] = []

    def recording(handler: _Handler) -> _Handler:
        def handle(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except BaseException as error:
                raised.append(error)
                on_interrupt()
                raise

        return handle

    before = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    installed = {number: recording(handler) for number, handler in before.items()}
    for number, handler in installed.items():
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in installed.items():
            # The handler may have been replaced inside the block.
            if signal.getsignal(number) is handler:
                signal.signal(number, before[number])
        if raised:
            raise raised[0]
