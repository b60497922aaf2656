"""How other processes talk to the warm worker: JSON messages over loopback, both sides proving that they know a secret.

The worker writes its port and secret into `LADDER_HOME/dagster/worker.json`, readable by its user only. (A socket file
would be simpler, but its path may not be longer than some hundred characters, and LADDER_HOME may lie anywhere.)
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

#: A worker that parses a project answers late.
_ANSWER_S = 10.0


class Launch(msgspec.Struct, frozen=True, tag=True):
    """Execute a run that Dagster has created."""

    run_id: str


class Run(msgspec.Struct, frozen=True, tag=True):
    """Create a run, execute it, and tell what happens until it is over.

    Args:
        passes: only these passes; all of them when empty.
        full_refresh: rebuild the marts from nothing.
    """

    streams: tuple[str, ...] = ()
    full_refresh: bool = False


class Terminate(msgspec.Struct, frozen=True, tag=True):
    """Cancel a run."""

    run_id: str


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Ask whether the worker is there."""


Request = Launch | Run | Terminate | Ping


class Response(msgspec.Struct, frozen=True, tag=True):
    """What came of a request.

    Args:
        is_ok: whether it was done.
        message: why not, in one line; of a launch, the process that executes the run.
    """

    is_ok: bool
    message: str = ""


class Address(msgspec.Struct, frozen=True):
    """Where a worker listens."""

    port: int
    secret: str

    def write(self, path: Path) -> None:
        """Leave it for clients, whole or not at all."""
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(msgspec.json.encode(self))
        fresh.replace(path)


def address_file(home: Path) -> Path:
    """Where the worker of a LADDER_HOME leaves its address."""
    return home / "dagster" / "worker.json"


def is_running(home: Path, *, within_s: float = _ANSWER_S) -> bool:
    """Whether a worker of this home answers within that time."""
    try:
        with _connected(home, within_s) as connection:
            connection.send_bytes(msgspec.json.encode(Ping()))
            return connection.poll(within_s) and msgspec.json.decode(connection.recv_bytes(), type=Response).is_ok
    except (LadderError, OSError, EOFError):
        return False


def send_request(home: Path, request: Request) -> Response:
    """Send a request that is answered at once.

    Raises:
        LadderError: no worker answers.
    """
    with _connected(home) as connection:
        connection.send_bytes(msgspec.json.encode(request))
        # However long that takes: whoever gave up now would not know whether it is done.
        return msgspec.json.decode(connection.recv_bytes(), type=Response)


def follow_run(home: Path, request: Run, listener: Callable[[ProgressEvent], None]) -> RunDone:
    """Have the worker do a run, and listen until it is over.

    Raises:
        LadderError: no worker answers, or it died in the middle.
    """
    with _connected(home) as connection:
        connection.send_bytes(msgspec.json.encode(request))
        while True:
            try:
                message = msgspec.json.decode(connection.recv_bytes(), type=ProgressEvent)
            except (EOFError, OSError):
                raise LadderError(
                    "the worker stopped in the middle of the run", "run again; what was fetched is kept"
                ) from None
            if isinstance(message, RunDone):
                return message
            listener(message)


def _limit(connected: socket.socket, seconds: float) -> None:
    """Let reads and writes on a socket fail after so long; 0 for no limit."""
    whole = int(seconds)
    limit = struct.pack("ll", whole, int((seconds - whole) * 1e6))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connected.setsockopt(socket.SOL_SOCKET, option, limit)


def _connected(home: Path, within_s: float = _ANSWER_S) -> Connection:
    try:
        address = msgspec.json.decode(address_file(home).read_bytes(), type=Address)
        connected = socket.create_connection(("127.0.0.1", address.port), within_s)
    except (OSError, msgspec.DecodeError):
        raise _no_worker() from None
    secret = address.secret.encode()
    # The system accepts for a worker that is stopped, and for one that hangs: each read and write has a limit too.
    connected.settimeout(None)
    _limit(connected, within_s)
    connection = Connection(connected.detach())
    try:
        answer_challenge(connection, secret)
        deliver_challenge(connection, secret)
        with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
            _limit(duplicate, 0)
    except (OSError, EOFError, AuthenticationError, AssertionError, ValueError):
        # The last three: another program has taken the port of a worker that was killed.
        connection.close()
        raise _no_worker() from None
    return connection


def _no_worker() -> LadderError:
    return LadderError("no worker is running", "start it with `ladder up`")
