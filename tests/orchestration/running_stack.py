"""A running `ladder up` whose parts tests may kill, and a reader of its API."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from orchestration.processes.status_file import PartStatus, read_status
from tests.orchestration.conftest import CommandLine, Ended
from warehouse.core.settings import Settings
from warehouse.embedded import find_running

__all__ = ["ApiReader", "Up", "wait_until"]

_RECOVERY_S = 60.0


class Up:
    """A running `ladder up` with its own embedded servers, and the marts of one run."""

    def __init__(self, home: Path, ladder: CommandLine) -> None:
        self.home = home
        self.settings = Settings(home=home)
        self.ladder = ladder
        self.lines: list[str] = []
        self.process = ladder.start("up")
        assert self.process.stdout is not None
        output = b""
        while b"Ctrl-C" not in output:
            line = self.process.stdout.readline()
            assert line, self.process.communicate()[1].decode()
            output += line
        self.addresses = dict(re.findall(r"^(\w+) +((?:http|postgresql)\S+)", output.decode(), re.M))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.decode().rstrip())

    def stop(self) -> None:
        """Stop `ladder up`, unless it has exited."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._reader.join(60)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        self.process.wait(60)

    def child(self, module: str) -> psutil.Process:
        """The process of a part, by its module."""
        for child in psutil.Process(self.process.pid).children():
            if module in child.cmdline():
                return child
        raise LookupError(module)

    def server(self, name: str) -> psutil.Process:
        return psutil.Process(int((self.home / "servers" / f"{name}.server").read_text().split()[0]))

    def kill_server(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill a server with its children, or send it another signal."""
        server = self.server(name)
        for process in [server, *(server.children(recursive=True) if number == signal.SIGKILL else [])]:
            process.send_signal(number)
        psutil.wait_procs([server], timeout=30)

    @contextmanager
    def suspended(self, process: psutil.Process) -> Iterator[None]:
        """Suspend a process for the length of the block."""
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    @property
    def supervisor(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def status(self) -> dict[str, PartStatus]:
        assert self.process.poll() is None, self.lines
        found = read_status(self.home)
        return {part.name: part for part in found.parts} if found is not None else {}

    def await_up(self, since: int) -> None:
        """Wait until all parts are up, and a line after the first `since` lines reports a restart."""

        def is_up() -> bool:
            parts = self.status().values()
            is_reported = any("up again" in line for line in self.lines[since:])
            return is_reported and bool(parts) and all(part.state == "up" for part in parts)

        wait_until(is_up, lambda: str((self.lines[since:], self.status())))

    def await_server(self, before: psutil.Process) -> None:
        """Wait until PostgreSQL runs again. The first process that needs it starts it, e.g. that of a scheduled run."""

        def is_back() -> bool:
            try:
                is_new = self.server("postgres").pid != before.pid
            except (IndexError, psutil.NoSuchProcess):  # it is being started
                return False
            return (
                is_new
                and find_running(self.settings) is not None
                and all(part.state == "up" for part in self.status().values())
            )

        wait_until(is_back, lambda: str((self.lines, self.status())))

    def request(self) -> httpx.Response:
        return httpx.get(f"{self.addresses['API']}/leaderboards", timeout=30)

    def run(self) -> Ended:
        ended = self.ladder("run")
        assert ended.code == 0, ended.errors
        return ended


def wait_until(condition: Callable[[], bool], describe: Callable[[], str] = str, within_s: float = _RECOVERY_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.05)


class ApiReader:
    """Requests the API repeatedly for the length of a block, and keeps status and staleness of the responses."""

    def __init__(self, up: Up) -> None:
        self._up = up
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.responses: list[tuple[int, bool]] = []

    def _read(self) -> None:
        while not self._is_over.wait(0.1):
            response = self._up.request()
            self.responses.append((response.status_code, response.headers.get("x-ladder-stale") == "1"))

    def __enter__(self) -> ApiReader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
