"""Who runs the schedules of a home: one daemon, since two on one storage would start every scheduled run twice.

`ladder up`, `dagster dev` and `dagster-daemon run` each hold this lock while they run; the kernel drops it however its
holder ends. Processes that the holder has started (the daemon of `dagster dev`) are part of it.
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

__all__ = ["claim", "hold", "holder_pid", "is_held"]

#: For so long a new holder may be writing who it is, or another process may be looking whether there is one.
_SETTLED_S = 1.0
_POLL_S = 0.02


class _Holder(msgspec.Struct, frozen=True):
    """Who holds the lock: its process, the command as a person types it, and the web UI's URL where it is known."""

    pid: int
    command: str
    url: str = ""


@contextmanager
def hold(home: Path, command: str, url: str = "") -> Iterator[None]:
    """Hold the lock of a home for the length of the block.

    Raises:
        LadderError: another command holds it; names that command.
    """
    descriptor = claim(home, command, url)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def claim(home: Path, command: str, url: str = "") -> int | None:
    """Take the lock of a home.

    Args:
        home: the LADDER_HOME.
        command: the command of this process, as a person types it.
        url: address of Dagster's web UI, where it is known.

    Returns:
        A descriptor: the lock is held until it is closed. None where a parent process holds the lock.

    Raises:
        LadderError: another command holds it; names that command.
    """
    path = _path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _SETTLED_S
    while not try_lock(descriptor):
        holder = _read(path)
        if holder is not None and psutil.pid_exists(holder.pid):
            os.close(descriptor)
            if holder.pid in [parent.pid for parent in psutil.Process().parents()]:
                return None
            raise _taken(home, holder)
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise _taken(home, _Holder(0, "another command"))
        time.sleep(_POLL_S)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, msgspec.json.encode(_Holder(os.getpid(), command, url)), 0)
    return descriptor


def is_held(home: Path) -> bool:
    """Whether anything runs the schedules of a home, and so takes runs out of its queue."""
    try:
        descriptor = os.open(_path(home), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two processes that look do not take each other for a holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def holder_pid(home: Path) -> int | None:
    """The process that runs the schedules of a home; None where none does."""
    if not is_held(home):
        return None
    holder = _read(_path(home))
    return holder.pid if holder is not None else None


def _path(home: Path) -> Path:
    return home / "dagster" / "schedules.lock"


def _read(path: Path) -> _Holder | None:
    """What the holder has written; None while it is about to."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Holder)
    except (OSError, msgspec.DecodeError):
        return None


def _taken(home: Path, holder: _Holder) -> LadderError:
    place = f"at {holder.url}" if holder.url else f"as process {holder.pid}" if holder.pid else ""
    return LadderError(
        f"`{holder.command}` already runs {place}".rstrip() + f" and starts the scheduled runs of {home}",
        "use that one, end it first, or set another LADDER_HOME",
    )
