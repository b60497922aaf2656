"""Runs are recorded in one instance whichever process executes them, and a process that dies blocks nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Client
from pathlib import Path

import msgspec
import psutil
import psycopg
import pytest
from dagster import AssetKey, DagsterEventType, DagsterInstance, DagsterRunStatus, RepositoryDefinition

from orchestration.dbt.graph import Graph, models_digest, prepared_folder
from orchestration.definitions import build_definitions
from orchestration.processes.managed_process import ManagedProcess
from orchestration.runs.execution import WORKER_TAG, create_run, fail_dead_runs, is_alive, process_identity
from orchestration.worker.client import (
    Address,
    Launch,
    Ping,
    Response,
    Run,
    Terminate,
    address_file,
    follow_run,
    is_running,
    send_request,
)
from tests.ingestion.scripted_server import Reply, scripted
from tests.orchestration.conftest import Ended, Filled
from warehouse.core.errors import LadderError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def worker(filled: Filled, instance: DagsterInstance) -> Iterator[ManagedProcess]:
    """A warm worker; the last test kills it."""
    home = filled.database.settings.home
    with pytest.MonkeyPatch.context() as patch:
        for name, value in filled.ladder.environment.items():
            patch.setenv(name, value)
        child = ManagedProcess("worker", ["orchestration.worker.server"], home / "logs", watches_stdin=True)
    with child:
        _await(lambda: is_running(home) or child.exit_code is not None)
        assert child.exit_code is None, child.log.read_text()
        yield child
    assert not is_running(home)


def test_a_run_without_a_worker_is_recorded_with_its_assets_and_checks(
    filled: Filled, instance: DagsterInstance
) -> None:
    runs = [run for run in instance.get_runs() if run.job_name == "run"]
    assert runs
    events = {record.dagster_event_type.value for record in instance.all_logs(runs[-1].run_id) if record.dagster_event}
    assert {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "PIPELINE_SUCCESS"} <= events


def test_a_run_in_which_every_request_failed_is_a_failure_in_dagster(filled: Filled, instance: DagsterInstance) -> None:
    with psycopg.connect(filled.database.admin_url) as connection:
        [(world,)] = connection.execute("SELECT world FROM ops.world").fetchall()

    def reply(path: str, times: int) -> Reply:
        return (
            Reply(body=json.dumps({"world": world}).encode()) if "/sandbox/" in path else Reply(400, b'{"error": "no"}')
        )

    async def scenario() -> tuple[Ended, list[str]]:
        async with scripted(reply) as server:
            run = partial(filled.ladder, "run", "--only", "pro_matches", LADDER_OPENDOTA_URL=server.url)
            return await asyncio.to_thread(run), server.requests

    ended, requests = asyncio.run(scenario())
    assert [path for path in requests if "/sandbox/" not in path]
    _assert_failed_without_a_response(ended, instance)


def test_a_run_whose_source_cannot_be_reached_is_a_failure_in_dagster(
    filled: Filled, instance: DagsterInstance
) -> None:
    ended = filled.ladder("run", "--only", "pro_matches", LADDER_OPENDOTA_URL="http://127.0.0.1:9/api")
    _assert_failed_without_a_response(ended, instance)
    assert "cannot be reached" in ended.error_lines[0]


def _assert_failed_without_a_response(ended: Ended, instance: DagsterInstance) -> None:
    assert ended.code == 1
    assert len(ended.error_lines) == 1, ended.errors
    assert instance.get_runs(limit=1)[0].status == DagsterRunStatus.FAILURE
    # Data that was stored before is published nevertheless.
    assert re.search(r"(still|published) generation \d", ended.output), ended.output


def test_other_roles_cannot_read_dagsters_tables(filled: Filled) -> None:
    with psycopg.connect(filled.database.url("analyst")) as connection:
        row = connection.execute("SELECT has_schema_privilege('dagster', 'USAGE')").fetchone()
    assert row == (False,)


def test_ladder_run_is_executed_by_the_worker_if_there_is_one(
    filled: Filled, instance: DagsterInstance, worker: ManagedProcess
) -> None:
    ended = filled.ladder("run")
    assert ended.code == 0, ended.errors
    assert "nothing new" in ended.output or "published" in ended.output
    newest = instance.get_runs(limit=1)[0]
    identity = newest.tags[WORKER_TAG]
    assert psutil.Process(int(identity.split("@")[0])).cmdline()[-1] == "orchestration.worker.server"


def test_events_are_recorded_in_order(filled: Filled, instance: DagsterInstance) -> None:
    newest = next(run for run in instance.get_runs() if run.is_success and run.job_name == "run")
    timestamps = [record.timestamp for record in instance.all_logs(newest.run_id)]
    assert timestamps == sorted(timestamps)
    first = [run for run in instance.get_runs() if run.job_name == "run"][-1]
    graph = _repository(filled).asset_graph
    records = instance.all_logs(first.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    keys = [key for record in records if (key := record.get_dagster_event().asset_key) is not None]
    assert AssetKey(["marts", "player_form"]) in keys
    for place, key in enumerate(keys):
        assert not graph.get(key).parent_keys & set(keys[place:])


def test_a_run_launched_through_dagster_is_executed_by_the_worker(
    filled: Filled, instance: DagsterInstance, worker: ManagedProcess
) -> None:
    run_id = _created(filled, instance, "transform")
    response = send_request(filled.database.settings.home, Launch(run_id))
    assert response.is_ok
    assert _status(instance, run_id) == DagsterRunStatus.SUCCESS


def test_a_mart_that_is_selected_in_the_web_ui_is_built_by_the_worker_and_is_the_only_one_reported(
    filled: Filled, instance: DagsterInstance, worker: ManagedProcess
) -> None:
    mart = AssetKey(["marts", "player_form"])
    run_id = create_run(instance, _repository(filled), "__ASSET_JOB", assets=[mart]).run_id
    response = send_request(filled.database.settings.home, Launch(run_id))
    assert response == Response(is_ok=True, message=_identity_of(worker))
    assert _status(instance, run_id) == DagsterRunStatus.SUCCESS
    records = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    assert [one.get_dagster_event().asset_key for one in records] == [mart]
    outputs = instance.all_logs(run_id, of_type=DagsterEventType.STEP_OUTPUT)
    assert "marts__player_form" in {one.get_dagster_event().step_output_data.output_name for one in outputs}


def test_a_run_that_only_syncs_is_executed_in_its_own_process(
    filled: Filled, instance: DagsterInstance, worker: ManagedProcess
) -> None:
    run_id = _created(filled, instance, "profiles")
    response = send_request(filled.database.settings.home, Launch(run_id))
    assert response.is_ok
    # Its arguments are readable once it has executed the new program.
    _await(lambda: "orchestration.worker.server" in psutil.Process(int(response.message.split("@")[0])).cmdline())
    assert response.message != _identity_of(worker)
    assert _status(instance, run_id) == DagsterRunStatus.SUCCESS


def test_a_run_can_be_cancelled(filled: Filled, instance: DagsterInstance, worker: ManagedProcess) -> None:
    """The build waits for a lock that another session holds, and is cancelled there."""
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute("LOCK TABLE ops.build_inputs IN ACCESS EXCLUSIVE MODE")
        run_id = _created(filled, instance, "transform")
        assert send_request(filled.database.settings.home, Launch(run_id)).is_ok
        _await(lambda: _stored(instance, run_id) == DagsterRunStatus.STARTED)
        time.sleep(0.5)
        run = instance.get_run_by_id(run_id)
        assert run is not None
        instance.report_run_canceling(run)
        assert send_request(filled.database.settings.home, Terminate(run_id)).is_ok
        assert _status(instance, run_id) == DagsterRunStatus.CANCELED
    assert follow_run(filled.database.settings.home, Run(streams=("hero_stats",)), lambda message: None).is_ok


def test_a_run_whose_client_disconnected_before_it_started_never_starts(
    filled: Filled, instance: DagsterInstance, worker: ManagedProcess
) -> None:
    home = filled.database.settings.home
    before = {run.run_id for run in instance.get_runs()}
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute("LOCK TABLE ops.build_inputs IN ACCESS EXCLUSIVE MODE")
        busy = _created(filled, instance, "transform")
        assert send_request(home, Launch(busy)).is_ok
        _await(lambda: bool(_waiting_for_lock(filled)))
        address = msgspec.json.decode(address_file(home).read_bytes(), type=Address)
        with Client(("127.0.0.1", address.port), authkey=address.secret.encode()) as client:
            client.send_bytes(msgspec.json.encode(Run()))
            time.sleep(0.5)  # the worker has received it by now, and cannot start it
        time.sleep(0.5)
    assert _status(instance, busy) == DagsterRunStatus.SUCCESS
    last = follow_run(home, Run(streams=("hero_stats",)), lambda message: None)
    assert {run.run_id for run in instance.get_runs()} - before == {busy, last.run_id}


@pytest.mark.parametrize("is_warm", [True, False], ids=["warm", "cold"])
def test_ctrl_c_ends_a_run_with_130_and_the_next_one_works(
    filled: Filled, instance: DagsterInstance, request: pytest.FixtureRequest, is_warm: bool
) -> None:
    environment = {}
    if is_warm:
        request.getfixturevalue("worker")
    else:
        # Another home on the same database, which has no worker.
        environment["LADDER_HOME"] = str(_copied_home(filled))
    before = {run.run_id for run in instance.get_runs()}
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute("LOCK TABLE ops.build_inputs IN ACCESS EXCLUSIVE MODE")
        command = filled.ladder.start("run", "--only", "hero_stats", **environment)
        _await(lambda: bool(_waiting_for_lock(filled)))
        os.killpg(command.pid, signal.SIGINT)
        _, errors = command.communicate(timeout=60)
    assert (command.returncode, errors.decode().splitlines()[-1]) == (130, "interrupted")
    (run_id,) = {run.run_id for run in instance.get_runs()} - before
    assert _status(instance, run_id) in (DagsterRunStatus.CANCELED, DagsterRunStatus.FAILURE)
    assert filled.ladder("run", "--only", "hero_stats").code == 0


def test_a_client_without_the_secret_is_rejected(filled: Filled, worker: ManagedProcess) -> None:
    path = address_file(filled.database.settings.home)
    assert path.stat().st_mode & 0o077 == 0
    address = json.loads(path.read_bytes())
    other_home = filled.database.settings.home / "other"
    (other_home / "dagster").mkdir(parents=True)
    address_file(other_home).write_text(json.dumps({**address, "secret": "guess"}))
    with pytest.raises(LadderError):
        send_request(other_home, Ping())
    assert is_running(filled.database.settings.home)


def test_a_run_whose_worker_was_killed_is_recorded_as_failed_and_the_next_one_works(
    filled: Filled, instance: DagsterInstance, worker: ManagedProcess
) -> None:
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute("LOCK TABLE ops.build_inputs IN ACCESS EXCLUSIVE MODE")
        run_id = _created(filled, instance, "transform")
        response = send_request(filled.database.settings.home, Launch(run_id))
        instance.add_run_tags(run_id, {WORKER_TAG: response.message})
        _await(lambda: _stored(instance, run_id) == DagsterRunStatus.STARTED)
        os.kill(int(response.message.split("@")[0]), signal.SIGKILL)
        _await(lambda: not is_alive(response.message))
    assert not is_running(filled.database.settings.home)
    assert fail_dead_runs(instance) == 1
    assert _stored(instance, run_id) == DagsterRunStatus.FAILURE
    assert filled.ladder("run").code == 0


def _repository(filled: Filled) -> RepositoryDefinition:
    settings = filled.database.settings
    folder = prepared_folder(settings, models_digest(settings))
    return build_definitions(Graph.read(folder)).get_repository_def()


def _created(filled: Filled, instance: DagsterInstance, job: str) -> str:
    return create_run(instance, _repository(filled), job).run_id


def _copied_home(filled: Filled) -> Path:
    """A home with the same passwords and the parsed dbt project."""
    home = filled.database.settings.home
    target = home.with_name(f"{home.name}-cold")
    for name in ("secrets", "dbt"):
        shutil.copytree(home / name, target / name, symlinks=True)
    return target


def _waiting_for_lock(filled: Filled) -> list[object]:
    with psycopg.connect(filled.database.admin_url) as connection:
        return list(
            connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )


def _identity_of(worker: ManagedProcess) -> str:
    return process_identity(worker.pid)


def _stored(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def _status(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    """Wait until a run has ended, and return its status."""
    ends = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
    _await(lambda: _stored(instance, run_id) in ends)
    return _stored(instance, run_id)


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)
