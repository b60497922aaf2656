"""`ladder up` restarts parts that die, the API responds meanwhile, and `status` names them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator, Sequence

import httpx
import psutil
import psycopg
import pytest
from dagster._core.storage.tags import MAX_RETRIES_TAG

from orchestration.processes.status_file import status_path
from sandbox.server import Sandbox
from tests import build_cache
from tests.conftest import watch_servers
from tests.orchestration.conftest import CommandLine
from tests.orchestration.running_stack import ApiReader, Up, wait_until
from warehouse.database.connections import connection_parameters, role_url
from warehouse.embedded import find_running


@pytest.fixture(scope="module")
def up(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Up]:
    with build_cache.home_with_cluster(build_cache.cached_cluster()) as home:
        (home / "dbt").mkdir()
        (home / "dbt" / "prepared").symlink_to(build_cache.prepared_projects())
        given = {name: value for name, value in os.environ.items() if not name.startswith("LADDER_")}
        limits = {name: value for name, value in os.environ.items() if name.endswith("_PER_MINUTE")}
        given |= {
            **limits,
            "LADDER_HOME": str(home),
            "LADDER_OPENDOTA_URL": sandbox.url,
            # Later runs find no new data, and build nothing.
            "LADDER_OPENDOTA_MATCH_BUDGET": "0",
            "LADDER_DAGSTER_PORT": "0",
            "LADDER_API_PORT": "0",
        }
        running = Up(home, CommandLine(given, tmp_path_factory.mktemp("work")))
        try:
            watch_servers(pytestconfig, home)
            players = map(str, sandbox.world.suggested_players(2))
            assert running.ladder("track", "opendota", "player", *players).code == 0
            running.run()
            wait_until(lambda: running.request().status_code == 200)
            yield running
        finally:
            running.stop()
        assert find_running(running.settings) is None


def tries_of(lines: Sequence[str], name: str) -> int:
    return sum(line.startswith(f"{name}: exited") for line in lines)


@pytest.mark.slow
def test_all_printed_addresses_are_correct(up: Up) -> None:
    found = find_running(up.settings)
    assert found is not None
    login = connection_parameters(role_url(up.settings, found.database_url, "analyst"))
    del login["password"], login["require_auth"]
    assert connection_parameters(up.addresses["PostgreSQL"]) == login
    assert up.request().json()["data"]
    query = "{repositoriesOrError{... on RepositoryConnection{nodes{jobs{name}}}}}"
    response = httpx.post(f"{up.addresses['Dagster']}/graphql", json={"query": query}, timeout=30)
    jobs = response.json()["data"]["repositoriesOrError"]["nodes"][0]["jobs"]
    assert "run" in {job["name"] for job in jobs}
    again = up.ladder("up")
    assert (again.code, "already runs" in again.errors) == (1, True)


@pytest.mark.slow
def test_status_reports_that_all_parts_are_up(up: Up) -> None:
    first = up.ladder("status").output.splitlines()[0]
    assert first == f"`ladder up` runs as process {up.process.pid}; its 7 parts are up"
    found = json.loads(up.ladder("status", "--json").output)["up"]
    names = ["PostgreSQL", "Valkey", "API", "worker", "code server", "web UI", "daemon"]
    assert [part["name"] for part in found["parts"]] == names
    assert status_path(up.home).stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_a_killed_daemon_is_restarted(up: Up) -> None:
    before, since = up.child("dagster._daemon"), len(up.lines)
    before.kill()
    up.await_up(since)
    assert up.child("dagster._daemon").pid != before.pid
    log = up.home / "logs" / "daemon.log"
    assert f"daemon: exited (-9), restarting in 1 s; see {log}" in up.lines[since:]


@pytest.mark.slow
def test_a_worker_that_dies_at_its_start_is_retried_and_status_names_it(up: Up) -> None:
    since = len(up.lines)
    for tries in range(3):
        wait_until(lambda: up.child("orchestration.worker.server").is_running() if is_alive(up, "worker") else False)
        up.child("orchestration.worker.server").kill()
        wait_until(lambda tries=tries: tries_of(up.lines[since:], "worker") == tries + 1)  # type: ignore[misc]
    shown = up.ladder("status").output
    log = up.home / "logs" / "worker-output.log"
    assert re.search(rf"^  worker: down for \d s \(exited \(-9\)\), try 3 in \d s; see {log}$", shown, re.M), shown
    up.await_up(since)
    up.run()


def is_alive(up: Up, name: str) -> bool:
    return up.status()[name].state in ("starting", "up")


@pytest.mark.slow
def test_a_killed_api_responds_again_on_its_port(up: Up) -> None:
    since = len(up.lines)
    up.child("serving.run").kill()
    up.await_up(since)
    assert up.request().status_code == 200


@pytest.mark.slow
def test_an_idle_postgresql_that_is_killed_is_restarted_and_the_api_responds_meanwhile(up: Up) -> None:
    worker, server = up.child("orchestration.worker.server").pid, up.server("postgres")
    with ApiReader(up) as reader:
        up.kill_server("postgres")
        up.await_server(server)
    assert {status for status, _ in reader.responses} == {200}
    assert up.child("orchestration.worker.server").pid == worker
    up.run()


@pytest.mark.slow
def test_after_a_clean_restart_of_postgresql_the_same_worker_executes_the_next_run(up: Up) -> None:
    worker, server = up.child("orchestration.worker.server").pid, up.server("postgres")
    up.kill_server("postgres", signal.SIGINT)
    up.await_server(server)
    up.run()
    assert up.child("orchestration.worker.server").pid == worker


@pytest.mark.slow
def test_a_run_that_loses_postgresql_ends_with_correct_lines_and_is_recorded_once_it_is_back(up: Up) -> None:
    worker, server = up.child("orchestration.worker.server").pid, up.server("postgres")
    run = up.ladder.start("run", "--full-refresh")
    wait_until(lambda: runs(up, "STARTED") == 1)
    up.kill_server("postgres")
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "Traceback" not in errors.decode()
    assert "LADDER_DATABASE_URL" not in errors.decode()
    up.await_server(server)
    wait_until(lambda: runs(up, "STARTED") == 0)
    assert runs(up, "FAILURE") == 1
    up.run()
    assert up.child("orchestration.worker.server").pid == worker


def runs(up: Up, status: str) -> int:
    """Number of runs of commands in a state, without runs of schedules."""
    found = find_running(up.settings)
    assert found is not None
    query = "SELECT count(*) FROM dagster.runs JOIN dagster.run_tags USING (run_id) WHERE status = %s AND key = %s"
    with psycopg.connect(found.database_url) as connection:
        row = connection.execute(query, [status, MAX_RETRIES_TAG]).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.slow
def test_a_run_while_postgresql_is_down_starts_it(up: Up) -> None:
    with up.suspended(up.supervisor):
        up.kill_server("postgres")
        up.run()


@pytest.mark.slow
def test_doctor_reports_a_server_that_it_had_to_start(up: Up) -> None:
    with up.suspended(up.supervisor):
        up.kill_server("valkey")
        ended = up.ladder("doctor")
    assert ended.code == 1
    assert "problem  parts: Valkey was not running and has been started; " in ended.output
    wait_until(lambda: all(part.state == "up" for part in up.status().values()))
    assert up.ladder("doctor").code == 0


@pytest.mark.long
def test_no_part_exits_while_postgresql_is_suspended_for_half_a_minute(up: Up) -> None:
    children, since = {child.pid for child in up.supervisor.children()}, len(up.lines)
    server = up.server("postgres")
    processes = [server, *server.children(recursive=True)]
    up.request()
    with ApiReader(up) as reader:
        for process in processes:
            process.suspend()
        time.sleep(30)
        state = up.status()["PostgreSQL"].state
        for process in processes:
            process.resume()
        wait_until(lambda: any("responds again" in line for line in up.lines[since:]))
    assert state == "silent"
    assert {status for status, _ in reader.responses} == {200}
    assert any(is_stale for _, is_stale in reader.responses)
    assert {child.pid for child in up.supervisor.children()} == children
    up.run()


@pytest.mark.long
def test_a_server_whose_port_was_taken_moves_and_all_parts_use_its_new_address(up: Up) -> None:
    port = int((up.home / "servers" / "valkey.server").read_text().split()[1])
    since = len(up.lines)
    with up.suspended(up.supervisor):
        up.kill_server("valkey")
        other = socket.create_server(("127.0.0.1", port))
    with other:
        wait_until(lambda: any(line.startswith("API: exited") for line in up.lines[since:]))
        up.await_up(since)
        assert int((up.home / "servers" / "valkey.server").read_text().split()[1]) != port
        up.run()
        assert httpx.get(f"{up.addresses['Pages']}/readyz").json().get("degraded") is None


@pytest.mark.slow
def test_a_signal_stops_all_parts_while_one_waits_for_its_restart(up: Up) -> None:
    since = len(up.lines)
    up.child("dagster._daemon").kill()
    wait_until(lambda: tries_of(up.lines[since:], "daemon") == 1)
    children = up.supervisor.children(recursive=True)
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(30) == 128 + signal.SIGTERM
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert find_running(up.settings) is None
    assert not status_path(up.home).exists()
    up.stop()
    assert not [line for line in up.lines if "Traceback" in line]
