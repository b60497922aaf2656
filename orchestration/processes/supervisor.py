"""Restarts the parts of a command that exit, with exponential backoff."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from orchestration.processes.status_file import PartStatus, State
from warehouse.core.errors import LadderError
from warehouse.embedded import LeasedServer

__all__ = ["Part", "Process", "ProcessPart", "ServerPart", "Supervisor"]

_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 30.0
#: A part that has run this long is stable: the backoff starts again at its first delay.
_STABLE_AFTER_S = 60.0
_PROBE_INTERVAL_S = 5.0
#: Long enough for a busy machine.
_UNRESPONSIVE_AFTER_S = 10.0
_log = logging.getLogger(__name__)


class Part(Protocol):
    """A process or server that runs beside the command and can be restarted."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def log(self) -> Path:
        """Path of its log."""

    @property
    def depends_on(self) -> Sequence[str]:
        """Names of the parts that must be up before it is started."""

    def exit_reason(self) -> str | None:
        """How it exited, e.g. `exited (-9)`; None while it runs."""

    def is_ready(self) -> bool:
        """Whether it responds; takes two seconds at most."""

    def start(self) -> None:
        """Start it, without waiting until it responds.

        Raises:
            LadderError, OSError: it cannot be started.
        """


class Process(Protocol):
    """A started process."""

    @property
    def exit_code(self) -> int | None:
        """Exit code; None while it runs."""

    def request_stop(self) -> None:
        """Request its exit, without waiting."""

    def stop(self) -> None:
        """Stop it and wait until it has exited."""


