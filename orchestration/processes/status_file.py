"""What `ladder up` says of its parts, in a file that other commands read: `run/parts.json` below the home."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from orchestration.processes.schedules_lock import holder_pid

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
    """One part.

    Args:
        name: what it is called.
        state: `up`; `silent` where it runs and does not answer; `starting` until it answers; `down`.
        since: when it came up; of one that is not up, when it was up last.
        log: the file that says more.
        reason: how it ended, or why it could not be started; empty for one that is up.
        tries: how often it was started since it last ran for long.
        next_try_at: when it is started again.
        waits_for: the part that it is not started without.
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
    """All parts of a running `ladder up`.

    Args:
        pid: its process.
        parts: in the order in which they are started.
    """

    pid: int
    parts: tuple[PartStatus, ...]

    @property
    def not_up(self) -> list[PartStatus]:
        """Those that are not up."""
        return [part for part in self.parts if part.state != "up"]


class StatusFile:
    """The file, written whole at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: tuple[PartStatus, ...] = ()

    def write(self, parts: Sequence[PartStatus]) -> None:
        """Say what is known of the parts; where that cannot be written, nothing is said."""
        if tuple(parts) == self._written:
            return
        try:
            self._replace(tuple(parts))
        except OSError:
            # Written again at the next look: a full disk must not end the command.
            self._written = ()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        else:
            self._written = tuple(parts)

    def _replace(self, parts: tuple[PartStatus, ...]) -> None:
        fresh = self._path.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(msgspec.json.encode(StackStatus(os.getpid(), parts)))
        fresh.replace(self._path)


@contextmanager
def open_status_file(home: Path) -> Iterator[StatusFile]:
    """Keep the file for the length of the block; whoever enters holds the lock of the schedules.

    Raises:
        OSError: the home cannot be written.
    """
    path = status_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        yield StatusFile(path)
    finally:
        path.unlink(missing_ok=True)


def read_status(home: Path) -> StackStatus | None:
    """What the `ladder up` of a home says of its parts; None where none runs, whatever a killed one has left."""
    try:
        states = msgspec.json.decode(status_path(home).read_bytes(), type=StackStatus)
    except (OSError, msgspec.DecodeError):
        return None
    return states if states.pid == holder_pid(home) else None


def describe(part: PartStatus) -> str:
    """A part in one line, without its name."""
    lasting = f"for {_seconds(datetime.now(UTC) - part.since)}"
    if part.state == "up":
        return f"up {lasting}"
    if part.state == "silent":
        return f"runs and does not answer {lasting}; see {part.log}"
    if part.state == "starting":
        return f"down {lasting} ({part.reason}), started again (try {part.tries}); see {part.log}"
    then = "shortly"
    if part.waits_for:
        then = f"as soon as {part.waits_for} is up"
    elif part.next_try_at is not None:
        then = f"in {_seconds(part.next_try_at - datetime.now(UTC))}"
    return f"down {lasting} ({part.reason}), try {part.tries + 1} {then}; see {part.log}"


def status_path(home: Path) -> Path:
    """Where the states of a home's parts are."""
    return home / "run" / "parts.json"


def _seconds(length: timedelta) -> str:
    return f"{max(0.0, length.total_seconds()):.0f} s"
