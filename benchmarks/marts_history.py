"""Data of `benchmarks.marts`: histories of any length in the staging tables, and changes that are landed and loaded.

The rows are generated in the database, see `marts_history.sql`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psycopg import sql

from ingestion.sources.opendota.source import SOURCE
from orchestration.warehouse_access import Warehouse
from warehouse.database.connections import connect
from warehouse.model.source import Page
from warehouse.staging.load import LoadReport, load_pending

__all__ = ["CHANGES", "History", "vacuum"]

#: Changes of a round: numbers of new, corrected and deleted rows.
CHANGES = (7_000, 2_000, 1_000)
#: Number of rows that are recent enough to be corrected, see `bench.oldest_change`.
_ROWS_IN_REACH = 2_000_000
_ENDS_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class History:
    """The history of a warehouse.

    Args:
        warehouse: an open, empty warehouse.
        rows: rows of `staging_opendota.player_matches`, at least 10,000.
    """

    warehouse: Warehouse
    rows: int

    def fill(self) -> int:
        """Write the history; returns the number of rows of all staging tables."""
        with connect(self.warehouse.servers.database_url) as connection:
            connection.execute(Path(__file__).with_suffix(".sql").read_bytes())
            row = connection.execute("SELECT bench.fill(%s)", [self._matches]).fetchone()
        vacuum(self.warehouse, "staging")
        assert row is not None
        return int(row[0])

    def change(self, number: int, days_after: int = 0) -> LoadReport:
        """Land and load the new, late, corrected and deleted rows of a round.

        Rounds must be called in order, since each changes the result of the previous ones.

        Args:
            number: number of the round, from 1.
            days_after: number of days after the end of the history on which the newest matches are played.
        """
        share = 1.5 * sum(CHANGES[1:]) / min(self.rows, _ROWS_IN_REACH)
        observed_at = _ENDS_AT + timedelta(days=number)
        with connect(self.warehouse.servers.database_url) as connection:
            answers = connection.execute(
                "SELECT * FROM bench.responses(%s, %s, %s, %s)", [number, self._matches, share, days_after]
            ).fetchall()
            deletion = connection.execute("SELECT bench.deletion(%s, %s)", [number, share]).fetchone()
        assert deletion is not None
        name = "player_matches"
        pages = [
            Page(name, f"/players/{account}/matches", {"account_id": account}, 200, observed_at, body.encode())
            for account, body in answers
        ]
        pages.append(Page(name, "/deletion", {}, 200, observed_at, deletion[0].encode(), kind="deletion"))
        self.warehouse.lake.land(SOURCE, name, pages)
        loaded = load_pending(self.warehouse.url("ingest"), self.warehouse.lake, SOURCE, [name])
        assert (loaded.inserted, loaded.updated, loaded.deleted) == CHANGES, loaded
        return loaded

    @property
    def _matches(self) -> int:
        return self.rows // 14 * 4


def vacuum(warehouse: Warehouse, *prefixes: str) -> None:
    """Vacuum and analyse tables now, so that autovacuum does not do it during the measurements."""
    with connect(warehouse.servers.database_url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE split_part(schemaname, '_', 1) = ANY(%s)",
            [list(prefixes)],
        ).fetchall()
        for schema, table in tables:
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(schema, table)))
        connection.execute("CHECKPOINT")
