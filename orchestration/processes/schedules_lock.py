"""The lock that allows one daemon per home: two on one storage would start every scheduled run twice.

`ladder up`, `dagster dev` and `dagster-daemon run` hold it while they run. The kernel releases it however the holder
exits. Child processes of the holder, such as the daemon of `dagster dev`, share it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from warehouse.core.errors import LadderError
from warehouse.embedded.home import try_lock

__all__ = ["acquire", "hold", "holder_pid", "is_held"]

#: Time in which a new holder writes its record, and in which `is_held` of another process may hold the lock.
_RETRY_S = 1.0
_POLL_S = 0.02


class _Holder(msgspec.Struct, frozen=True):
    """The holder of the lock: its process, its command as typed, and the web UI's URL if it is known."""

    pid: int
    command: str
    url: str = ""


@contextmanager
def hold(home: Path, command: str, url: str = "") -> Iterator[None]:
    """Hold the lock of a home for the length of the block.

    Raises:
        LadderError: another command holds it; names that command.
    """
    descriptor = acquire(home, command, url)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def acquire(home: Path, command: str, url: str = "") -> int | None:
    """Acquire the lock of a home.

    Args:
        home: the LADDER_HOME.
        command: the command of this process, as typed.
        url: URL of Dagster's web UI, if it is known.

    Returns:
        A file descriptor: the lock is held until it is closed. None if a parent process holds the lock.

    Raises:
        LadderError: another command holds it; names that command.
    """
    path = _path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _RETRY_S
    while not try_lock(descriptor):
        holder = _read(path)
        if holder is not None and psutil.pid_exists(holder.pid):
            os.close(descriptor)
            if holder.pid in [parent.pid for parent in psutil.Process().parents()]:
                return None
            raise _held_error(home, holder)
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise _held_error(home, _Holder(0, "another command"))
        time.sleep(_POLL_S)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, msgspec.json.encode(_Holder(os.getpid(), command, url)), 0)
    return descriptor


def is_held(home: Path) -> bool:
    """Whether a daemon runs the schedules of a home, and so processes its queue."""
    try:
        descriptor = os.open(_path(home), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two processes that check do not mistake each other for a holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def holder_pid(home: Path) -> int | None:
    """Process id of the holder; None if the lock is free."""
    if not is_held(home):
        return None
    holder = _read(_path(home))
    return holder.pid if holder is not None else None


def _path(home: Path) -> Path:
    return home / "dagster" / "schedules.lock"


def _read(path: Path) -> _Holder | None:
    """The holder's record; None until it is written."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Holder)
    except (OSError, msgspec.DecodeError):
        return None


def _held_error(home: Path, holder: _Holder) -> LadderError:
    place = f"at {holder.url}" if holder.url else f"as process {holder.pid}" if holder.pid else ""
    return LadderError(
        f"`{holder.command}` already runs {place}".rstrip() + f" and starts the scheduled runs of {home}",
        "use that one, end it first, or set another LADDER_HOME",
    )
