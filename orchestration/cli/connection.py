"""`ladder connection`: connection details of a login, in the format of another program."""

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

#: `transform` shows the developer's login: the one that builds the published marts is for `ladder` only.
_ROLES: dict[Login, LoginRole] = {
    "analyst": "analyst",
    "transform": "developer",
    "ingest": "ingest",
    "serving": "serving",
}
_PURPOSES: dict[Login, str] = {
    "analyst": "reads the schema marts and changes nothing",
    "transform": "builds models in its own schema, and reads all tables that models read",
    "ingest": "loads staging tables and writes the load ledger in ops",
    "serving": "reads the schema marts for the API",
}


def show_connection(login: Login, form: Form | None, *, password: bool | None, keep: bool) -> None:
    """Show the connection details of a login, after a test connection.

    Args:
        login: the login.
        form: format for another program; None for a description.
        password: whether the password is included; by default in formats for programs, unless the output is a terminal.
        keep: whether the embedded server keeps running until Ctrl-C.

    Raises:
        ConfigurationError: `keep` with an external server, or a login that the format cannot express.
        DatabaseError: the warehouse was never set up from this home, or the server cannot be reached.
    """
    settings = load_settings()
    if keep and settings.database_url is not None:
        raise ConfigurationError("--keep is for the embedded server, and LADDER_DATABASE_URL is set", "omit --keep")
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
                _note("the password is omitted; --password includes it")
        sys.stdout.flush()
        if keep:
            _note("PostgreSQL runs until Ctrl-C")
            with rotating_logs(settings.home):
                signal.pause()
        elif not was_up:
            _note("PostgreSQL stops with this command; `ladder up` or --keep keeps it running")


def _render(settings: Settings, servers: Servers, login: Login, form: Form, url: str, *, with_password: bool) -> str:
    """The connection in a format. The variables of `transform` include those that dbt needs."""
    if login != "transform" or form != "env":
        return render_connection(url, form, with_password=with_password)
    from orchestration.dbt.environment import developer_environment

    variables = developer_environment(settings, servers)
    if not with_password:
        variables.pop("PGPASSWORD", None)
    return render_variables(variables)


def _note(line: str) -> None:
    errors.print(line)


def _show(settings: Settings, login: Login, url: str, *, with_password: bool) -> None:
    found = connection_parameters(url)
    stored = f"stored in {secrets_path(settings)}, shown by --password"
    lines = {
        "login": f"{found['user']}, which {_PURPOSES[login]}",
        "host": found.get("host", ""),
        "port": found.get("port", ""),
        "database": found.get("dbname", ""),
        "user": found["user"],
        "password": found["password"] if with_password else stored,
        "url": render_connection(url, "url", with_password=with_password).strip(),
    }
    for name, value in lines.items():
        console.print(f"{name:<10}{value}")
