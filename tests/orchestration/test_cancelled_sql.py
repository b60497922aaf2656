"""A command or run that is cancelled or killed leaves no statement running in PostgreSQL.

Each statement would wait, or sleep, for longer than the tests check.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from psycopg import sql

from orchestration.dbt.graph import Graph, models_digest, prepared_folder
from orchestration.definitions import build_definitions
from orchestration.processes.managed_process import ManagedProcess
from orchestration.runs.execution import create_run
from orchestration.worker.client import Launch, Terminate, is_running, send_request
from tests.orchestration.conftest import Filled

pytestmark = pytest.mark.slow

#: Promised limit in seconds.
_WITHIN_S = 5.0
_BUILD = ("run", "--only", "hero_stats", "--full-refresh")
_OURS = "usename ~ '^ladder_(ingest|transform|analyst)' AND datname = current_database()"
_READ_BY_MODELS = "staging_opendota.player_matches"
#: Sessions of dbt that wait for a lock.
_MODELS_WAIT = "wait_event_type = 'Lock' AND application_name LIKE 'dbt%' AND query NOT LIKE '%pg_stat_activity%'"


@pytest.fixture(scope="module")
def worker(filled: Filled) -> Iterator[ManagedProcess]:
    """A warm worker of the home."""
    home = filled.database.settings.home
    with pytest.MonkeyPatch.context() as patch:
        for name, value in filled.ladder.environment.items():
            patch.setenv(name, value)
        child = ManagedProcess("worker", ["orchestration.worker.server"], home / "logs", watches_stdin=True)
    with child:
        _await(lambda: is_running(home) or child.exit_code is not None)
        assert child.exit_code is None, child.log.read_text()
        yield child


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.long),
        signal.SIGTERM,
        signal.SIGKILL,
    ],
)
def test_a_signal_to_a_run_ends_the_statements_of_its_build(
    filled: Filled, number: signal.Signals, patience: float
) -> None:
    with _locked(filled, _READ_BY_MODELS), _started(filled, *_BUILD) as command:
        _await(lambda: _count(filled, _MODELS_WAIT) > 0, command)
        _assert_ended(filled, lambda: os.kill(command.pid, number), patience)


def test_terminating_a_run_in_the_worker_ends_the_statements_of_its_build(
    filled: Filled, instance: DagsterInstance, worker: ManagedProcess, patience: float
) -> None:
    home = filled.database.settings.home
    repository = build_definitions(
        Graph.read(prepared_folder(filled.database.settings, models_digest(filled.database.settings)))
    )
    config = {"ops": {"build_marts": {"config": {"full_refresh": True}}}}
    run_id = create_run(instance, repository.get_repository_def(), "transform", config=config).run_id
    with _locked(filled, _READ_BY_MODELS):
        assert send_request(home, Launch(run_id)).is_ok
        _await(lambda: _count(filled, _MODELS_WAIT) > 0)
        run = instance.get_run_by_id(run_id)
        assert run is not None
        instance.report_run_canceling(run)
        _assert_ended(filled, lambda: send_request(home, Terminate(run_id)), patience)
        _await(lambda: instance.get_runs(limit=1)[0].status == DagsterRunStatus.CANCELED)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_signal_to_a_client_of_the_worker_ends_the_statements_of_its_build(
    filled: Filled, worker: ManagedProcess, number: signal.Signals, patience: float
) -> None:
    with _locked(filled, _READ_BY_MODELS), _started(filled, *_BUILD) as command:
        _await(lambda: _count(filled, _MODELS_WAIT) > 0, command)
        _assert_ended(filled, lambda: os.kill(command.pid, number), patience)
    assert worker.exit_code is None


def test_a_run_that_waits_in_the_worker_is_cancelled_immediately(
    filled: Filled, instance: DagsterInstance, worker: ManagedProcess
) -> None:
    home = filled.database.settings.home
    repository = build_definitions(
        Graph.read(prepared_folder(filled.database.settings, models_digest(filled.database.settings)))
    )
    busy, waiting = (create_run(instance, repository.get_repository_def(), "transform").run_id for _ in range(2))
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute("LOCK TABLE ops.build_inputs IN ACCESS EXCLUSIVE MODE")
        assert all(send_request(home, Launch(run_id)).is_ok for run_id in (busy, waiting))
        assert send_request(home, Terminate(waiting)).is_ok
        run = instance.get_run_by_id(waiting)
        assert run is not None
        assert run.status == DagsterRunStatus.CANCELED
    _await(lambda: (found := instance.get_run_by_id(busy)) is not None and found.is_finished)
    assert [run.status for run in instance.get_runs(limit=2)] == [DagsterRunStatus.CANCELED, DagsterRunStatus.SUCCESS]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.long)])
def test_a_signal_to_a_run_ends_the_statements_of_its_load(
    filled: Filled, number: signal.Signals, patience: float
) -> None:
    with _locked(filled, "ops.lake_files"), _started(filled, "run", "--only", "hero_stats") as command:
        _await(lambda: _count(filled, "wait_event_type = 'Lock' AND usename LIKE 'ladder_ingest%'") > 0, command)
        _assert_ended(filled, lambda: os.kill(command.pid, number), patience)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_a_query_ends_its_statement(filled: Filled, number: signal.Signals, patience: float) -> None:
    with _started(filled, "query", "select pg_sleep(120)") as command:
        _await(lambda: _count(filled, "usename LIKE 'ladder_analyst%' AND state = 'active'") > 0, command)
        _assert_ended(filled, lambda: os.kill(command.pid, number), patience)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_a_comparison_ends_its_statements(filled: Filled, number: signal.Signals, patience: float) -> None:
    assert filled.ladder("run", "--only", "hero_stats").code == 0
    with _locked(filled, _READ_BY_MODELS), _started(filled, "verify") as command:
        _await(lambda: _count(filled, "wait_event_type = 'Lock'") > 0, command)
        _assert_ended(filled, lambda: os.kill(command.pid, number), patience)
        if number != signal.SIGKILL:
            assert command.wait(60) == 128 + number


@contextmanager
def _locked(filled: Filled, table: str) -> Iterator[None]:
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(*table.split("."))))
        yield


@contextmanager
def _started(filled: Filled, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = filled.ladder.start(*arguments)
    try:
        yield command
    finally:
        command.kill()
        command.communicate(timeout=60)


def _assert_ended(filled: Filled, end: Callable[[], object], patience: float) -> None:
    """No statement is active any more, long before it would acquire its lock."""
    assert _count(filled, "state = 'active'") > 0
    end()
    started = time.monotonic()
    while running := _statements(filled):
        assert time.monotonic() - started < _WITHIN_S * patience, running
        time.sleep(0.05)


def _statements(filled: Filled) -> list[object]:
    with psycopg.connect(filled.database.admin_url) as connection:
        return list(
            connection.execute(
                "SELECT usename, application_name, query FROM pg_stat_activity "
                f"WHERE {_OURS} AND state = 'active'".encode()
            )
        )


def _count(filled: Filled, condition: str) -> int:
    with psycopg.connect(filled.database.admin_url) as connection:
        found = connection.execute(
            f"SELECT count(*) FROM pg_stat_activity WHERE {_OURS} AND {condition}".encode()
        ).fetchone()
    assert found is not None
    return int(found[0])


def _await(condition: Callable[[], bool], command: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        if command is not None and command.poll() is not None:
            raise AssertionError(command.communicate())
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)
