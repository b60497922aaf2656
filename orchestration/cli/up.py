"""`ladder up`: runs servers, worker, Dagster and API until Ctrl-C."""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial

from orchestration.cli.terminal import console, errors
from orchestration.engine import dagster_commands
from orchestration.engine.instance import prepare_instance
from orchestration.processes.log_rotation import rotating_logs
from orchestration.processes.managed_process import ManagedProcess
from orchestration.processes.schedules_lock import hold
from orchestration.processes.status_file import open_status_file
from orchestration.processes.supervisor import ProcessPart, ServerPart, Supervisor
from orchestration.warehouse_access import Warehouse, open_warehouse
from orchestration.worker.client import is_running
from serving.run import BackgroundApi, api_log, reserve_port
from warehouse.core.control_characters import escape_control_characters
from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.settings import Settings, load_settings
from warehouse.database.connection_forms import render_connection
from warehouse.database.login_limits import watch_logins
from warehouse.embedded.ports import is_free

__all__ = ["run_stack"]

_LOCAL = "127.0.0.1"
_POLL_S = 0.2
_PROBE_TIMEOUT_S = 2.0
_START_TIMEOUT_S = 120.0
_DATABASE, _CACHE = "PostgreSQL", "Valkey"
_WORKER, _CODE, _DAEMON, _WEB_UI, _API = "worker", "code server", "daemon", "web UI", "API"


def run_stack(*, with_password: bool) -> None:
    """Start all parts, print their addresses, and restart parts that exit.

    Args:
        with_password: whether the line for SQL clients includes the analyst's password.

    Raises:
        LadderError: a port is in use, or a part does not start. All parts are stopped then.
    """
    settings = load_settings()
    known_ui = f"http://{_LOCAL}:{settings.dagster_port}" if settings.dagster_port else ""
    # Ctrl-C is the normal end of this command.
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        stack.enter_context(hold(settings.home, "ladder up", known_ui))
        api_port = reserve_port(settings.api_host, settings.api_port)
        dagster_port = _dagster_port(settings)
        warehouse = stack.enter_context(open_warehouse(settings))
        stack.enter_context(rotating_logs(settings.home))
        parts = _Parts(warehouse, stack.enter_context(ExitStack()))
        prepare_instance(warehouse)
        api = _start_api(stack, parts, api_port)
        # Last, so that the daemon is stopped first.
        _start_worker_and_dagster(stack, parts, dagster_port)
        ui = f"http://{_LOCAL}:{dagster_port}"
        _wait_until_ready(parts.processes[_WEB_UI], parts.processes.values())
        status_file = stack.enter_context(open_status_file(settings.home))
        supervisor = Supervisor(
            [*parts.servers(), *parts.processes.values()], on_event=_report, on_status=status_file.write
        )
        console.print(f"Pages       {api}")
        console.print(f"API         {api}/api/v1 (documented at {api}/docs)")
        console.print(f"Dagster     {ui}")
        analyst = render_connection(warehouse.url("analyst"), "url", with_password=with_password).strip()
        console.print(f"PostgreSQL  {analyst}")
        console.print(
            "            other formats: `ladder connection`; or directly: `ladder psql`, `ladder query`",
        )
        console.print(f"logs        {settings.home / 'logs'}; Ctrl-C stops everything")
        while True:
            supervisor.check()
            time.sleep(_POLL_S)
    errors.print("stopped")


class _Parts:
    """The warehouse and its supervised parts: embedded servers, and processes.

    Args:
        warehouse: the open warehouse.
        login_watch: holds the background check of logins, which is restarted if the database moves to another port.
    """

    def __init__(self, warehouse: Warehouse, login_watch: ExitStack) -> None:
        self.warehouse = warehouse
        self.processes: dict[str, ProcessPart] = {}
        self._login_watch = login_watch
        self._watch_logins()

    def servers(self) -> list[ServerPart]:
        """The embedded servers."""
        servers = self.warehouse.servers
        addresses = {_DATABASE: servers.database_url, _CACHE: servers.redis_url}
        return [ServerPart(server, addresses[server.product], self._on_server_moved) for server in servers.leased]

    def add(self, part: ProcessPart) -> None:
        """Start a process for the first time."""
        part.start()
        self.processes[part.name] = part

    def request_stop(self, names: Iterable[str]) -> None:
        """Request the exit of processes, so that they shut down in parallel."""
        for name in names:
            self.processes[name].request_stop()

    def _on_server_moved(self, product: str, address: str) -> None:
        """Stop all processes, which know the old address of a server. The supervisor restarts them with the new one."""
        before = self.warehouse.servers
        is_database = product == _DATABASE
        moved = replace(before, database_url=address) if is_database else replace(before, redis_url=address)
        self.warehouse = replace(self.warehouse, servers=moved)
        _report(f"{product}: another program has taken its port; `ladder connection` shows the new address")
        self._watch_logins()
        self.request_stop(self.processes)
        for part in self.processes.values():
            part.stop()

    def _watch_logins(self) -> None:
        self._login_watch.close()
        url = self.warehouse.servers.database_url
        self._login_watch.enter_context(watch_logins(self.warehouse.settings, url))


