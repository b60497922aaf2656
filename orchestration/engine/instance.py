"""The Dagster instance of a home: `dagster.yaml` under LADDER_HOME, and tables in a schema of its own login."""

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
from warehouse.database.connections import connect, connection_parameters, password_verifier, role_suffix
from warehouse.database.locks import acquire_migration_lock
from warehouse.database.role_names import role_name
from warehouse.embedded.home import Home

__all__ = ["create_login", "prepare_instance", "storage_url"]

_SCHEMA = "dagster"
_OWN_PARAMETERS = frozenset(("host", "port", "user", "password", "dbname"))


def prepare_instance(warehouse: Warehouse) -> Path:
    """Create the schema and login, write the configuration, and set DAGSTER_HOME for this process and its children.

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
        unfinished = target.with_suffix(f".{os.getpid()}.tmp")
        unfinished.write_text(text)
        unfinished.replace(target)
    os.environ.update(DAGSTER_HOME=str(home), DAGSTER_DISABLE_TELEMETRY="yes")
    return home


def storage_url(warehouse: Warehouse) -> str:
    """Connection URL of Dagster's login, including its password."""
    found = connection_parameters(warehouse.servers.database_url)
    password = Home(warehouse.settings.home).password("dagster", create=True)
    server = f"{found.get('host', '127.0.0.1')}:{found.get('port', '5432')}/{quote(found['dbname'], safe='')}"
    rest = {name: value for name, value in found.items() if name not in _OWN_PARAMETERS}
    query = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
    # By default SQLAlchemy uses psycopg 3, whose `with connection` closes the connection. Dagster expects psycopg2.
    login = quote(_login(warehouse), safe="")
    return f"postgresql+psycopg2://{login}:{quote(password, safe='')}@{server}{query}"


def create_login(warehouse: Warehouse, url: str) -> None:
    """Create Dagster's login and schema, unless they exist.

    Args:
        warehouse: the open warehouse.
        url: the value of `storage_url` for it.

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
            # The last events before a crash of the machine may be lost. The record of the work is in `ops`.
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
