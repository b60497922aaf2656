"""`ladder up`: servers, worker, Dagster and API together, until Ctrl-C."""

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
from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.settings import Settings, load_settings
from warehouse.core.visible import visible
from warehouse.database.connection_forms import render_connection
from warehouse.database.login_limits import watching_logins
from warehouse.embedded.ports import is_free

__all__ = ["run_stack"]

_LOCAL = "127.0.0.1"
_POLL_S = 0.2
_PROBE_S = 2.0
_START_S = 120.0
_DATABASE, _CACHE = "PostgreSQL", "Valkey"
_WORKER, _CODE, _DAEMON, _WEB_UI, _API = "worker", "code server", "daemon", "web UI", "API"


def run_stack(*, with_password: bool) -> None:
    """Start everything, say where it is, and keep it up: what dies afterwards is started again.

    Args:
        with_password: whether the line for SQL clients holds the analyst's password.

    Raises:
        LadderError: a port is taken, or something does not start; everything is stopped then.
    """
    settings = load_settings()
    known_ui = f"http://{_LOCAL}:{settings.dagster_port}" if settings.dagster_port else ""
    # Ctrl-C is how this command is meant to end.
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        stack.enter_context(hold(settings.home, "ladder up", known_ui))
        api_port = reserve_port(settings.api_host, settings.api_port)
        dagster_port = _dagster_port(settings)
        warehouse = stack.enter_context(open_warehouse(settings))
        stack.enter_context(rotating_logs(settings.home))
        installation = _Installation(warehouse, stack.enter_context(ExitStack()))
        prepare_instance(warehouse)
        api = _start_api(stack, installation, api_port)
        # After the API, so that the daemon ends before everything else.
        _start(stack, installation, dagster_port)
        ui = f"http://{_LOCAL}:{dagster_port}"
        _await(installation.parts[_WEB_UI], installation.parts.values())
        states = stack.enter_context(open_status_file(settings.home))
        supervisor = Supervisor(
            [*installation.servers(), *installation.parts.values()], on_event=_say, on_status=states.write
        )
        console.print(f"Pages       {api}")
        console.print(f"API         {api}/api/v1 (described at {api}/docs)")
        console.print(f"Dagster     {ui}")
        analyst = render_connection(warehouse.url("analyst"), "url", with_password=with_password).strip()
        console.print(f"PostgreSQL  {analyst}")
        console.print(
            "            more forms: `ladder connection`; at once: `ladder psql`, `ladder query`",
        )
        console.print(f"logs        {settings.home / 'logs'}; Ctrl-C stops everything")
        while True:
            supervisor.check()
            time.sleep(_POLL_S)
    errors.print("stopped")


class _Installation:
    """The warehouse that the parts work on, and the parts that are processes.

    Args:
        warehouse: open.
        logins: left and entered again with the watch over logins, where the database moves to another port.
    """

    def __init__(self, warehouse: Warehouse, logins: ExitStack) -> None:
        self.warehouse = warehouse
        self.parts: dict[str, ProcessPart] = {}
        self._logins = logins
        self._watch_logins()

    def servers(self) -> list[ServerPart]:
        """The embedded servers."""
        servers = self.warehouse.servers
        addresses = {_DATABASE: servers.database_url, _CACHE: servers.redis_url}
        return [ServerPart(server, addresses[server.product], self._follow) for server in servers.held]

    def add(self, part: ProcessPart) -> None:
        """Start a part for the first time."""
        part.start()
        self.parts[part.name] = part

    def request_stop(self, names: Iterable[str]) -> None:
        """Tell parts to end, which they do side by side."""
        for name in names:
            self.parts[name].request_stop()

    def _follow(self, product: str, address: str) -> None:
        """A server has come up at another address: end everything that knows the old one, to be started again."""
        before = self.warehouse.servers
        is_database = product == _DATABASE
        moved = replace(before, database_url=address) if is_database else replace(before, redis_url=address)
        self.warehouse = replace(self.warehouse, servers=moved)
        _say(f"{product}: another program has taken its port; `ladder connection` shows the new address")
        self._watch_logins()
        self.request_stop(self.parts)
        for part in self.parts.values():
            part.stop()

    def _watch_logins(self) -> None:
        self._logins.close()
        url = self.warehouse.servers.database_url
        self._logins.enter_context(watching_logins(self.warehouse.settings, url))