def _dagster_port(settings: Settings) -> int:
    if settings.dagster_port == 0:
        return reserve_port(_LOCAL, 0)
    if not is_free(settings.dagster_port):
        raise ConfigurationError(
            f"port {settings.dagster_port} for Dagster's web UI is in use", "set LADDER_DAGSTER_PORT to a free port"
        )
    return settings.dagster_port


def _start_worker_and_dagster(stack: ExitStack, parts: _Parts, dagster_port: int) -> None:
    """Start the worker, which parses the dbt project, and then Dagster's processes, which use the parsed project."""
    settings = parts.warehouse.settings
    logs = settings.home / "logs"

    def part(
        name: str, log: str, module: Callable[[], list[str]], is_responding: Callable[[], bool], *depends_on: str
    ) -> ProcessPart:
        watches_stdin = name == _WORKER
        process = ProcessPart(
            name,
            logs / f"{log}.log",
            lambda: ManagedProcess(log, module(), logs, watches_stdin=watches_stdin),
            is_responding,
            depends_on,
        )
        parts.add(process)
        stack.callback(process.stop)
        return process

    # `worker.log` is the worker's own log, so its output has another file.
    is_responding = partial(is_running, settings.home, within_s=_PROBE_TIMEOUT_S)
    with errors.status("starting the worker"):
        _wait_until_ready(
            part(_WORKER, "worker-output", lambda: ["orchestration.worker.server"], is_responding, _DATABASE),
            parts.processes.values(),
        )
    code_socket = dagster_commands.prepare_socket(settings.home)

    def code() -> list[str]:
        # The folder of the socket may have been removed by a cleanup of temporary directories.
        return dagster_commands.code_server(dagster_commands.prepare_socket(settings.home))

    with errors.status("starting Dagster"):
        server = part(_CODE, "code", code, lambda: dagster_commands.is_listening(code_socket), _DATABASE)
        _wait_until_ready(server, parts.processes.values())
    workspace = dagster_commands.write_workspace(settings.home, code_socket)

    def web_ui() -> list[str]:
        return dagster_commands.web_ui(workspace, dagster_port)

    part(_WEB_UI, "webserver", web_ui, lambda: _responds(dagster_port, "/server_info"), _DATABASE, _CODE)
    # Shutdown waits for each process in turn; after a common request they exit in parallel.
    stack.callback(parts.request_stop, list(parts.processes))
    # The daemon is stopped before all others: it would start a queued run in place of an interrupted one.
    part(_DAEMON, "daemon", lambda: dagster_commands.daemon(workspace), lambda: True, _DATABASE, _CODE)


def _start_api(stack: ExitStack, parts: _Parts, port: int) -> str:
    """Start the API and return its base URL."""
    settings = parts.warehouse.settings

    def launch() -> BackgroundApi:
        warehouse = parts.warehouse
        return BackgroundApi(
            settings, warehouse.url("serving"), warehouse.servers.redis_url, host=settings.api_host, port=port
        )

    api = ProcessPart(_API, api_log(settings), launch, lambda: _responds(port, "/healthz", settings.api_host))
    parts.add(api)
    stack.callback(api.stop)
    _wait_until_ready(api, parts.processes.values())
    return f"http://{settings.api_host}:{port}"


def _wait_until_ready(awaited: ProcessPart, parts: Iterable[ProcessPart]) -> None:
    """Wait until a part responds for the first time.

    Raises:
        LadderError: it does not start in time, or one of the parts exits.
    """
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not awaited.is_ready():
        for part in parts:
            exit_reason = part.exit_reason()
            if exit_reason is not None:
                raise LadderError(f"the {part.name} {exit_reason} during the start", f"see {part.log}")
        if time.monotonic() > deadline:
            raise LadderError(f"the {awaited.name} did not start within {_START_TIMEOUT_S:.0f} s", f"see {awaited.log}")
        time.sleep(_POLL_S)


def _report(line: str) -> None:
    # A closed standard error is no reason to stop.
    with suppress(OSError):
        sys.stderr.write(f"{escape_control_characters(line)}\n")
        sys.stderr.flush()


def _responds(port: int, path: str, host: str = _LOCAL) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
