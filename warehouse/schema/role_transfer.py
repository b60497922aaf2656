"""Transfer ownership and privileges in a database from its former roles to new ones.

This is needed for a warehouse that was set up before role names contained the database's name, or that was copied from
another one. The former roles do not change in other databases of the server, where they may belong to other warehouses.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import resources

import psycopg
from psycopg import sql

from warehouse.database.role_names import LOGIN_ROLES, OWNERS, RoleKind, role_name
from warehouse.database.roles import grant_to_admin

__all__ = ["transfer_roles"]

#: Logins first, since they are members of owners.
_KINDS: tuple[RoleKind, ...] = (*LOGIN_ROLES, "dagster", *OWNERS)
_GRANTS = resources.files("warehouse.schema") / "role_transfer_grants.sql"


def transfer_roles(connection: psycopg.Connection, former: str, suffix: str) -> None:
    """Transfer everything that the roles with one suffix own and may do in this database to the roles with another.

    Args:
        connection: the administrator's, in a transaction; the new roles exist, except Dagster's.
        former: suffix of the former roles.
        suffix: suffix of the new roles.
    """
    names = {role_name(kind, former): role_name(kind, suffix) for kind in _KINDS}
    rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [[*names, *names.values()]])
    existing = {row[0] for row in rows}
    names = {old: new for old, new in names.items() if old in existing}
    for old, new in names.items():
        if new not in existing:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(new)))
        grant_to_admin(connection, old)
        grant_to_admin(connection, new)
        connection.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(sql.Identifier(old), sql.Identifier(new)))
    statements = connection.execute(_GRANTS.read_text(), {"old": list(names), "new": list(names.values())}).fetchall()
    for owner, grant, revoke in statements:
        if owner is not None:
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))
        connection.execute(grant)
        connection.execute(revoke)
        connection.execute("RESET ROLE")
    for old in names:
        _drop(connection, old)


def _drop(connection: psycopg.Connection, name: str) -> None:
    """Drop a role that nothing on the server depends on; otherwise another database uses it."""
    row = connection.execute(
        "SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = to_regrole(%s)",
        [sql.Identifier(name).as_string(None)],
    ).fetchone()
    if row is None:
        ignored = (psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege)
        with suppress(*ignored), connection.transaction():
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
