"""`ladder` in processes forked from one that has imported it: importing Dagster and dbt takes longer than most tests.

    python -m tests.orchestration.forked SOCKET

Listens on a Unix socket until its standard input closes. A client sends a request with the two file descriptors for the
output of the command, and receives its exit code. The command is a process with its own environment, working directory
and arguments. If the client disconnects or dies, the command is killed with SIGKILL. Tests of the start of a process
start `ladder` itself.
"""

from __future__ import annotations

import atexit
import gc
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from select import select

import msgspec

__all__ = ["Forked"]

_REQUEST_BYTES = 1 << 20
_REAP_EVERY_S = 0.05


class _Request(msgspec.Struct):
    """A command: arguments after `ladder`, complete environment, working directory."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str


class Forked:
    """Client of a process that has imported `ladder` and forks for each command. It exits with this process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ladder-forked-")
        self._path = Path(self._folder.name) / "socket"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.orchestration.forked", str(self._path)],
            cwd=Path(__file__).parents[2],
            env={name: value for name, value in os.environ.items() if not name.startswith("LADDER_")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline(), "ladder could not be loaded"

    @classmethod
    @cache
    def shared(cls) -> Forked:
        """The instance of this process, started at the first use."""
        forked = cls()
        atexit.register(forked.stop)
        return forked

    def stop(self) -> None:
        """Stop the process; running commands continue."""
        self._server.communicate()
        self._folder.cleanup()

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], directory: Path, timeout_s: float
    ) -> tuple[int, bytes, bytes]:
        """Run a command, and return its exit code, standard output and standard error.

        Raises:
            TimeoutError: it took longer than `timeout_s` and was killed.
        """
        request = _Request(list(arguments), dict(environment), str(directory))
        with (
            tempfile.TemporaryFile() as output,
            tempfile.TemporaryFile() as errors,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client,
        ):
            client.settimeout(timeout_s)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST_BYTES)
            client.connect(str(self._path))
            socket.send_fds(client, [msgspec.json.encode(request)], [output.fileno(), errors.fileno()])
            code = int(client.recv(64))
            output.seek(0)
            errors.seek(0)
            return code, output.read(), errors.read()


def main(path: str) -> int:
    """Import `ladder`, then fork for each request; in a fork, run the command and return its exit code."""
    from orchestration import cli

    for module in pkgutil.iter_modules(cli.__path__):
        import_module(f"orchestration.cli.{module.name}")
    for name in (
        "orchestration.runs.pipeline",
        "orchestration.pipeline.verify",
        "dbt.adapters.postgres",
        "dbt.cli.main",
    ):
        import_module(name)
    # A garbage collection would touch all imported objects, and unshare their memory between the forks.
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        is_any_running = False
        while True:
            readable, _, _ = select([listener, sys.stdin], [], [], _REAP_EVERY_S if is_any_running else None)
            is_any_running = _reap()
            if sys.stdin in readable:
                return 0
            if listener not in readable:
                continue
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _run(_supervised(connection))
            connection.close()
            is_any_running = True


def _reap() -> bool:
    """Reap exited children, so that their CPU time is counted; returns whether any still runs."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _supervised(connection: socket.socket) -> _Request:
    """In a fork: read the request and fork again. The child returns the request; the parent sends its exit code."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _REQUEST_BYTES)
    message, descriptors, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, 2)
    command = os.fork()
    if command == 0:
        connection.close()
        descriptors.append(os.open(os.devnull, os.O_RDONLY))
        for descriptor, standard in zip(descriptors, (1, 2, 0), strict=True):
            os.dup2(descriptor, standard)
            os.close(descriptor)
        return msgspec.json.decode(message, type=_Request)
    for descriptor in descriptors:
        os.close(descriptor)
    ended = os.pidfd_open(command)
    if ended not in select([ended, connection], [], [])[0]:
        os.kill(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    with suppress(OSError):
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run(request: _Request) -> int:
    """Run `ladder`, like its console script."""
    from orchestration import cli

    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.directory)
    sys.argv = ["ladder", *request.arguments]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
