"""Create the roles of a warehouse: owners without login, and a login role for each kind of work."""

from __future__ import annotations

import psycopg
from psycopg import sql

from warehouse.core.settings import Settings
from warehouse.database.connections import password_verifier, role_password
from warehouse.database.role_names import LOGIN_ROLES, OWNERS, qualify_role_names, role_name

__all__ = ["create_roles", "grant_to_admin"]

#: Version of PostgreSQL from which SET ROLE is a separate privilege.
_SET_PRIVILEGE_SINCE = 160000


def create_roles(settings: Settings, connection: psycopg.Connection, suffix: str) -> set[str]:
    """Create the missing roles of a database, with the passwords of this home; returns the names of the new roles.

    Args:
        settings: the home, which stores the passwords.
        connection: a connection of a login that may create roles.
        suffix: suffix of the role names.
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
    # The developer role owns the schemas of developers, which an administrator creates.
    grant_to_admin(connection, role_name("developer", suffix))
    # The administrator ends sessions of analysts that last too long.
    grant_to_admin(connection, role_name("analyst", suffix))
    return set(names) - existing


def grant_to_admin(connection: psycopg.Connection, name: str) -> None:
    """Grant a role to the administrator, unless it may set that role already, as a superuser may.

    The administrator needs it to create objects that the role will own. Since PostgreSQL 16 the creator of a role can
    administer it but not set it.
    """
    privilege = "SET" if connection.info.server_version >= _SET_PRIVILEGE_SINCE else "MEMBER"
    row = connection.execute("SELECT pg_has_role(current_user, %s, %s)", [name, privilege]).fetchone()
    if row is None or not row[0]:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))


def _describe(connection: psycopg.Connection, name: str) -> None:
    text = f"of the Ladderhouse warehouse in the database {connection.info.dbname}"
    connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(name), sql.Literal(text)))
