"""Bring a database to this version: roles, `ops`, staging tables. Running it again changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import psycopg
from psycopg import sql

from warehouse.database import (
    LOGIN_ROLES,
    LoginRole,
    connect,
    parameters,
    password_verifier,
    role_password,
    role_url,
)
from warehouse.errors import DatabaseError, LadderError
from warehouse.locks import MIGRATE
from warehouse.settings import Settings
from warehouse.source import Source
from warehouse.staging import set_up_staging

__all__ = ["migrate"]

#: Version from which acting as a role is a privilege of its own.
_SET_PRIVILEGE_SINCE = 160000
_OWNERS = ("ladder_owner", "ladder_marts_owner")


def migrate(settings: Settings, admin_url: str, sources: Sequence[Source]) -> None:
    """Bring the database to this version, under a lock, in one transaction.

    Args:
        settings: where the login roles' passwords are kept.
        admin_url: a login that may create roles and schemas.
        sources: whose staging tables are created or widened.

    Raises:
        DatabaseError: the login lacks rights, or a table stands there in another shape.
    """
    with connect(admin_url) as connection:
        try:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATE])
            _create_roles(settings, admin_url, connection)
            _apply_migrations(connection)
            for source in sources:
                set_up_staging(connection, source)
        except psycopg.errors.InsufficientPrivilege as error:
            user = parameters(admin_url).get("user", "this login")
            raise DatabaseError(
                f"{user} lacks rights to set up the warehouse: {error.diag.message_primary}",
                f'let an administrator run `ALTER ROLE "{user}" CREATEROLE; '
                f'GRANT CREATE ON DATABASE "{connection.info.dbname}" TO "{user}"`',
            ) from None


def _create_roles(settings: Settings, admin_url: str, connection: psycopg.Connection) -> None:
    existing = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'ladder%'")}
    for owner in _OWNERS:
        if owner not in existing:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(owner)))
        _let_admin_act_as(connection, owner)
    for role in LOGIN_ROLES:
        name = sql.Identifier(f"ladder_{role}")
        is_new = f"ladder_{role}" not in existing
        password = role_password(settings, role, create=True)
        if is_new:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}").format(
                    name, password_verifier(connection, f"ladder_{role}", password)
                )
            )
        elif not _can_login(settings, admin_url, role):
            # Another home set this server up: the newest home's passwords hold.
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    name, password_verifier(connection, f"ladder_{role}", password)
                )
            )
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(connection.info.dbname), name)
        )
    connection.execute("GRANT ladder_marts_owner TO ladder_transform")
    # It owns the schemas of developers, which an administrator makes.
    _let_admin_act_as(connection, "ladder_developer")
    connection.execute("ALTER ROLE ladder_analyst SET default_transaction_read_only = on")
    connection.execute("ALTER ROLE ladder_analyst SET search_path = marts")
    # A day is one in UTC, whatever the server's zone. A client that was left open, or a query that forgot its join,
    # must not hold the views for ever: a generation cannot be published behind it. A session may set either higher.
    connection.execute("ALTER ROLE ladder_analyst SET timezone = 'UTC'")
    connection.execute("ALTER ROLE ladder_analyst SET statement_timeout = '15min'")
    connection.execute("ALTER ROLE ladder_analyst SET idle_in_transaction_session_timeout = '5min'")
    connection.execute("ALTER ROLE ladder_serving SET default_transaction_read_only = on")
    connection.execute("ALTER ROLE ladder_serving SET search_path = marts")
    connection.execute("ALTER ROLE ladder_serving SET statement_timeout = '5s'")


def _let_admin_act_as(connection: psycopg.Connection, owner: str) -> None:
    """A superuser may act as anybody; another administrator must be a member to create what the role will own.

    From PostgreSQL 16 on, who creates a role may administer it but not yet act as it.
    """
    privilege = "SET" if connection.info.server_version >= _SET_PRIVILEGE_SINCE else "MEMBER"
    row = connection.execute("SELECT pg_has_role(current_user, %s, %s)", [owner, privilege]).fetchone()
    if row is None or not row[0]:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))


def _can_login(settings: Settings, admin_url: str, role: LoginRole) -> bool:
    try:
        connect(role_url(settings, admin_url, role)).close()
    except LadderError:
        return False
    return True


def _apply_migrations(connection: psycopg.Connection) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS public.ladder_migrations "
        "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    applied = {row[0] for row in connection.execute("SELECT name FROM public.ladder_migrations")}
    folder = resources.files("warehouse") / "migrations"
    available = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    newer = applied - set(available)
    if newer:
        raise DatabaseError(
            f"the database was set up by a newer Ladderhouse ({max(newer)})",
            "update this clone and try again",
        )
    for name in available:
        if name not in applied:
            connection.execute((folder / name).read_text())
            connection.execute("RESET ROLE")
            connection.execute("INSERT INTO public.ladder_migrations (name) VALUES (%s)", [name])
