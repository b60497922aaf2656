"""The roles of a warehouse: owners that cannot log in, and a login for each kind of work."""

from __future__ import annotations

import psycopg
from psycopg import sql

from warehouse.database import connect, password_verifier, role_password, role_url
from warehouse.errors import LadderError
from warehouse.role_names import LOGIN_ROLES, OWNERS, LoginRole, role_name, with_role_names
from warehouse.settings import Settings

__all__ = ["create_roles", "let_admin_act_as"]

#: Version from which acting as a role is a privilege of its own.
_SET_PRIVILEGE_SINCE = 160000
#: What each session of a login begins with; a session may set it otherwise.
_SETTINGS: dict[LoginRole, dict[str, str]] = {
    # A day is one in UTC, whatever the server's zone. A client that was left open, or a query that forgot its join,
    # must not hold the views for ever: a generation cannot be published behind it.
    "analyst": {
        "default_transaction_read_only": "on",
        "search_path": "marts",
        "timezone": "UTC",
        "statement_timeout": "15min",
        "idle_in_transaction_session_timeout": "5min",
    },
    "serving": {"default_transaction_read_only": "on", "search_path": "marts", "statement_timeout": "5s"},
}


def create_roles(settings: Settings, admin_url: str, connection: psycopg.Connection, suffix: str) -> None:
    """Make the roles of a database, unless they are there, with the passwords of this home.

    Args:
        settings: the home, where passwords are.
        admin_url: a login that may create roles.
        connection: a connection of that login.
        suffix: what the names of the roles end in.
    """
    names = [role_name(kind, suffix) for kind in (*OWNERS, *LOGIN_ROLES)]
    rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [names])
    existing = {row[0] for row in rows}
    database = connection.info.dbname
    for owner in OWNERS:
        name = role_name(owner, suffix)
        if name not in existing:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
            _describe(connection, name, database)
        let_admin_act_as(connection, name)
    for role in LOGIN_ROLES:
        name = role_name(role, suffix)
        _create_login(settings, admin_url, connection, role, suffix, is_new=name not in existing)
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(name))
        )
        for setting, value in _SETTINGS.get(role, {}).items():
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(sql.Identifier(name), sql.Identifier(setting), value)
            )
    builder_may_act = with_role_names("GRANT ladder_marts_owner TO ladder_transform", suffix)
    connection.execute(builder_may_act.encode())
    # It owns the schemas of developers, which an administrator makes.
    let_admin_act_as(connection, role_name("developer", suffix))


def let_admin_act_as(connection: psycopg.Connection, name: str) -> None:
    """A superuser may act as anybody; another administrator must be a member to create what the role will own.

    From PostgreSQL 16 on, who creates a role may administer it but not yet act as it.
    """
    privilege = "SET" if connection.info.server_version >= _SET_PRIVILEGE_SINCE else "MEMBER"
    row = connection.execute("SELECT pg_has_role(current_user, %s, %s)", [name, privilege]).fetchone()
    if row is None or not row[0]:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))


def _create_login(
    settings: Settings, admin_url: str, connection: psycopg.Connection, role: LoginRole, suffix: str, *, is_new: bool
) -> None:
    name = role_name(role, suffix)
    password = role_password(settings, role, create=True)
    if is_new:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}").format(
                sql.Identifier(name), password_verifier(connection, name, password)
            )
        )
        _describe(connection, name, connection.info.dbname)
    elif not _can_login(role_url(settings, admin_url, role, suffix)):
        # Another home set this database up: the newest home's passwords hold.
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(name), password_verifier(connection, name, password)
            )
        )


def _describe(connection: psycopg.Connection, name: str, database: str) -> None:
    text = f"of the Ladderhouse warehouse in the database {database}"
    connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(name), sql.Literal(text)))


def _can_login(url: str) -> bool:
    try:
        connect(url).close()
    except LadderError:
        return False
    return True
