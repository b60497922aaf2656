"""Leases on servers: the process that releases the last lease stops the server."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from warehouse.embedded.home import Home, try_lock

if TYPE_CHECKING:
    from warehouse.embedded.server import Server

__all__ = ["Lease", "acquire_leases"]


class Lease:
    """One process that uses a server: a shared file lock, which the kernel releases when the process ends."""

    def __init__(self, home: Home, name: str) -> None:
        self._path = home.servers / f"{name}.leases"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        home.chown(self._path, home.owner_account)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Whether no other process holds a lease; call it under the start lock only."""
        is_alone = try_lock(self._descriptor)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        return is_alone

    def is_orphaned(self) -> bool:
        """Whether the home was removed, and possibly recreated, since the lease was taken."""
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Release the lease."""
        os.close(self._descriptor)


@contextmanager
def acquire_leases(home: Home, servers: Sequence[Server]) -> Iterator[Sequence[tuple[Server, Lease]]]:
    """Take a lease on each server; at the end release them and stop the servers without another lease."""
    holder = os.getpid()
    leases: list[tuple[Server, Lease]] = []
    try:
        with home.start_lock():
            for server in servers:
                leases.append((server, Lease(home, server.name)))
        yield leases
    finally:
        try:
            # A fork shares the leases of its parent, and must not stop a server when it exits.
            if os.getpid() == holder:
                _release(home, leases)
        finally:
            for _, lease in leases:
                lease.close()


def _release(home: Home, leases: Sequence[tuple[Server, Lease]]) -> None:
    for server, lease in leases:
        if lease.is_orphaned():
            server.stop_without_home()
    valid = [(server, lease) for server, lease in leases if not lease.is_orphaned()]
    if valid:
        with home.start_lock():
            # Valkey stops in milliseconds; PostgreSQL's checkpoint may be interrupted by the user, so it comes last.
            for server, lease in reversed(valid):
                if lease.is_last():
                    server.stop()
