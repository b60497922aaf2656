"""Dagster's own commands, in the repository root and without a worker: they need no undocumented variable."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from dagster import AssetKey, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus

from orchestration.dbt.graph import Graph, models_digest, prepared_folder
from orchestration.definitions import build_definitions
from orchestration.jobs import is_sync_only
from orchestration.project_files import DAGSTER_YAML
from orchestration.runs.execution import WORKER_TAG, create_run, is_alive
from serving.run import reserve_port
from tests.orchestration.conftest import Ended, Filled
from warehouse.database.connections import connect
from warehouse.ops.state import track, untrack

pytestmark = pytest.mark.slow

ROOT = DAGSTER_YAML.parent
_DAGSTER = Path(sys.executable).with_name("dagster")
_MART = AssetKey(["marts", "player_form"])
_ENDS = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


class Dagster:
    """`dagster` in the repository root, with an environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = {name: value for name, value in environment.items() if not name.startswith("DAGSTER_")}

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        """Run a command."""
        process = self.start(*arguments, **environment)
        try:
            output, errors = process.communicate(timeout=280)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Ended(process.returncode, output.decode(errors="replace"), errors.decode(errors="replace"))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command in its own session."""
        return subprocess.Popen(
            [_DAGSTER, *arguments],
            env={**self.environment, **environment},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def dagster(filled: Filled) -> Dagster:
    """Plain Dagster over the shared warehouse."""
    return Dagster(dict(filled.ladder.environment))


@pytest.fixture
def fresh_home() -> Iterator[Path]:
    """An empty home that every user can enter."""
    with tempfile.TemporaryDirectory(prefix="ladder-test-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        assert _command_lines_with(str(path)) == []


def test_definitions_validate_without_warnings_and_leave_no_file_behind(dagster: Dagster) -> None:
    before = set(ROOT.iterdir())
    ended = dagster("definitions", "validate")
    assert ended.code == 0, ended.errors
    # Dagster logs to standard output; on standard error it recommends another command.
    lines = [line for line in ended.errors.splitlines() if "SupersessionWarning" not in line]
    assert lines in ([], ["  return callback(*args, **kwargs)"])
    assert "Validation successful for code location ladderhouse" in ended.output
    assert set(ROOT.iterdir()) == before


def test_a_run_of_one_mart_and_one_staging_table_builds_all_stale_models_and_publishes_them(
    filled: Filled, instance: DagsterInstance, dagster: Dagster
) -> None:
    before = _generation(filled)
    table = AssetKey(["opendota", "player_matches"])
    with connect(filled.database.url("ingest")) as connection:
        # Facts change only with a public player whose matches are not loaded yet.
        loaded = connection.execute("SELECT DISTINCT account_id FROM staging_opendota.player_matches").fetchall()
        known = {str(row[0]) for row in loaded}
        people = filled.sandbox.world.people
        accounts = map(str, people.account_id[~people.private])
        player = next(account for account in accounts if account not in known)
        assert track(connection, "opendota", "player", [player]) == 1
        selection = 'key:"marts/player_form" or key:"opendota/player_matches"'
        ended = dagster("asset", "materialize", "-m", "orchestration.definitions", "--select", selection)
        assert untrack(connection, "opendota", "player", [player]) == 1
    assert ended.code == 0, ended.errors
    run = _newest(instance)
    assert run.status == DagsterRunStatus.SUCCESS
    assert run.asset_selection == {_MART, table}
    assert _generation(filled) == before + 1
    # No dependency leads from this mart to this table, since what lies between is not selected.
    begun = [entry.step_key for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_START)]
    assert begun.index("opendota_player_matches") < begun.index("build_marts")
    materialized = _keys(instance, run, DagsterEventType.ASSET_MATERIALIZATION)
    # Facts and totals that changed are logged in the same run, and so is the served cache.
    assert {_MART, table, AssetKey(["marts", "fct_player_matches"]), AssetKey(["serving", "cache"])} <= materialized
    planned = _keys(instance, run, DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    assert planned == {_MART, table}
    version = instance.get_latest_materialization_event(AssetKey(["marts", "fct_player_matches"]))
    assert version is not None
    assert version.asset_materialization is not None
    assert (version.asset_materialization.tags or {})["dagster/data_version"] == str(before + 1)


def test_a_launched_run_is_executed_without_worker_and_daemon(
    filled: Filled, instance: DagsterInstance, dagster: Dagster
) -> None:
    before = set(ROOT.iterdir())
    ended = dagster("job", "launch", "-j", "housekeeping", DAGSTER_HOME=str(ROOT))
    assert ended.code == 0, ended.errors
    assert set(ROOT.iterdir()) == before
    run = _newest(instance)
    assert run.job_name == "housekeeping"
    assert _end(instance, run.run_id) == DagsterRunStatus.SUCCESS
    identity = _loaded(instance, run.run_id).tags[WORKER_TAG]
    _await(lambda: not is_alive(identity))


@pytest.mark.parametrize(
    "status", [DagsterRunStatus.STARTING, pytest.param(DagsterRunStatus.STARTED, marks=pytest.mark.long)]
)
def test_a_run_in_its_own_process_can_be_cancelled(
    filled: Filled, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, status: DagsterRunStatus
) -> None:
    for name, value in filled.ladder.environment.items():
        monkeypatch.setenv(name, value)
    graph = Graph.read(prepared_folder(filled.database.settings, models_digest(filled.database.settings)))
    run_id = create_run(instance, build_definitions(graph).get_repository_def(), "transform").run_id
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute("LOCK TABLE ops.build_inputs IN ACCESS EXCLUSIVE MODE")
        instance.launch_run(run_id, None)  # type: ignore[arg-type]  # no code server is needed to launch it
        _reach(instance, run_id, status)
        identity = _loaded(instance, run_id).tags[WORKER_TAG]
        assert instance.run_launcher.terminate(run_id)
        assert _end(instance, run_id) == DagsterRunStatus.CANCELED
    _await(lambda: not is_alive(identity))


def test_a_run_of_staging_assets_or_of_a_sync_job_builds_nothing() -> None:
    def syncs_only(*keys: AssetKey) -> bool:
        return is_sync_only(DagsterRun(job_name="__ASSET_JOB", asset_selection=frozenset(keys)))

    assert syncs_only(AssetKey(["opendota", "players"]), AssetKey(["faceit", "players"]))
    assert not syncs_only(AssetKey(["opendota", "players"]), _MART)
    assert not syncs_only(AssetKey(["prep", "int_player_totals"]))
    assert is_sync_only(DagsterRun(job_name="profiles"))
    assert not is_sync_only(DagsterRun(job_name="housekeeping"))


@pytest.mark.long
def test_a_command_sets_up_a_new_home_and_stops_its_server_afterwards(fresh_home: Path) -> None:
    """OpenDota does not respond: the syncs fail, and the marts are built from empty staging tables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LADDER_")}
    dagster = Dagster({**environment, "LADDER_HOME": str(fresh_home), "LADDER_OPENDOTA_URL": "http://127.0.0.1:9/api"})
    listed = dagster("asset", "list", "-m", "orchestration.definitions")
    assert listed.code == 0, listed.errors
    assert {"marts/player_form", "opendota/players", "serving/cache"} <= set(listed.output.split())
    ended = dagster("asset", "materialize", "-m", "orchestration.definitions", "--select", 'key:"marts/player_form"')
    assert ended.code == 0, ended.errors
    assert _command_lines_with(str(fresh_home)) == []
    executed = dagster("job", "execute", "-m", "orchestration.definitions", "-j", "transform")
    assert executed.code == 0, executed.errors


