"""Runs the API: worker processes that share a port, in the foreground or in a child process."""

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
from serving.http.idle_connections import close_idle_when_full, max_connections
from serving.http.unprivileged import drop_root, worker_account
from serving.security.access_rules import AccessRules
from serving.telemetry.counts import counts_directory
from serving.web.catalog import CATALOG_FILE
from warehouse.core.errors import ConfigurationError
from warehouse.core.logs import EscapingFormatter
from warehouse.core.settings import Settings
from warehouse.database.connections import connection_parameters
from warehouse.embedded.home import Account

__all__ = ["BackgroundApi", "api_log", "background", "reserve_port", "serve"]

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 10
_MAX_HEAD_BYTES = 32 * 1024
"""Bytes of a request line with headers; the server rejects longer ones with 431."""
_HEAD_TIMEOUT_S = 30
"""A connection is closed if it sends no complete request head for this long after its start or last response."""
_BACKLOG = 4096
"""Connections that wait to be accepted; the system's limit may be lower."""


class _Options(msgspec.Struct):
    """Options of a background process, sent on its standard input: no password in arguments or environment."""

    home: str
    log_level: Literal["debug", "info", "warning", "error"]
    api: dict[str, str | int | bool | None]
    serving_url: str
    redis_url: str
    host: str
    port: int
    workers: int


def serve(settings: Settings, serving_url: str, redis_url: str, *, host: str, port: int, workers: int = 1) -> None:
    """Serve until SIGINT or SIGTERM; pending requests are completed first. Dead workers are replaced.

    Args:
        settings: log level, access rules, and the home, which holds the counter files in `run/`.
        serving_url: login of `ladder_serving`.
        redis_url: `redis://` URL.
        host: address to bind.
        port: port to bind; 0 for a free port.
        workers: number of processes that share the port.

    Raises:
        ConfigurationError: the address cannot be bound, or the home is not writable.
    """
    port = reserve_port(host, port)
    account = worker_account(settings.home)
    with counts_directory(settings.home) as directory:
        if account is not None:
            os.chown(directory, account.uid, account.gid)
            # Workers can read only folders that exist when they start.
            (settings.home / CATALOG_FILE).parent.mkdir(parents=True, exist_ok=True)
        rules = AccessRules.of(settings.model_copy(update={"api_host": host}), workers)
        connection_limit = max_connections()
        connections = Connections(serving_url, redis_url, directory, rules, settings.home / CATALOG_FILE)
        server = Server(
            "serving",
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            workers=workers,
            websockets=False,
            # With HTTP/2 enabled, the server has no timeout for the first byte of a connection.
            http=HTTPModes.http1,
            backlog=_BACKLOG,
            backpressure=connection_limit,
            respawn_failed_workers=True,
            respawn_interval=0.1,
            workers_kill_timeout=_STOP_TIMEOUT_S,
            log_level=LogLevels(settings.log_level),
            http1_settings=HTTP1Settings(header_read_timeout=_HEAD_TIMEOUT_S * 1000, max_buffer_size=_MAX_HEAD_BYTES),
        )
        server.serve(
            target_loader=partial(_load, connections, os.getpid(), account, port, connection_limit), wrap_loader=False
        )


class BackgroundApi:
    """The API in a child process, which ends at the latest with the caller.

    Args:
        settings: the home holds the log, `logs/api.log`.
        serving_url: login of `ladder_serving`.
        redis_url: `redis://` URL.
        host: address to bind.
        port: port to bind; 0 for a free port.
        workers: number of processes that share the port.

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
        options = _Options(
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
        with suppress(BrokenPipeError):  # it has ended already; `exit_code` is set
            self._process.stdin.write(msgspec.json.encode(options) + b"\n")
            self._process.stdin.flush()

    @property
    def exit_code(self) -> int | None:
        """Exit code of the process; None while it runs."""
        return self._process.poll()

    def is_responding(self) -> bool:
        """Whether it responds within a second."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        """Wait until it responds.

        Raises:
            ConfigurationError: it does not start; the message names the log.
        """
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self.exit_code is None and time.monotonic() < deadline:
            if self.is_responding():
                return
            time.sleep(0.02)
        raise ConfigurationError("the API did not start", f"read {self.log}")

    def request_stop(self) -> None:
        """Request a graceful stop, and return at once."""
        self._process.terminate()

    def stop(self) -> None:
        """Stop it, and wait until it has ended."""
        self.request_stop()
        try:
            self._process.wait(_STOP_TIMEOUT_S + 2)
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
    """Serve in a child process for the duration of the context; the arguments are those of `BackgroundApi`.

    Yields:
        The base URL, once the API responds.

    Raises:
        ConfigurationError: the address cannot be bound, or the API does not start; the message names the log.
    """
    api = BackgroundApi(settings, serving_url, redis_url, host=host, port=port, workers=workers)
    try:
        api.wait_until_ready()
        yield api.url
    finally:
        api.stop()


def api_log(settings: Settings) -> Path:
    """Log file of a background API."""
    return settings.home / "logs" / "api.log"


def reserve_port(host: str, port: int) -> int:
    """Check that a port can be bound, or find a free one.

    Raises:
        ConfigurationError: another process uses the port, or the address does not belong to this machine.
    """
    # Workers share the port by a socket option that would also let them share it with an unrelated process.
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
            "stop the process on this port, or set LADDER_API_PORT"
            if is_taken
            else "correct LADDER_API_HOST and LADDER_API_PORT, or --host and --port",
        ) from None


def _api_settings(settings: Settings) -> dict[str, str | int | bool | None]:
    return {name: getattr(settings, name) for name in Settings.model_fields if name.startswith("api_")}


def _load(connections: Connections, parent: int, account: Account | None, port: int, connection_limit: int) -> ASGIApp:
    """The application of one worker."""
    if account is not None:
        drop_root(account, _readable(connections))
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()
    threading.Thread(target=close_idle_when_full, args=(port, connection_limit), daemon=True).start()
    return create_app(connections)


def _readable(connections: Connections) -> list[Path]:
    """Paths that a worker reads in addition to its code: counters, the catalogue, certificates of its connections."""
    named = connection_parameters(connections.database_url)
    certificates = [Path(named[key]) for key in ("sslrootcert", "sslcert", "sslkey") if key in named]
    return [connections.metrics_directory, connections.catalog_file.parent, *certificates]


def _exit_with_parent(parent: int) -> None:
    """End a worker whose parent was killed, because it would hold the port forever."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _serve_from_stdin() -> None:
    """Main function of a background process."""
    options = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Options)
    handler = logging.StreamHandler()
    handler.setFormatter(EscapingFormatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=options.log_level.upper(), handlers=[handler])
    threading.Thread(target=_exit_with_stdin, daemon=True).start()
    serve(
        Settings.model_validate({"home": options.home, "log_level": options.log_level, **options.api}),
        options.serving_url,
        options.redis_url,
        host=options.host,
        port=options.port,
        workers=options.workers,
    )


def _exit_with_stdin() -> None:
    """End this process when standard input is closed, which happens when the caller ends."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _serve_from_stdin()
