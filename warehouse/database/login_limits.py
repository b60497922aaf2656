"""What logins may use up, and that they stay as they were set up.

A login may change its own password and settings, and PostgreSQL has no way to forbid that: both are compared and set
back at each opening and, under `ladder up`, each minute. The same look ends sessions that last for too long. What takes
a superuser is set on embedded servers alone; elsewhere `ladder doctor` lists what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg
from psycopg import sql

from warehouse.core.errors import LadderError
from warehouse.core.periodic import run_periodically
from warehouse.core.settings import Settings
from warehouse.database.connections import connect, password_verifier, role_password, role_suffix, role_url
from warehouse.database.role_names import LOGIN_ROLES, LoginRole, role_name, with_role_names

__all__ = [
    "end_long_sessions",
    "forbid_storing",
    "is_own_server",
    "missing_limits",
    "restore_logins",
    "watching_logins",
]

#: Sessions at a time, of logins that people have: PostgreSQL allows 100 of all together by default.
_SESSIONS: dict[LoginRole, int] = {"analyst": 20, "developer": 20}
#: What each session begins with. A statement whose client was killed, or has given up, ends within this time.
_EVERY_LOGIN = {"client_connection_check_interval": "2s"}
#: What else each session of a login begins with; a session may set it otherwise.
_SETTINGS: dict[LoginRole, dict[str, str]] = {
    # A day is one in UTC, whatever the server's zone. A client that was left open, or a query that forgot its join,
    # must not hold the views for ever: a generation cannot be published behind it.
    "analyst": {
        "default_transaction_read_only": "on",
        "search_path": "marts",
        "TimeZone": "UTC",
        "statement_timeout": "15min",
        "idle_in_transaction_session_timeout": "5min",
    },
    "serving": {"default_transaction_read_only": "on", "search_path": "marts", "statement_timeout": "5s"},
}
#: What only a superuser may set, and no session otherwise.
_SUPERUSER_SETTINGS: dict[LoginRole, dict[str, str]] = {
    "analyst": {"temp_file_limit": "10GB"},
    "developer": {"temp_file_limit": "10GB"},
    "serving": {"temp_file_limit": "1GB"},
}
#: What no session of an analyst may exceed, whatever it has set.
TRANSACTION_LIMIT = timedelta(hours=1)
IDLE_LIMIT = timedelta(minutes=15)
_LOOK_S = 60.0
#: Functions by which any login may store something, or hold an advisory lock.
_STORING = "^(lo_|lowrite$|loread$|pg_(try_)?advisory_|pg_logical_emit_message$)"
_OPEN_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ %s
AND has_function_privilege('public', p.oid, 'EXECUTE')
"""
_NEEDS_TEMPORARY = "ladder_ingest, ladder_transform, ladder_marts_owner, ladder_developer"
_log = logging.getLogger(__name__)


def restore_logins(
    settings: Settings,
    admin_url: str,
    connection: psycopg.Connection,
    suffix: str,
    *,
    made: Collection[str] = (),
) -> list[str]:
    """Set passwords, settings and limits of the logins to what they should be; what was not, in a line each.

    Args:
        settings: the home, which knows the passwords.
        admin_url: a login that may create roles.
        connection: a connection of that login.
        suffix: what the names of the roles end in.
        made: roles that are new in this transaction, and have no limits yet.
    """
    restored = []
    is_superuser = is_own_server(settings, connection)
    for role in LOGIN_ROLES:
        name = role_name(role, suffix)
        is_made = name in made
        if not is_made and not _knows_password(connection, name, role_url(settings, admin_url, role, suffix)):
            verifier = password_verifier(connection, name, role_password(settings, role))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), verifier))
            restored.append(f"the password of {name} had been changed, or is another home's")
        if _set_limits(connection, role, name, is_superuser=is_superuser) and not is_made:
            restored.append(f"settings or limits of {name} were not those of this version")
    return restored


def is_own_server(settings: Settings, connection: psycopg.Connection) -> bool:
    """Whether the server is embedded, and so the warehouse's alone, and the connection a superuser's."""
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return settings.database_url is None and row is not None and bool(row[0])


def end_long_sessions(
    connection: psycopg.Connection,
    suffix: str,
    *,
    transaction_limit: timedelta = TRANSACTION_LIMIT,
    idle_limit: timedelta = IDLE_LIMIT,
) -> int:
    """End sessions of the analyst whose transaction lasts, or does nothing, for too long; returns how many."""
    rows = connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND datname = current_database() "
        "AND (clock_timestamp() - xact_start > %s "
        "OR (state LIKE 'idle in transaction%%' AND clock_timestamp() - state_change > %s))",
        [role_name("analyst", suffix), transaction_limit, idle_limit],
    )
    return len(rows.fetchall())