def _dagster_port(settings: Settings) -> int:
    if settings.dagster_port == 0:
        return reserve_port(_LOCAL, 0)
    if not is_free(settings.dagster_port):
        raise ConfigurationError(
            f"port {settings.dagster_port} for Dagster's web UI is in use", "set LADDER_DAGSTER_PORT to a free port"
        )
    return settings.dagster_port


def _start(stack: ExitStack, installation: _Installation, dagster_port: int) -> None:
    """Start the worker, which prepares the dbt project, and then what reads the prepared project."""
    settings = installation.warehouse.settings
    logs = settings.home / "logs"

    def part(
        name: str, log: str, module: Callable[[], list[str]], answers: Callable[[], bool], *depends_on: str
    ) -> ProcessPart:
        watches_stdin = name == _WORKER
        made = ProcessPart(
            name,
            logs / f"{log}.log",
            lambda: ManagedProcess(log, module(), logs, watches_stdin=watches_stdin),
            answers,
            depends_on,
        )
        installation.add(made)
        stack.callback(made.stop)
        return made

    # The worker itself writes `worker.log`.
    answers = partial(is_running, settings.home, within_s=_PROBE_S)
    with errors.status("starting the worker"):
        _await(
            part(_WORKER, "worker-output", lambda: ["orchestration.worker.server"], answers, _DATABASE),
            installation.parts.values(),
        )
    code_socket = dagster_commands.prepare_socket(settings.home)

    def code() -> list[str]:
        # The folder of the socket may have been removed since, as temporary directories are cleaned.
        return dagster_commands.code_server(dagster_commands.prepare_socket(settings.home))

    with errors.status("starting Dagster"):
        made = part(_CODE, "code", code, lambda: dagster_commands.listens(code_socket), _DATABASE)
        _await(made, installation.parts.values())
    workspace = dagster_commands.write_workspace(settings.home, code_socket)

    def web_ui() -> list[str]:
        return dagster_commands.web_ui(workspace, dagster_port)

    part(_WEB_UI, "webserver", web_ui, lambda: _answers(dagster_port, "/server_info"), _DATABASE, _CODE)
    # Each is waited for on the way out; stopped together, they end in parallel.
    stack.callback(installation.request_stop, list(installation.parts))
    # The daemon ends before anything else is stopped: it would start a queued run in place of an interrupted one.
    part(_DAEMON, "daemon", lambda: dagster_commands.daemon(workspace), lambda: True, _DATABASE, _CODE)


def _start_api(stack: ExitStack, installation: _Installation, port: int) -> str:
    """Start the API; its base URL."""
    settings = installation.warehouse.settings

    def launch() -> BackgroundApi:
        warehouse = installation.warehouse
        return BackgroundApi(
            settings, warehouse.url("serving"), warehouse.servers.redis_url, host=settings.api_host, port=port
        )

    api = ProcessPart(_API, api_log(settings), launch, lambda: _answers(port, "/healthz", settings.api_host))
    installation.add(api)
    stack.callback(api.stop)
    _await(api, installation.parts.values())
    return f"http://{settings.api_host}:{port}"


def _await(awaited: ProcessPart, parts: Iterable[ProcessPart]) -> None:
    """Wait until a part answers for the first time."""
    deadline = time.monotonic() + _START_S
    while not awaited.is_ready():
        for part in parts:
            exit_reason = part.exit_reason()
            if exit_reason is not None:
                raise LadderError(f"the {part.name} {exit_reason} by itself", f"see {part.log}")
        if time.monotonic() > deadline:
            raise LadderError(f"the {awaited.name} did not start within {_START_S:.0f} s", f"see {awaited.log}")
        time.sleep(_POLL_S)


def _say(line: str) -> None:
    # Whoever read standard error may be gone, which is no reason to stop everything.
    with suppress(OSError):
        sys.stderr.write(f"{visible(line)}\n")
        sys.stderr.flush()


def _answers(port: int, path: str, host: str = _LOCAL) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_PROBE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
