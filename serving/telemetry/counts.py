"""The directory of a server's counter files, removed when the server ends, even if it is killed.

It is `run/counts-*` below the home. The server's processes hold a lock on it, which the kernel releases with the last
of them; the next server removes directories without a lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.core.errors import ConfigurationError

__all__ = ["counts_directory"]

_PREFIX = "counts-"


@contextmanager
def counts_directory(home: Path) -> Iterator[Path]:
    """Create the directory of a server, and remove those of killed servers.

    Args:
        home: LADDER_HOME.

    Raises:
        ConfigurationError: the home cannot be written.
    """
    run = home / "run"
    try:
        run.mkdir(parents=True, exist_ok=True)
        # One server at a time, because a new directory without a lock looks like one of a killed server.
        with _locked(run):
            for path in run.glob(f"{_PREFIX}*"):
                _remove_if_unlocked(path)
            directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=run))
            # Workers inherit the open directory and the lock on it.
            descriptor = os.open(directory, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write in {run}: {error.strerror}",
            "set LADDER_HOME to a directory of your own with room to write",
        ) from None
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_if_unlocked(directory: Path) -> None:
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except FileNotFoundError:  # its server has removed it
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)
