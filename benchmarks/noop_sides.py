"""The two systems of `benchmarks.noop`: our warm worker, and dagster-dbt with a copy of the same database.

Each launches a run and returns the end time that Dagster has recorded.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RepositoryDefinition
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from psycopg import conninfo, sql
from pydantic import SecretStr

from benchmarks import dagster_dbt_peer
from orchestration.dbt.graph import PROJECT
from orchestration.dbt.manifests import prepare
from orchestration.definitions import build_definitions
from orchestration.engine.instance import prepare_instance, storage_url
from orchestration.processes.managed_process import ManagedProcess
from orchestration.runs.execution import create_run, open_instance
from orchestration.warehouse_access import Warehouse
from orchestration.worker.client import is_running
from serving.run import reserve_port
from warehouse.database.connections import connection_parameters, libpq_environment
from warehouse.embedded import Servers

__all__ = ["Ours", "Peer", "TimedRun", "open_ours", "open_peer"]

_LOCAL = "127.0.0.1"
_LOCATION = "peer"
_DATABASE = "peer"
_POLL_S = 0.05
_START_S = 120.0
_RUN_S = 300.0
_COUNTED = {
    "materializations": DagsterEventType.ASSET_MATERIALIZATION,
    "observations": DagsterEventType.ASSET_OBSERVATION,
    "checks": DagsterEventType.ASSET_CHECK_EVALUATION,
}


@dataclass(frozen=True)
class TimedRun:
    """A run that succeeded.

    Args:
        seconds: time from before its creation to the end that Dagster recorded.
        events: number of asset events by kind.
    """

    seconds: float
    events: dict[str, int]


@dataclass(frozen=True)
class Ours:
    """Our instance and definitions, with a running warm worker."""

    instance: DagsterInstance
    repository: RepositoryDefinition

    def create(self) -> DagsterRun:
        """Create a run that brings the marts up to date with loaded data and fetches nothing."""
        return create_run(self.instance, self.repository, "transform")

    def launch(self) -> TimedRun:
        """Execute a run in the warm worker, as the web UI and schedules do."""

        def start() -> str:
            run = self.create()
            self.instance.launch_run(run.run_id, None)  # type: ignore[arg-type]  # our launcher needs no workspace
            return run.run_id

        return timed_run(self.instance, start)


@dataclass(frozen=True)
class Peer:
    """dagster-dbt's instance, its definitions in this process, and a code server that launches runs."""

    instance: DagsterInstance
    repository: RepositoryDefinition
    workspace: WorkspaceProcessContext

    def execute(self) -> TimedRun:
        """Execute a run in this process, where everything except dbt's CLI is already loaded."""

        def start() -> str:
            job = self.repository.get_job(dagster_dbt_peer.JOB)
            # dagster-dbt prints dbt's output.
            with redirect_stdout(io.StringIO()):
                return job.execute_in_process(instance=self.instance).run_id

        return timed_run(self.instance, start)

    def launch(self) -> TimedRun:
        """Launch a run as the web UI and schedules do: Dagster's launcher starts a process for it."""

        def start() -> str:
            request = self.workspace.create_request_context()
            (repository,) = request.get_code_location(_LOCATION).get_repositories().values()
            remote = repository.get_full_job(dagster_dbt_peer.JOB)
            run = self.instance.create_run_for_job(
                self.repository.get_job(dagster_dbt_peer.JOB),
                remote_job_origin=remote.get_remote_origin(),
                job_code_origin=remote.get_python_origin(),
            )
            self.instance.launch_run(run.run_id, request)
            return run.run_id

        return timed_run(self.instance, start)


def timed_run(instance: DagsterInstance, start: Callable[[], str]) -> TimedRun:
    """Time a run from before its creation to its recorded end; a failed run ends the benchmark."""
    started = time.time()
    run_id = start()
    while (run := instance.get_run_by_id(run_id)) is None or not run.is_finished:
        assert time.time() - started < _RUN_S, f"run {run_id} does not end"
        time.sleep(_POLL_S)
    assert run.status == DagsterRunStatus.SUCCESS, f"run {run_id}: {run.status}"
    record = instance.get_run_record_by_id(run_id)
    assert record is not None
    assert record.end_time is not None
    logs = {kind: instance.all_logs(run_id, of_type=type_) for kind, type_ in _COUNTED.items()}
    return TimedRun(record.end_time - started, {kind: len(found) for kind, found in logs.items()})


