"""Room for new connections: what a worker may hold, and which idle ones end when that is nearly reached.

granian counts connections, not requests, and takes no more than its limit. Without this, clients that connect and send
nothing would keep everyone else out, health probes included, until the server's timeout for a request's head is over.
nginx does the same where its `worker_connections` run out.
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
"""Connections of a worker; each takes some 10 kB."""
_OTHER_FILES = 256
"""Files of a worker that are no clients: its connections to PostgreSQL and Redis, modules, counts."""
_FILE_DESCRIPTORS = "/proc/self/fd"
_CHECK_EVERY_S = 0.25
_SILENT_S = 0.5
"""A connection without a byte may end after this, when room is needed."""
_IDLE_S = 10.0
"""Any other may end after this without a byte in either direction: longer than any query may take."""
_ESTABLISHED = 1
_TCP_INFO_BYTES = 136
_logger = logging.getLogger(__name__)


class _IdleConnection(NamedTuple):
    seconds: float
    is_silent: bool
    descriptor: int


def max_connections() -> int:
    """Connections that a worker of this process may hold; raises the soft limit of open files as far as that needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_CONNECTIONS + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - _OTHER_FILES, allowed // 2)


def close_idle_when_full(port: int, limit: int) -> None:
    """Keep a quarter of this process's connections free, for ever; for a thread of its own."""
    while True:
        time.sleep(_CHECK_EVERY_S)
        with suppress(OSError):
            if _open_files() > limit * 3 // 4 and (closed := close_idle(port, limit // 4)):
                _logger.warning("%d idle connections were closed to make room for others", closed)


def close_idle(port: int, keep: int) -> int:
    """End connections of this process that have been idle longest, until no more than so many are left.

    Args:
        port: the local port of the connections.
        keep: how many may stay. More do, where they are in use.

    Returns:
        How many ended.
    """
    connections = [
        connection for name in os.listdir(_FILE_DESCRIPTORS) if (connection := _inspect(int(name), port)) is not None
    ]
    idle = [one for one in connections if one.seconds >= (_SILENT_S if one.is_silent else _IDLE_S)]
    surplus = max(0, len(connections) - keep)
    # Those that never sent anything go first.
    idle.sort(key=lambda one: (one.is_silent, one.seconds), reverse=True)
    return sum(_shut_down(one, port) for one in idle[:surplus])


def _open_files() -> int:
    """Files that this process has open. Linux before 6.2 does not say so without a list, which costs milliseconds."""
    return os.stat(_FILE_DESCRIPTORS).st_size or len(os.listdir(_FILE_DESCRIPTORS))


def _shut_down(idle: _IdleConnection, port: int) -> bool:
    """End a connection that is as idle as it was; the server then closes it as if the client had done so."""
    with suppress(OSError), socket.socket(fileno=os.dup(idle.descriptor)) as duplicate:
        # The number may be another's by now; the duplicate's cannot become so.
        connection = _inspect(duplicate.fileno(), port)
        if connection is not None and connection.seconds >= idle.seconds:
            duplicate.shutdown(socket.SHUT_RDWR)
            return True
    return False


def _inspect(descriptor: int, port: int) -> _IdleConnection | None:
    """How long a connection has been idle; None where a descriptor is no client's connection to a port."""
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
        peeked.detach()  # it belongs to the server
    if info[0] != _ESTABLISHED:
        return None
    # Of `struct tcp_info` in linux/tcp.h: tcpi_last_data_sent, tcpi_last_data_recv, tcpi_bytes_received.
    sent_ms, _, received_ms = struct.unpack_from("=3I", info, 44)
    (received,) = struct.unpack_from("=Q", info, 128)
    return _IdleConnection(min(sent_ms, received_ms) / 1000, received == 0, descriptor)
