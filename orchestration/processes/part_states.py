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
from warehouse.core.files import write_atomically

__all__ = ["PartState", "PartStates", "State", "StatesFile", "describe", "parts_file", "read_states", "stating"]

State = Literal["up", "silent", "starting", "down"]


class PartState(msgspec.Struct, frozen=True):
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


class PartStates(msgspec.Struct, frozen=True):
    """All parts of a running `ladder up`.

    Args:
        pid: its process.
        parts: in the order in which they are started.
    """

    pid: int
    parts: tuple[PartState, ...]

    @property
    def troubled(self) -> list[PartState]:
        """Those that are not up."""
        return [part for part in self.parts if part.state != "up"]


class StatesFile:
    """The file, written whole at each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: tuple[PartState, ...] = ()

    def write(self, parts: Sequence[PartState]) -> None:
        """Say what is known of the parts; where that cannot be written, nothing is said."""
        if tuple(parts) == self._written:
            return
        try:
            states = PartStates(os.getpid(), tuple(parts))
            write_atomically(self._path, msgspec.json.encode(states), mode=0o600)
        except OSError:
            # Written again at the next look: a full disk must not end the command.
            self._written = ()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        else:
            self._written = tuple(parts)


@contextmanager
def stating(home: Path) -> Iterator[StatesFile]:
    """Keep the file for the length of the block; whoever enters holds the lock of the schedules.

    Raises:
        OSError: the home cannot be written.
    """
    path = parts_file(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        yield StatesFile(path)
    finally:
        path.unlink(missing_ok=True)


def read_states(home: Path) -> PartStates | None:
    """What the `ladder up` of a home says of its parts; None where none runs, whatever a killed one has left."""
    try:
        states = msgspec.json.decode(parts_file(home).read_bytes(), type=PartStates)
    except (OSError, msgspec.DecodeError):
        return None
    return states if states.pid == holder_pid(home) else None


def describe(part: PartState) -> str:
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


def parts_file(home: Path) -> Path:
    """Where the states of a home's parts are."""
    return home / "run" / "parts.json"


def _seconds(length: timedelta) -> str:
    return f"{max(0.0, length.total_seconds()):.0f} s"
