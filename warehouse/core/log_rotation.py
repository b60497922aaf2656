"""Rotation of logs that other processes hold open and append to.

A log that has grown too large is copied and then truncated, since its writer keeps the file open. A line that is
written between the copy and the truncation is lost. Logs of Python's `logging` are rotated by the processes that write
them.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

__all__ = ["rotate_when_large"]

_MAX_BYTES = 10 << 20
_BACKUP_COUNT = 3


def rotate_when_large(path: Path, *, max_bytes: int = _MAX_BYTES, backup_count: int = _BACKUP_COUNT) -> bool:
    """Copy a log to `<name>.1` and truncate it if it is larger than `max_bytes`.

    Older copies are renumbered to `<name>.2` and so on, and the oldest is deleted.

    Args:
        path: the log. Links are not followed: the servers' account could create one in its own folders.
        max_bytes: largest size that is not rotated.
        backup_count: how many copies are kept.

    Returns:
        Whether the log was rotated; false as well if it does not exist.

    Raises:
        OSError: the path is a link or cannot be opened, or a copy cannot be written.
    """
    try:
        log = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    with open(log, "r+b") as stream:
        status = os.fstat(log)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size <= max_bytes:
            return False
        temporary = path.with_name(f"{path.name}.new")
        temporary.unlink(missing_ok=True)
        copy = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(copy, "wb") as target:
                shutil.copyfileobj(stream, target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        for number in range(backup_count - 1, 0, -1):
            with suppress(FileNotFoundError):
                _backup(path, number).replace(_backup(path, number + 1))
        temporary.replace(_backup(path, 1))
        os.ftruncate(log, 0)
    return True


def _backup(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
