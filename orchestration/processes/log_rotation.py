"""Bounds for logs that processes write by themselves: output of children, and logs of the embedded servers.

Their files stay open, and what is written goes to the end: a file that has grown is copied and then emptied. A line
that is written in between is lost. Logs of Python's `logging` are rotated by the processes that write them, before they
grow to this size.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.core.log_rotation import rotate_when_large

__all__ = ["rotating_logs"]

_LOOK_S = 60.0
_log = logging.getLogger(__name__)


@contextmanager
def rotating_logs(home: Path, *, every_s: float = _LOOK_S) -> Iterator[None]:
    """Bound the logs of a home for the length of the block, from a thread.

    Args:
        home: LADDER_HOME.
        every_s: seconds between two looks.
    """
    ended = threading.Event()

    def watch() -> None:
        while True:
            for path in _logs(home):
                try:
                    rotate_when_large(path)
                except OSError as error:
                    _log.warning("%s cannot be rotated: %s", path, error.strerror)
            if ended.wait(every_s):
                return

    thread = threading.Thread(target=watch, name="logs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(every_s)


def _logs(home: Path) -> list[Path]:
    """Output of children, of the embedded servers at their start, and what PostgreSQL writes afterwards."""
    folders = (home / "logs", home / "servers", home / "postgres" / "log")
    return [path for folder in folders for path in sorted(folder.glob("*.log"))]
