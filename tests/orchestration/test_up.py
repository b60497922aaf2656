"""`ladder demo`, and the exit of child processes with `ladder up` and other commands."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.orchestration.conftest import CommandLine, Filled, Proxy


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that every user can enter, of which no process may run after the test."""
    with tempfile.TemporaryDirectory(prefix="ladder-test-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        assert processes_of(path) == []


def processes_of(home: Path) -> list[str]:
    """Command lines of processes with a home in their arguments, environment or working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            texts = [*process.cmdline(), process.cwd(), process.environ().get("LADDER_HOME", "")]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if process.pid != os.getpid() and any(str(home) in text for text in texts):
            found.append(" ".join(process.cmdline()))
    return found


_PARENT = """
import sys, time
from pathlib import Path
from orchestration.processes.managed_process import ManagedProcess

module = ["http.server", "0", "--bind", "127.0.0.1"]
children = [ManagedProcess(f"child-{number}", module, Path(sys.argv[1])) for number in (1, 2)]
print("started", flush=True)
time.sleep(600)
"""


def test_children_exit_with_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline()
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) == 2
    parent.kill()
    parent.communicate()
    _wait_until_exited(children)


_FOREGROUND = """
import os, sys
from orchestration.processes.managed_process import run_in_foreground
from warehouse.embedded.termination import exit_on_termination

with exit_on_termination():
    code = "import time; print('started', flush=True); time.sleep(600)"
    sys.exit(run_in_foreground([sys.executable, "-c", code], os.environ))
"""


def test_a_terminated_command_terminates_the_program_in_its_foreground() -> None:
    """`ladder dbt` and `ladder psql`: their programs do not continue without the servers."""
    command = subprocess.Popen([sys.executable, "-c", _FOREGROUND], stdout=subprocess.PIPE)
    assert command.stdout is not None
    assert command.stdout.readline()
    children = psutil.Process(command.pid).children(recursive=True)
    assert len(children) == 1
    command.send_signal(signal.SIGTERM)
    command.communicate(timeout=30)
    assert command.returncode == 128 + signal.SIGTERM
    _wait_until_exited(children)


@pytest.mark.long
def test_all_processes_exit_with_a_killed_up(filled: Filled) -> None:
    up = filled.ladder.start("up", LADDER_DAGSTER_PORT="0", LADDER_API_PORT="0")
    assert up.stdout is not None
    assert up.stdout.readline()
    children = psutil.Process(up.pid).children(recursive=True)
    assert len(children) >= 4
    up.kill()
    up.communicate()
    _wait_until_exited(children)


def _wait_until_exited(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + 60
    while [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_the_demo_shows_all_four_tables_and_its_second_run_is_a_day_later(
    home: Path, tmp_path: Path, proxy: Proxy
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LADDER_")}
    ladder = CommandLine({**environment, "LADDER_HOME": str(home)}, tmp_path)
    first = ladder.process("demo", "--players", "12")
    assert first.code == 0, first.errors
    for heading, least in (("Leaderboard", 3), ("Rank of", 2), ("Heroes", 3), ("cs2 on FACEIT", 3)):
        assert heading in first.output
        # A heading, mostly column names, and rows.
        lines = first.output[first.output.index(heading) :].split("\n\n")[0].splitlines()
        assert len(lines) >= least, heading
    assert processes_of(home) == []
    second = ladder.process("demo", "--players", "12")
    assert second.code == 0, second.errors
    assert "day 2" in second.errors
    assert _requests(second.errors) < _requests(first.errors)
    counted = ladder(
        "query", "select count(*) as n from fct_player_matches", "--format", "json", LADDER_HOME=str(home / "demo")
    )
    assert json.loads(counted.output)[0]["n"] > 0
    # The suggested commands start the simulated sources, and make no requests to the real ones.
    demo = {"LADDER_HOME": str(home / "demo"), "LADDER_DAGSTER_PORT": "0", "LADDER_API_PORT": "0"}
    up = ladder.start("up", **demo, **proxy.environment)
    try:
        assert up.stdout is not None
        while b"Ctrl-C" not in (line := up.stdout.readline()):
            assert line, up.communicate()[1].decode()
        ended = ladder("run", **demo, **proxy.environment)
    finally:
        up.send_signal(signal.SIGTERM)
        up.communicate(timeout=60)
    assert (ended.code, "0 requests" in ended.output) == (0, False), ended.errors
    ended = ladder("doctor", **demo, **proxy.environment)
    assert ended.code == 0, ended.output
    assert proxy.connections == 0


def _requests(errors: str) -> int:
    found = re.search(r"(\d+) requests, \d+ rows changed\n?$", errors.strip(), re.M)
    assert found is not None, errors
    return int(found[1])
