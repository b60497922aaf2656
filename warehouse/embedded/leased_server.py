"""A server on which this process holds a lease: whether it runs, and how it is started again after it died."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warehouse.embedded.lease import Lease
from warehouse.embedded.server import Server

__all__ = ["LeasedServer"]

#: Whoever supervises several servers must not wait for one of them for long.
_LOCK_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class LeasedServer:
    """An embedded server that is not stopped while this process lives, but may die.

    Args:
        server: the server.
        lease: this process's lease on it.
    """

    server: Server
    lease: Lease

    @property
    def product(self) -> str:
        """What people call it."""
        return self.server.product

    @property
    def log(self) -> Path:
        """Where it writes why it does not start."""
        return self.server.log

    def is_alive(self) -> bool:
        """Whether its process exists; takes a millisecond."""
        return self.server.process() is not None

    def is_ready(self) -> bool:
        """Whether it takes requests; waits two seconds at most for an answer."""
        try:
            is_ready = self.server.is_ready()
        except (FileNotFoundError, ValueError):
            return False  # it ended meanwhile
        if is_ready:
            self.server.remember_process()
        return is_ready

    def address(self) -> str:
        """URL with the password.

        Raises:
            ValueError: it does not run.
        """
        return self.server.address()

    def start(self) -> None:
        """Launch it unless it runs, on the port that it had unless another program took that; does not wait for it.

        Raises:
            LadderError: it cannot be launched, or another command is starting or stopping the servers.
            OSError: the home cannot be written.
        """
        with self.server.home.start_lock(_LOCK_TIMEOUT_S) as lock:
            self.server.start(lock, self.lease)
