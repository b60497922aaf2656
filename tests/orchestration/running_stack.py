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

__all__ = ["Reader", "Up", "wait_until"]

_BACK_S = 60.0


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

    def states(self) -> dict[str, PartStatus]:
        assert self.process.poll() is None, self.lines
        found = read_status(self.home)
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
            try:
                is_new = self.server("postgres").pid != before.pid
            except (IndexError, psutil.NoSuchProcess):  # it is being started
                return False
            return (
                is_new
                and find_running(self.settings) is not None
                and all(state.state == "up" for state in self.states().values())
            )

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
