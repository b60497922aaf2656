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
#: Servers on which this process has checked that its sessions are not shared.
_checked_servers: set[str] = set()
#: Key of the suffix in the file of passwords, beside the names of roles.
_SUFFIX = "suffix"
_CONNECT_TIMEOUT_S = 10
#: Version of libpq from which a client can require an authentication method.
_REQUIRE_AUTH_SINCE = 160000
_LONGEST_NAME = 63


def connect(database_url: str, *, autocommit: bool = False) -> psycopg.Connection:
    """Open a connection in UTC.

    Raises:
        DatabaseError: the server cannot be reached, rejects the login, is older than PostgreSQL 15, or is behind a
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
                "LADDER_DATABASE_URL points to a connection pooler that rejects the startup parameter `options`",
                "set it to the address of PostgreSQL itself",
            ) from None
        hint = connection_hint("postgres")
        if connection_parameters(database_url).get("user", "").startswith("ladder_") and "password auth" in str(error):
            hint = "run `ladder doctor`, which resets the passwords of its logins"
        raise DatabaseError(
            f"cannot connect to PostgreSQL at {address(database_url)}: {first_line(error)}",
            hint_for(str(error)) or hint,
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
    """Connection parameters of a URL: host, port, user, password, dbname and any others."""
    return {key: str(value) for key, value in conninfo.conninfo_to_dict(database_url).items() if value is not None}


def address(database_url: str) -> str:
    """The server and database of a URL as `host:port/database`, without the login."""
    found = connection_parameters(database_url)
    return f"{found.get('host', 'localhost')}:{found.get('port', '5432')}/{found.get('dbname', '')}"


def libpq_environment(database_url: str) -> dict[str, str]:
    """Environment variables (`PGHOST`, `PGSSLMODE`, ...) with which psql, dbt and other libpq clients use a URL.

    Parameters that the URL does not set are left out.
    """
    found = connection_parameters(database_url)
    names = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
    return {variable.decode(): found[key] for key, variable in names.items() if variable and key in found}


def password_verifier(connection: psycopg.Connection, role: str, password: str | None) -> sql.Literal:
    """The SCRAM verifier that the server stores, so that no statement or log contains the password itself."""
    encrypted = connection.pgconn.encrypt_password((password or "").encode(), role.encode(), b"scram-sha-256")
    return sql.Literal(encrypted.decode())


def role_url(settings: Settings, admin_url: str, role: LoginRole, suffix: str | None = None) -> str:
    """Connection string for a login role on the server of `admin_url`.

    Args:
        settings: the home, which stores the suffix of the role names and the passwords.
        admin_url: the administrator's login.
        role: the login role.
        suffix: suffix of the role's name; by default the one that the home has stored.

    Raises:
        DatabaseError: the home has no password of the role, because the warehouse was never set up from this home.
    """
    password = role_password(settings, role)
    if password is None:
        raise DatabaseError("the warehouse is not set up", "run `ladder run` first")
    if suffix is None:
        suffix = role_suffix(settings) or ""
    url = conninfo.make_conninfo(admin_url, user=role_name(role, suffix), password=password)
    # The client never sends the password itself, even if another server requests it in clear text.
    return conninfo.make_conninfo(url, require_auth="scram-sha-256") if pq.version() >= _REQUIRE_AUTH_SINCE else url


def role_password(settings: Settings, role: LoginRole, *, create: bool = False) -> str | None:
    """Password of a login role from the home's secrets; None if there is none and `create` is false."""
    known = _secrets(settings)
    if role not in known and create:
        known[role] = secrets.token_urlsafe(24)
        _write_secrets(settings, known)
    return known.get(role)


def role_suffix(settings: Settings) -> str | None:
    """Suffix of the home's role names; None if the home has stored none, or is older than these suffixes."""
    return _secrets(settings).get(_SUFFIX)


def save_role_suffix(settings: Settings, suffix: str) -> None:
    """Store the suffix of the role names in the home's secrets."""
    known = _secrets(settings)
    if known.get(_SUFFIX) != suffix:
        _write_secrets(settings, {**known, _SUFFIX: suffix})


def secrets_path(settings: Settings) -> Path:
    """The file, with mode 0600, of the login roles' passwords and the suffix of their names."""
    return settings.home / "secrets" / "roles.json"


def _application_name() -> str:
    """`application_name` of this process's sessions, as shown in PostgreSQL's views and to processes that wait."""
    return f"ladderhouse {os.getpid()}@{socket.gethostname()}"[:_LONGEST_NAME]


def _secrets(settings: Settings) -> dict[str, str]:
    path = secrets_path(settings)
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return known


def _write_secrets(settings: Settings, known: dict[str, str]) -> None:
    """Replace the file atomically; only the home's owner can read it."""
    path = secrets_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, json.dumps(known).encode(), mode=0o600)


def first_line(error: BaseException) -> str:
    """First line of an error message that is not blank; the type of the error if there is none."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__
