"""What PostgreSQL and Valkey share: one process per home, leases, start, stop.

A server is *ours* when the record file is locked: the server inherits the lock when it is launched, so the
kernel keeps it exactly as long as the process (and PostgreSQL's children) live.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import psutil

from warehouse.embedded.home import Home, try_lock
from warehouse.embedded.launch import serve
from warehouse.embedded.ports import choose_port, is_free
from warehouse.errors import ConfigurationError, DatabaseError

__all__ = ["Lease", "Server"]

POLL_S = 0.005
LOG_LIMIT_BYTES = 1_000_000
ATTEMPTS = 3  # a free port may be taken by somebody else before the server has it


class Lease:
    """One user of a server. The kernel drops the lock of a killed process with its descriptor."""

    def __init__(self, home: Home, name: str) -> None:
        path = home.servers / f"{name}.leases"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        home.give(path, home.keeper)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Whether nobody else holds a lease; ask under the start lock only."""
        alone = try_lock(self._descriptor)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        return alone

    def close(self) -> None:
        """Give the lease up."""
        os.close(self._descriptor)


class Server(ABC):
    """One of the two servers of a home. Everything but `address` and `is_ready` runs under the start lock."""

    name: ClassVar[str]
    product: ClassVar[str]
    port_variable: ClassVar[str]
    start_limit_s: ClassVar[float]
    #: signals that end the server, each with the seconds it gets before the next one is sent
    endings: ClassVar[Sequence[tuple[signal.Signals, float]]]

    def __init__(self, home: Home, asked_port: int) -> None:
        self.home = home
        self._asked_port = asked_port
        self._record = home.servers / f"{self.name}.server"
        self._kept_port = home.servers / f"{self.name}.port"
        self.log = home.servers / f"{self.name}.log"
        self._attempts = 0

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the server works; part of its command line or of the configuration named there."""

    @abstractmethod
    def prepare(self, port: int, lock: int) -> Sequence[str | Path]:
        """Write what the server needs before it starts; returns its command line."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether our process runs and takes requests."""

    @abstractmethod
    def address(self) -> str:
        """URL of the running server, with its password."""

    def reason(self) -> str:
        """The last complaint in the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1].strip() if lines else "it left no message"

    def process(self) -> psutil.Process | None:
        """Our running process: alive by its record, and started for this home by its command line.

        psutil remembers its start time and refuses to signal another process that got the same pid.
        """
        try:
            pid, _ = self._record.read_text(encoding="utf-8").split()
            process = psutil.Process(int(pid))
            if process.status() != psutil.STATUS_ZOMBIE and str(self.home.path) in " ".join(
                process.cmdline()
            ):
                return process
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            pass
        return None

    def port(self) -> int:
        """Port of the running server."""
        _, port = self._record.read_text(encoding="utf-8").split()
        return int(port)

    def start(self, lock: int, lease: Lease) -> None:
        """Launch the server unless it runs.

        Raises:
            ConfigurationError: the port that is set cannot be had.
        """
        if self.process() and self._asked_port not in (0, self.port()):
            if not lease.is_last():
                raise ConfigurationError(
                    f"{self.product} of {self.home.path} already runs on port {self.port()},"
                    f" not {self._asked_port}",
                    f"unset {self.port_variable}, or end the other ladder commands first",
                )
            self.stop()
        record = self._lock_record()
        if record is None:
            return
        try:
            self._launch(lock, record)
        finally:
            os.close(record)

    def await_ready(self, lock: int, lease: Lease) -> None:
        """Wait until the server that `start` launched takes requests.

        Raises:
            DatabaseError: it did not come up; names the log.
        """
        deadline = time.monotonic() + self.start_limit_s
        while not self.is_ready():
            if self._is_gone():
                if not self._asked_port and not is_free(self._last_port) and self._attempts < ATTEMPTS:
                    self.start(lock, lease)
                    continue
                raise DatabaseError(f"{self.product} did not start: {self.reason()}", f"see {self.log}")
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"{self.product} is not ready after {self.start_limit_s:.0f} s", f"see {self.log}"
                )
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Ask the server to end, press it where it does not, and wait until it is gone.

        Raises:
            DatabaseError: it outlived even that.
        """
        for ending, seconds in self.endings:
            process = self.process()
            if process is not None:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(ending)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if self._is_gone():
                    return
                time.sleep(POLL_S)
        raise DatabaseError(f"{self.product} cannot be stopped", f"see {self.log}")

    def _launch(self, lock: int, record: int) -> None:
        self._attempts += 1
        self._last_port = choose_port(
            self.home,
            asked=self._asked_port,
            kept=self._kept_port,
            product=self.product,
            variable=self.port_variable,
        )
        command = self.prepare(self._last_port, lock)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))
        serve(self.home, command, folder=self.folder, record=record, port=self._last_port, log=self.log)

    def _lock_record(self) -> int | None:
        """Lock the record for a new server; None when a running one holds it."""
        record = os.open(self._record, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.home.give(self._record, self.home.keeper)
        deadline = time.monotonic() + self.start_limit_s
        while not try_lock(record):
            # Locked without a live process: the starter was killed before its server said its pid, or the
            # postmaster was and its children are still leaving.
            if self.process() or time.monotonic() > deadline:
                os.close(record)
                return None
            time.sleep(POLL_S)
        os.ftruncate(record, 0)
        return record

    def _is_gone(self) -> bool:
        record = os.open(self._record, os.O_RDWR | os.O_CLOEXEC)
        try:
            return try_lock(record)
        finally:
            os.close(record)
