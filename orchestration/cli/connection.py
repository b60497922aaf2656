"""`ladder connection`: a login to the warehouse, in the form in which another program takes it."""

from __future__ import annotations

import signal
import sys
from contextlib import nullcontext, suppress
from typing import Literal

from orchestration.cli.terminal import console, errors
from orchestration.processes.log_rotation import rotating_logs
from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings, load_settings
from warehouse.database.connection_forms import Form, render_connection, render_variables
from warehouse.database.connections import connect, connection_parameters, role_url, secrets_path
from warehouse.database.role_names import LoginRole
from warehouse.embedded import Servers, find_running, running

__all__ = ["Login", "show_connection"]

Login = Literal["analyst", "transform", "ingest", "serving"]

#: The login that builds what readers see is for `ladder` alone: a person who transforms has the developer's.
_ROLES: dict[Login, LoginRole] = {
    "analyst": "analyst",
    "transform": "developer",
    "ingest": "ingest",
    "serving": "serving",
}
_WORK: dict[Login, str] = {
    "analyst": "reads the schema marts, changes nothing",
    "transform": "builds models in a schema of its own, reads everything that models read",
    "ingest": "loads staging tables and keeps the books in ops",
    "serving": "reads the schema marts for the API",
}


def show_connection(login: Login, form: Form | None, *, password: bool | None, keep: bool) -> None:
    """Write a login, after a look whether it works.

    Args:
        login: whose.
        form: one line (or lines) for another program, or None for people.
        password: whether the password is written; None: in a form for programs, unless it would show on a terminal.
        keep: whether the embedded server is kept up until Ctrl-C.

    Raises:
        ConfigurationError: a server that is not ours is to be kept up, or the form cannot say the login.
        DatabaseError: the warehouse was never set up from this home, or the server cannot be reached.
    """
    settings = load_settings()
    if keep and settings.database_url is not None:
        raise ConfigurationError("LADDER_DATABASE_URL names a server that is not ours to keep up", "leave out --keep")
    was_up = find_running(settings, redis=False) is not None
    with suppress(KeyboardInterrupt) if keep else nullcontext(), running(settings, redis=False) as servers:
        url = role_url(settings, servers.database_url, _ROLES[login])
        connect(url).close()
        is_shown = password if password is not None else form is not None and not sys.stdout.isatty()
        if form is None:
            _show(settings, login, url, with_password=is_shown)
        else:
            sys.stdout.write(_render(settings, servers, login, form, url, with_password=is_shown))
            if not is_shown:
                _say("the password is left out; --password writes it")
        sys.stdout.flush()
        if keep:
            _say("PostgreSQL is up until Ctrl-C")
            with rotating_logs(settings.home):
                signal.pause()
        elif not was_up:
            _say("PostgreSQL stops with this command; `ladder up`, or --keep, keeps it up")


def _render(settings: Settings, servers: Servers, login: Login, form: Form, url: str, *, with_password: bool) -> str:
    """The login in a form; in that of variables, what dbt needs besides the connection too."""
    if login != "transform" or form != "env":
        return render_connection(url, form, with_password=with_password)
    from orchestration.dbt.environment import developer_environment

    variables = developer_environment(settings, servers)
    if not with_password:
        variables.pop("PGPASSWORD", None)
    return render_variables(variables)


def _say(line: str) -> None:
    errors.print(line)


def _show(settings: Settings, login: Login, url: str, *, with_password: bool) -> None:
    found = connection_parameters(url)
    kept = f"kept in {secrets_path(settings)}, shown by --password"
    lines = {
        "login": f"{found['user']}, which {_WORK[login]}",
        "host": found.get("host", ""),
        "port": found.get("port", ""),
        "database": found.get("dbname", ""),
        "user": found["user"],
        "password": found["password"] if with_password else kept,
        "url": render_connection(url, "url", with_password=with_password).strip(),
    }
    for name, value in lines.items():
        console.print(f"{name:<10}{value}")
