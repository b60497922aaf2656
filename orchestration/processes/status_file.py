"""Status of the parts of `ladder up`, in a file for other commands: `run/parts.json` in the home."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from orchestration.processes.schedules_lock import holder_pid
from warehouse.core.files import write_atomically

__all__ = [
    "PartStatus",
    "StackStatus",
    "State",
    "StatusFile",
    "describe",
    "open_status_file",
    "read_status",
    "status_path",
]

State = Literal["up", "silent", "starting", "down"]


class PartStatus(msgspec.Struct, frozen=True):
    """Status of one part.

    Args:
        name: its name.
        state: `up`; `silent` if it runs but does not respond; `starting` until it responds; `down`.
        since: start of the current state `up`; for other states, the last time at which it was up.
        log: path of its log.
        reason: how it exited, or why it could not be started; empty if it is up.
        tries: number of starts since it last ran stably.
        next_try_at: time of the next start.
        waits_for: the part that has to be up before this one is started.
    """

    name: str
    state: State
    since: datetime
    log: str
    reason: str = ""
    tries: int = 0
    next_try_at: datetime | None = None
    waits_for: str = ""


class StackStatus(msgspec.Struct, frozen=True):
    """Status of a running `ladder up`.

    Args:
        pid: its process id.
        parts: its parts, in start order.
    """

    pid: int
    parts: tuple[PartStatus, ...]

    @property
    def not_up(self) -> list[PartStatus]:
        """Parts that are not up."""
        return [part for part in self.parts if part.state != "up"]


class StatusFile:
    """The file, replaced at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: tuple[PartStatus, ...] = ()

    def write(self, parts: Sequence[PartStatus]) -> None:
        """Write the status if it has changed. If that fails, remove the file, since its status is old."""
        if tuple(parts) == self._written:
            return
        try:
            status = StackStatus(os.getpid(), tuple(parts))
            write_atomically(self._path, msgspec.json.encode(status), mode=0o600)
        except OSError:
            # A full disk must not end the command: the next check writes it again.
            self._written = ()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        else:
            self._written = tuple(parts)


@contextmanager
def open_status_file(home: Path) -> Iterator[StatusFile]:
    """The file for the length of the block. The caller holds the schedules lock.

    Raises:
        OSError: the home is not writable.
    """
    path = status_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        yield StatusFile(path)
    finally:
        path.unlink(missing_ok=True)


def read_status(home: Path) -> StackStatus | None:
    """Status of the `ladder up` of a home; None if none runs, even if a killed one has left a file."""
    try:
        states = msgspec.json.decode(status_path(home).read_bytes(), type=StackStatus)
    except (OSError, msgspec.DecodeError):
        return None
    return states if states.pid == holder_pid(home) else None


def describe(part: PartStatus) -> str:
    """The status of a part in one line, without its name."""
    duration = f"for {_seconds(datetime.now(UTC) - part.since)}"
    if part.state == "up":
        return f"up {duration}"
    if part.state == "silent":
        return f"runs but does not respond {duration}; see {part.log}"
    if part.state == "starting":
        return f"down {duration} ({part.reason}), restarting (try {part.tries}); see {part.log}"
    when = "shortly"
    if part.waits_for:
        when = f"as soon as {part.waits_for} is up"
    elif part.next_try_at is not None:
        when = f"in {_seconds(part.next_try_at - datetime.now(UTC))}"
    return f"down {duration} ({part.reason}), try {part.tries + 1} {when}; see {part.log}"


def status_path(home: Path) -> Path:
    """Path of the status file of a home."""
    return home / "run" / "parts.json"


def _seconds(length: timedelta) -> str:
    return f"{max(0.0, length.total_seconds()):.0f} s"
