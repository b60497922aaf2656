"""Refresh the planner's statistics of staging tables before a build."""

from __future__ import annotations

from psycopg import sql

from warehouse.database.connections import connect
from warehouse.database.role_names import SET_ROLE_OWNER

__all__ = ["refresh_statistics"]


def refresh_statistics(admin_url: str) -> list[str]:
    """Analyse every staging table of which a tenth has changed since its last analysis.

    Autovacuum does the same, but up to a minute later, and the planner assumes that a table without statistics is tiny:
    a first build of some thousand matches then takes a minute instead of a second.

    Args:
        admin_url: the administrator's login.

    Returns:
        Names of the tables that were analysed.

    Raises:
        DatabaseError: the server cannot be reached.
    """
    with connect(admin_url, autocommit=True) as connection:
        changed = connection.execute(
            "SELECT schemaname, relname FROM pg_stat_user_tables WHERE schemaname LIKE 'staging\\_%' "
            "AND n_mod_since_analyze > 50 + 0.1 * n_live_tup ORDER BY schemaname, relname"
        ).fetchall()
        for schema, table in changed:
            with connection.transaction():
                connection.execute(SET_ROLE_OWNER)
                connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(schema, table)))
    return [f"{schema}.{table}" for schema, table in changed]