@pytest.mark.long
@pytest.mark.timeout(900)
def test_dagster_dev_executes_runs_excludes_a_second_daemon_and_leaves_no_process_behind(
    filled: Filled, instance: DagsterInstance, dagster: Dagster
) -> None:
    port = reserve_port("127.0.0.1", 0)
    dev = dagster.start("dev", "--port", str(port))
    try:
        _await(lambda: dev.poll() is not None or _responds(f"http://127.0.0.1:{port}/server_info"))
        assert dev.poll() is None, dev.communicate()[1].decode()
        again = dagster("dev", "--port", "0")
        up = filled.ladder("up", LADDER_DAGSTER_PORT="0", LADDER_API_PORT="0")
        for refused in (again, up):
            assert refused.code == 1
            lines = [line for line in refused.errors.splitlines() if line.lower().startswith("error: ")]
            assert re.fullmatch(r"(?i)error: `dagster dev` already runs as process \d+ .*LADDER_HOME", lines[0])
            assert "Traceback" not in refused.errors
        assert dagster("job", "launch", "-j", "housekeeping", DAGSTER_HOME=str(ROOT)).code == 0
        assert _end(instance, _newest(instance).run_id) == DagsterRunStatus.SUCCESS
        with psycopg.connect(filled.database.admin_url) as connection:
            connection.execute("LOCK TABLE ops.build_inputs IN ACCESS EXCLUSIVE MODE")
            assert dagster("job", "launch", "-j", "transform", DAGSTER_HOME=str(ROOT)).code == 0
            waiting = _newest(instance).run_id
            _reach(instance, waiting, DagsterRunStatus.STARTED)
            family = [*psutil.Process(dev.pid).children(recursive=True), *_processes(waiting)]
            assert _processes(waiting)
            os.killpg(dev.pid, signal.SIGINT)
            dev.communicate(timeout=120)
        assert _end(instance, waiting) == DagsterRunStatus.CANCELED
    finally:
        if dev.poll() is None:
            os.killpg(dev.pid, signal.SIGTERM)
            dev.communicate(timeout=120)
    _await(lambda: not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE])


def _generation(filled: Filled) -> int:
    with connect(filled.database.url("transform")) as connection:
        row = connection.execute("SELECT max(generation) FROM ops.generations").fetchone()
    assert row is not None
    return int(row[0])


def _newest(instance: DagsterInstance) -> DagsterRun:
    return instance.get_runs(limit=1)[0]


def _loaded(instance: DagsterInstance, run_id: str) -> DagsterRun:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def _end(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    """Wait until a run has ended, and return its status."""
    _await(lambda: _loaded(instance, run_id).status in _ENDS)
    return _loaded(instance, run_id).status


def _reach(instance: DagsterInstance, run_id: str, status: DagsterRunStatus) -> None:
    """Wait until a run has a status, which it cannot reach any more once it has ended."""

    def has() -> bool:
        now = _loaded(instance, run_id).status
        assert now == status or now not in _ENDS, [
            record.user_message or record.get_dagster_event().message for record in instance.all_logs(run_id)
        ]
        return now == status

    _await(has)


def _keys(instance: DagsterInstance, run: DagsterRun, of_type: DagsterEventType) -> set[AssetKey]:
    found = [record.get_dagster_event().asset_key for record in instance.all_logs(run.run_id, of_type=of_type)]
    return {key for key in found if key is not None}


def _responds(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _processes(argument: str) -> list[psutil.Process]:
    """Processes with this argument."""
    return [one for one in psutil.process_iter(["cmdline"]) if argument in (one.info["cmdline"] or ())]


def _command_lines_with(text: str) -> list[str]:
    """Command lines of processes that contain a text."""
    lines = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    return [line for line in lines if text in line]


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.1)
