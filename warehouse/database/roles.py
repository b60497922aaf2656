"""The roles of a warehouse: owners that cannot log in, and a login for each kind of work."""

from __future__ import annotations

import psycopg
from psycopg import sql

from warehouse.core.settings import Settings
from warehouse.database.connections import password_verifier, role_password
from warehouse.database.role_names import LOGIN_ROLES, OWNERS, qualify_role_names, role_name

__all__ = ["create_roles", "grant_to_admin"]

#: Version from which acting as a role is a privilege of its own.
_SET_PRIVILEGE_SINCE = 160000


def create_roles(settings: Settings, connection: psycopg.Connection, suffix: str) -> set[str]:
    """Make the roles of a database, unless they are there, with the passwords of this home; returns the new ones.

    Args:
        settings: the home, where passwords are.
        connection: a connection of a login that may create roles.
        suffix: what the names of the roles end in.
    """
    names = [role_name(kind, suffix) for kind in (*OWNERS, *LOGIN_ROLES)]
    rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [names])
    existing = {row[0] for row in rows}
    for owner in OWNERS:
        name = role_name(owner, suffix)
        if name not in existing:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
            _describe(connection, name)
        grant_to_admin(connection, name)
    database = sql.Identifier(connection.info.dbname)
    for role in LOGIN_ROLES:
        name = role_name(role, suffix)
        password = role_password(settings, role, create=True)
        if name not in existing:
            verifier = password_verifier(connection, name, password)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}").format(sql.Identifier(name), verifier)
            )
            _describe(connection, name)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(name)))
    builder_may_act = qualify_role_names("GRANT ladder_marts_owner TO ladder_transform", suffix)
    connection.execute(builder_may_act.encode())
    # It owns the schemas of developers, which an administrator makes.
    grant_to_admin(connection, role_name("developer", suffix))
    # Its sessions are ended where they last for too long.
    grant_to_admin(connection, role_name("analyst", suffix))
    return set(names) - existing


def grant_to_admin(connection: psycopg.Connection, name: str) -> None:
    """A superuser may act as anybody; another administrator must be a member to create what the role will own.

    From PostgreSQL 16 on, who creates a role may administer it but not yet act as it.
    """
    privilege = "SET" if connection.info.server_version >= _SET_PRIVILEGE_SINCE else "MEMBER"
    row = connection.execute("SELECT pg_has_role(current_user, %s, %s)", [name, privilege]).fetchone()
    if row is None or not row[0]:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))


def _describe(connection: psycopg.Connection, name: str) -> None:
    text = f"of the Ladderhouse warehouse in the database {connection.info.dbname}"
    connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(name), sql.Literal(text)))
