"""`ladder up` restarted: schedules, runs and the queue are preserved, and pages of other origins cannot start a run.

A first `ladder up` is stopped by SIGTERM while one run requests an upstream that never responds, one waits for a lock
in the worker, one waits behind it there, and two wait in Dagster's queue. The tests check the state that it left, and a
second `ladder up`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus
from dagster._core.events import DagsterEvent
from dagster._core.storage.tags import PARENT_RUN_ID_TAG

from orchestration.project_files import DAGSTER_YAML
from orchestration.runs.execution import WORKER_TAG, process_identity
from tests.orchestration.conftest import Filled
from tests.orchestration.unresponsive_server import unresponsive_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_SCHEDULE = "constants_daily"
_ENDS = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
_STARTS = {DagsterEventType.RUN_STARTING, DagsterEventType.RUN_START}
_SELECTOR = {"repositoryName": "__repository__", "repositoryLocationName": "ladderhouse"}
_ONE = {**_SELECTOR, "scheduleName": _SCHEDULE}
_STATE = (
    "query ($one: ScheduleSelector!) "
    "{ scheduleOrError(scheduleSelector: $one) { ... on Schedule { scheduleState { id status } } } }"
)


@dataclass(frozen=True)
class Up:
    """A running `ladder up`."""

    process: subprocess.Popen[bytes]
    dagster: str

    def query(self, query: str, **variables: Any) -> dict[str, Any]:
        """Data of Dagster's response to a GraphQL query."""
        response = httpx.post(f"{self.dagster}/graphql", json={"query": query, "variables": variables}, timeout=60)
        found = response.json()
        assert "errors" not in found, found
        data: dict[str, Any] = found["data"]
        return data

    def launch(self, job: str) -> str:
        """Launch a job like the web UI; returns the id of the run."""
        launched = self.query(
            "mutation ($params: ExecutionParams!) "
            "{ launchRun(executionParams: $params) { ... on LaunchRunSuccess { run { runId } } __typename } }",
            params={"selector": {**_SELECTOR, "jobName": job}},
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess"
        return str(launched["run"]["runId"])

    def schedule(self) -> dict[str, str]:
        """The state of the schedule."""
        return _state(self.query(_STATE, one=_ONE))


@dataclass
class Restarted:
    """The second `ladder up`, and the state that the first one left: runs by role, with status and start."""

    up: Up
    runs: dict[str, str]
    status: dict[str, DagsterRunStatus] = field(default_factory=dict)
    has_started: dict[str, bool] = field(default_factory=dict)
    in_plain_dagster: dict[str, str] = field(default_factory=dict)
    processes: list[str] = field(default_factory=list)
    active: int = 0
    code_server: dict[str, Any] = field(default_factory=dict)


@contextmanager
def _up(filled: Filled, **environment: str) -> Iterator[Up]:
    process = filled.ladder.start("up", LADDER_DAGSTER_PORT="0", LADDER_API_PORT="0", **environment)
    try:
        assert process.stdout is not None
        output = b""
        while b"Ctrl-C" not in output:
            line = process.stdout.readline()
            assert line, process.communicate()[1].decode()
            output += line
        (address,) = re.findall(r"^Dagster +(\S+)", output.decode(), re.M)
        yield Up(process, address)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=90)