class ProcessPart:
    """A part that is a child process.

    Args:
        name: its name.
        log: path of its log.
        launch: starts the process.
        is_responding: whether it responds.
        depends_on: names of the parts that must be up before it is started.
    """

    def __init__(
        self,
        name: str,
        log: Path,
        launch: Callable[[], Process],
        is_responding: Callable[[], bool],
        depends_on: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.log = log
        self.depends_on = depends_on
        self._launch = launch
        self._is_responding = is_responding
        self._process: Process | None = None

    def exit_reason(self) -> str | None:
        """How it exited; None while it runs."""
        if self._process is None:
            return "not started"
        code = self._process.exit_code
        return None if code is None else f"exited ({code})"

    def is_ready(self) -> bool:
        """Whether it responds."""
        return self._is_responding()

    def start(self) -> None:
        """Start the process."""
        self._process = self._launch()

    def request_stop(self) -> None:
        """Request the exit of the process, without waiting."""
        if self._process is not None:
            self._process.request_stop()

    def stop(self) -> None:
        """Stop the process and wait until it has exited."""
        if self._process is not None:
            self._process.stop()


class ServerPart:
    """A part that is an embedded server, on which this process holds a lease.

    Args:
        server: the server.
        address: its current URL.
        on_move: called with its name and new URL if it comes up at another address, because another program has taken
            its port while it was down.
    """

    depends_on: Sequence[str] = ()

    def __init__(self, server: LeasedServer, address: str, on_move: Callable[[str, str], None]) -> None:
        self.name = server.product
        self.log = server.log
        self._server = server
        self._on_move = on_move
        self._address = address

    def exit_reason(self) -> str | None:
        """How it exited; None while it runs. It is no child of this process, so its exit code is unknown."""
        return None if self._server.is_alive() else "exited"

    def is_ready(self) -> bool:
        """Whether it accepts requests."""
        if not self._server.is_ready():
            return False
        try:
            address = self._server.address()
        except (FileNotFoundError, ValueError):
            return False  # it has exited in the meantime
        if address != self._address:
            self._address = address
            self._on_move(self.name, address)
        return True

    def start(self) -> None:
        """Start the server."""
        self._server.start()


@dataclass
class _Supervised:
    """A part and its status; times are monotonic seconds.

    Args:
        part: the part.
        status: its reported status.
        started_at: time of its last start.
        responded_at: time of its last response.
        probed_at: time of its last readiness check.
        next_try_at: time of its next start.
    """

    part: Part
    status: PartStatus
    started_at: float
    responded_at: float
    probed_at: float
    next_try_at: float = 0.0

    def set_state(self, state: State, **changes: object) -> None:
        """Change the status; `since` changes only if the part comes up or stops being up."""
        is_changed = "up" in (state, self.status.state) and state != self.status.state
        since = datetime.now(UTC) if is_changed else self.status.since
        self.status = msgspec.structs.replace(self.status, state=state, since=since, **changes)


class Supervisor:
    """Checks parts and restarts those that have exited. All parts are up when it is created.

    Args:
        parts: in start order.
        on_event: called with one line per event.
        on_status: called with the status of all parts after each check.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        on_event: Callable[[str], None],
        on_status: Callable[[Sequence[PartStatus]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        now, since = clock(), datetime.now(UTC)
        self._supervised = {
            part.name: _Supervised(part, PartStatus(part.name, "up", since, str(part.log)), now, now, now)
            for part in parts
        }
        self._on_event = on_event
        self._on_status = on_status
        self._on_status(self.statuses)

    @property
    def statuses(self) -> list[PartStatus]:
        """Status of all parts, in start order."""
        return [one.status for one in self._supervised.values()]

    def check(self) -> None:
        """Check each part once, and start those whose backoff is over."""
        for one in self._supervised.values():
            try:
                self._check_part(one)
            except Exception as error:  # the other parts have to be checked in any case
                reason = str(error) or type(error).__name__
                if one.status.reason != reason:
                    _log.exception("the check of %s failed", one.part.name)
                    self._on_event(f"{one.part.name}: check failed: {reason}")
                    one.set_state(one.status.state, reason=reason)
            self._on_status(self.statuses)

    def _check_part(self, one: _Supervised) -> None:
        exit_reason = one.part.exit_reason()
        if one.status.state == "down":
            if exit_reason is None:
                self._set_starting(one)  # another command has started the server
            elif self._clock() >= one.next_try_at:
                self._restart(one)
        elif exit_reason is not None:
            self._on_exit(one, exit_reason)
        elif one.status.state == "starting" or self._clock() - one.probed_at > _PROBE_INTERVAL_S:
            self._probe(one)

    def _on_exit(self, one: _Supervised, exit_reason: str) -> None:
        if one.status.state != "starting" and self._clock() - one.started_at >= _STABLE_AFTER_S:
            one.set_state("down", tries=0)
        self._schedule_restart(one, exit_reason, f"{exit_reason}, restarting")

    def _schedule_restart(self, one: _Supervised, reason: str, event: str) -> None:
        # The exponent is bounded: after days of restarts the power would exceed the range of a float.
        delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(one.status.tries, 10))
        one.next_try_at = self._clock() + delay_s
        one.set_state("down", reason=reason, next_try_at=datetime.now(UTC) + timedelta(seconds=delay_s), waits_for="")
        self._on_event(f"{one.part.name}: {event} in {delay_s:.0f} s; see {one.part.log}")

    def _restart(self, one: _Supervised) -> None:
        for name in one.part.depends_on:
            if name in self._supervised and self._supervised[name].status.state != "up":
                one.set_state("down", next_try_at=None, waits_for=name)
                return
        try:
            one.part.start()
        except (LadderError, OSError) as error:
            one.set_state("down", tries=one.status.tries + 1)
            self._schedule_restart(one, str(error), f"cannot be started: {error}; retrying")
        else:
            self._set_starting(one)

    def _set_starting(self, one: _Supervised) -> None:
        one.started_at = one.responded_at = self._clock()
        one.set_state("starting", tries=one.status.tries + 1, next_try_at=None, waits_for="")

    def _probe(self, one: _Supervised) -> None:
        is_ready = one.part.is_ready()
        now = one.probed_at = self._clock()
        if is_ready:
            one.responded_at = now
            if one.status.state == "starting":
                down = datetime.now(UTC) - one.status.since
                self._on_event(f"{one.part.name}: up again after {down.total_seconds():.0f} s")
            elif one.status.state == "silent":
                self._on_event(f"{one.part.name}: responds again")
            if one.status.state != "up":
                one.set_state("up", reason="")
        elif one.status.state == "up" and now - one.responded_at > _UNRESPONSIVE_AFTER_S:
            one.set_state("silent", reason="does not respond")
            self._on_event(f"{one.part.name}: runs but does not respond; see {one.part.log}")