def forbid_storing(connection: psycopg.Connection, suffix: str) -> None:
    """Revoke from PUBLIC what only a superuser can revoke: large objects, advisory locks; and temporary tables.

    Args:
        connection: a superuser's, on a server that is the warehouse's alone.
        suffix: what the names of the roles end in.
    """
    for (function,) in connection.execute(_OPEN_FUNCTIONS, [_STORING]).fetchall():
        connection.execute(f"REVOKE EXECUTE ON FUNCTION pg_catalog.{function} FROM PUBLIC".encode())
    database = sql.Identifier(connection.info.dbname)
    row = connection.execute("SELECT has_database_privilege('public', current_database(), 'TEMPORARY')").fetchone()
    if row is not None and row[0]:
        connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
        needing = sql.SQL(with_role_names(_NEEDS_TEMPORARY, suffix))
        connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, needing))


def missing_limits(connection: psycopg.Connection, suffix: str) -> list[str]:
    """What an analyst may use up on this server, because a superuser has not forbidden it."""
    analyst = role_name("analyst", suffix)
    checks = {
        "large objects": "has_function_privilege(%(analyst)s, 'pg_catalog.lo_create(oid)', 'EXECUTE')",
        "advisory locks": "has_function_privilege(%(analyst)s, 'pg_catalog.pg_advisory_lock(bigint)', 'EXECUTE')",
        "temporary tables": "has_database_privilege(%(analyst)s, current_database(), 'TEMPORARY')",
        "temporary files of any size": "NOT EXISTS (SELECT FROM pg_roles CROSS JOIN unnest(rolconfig) AS setting "
        "WHERE rolname = %(analyst)s AND starts_with(setting, 'temp_file_limit='))",
    }
    selected = ", ".join(checks.values())
    row = connection.execute(f"SELECT {selected}".encode(), {"analyst": analyst}).fetchone()
    return [] if row is None else [name for name, is_open in zip(checks, row, strict=True) if is_open]


@contextmanager
def watching_logins(settings: Settings, admin_url: str, *, every_s: float = _LOOK_S) -> Iterator[None]:
    """Keep logins and their sessions within their limits for the length of the block, from a thread."""

    def check() -> None:
        try:
            with connect(admin_url) as connection:
                suffix = role_suffix(settings) or ""
                for line in restore_logins(settings, admin_url, connection, suffix):
                    _log.warning("%s; it is set back", line)
                count = end_long_sessions(connection, suffix)
                if count:
                    _log.warning("ended %s sessions of analysts that lasted for too long", count)
        except (LadderError, psycopg.Error) as error:
            _log.warning("logins could not be looked at: %s", error)

    with run_periodically(check, every_s=every_s, name="logins"):
        yield


def _knows_password(connection: psycopg.Connection, name: str, url: str) -> bool:
    """Whether a login is let in; taken for granted where it has no session left to try that with."""
    row = connection.execute(
        "SELECT rolconnlimit < 0 OR rolconnlimit > (SELECT count(*) FROM pg_stat_activity WHERE usename = rolname) "
        "FROM pg_roles WHERE rolname = %s",
        [name],
    ).fetchone()
    if row is None or not row[0]:
        return True
    try:
        connect(url).close()
    except LadderError:
        return False
    return True


def _set_limits(connection: psycopg.Connection, role: LoginRole, name: str, *, is_superuser: bool) -> bool:
    """Set what the sessions of a login begin with, and how many there may be; whether anything was different."""
    wanted = _EVERY_LOGIN | _SETTINGS.get(role, {}) | (_SUPERUSER_SETTINGS.get(role, {}) if is_superuser else {})
    sessions = _SESSIONS.get(role, -1)
    row = connection.execute(
        "SELECT rolconnlimit, rolconfig, (SELECT array_agg(datname::text) FROM pg_db_role_setting "
        "JOIN pg_database ON pg_database.oid = setdatabase WHERE setrole = pg_roles.oid) "
        "FROM pg_roles WHERE rolname = %s",
        [name],
    ).fetchone()
    assert row is not None  # it was just made, or logged in
    found_sessions, found, databases = row
    is_right = not databases and found_sessions == sessions
    identifier = sql.Identifier(name)
    existing = dict(line.split("=", 1) for line in found or [])
    for setting in existing.keys() - wanted.keys() - _SUPERUSER_SETTINGS.get(role, {}).keys():
        connection.execute(sql.SQL("ALTER ROLE {} RESET {}").format(identifier, sql.Identifier(setting)))
        is_right = False
    for setting, value in wanted.items():
        if existing.get(setting) != value and _set(connection, identifier, setting, value):
            is_right = False
    for database in databases or []:
        connection.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(identifier, sql.Identifier(database))
        )
    if found_sessions != sessions:
        connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(identifier, sql.Literal(sessions)))
    return not is_right


def _set(connection: psycopg.Connection, role: sql.Identifier, setting: str, value: str) -> bool:
    """Set what the sessions of a login begin with; false where the server cannot detect disconnected clients."""
    statement = sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(setting), sql.Literal(value))
    if setting not in _EVERY_LOGIN:
        connection.execute(statement)
        return True
    with suppress(psycopg.errors.InvalidParameterValue), connection.transaction():
        connection.execute(statement)
        return True
    return False
