"""Client of the warm worker: JSON messages over loopback, between two sides that authenticate with a shared secret.

The worker writes its port and secret to `LADDER_HOME/dagster/worker.json`, readable by its user only. A Unix socket
would be simpler, but its path is limited to about a hundred characters, and LADDER_HOME may be longer.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path

import msgspec

from orchestration.progress import ProgressEvent, RunDone
from warehouse.core.errors import LadderError

__all__ = [
    "Launch",
    "Ping",
    "Request",
    "Response",
    "Run",
    "Terminate",
    "address_file",
    "follow_run",
    "is_running",
    "send_request",
]

#: Long enough for a worker that parses the project.
_RESPONSE_TIMEOUT_S = 10.0


class Launch(msgspec.Struct, frozen=True, tag=True):
    """Execute a run that Dagster has created."""

    run_id: str


class Run(msgspec.Struct, frozen=True, tag=True):
    """Create and execute a run, and send its progress events until it is over.

    Args:
        streams: sync only these streams; all of them if empty.
        full_refresh: rebuild the marts from scratch.
    """

    streams: tuple[str, ...] = ()
    full_refresh: bool = False


class Terminate(msgspec.Struct, frozen=True, tag=True):
    """Cancel a run."""

    run_id: str


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Check whether the worker responds."""


Request = Launch | Run | Terminate | Ping


class Response(msgspec.Struct, frozen=True, tag=True):
    """Result of a request.

    Args:
        is_ok: whether it succeeded.
        message: the reason of a failure, in one line; after a launch, the identity of the process that executes the
            run.
    """

    is_ok: bool
    message: str = ""


class Address(msgspec.Struct, frozen=True):
    """Address of a worker."""

    port: int
    secret: str

    def write(self, path: Path) -> None:
        """Write it for clients, atomically."""
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(msgspec.json.encode(self))
        unfinished.replace(path)


def address_file(home: Path) -> Path:
    """The file to which the worker of a home writes its address."""
    return home / "dagster" / "worker.json"


def is_running(home: Path, *, within_s: float = _RESPONSE_TIMEOUT_S) -> bool:
    """Whether a worker of this home responds within that time."""
    try:
        with _connect(home, within_s) as connection:
            connection.send_bytes(msgspec.json.encode(Ping()))
            return connection.poll(within_s) and msgspec.json.decode(connection.recv_bytes(), type=Response).is_ok
    except (LadderError, OSError, EOFError):
        return False


def send_request(home: Path, request: Request) -> Response:
    """Send a request and return the response.

    Raises:
        LadderError: no worker responds.
    """
    with _connect(home) as connection:
        connection.send_bytes(msgspec.json.encode(request))
        # Without a timeout: after one the caller would not know whether the request was executed.
        return msgspec.json.decode(connection.recv_bytes(), type=Response)


def follow_run(home: Path, request: Run, handler: Callable[[ProgressEvent], None]) -> RunDone:
    """Execute a run in the worker, and handle its progress events until it is over.

    Raises:
        LadderError: no worker responds, or the worker exited during the run.
    """
    with _connect(home) as connection:
        connection.send_bytes(msgspec.json.encode(request))
        while True:
            try:
                event = msgspec.json.decode(connection.recv_bytes(), type=ProgressEvent)
            except (EOFError, OSError):
                raise LadderError("the worker exited during the run", "run again; fetched pages are kept") from None
            if isinstance(event, RunDone):
                return event
            handler(event)


def _set_timeout(connected: socket.socket, seconds: float) -> None:
    """Set a timeout for reads and writes on a socket; 0 for none."""
    whole = int(seconds)
    timeout = struct.pack("ll", whole, int((seconds - whole) * 1e6))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connected.setsockopt(socket.SOL_SOCKET, option, timeout)


def _connect(home: Path, within_s: float = _RESPONSE_TIMEOUT_S) -> Connection:
    try:
        address = msgspec.json.decode(address_file(home).read_bytes(), type=Address)
        connected = socket.create_connection(("127.0.0.1", address.port), within_s)
    except (OSError, msgspec.DecodeError):
        raise _no_worker() from None
    secret = address.secret.encode()
    # The kernel accepts connections for a worker that is suspended or hangs, so reads and writes have a timeout too.
    connected.settimeout(None)
    _set_timeout(connected, within_s)
    connection = Connection(connected.detach())
    try:
        answer_challenge(connection, secret)
        deliver_challenge(connection, secret)
        with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
            _set_timeout(duplicate, 0)
    except (OSError, EOFError, AuthenticationError, AssertionError, ValueError):
        # The last three occur if another program has taken the port of a killed worker.
        connection.close()
        raise _no_worker() from None
    return connection


def _no_worker() -> LadderError:
    return LadderError("no worker is running", "start it with `ladder up`")
