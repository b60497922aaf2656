"""Closes idle connections when a worker's connection limit is nearly reached.

granian limits connections, not requests. Without this, clients that connect and send nothing would block all others,
including health probes, until the server's timeout for request headers. nginx does the same when `worker_connections`
are exhausted.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import struct
import time
from contextlib import suppress
from typing import NamedTuple

__all__ = ["close_idle", "close_idle_when_full", "max_connections"]

_MAX_CONNECTIONS = 8192
"""Connections per worker; each takes about 10 kB."""
_OTHER_FILES = 256
"""Open files of a worker that are not client connections: PostgreSQL, Redis, modules, counters."""
_FILE_DESCRIPTORS = "/proc/self/fd"
_CHECK_EVERY_S = 0.25
_SILENT_S = 0.5
"""A connection on which no byte was received may be closed after this time, when the limit is near."""
_IDLE_S = 10.0
"""Any other connection may be closed after this time without traffic; longer than the longest query."""
_ESTABLISHED = 1
_TCP_INFO_BYTES = 136
_logger = logging.getLogger(__name__)


class _IdleConnection(NamedTuple):
    seconds: float
    is_silent: bool
    descriptor: int


def max_connections() -> int:
    """Connections that a worker may hold. Raises the soft limit of open files as needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_CONNECTIONS + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - _OTHER_FILES, allowed // 2)


def close_idle_when_full(port: int, limit: int) -> None:
    """Keep a quarter of this process's connections free; runs forever in its own thread."""
    while True:
        time.sleep(_CHECK_EVERY_S)
        with suppress(OSError):
            if _open_files() > limit * 3 // 4 and (closed := close_idle(port, limit // 4)):
                _logger.warning("%d idle connections were closed, because the connection limit was near", closed)


def close_idle(port: int, keep: int) -> int:
    """Close the connections of this process that have been idle longest.

    Args:
        port: local port of the connections.
        keep: number of connections to keep; more remain if they are in use.

    Returns:
        Number of closed connections.
    """
    connections = [
        connection for name in os.listdir(_FILE_DESCRIPTORS) if (connection := _inspect(int(name), port)) is not None
    ]
    idle = [one for one in connections if one.seconds >= (_SILENT_S if one.is_silent else _IDLE_S)]
    surplus = max(0, len(connections) - keep)
    # Connections that never sent a byte are closed first.
    idle.sort(key=lambda one: (one.is_silent, one.seconds), reverse=True)
    return sum(_shut_down(one, port) for one in idle[:surplus])


def _open_files() -> int:
    """Number of open files. Linux before 6.2 provides it only as a listing, which takes milliseconds."""
    return os.stat(_FILE_DESCRIPTORS).st_size or len(os.listdir(_FILE_DESCRIPTORS))


def _shut_down(idle: _IdleConnection, port: int) -> bool:
    """Shut down a connection if it is still idle; the server then handles it like a disconnect of the client."""
    with suppress(OSError), socket.socket(fileno=os.dup(idle.descriptor)) as duplicate:
        # The descriptor may belong to another connection by now; the duplicate cannot change.
        connection = _inspect(duplicate.fileno(), port)
        if connection is not None and connection.seconds >= idle.seconds:
            duplicate.shutdown(socket.SHUT_RDWR)
            return True
    return False


def _inspect(descriptor: int, port: int) -> _IdleConnection | None:
    """Idle time of a connection; None if the descriptor is not a client connection to the port."""
    try:
        peeked = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
    except OSError:
        return None
    try:
        if peeked.getsockname()[1] != port:
            return None
        info = peeked.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except (OSError, IndexError):
        return None
    finally:
        peeked.detach()  # the descriptor belongs to the server
    if info[0] != _ESTABLISHED:
        return None
    # Fields of `struct tcp_info` in linux/tcp.h: tcpi_last_data_sent, tcpi_last_data_recv, tcpi_bytes_received.
    sent_ms, _, received_ms = struct.unpack_from("=3I", info, 44)
    (received,) = struct.unpack_from("=Q", info, 128)
    return _IdleConnection(min(sent_ms, received_ms) / 1000, received == 0, descriptor)
