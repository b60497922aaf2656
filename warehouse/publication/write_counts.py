"""How many rows were ever written into each table of a colour, as PostgreSQL counts them."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

__all__ = ["WriteCount", "write_counts"]

#: Tables of the additive layer are in `prep`, with the colour at the end of their names.
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
        table: its number in the catalogue; a table that was made anew has another.
        rows: how many, since it was made.
    """

    table: int
    rows: int

    def since(self, earlier: WriteCount | None) -> int:
        """Rows written since an earlier count; all of them where there was no such table."""
        return self.rows - earlier.rows if earlier is not None and earlier.table == self.table else self.rows


def write_counts(connection: psycopg.Connection, colour: str) -> dict[str, WriteCount]:
    """Rows written into the tables of a colour, by the names of their models. Sessions count when they end."""
    rows = connection.execute(_COUNTS, {"colour": colour})
    return {name: WriteCount(oid, count) for name, oid, count in rows}