@contextmanager
def open_ours(warehouse: Warehouse) -> Iterator[Ours]:
    """Start our warm worker."""
    graph = prepare(warehouse.settings, warehouse.servers.database_url).graph
    home = warehouse.settings.home
    with (
        open_instance(prepare_instance(warehouse), storage_url(warehouse)) as instance,
        ManagedProcess("worker", ["orchestration.worker.server"], home / "logs", watches_stdin=True) as worker,
    ):
        _wait_until_ready(worker, lambda: is_running(home))
        yield Ours(instance, build_definitions(graph).get_repository_def())


@contextmanager
def open_peer(warehouse: Warehouse) -> Iterator[Peer]:
    """Copy database and project, prepare the manifest, and start a code server; no other session may use the database.

    The peer has the same configuration of Dagster, also in PostgreSQL, but Dagster's own launcher.
    """
    home = warehouse.settings.home / "peer"
    home.mkdir()
    copy = _copied_database(warehouse, home)
    project = dagster_dbt_peer.project_at(_copied_project(home))
    os.environ.update(libpq_environment(copy.url("transform")), DO_NOT_TRACK="1")
    os.environ[dagster_dbt_peer.PROJECT_VARIABLE] = str(project.project_dir)
    # dagster-dbt looks for `dbt` on the PATH, as in an activated environment.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Parsed with the same options as in runs, so that the first run finds dbt's partial parse.
    project.preparer.prepare(project)
    dagster_home = prepare_instance(copy)
    configuration = dagster_home / "dagster.yaml"
    content: dict[str, Any] = yaml.safe_load(configuration.read_text())
    del content["run_launcher"]
    configuration.write_text(yaml.safe_dump(content))
    port = reserve_port(_LOCAL, 0)
    server = ["dagster", "api", "grpc", "--host", _LOCAL, "--port", str(port), "--location-name", _LOCATION]
    server += ["--module-name", dagster_dbt_peer.__name__, "--attribute", "load"]
    server += ["--use-python-environment-entry-point"]
    with ExitStack() as stack:
        instance = stack.enter_context(open_instance(dagster_home, storage_url(copy)))
        child = stack.enter_context(ManagedProcess("code", server, home / "logs"))
        _wait_until_ready(child, lambda: _listens(port))
        target = GrpcServerTarget(host=_LOCAL, port=port, socket=None, location_name=_LOCATION)
        workspace = stack.enter_context(WorkspaceProcessContext(instance, target))
        repository = dagster_dbt_peer.build_definitions(project).get_repository_def()
        yield Peer(instance, repository, workspace)


def _copied_database(warehouse: Warehouse, home: Path) -> Warehouse:
    """A copy of the database with the same roles and passwords, without Dagster's storage."""
    shutil.copytree(warehouse.settings.home / "secrets", home / "secrets")
    admin = warehouse.servers.database_url
    found = connection_parameters(admin)
    place = f"{found['host']}:{found['port']}"
    url = f"postgresql://{found['user']}:{found['password']}@{place}/{_DATABASE}"
    with closing(psycopg.connect(conninfo.make_conninfo(admin, dbname="postgres"), autocommit=True)) as connection:
        names = sql.Identifier(_DATABASE), sql.Identifier(found["dbname"])
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA dagster CASCADE")
    settings = warehouse.settings.model_copy(update={"home": home, "database_url": SecretStr(url)})
    return Warehouse(settings, Servers(url, warehouse.servers.redis_url, False, True))


def _copied_project(home: Path) -> Path:
    """A copy of the project and its seeds, since dbt writes into its folder."""
    folder = home / PROJECT.name
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(PROJECT.parent / "seeds", home / "seeds")
    return folder


def _wait_until_ready(child: ManagedProcess, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_S
    while not is_ready():
        assert child.exit_code is None, f"the {child.log.stem} process ended, see {child.log}"
        assert time.monotonic() < deadline, f"the {child.log.stem} process does not start, see {child.log}"
        time.sleep(_POLL_S)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((_LOCAL, port), timeout=1):
        return True
    return False
