"""The simulated OpenDota of the demo, as a process of its own that builds its world while other things are loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from warehouse.errors import LadderError

__all__ = ["Simulation", "simulation"]

_SEED = 7
_PEOPLE = 120
#: The simulated source is asked as fast as it answers.
_NO_LIMIT = 1_000_000
_END_S = 10


class Simulation:
    """The running process."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._url = ""

    @property
    def url(self) -> str:
        """Base URL of OpenDota; waits until the world is built.

        Raises:
            LadderError: it did not start.
        """
        if not self._url:
            self._url = self._output.readline().decode().strip()
        if not self._url:
            raise LadderError("the simulated OpenDota did not start", "see the lines above")
        return self._url

    def control(self, name: str) -> str:
        """URL of a control endpoint."""
        return f"{self.url.removesuffix('/api')}/sandbox/{name}"


@contextmanager
def simulation() -> Iterator[Simulation]:
    """Start the process; it ends with the block, or with this process however that dies."""
    command = [sys.executable, "-m", "sandbox", "--until-stdin-closes", "--seed", str(_SEED), "--players", str(_PEOPLE)]
    command += ["--per-minute", str(_NO_LIMIT), "--per-day", str(_NO_LIMIT)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Simulation(process.stdout)
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
