"""`ladder up` ended and started again: schedules, runs and the queue are as they were, and no other page starts a run.

A first `ladder up` is ended by SIGTERM while one run asks an upstream that never answers, one waits for a lock in the
worker, one waits behind it there, and two wait in Dagster's queue. The tests look at what it left, and at a second one.
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
from tests.orchestration.unresponsive_server import silent_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_SCHEDULE = "constants_daily"
_ENDS = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
_BEGINNINGS = {DagsterEventType.RUN_STARTING, DagsterEventType.RUN_START}
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

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Dagster's answer to a GraphQL query of a program."""
        answer = httpx.post(f"{self.dagster}/graphql", json={"query": query, "variables": variables}, timeout=60)
        found = answer.json()
        assert "errors" not in found, found
        data: dict[str, Any] = found["data"]
        return data

    def launch(self, job: str) -> str:
        """Launch a job as the web UI does; the run."""
        answer = self.ask(
            "mutation ($params: ExecutionParams!) "
            "{ launchRun(executionParams: $params) { ... on LaunchRunSuccess { run { runId } } __typename } }",
            params={"selector": {**_SELECTOR, "jobName": job}},
        )["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess"
        return str(answer["run"]["runId"])

    def schedule(self) -> dict[str, str]:
        """The state of the schedule."""
        return _state(self.ask(_STATE, one=_ONE))


@dataclass
class Restarted:
    """The second `ladder up`, and what the first one left: runs by the part that they play, and how these stood."""

    up: Up
    runs: dict[str, str]
    status: dict[str, DagsterRunStatus] = field(default_factory=dict)
    began: dict[str, bool] = field(default_factory=dict)
    in_plain_dagster: dict[str, str] = field(default_factory=dict)
    processes: list[str] = field(default_factory=list)
    active: int = 0
    code_server: dict[str, Any] = field(default_factory=dict)


@contextmanager
def _up(filled: Filled, **environment: str) -> Iterator[Up]:
    process = filled.ladder.start("up", LADDER_DAGSTER_PORT="0", LADDER_API_PORT="0", **environment)
    try:
        assert process.stdout is not None
        said = b""
        while b"Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, process.communicate()[1].decode()
            said += line
        (address,) = re.findall(r"^Dagster +(\S+)", said.decode(), re.M)
        yield Up(process, address)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=90)


@pytest.fixture(scope="module")
def restarted(filled: Filled, instance: DagsterInstance) -> Iterator[Restarted]:
    """A second `ladder up` after the first was ended in the middle of all sorts of runs."""
    runs: dict[str, str] = {}
    with (
        silent_server() as silent,
        psycopg.connect(filled.database.admin_url) as lock,
        _up(filled, LADDER_OPENDOTA_URL=silent.url) as up,
    ):
        state = up.schedule()
        up.ask("mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }", id=state["id"])
        runs["finished"] = up.launch("housekeeping")
        assert _end(instance, runs["finished"]) == DagsterRunStatus.SUCCESS
        code_server = _describe_code_server(up, filled.database.settings.home)
        runs["asking"] = up.launch("profiles")
        _await(lambda: silent.connections > 0)
        lock.execute("LOCK TABLE ops.build_inputs IN ACCESS EXCLUSIVE MODE")
        runs["building"] = up.launch("transform")
        _await(lambda: _stored(instance, runs["building"]) == DagsterRunStatus.STARTED)
        runs["handed over"] = up.launch("housekeeping")
        _await(lambda: WORKER_TAG in _tags(instance, runs["handed over"]))
        runs["queued"] = up.launch("profiles")
        runs["died"] = up.launch("profiles")
        time.sleep(3)  # the daemon looks into its queue each second
        assert _stored(instance, runs["queued"]) == DagsterRunStatus.QUEUED
        children = psutil.Process(up.process.pid).children(recursive=True)
        up.process.send_signal(signal.SIGTERM)
        up.process.communicate(timeout=90)
        active = _active(filled)
    left = Restarted(up, runs, active=active, code_server=code_server)
    left.status = {name: _stored(instance, run_id) for name, run_id in runs.items()}
    left.began = {name: _has_begun(instance, run_id) for name, run_id in runs.items()}
    left.processes = [child.name() for child in children if _is_alive(child)]
    left.in_plain_dagster = _plain_schedule(filled)
    _let_die(instance, runs["died"])
    with _up(filled) as up:
        left.up = up
        yield left
        up.ask(
            "mutation ($one: ScheduleSelector!) { resetSchedule(scheduleSelector: $one) { __typename } }",
            one=_ONE,
        )
        assert up.schedule()["status"] == "RUNNING"


def test_a_shutdown_cancels_what_runs_and_starts_nothing_that_waits(restarted: Restarted) -> None:
    assert restarted.status == {
        "finished": DagsterRunStatus.SUCCESS,
        "asking": DagsterRunStatus.CANCELED,
        "building": DagsterRunStatus.CANCELED,
        "handed over": DagsterRunStatus.QUEUED,
        "queued": DagsterRunStatus.QUEUED,
        "died": DagsterRunStatus.QUEUED,
    }
    assert not restarted.began["queued"]
    assert not restarted.began["died"]
    assert restarted.processes == []
    assert restarted.active == 0


