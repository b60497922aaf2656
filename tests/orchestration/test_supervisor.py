"""Parts are restarted with growing delays, and their status file is valid while the supervisor runs."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestration.processes.schedules_lock import hold
from orchestration.processes.status_file import PartStatus, read_status, status_path
from orchestration.processes.supervisor import ProcessPart, Supervisor
from orchestration.worker.client import Address, address_file, is_running


class Sleeper:
    """A process that sleeps until it is killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(["sleep", "600"])

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def request_stop(self) -> None:
        self._process.kill()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Supervised:
    """Sleepers as parts, and the events of their supervisor."""

    clock: Clock = field(default_factory=Clock)
    events: list[str] = field(default_factory=list)
    parts: dict[str, ProcessPart] = field(default_factory=dict)
    responding: dict[str, bool] = field(default_factory=dict)

    def add(self, name: str, *depends_on: str) -> None:
        self.responding[name] = True
        part = ProcessPart(name, Path(f"/logs/{name}.log"), Sleeper, lambda: self.responding[name], depends_on)
        part.start()
        self.parts[name] = part

    def supervise(self) -> Supervisor:
        return Supervisor(
            list(self.parts.values()), on_event=self.events.append, on_status=lambda states: None, clock=self.clock
        )

    def advance_and_check(self, supervisor: Supervisor, seconds: float) -> dict[str, PartStatus]:
        self.clock.now += seconds
        supervisor.check()
        return {status.name: status for status in supervisor.statuses}


@pytest.fixture
def supervised() -> Iterator[Supervised]:
    made = Supervised()
    try:
        yield made
    finally:
        for part in made.parts.values():
            part.stop()


def test_each_further_restart_waits_twice_as_long_up_to_half_a_minute(supervised: Supervised) -> None:
    supervised.add("one")
    supervisor = supervised.supervise()
    delays = []
    for _ in range(7):
        supervised.parts["one"].stop()
        assert supervised.advance_and_check(supervisor, 0)["one"].state == "down"
        delay = float(re.search(r"restarting in (\d+) s; see /logs/one.log$", supervised.events[-1])[1])  # type: ignore[index]
        delays.append(delay)
        assert supervised.advance_and_check(supervisor, delay - 0.5)["one"].state == "down"
        assert supervised.advance_and_check(supervisor, 0.5)["one"].state == "starting"
        assert supervised.advance_and_check(supervisor, 0)["one"].state == "up"
    assert delays == [1, 2, 4, 8, 16, 30, 30]
    assert supervised.events[0] == "one: exited (-9), restarting in 1 s; see /logs/one.log"


def test_the_backoff_of_a_part_that_ran_for_a_minute_starts_again(supervised: Supervised) -> None:
    supervised.add("one")
    supervisor = supervised.supervise()
    for seconds, delay in ((0, 1), (59, 2), (61, 1)):
        supervised.advance_and_check(supervisor, seconds)
        supervised.parts["one"].stop()
        supervised.advance_and_check(supervisor, 0)
        assert f"restarting in {delay} s" in supervised.events[-1]
        supervised.advance_and_check(supervisor, delay)
        assert supervised.advance_and_check(supervisor, 0)["one"].state == "up"


def test_a_part_waits_for_its_dependency(supervised: Supervised) -> None:
    supervised.add("base")
    supervised.add("other", "base", "not here")
    supervisor = supervised.supervise()
    supervised.responding["base"] = False
    for part in supervised.parts.values():
        part.stop()
    supervised.advance_and_check(supervisor, 0)
    shown = supervised.advance_and_check(supervisor, 5)
    assert (shown["base"].state, shown["other"].state, shown["other"].waits_for) == ("starting", "down", "base")
    supervised.responding["base"] = True
    supervised.advance_and_check(supervisor, 0)
    shown = supervised.advance_and_check(supervisor, 0)
    assert [part.state for part in shown.values()] == ["up", "up"]


def test_a_part_that_does_not_respond_is_reported_and_left_running(supervised: Supervised) -> None:
    supervised.add("one")
    supervisor = supervised.supervise()
    supervised.responding["one"] = False
    assert supervised.advance_and_check(supervisor, 9)["one"].state == "up"
    assert supervised.advance_and_check(supervisor, 9)["one"].state == "silent"
    assert supervised.events == ["one: runs but does not respond; see /logs/one.log"]
    supervised.responding["one"] = True
    assert supervised.advance_and_check(supervisor, 9)["one"].state == "up"
    assert supervised.parts["one"].exit_reason() is None


def test_a_part_that_cannot_be_started_is_retried(supervised: Supervised) -> None:
    supervised.add("one")
    supervisor = supervised.supervise()
    supervised.parts["one"].stop()
    supervised.advance_and_check(supervisor, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        shown = supervised.advance_and_check(supervisor, 1)["one"]
    assert (shown.state, shown.tries) == ("down", 1)
    assert "one: cannot be started: " in supervised.events[-1]
    assert "; retrying in 2 s" in supervised.events[-1]
    assert supervised.advance_and_check(supervisor, 2)["one"].state == "starting"


def test_a_part_whose_check_fails_is_reported_once_and_the_others_are_restarted(supervised: Supervised) -> None:
    supervised.add("one")
    supervised.add("two")
    supervisor = supervised.supervise()
    del supervised.responding["one"]
    supervised.parts["two"].stop()
    assert supervised.advance_and_check(supervisor, 9)["two"].state == "down"
    assert supervised.advance_and_check(supervisor, 9)["two"].state == "starting"
    assert [line for line in supervised.events if line.startswith("one")] == ["one: check failed: 'one'"]


def test_a_worker_that_accepts_no_connection_blocks_no_client(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as hanging:
        path = address_file(tmp_path)
        path.parent.mkdir()
        Address(hanging.getsockname()[1], "secret").write(path)
        started = time.monotonic()
        assert not any(is_running(tmp_path, within_s=0.2) for _ in range(5))
        assert time.monotonic() - started < 5


def test_the_status_file_of_a_killed_up_is_ignored(tmp_path: Path) -> None:
    left = json.dumps({"pid": os.getpid(), "parts": []})
    status_path(tmp_path).parent.mkdir()
    status_path(tmp_path).write_text(left)
    assert read_status(tmp_path) is None
    with hold(tmp_path, "ladder up"):
        assert read_status(tmp_path) is not None
        status_path(tmp_path).write_text(left.replace(str(os.getpid()), "1"))
        assert read_status(tmp_path) is None


@pytest.mark.slow
def test_a_worker_that_cannot_reach_the_database_exits_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "home" / "secrets").mkdir(parents=True)
    given = {name: value for name, value in os.environ.items() if not name.startswith("LADDER_")}
    given |= {
        "LADDER_HOME": str(tmp_path / "home"),
        "LADDER_DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:9/none",
        "LADDER_REDIS_URL": "redis://127.0.0.1:9/0",
    }
    command = [sys.executable, "-m", "orchestration.worker.server"]
    ended = subprocess.run(command, env=given, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert re.fullmatch(r"error: cannot connect to PostgreSQL at .*check LADDER_DATABASE_URL.*\n", ended.stderr)
