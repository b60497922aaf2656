"""Resource limits and settings of the login roles, and their reconciliation.

A login may change its own password and settings, which PostgreSQL cannot forbid. Both are compared and reset each time
the warehouse is opened and, under `ladder up`, every minute. The same check ends sessions that last too long. Limits
that require a superuser are set on embedded servers only; for other servers `ladder doctor` lists the missing ones.
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
from warehouse.database.role_names import LOGIN_ROLES, LoginRole, qualify_role_names, role_name

__all__ = [
    "is_embedded_superuser",
    "missing_limits",
    "reconcile_logins",
    "revoke_public_privileges",
    "terminate_long_sessions",
    "watch_logins",
]

#: Concurrent sessions of logins that people use: PostgreSQL allows 100 in total by default.
_MAX_SESSIONS: dict[LoginRole, int] = {"analyst": 20, "developer": 20}
#: Settings of every login. A statement whose client has disconnected ends within this time.
_COMMON_SETTINGS = {"client_connection_check_interval": "2s"}
#: Further settings by login; a session may change them.
_SETTINGS: dict[LoginRole, dict[str, str]] = {
    # Days are in UTC in any time zone of the server. An idle client, or a query with a missing join, must not lock the
    # views indefinitely: no generation can be published meanwhile.
    "analyst": {
        "default_transaction_read_only": "on",
        "search_path": "marts",
        "TimeZone": "UTC",
        "statement_timeout": "15min",
        "idle_in_transaction_session_timeout": "5min",
    },
    "serving": {"default_transaction_read_only": "on", "search_path": "marts", "statement_timeout": "5s"},
}
#: Settings that only a superuser may set and that a session cannot change.
_SUPERUSER_SETTINGS: dict[LoginRole, dict[str, str]] = {
    "analyst": {"temp_file_limit": "10GB"},
    "developer": {"temp_file_limit": "10GB"},
    "serving": {"temp_file_limit": "1GB"},
}
#: Limits of an analyst's sessions, independent of their settings.
TRANSACTION_LIMIT = timedelta(hours=1)
IDLE_LIMIT = timedelta(minutes=15)
_INTERVAL_S = 60.0
#: Functions with which any login may store data or hold an advisory lock.
_WRITING_FUNCTIONS = "^(lo_|lowrite$|loread$|pg_(try_)?advisory_|pg_logical_emit_message$)"
_PUBLIC_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ %s
AND has_function_privilege('public', p.oid, 'EXECUTE')
"""
_NEEDS_TEMPORARY = "ladder_ingest, ladder_transform, ladder_marts_owner, ladder_developer"
_log = logging.getLogger(__name__)


def reconcile_logins(
    settings: Settings,
    admin_url: str,
    connection: psycopg.Connection,
    suffix: str,
    *,
    made: Collection[str] = (),
) -> list[str]:
    """Reset passwords, settings and limits of the logins where they differ; returns a line for each difference.

    Args:
        settings: the home, which stores the passwords.
        admin_url: a login that may create roles.
        connection: a connection of that login.
        suffix: suffix of the role names.
        made: roles that were created in this transaction and have no limits yet.
    """
    restored = []
    is_superuser = is_embedded_superuser(settings, connection)
    for role in LOGIN_ROLES:
        name = role_name(role, suffix)
        is_made = name in made
        if not is_made and not _can_log_in(connection, name, role_url(settings, admin_url, role, suffix)):
            verifier = password_verifier(connection, name, role_password(settings, role))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), verifier))
            restored.append(f"the password of {name} was changed or belongs to another home")
        if _apply_settings(connection, role, name, is_superuser=is_superuser) and not is_made:
            restored.append(f"settings or limits of {name} differed from those of this version")
    return restored


def is_embedded_superuser(settings: Settings, connection: psycopg.Connection) -> bool:
    """Whether the server is embedded, so that no one else uses it, and the connection is a superuser's."""
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return settings.database_url is None and row is not None and bool(row[0])


def terminate_long_sessions(
    connection: psycopg.Connection,
    suffix: str,
    *,
    transaction_limit: timedelta = TRANSACTION_LIMIT,
    idle_limit: timedelta = IDLE_LIMIT,
) -> int:
    """End sessions of the analyst whose transaction runs or is idle for too long; returns their number."""
    rows = connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND datname = current_database() "
        "AND (clock_timestamp() - xact_start > %s "
        "OR (state LIKE 'idle in transaction%%' AND clock_timestamp() - state_change > %s))",
        [role_name("analyst", suffix), transaction_limit, idle_limit],
    )
    return len(rows.fetchall())


