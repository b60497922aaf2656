"""Runs the API: worker processes that share a port, in the foreground or beside the caller."""

from __future__ import annotations

import errno
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server
from starlette.types import ASGIApp

from serving.app import Connections, create_app
from serving.http.idle_connections import allowed_connections, keep_room
from serving.http.unprivileged import account_of_workers, give_up_root
from serving.policy.rules import Rules
from serving.telemetry.counts import counts_directory
from serving.web.catalog import CATALOG_FILE
from warehouse.core.errors import ConfigurationError
from warehouse.core.logs import VisibleFormatter
from warehouse.core.settings import Settings
from warehouse.database.connections import parameters
from warehouse.embedded.home import Account

__all__ = ["BackgroundApi", "api_log", "background", "reserve_port", "serve"]

_START_S = 30.0
_STOP_S = 10
_MAX_HEAD_BYTES = 32 * 1024
"""Bytes of a request line and its headers; what is longer is refused (431) before it comes here."""
_HEAD_TIMEOUT_S = 30
"""A connection without a whole request's head ends after this, from its start or its last answer on."""
_BACKLOG = 4096
"""Connections that wait to be taken; the system's own limit may be lower."""


class _Assignment(msgspec.Struct):
    """What a background process is told, on its standard input: no password in arguments or environment."""

    home: str
    log_level: Literal["debug", "info", "warning", "error"]
    api: dict[str, str | int | bool | None]
    serving_url: str
    redis_url: str
    host: str
    port: int
    workers: int