@pytest.fixture(scope="module")
def restarted(filled: Filled, instance: DagsterInstance) -> Iterator[Restarted]:
    """A second `ladder up`, after the first one was stopped during runs in all states."""
    runs: dict[str, str] = {}
    with (
        unresponsive_server() as upstream,
        psycopg.connect(filled.database.admin_url) as lock,
        _up(filled, LADDER_OPENDOTA_URL=upstream.url) as up,
    ):
        state = up.schedule()
        up.query("mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }", id=state["id"])
        runs["finished"] = up.launch("housekeeping")
        assert _end(instance, runs["finished"]) == DagsterRunStatus.SUCCESS
        code_server = _describe_code_server(up, filled.database.settings.home)
        runs["syncing"] = up.launch("profiles")
        _await(lambda: upstream.connections > 0)
        lock.execute("LOCK TABLE ops.build_inputs IN ACCESS EXCLUSIVE MODE")
        runs["building"] = up.launch("transform")
        _await(lambda: _stored(instance, runs["building"]) == DagsterRunStatus.STARTED)
        runs["waiting in worker"] = up.launch("housekeeping")
        _await(lambda: WORKER_TAG in _tags(instance, runs["waiting in worker"]))
        runs["queued"] = up.launch("profiles")
        runs["died"] = up.launch("profiles")
        time.sleep(3)  # the daemon checks its queue each second
        assert _stored(instance, runs["queued"]) == DagsterRunStatus.QUEUED
        children = psutil.Process(up.process.pid).children(recursive=True)
        up.process.send_signal(signal.SIGTERM)
        up.process.communicate(timeout=90)
        active = _active(filled)
    left = Restarted(up, runs, active=active, code_server=code_server)
    left.status = {name: _stored(instance, run_id) for name, run_id in runs.items()}
    left.has_started = {name: _has_started(instance, run_id) for name, run_id in runs.items()}
    left.processes = [child.name() for child in children if _is_alive(child)]
    left.in_plain_dagster = _plain_schedule(filled)
    _record_as_died(instance, runs["died"])
    with _up(filled) as up:
        left.up = up
        yield left
        up.query(
            "mutation ($one: ScheduleSelector!) { resetSchedule(scheduleSelector: $one) { __typename } }",
            one=_ONE,
        )
        assert up.schedule()["status"] == "RUNNING"


def test_a_shutdown_cancels_active_runs_and_starts_no_waiting_ones(restarted: Restarted) -> None:
    assert restarted.status == {
        "finished": DagsterRunStatus.SUCCESS,
        "syncing": DagsterRunStatus.CANCELED,
        "building": DagsterRunStatus.CANCELED,
        "waiting in worker": DagsterRunStatus.QUEUED,
        "queued": DagsterRunStatus.QUEUED,
        "died": DagsterRunStatus.QUEUED,
    }
    assert not restarted.has_started["queued"]
    assert not restarted.has_started["died"]
    assert restarted.processes == []
    assert restarted.active == 0


def test_waiting_runs_are_executed_after_the_next_start(restarted: Restarted, instance: DagsterInstance) -> None:
    for name in ("waiting in worker", "queued"):
        assert _end(instance, restarted.runs[name]) == DagsterRunStatus.SUCCESS, name


def test_a_run_whose_process_died_is_retried_after_the_next_start(
    restarted: Restarted, instance: DagsterInstance
) -> None:
    died = restarted.runs["died"]
    assert _end(instance, died) == DagsterRunStatus.FAILURE
    again: list[str] = []

    def is_retried() -> bool:
        again[:] = [run.run_id for run in instance.get_runs() if run.tags.get(PARENT_RUN_ID_TAG) == died]
        return bool(again)

    _await(is_retried)
    assert [_end(instance, run_id) for run_id in again] == [DagsterRunStatus.SUCCESS]


def test_a_schedule_that_was_stopped_in_the_web_ui_stays_stopped_also_in_plain_dagster(
    restarted: Restarted,
) -> None:
    assert restarted.up.schedule()["status"] == "STOPPED"
    assert restarted.in_plain_dagster["status"] == "STOPPED"


