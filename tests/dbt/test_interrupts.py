"""An interrupt while dbt parses or executes models is raised to the caller as an interrupt."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from orchestration.dbt.manifests import prepare
from orchestration.dbt.runner import build
from orchestration.processes.signals import reraise_interrupts
from tests.dbt.project import Project
from warehouse.embedded.termination import exit_on_termination
from warehouse.publication.plan import build_session

_WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'marts_blue.player_form'::regclass"


def test_an_interrupt_during_a_model_is_not_reported_as_a_failure_of_dbt(project: Project) -> None:
    project.restore()
    settings, url = project.database.settings, project.database.url("transform")
    prepared = prepare(settings, url)
    with psycopg.connect(project.database.admin_url) as holder, build_session(url) as lock:
        holder.execute("LOCK TABLE marts_blue.player_form IN ACCESS EXCLUSIVE MODE")
        interrupting = threading.Thread(target=_interrupt_once_a_model_waits, args=(project, holder))
        interrupting.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                build(prepared, settings, url, "blue", lock=lock, select=["player_form"])
        finally:
            interrupting.join()
    project.restore()


def _interrupt_once_a_model_waits(project: Project, holder: psycopg.Connection) -> None:
    deadline = time.monotonic() + 120
    while not project.rows(_WAITING) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
    # dbt stops after the current statement: by now it has handled the signal, and was not allowed to end its sessions.
    time.sleep(1)
    holder.rollback()


# dbt leaves the file that it was reading to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file.*dbt_project:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in.*dbt_project:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("number", "ending"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_an_interrupt_while_dbt_parses_is_not_reported_as_an_error_of_the_project(
    project: Project, tmp_path: Path, number: signal.Signals, ending: type[BaseException]
) -> None:
    settings = project.database.settings.model_copy(update={"home": tmp_path})
    before = signal.getsignal(number)
    interrupting = threading.Thread(target=_interrupt_once_dbt_has_begun, args=(tmp_path / "logs" / "dbt.log", number))
    interrupting.start()
    try:
        with exit_on_termination(), pytest.raises(ending) as raised:
            prepare(settings, project.database.url("transform"))
    finally:
        interrupting.join()
        signal.signal(number, before)
    assert raised.value.args == ((128 + number,) if ending is SystemExit else ())
    # No partial result is left, so the next call parses again.
    assert not list(tmp_path.rglob("graph.json"))


def test_an_interrupt_that_is_swallowed_inside_is_raised_at_the_end() -> None:
    before = signal.getsignal(signal.SIGINT)
    swallowed = reraise_interrupts()
    swallowed.__enter__()
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        swallowed.__exit__(None, None, None)
    assert signal.getsignal(signal.SIGINT) is before


def _interrupt_once_dbt_has_begun(log: Path, number: signal.Signals) -> None:
    deadline = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(os.getpid(), number)