def revoke_public_privileges(connection: psycopg.Connection, suffix: str) -> None:
    """Revoke large objects and advisory locks, which only a superuser can revoke, and temporary tables from PUBLIC.

    Args:
        connection: a superuser's, on a server that only the warehouse uses.
        suffix: suffix of the role names.
    """
    for (function,) in connection.execute(_PUBLIC_FUNCTIONS, [_WRITING_FUNCTIONS]).fetchall():
        connection.execute(f"REVOKE EXECUTE ON FUNCTION pg_catalog.{function} FROM PUBLIC".encode())
    database = sql.Identifier(connection.info.dbname)
    row = connection.execute("SELECT has_database_privilege('public', current_database(), 'TEMPORARY')").fetchone()
    if row is not None and row[0]:
        connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
        needing = sql.SQL(qualify_role_names(_NEEDS_TEMPORARY, suffix))
        connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, needing))


def missing_limits(connection: psycopg.Connection, suffix: str) -> list[str]:
    """Resources of this server that an analyst can use without a limit, because a superuser has not set one."""
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
def watch_logins(settings: Settings, admin_url: str, *, interval_s: float = _INTERVAL_S) -> Iterator[None]:
    """Reconcile logins and end long sessions in a background thread until the block ends."""

    def check() -> None:
        try:
            with connect(admin_url) as connection:
                suffix = role_suffix(settings) or ""
                for line in reconcile_logins(settings, admin_url, connection, suffix):
                    _log.warning("%s; reset", line)
                count = terminate_long_sessions(connection, suffix)
                if count:
                    _log.warning("ended %s sessions of analysts that lasted too long", count)
        except (LadderError, psycopg.Error) as error:
            _log.warning("logins could not be checked: %s", error)

    with run_periodically(check, every_s=interval_s, name="logins"):
        yield


def _can_log_in(connection: psycopg.Connection, name: str, url: str) -> bool:
    """Whether a login succeeds; also true if its connection limit is reached, so that it cannot be tried."""
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


def _apply_settings(connection: psycopg.Connection, role: LoginRole, name: str, *, is_superuser: bool) -> bool:
    """Apply the settings and the connection limit of a login; returns whether anything differed."""
    wanted = _COMMON_SETTINGS | _SETTINGS.get(role, {}) | (_SUPERUSER_SETTINGS.get(role, {}) if is_superuser else {})
    sessions = _MAX_SESSIONS.get(role, -1)
    row = connection.execute(
        "SELECT rolconnlimit, rolconfig, (SELECT array_agg(datname::text) FROM pg_db_role_setting "
        "JOIN pg_database ON pg_database.oid = setdatabase WHERE setrole = pg_roles.oid) "
        "FROM pg_roles WHERE rolname = %s",
        [name],
    ).fetchone()
    assert row is not None  # it was just created, or has logged in
    found_sessions, found, databases = row
    is_right = not databases and found_sessions == sessions
    identifier = sql.Identifier(name)
    existing = dict(line.split("=", 1) for line in found or [])
    for setting in existing.keys() - wanted.keys() - _SUPERUSER_SETTINGS.get(role, {}).keys():
        connection.execute(sql.SQL("ALTER ROLE {} RESET {}").format(identifier, sql.Identifier(setting)))
        is_right = False
    for setting, value in wanted.items():
        if existing.get(setting) != value and _apply_setting(connection, identifier, setting, value):
            is_right = False
    for database in databases or []:
        connection.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(identifier, sql.Identifier(database))
        )
    if found_sessions != sessions:
        connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(identifier, sql.Literal(sessions)))
    return not is_right


def _apply_setting(connection: psycopg.Connection, role: sql.Identifier, setting: str, value: str) -> bool:
    """Apply one setting of a login; false if the server cannot detect disconnected clients."""
    statement = sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(setting), sql.Literal(value))
    if setting not in _COMMON_SETTINGS:
        connection.execute(statement)
        return True
    with suppress(psycopg.errors.InvalidParameterValue), connection.transaction():
        connection.execute(statement)
        return True
    return False