def serve(settings: Settings, serving_url: str, redis_url: str, *, host: str, port: int, workers: int = 1) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are answered first. A worker that dies is replaced.

    Args:
        settings: its home holds the counts while it serves, `run/`; says how much is logged.
        serving_url: login of `ladder_serving`.
        redis_url: `redis://` URL.
        host: address to bind.
        port: port to bind; 0 for a free one.
        workers: processes that share the port.

    Raises:
        ConfigurationError: the address cannot be bound, or the home cannot be written.
    """
    port = reserve_port(host, port)
    account = account_of_workers(settings.home)
    with counts_directory(settings.home) as directory:
        if account is not None:
            os.chown(directory, account.uid, account.gid)
            # What is there when a worker starts can be read by it later too.
            (settings.home / CATALOG_FILE).parent.mkdir(parents=True, exist_ok=True)
        rules = Rules.of(settings.model_copy(update={"api_host": host}), workers)
        limit = allowed_connections()
        connections = Connections(serving_url, redis_url, directory, rules, settings.home / CATALOG_FILE)
        server = Server(
            "serving",
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            workers=workers,
            websockets=False,
            # With HTTP/2 as well, nothing limits the time until a connection's first byte.
            http=HTTPModes.http1,
            backlog=_BACKLOG,
            backpressure=limit,
            respawn_failed_workers=True,
            respawn_interval=0.1,
            workers_kill_timeout=_STOP_S,
            log_level=LogLevels(settings.log_level),
            http1_settings=HTTP1Settings(header_read_timeout=_HEAD_TIMEOUT_S * 1000, max_buffer_size=_MAX_HEAD_BYTES),
        )
        server.serve(target_loader=partial(_load, connections, os.getpid(), account, port, limit), wrap_loader=False)


class BackgroundApi:
    """The API in a process of its own, which ends when it is told to or with the caller, whichever is first.

    Args:
        settings: its home holds the log, `logs/api.log`.
        serving_url: login of `ladder_serving`.
        redis_url: `redis://` URL.
        host: address to bind.
        port: port to bind; 0 for a free one.
        workers: processes that share the port.

    Raises:
        ConfigurationError: the address cannot be bound.
    """

    def __init__(
        self, settings: Settings, serving_url: str, redis_url: str, *, host: str, port: int, workers: int = 1
    ) -> None:
        self._host = host
        self._port = reserve_port(host, port)
        self.url = f"http://{host}:{self._port}"
        self.log = api_log(settings)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        assignment = _Assignment(
            home=str(settings.home),
            log_level=settings.log_level,
            api=_api_settings(settings),
            serving_url=serving_url,
            redis_url=redis_url,
            host=host,
            port=self._port,
            workers=workers,
        )
        with self.log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "serving.run"], stdin=subprocess.PIPE, stdout=stream, stderr=stream
            )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended already, as `exit_code` says
            self._process.stdin.write(msgspec.json.encode(assignment) + b"\n")
            self._process.stdin.flush()

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def answers(self) -> bool:
        """Whether it answers within a second."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def await_answer(self) -> None:
        """Wait until it answers.

        Raises:
            ConfigurationError: it does not start; names the log.
        """
        deadline = time.monotonic() + _START_S
        while self.exit_code is None and time.monotonic() < deadline:
            if self.answers():
                return
            time.sleep(0.02)
        raise ConfigurationError("the API did not start", f"read {self.log}")

    def request_stop(self) -> None:
        """Tell it to answer what is under way and to end, and do not wait for that."""
        self._process.terminate()

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        self.request_stop()
        try:
            self._process.wait(_STOP_S + 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()


@contextmanager
def background(
    settings: Settings, serving_url: str, redis_url: str, *, host: str = "127.0.0.1", port: int = 0, workers: int = 1
) -> Iterator[str]:
    """Serve in a process of its own for the length of the block; the arguments are those of `BackgroundApi`.

    Yields:
        The base URL, once it answers.

    Raises:
        ConfigurationError: the address cannot be bound, or the API does not start; names the log.
    """
    api = BackgroundApi(settings, serving_url, redis_url, host=host, port=port, workers=workers)
    try:
        api.await_answer()
        yield api.url
    finally:
        api.stop()


def api_log(settings: Settings) -> Path:
    """Where the API of a process of its own logs."""
    return settings.home / "logs" / "api.log"


def reserve_port(host: str, port: int) -> int:
    """Make sure that a port can be bound, or find a free one.

    Raises:
        ConfigurationError: somebody else listens there, or the address is not this machine's.
    """
    # The workers share the port among themselves by an option that would also let them share it with a stranger.
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
            return int(probe.getsockname()[1])
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        raise ConfigurationError(
            f"the API cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}",
            "stop what listens there, or set LADDER_API_PORT"
            if is_taken
            else "correct LADDER_API_HOST and LADDER_API_PORT, or --host and --port",
        ) from None


def _api_settings(settings: Settings) -> dict[str, str | int | bool | None]:
    return {name: getattr(settings, name) for name in Settings.model_fields if name.startswith("api_")}


def _load(connections: Connections, parent: int, account: Account | None, port: int, limit: int) -> ASGIApp:
    """The application of one worker."""
    if account is not None:
        give_up_root(account, _readable(connections))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    threading.Thread(target=keep_room, args=(port, limit), daemon=True).start()
    return create_app(connections)


def _readable(connections: Connections) -> list[Path]:
    """What a worker reads beside its code: counts, the catalogue, and certificates that its connections name."""
    named = parameters(connections.database_url)
    certificates = [Path(named[key]) for key in ("sslrootcert", "sslcert", "sslkey") if key in named]
    return [connections.metrics_directory, connections.catalog_file.parent, *certificates]


def _end_with(parent: int) -> None:
    """A worker whose parent was killed would hold the port for ever."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _serve_assignment() -> None:
    """Body of a background process."""
    assignment = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Assignment)
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=assignment.log_level.upper(), handlers=[handler])
    threading.Thread(target=_end_with_input, daemon=True).start()
    serve(
        Settings.model_validate({"home": assignment.home, "log_level": assignment.log_level, **assignment.api}),
        assignment.serving_url,
        assignment.redis_url,
        host=assignment.host,
        port=assignment.port,
        workers=assignment.workers,
    )


def _end_with_input() -> None:
    """The caller holds the other end: when it is gone, so is the reason to serve."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _serve_assignment()
