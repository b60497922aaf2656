"""Rotation of logs that are written without Python's `logging`: output of child processes and of embedded servers.

Their writers keep the file open in append mode, so a file over the limit is copied and then truncated. A line written
in between is lost. Logs of `logging` are rotated by their own handlers, before they reach this size.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.core.log_rotation import rotate_when_large
from warehouse.core.periodic import run_periodically

__all__ = ["rotating_logs"]

_INTERVAL_S = 60.0
_log = logging.getLogger(__name__)


@contextmanager
def rotating_logs(home: Path, *, every_s: float = _INTERVAL_S) -> Iterator[None]:
    """Keep the logs of a home within their size limit for the length of the block, from a thread.

    Args:
        home: LADDER_HOME.
        every_s: seconds between two checks.
    """

    def rotate() -> None:
        for path in _logs(home):
            try:
                rotate_when_large(path)
            except OSError as error:
                _log.warning("%s cannot be rotated: %s", path, error.strerror)

    with run_periodically(rotate, every_s=every_s, name="logs", is_first_immediate=True):
        yield


def _logs(home: Path) -> list[Path]:
    """Output of child processes, startup output of the embedded servers, and PostgreSQL's own log."""
    folders = (home / "logs", home / "servers", home / "postgres" / "log")
    return [path for folder in folders for path in sorted(folder.glob("*.log"))]
