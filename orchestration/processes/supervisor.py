"""Restart the parts of a command that exit, with exponential backoff."""

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
from warehouse.embedded import HeldServer

__all__ = ["Part", "Process", "ProcessPart", "ServerPart", "Supervisor"]

_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 30.0
#: A part that ran this long did not fail at startup: its backoff begins anew.
_SETTLED_S = 60.0
_PROBE_S = 5.0
#: A busy machine answers late.
_SILENCE_S = 10.0
_log = logging.getLogger(__name__)


class Part(Protocol):
    """Something that runs beside the command and can be started again."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def log(self) -> Path:
        """The file that says why it ended."""

    @property
    def depends_on(self) -> Sequence[str]:
        """Names of the parts that must answer before it is started."""

    def exit_reason(self) -> str | None:
        """How it ended, e.g. `ended (-9)`; None while it runs."""

    def is_ready(self) -> bool:
        """Whether it answers; waits two seconds at most."""

    def start(self) -> None:
        """Start it, without waiting until it answers.

        Raises:
            LadderError, OSError: it cannot be started.
        """


class Process(Protocol):
    """A process that was started."""

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""

    def request_stop(self) -> None:
        """Tell it to end, and do not wait for that."""

    def stop(self) -> None:
        """End it and wait until it is gone."""


class ProcessPart:
    """A part that is a child process.

    Args:
        name: what it is called.
        log: its log.
        launch: starts the process.
        answers: whether it answers.
        needs: names of the parts that it needs.
    """

    def __init__(
        self,
        name: str,
        log: Path,
        launch: Callable[[], Process],
        answers: Callable[[], bool],
        depends_on: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.log = log
        self.depends_on = depends_on
        self._launch = launch
        self._answers = answers
        self._process: Process | None = None

    def exit_reason(self) -> str | None:
        """How it ended; None while it runs."""
        if self._process is None:
            return "not started"
        code = self._process.exit_code
        return None if code is None else f"ended ({code})"

    def is_ready(self) -> bool:
        """Whether it answers."""
        return self._answers()

    def start(self) -> None:
        """Start the process."""
        self._process = self._launch()

    def request_stop(self) -> None:
        """Tell the process to end, and do not wait for that."""
        if self._process is not None:
            self._process.request_stop()

    def stop(self) -> None:
        """End the process, and wait until it is gone."""
        if self._process is not None:
            self._process.stop()


class ServerPart:
    """A part that is an embedded server, on which this process holds a lease.

    Args:
        server: the server.
        address: its URL so far.
        on_move: called with its name and URL when it answers at another address: while it was down, a program has taken
            its port.
    """

    depends_on: Sequence[str] = ()

    def __init__(self, server: HeldServer, address: str, on_move: Callable[[str, str], None]) -> None:
        self.name = server.product
        self.log = server.log
        self._server = server
        self._on_move = on_move
        self._address = address

    def exit_reason(self) -> str | None:
        """How it ended; None while it runs. No process of ours waits for it, so that its exit code is unknown."""
        return None if self._server.is_alive() else "ended"

    def is_ready(self) -> bool:
        """Whether it takes requests."""
        if not self._server.is_ready():
            return False
        try:
            address = self._server.address()
        except (FileNotFoundError, ValueError):
            return False  # it ended meanwhile
        if address != self._address:
            self._address = address
            self._on_move(self.name, address)
        return True

    def start(self) -> None:
        """Launch it."""
        self._server.start()


@dataclass
class _Watched:
    """A part and what is known of it; times are monotonic seconds.

    Args:
        part: the part.
        shown: its reported state.
        started_at: when it was started last.
        answered_at: when it answered last.
        probed_at: when its readiness was last checked.
        next_try_at: when it is started again.
    """

    part: Part
    shown: PartStatus
    started_at: float
    answered_at: float
    probed_at: float
    next_try_at: float = 0.0

    def show(self, state: State, **changes: object) -> None:
        """Change the state; `since` changes only when the part comes up or stops being up."""
        is_other = "up" in (state, self.shown.state) and state != self.shown.state
        since = datetime.now(UTC) if is_other else self.shown.since
        self.shown = msgspec.structs.replace(self.shown, state=state, since=since, **changes)


class Supervisor:
    """Looks at parts, all of which are up when it is made, and starts those again that ended.

    Args:
        parts: in the order in which they are started.
        say: called with one line for each event.
        note: called with the states of all parts after each look.
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
        self._watched = {
            part.name: _Watched(part, PartStatus(part.name, "up", since, str(part.log)), now, now, now)
            for part in parts
        }
        self._say = on_event
        self._note = on_status
        self._note(self.states)

    @property
    def states(self) -> list[PartStatus]:
        """What is known of the parts."""
        return [one.shown for one in self._watched.values()]

    def check(self) -> None:
        """Look at each part once, and start what is due."""
        for one in self._watched.values():
            try:
                self._look_at(one)
            except Exception as error:  # whatever it is, the other parts still need somebody who looks
                reason = str(error) or type(error).__name__
                if one.shown.reason != reason:
                    _log.exception("%s cannot be looked at", one.part.name)
                    self._say(f"{one.part.name}: cannot be looked at: {reason}")
                    one.show(one.shown.state, reason=reason)
            self._note(self.states)

    def _look_at(self, one: _Watched) -> None:
        exit_reason = one.part.exit_reason()
        if one.shown.state == "down":
            if exit_reason is None:
                self._show_start(one)  # another command has started the server
            elif self._clock() >= one.next_try_at:
                self._try(one)
        elif exit_reason is not None:
            self._has_ended(one, exit_reason)
        elif one.shown.state == "starting" or self._clock() - one.probed_at > _PROBE_S:
            self._probe(one)

    def _has_ended(self, one: _Watched, exit_reason: str) -> None:
        if one.shown.state != "starting" and self._clock() - one.started_at >= _SETTLED_S:
            one.show("down", tries=0)
        self._wait(one, exit_reason, f"{exit_reason}, is started again")

    def _wait(self, one: _Watched, reason: str, said: str) -> None:
        # Of a part that dies for days, the power alone would be too large for a float.
        delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(one.shown.tries, 10))
        one.next_try_at = self._clock() + delay_s
        one.show("down", reason=reason, next_try_at=datetime.now(UTC) + timedelta(seconds=delay_s), waits_for="")
        self._say(f"{one.part.name}: {said} in {delay_s:.0f} s; see {one.part.log}")

    def _try(self, one: _Watched) -> None:
        for need in one.part.depends_on:
            if need in self._watched and self._watched[need].shown.state != "up":
                one.show("down", next_try_at=None, waits_for=need)
                return
        try:
            one.part.start()
        except (LadderError, OSError) as error:
            one.show("down", tries=one.shown.tries + 1)
            self._wait(one, str(error), f"cannot be started: {error}; tried again")
        else:
            self._show_start(one)

    def _show_start(self, one: _Watched) -> None:
        one.started_at = one.answered_at = self._clock()
        one.show("starting", tries=one.shown.tries + 1, next_try_at=None, waits_for="")

    def _probe(self, one: _Watched) -> None:
        is_ready = one.part.is_ready()
        now = one.probed_at = self._clock()
        if is_ready:
            one.answered_at = now
            if one.shown.state == "starting":
                down = datetime.now(UTC) - one.shown.since
                self._say(f"{one.part.name}: up again after {down.total_seconds():.0f} s")
            elif one.shown.state == "silent":
                self._say(f"{one.part.name}: answers again")
            if one.shown.state != "up":
                one.show("up", reason="")
        elif one.shown.state == "up" and now - one.answered_at > _SILENCE_S:
            one.show("silent", reason="does not answer")
            self._say(f"{one.part.name}: runs and does not answer; see {one.part.log}")
