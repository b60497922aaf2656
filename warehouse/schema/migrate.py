"""Migrate a database to this version: roles, `ops` and staging tables. The migration is idempotent."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import psycopg

from warehouse.core.errors import DatabaseError
from warehouse.core.settings import Settings
from warehouse.database.connections import connect, connection_parameters, role_suffix, save_role_suffix
from warehouse.database.locks import acquire_migration_lock
from warehouse.database.login_limits import (
    is_embedded_superuser,
    reconcile_logins,
    revoke_public_privileges,
    terminate_long_sessions,
)
from warehouse.database.role_names import find_suffix, qualify_role_names, suffix_for_database
from warehouse.database.roles import create_roles
from warehouse.model.source import Source
from warehouse.schema.role_transfer import transfer_roles
from warehouse.schema.staging_tables import set_up_staging

__all__ = ["migrate"]


def migrate(settings: Settings, admin_url: str, sources: Sequence[Source]) -> list[str]:
    """Migrate the database to this version, under a lock, in one transaction.

    Args:
        settings: the home, which stores the login roles' passwords and the suffix of their names.
        admin_url: a login that may create roles and schemas.
        sources: sources whose staging tables are created or extended.

    Returns:
        A line for each password, setting or limit of a login that was reset.

    Raises:
        DatabaseError: the login lacks privileges, or an existing table has another structure.
    """
    with connect(admin_url) as connection:
        try:
            _create_migrations_table(connection)
            acquire_migration_lock(connection)
            former = find_suffix(connection)
            # A database that was renamed, or copied for this home, keeps the roles that the home has stored.
            is_known = former is not None and former == role_suffix(settings)
            suffix = former if is_known and former is not None else suffix_for_database(connection.info.dbname)
            made = create_roles(settings, connection, suffix)
            restored = reconcile_logins(settings, admin_url, connection, suffix, made=made)
            if former is not None and former != suffix:
                transfer_roles(connection, former, suffix)
            _apply_migrations(connection, suffix)
            for source in sources:
                set_up_staging(connection, source, suffix)
            if is_embedded_superuser(settings, connection):
                revoke_public_privileges(connection, suffix)
            terminate_long_sessions(connection, suffix)
        except psycopg.errors.InsufficientPrivilege as error:
            user = connection_parameters(admin_url).get("user", "this login")
            raise DatabaseError(
                f"{user} lacks privileges to set up the warehouse: {error.diag.message_primary}",
                f'ask an administrator to run `ALTER ROLE "{user}" CREATEROLE; '
                f'GRANT CREATE ON DATABASE "{connection.info.dbname}" TO "{user}"`',
            ) from None
    save_role_suffix(settings, suffix)
    return restored


def _create_migrations_table(connection: psycopg.Connection) -> None:
    """Create the table of applied migrations, which is locked before any other table is read."""
    create = (
        "CREATE TABLE IF NOT EXISTS public.ladder_migrations "
        "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    try:
        with connection.transaction():
            connection.execute(create)
    except psycopg.errors.UniqueViolation:
        connection.execute(create)  # another process has created it since


def _apply_migrations(connection: psycopg.Connection, suffix: str) -> None:
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
            connection.execute(qualify_role_names((folder / name).read_text(), suffix).encode())
            connection.execute("RESET ROLE")
            connection.execute("INSERT INTO public.ladder_migrations (name) VALUES (%s)", [name])
