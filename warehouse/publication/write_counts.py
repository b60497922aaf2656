"""Number of rows written into each table of a colour, by PostgreSQL's cumulative statistics."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

__all__ = ["WriteCount", "write_counts"]

#: Tables of the additive layer are in `prep`, with the colour as the suffix of their names.
_COUNTS = """
SELECT
    CASE WHEN n.nspname = 'prep' THEN left(c.relname, -1 - length(%(colour)s)) ELSE c.relname END,
    c.oid,
    pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND (
    n.nspname = 'marts_' || %(colour)s
    OR n.nspname = 'prep' AND right(c.relname, 1 + length(%(colour)s)) = '_' || %(colour)s
)
"""


@dataclass(frozen=True, slots=True)
class WriteCount:
    """Rows inserted, updated and deleted in a table.

    Args:
        table: its oid; a table that was recreated has another.
        rows: number of rows since it was created.
    """

    table: int
    rows: int

    def since(self, earlier: WriteCount | None) -> int:
        """Rows written since an earlier count; all rows if the table did not exist then."""
        return self.rows - earlier.rows if earlier is not None and earlier.table == self.table else self.rows


def write_counts(connection: psycopg.Connection, colour: str) -> dict[str, WriteCount]:
    """Rows written into the tables of a colour, by model name. A session's writes are counted when it ends."""
    rows = connection.execute(_COUNTS, {"colour": colour})
    return {name: WriteCount(oid, count) for name, oid, count in rows}
