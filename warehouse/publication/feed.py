"""The change feed of staging tables: old images of changed rows, kept until both colours have read them."""

from __future__ import annotations

import psycopg
from psycopg import sql

from warehouse.database.role_names import SET_ROLE_MARTS_OWNER

__all__ = ["trim_feeds"]


def trim_feeds(connection: psycopg.Connection) -> int:
    """Forget the old images that no build will ask for; returns how many.

    A finished build has read every batch up to the one it is recorded with, so what the slower of the two colours has
    read is done with. Until both have been built, everything stays.

    Args:
        connection: a login of `ladder_transform`, in autocommit, that holds the build lock.
    """
    trimmed = 0
    with connection.transaction():
        connection.execute(SET_ROLE_MARTS_OWNER)
        feeds = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname LIKE 'staging\\_%' AND tablename LIKE '%\\_\\_feed' ORDER BY schemaname, tablename"
        ).fetchall()
        for feed in feeds:
            trimmed += connection.execute(
                sql.SQL(
                    "DELETE FROM {} WHERE _feed_batch_id <= "
                    "(SELECT min(head_batch_id) FROM ops.build_state HAVING count(*) = 2)"
                ).format(sql.Identifier(*feed))
            ).rowcount
    return trimmed
