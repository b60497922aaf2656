"""Rotation of logs that are written without Python's `logging`: output of child processes and of embedded servers.

Their writers keep the file open in append mode, so a file over the limit is copied and then truncated. A line written
in between is lost. Logs of `logging` are rotated by their own handlers, before they reach this size.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from warehouse.core.periodic import run_periodically

__all__ = ["rotate_when_large", "rotating_logs"]

_MAX_BYTES = 10 << 20
_KEPT_FILES = 3
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


def rotate_when_large(path: Path, *, max_bytes: int = _MAX_BYTES, kept: int = _KEPT_FILES) -> bool:
    """Copy a log to `<name>.1` and truncate it if it is larger than `max_bytes`.

    Older copies shift by one; the oldest is deleted.

    Args:
        path: the log. Links are not followed: the account of the servers could create one in its own folders.
        max_bytes: largest size of the log, in bytes.
        kept: number of copies that are kept.

    Returns:
        Whether the log was rotated.

    Raises:
        OSError: the path is not a regular file, or a copy cannot be written.
    """
    try:
        log = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    with open(log, "r+b") as stream:
        status = os.fstat(log)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size <= max_bytes:
            return False
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        copy = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(copy, "wb") as target:
                shutil.copyfileobj(stream, target)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        for number in range(kept - 1, 0, -1):
            with suppress(FileNotFoundError):
                _copy(path, number).replace(_copy(path, number + 1))
        fresh.replace(_copy(path, 1))
        os.ftruncate(log, 0)
    return True


def _logs(home: Path) -> list[Path]:
    """Output of child processes, startup output of the embedded servers, and PostgreSQL's own log."""
    folders = (home / "logs", home / "servers", home / "postgres" / "log")
    return [path for folder in folders for path in sorted(folder.glob("*.log"))]


def _copy(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
