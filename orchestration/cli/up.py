"""`ladder up`: servers, worker, Dagster and API together, until Ctrl-C."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

import httpx

from orchestration import dagster_parts
from orchestration.children import Child
from orchestration.cli.terminal import console, errors
from orchestration.instance import prepare_instance
from orchestration.schedules_lock import hold
from orchestration.warehouse_access import Warehouse, open_warehouse
from orchestration.worker_client import is_running
from serving.run import background, reserve_port
from warehouse.connection_forms import render_connection
from warehouse.embedded.ports import is_free
from warehouse.errors import ConfigurationError, LadderError
from warehouse.login_limits import watching_logins
from warehouse.settings import Settings, load_settings

__all__ = ["keep_up"]

_LOCAL = "127.0.0.1"
_POLL_S = 0.2
_LOOK_S = 3.0
_START_S = 120.0
#: A worker that lived for less than this would only die again.
_WORTH_RESTARTING_S = 60.0


def keep_up(*, with_password: bool) -> None:
    """Start everything, say where it is, and keep it up.

    Args:
        with_password: whether the line for SQL clients holds the analyst's password.

    Raises:
        LadderError: a port is taken, something does not start, or something died; everything is stopped then.
    """
    settings = load_settings()
    known_ui = f"http://{_LOCAL}:{settings.dagster_port}" if settings.dagster_port else ""
    # Ctrl-C is how this command is meant to end.
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        stack.enter_context(hold(settings.home, "ladder up", known_ui))
        api_port = reserve_port(settings.api_host, settings.api_port)
        dagster_port = _dagster_port(settings)
        warehouse = stack.enter_context(open_warehouse(settings))
        stack.enter_context(watching_logins(settings, warehouse.servers.database_url))
        prepare_instance(warehouse)
        api = stack.enter_context(
            background(
                settings,
                warehouse.url("serving"),
                warehouse.servers.redis_url,
                host=settings.api_host,
                port=api_port,
            )
        )
        # Last, so that it ends first: nothing else may end while the daemon still starts runs.
        children: list[Child] = []
        _start(stack, warehouse, dagster_port, children)
        ui = f"http://{_LOCAL}:{dagster_port}"
        _await("Dagster's web UI", lambda: _answers(f"{ui}/server_info"), children)
        console.print(f"Pages       {api}")
        console.print(f"API         {api}/api/v1 (described at {api}/docs)")
        console.print(f"Dagster     {ui}")
        analyst = render_connection(warehouse.url("analyst"), "url", with_password=with_password).strip()
        console.print(f"PostgreSQL  {analyst}")
        console.print(
            "            more forms: `ladder connection`; at once: `ladder psql`, `ladder query`",
        )
        console.print(f"logs        {settings.home / 'logs'}; Ctrl-C stops everything")
        _watch(children, settings, api_port)
    errors.print("stopped")


def _dagster_port(settings: Settings) -> int:
    if settings.dagster_port == 0:
        return reserve_port(_LOCAL, 0)
    if not is_free(settings.dagster_port):
        raise ConfigurationError(
            f"port {settings.dagster_port} for Dagster's web UI is in use", "set LADDER_DAGSTER_PORT to a free port"
        )
    return settings.dagster_port


def _start(stack: ExitStack, warehouse: Warehouse, dagster_port: int, children: list[Child]) -> None:
    """Start the worker, which prepares the dbt project, and then what reads the prepared project."""
    logs = warehouse.settings.home / "logs"
    children.append(_worker(warehouse.settings))
    stack.callback(_end_worker, children)
    with errors.status("starting the worker"):
        _await("the worker", lambda: is_running(warehouse.settings.home), children)
    code_socket = dagster_parts.prepare_socket(warehouse.settings.home)
    children.append(stack.enter_context(Child("code", dagster_parts.code_server(code_socket), logs)))
    with errors.status("starting Dagster"):
        _await("Dagster's code server", lambda: dagster_parts.listens(code_socket), children)
    workspace = dagster_parts.write_workspace(warehouse.settings.home, code_socket)
    children.append(stack.enter_context(Child("webserver", dagster_parts.web_ui(workspace, dagster_port), logs)))
    # Each is waited for on the way out; told together, they end side by side.
    stack.callback(_ask_to_end, children)
    # Gone before anything else is told to end: it would start a queued run in the place of one that is interrupted.
    children.append(stack.enter_context(Child("daemon", dagster_parts.daemon(workspace), logs)))


def _end_worker(children: list[Child]) -> None:
    # Whichever is the worker then: one that died has a successor.
    children[0].end()


def _ask_to_end(children: list[Child]) -> None:
    for child in children:
        child.ask_to_end()


def _worker(settings: Settings) -> Child:
    return Child("worker", ["orchestration.worker"], settings.home / "logs", is_tethered=True)


def _await(what: str, is_ready: Callable[[], bool], children: list[Child]) -> None:
    deadline = time.monotonic() + _START_S
    while not is_ready():
        _fail_when_dead(children)
        if time.monotonic() > deadline:
            raise LadderError(f"{what} did not start within {_START_S:.0f} s", f"see {children[0].log.parent}")
        time.sleep(_POLL_S)


def _watch(children: list[Child], settings: Settings, api_port: int) -> None:
    """Wait for ever; a worker that died after it had worked for a while gets a successor."""
    looked_at = time.monotonic()
    while True:
        if time.monotonic() - looked_at > _LOOK_S:
            looked_at = time.monotonic()
            # The server itself replaces a worker process that died, and holds the port meanwhile.
            if not _listens(api_port, settings.api_host):
                raise LadderError("the API ended by itself", f"see {settings.home / 'logs' / 'api.log'}")
        worker = children[0]
        if worker.exit_code is not None and time.monotonic() - worker.started_at > _WORTH_RESTARTING_S:
            errors.print(
                f"the worker ended ({worker.exit_code}) and is started again; see {worker.log}",
            )
            children[0] = _worker(settings)
        _fail_when_dead(children)
        time.sleep(_POLL_S)


def _fail_when_dead(children: list[Child]) -> None:
    for child in children:
        if child.exit_code is not None:
            raise LadderError(f"the {child.name} ended by itself ({child.exit_code})", f"see {child.log}")


def _listens(port: int, host: str = _LOCAL) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=2).status_code == 200
    return False
