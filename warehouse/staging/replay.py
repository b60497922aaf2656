"""Staging tables from the lake alone, and rejects through the same door again."""

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
    """A reject that no replay has mended yet, and where its payload lies."""

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
    """A field that could not be read as it was sent, over all that is loaded, and where one such record lies.

    Args:
        source: the source.
        table_name: the staging table.
        field_path: where in the record.
        reason: why.
        records: how many records have such a value.
        first_loaded_at: when the first of them was loaded, UTC.
        last_loaded_at: when the last of them was loaded, UTC.
        endpoint: endpoint of the newest page with one.
        lake_path: lake file of that page.
        page: place of that page in the file.
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
    """Empty a source's staging tables and rebuild them from the lake alone.

    Killed in the middle, nothing is lost: the files not loaded again yet are pending, and the next load takes them.
    The marts keep serving; both colours are rebuilt in full by the next build.

    Args:
        database_url: a login that owns the staging tables.
        lake: where the files are.
        source: whose tables are rebuilt.
        on_batch: called with the report of each committed batch.
    """
    # In a transaction of its own, so that no build sees half-filled tables between two batches.
    with hold_build_lock(database_url), connect(database_url) as connection:
        with connection.transaction():
            for table in source.tables:
                for identifier in (table.identifier, table.feed_identifier):
                    connection.execute(sql.SQL("TRUNCATE {}").format(identifier))
            for book in ("rejects", "field_rejects", "lake_files", "lake_pages", "cursors", "rereads", "drift"):
                connection.execute(
                    sql.SQL("DELETE FROM {} WHERE source = %s").format(sql.Identifier("ops", book)), [source.name]
                )
            # Killed from here on, no build takes what is only half there.
            connection.execute(
                "INSERT INTO ops.replays (source) VALUES (%s) ON CONFLICT (source) DO NOTHING", [source.name]
            )
            # What was removed left no trace in the feed, so a build has to start over.
            connection.execute("DELETE FROM ops.build_state")
            connection.execute("DELETE FROM ops.watermarks")
        files = pending_files(connection, lake, source)
        report = load_files(connection, lake, source, files, on_batch=on_batch, has_build_lock=True)
        with connection.transaction():
            connection.execute("DELETE FROM ops.replays WHERE source = %s", [source.name])
        return report


def open_rejects(connection: psycopg.Connection, limit: int = 1000) -> list[OpenReject]:
    """Rejects that are still open, oldest batch first."""
    rows = connection.execute(
        "SELECT source, endpoint, table_name, lake_path, page, record_index, field_path, reason, record "
        "FROM ops.rejects WHERE replayed_at IS NULL ORDER BY batch_id, lake_path, page, record_index LIMIT %s",
        [limit],
    )
    return [OpenReject(*row) for row in rows]


def field_rejects(connection: psycopg.Connection, limit: int = 1000) -> list[FieldRejectSummary]:
    """Fields that could not be read as they were sent, those with most records first."""
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
    """Number of values of a source that could not be read as they were sent."""
    row = connection.execute(
        "SELECT coalesce(sum(records), 0) FROM ops.field_rejects WHERE source = %s", [source.name]
    ).fetchone()
    return 0 if row is None else int(row[0])


def count_open_rejects(connection: psycopg.Connection, source: Source) -> int:
    """Number of a source's rejects that are still open."""
    row = connection.execute(
        "SELECT count(*) FROM ops.rejects WHERE source = %s AND replayed_at IS NULL", [source.name]
    ).fetchone()
    return 0 if row is None else int(row[0])


def replay_rejects(database_url: str, lake: Lake, source: Source) -> LoadReport:
    """Load the files of all open rejects and odd fields of a source again.

    What has become a row is marked as mended; a field that can be read now is counted no more.
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