def test_runs_that_waited_are_executed_after_the_next_start(restarted: Restarted, instance: DagsterInstance) -> None:
    for name in ("handed over", "queued"):
        assert _end(instance, restarted.runs[name]) == DagsterRunStatus.SUCCESS, name


def test_a_run_whose_process_died_is_tried_again_after_the_next_start(
    restarted: Restarted, instance: DagsterInstance
) -> None:
    died = restarted.runs["died"]
    assert _end(instance, died) == DagsterRunStatus.FAILURE
    again: list[str] = []

    def is_there() -> bool:
        again[:] = [run.run_id for run in instance.get_runs() if run.tags.get(PARENT_RUN_ID_TAG) == died]
        return bool(again)

    _await(is_there)
    assert [_end(instance, run_id) for run_id in again] == [DagsterRunStatus.SUCCESS]


def test_a_schedule_that_was_stopped_in_the_web_ui_stays_stopped_here_and_in_plain_dagster(
    restarted: Restarted,
) -> None:
    assert restarted.up.schedule()["status"] == "STOPPED"
    assert restarted.in_plain_dagster["status"] == "STOPPED"


def test_a_run_of_before_is_listed_with_its_job_and_can_be_executed_again(
    restarted: Restarted, instance: DagsterInstance
) -> None:
    found = restarted.up.ask(
        "query ($job: PipelineSelector!) { pipelineOrError(params: $job) { ... on Pipeline { runs { runId } } } }",
        job={**_SELECTOR, "pipelineName": "housekeeping"},
    )
    assert restarted.runs["finished"] in {run["runId"] for run in found["pipelineOrError"]["runs"]}
    answer = restarted.up.ask(
        "mutation ($params: ReexecutionParams!) "
        "{ launchRunReexecution(reexecutionParams: $params) { ... on LaunchRunSuccess { run { runId } } __typename } }",
        params={"parentRunId": restarted.runs["finished"], "strategy": "ALL_STEPS"},
    )["launchRunReexecution"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    assert _end(instance, answer["run"]["runId"]) == DagsterRunStatus.SUCCESS


def test_the_code_server_listens_on_a_socket_that_its_user_alone_reaches(restarted: Restarted) -> None:
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
    ids=["another origin", "no origin", "another name", "as a picture"],
)
def test_the_web_ui_answers_no_page_of_another_origin(
    restarted: Restarted, method: str, headers: dict[str, str]
) -> None:
    url = f"{restarted.up.dagster}/graphql"
    assert httpx.post(url, params={"query": _QUERY}).json()["data"]["version"]
    refused = httpx.request(method, url, params={"query": _QUERY}, headers=headers)
    assert (refused.status_code, len(refused.text.splitlines())) == (403, 1)


def _describe_code_server(up: Up, home: Path) -> dict[str, Any]:
    path = home / "run" / "code.sock"
    (code,) = (one for one in psutil.Process(up.process.pid).children() if str(path) in one.cmdline())
    ports = [one.laddr for one in code.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    mode = stat.S_IMODE(path.parent.stat().st_mode)
    return {"ports": ports, "is_socket": path.is_socket(), "mode": mode}


def _let_die(instance: DagsterInstance, run_id: str) -> None:
    """Leave a queued run as one whose process was killed: begun, by a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mark = process_identity(process.pid)
        process.kill()
    instance.add_run_tags(run_id, {WORKER_TAG: mark})
    for kind in (DagsterEventType.RUN_STARTING, DagsterEventType.RUN_START):
        instance.report_dagster_event(DagsterEvent(kind.value, job_name="profiles"), run_id=run_id)


def _plain_schedule(filled: Filled) -> dict[str, str]:
    """The state of the schedule where Dagster loads the definitions by itself, as `dagster dev` does."""
    root = DAGSTER_YAML.parent
    environment = {name: value for name, value in filled.ladder.environment.items() if not name.startswith("DAGSTER_")}
    program = Path(sys.executable).with_name("dagster-graphql")
    asked = subprocess.run(
        [program, "--text", _STATE, "--variables", json.dumps({"one": _ONE})],
        env={**environment, "DAGSTER_HOME": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    (answer,) = (line for line in asked.stdout.splitlines() if line.startswith("{"))
    return _state(json.loads(answer)["data"])


def _state(data: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = data["scheduleOrError"]["scheduleState"]
    return found


def _active(filled: Filled) -> int:
    """Statements that run for the pipeline's logins."""
    with psycopg.connect(filled.database.admin_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
            "AND usename ~ '^ladder_(ingest|transform)'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def _has_begun(instance: DagsterInstance, run_id: str) -> bool:
    return any(
        record.dagster_event is not None and record.dagster_event.event_type in _BEGINNINGS
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
    """How a run ended."""
    _await(lambda: _stored(instance, run_id) in _ENDS)
    return _stored(instance, run_id)


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid()


def _await(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
