"""Marts with the columns of their contracts and a few rows, published by the warehouse's own promotion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

from orchestration.dbt.contracts import contracts
from serving.endpoints import ENDPOINTS
from tests.conftest import Database
from warehouse.publication.generations import Generation, current_generation
from warehouse.publication.plan import Build, build_session, record_build
from warehouse.publication.promote import promote

ENDPOINT_MARTS = sorted({name for endpoint in ENDPOINTS for name in endpoint.reads})
_CONTRACTS = {contract.name: contract for contract in contracts()}
_ROWS = Path(__file__).with_name("marts.sql").read_text()


def _table(name: str) -> sql.Composed:
    """The table that dbt creates for a mart's contract."""
    contract = _CONTRACTS[name]
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name), sql.SQL(column.data_type), sql.SQL(" NOT NULL" if column.is_required else "")
        )
        for column in contract.columns
    ]
    key = sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(map(sql.Identifier, contract.key)))
    return sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(name), sql.SQL(", ").join([*columns, key]))


@dataclass(frozen=True)
class Marts:
    """The marts of one database."""

    database: Database

    def create(self) -> None:
        """Create and fill the marts of both colours with the same rows."""
        with self._owner_connection() as connection:
            for colour in ("blue", "green"):
                connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(f"marts_{colour}")))
                for name in ENDPOINT_MARTS:
                    connection.execute(_table(name))
                connection.execute(_ROWS)

    def restore_idle(self) -> None:
        """Restore the original rows of the idle colour."""
        names = sql.SQL(", ").join(map(sql.Identifier, ENDPOINT_MARTS))
        self.change_idle(sql.SQL("TRUNCATE {}").format(names))
        self.change_idle(_ROWS)

    def change_idle(self, statement: str | sql.Composed, parameters: Sequence[Any] | None = None) -> None:
        """Run a statement in the idle colour."""
        with self._owner_connection() as connection:
            live = current_generation(connection)
            colour = "green" if live is not None and live.colour == "blue" else "blue"
            connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(f"marts_{colour}")))
            connection.execute(statement, parameters)

    def promote(self) -> Generation:
        """Promote the idle colour in PostgreSQL, without an announcement in Redis."""
        with build_session(self.database.url("transform")) as connection:
            live = current_generation(connection)
            colour: Literal["blue", "green"] = "green" if live is not None and live.colour == "blue" else "blue"
            build = Build(
                colour=colour,
                as_of_date=None,
                head_batch_id=0,
                inputs_digest="",
                models_digest="",
                is_needed=True,
                is_full=False,
            )
            record_build(connection, build, as_of_date=date(2026, 1, 7))
            return promote(connection, colour, ENDPOINT_MARTS)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Lock a mart against all readers."""
        with self._owner_connection() as connection, connection.transaction():
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier("marts", name)))
            yield

    def reads(self, name: str) -> int:
        """Number of scans of a mart by all connections, in both colours."""
        with psycopg.connect(self.database.admin_url, autocommit=True) as connection:
            connection.execute("SELECT pg_stat_clear_snapshot()")
            row = connection.execute(
                "SELECT sum(seq_scan + coalesce(idx_scan, 0)) FROM pg_stat_all_tables "
                "WHERE relname = %s AND schemaname IN ('marts_blue', 'marts_green')",
                [name],
            ).fetchone()
        assert row is not None
        return int(row[0])

    @contextmanager
    def _owner_connection(self) -> Iterator[psycopg.Connection]:
        # The application name of dbt's sessions: a publication waits until the statistics of their writes are complete.
        with psycopg.connect(self.database.url("transform"), autocommit=True, application_name="dbt") as connection:
            connection.execute("SET ROLE ladder_marts_owner")
            yield connection
