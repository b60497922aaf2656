"""Raise SystemExit on SIGTERM and SIGHUP, so that leases are released and the servers are stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["exit_on_termination"]


@contextmanager
def exit_on_termination() -> Iterator[None]:
    """Convert SIGTERM and SIGHUP into SystemExit, in the main thread and if no other handler is installed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in taken:
            if signal.getsignal(number) in (_exit, signal.SIG_IGN):
                signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second signal would interrupt the shutdown
    raise SystemExit(128 + number)
