"""`ladder up` outlives its parts: what dies is started again, the API answers meanwhile, and `status` names it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from dagster._core.storage.tags import MAX_RETRIES_TAG

from orchestration.part_states import PartState, parts_file, read_states
from orchestration.schedules_lock import hold
from orchestration.supervision import ProcessPart, Supervisor
from sandbox.server import Sandbox
from tests import kept
from tests.conftest import watch_servers
from tests.orchestration.conftest import CommandLine, Ended
from warehouse.database import parameters, role_url
from warehouse.embedded import find_running
from warehouse.settings import Settings

_BACK_S = 60.0


class Sleeper:
    """A process that does nothing until it is killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(["sleep", "600"])

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def ask_to_end(self) -> None:
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Supervised:
    """Parts that are sleepers, and what their supervisor says."""

    clock: Clock = field(default_factory=Clock)
    said: list[str] = field(default_factory=list)
    parts: dict[str, ProcessPart] = field(default_factory=dict)
    answering: dict[str, bool] = field(default_factory=dict)

    def add(self, name: str, *needs: str) -> None:
        self.answering[name] = True
        part = ProcessPart(name, Path(f"/logs/{name}.log"), Sleeper, lambda: self.answering[name], needs)
        part.start()
        self.parts[name] = part

    def supervise(self) -> Supervisor:
        return Supervisor(list(self.parts.values()), say=self.said.append, note=lambda states: None, clock=self.clock)

    def look_after(self, supervisor: Supervisor, seconds: float) -> dict[str, PartState]:
        self.clock.now += seconds
        supervisor.look()
        return {state.name: state for state in supervisor.states}


@pytest.fixture
def supervised() -> Iterator[Supervised]:
    made = Supervised()
    try:
        yield made
    finally:
        for part in made.parts.values():
            part.end()


def test_each_further_try_waits_twice_as_long_up_to_half_a_minute(supervised: Supervised) -> None:
    supervised.add("one")
    supervisor = supervised.supervise()
    delays = []
    for _ in range(7):
        supervised.parts["one"].end()
        assert supervised.look_after(supervisor, 0)["one"].state == "down"
        delay = float(re.search(r"again in (\d+) s; see /logs/one.log$", supervised.said[-1])[1])  # type: ignore[index]
        delays.append(delay)
        assert supervised.look_after(supervisor, delay - 0.5)["one"].state == "down"
        assert supervised.look_after(supervisor, 0.5)["one"].state == "starting"
        assert supervised.look_after(supervisor, 0)["one"].state == "up"
    assert delays == [1, 2, 4, 8, 16, 30, 30]
    assert supervised.said[0] == "one: ended (-9), is started again in 1 s; see /logs/one.log"


def test_a_part_that_ran_for_a_minute_is_started_again_as_soon_as_the_first_time(supervised: Supervised) -> None:
    supervised.add("one")
    supervisor = supervised.supervise()
    for seconds, delay in ((0, 1), (59, 2), (61, 1)):
        supervised.look_after(supervisor, seconds)
        supervised.parts["one"].end()
        supervised.look_after(supervisor, 0)
        assert f"again in {delay} s" in supervised.said[-1]
        supervised.look_after(supervisor, delay)
        assert supervised.look_after(supervisor, 0)["one"].state == "up"


def test_a_part_waits_for_the_one_that_it_needs(supervised: Supervised) -> None:
    supervised.add("base")
    supervised.add("other", "base", "not here")
    supervisor = supervised.supervise()
    supervised.answering["base"] = False
    for part in supervised.parts.values():
        part.end()
    supervised.look_after(supervisor, 0)
    shown = supervised.look_after(supervisor, 5)
    assert (shown["base"].state, shown["other"].state, shown["other"].waits_for) == ("starting", "down", "base")
    supervised.answering["base"] = True
    supervised.look_after(supervisor, 0)
    shown = supervised.look_after(supervisor, 0)
    assert [part.state for part in shown.values()] == ["up", "up"]


def test_a_part_that_does_not_answer_is_named_and_left_running(supervised: Supervised) -> None:
    supervised.add("one")
    supervisor = supervised.supervise()
    supervised.answering["one"] = False
    assert supervised.look_after(supervisor, 9)["one"].state == "up"
    assert supervised.look_after(supervisor, 9)["one"].state == "silent"
    assert supervised.said == ["one: runs and does not answer; see /logs/one.log"]
    supervised.answering["one"] = True
    assert supervised.look_after(supervisor, 9)["one"].state == "up"
    assert supervised.parts["one"].ending() is None


