"""A function that a background thread calls at an interval, for the length of a block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["run_periodically"]


@contextmanager
def run_periodically(
    function: Callable[[], None], *, every_s: float, name: str, is_first_immediate: bool = False
) -> Iterator[None]:
    """Call a function every `every_s` seconds for the length of the block. Leaving the block waits for a running call.

    Args:
        function: called in the thread; handles its own errors, as an exception ends the thread.
        every_s: seconds between the end of a call and the next one, and the longest wait at the end of the block.
        name: name of the thread.
        is_first_immediate: whether the first call is made at once; otherwise it is made after `every_s` seconds.
    """
    stopped = threading.Event()

    def loop() -> None:
        if is_first_immediate:
            function()
        while not stopped.wait(every_s):
            function()

    thread = threading.Thread(target=loop, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(every_s)
