"""dbt commands in this process.

dbt keeps one set of flags and connections per process, so commands run one at a time.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from orchestration.dbt.arguments import global_options, location_options
from orchestration.dbt.graph import model_variables
from orchestration.dbt.sessions import session_name, terminate_sessions_on_interrupt
from orchestration.processes.signals import reraise_interrupts
from warehouse.core.settings import Settings
from warehouse.database.connections import libpq_environment

__all__ = ["error_line", "invoke", "log_folder", "target_folder"]

#: dbt's levels that are written to its log; others are dropped.
_LOGGED_LEVELS = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_LOG_BYTES = 10 << 20
_KEPT_LOGS = 5
_LONGEST_ERROR = 300
_one_at_a_time = threading.Lock()


def invoke(
    project: Path,
    command: Sequence[str],
    settings: Settings,
    database_url: str,
    colour: str,
    *,
    manifest: Any = None,
    on_event: Callable[[Any], None] = lambda event: None,
    registration: str = "none",
    server_options: str = "",
) -> Any:
    """Run a dbt command and return dbt's result, which holds any error except an interrupt.

    Args:
        project: folder of the project.
        command: the command and its arguments.
        settings: where logs and dbt's own files go.
        database_url: the login that dbt uses; empty if the command needs no connection.
        colour: dbt's target.
        manifest: a parsed project; without it dbt parses.
        on_event: called with each of dbt's events, from dbt's threads.
        registration: id of a registered build, which the project requires before it writes to a colour.
        server_options: libpq options of the sessions.

    Raises:
        KeyboardInterrupt, SystemExit: a signal interrupted the command.
    """
    # A dependency of dbt adds a handler to the root logger on import, which would duplicate the lines of our log.
    handlers = logging.root.handlers[:]
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 -- takes seconds, and only a build or a parse needs it

    logging.root.handlers[:] = handlers
    logs = log_folder(settings)
    logs.mkdir(parents=True, exist_ok=True)
    arguments = [*global_options(logs), *command, *location_options(project, colour, target_folder(settings, colour))]
    session = session_name()
    variables = {**model_variables(settings), "LADDER_BUILD": registration, "LADDER_DBT_SESSION": session}
    with (
        _one_at_a_time,
        _environment(database_url, variables, server_options),
        _log_writer(logs / "dbt.log") as write,
        terminate_sessions_on_interrupt(database_url, session) as terminate_sessions,
        reraise_interrupts(terminate_sessions),
    ):
        return dbtRunner(manifest=manifest, callbacks=[on_event, write]).invoke(arguments)


def target_folder(settings: Settings, colour: str) -> Path:
    """Folder for the files that dbt compiles."""
    return settings.home / "dbt" / "target" / colour


def log_folder(settings: Settings) -> Path:
    """Folder of `dbt.log`."""
    return settings.home / "logs"


def error_line(error: BaseException | None) -> str:
    """dbt's error in one line."""
    return " ".join(str(error).split())[:_LONGEST_ERROR] if error is not None else "unknown error"


@contextmanager
def _environment(database_url: str, variables: Mapping[str, str], server_options: str) -> Iterator[None]:
    """Environment variables for the length of the block: connection of the profile, and variables of the models.

    `DBT_*` variables of the user (`DBT_DEFER`, `DBT_EMPTY`, ...) are unset: they are meant for the developer's schema.
    """
    names: dict[str, str | None] = {name: None for name in os.environ if name.startswith("DBT_")}
    names |= {**libpq_environment(database_url), **variables, "DO_NOT_TRACK": "1"}
    if server_options:
        names["PGOPTIONS"] = f"{names.get('PGOPTIONS') or ''} {server_options}".strip()
    before = {name: os.environ.get(name) for name in names}
    _set_variables(names)
    try:
        yield
    finally:
        _set_variables(before)


def _set_variables(names: Mapping[str, str | None]) -> None:
    for name, value in names.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _log_writer(path: Path) -> Iterator[Callable[[Any], None]]:
    """A callback that writes dbt's events to a log. dbt's own writer formats thousands of events that it then drops."""
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_KEPT_LOGS, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(threadName)s %(message)s"))

    def write(event: Any) -> None:
        level = _LOGGED_LEVELS.get(event.info.level)
        if level is not None:
            handler.handle(logging.LogRecord("dbt", level, "", 0, "%s", (event.info.msg,), None))

    try:
        yield write
    finally:
        handler.close()