def test_a_part_that_cannot_be_started_is_tried_again(supervised: Supervised) -> None:
    supervised.add("one")
    supervisor = supervised.supervise()
    supervised.parts["one"].end()
    supervised.look_after(supervisor, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        shown = supervised.look_after(supervisor, 1)["one"]
    assert (shown.state, shown.tries) == ("down", 1)
    assert "one: cannot be started: " in supervised.said[-1]
    assert "; tried again in 2 s" in supervised.said[-1]
    assert supervised.look_after(supervisor, 2)["one"].state == "starting"


def test_what_a_killed_up_says_of_its_parts_is_not_believed(tmp_path: Path) -> None:
    left = json.dumps({"pid": os.getpid(), "parts": []})
    parts_file(tmp_path).parent.mkdir()
    parts_file(tmp_path).write_text(left)
    assert read_states(tmp_path) is None
    with hold(tmp_path, "ladder up"):
        assert read_states(tmp_path) is not None
        parts_file(tmp_path).write_text(left.replace(str(os.getpid()), "1"))
        assert read_states(tmp_path) is None


@pytest.mark.slow
def test_a_worker_that_cannot_reach_the_database_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "home" / "secrets").mkdir(parents=True)
    given = {name: value for name, value in os.environ.items() if not name.startswith("LADDER_")}
    given |= {
        "LADDER_HOME": str(tmp_path / "home"),
        "LADDER_DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:9/none",
        "LADDER_REDIS_URL": "redis://127.0.0.1:9/0",
    }
    command = [sys.executable, "-m", "orchestration.worker"]
    ended = subprocess.run(command, env=given, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert re.fullmatch(r"error: cannot connect to PostgreSQL at .*check LADDER_DATABASE_URL.*\n", ended.stderr)


class Up:
    """A running `ladder up` over embedded servers of its own, and one run's marts."""

    def __init__(self, home: Path, ladder: CommandLine) -> None:
        self.home = home
        self.settings = Settings(home=home)
        self.ladder = ladder
        self.lines: list[str] = []
        self.process = ladder.start("up")
        assert self.process.stdout is not None
        said = b""
        while b"Ctrl-C" not in said:
            line = self.process.stdout.readline()
            assert line, self.process.communicate()[1].decode()
            said += line
        self.addresses = dict(re.findall(r"^(\w+) +((?:http|postgresql)\S+)", said.decode(), re.M))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.decode().rstrip())

    def end(self) -> None:
        """End everything, if it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._reader.join(60)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        self.process.wait(60)

    def child(self, module: str) -> psutil.Process:
        """The process of a part, by the module that it runs."""
        for child in psutil.Process(self.process.pid).children():
            if module in child.cmdline():
                return child
        raise LookupError(module)

    def server(self, name: str) -> psutil.Process:
        return psutil.Process(int((self.home / "servers" / f"{name}.server").read_text().split()[0]))

    def kill_server(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill a server with its children, or ask it alone to end."""
        server = self.server(name)
        for process in [server, *(server.children(recursive=True) if number == signal.SIGKILL else [])]:
            process.send_signal(number)
        psutil.wait_procs([server], timeout=30)

    @contextmanager
    def suspended(self, process: psutil.Process) -> Iterator[None]:
        """A process that is stopped meanwhile."""
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    @property
    def supervisor(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def states(self) -> dict[str, PartState]:
        assert self.process.poll() is None, self.lines
        found = read_states(self.home)
        return {part.name: part for part in found.parts} if found is not None else {}

    def await_up(self, since: int) -> None:
        """Wait until a part was started again, as a line after that many says, and all are up."""

        def is_up() -> bool:
            states = self.states()
            said = any("up again" in line for line in self.lines[since:])
            return said and bool(states) and all(state.state == "up" for state in states.values())

        wait_until(is_up, lambda: str((self.lines[since:], self.states())))

    def await_server(self, before: psutil.Process) -> None:
        """Wait until PostgreSQL runs again: whichever process needs it first, as that of a scheduled run, starts it."""

        def is_back() -> bool:
            is_new = self.server("postgres").pid != before.pid and find_running(self.settings) is not None
            return is_new and all(state.state == "up" for state in self.states().values())

        wait_until(is_back, lambda: str((self.lines, self.states())))

    def answer(self) -> httpx.Response:
        return httpx.get(f"{self.addresses['API']}/leaderboards", timeout=30)

    def run(self) -> Ended:
        ended = self.ladder("run")
        assert ended.code == 0, ended.errors
        return ended


def wait_until(is_so: Callable[[], bool], why: Callable[[], str] = str, within_s: float = _BACK_S) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def up(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Up]:
    with kept.copied_home(kept.cluster()) as home:
        (home / "dbt").mkdir()
        (home / "dbt" / "prepared").symlink_to(kept.prepared())
        given = {name: value for name, value in os.environ.items() if not name.startswith("LADDER_")}
        limits = {name: value for name, value in os.environ.items() if name.endswith("_PER_MINUTE")}
        given |= {
            **limits,
            "LADDER_HOME": str(home),
            "LADDER_OPENDOTA_URL": sandbox.url,
            # Later runs find nothing new, and build nothing.
            "LADDER_OPENDOTA_MATCH_BUDGET": "0",
            "LADDER_DAGSTER_PORT": "0",
            "LADDER_API_PORT": "0",
        }
        running = Up(home, CommandLine(given, tmp_path_factory.mktemp("work")))
        try:
            watch_servers(pytestconfig, home)
            players = map(str, sandbox.world.suggested_players(2))
            assert running.ladder("track", "opendota", "player", *players).code == 0
            running.run()
            wait_until(lambda: running.answer().status_code == 200)
            yield running
        finally:
            running.end()
        assert find_running(running.settings) is None


class Reader:
    """Reads the API again and again for the length of a block, and keeps what it answered."""

    def __init__(self, up: Up) -> None:
        self._up = up
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.answers: list[tuple[int, bool]] = []

    def _read(self) -> None:
        while not self._is_over.wait(0.1):
            answer = self._up.answer()
            self.answers.append((answer.status_code, answer.headers.get("x-ladder-stale") == "1"))

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


def tries_of(lines: Sequence[str], name: str) -> int:
    return sum(line.startswith(f"{name}: ended") for line in lines)


@pytest.mark.slow
def test_everything_is_where_it_is_said_to_be(up: Up) -> None:
    found = find_running(up.settings)
    assert found is not None
    login = parameters(role_url(up.settings, found.database_url, "analyst"))
    del login["password"], login["require_auth"]
    assert parameters(up.addresses["PostgreSQL"]) == login
    assert up.answer().json()["data"]
    query = "{repositoriesOrError{... on RepositoryConnection{nodes{jobs{name}}}}}"
    answer = httpx.post(f"{up.addresses['Dagster']}/graphql", json={"query": query}, timeout=30)
    jobs = answer.json()["data"]["repositoriesOrError"]["nodes"][0]["jobs"]
    assert "run" in {job["name"] for job in jobs}
    again = up.ladder("up")
    assert (again.code, "already runs" in again.errors) == (1, True)


@pytest.mark.slow
def test_status_says_that_all_parts_are_up(up: Up) -> None:
    first = up.ladder("status").output.splitlines()[0]
    assert first == f"`ladder up` runs as process {up.process.pid}; its 7 parts are up"
    found = json.loads(up.ladder("status", "--json").output)["up"]
    names = ["PostgreSQL", "Valkey", "worker", "code server", "daemon", "web UI", "API"]
    assert [part["name"] for part in found["parts"]] == names
    assert parts_file(up.home).stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_a_daemon_that_is_killed_is_started_again(up: Up) -> None:
    before, since = up.child("dagster._daemon"), len(up.lines)
    before.kill()
    up.await_up(since)
    assert up.child("dagster._daemon").pid != before.pid
    log = up.home / "logs" / "daemon.log"
    assert f"daemon: ended (-9), is started again in 1 s; see {log}" in up.lines[since:]


@pytest.mark.slow
def test_a_worker_that_dies_of_its_start_is_tried_again_and_status_names_it(up: Up) -> None:
    since = len(up.lines)
    for tries in range(3):
        wait_until(lambda: up.child("orchestration.worker").is_running() if is_alive(up, "worker") else False)
        up.child("orchestration.worker").kill()
        wait_until(lambda tries=tries: tries_of(up.lines[since:], "worker") == tries + 1)  # type: ignore[misc]
    shown = up.ladder("status").output
    log = up.home / "logs" / "worker-output.log"
    assert re.search(rf"^  worker: down for \d s \(ended \(-9\)\), try 3 in \d s; see {log}$", shown, re.M), shown
    up.await_up(since)
    up.run()


def is_alive(up: Up, name: str) -> bool:
    return up.states()[name].state in ("starting", "up")


@pytest.mark.slow
def test_an_api_that_is_killed_answers_again_on_its_port(up: Up) -> None:
    since = len(up.lines)
    up.child("serving.run").kill()
    up.await_up(since)
    assert up.answer().status_code == 200


@pytest.mark.slow
def test_a_postgresql_killed_while_idle_is_started_again_and_the_api_answers_meanwhile(up: Up) -> None:
    worker, server = up.child("orchestration.worker").pid, up.server("postgres")
    with Reader(up) as reader:
        up.kill_server("postgres")
        up.await_server(server)
    assert {status for status, _ in reader.answers} == {200}
    assert up.child("orchestration.worker").pid == worker
    up.run()


@pytest.mark.slow
def test_after_a_clean_restart_of_postgresql_the_same_worker_does_the_next_run(up: Up) -> None:
    worker, server = up.child("orchestration.worker").pid, up.server("postgres")
    up.kill_server("postgres", signal.SIGINT)
    up.await_server(server)
    up.run()
    assert up.child("orchestration.worker").pid == worker


@pytest.mark.slow
def test_a_run_that_loses_postgresql_ends_with_true_lines_and_is_recorded_when_it_is_back(up: Up) -> None:
    worker, server = up.child("orchestration.worker").pid, up.server("postgres")
    run = up.ladder.start("run", "--full-refresh")
    wait_until(lambda: runs(up, "STARTED") == 1)
    up.kill_server("postgres")
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "Traceback" not in errors.decode()
    assert "LADDER_DATABASE_URL" not in errors.decode()
    up.await_server(server)
    wait_until(lambda: runs(up, "STARTED") == 0)
    assert runs(up, "FAILURE") == 1
    up.run()
    assert up.child("orchestration.worker").pid == worker


def runs(up: Up, status: str) -> int:
    """How many runs that a command requested are in a state; those of schedules are left out."""
    found = find_running(up.settings)
    assert found is not None
    query = "SELECT count(*) FROM dagster.runs JOIN dagster.run_tags USING (run_id) WHERE status = %s AND key = %s"
    with psycopg.connect(found.database_url) as connection:
        row = connection.execute(query, [status, MAX_RETRIES_TAG]).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.slow
def test_a_run_while_postgresql_is_down_starts_it(up: Up) -> None:
    with up.suspended(up.supervisor):
        up.kill_server("postgres")
        up.run()


@pytest.mark.slow
def test_a_doctor_does_not_find_all_well_after_it_started_a_server(up: Up) -> None:
    with up.suspended(up.supervisor):
        up.kill_server("valkey")
        ended = up.ladder("doctor")
    assert ended.code == 1
    assert "problem  parts: Valkey was not running, and is started now; " in ended.output
    wait_until(lambda: all(state.state == "up" for state in up.states().values()))
    assert up.ladder("doctor").code == 0


@pytest.mark.long
def test_a_postgresql_that_is_away_for_half_a_minute_ends_nothing(up: Up) -> None:
    children, since = {child.pid for child in up.supervisor.children()}, len(up.lines)
    server = up.server("postgres")
    processes = [server, *server.children(recursive=True)]
    up.answer()
    with Reader(up) as reader:
        for process in processes:
            process.suspend()
        time.sleep(30)
        silent = up.states()["PostgreSQL"].state
        for process in processes:
            process.resume()
        wait_until(lambda: any("answers again" in line for line in up.lines[since:]))
    assert silent == "silent"
    assert {status for status, _ in reader.answers} == {200}
    assert any(is_stale for _, is_stale in reader.answers)
    assert {child.pid for child in up.supervisor.children()} == children
    up.run()


@pytest.mark.long
def test_a_server_whose_port_was_taken_moves_and_everything_follows(up: Up) -> None:
    port = int((up.home / "servers" / "valkey.server").read_text().split()[1])
    since = len(up.lines)
    with up.suspended(up.supervisor):
        up.kill_server("valkey")
        thief = socket.create_server(("127.0.0.1", port))
    with thief:
        wait_until(lambda: any(line.startswith("API: ended") for line in up.lines[since:]))
        up.await_up(since)
        assert int((up.home / "servers" / "valkey.server").read_text().split()[1]) != port
        up.run()
        assert httpx.get(f"{up.addresses['Pages']}/readyz").json().get("degraded") is None


@pytest.mark.slow
def test_a_signal_ends_everything_while_a_part_waits_to_be_started_again(up: Up) -> None:
    since = len(up.lines)
    up.child("dagster._daemon").kill()
    wait_until(lambda: tries_of(up.lines[since:], "daemon") == 1)
    children = up.supervisor.children(recursive=True)
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(30) == 128 + signal.SIGTERM
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert find_running(up.settings) is None
    assert not parts_file(up.home).exists()
    up.end()
    assert not [line for line in up.lines if "Traceback" in line]
