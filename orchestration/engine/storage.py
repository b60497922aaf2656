"""Dagster's storage in the warehouse's own PostgreSQL, for Dagster's own commands as well as for ours.

`dagster.yaml` is read before any code of ours, and names no variable: this class finds the home's server as every
`ladder` command does, and starts it where it is the embedded one.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from click import ClickException
from dagster import DagsterInstance, Field, StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._serdes import ConfigurableClass
from dagster._serdes.config_class import ConfigurableClassData
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage

from orchestration.engine.connection_pool import check_idle_connections
from orchestration.engine.event_log import BatchingEventLogStorage
from orchestration.engine.instance import create_login, storage_url
from orchestration.processes.schedules_lock import claim
from orchestration.warehouse_access import open_warehouse
from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.settings import load_settings

__all__ = ["HomeStorage"]

_PR_SET_PDEATHSIG = 1
#: How these programs are called, as modules and as commands.
_DAEMON = (str(Path("dagster", "_daemon", "__main__.py")), "dagster-daemon")
_WEBSERVER = (str(Path("dagster_webserver", "__main__.py")), "dagster-webserver")


class _Runs(PostgresRunStorage):
    """Runs, over connections that outlive a restart of the server."""

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        check_idle_connections(self._engine)


class _Schedules(PostgresScheduleStorage):
    """Schedules, over connections that outlive a restart of the server."""

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        check_idle_connections(self._engine)


class HomeStorage(DagsterStorage[DagsterInstance], ConfigurableClass):
    """Runs, events and schedules in the home's PostgreSQL, in a schema and under a login of their own.

    Args:
        postgres_url: where a command of ours has the server open already; without it the server is found or started,
            the database brought to this version, and the server stopped by the last process that uses it.

    Raises:
        ClickException: the server cannot be had, or the schedules are run by another command. Dagster's commands show
            it as one line.
    """

    def __init__(self, postgres_url: str | None = None, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        try:
            url = postgres_url or _join()
        except LadderError as error:
            raise ClickException(str(error)) from None
        self._runs = _Runs(url)
        self._events = BatchingEventLogStorage(url)
        self._schedules = _Schedules(url)
        super().__init__()  # type: ignore[no-untyped-call]  # Dagster says no types here

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What Dagster was configured with."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """The URL, for commands of ours; `dagster.yaml` leaves it out."""
        return {"postgres_url": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> HomeStorage:
        """As Dagster builds it."""
        return cls(config_value.get("postgres_url"), inst_data)

    @property
    def run_storage(self) -> PostgresRunStorage:
        """Runs."""
        return self._runs

    @property
    def event_log_storage(self) -> BatchingEventLogStorage:
        """Events."""
        return self._events

    @property
    def schedule_storage(self) -> PostgresScheduleStorage:
        """Schedules."""
        return self._schedules


def _join() -> str:
    """Open the warehouse until this process ends; the URL of Dagster's login."""
    settings = load_settings()
    _refuse_other_home(settings.home)
    _claim_schedules(settings.home)
    stack = ExitStack()
    # Not with the instance: Dagster ends what it has started after that, and this still writes how runs ended.
    atexit.register(stack.close)
    warehouse = stack.enter_context(open_warehouse(settings, redis=False))
    url = storage_url(warehouse)
    create_login(warehouse, url)
    return url


def _refuse_other_home(home: Path) -> None:
    """Where DAGSTER_HOME lies in a home that a command of ours made, that is the home to work on, and no other."""
    given = Path(os.environ.get("DAGSTER_HOME", "")).absolute()
    if given.name == "dagster" and (given.parent / "secrets").is_dir() and given.parent.resolve() != home.resolve():
        raise ConfigurationError(
            f"DAGSTER_HOME belongs to the data directory {given.parent}, and this command would use {home}",
            f"set LADDER_HOME={given.parent}, or unset DAGSTER_HOME",
        )


def _claim_schedules(home: Path) -> None:
    """Where this process is going to run schedules, or to start the one that does, be the only one."""
    is_daemon = sys.argv[0].endswith(_DAEMON) and "run" in sys.argv[1:2]
    if is_daemon:
        command = "dagster-daemon run"
    elif os.environ.get("DAGSTER_IS_DEV_CLI"):
        command = "dagster dev"
    else:
        return
    is_part_of_another = claim(home, command) is None
    if is_part_of_another and (is_daemon or sys.argv[0].endswith(_WEBSERVER)) and sys.platform == "linux":
        # Dagster leaves them behind when the command that started them is killed.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
