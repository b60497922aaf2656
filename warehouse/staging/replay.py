"""Rebuild staging tables from the lake alone, and load rejects again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from warehouse.database.connections import connect
from warehouse.database.locks import hold_build_lock
from warehouse.lake.files import Lake
from warehouse.model.source import Source
from warehouse.staging.ledger import LoadReport
from warehouse.staging.load import load_files, pending_files

__all__ = [
    "FieldRejectSummary",
    "OpenReject",
    "count_field_rejects",
    "count_open_rejects",
    "field_rejects",
    "open_rejects",
    "replay",
    "replay_rejects",
]


@dataclass(frozen=True, slots=True)
class OpenReject:
    """A reject that has not been resolved by a replay, and the position of its page."""

    source: str
    endpoint: str
    table_name: str
    lake_path: str
    page: int
    record_index: int
    field_path: str
    reason: str
    record: str


@dataclass(frozen=True, slots=True)
class FieldRejectSummary:
    """An unreadable field in all loaded data, with the position of one such record.

    Args:
        source: the source.
        table_name: the staging table.
        field_path: path of the field in the record.
        reason: the reason.
        records: number of records with such a value.
        first_loaded_at: when the first of these records was loaded, UTC.
        last_loaded_at: when the last of these records was loaded, UTC.
        endpoint: endpoint of the newest page with such a record.
        lake_path: lake file of that page.
        page: position of that page in the file.
        record_index: position of a record in that page.
    """

    source: str
    table_name: str
    field_path: str
    reason: str
    records: int
    first_loaded_at: datetime
    last_loaded_at: datetime
    endpoint: str
    lake_path: str
    page: int
    record_index: int


def replay(
    database_url: str,
    lake: Lake,
    source: Source,
    *,
    on_batch: Callable[[LoadReport], None] | None = None,
) -> LoadReport:
    """Truncate a source's staging tables and rebuild them from the lake alone.

    Nothing is lost if the replay is killed: files that were not loaded again are pending, and the next load takes them.
    The published marts are not affected; the next build of each colour is a full one.

    Args:
        database_url: a login that owns the staging tables.
        lake: the lake.
        source: the source whose tables are rebuilt.
        on_batch: called with the report of each committed batch.
    """
    # The build lock is held in a separate transaction, so that no build reads incomplete tables between two batches.
    with hold_build_lock(database_url), connect(database_url) as connection:
        with connection.transaction():
            for table in source.tables:
                for identifier in (table.identifier, table.feed_identifier):
                    connection.execute(sql.SQL("TRUNCATE {}").format(identifier))
            for ledger in ("rejects", "field_rejects", "lake_files", "lake_pages", "cursors", "rereads", "drift"):
                connection.execute(
                    sql.SQL("DELETE FROM {} WHERE source = %s").format(sql.Identifier("ops", ledger)), [source.name]
                )
            # If the replay is killed after this, no build reads the incomplete tables.
            connection.execute(
                "INSERT INTO ops.replays (source) VALUES (%s) ON CONFLICT (source) DO NOTHING", [source.name]
            )
            # The truncated rows are not in the feed, so the next builds must be full ones.
            connection.execute("DELETE FROM ops.build_state")
            connection.execute("DELETE FROM ops.watermarks")
        files = pending_files(connection, lake, source)
        report = load_files(connection, lake, source, files, on_batch=on_batch, has_build_lock=True)
        with connection.transaction():
            connection.execute("DELETE FROM ops.replays WHERE source = %s", [source.name])
        return report


def open_rejects(connection: psycopg.Connection, limit: int = 1000) -> list[OpenReject]:
    """Open rejects, oldest batch first."""
    rows = connection.execute(
        "SELECT source, endpoint, table_name, lake_path, page, record_index, field_path, reason, record "
        "FROM ops.rejects WHERE replayed_at IS NULL ORDER BY batch_id, lake_path, page, record_index LIMIT %s",
        [limit],
    )
    return [OpenReject(*row) for row in rows]


def field_rejects(connection: psycopg.Connection, limit: int = 1000) -> list[FieldRejectSummary]:
    """Unreadable fields, those with the most records first."""
    rows = connection.execute(
        "SELECT source, table_name, field_path, reason, sum(field_rejects.records)::bigint AS all_records, "
        "min(loaded_at), max(loaded_at), (array_agg(endpoint ORDER BY lake_path DESC, page DESC))[1], max(lake_path), "
        "(array_agg(page ORDER BY lake_path DESC, page DESC))[1], "
        "(array_agg(record_index ORDER BY lake_path DESC, page DESC))[1] "
        "FROM ops.field_rejects INNER JOIN ops.batches USING (batch_id, source) "
        "GROUP BY source, table_name, field_path, reason "
        "ORDER BY all_records DESC, source, table_name, field_path, reason LIMIT %s",
        [limit],
    )
    return [FieldRejectSummary(*row) for row in rows]


def count_field_rejects(connection: psycopg.Connection, source: Source) -> int:
    """Number of unreadable values of a source."""
    row = connection.execute(
        "SELECT coalesce(sum(records), 0) FROM ops.field_rejects WHERE source = %s", [source.name]
    ).fetchone()
    return 0 if row is None else int(row[0])


def count_open_rejects(connection: psycopg.Connection, source: Source) -> int:
    """Number of a source's open rejects."""
    row = connection.execute(
        "SELECT count(*) FROM ops.rejects WHERE source = %s AND replayed_at IS NULL", [source.name]
    ).fetchone()
    return 0 if row is None else int(row[0])


def replay_rejects(database_url: str, lake: Lake, source: Source) -> LoadReport:
    """Load the files of all open rejects and field rejects of a source again.

    Rejects that can now be loaded are marked as replayed, and fields that can now be read are no longer counted.
    """
    with connect(database_url) as connection:
        rows = connection.execute(
            "SELECT lake_path FROM ops.rejects WHERE source = %(source)s AND replayed_at IS NULL "
            "UNION SELECT lake_path FROM ops.field_rejects WHERE source = %(source)s ORDER BY 1",
            {"source": source.name},
        )
        files: Sequence[Path] = [lake.root / row[0] for row in rows]
        connection.commit()
        return load_files(connection, lake, source, files, is_reload=True)
