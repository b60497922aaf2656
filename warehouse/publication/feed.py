"""The change feed of staging tables: old images of changed rows, which are kept until both colours have read them."""

from __future__ import annotations

import psycopg
from psycopg import sql

from warehouse.database.role_names import SET_ROLE_MARTS_OWNER

__all__ = ["trim_feeds"]


def trim_feeds(connection: psycopg.Connection) -> int:
    """Delete the old images that no build needs any more; returns their number.

    A finished build has read all batches up to the one that is recorded for it, so images up to the older of the two
    colours' batches can be deleted. Until both colours have been built, nothing is deleted.

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