def test_an_earlier_run_is_listed_with_its_job_and_can_be_executed_again(
    restarted: Restarted, instance: DagsterInstance
) -> None:
    found = restarted.up.query(
        "query ($job: PipelineSelector!) { pipelineOrError(params: $job) { ... on Pipeline { runs { runId } } } }",
        job={**_SELECTOR, "pipelineName": "housekeeping"},
    )
    assert restarted.runs["finished"] in {run["runId"] for run in found["pipelineOrError"]["runs"]}
    launched = restarted.up.query(
        "mutation ($params: ReexecutionParams!) "
        "{ launchRunReexecution(reexecutionParams: $params) { ... on LaunchRunSuccess { run { runId } } __typename } }",
        params={"parentRunId": restarted.runs["finished"], "strategy": "ALL_STEPS"},
    )["launchRunReexecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    assert _end(instance, launched["run"]["runId"]) == DagsterRunStatus.SUCCESS


def test_the_code_server_listens_on_a_socket_that_only_its_user_can_reach(restarted: Restarted) -> None:
    assert restarted.code_server == {"ports": [], "is_socket": True, "mode": 0o700}


_QUERY = "{ version }"
_FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"origin": "https://elsewhere.example", **_FORM}),
        ("POST", {"origin": "null", **_FORM}),
        ("POST", {"host": "elsewhere.example"}),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}),
    ],
    ids=["another origin", "no origin", "another host", "as an image"],
)
def test_the_web_ui_rejects_pages_of_another_origin(restarted: Restarted, method: str, headers: dict[str, str]) -> None:
    url = f"{restarted.up.dagster}/graphql"
    assert httpx.post(url, params={"query": _QUERY}).json()["data"]["version"]
    rejected = httpx.request(method, url, params={"query": _QUERY}, headers=headers)
    assert (rejected.status_code, len(rejected.text.splitlines())) == (403, 1)


def _describe_code_server(up: Up, home: Path) -> dict[str, Any]:
    path = home / "run" / "code.sock"
    (code,) = (one for one in psutil.Process(up.process.pid).children() if str(path) in one.cmdline())
    ports = [one.laddr for one in code.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    mode = stat.S_IMODE(path.parent.stat().st_mode)
    return {"ports": ports, "is_socket": path.is_socket(), "mode": mode}


def _record_as_died(instance: DagsterInstance, run_id: str) -> None:
    """Record a queued run as one whose process was killed: started, by a process that has exited."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = process_identity(process.pid)
        process.kill()
    instance.add_run_tags(run_id, {WORKER_TAG: identity})
    for kind in (DagsterEventType.RUN_STARTING, DagsterEventType.RUN_START):
        instance.report_dagster_event(DagsterEvent(kind.value, job_name="profiles"), run_id=run_id)


def _plain_schedule(filled: Filled) -> dict[str, str]:
    """The state of the schedule if Dagster itself loads the definitions, like `dagster dev`."""
    root = DAGSTER_YAML.parent
    environment = {name: value for name, value in filled.ladder.environment.items() if not name.startswith("DAGSTER_")}
    program = Path(sys.executable).with_name("dagster-graphql")
    ended = subprocess.run(
        [program, "--text", _STATE, "--variables", json.dumps({"one": _ONE})],
        env={**environment, "DAGSTER_HOME": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    (response,) = (line for line in ended.stdout.splitlines() if line.startswith("{"))
    return _state(json.loads(response)["data"])


def _state(data: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = data["scheduleOrError"]["scheduleState"]
    return found


def _active(filled: Filled) -> int:
    """Number of active statements of the pipeline's logins."""
    with psycopg.connect(filled.database.admin_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
            "AND usename ~ '^ladder_(ingest|transform)'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def _has_started(instance: DagsterInstance, run_id: str) -> bool:
    return any(
        record.dagster_event is not None and record.dagster_event.event_type in _STARTS
        for record in instance.all_logs(run_id)
    )


def _tags(instance: DagsterInstance, run_id: str) -> dict[str, str]:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return dict(run.tags)


def _stored(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def _end(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    """Wait until a run has ended, and return its status."""
    _await(lambda: _stored(instance, run_id) in _ENDS)
    return _stored(instance, run_id)


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid()


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.1)
