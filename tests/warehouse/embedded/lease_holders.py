"""Inspect the servers of a home, and start other processes that hold leases on it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from warehouse.core.settings import Settings
from warehouse.embedded import Servers

HOLD_SCRIPT = """
import dataclasses, json, os, signal, sys
from pathlib import Path
from warehouse.embedded import running
from warehouse.core.errors import LadderError
from warehouse.core.settings import Settings

home, options = Path(sys.argv[1]), json.loads(sys.argv[2])
if options.pop("ignore_interrupt", False):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
try:
    with running(Settings(home=home), **options) as servers:
        shown = {one.name: getattr(servers, one.name) for one in dataclasses.fields(servers) if one.compare}
        print(json.dumps(shown), flush=True)
        sys.stdin.read()
except LadderError as error:
    sys.exit(str(error))
"""


class LeaseHolder:
    """Another process that holds a lease until its standard input is closed."""

    def __init__(self, home: Path, **options: bool) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD_SCRIPT, home, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def servers(self) -> Servers:
        """Wait until the process has its leases; returns the addresses of the servers."""
        assert self.process.stdout
        return Servers(**json.loads(self.process.stdout.readline()))

    def leave(self) -> int:
        """Close its standard input and wait until it exits; returns its exit code."""
        self.process.communicate(timeout=60)
        return self.process.returncode

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Send a signal and wait until it exits; returns its exit code."""
        self.process.send_signal(number)
        return self.leave()


def server_process(home: Path, name: str) -> psutil.Process:
    """The process in a pid file."""
    return psutil.Process(int((home / "servers" / f"{name}.server").read_text().split()[0]))


def kill_server(home: Path, name: str) -> None:
    """Kill a server with SIGKILL and wait until it has exited."""
    process = server_process(home, name)
    process.kill()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def processes_of(home: Path) -> list[psutil.Process]:
    """All server processes whose working directory is in a home."""
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        in_home = (process.info["cwd"] or "").startswith(str(home.resolve()))
        if in_home and process.info["name"] in ("postgres", "valkey-server", "initdb"):
            found.append(process)
    return found


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not hold in time"
        time.sleep(0.005)


def settings_for(home: Path, **fields: object) -> Settings:
    """Settings of a home."""
    return Settings.model_validate({"home": home, **fields})
