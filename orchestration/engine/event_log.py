"""Dagster's event log on PostgreSQL, with batched writes for steps that report hundreds of models and tests.

Dagster's own storage writes each event separately, reads the catalogue each time in case the tables have been migrated,
and opens a connection for every nested statement. This takes most of the time of a run that changes nothing. Here the
events that a step reports one after the other are written in batches: before any event of another type, before a read
of the assets that they are about, and with the first event after half a second. Their order is preserved.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from threading import RLock
from typing import Any

from dagster import AssetCheckEvaluation, AssetKey, DagsterEventType, EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log.base import AssetRecord
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._serdes.config_class import ConfigurableClassData
from dagster_postgres.event_log.event_log import PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import create_engine, select
from sqlalchemy.engine import Connection

from orchestration.engine.connection_pool import check_idle_connections

__all__ = ["BatchingEventLogStorage"]

_POOL_SIZE = 5
_RECYCLE_S = 3600
_BATCHED_TYPES = frozenset(
    (
        DagsterEventType.ASSET_CHECK_EVALUATION,
        DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.STEP_OUTPUT,
    )
)
_MAX_BATCH_EVENTS = 500
_MAX_BATCH_AGE_S = 0.5


class BatchingEventLogStorage(PostgresEventLogStorage):
    """The event log of an instance whose tables were created by this version of Dagster."""

    def __init__(
        self, postgres_url: str, should_autocreate_tables: bool = True, inst_data: ConfigurableClassData | None = None
    ) -> None:
        self._present: dict[str, bool] = {}
        self._batch: list[EventLogEntry] = []
        self._batch_started_at = 0.0
        # Cancellations of a run are reported in other threads than its events.
        self._lock = RLock()
        super().__init__(postgres_url, should_autocreate_tables, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchingEventLogStorage:
        """Constructor for Dagster's configuration."""
        return cls(pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data)

    def pool_connections(self) -> None:
        """Keep a few connections open. By default none is, which is enough for processes that write little."""
        self._engine = create_engine(
            self.postgres_url, isolation_level="AUTOCOMMIT", pool_size=_POOL_SIZE, pool_recycle=_RECYCLE_S
        )
        check_idle_connections(self._engine)

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Keep a connection open, as processes of the web UI do."""
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        check_idle_connections(self._engine)

    def store_event(self, event: EventLogEntry) -> None:
        """Write an event, or add it to the current batch."""
        with self._lock:
            if event.dagster_event_type not in _BATCHED_TYPES or not event.run_id:
                self._flush()
                super().store_event(event)
                return
            if not self._batch:
                self._batch_started_at = time.monotonic()
            self._batch.append(event)
            is_old = time.monotonic() - self._batch_started_at > _MAX_BATCH_AGE_S
            if is_old or len(self._batch) >= _MAX_BATCH_EVENTS:
                self._flush()

    def get_asset_records(self, asset_keys: Sequence[AssetKey] | None = None) -> Sequence[AssetRecord]:
        """Read records of assets, after the batched events about them are written."""
        with self._lock:
            batched = {event.get_dagster_event().asset_key for event in self._batch}
            if asset_keys is None or batched.intersection(asset_keys):
                self._flush()
        return super().get_asset_records(asset_keys)

    def dispose(self) -> None:
        """Write the batch, and close."""
        with self._lock:
            self._flush()
        super().dispose()

    def has_table(self, table_name: str) -> bool:
        """Whether a table exists; a table that exists is not looked up again."""
        if not self._present.get(table_name):
            self._present[table_name] = super().has_table(table_name)
        return self._present[table_name]

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        name = f"asset_keys.{column_name}"
        if not self._present.get(name):
            self._present[name] = super()._has_asset_key_col_on_connection(conn, column_name)
        return self._present[name]

    def _flush(self) -> None:
        """Write the batch."""
        events, self._batch = self._batch, []
        if not events:
            return
        statement = self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
        with self._connect() as connection:
            # PostgreSQL assigns the ids of one statement in the order of its values.
            numbers = sorted(row[0] for row in connection.execute(statement))
        numbered = list(zip(events, numbers, strict=True))
        assets = [
            (event, number)
            for event, number in numbered
            if event.dagster_event_type in ASSET_EVENTS and event.get_dagster_event().asset_key
        ]
        with self.index_transaction() as connection:
            self._store_asset_event_tags(connection, [event for event, _ in assets], [number for _, number in assets])
            for event, number in assets:
                self._store_asset_event(connection, event, number)
        checked = [(event, number) for event, number in numbered if event.dagster_event_type in ASSET_CHECK_EVENTS]
        if checked:
            planned = self._planned({event.run_id for event, _ in checked})
            for event, number in checked:
                self._store_check(event, number, planned)

    def _store_check(self, event: EventLogEntry, number: int, planned: set[tuple[str, str, str]]) -> None:
        """Write an evaluation into the row of its plan, as Dagster does, or into a new row, which Dagster omits."""
        evaluated = event.get_dagster_event().event_specific_data
        if isinstance(evaluated, AssetCheckEvaluation):
            evaluation = (event.run_id, evaluated.asset_key.to_string(), evaluated.check_name)
            if evaluation not in planned:
                self._store_runless_asset_check_evaluation(event, number)
                return
        elif isinstance(evaluated, AssetCheckEvaluationPlanned):
            planned.add((event.run_id, evaluated.asset_key.to_string(), evaluated.check_name))
        self.store_asset_check_event(event, number)

    def _planned(self, run_ids: set[str]) -> set[tuple[str, str, str]]:
        """Checks of runs that are already planned or evaluated: run, asset and name."""
        columns = AssetCheckExecutionsTable.c
        query = select(columns.run_id, columns.asset_key, columns.check_name).where(columns.run_id.in_(run_ids))
        with self.index_connection() as connection:
            return {(row[0], row[1], row[2]) for row in connection.execute(query)}
