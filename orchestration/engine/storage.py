"""Dagster's storage in the warehouse's PostgreSQL, for `ladder` and for Dagster's own commands.

Dagster reads `dagster.yaml` before any code of the project, so the file cannot name the server. The storage class finds
the server of the home as every `ladder` command does, and starts it if it is the embedded one.
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
from orchestration.processes.schedules_lock import acquire
from orchestration.warehouse_access import open_warehouse
from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.settings import load_settings

__all__ = ["HomeStorage"]

_PR_SET_PDEATHSIG = 1
#: Ends of `sys.argv[0]` of these programs, run as modules and as commands.
_DAEMON = (str(Path("dagster", "_daemon", "__main__.py")), "dagster-daemon")
_WEBSERVER = (str(Path("dagster_webserver", "__main__.py")), "dagster-webserver")


class _RunStorage(PostgresRunStorage):
    """Runs, over connections that are replaced after a restart of the server."""

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        check_idle_connections(self._engine)


class _ScheduleStorage(PostgresScheduleStorage):
    """Schedules, over connections that are replaced after a restart of the server."""

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        check_idle_connections(self._engine)


class HomeStorage(DagsterStorage[DagsterInstance], ConfigurableClass):
    """Runs, events and schedules in the home's PostgreSQL, in a schema with a login of its own.

    Args:
        postgres_url: URL of a server that a `ladder` command has opened. Without it the server is found or started and
            the database migrated; the last process that uses an embedded server stops it.

    Raises:
        ClickException: the server is not available, or another command runs the schedules. Dagster's commands show it
            as one line.
    """

    def __init__(self, postgres_url: str | None = None, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        try:
            url = postgres_url or _open_warehouse()
        except LadderError as error:
            raise ClickException(str(error)) from None
        self._runs = _RunStorage(url)
        self._events = BatchingEventLogStorage(url)
        self._schedules = _ScheduleStorage(url)
        super().__init__()  # type: ignore[no-untyped-call]  # not annotated by Dagster

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """Dagster's configuration of this object."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """The URL, which `ladder` commands set and `dagster.yaml` omits."""
        return {"postgres_url": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> HomeStorage:
        """Constructor for Dagster's configuration."""
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


def _open_warehouse() -> str:
    """Open the warehouse until this process exits, and return the URL of Dagster's login."""
    settings = load_settings()
    _require_own_dagster_home(settings.home)
    _acquire_schedules_lock(settings.home)
    stack = ExitStack()
    # At exit, not with the instance: after that Dagster stops its child processes, and records how their runs ended.
    atexit.register(stack.close)
    warehouse = stack.enter_context(open_warehouse(settings, redis=False))
    url = storage_url(warehouse)
    create_login(warehouse, url)
    return url


def _require_own_dagster_home(home: Path) -> None:
    """Refuse a DAGSTER_HOME inside another LADDER_HOME.

    Raises:
        ConfigurationError: the two variables belong to different data directories.
    """
    given = Path(os.environ.get("DAGSTER_HOME", "")).absolute()
    if given.name == "dagster" and (given.parent / "secrets").is_dir() and given.parent.resolve() != home.resolve():
        raise ConfigurationError(
            f"DAGSTER_HOME belongs to the data directory {given.parent}, and this command would use {home}",
            f"set LADDER_HOME={given.parent}, or unset DAGSTER_HOME",
        )


def _acquire_schedules_lock(home: Path) -> None:
    """If this process is the daemon, or will start it, acquire the lock that allows one daemon per home.

    Raises:
        LadderError: another command holds it.
    """
    is_daemon = sys.argv[0].endswith(_DAEMON) and "run" in sys.argv[1:2]
    if is_daemon:
        command = "dagster-daemon run"
    elif os.environ.get("DAGSTER_IS_DEV_CLI"):
        command = "dagster dev"
    else:
        return
    is_held_by_parent = acquire(home, command) is None
    if is_held_by_parent and (is_daemon or sys.argv[0].endswith(_WEBSERVER)) and sys.platform == "linux":
        # Dagster leaves these processes behind if the command that started them is killed.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
