"""An interrupt while dbt is executing models reaches whoever builds as an interrupt."""

from __future__ import annotations

import os
import signal
import threading
import time

import psycopg
import pytest

from orchestration.dbt_runner import build, prepare
from tests.dbt.project import Project
from warehouse.publish import building

_WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'marts_blue.player_form'::regclass"


def test_an_interrupt_in_the_middle_of_a_model_is_no_failure_of_dbt(project: Project) -> None:
    project.restore()
    settings, url = project.database.settings, project.database.url("transform")
    prepared = prepare(settings, url)
    with psycopg.connect(project.database.admin_url) as holder, building(url) as lock:
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
    # dbt ends after the statement at hand: by now it has read the signal, and has been refused the end of its sessions.
    time.sleep(1)
    holder.rollback()
