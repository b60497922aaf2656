"""The load generator of `benchmarks.serving`: one thread with raw sockets, so that it uses little CPU itself.

Each connection sends the same request repeatedly. The end of a response is recognised by the length of the first one;
the status is checked each time.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from dataclasses import dataclass

__all__ = ["Load", "Paced", "closed_load", "open_load", "request"]

_CHUNK = 1 << 18
_WARM_UP_S = 0.2


@dataclass(frozen=True)
class Load:
    """Result of a closed loop, in which each connection sends a request after each response.

    Args:
        responses: number of responses.
        seconds: elapsed time.
        own_cpu_s: CPU seconds of the load generator.
    """

    responses: int
    seconds: float
    own_cpu_s: float

    @property
    def per_second(self) -> float:
        """Responses per second."""
        return self.responses / self.seconds


@dataclass(frozen=True)
class Paced:
    """Result of an open loop, in which requests are sent at a fixed rate.

    Args:
        latencies: seconds from the time at which each request was due, including the wait for a free connection.
        seconds: elapsed time.
        own_cpu_s: CPU seconds of the load generator.
    """

    latencies: list[float]
    seconds: float
    own_cpu_s: float


def request(target: str, **headers: str) -> bytes:
    """A GET request with the headers that HTTP clients send."""
    lines = {
        "Host": "127.0.0.1",
        "User-Agent": "ladder-bench/1",
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        **{name.replace("_", "-").title(): value for name, value in headers.items()},
    }
    head = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items())]
    return "\r\n".join([*head, "", ""]).encode()


class _Connection:
    """A connection with one outstanding request at a time."""

    __slots__ = ("due", "left", "length", "socket", "start")

    def __init__(self, port: int, payload: bytes, status: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.start = b"HTTP/1.1 %d" % status
        self.length = self._length(payload)
        self.left = 0
        self.due = 0.0

    def _length(self, payload: bytes) -> int:
        """Length of a response in bytes, with headers."""
        self.socket.sendall(payload)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head = received.partition(b"\r\n\r\n")[0].lower()
        assert received.startswith(self.start), head
        length = len(head) + 4
        if b"content-length: " in head:
            length += int(head.partition(b"content-length: ")[2].split()[0])
        while len(received) < length:
            received += self._receive()
        return length

    def _receive(self) -> bytes:
        received = self.socket.recv(_CHUNK)
        assert received, "the server closed the connection"
        return received

    def send(self, payload: bytes) -> None:
        self.socket.send(payload)
        self.left = self.length

    def has_received(self) -> bool:
        """Receive available bytes; returns whether the response is complete."""
        received = self.socket.recv(_CHUNK)
        if self.left == self.length and not received.startswith(self.start):
            raise RuntimeError(f"unexpected response: {received[:200]!r}")
        self.left -= len(received)
        if self.left < 0:
            raise RuntimeError("the response is longer than the first one")
        return self.left == 0


class _Connections:
    def __init__(self, port: int, payload: bytes, count: int, status: int) -> None:
        self.all = [_Connection(port, payload, status) for _ in range(count)]
        self.by_number = {connection.socket.fileno(): connection for connection in self.all}
        self.poll = select.epoll()
        for connection in self.all:
            connection.socket.setblocking(False)
            self.poll.register(connection.socket, select.EPOLLIN)

    def close(self) -> None:
        self.poll.close()
        for connection in self.all:
            connection.socket.close()


def closed_load(port: int, payload: bytes, *, connections: int, seconds: float, status: int = 200) -> Load:
    """Send requests on each connection, the next one after each response.

    Raises:
        RuntimeError: a response differs from the first one in status or length.
    """
    opened = _Connections(port, payload, connections, status)
    try:
        for connection in opened.all:
            connection.send(payload)
        _send_repeatedly(opened, payload, _WARM_UP_S)
        started, cpu = time.perf_counter(), time.process_time()
        responses = _send_repeatedly(opened, payload, seconds)
        return Load(responses, time.perf_counter() - started, time.process_time() - cpu)
    finally:
        opened.close()


def _send_repeatedly(opened: _Connections, payload: bytes, seconds: float) -> int:
    by_number, poll, clock = opened.by_number, opened.poll.poll, time.perf_counter
    until = clock() + seconds
    responses = 0
    while clock() < until:
        for number, _ in poll(1.0):
            connection = by_number[number]
            if connection.has_received():
                responses += 1
                connection.send(payload)
    return responses


def open_load(port: int, payload: bytes, *, connections: int, seconds: float, per_second: float) -> Paced:
    """Send requests at a fixed rate on free connections; the wait for a free connection counts as latency.

    Raises:
        RuntimeError: a response differs from the first one in status or length.
    """
    opened = _Connections(port, payload, connections, 200)
    free, waiting = deque(opened.all), deque[float]()
    latencies: list[float] = []
    clock = time.perf_counter
    try:
        cpu, started = time.process_time(), clock()
        due = started
        while (now := clock()) < started + seconds:
            while due <= now:
                waiting.append(due)
                due += 1 / per_second
            while waiting and free:
                connection = free.popleft()
                connection.due = waiting.popleft()
                connection.send(payload)
            for number, _ in opened.poll.poll(max(0.0, due - clock())):
                connection = opened.by_number[number]
                if connection.has_received():
                    latencies.append(clock() - connection.due)
                    free.append(connection)
        # Requests that still wait are among the slowest.
        ended = clock()
        latencies += [ended - due for due in waiting]
        latencies += [ended - connection.due for connection in opened.all if connection not in free]
        return Paced(latencies, ended - started, time.process_time() - cpu)
    finally:
        opened.close()
