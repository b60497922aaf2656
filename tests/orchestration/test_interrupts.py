"""An interrupt while dbt parses the project ends the command, in its own process and in the warm worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest

from orchestration.worker.client import Run, follow_run, is_running
from tests.conftest import Database
from tests.orchestration.conftest import CommandLine, command_line

#: A worker that has not parsed the project yet, as after a change of it.
_WORKER = """
from multiprocessing.connection import Listener
from orchestration.runs.pipeline import open_pipeline
from orchestration.warehouse_access import open_warehouse
from orchestration.worker.server import Worker
from orchestration.worker.client import Address, address_file
from warehouse.core.settings import load_settings

settings = load_settings()
with (
    open_warehouse(settings) as warehouse,
    open_pipeline(warehouse) as pipeline,
    Listener(("127.0.0.1", 0)) as listener,
):
    Address(listener.address[1], "secret").write(address_file(settings.home))
    Worker(pipeline, listener, "secret").serve()
"""


@pytest.fixture(scope="module")
def home(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Database]:
    """A database and a home in which the project is not parsed."""
    with create_database() as database:
        (database.settings.home / "dbt" / "prepared").unlink()
        yield database


@pytest.fixture
def ladder(home: Database, tmp_path: Path) -> CommandLine:
    """The command line in that home."""
    (home.settings.home / "logs" / "dbt.log").unlink(missing_ok=True)
    return command_line(home, tmp_path)


@pytest.fixture(scope="module")
def worker(home: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that parses at the first request; the last test stops it."""
    environment = command_line(home, tmp_path_factory.mktemp("work")).environment
    with subprocess.Popen([sys.executable, "-c", _WORKER], env=environment, stdin=subprocess.PIPE) as process:
        _await(lambda: process.poll() is not None or is_running(home.settings.home))
        yield process


def test_a_signal_while_the_project_is_parsed_ends_the_run_with_its_number(home: Database, ladder: CommandLine) -> None:
    command = ladder.start("run")
    _await_parsing(home)
    os.killpg(command.pid, signal.SIGTERM)
    output, errors = command.communicate(timeout=60)
    assert (command.returncode, errors.decode()) == (143, ""), output


def test_a_client_that_disconnects_while_the_worker_parses_leaves_no_run(
    home: Database, ladder: CommandLine, worker: subprocess.Popen[bytes]
) -> None:
    command = ladder.start("run")
    _await_parsing(home)
    os.killpg(command.pid, signal.SIGINT)
    _, errors = command.communicate(timeout=60)
    assert (command.returncode, errors.decode().splitlines()[-1]) == (130, "interrupted")
    # The worker handles the next request after the previous one has ended.
    done = follow_run(home.settings.home, Run(streams=("nonsense",)), lambda message: None)
    assert "there is no stream nonsense" in done.errors[0]
    assert _runs(home) == 0


def test_a_worker_that_is_stopped_while_it_parses_exits_without_a_run(
    home: Database, ladder: CommandLine, worker: subprocess.Popen[bytes]
) -> None:
    command = ladder.start("run")
    _await_parsing(home)
    assert worker.stdin is not None
    worker.stdin.close()
    _, errors = command.communicate(timeout=60)
    assert (command.returncode, errors.decode().splitlines()[-1]) == (130, "interrupted")
    assert worker.wait(timeout=60) == 0
    assert _runs(home) == 0


def _await_parsing(database: Database) -> None:
    log = database.settings.home / "logs" / "dbt.log"
    _await(lambda: log.exists() and log.stat().st_size > 0)


def _runs(database: Database) -> int:
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("SELECT count(*) FROM dagster.runs").fetchone()
    assert row is not None
    return int(row[0])


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)
