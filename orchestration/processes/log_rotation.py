"""Bounds for logs that processes write by themselves: output of children, and logs of the embedded servers.

Their files stay open, and what is written goes to the end: a file that has grown is copied and then emptied. A line
that is written in between is lost. Logs of Python's `logging` are rotated by the processes that write them, before they
grow to this size.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["rotate_when_large", "rotating_logs"]

_MAX_BYTES = 10 << 20
_KEPT_FILES = 3
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


def rotate_when_large(path: Path, *, max_bytes: int = _MAX_BYTES, kept: int = _KEPT_FILES) -> bool:
    """Copy a log to `<name>.1` and empty it where it is larger than that.

    Older copies shift by one, and the oldest is deleted.

    Args:
        path: the log. Links are not followed: in folders of the servers' account, that account could set one.
        max_bytes: its largest size.
        kept: how many copies there are at most.

    Returns:
        Whether it was.

    Raises:
        OSError: it is no plain file, or a copy cannot be written.
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
    """Output of children, of the embedded servers at their start, and what PostgreSQL writes afterwards."""
    folders = (home / "logs", home / "servers", home / "postgres" / "log")
    return [path for folder in folders for path in sorted(folder.glob("*.log"))]


def _copy(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
