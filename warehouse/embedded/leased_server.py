"""A server on which this process holds a lease: check whether it runs, and restart it after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warehouse.embedded.lease import Lease
from warehouse.embedded.server import Server

__all__ = ["LeasedServer"]

#: A supervisor of several servers must not wait long for one of them.
_LOCK_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class LeasedServer:
    """An embedded server that is not stopped while this process runs, but may crash.

    Args:
        server: the server.
        lease: this process's lease on it.
    """

    server: Server
    lease: Lease

    @property
    def product(self) -> str:
        """Name of the product, e.g. `PostgreSQL`."""
        return self.server.product

    @property
    def log(self) -> Path:
        """The log of errors at its start."""
        return self.server.log

    def is_alive(self) -> bool:
        """Whether its process exists; takes a millisecond."""
        return self.server.process() is not None

    def is_ready(self) -> bool:
        """Whether it accepts requests; waits two seconds at most for a response."""
        try:
            is_ready = self.server.is_ready()
        except (FileNotFoundError, ValueError):
            return False  # it has ended since
        if is_ready:
            self.server.remember_process()
        return is_ready

    def address(self) -> str:
        """URL with the password.

        Raises:
            ValueError: the server does not run.
        """
        return self.server.address()

    def start(self) -> None:
        """Launch the server unless it runs, without waiting until it is ready.

        It uses the same port as before unless another program has taken that.

        Raises:
            LadderError: the server cannot be launched, or another command is starting or stopping the servers.
            OSError: the home cannot be written.
        """
        with self.server.home.start_lock(_LOCK_TIMEOUT_S) as lock:
            self.server.start(lock, self.lease)
