"""Start and stop an embedded server: one process per home, used through leases.

A server runs if its pid file is locked: it inherits the lock when it is launched, so the kernel holds the lock exactly
as long as the process (and PostgreSQL's children) run.
"""

from __future__ import annotations

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import psutil

from warehouse.core.errors import ConfigurationError, DatabaseError
from warehouse.core.log_rotation import rotate_when_large
from warehouse.embedded.home import Home, try_lock
from warehouse.embedded.launch import launch_server
from warehouse.embedded.lease import Lease
from warehouse.embedded.ports import choose_port, is_free

__all__ = ["Server"]

POLL_S = 0.005
MAX_LOG_BYTES = 1_000_000
MAX_LAUNCHES = 3  # another program may take a free port before the server binds it
ORPHAN_EXIT_S = 2.0  # idle children of a killed postmaster exit immediately


class Server(ABC):
    """One of the two servers of a home. `start`, `await_ready` and `stop` run under the start lock."""

    name: ClassVar[str]
    product: ClassVar[str]
    port_variable: ClassVar[str]
    start_timeout_s: ClassVar[float]
    #: signals that stop the server, each with the seconds until the next one is sent; the last one is SIGKILL
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]]

    def __init__(self, home: Home, configured_port: int) -> None:
        self.home = home
        self.log = home.servers / f"{self.name}.log"
        self.password_file = home.secrets / self.name
        self._configured_port = configured_port
        self._pid_file = home.servers / f"{self.name}.server"
        self._port_file = home.servers / f"{self.name}.port"
        self._launches = 0
        self._launched_port = 0
        self._log_sizes: dict[Path, int] = {}
        self._used_process: psutil.Process | None = None

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The server's working directory."""

    @property
    @abstractmethod
    def command_line_marker(self) -> str:
        """The argument on its command line that identifies this home."""

    @abstractmethod
    def prepare(self, port: int, lock: int) -> Sequence[str | Path]:
        """Write the files that the server needs; returns its command line."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the server runs and accepts requests."""

    @abstractmethod
    def address(self) -> str:
        """URL of the running server, with its password."""

    def logs(self) -> list[Path]:
        """All files that may contain errors of the server."""
        return [self.log] if self.log.exists() else []

    def orphaned_processes(self) -> list[psutil.Process]:
        """Children of the server that may outlive it."""
        return []

    def process(self) -> psutil.Process | None:
        """The running process: the one in the pid file, if its command line belongs to this home.

        psutil stores its start time and does not signal another process that got the same pid.
        """
        try:
            pid, _ = self._pid_file.read_text(encoding="utf-8").split()
            process = psutil.Process(int(pid))
            if process.status() != psutil.STATUS_ZOMBIE and self.command_line_marker in process.cmdline():
                return process
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            pass
        return None

    def port(self) -> int:
        """Port of the running server.

        Raises:
            ValueError: the server has just exited.
        """
        _, port = self._pid_file.read_text(encoding="utf-8").split()
        return int(port)

    def start(self, lock: int, lease: Lease) -> None:
        """Launch the server unless it runs.

        Raises:
            ConfigurationError: the configured port is in use, or the server runs on another one.
            DatabaseError: an unknown process holds the lock of the pid file.
        """
        if self.process() and self._configured_port not in (0, self.port()):
            if not lease.is_last():
                raise ConfigurationError(
                    f"{self.product} of {self.home.path} already runs on port {self.port()},"
                    f" not {self._configured_port}",
                    f"unset {self.port_variable}, or end the other ladder commands first",
                )
            self.stop()
        pid_file = self._lock_pid_file()
        if pid_file is None:
            return
        try:
            self._launch(lock, pid_file)
        finally:
            os.close(pid_file)

    def wait_until_ready(self, lock: int, lease: Lease) -> None:
        """Wait until the server that `start` launched or found accepts requests.

        Raises:
            DatabaseError: the server did not start; the message names the log.
        """
        deadline = time.monotonic() + self.start_timeout_s
        while not self.is_ready():
            if self._has_exited():
                found_exiting = self._launches == 0
                lost_port = not self._configured_port and not is_free(self._launched_port)
                if found_exiting or (lost_port and self._launches < MAX_LAUNCHES):
                    self.start(lock, lease)
                    continue
                log, reason = self._last_error()
                raise DatabaseError(f"{self.product} did not start: {reason}", f"see {log}")
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"{self.product} is not ready after {self.start_timeout_s:.0f} s", f"see {self.log}"
                )
            time.sleep(POLL_S)
        self.remember_process()

    def remember_process(self) -> None:
        """Store the process that runs now, to stop it if the home is removed while it runs."""
        self._used_process = self.process()

    def stop(self) -> None:
        """Send the stop signals one after another until the server has exited.

        Raises:
            DatabaseError: the server still runs after the last signal.
        """
        for ending, seconds in self.stop_signals:
            process = self.process()
            if process is None:
                self._stop_orphans()
            else:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(ending)
            if self._wait_until_exited(seconds):
                return
        raise DatabaseError(f"{self.product} cannot be stopped", f"see {self.log}")

    def stop_without_home(self) -> None:
        """Stop the stored process after its home was removed, without writing data."""
        if self._used_process is not None:
            quick_ending, _ = self.stop_signals[-2]
            with suppress(psutil.NoSuchProcess):
                self._used_process.send_signal(quick_ending)

    def _launch(self, lock: int, pid_file: int) -> None:
        self._launches += 1
        self._launched_port = choose_port(
            self.home,
            configured=self._configured_port,
            port_file=self._port_file,
            product=self.product,
            variable=self.port_variable,
        )
        command = self.prepare(self._launched_port, lock)
        rotate_when_large(self.log, max_bytes=MAX_LOG_BYTES)
        self._log_sizes = {log: log.stat().st_size for log in self.logs()}
        launch_server(
            self.home,
            command,
            folder=self.folder,
            pid_file=pid_file,
            port=self._launched_port,
            log=self.log,
        )

    def _lock_pid_file(self) -> int | None:
        """Lock the pid file for a new server; None if a running server holds the lock."""
        pid_file = os.open(self._pid_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        is_ours = False
        try:
            self.home.chown(self._pid_file, self.home.owner_account)
            is_ours = self._wait_for_lock(pid_file)
            if is_ours:
                os.ftruncate(pid_file, 0)
        except BaseException:
            os.close(pid_file)
            raise
        if is_ours:
            return pid_file
        os.close(pid_file)
        return None

    def _wait_for_lock(self, pid_file: int) -> bool:
        """Whether the pid file could be locked; false as soon as a running server is found.

        The lock may be held without a running server: if the starting process was killed before its server wrote the
        pid, or if a server was killed and its children have not exited.
        """
        for _ in range(MAX_LAUNCHES):
            deadline = time.monotonic() + ORPHAN_EXIT_S
            while time.monotonic() < deadline:
                if try_lock(pid_file):
                    return True
                if self.process():
                    return False
                time.sleep(POLL_S)
            self._stop_orphans()
        raise DatabaseError(
            f"an unknown process holds the lock of {self._pid_file}",
            "stop it (it may be a server whose directory was moved while it ran)",
        )

    def _stop_orphans(self) -> None:
        for process in self.orphaned_processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)

    def _wait_until_exited(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._has_exited():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def _has_exited(self) -> bool:
        try:
            pid_file = os.open(self._pid_file, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True  # never launched
        try:
            return try_lock(pid_file)
        finally:
            os.close(pid_file)

    def _last_error(self) -> tuple[Path, str]:
        """The last fatal message since the launch, or the last message of any level, with its log."""
        lines: list[tuple[Path, str]] = []
        for log in self.logs():
            with open(log, encoding="utf-8", errors="replace") as file:
                file.seek(min(self._log_sizes.get(log, 0), log.stat().st_size))
                lines += [(log, line.strip()) for line in file if line.strip()]
        for log, line in reversed(lines):
            for level in ("FATAL:", "PANIC:"):
                if level in line:
                    return log, line.partition(level)[2].strip()
        return lines[-1] if lines else (self.log, "it wrote no message")
