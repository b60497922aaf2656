"""Dagster's own home: `dagster.yaml` under LADDER_HOME, tables in a schema that nobody else sees."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from orchestration.project_files import DAGSTER_YAML
from orchestration.warehouse_access import Warehouse
from warehouse.core.errors import DatabaseError
from warehouse.core.files import write_atomically
from warehouse.database.connections import connect, connection_parameters, password_verifier, role_suffix
from warehouse.database.locks import acquire_migration_lock
from warehouse.database.role_names import role_name
from warehouse.embedded.home import Home

__all__ = ["create_login", "prepare_instance", "storage_url"]

_SCHEMA = "dagster"
_OWN_PARAMETERS = frozenset(("host", "port", "user", "password", "dbname"))


def prepare_instance(warehouse: Warehouse) -> Path:
    """Make the schema and login, render the configuration, and point this process and its children there.

    Returns:
        DAGSTER_HOME.

    Raises:
        DatabaseError: the administrator's login lacks rights.
    """
    create_login(warehouse, storage_url(warehouse))
    home = warehouse.settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    target = home / "dagster.yaml"
    text = DAGSTER_YAML.read_text()
    if not target.exists() or target.read_text() != text:
        write_atomically(target, text.encode())
    os.environ.update(DAGSTER_HOME=str(home), DAGSTER_DISABLE_TELEMETRY="yes")
    return home


def storage_url(warehouse: Warehouse) -> str:
    """URL of Dagster's login, with its password."""
    found = connection_parameters(warehouse.servers.database_url)
    password = Home(warehouse.settings.home).password("dagster", create=True)
    place = f"{found.get('host', '127.0.0.1')}:{found.get('port', '5432')}/{quote(found['dbname'], safe='')}"
    rest = {name: value for name, value in found.items() if name not in _OWN_PARAMETERS}
    query = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
    # SQLAlchemy would take psycopg 3 by default, whose `with connection` closes it; Dagster means psycopg2's.
    login = quote(_login(warehouse), safe="")
    return f"postgresql+psycopg2://{login}:{quote(password, safe='')}@{place}{query}"


def create_login(warehouse: Warehouse, url: str) -> None:
    """Make Dagster's login and schema, unless they are there.

    Args:
        warehouse: the open warehouse.
        url: what `storage_url` returns of it.

    Raises:
        DatabaseError: the administrator's login lacks rights.
    """
    plain = url.replace("+psycopg2", "", 1)
    with suppress(DatabaseError), connect(plain) as connection:
        row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [_SCHEMA]).fetchone()
        if row and row[0]:
            return
    login = _login(warehouse)
    name, schema = sql.Identifier(login), sql.Identifier(_SCHEMA)
    try:
        with connect(warehouse.servers.database_url) as connection:
            acquire_migration_lock(connection)
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login]).fetchone()
            password = password_verifier(connection, login, connection_parameters(plain)["password"])
            verb = sql.SQL("ALTER" if known else "CREATE")
            connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, name, password))
            # Events of the last moment before a crash of the machine may be lost; what was done stands in `ops`.
            connection.execute(sql.SQL("ALTER ROLE {} SET synchronous_commit = off").format(name))
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(schema, name))
            database = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, name))
            connection.execute(
                sql.SQL("ALTER ROLE {} IN DATABASE {} SET search_path = {}").format(name, database, schema)
            )
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"no right to set up Dagster's schema: {error.diag.message_primary}",
            f"let an administrator create the login {login} and the schema {_SCHEMA} that it owns",
        ) from None


def _login(warehouse: Warehouse) -> str:
    return role_name("dagster", role_suffix(warehouse.settings) or "")
