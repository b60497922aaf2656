"""Connections to PostgreSQL, by role."""

from __future__ import annotations

import json
import os
import secrets
import socket
from pathlib import Path

import psycopg
from psycopg import conninfo, pq, sql

from warehouse.core.errors import DatabaseError
from warehouse.core.files import write_atomically
from warehouse.core.settings import Settings
from warehouse.database.connection_hints import connection_hint
from warehouse.database.error_messages import hint_for
from warehouse.database.pooler import reject_shared_sessions
from warehouse.database.role_names import LoginRole, role_name

__all__ = [
    "address",
    "connect",
    "connection_parameters",
    "first_line",
    "libpq_environment",
    "password_verifier",
    "role_password",
    "role_suffix",
    "role_url",
    "save_role_suffix",
    "secrets_path",
]

_OLDEST_SERVER = 150000
#: Servers behind which this process has found sessions of its own.
_checked_servers: set[str] = set()
#: Name, among those of roles, of the suffix in the file of passwords.
_SUFFIX = "suffix"
_CONNECT_TIMEOUT_S = 10
#: Version of libpq from which a client may require a way to log in.
_REQUIRE_AUTH_SINCE = 160000
_LONGEST_NAME = 63


def connect(database_url: str, *, autocommit: bool = False) -> psycopg.Connection:
    """Open a connection in UTC.

    Raises:
        DatabaseError: the server cannot be reached, refuses the login, is older than PostgreSQL 15, or is behind a
            pooler that shares sessions.
    """

    def open_connection() -> psycopg.Connection:
        return psycopg.connect(
            database_url,
            autocommit=autocommit,
            connect_timeout=_CONNECT_TIMEOUT_S,
            options="-c timezone=UTC",
            application_name=_application_name(),
        )

    try:
        connection = open_connection()
    except psycopg.OperationalError as error:
        if "unsupported startup parameter" in str(error):
            raise DatabaseError(
                "LADDER_DATABASE_URL leads to a connection pooler that refuses how sessions begin (`options`)",
                "let it name PostgreSQL itself",
            ) from None
        advice = connection_hint("postgres")
        if connection_parameters(database_url).get("user", "").startswith("ladder_") and "password auth" in str(error):
            advice = "run `ladder doctor`, which sets the passwords of its logins again"
        raise DatabaseError(
            f"cannot connect to PostgreSQL at {address(database_url)}: {first_line(error)}",
            hint_for(str(error)) or advice,
        ) from None
    except psycopg.ProgrammingError as error:
        raise DatabaseError(
            f"LADDER_DATABASE_URL cannot be read: {first_line(error)}",
            "use the form postgresql://user:password@host:5432/database",
        ) from None
    if connection.info.server_version < _OLDEST_SERVER:
        version = connection.info.server_version // 10000
        connection.close()
        raise DatabaseError(f"PostgreSQL {version} is too old", "use PostgreSQL 15 to 18")
    place = address(database_url)
    if place not in _checked_servers:
        try:
            reject_shared_sessions(connection, open_connection)
        except BaseException:
            connection.close()
            raise
        _checked_servers.add(place)
    return connection


def connection_parameters(database_url: str) -> dict[str, str]:
    """Connection parameters of a URL: host, port, user, password, dbname and the rest."""
    return {key: str(value) for key, value in conninfo.conninfo_to_dict(database_url).items() if value is not None}


def address(database_url: str) -> str:
    """Where a URL leads, `host:port/database`, without the login."""
    found = connection_parameters(database_url)
    return f"{found.get('host', 'localhost')}:{found.get('port', '5432')}/{found.get('dbname', '')}"


def libpq_environment(database_url: str) -> dict[str, str]:
    """The variables (`PGHOST`, `PGSSLMODE`, ...) by which psql, dbt and whatever else uses libpq connects like a URL.

    What the URL leaves open is not in it.
    """
    found = connection_parameters(database_url)
    names = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
    return {variable.decode(): found[key] for key, variable in names.items() if variable and key in found}


def password_verifier(connection: psycopg.Connection, role: str, password: str | None) -> sql.Literal:
    """What the server stores of a password, so that the password itself stands in no statement and no log."""
    encrypted = connection.pgconn.encrypt_password((password or "").encode(), role.encode(), b"scram-sha-256")
    return sql.Literal(encrypted.decode())


def role_url(settings: Settings, admin_url: str, role: LoginRole, suffix: str | None = None) -> str:
    """Connection string for a login role on the server of `admin_url`.

    Args:
        settings: the home, which knows what its roles are called and their passwords.
        admin_url: the administrator's login.
        role: the login.
        suffix: what its name ends in, where the home does not know it yet.

    Raises:
        DatabaseError: the role's password is not known yet, because the warehouse was never set up from this home.
    """
    password = role_password(settings, role)
    if password is None:
        raise DatabaseError("the warehouse is not set up", "run `ladder run` first")
    if suffix is None:
        suffix = role_suffix(settings) or ""
    url = conninfo.make_conninfo(admin_url, user=role_name(role, suffix), password=password)
    # The password itself is never sent, whatever a server in the place of ours says.
    return conninfo.make_conninfo(url, require_auth="scram-sha-256") if pq.version() >= _REQUIRE_AUTH_SINCE else url


def role_password(settings: Settings, role: LoginRole, *, create: bool = False) -> str | None:
    """Password of a login role, from the home's secrets."""
    known = _secrets(settings)
    if role not in known and create:
        known[role] = secrets.token_urlsafe(24)
        _write_secrets(settings, known)
    return known.get(role)


def role_suffix(settings: Settings) -> str | None:
    """What the names of the home's roles end in; None for a home that knows none, or is older than such suffixes."""
    return _secrets(settings).get(_SUFFIX)


def save_role_suffix(settings: Settings, suffix: str) -> None:
    """Note in the home's secrets what its roles are called."""
    known = _secrets(settings)
    if known.get(_SUFFIX) != suffix:
        _write_secrets(settings, {**known, _SUFFIX: suffix})


def secrets_path(settings: Settings) -> Path:
    """The file that keeps the login roles' passwords, and what their names end in; 0600."""
    return settings.home / "secrets" / "roles.json"


def _application_name() -> str:
    """What sessions of this process are called, in PostgreSQL's views and for those who wait for them."""
    return f"ladderhouse {os.getpid()}@{socket.gethostname()}"[:_LONGEST_NAME]


def _secrets(settings: Settings) -> dict[str, str]:
    path = secrets_path(settings)
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return known


def _write_secrets(settings: Settings, known: dict[str, str]) -> None:
    """Replace the file as a whole; only the home's owner can read it."""
    path = secrets_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, json.dumps(known).encode(), mode=0o600)


def first_line(error: BaseException) -> str:
    """What an error says, in its first line that says anything."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__
