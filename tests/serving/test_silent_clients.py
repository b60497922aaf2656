"""Any number of silent connections does not block other clients, and idle connections are closed."""

from __future__ import annotations

import http.client
import logging
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from serving.http.idle_connections import close_idle
from tests.serving.conftest import ApiPair, redis_url
from tests.serving.http_clients import seconds_until
from tests.serving.marts import Marts
from tests.serving.sustained_reads import Reads, sustained_reads
from tests.serving.test_run import HOLD

SILENT = 2_500
FEW_FILES = 1024
PATH = "/api/v1/players/dota2/101"
REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_logger = logging.getLogger(__name__)


def connect(base: str, first: bytes = b"") -> socket.socket:
    """A connection on which some bytes were sent."""
    parts = urlsplit(base)
    assert parts.port is not None
    connection = socket.create_connection((parts.hostname, parts.port), timeout=10)
    connection.sendall(first)
    return connection


@contextmanager
def silent_connections(base: str, number: int) -> Iterator[list[socket.socket]]:
    """Open a number of connections as fast as possible, without sending a byte."""
    parts = urlsplit(base)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < number + 500:
        pytest.skip(f"needs {number} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened = []
    try:
        for _ in range(number):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex((parts.hostname, parts.port))
            opened.append(connection)
        yield opened
    finally:
        for connection in opened:
            connection.close()


@contextmanager
def of_few_files(marts: Marts) -> Iterator[str]:
    """Base URL of an API with a low limit of open files, which is the default of many systems."""
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({FEW_FILES}, {FEW_FILES}))\n{HOLD}"
    arguments = [marts.database.url("serving"), redis_url(marts.database), str(marts.database.settings.home)]
    with subprocess.Popen(
        [sys.executable, "-c", limited, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        yield holder.stdout.readline().strip()
        holder.communicate()


def status(connection: http.client.HTTPConnection, path: str = PATH) -> int:
    """Status of a response."""
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return response.status


def slowest_answer_s(base: str) -> float:
    """Seconds of the slowest of several requests for data and probes, each over a new connection."""
    times = []
    for path in (PATH, "/healthz", "/readyz") * 3:
        began = time.monotonic()
        with closing(http.client.HTTPConnection(urlsplit(base).netloc, timeout=20)) as connection:
            assert status(connection, path) == 200
        times.append(time.monotonic() - began)
    return max(times)


def ended(connections: list[socket.socket]) -> int:
    """Number of connections that the server has closed."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    return len(poll.poll(0))


def test_2500_silent_connections_do_not_delay_readers_or_probes(reader: httpx.Client, patience: float) -> None:
    base = str(reader.base_url).rstrip("/")
    with silent_connections(base, SILENT):
        assert slowest_answer_s(base) < min(0.2 * patience, 2.5)


def test_silent_connections_beyond_the_limit_are_closed_for_others(reader_marts: Marts) -> None:
    with of_few_files(reader_marts) as base:
        used = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)
        assert status(used) == 200
        with silent_connections(base, SILENT) as silent, closing(used):
            slowest_s = slowest_answer_s(base)
            _logger.info("slowest response with %d silent connections: %.2f s", SILENT, slowest_s)
            assert slowest_s < 5
            seconds_until(lambda: ended(silent) > SILENT - FEW_FILES, 10)
            # A connection with an earlier request is not among the first to be closed.
            assert status(used) == 200


def test_connections_are_closed_longest_idle_first_and_never_in_use() -> None:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=16)) as listener:
        address = listener.getsockname()
        clients = [socket.create_connection(address) for _ in range(3)]
        served = [listener.accept()[0] for _ in clients]
        time.sleep(1.2)
        young = socket.create_connection(address)
        served.append(listener.accept()[0])
        clients[1].sendall(b"GET")
        try:
            assert close_idle(address[1], 4) == 0
            assert close_idle(address[1], 3) == 1
            # The connection that has just sent bytes stays, and so does the new one.
            assert close_idle(address[1], 0) == 1
            assert [ended([client]) for client in (*clients, young)] == [1, 0, 1, 0]
        finally:
            for connection in (*clients, young, *served):
                connection.close()


def test_http2_without_a_timeout_for_the_first_byte_is_disabled(reader: httpx.Client) -> None:
    with closing(connect(str(reader.base_url), HTTP2_PREFACE)) as connection:
        assert connection.recv(1 << 16) in (b"", b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.long
@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\n", REQUEST], ids=["silent", "half a head", "answered"])
def test_an_idle_connection_is_closed_after_half_a_minute(reader: httpx.Client, first: bytes) -> None:
    with closing(connect(str(reader.base_url), first)) as connection:
        connection.settimeout(40)
        began = time.monotonic()
        while connection.recv(1 << 16):
            pass
        assert 25 < time.monotonic() - began < 35


@pytest.mark.long
def test_p99_of_hits_at_most_doubles_with_2500_silent_connections(pair: ApiPair) -> None:
    """Both processes are measured at the same time, so other load on the machine affects both."""
    quiet_total, crowded_total = Reads(), Reads()
    for quiet, crowded in ((pair.one, pair.other), (pair.other, pair.one)) * 3:
        with (
            silent_connections(crowded, SILENT),
            sustained_reads([quiet], lambda: PATH, connections=4) as quiet_reads,
            sustained_reads([crowded], lambda: PATH, connections=4) as crowded_reads,
        ):
            time.sleep(2)
        assert quiet_reads.failures == crowded_reads.failures == []
        quiet_total.seconds += quiet_reads.seconds
        crowded_total.seconds += crowded_reads.seconds
    ratio = crowded_total.percentile(99) / quiet_total.percentile(99)
    _logger.info(
        "p99 of hits with %d silent connections: %.2f ms, %.2f x", SILENT, 1000 * crowded_total.percentile(99), ratio
    )
    assert ratio < 2
