"""Dagster's event log on PostgreSQL, without asking the catalogue at each event what tables there are.

Dagster's own storage looks tables and columns up again for every event, in case somebody migrates them meanwhile, and
opens a connection for every nested statement. Of a run that changes nothing, that is more than half the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster._serdes.config_class import ConfigurableClassData
from dagster_postgres.event_log.event_log import PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection

__all__ = ["KnownSchemaEventLogStorage"]

_POOL_SIZE = 5
_RECYCLE_S = 3600


class KnownSchemaEventLogStorage(PostgresEventLogStorage):
    """The event log of an instance whose tables this version of Dagster has made."""

    def __init__(
        self, postgres_url: str, should_autocreate_tables: bool = True, inst_data: ConfigurableClassData | None = None
    ) -> None:
        self._present: dict[str, bool] = {}
        super().__init__(postgres_url, should_autocreate_tables, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KnownSchemaEventLogStorage:
        """As Dagster builds it."""
        return cls(pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data)

    def keep_connections(self) -> None:
        """Keep a few connections open; without this, and in processes that write little, none is."""
        self._engine = create_engine(
            self.postgres_url, isolation_level="AUTOCOMMIT", pool_size=_POOL_SIZE, pool_recycle=_RECYCLE_S
        )

    def has_table(self, table_name: str) -> bool:
        """Whether a table is there; once it is, it stays."""
        if not self._present.get(table_name):
            self._present[table_name] = super().has_table(table_name)
        return self._present[table_name]

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        name = f"asset_keys.{column_name}"
        if not self._present.get(name):
            self._present[name] = super()._has_asset_key_col_on_connection(conn, column_name)
        return self._present[name]
