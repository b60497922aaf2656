"""Compact the small lake files of a closed day into one, so that at no time a page is lost or a reference is wrong.

The pages of a day's small files are appended to the first of them, in one rename of a file with the same name; its own
pages keep their positions. Then one transaction updates the references in `ops`, and only then the other files are
removed, each before its row. If a compaction is killed in between, some pages are in two files; the next compaction
writes them once.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import inf
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from warehouse.core.errors import LakeError
from warehouse.core.files import sync_folder
from warehouse.database.connections import connect
from warehouse.database.locks import hold_build_lock
from warehouse.lake.files import Lake
from warehouse.model.source import Source

__all__ = ["CompactReport", "compact", "compact_when_due"]

#: A file of this size is not worth moving.
_SMALL_BYTES = 64 << 20
#: A compacted file grows no larger than this.
_MAX_FILE_BYTES = 256 << 20
_ROW_GROUP_PAGES = 16
_ABANDONED_S = 3600
#: Seconds that a run spends on compaction, and that it waits for locks before it leaves it to the next run.
_DAILY_BUDGET_S = 20.0
_LOCK_TIMEOUT_S = 1.0

_logger = logging.getLogger(__name__)

#: Tables in `ops` that reference pages, with their columns besides source, path and page.
_PAGE_REFERENCES = {
    "rejects": (
        "table_name",
        "record_index",
        "endpoint",
        "field_path",
        "reason",
        "record",
        "batch_id",
        "replayed_at",
    ),
    "field_rejects": ("table_name", "field_path", "reason", "records", "record_index", "endpoint", "batch_id"),
}


@dataclass(frozen=True, slots=True)
class CompactReport:
    """Number of files of closed days before and after."""

    files_before: int = 0
    files_after: int = 0


@dataclass(frozen=True, slots=True)
class _PageMove:
    """Old and new position of a page."""

    old_path: str
    old_page: int
    new_page: int


def compact_when_due(database_url: str, lake: Lake, source: Source) -> None:
    """Compact once a day, for a limited time, unless a load or build runs; the next run continues.

    Args:
        database_url: the administrator's login.
        lake: the lake.
        source: the source whose files are compacted.

    Raises:
        LakeError: a file cannot be read or written; nothing is lost.
    """
    with connect(database_url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT compacted_at >= date_trunc('day', now(), 'UTC') FROM ops.lake_listings WHERE source = %s",
            [source.name],
        ).fetchone()
    # Without a row nothing has been loaded yet.
    if row is None or row[0]:
        return
    try:
        compact(database_url, lake, source, time_budget_s=_DAILY_BUDGET_S, lock_timeout_s=_LOCK_TIMEOUT_S)
    except psycopg.errors.LockNotAvailable:
        _logger.info("not compacted: the lake of %s is being loaded or built from", source.name)


def compact(
    database_url: str,
    lake: Lake,
    source: Source,
    *,
    today: date | None = None,
    time_budget_s: float = inf,
    lock_timeout_s: float | None = None,
) -> CompactReport:
    """Compact the loaded files of every endpoint and closed day of a source. Loads and builds wait meanwhile.

    Args:
        database_url: the administrator's login.
        lake: the lake.
        source: the source whose files are compacted.
        today: the day that is not closed yet, in UTC; the current day by default.
        time_budget_s: seconds after which no further group of files is started.
        lock_timeout_s: seconds to wait for running loads and builds; None waits without a timeout.

    Raises:
        LakeError: a file cannot be read or written; completed groups stay compacted, and nothing is lost.
        psycopg.errors.LockNotAvailable: `lock_timeout_s` was exceeded.
    """
    deadline = time.monotonic() + time_budget_s
    today = today or datetime.now(UTC).date()
    _remove_abandoned(lake, source)
    before = after = 0
    with (
        hold_build_lock(database_url, source=source.name, timeout_s=lock_timeout_s),
        connect(database_url, autocommit=True) as connection,
    ):
        rows = connection.execute("SELECT path FROM ops.lake_files WHERE source = %s", [source.name])
        loaded = {row[0] for row in rows}
        present = {lake.name_of(path): path for path in lake.files(source.name)}
        # Only if the folder exists: the lake may not be mounted.
        folders = {path.parent for path in present.values()}
        _delete_file_rows(connection, {name for name in loaded - set(present) if (lake.root / name).parent in folders})
        closed = [path for name, path in present.items() if name in loaded and _day(path) < today]
        for group in _group_files(closed):
            before += len(group)
            after += 1
            if len(group) > 1:
                _compact_group(connection, lake, group)
                if time.monotonic() > deadline:
                    return CompactReport(before, after)
        connection.execute("UPDATE ops.lake_listings SET compacted_at = now() WHERE source = %s", [source.name])
    return CompactReport(before, after)


def _remove_abandoned(lake: Lake, source: Source) -> None:
    """Remove files and markers that killed writers left behind; writing a file takes seconds."""
    lake.remove_stale_markers(source.name, older_than_s=_ABANDONED_S)
    for path in lake.unfinished_files(source.name):
        with _lake_errors(path):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink(missing_ok=True)


def _group_files(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Group small files of one folder in landing order."""
    folders: dict[Path, list[Path]] = {}
    for path in sorted(files, key=lambda path: path.name):
        folders.setdefault(path.parent, []).append(path)
    for paths in folders.values():
        group: list[Path] = []
        size = 0
        for path in paths:
            bytes_ = path.stat().st_size
            if group and (bytes_ > _SMALL_BYTES or size + bytes_ > _MAX_FILE_BYTES):
                yield group
                group, size = [], 0
            group.append(path)
            size += bytes_
        yield group


def _compact_group(connection: psycopg.Connection, lake: Lake, group: Sequence[Path]) -> None:
    target, others = group[0], group[1:]
    unfinished = target.with_suffix(".unfinished")
    with _lake_errors(target):
        moves, pages = _append(lake, group, unfinished)
        unfinished.replace(target)
        sync_folder(target.parent)
    name = lake.name_of(target)
    removed = [lake.name_of(path) for path in others]
    with connection.transaction(), connection.cursor() as cursor:
        for table, columns in _PAGE_REFERENCES.items():
            _update_references(cursor, table, columns, moves, name, removed)
        cursor.execute("UPDATE ops.lake_files SET pages = %s WHERE path = %s", [pages, name])
    with _lake_errors(target):
        for path in others:
            path.unlink()
        sync_folder(target.parent)
    _delete_file_rows(connection, set(removed))


def _update_references(
    cursor: psycopg.Cursor,
    table: str,
    columns: Sequence[str],
    moves: Sequence[_PageMove],
    name: str,
    removed: Sequence[str],
) -> None:
    """Update the rows of a table that reference pages of removed files."""
    names: dict[str, sql.Composable] = {
        "table": sql.Identifier("ops", table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
    }
    cursor.execute(
        sql.SQL("SELECT DISTINCT lake_path FROM {table} WHERE lake_path = ANY(%s)").format(**names), [removed]
    )
    referenced = {row[0] for row in cursor}
    cursor.executemany(
        sql.SQL(
            "INSERT INTO {table} (source, lake_path, page, {columns}) SELECT source, %s, %s, {columns} FROM {table} "
            "WHERE lake_path = %s AND page = %s ON CONFLICT DO NOTHING"
        ).format(**names),
        [(name, move.new_page, move.old_path, move.old_page) for move in moves if move.old_path in referenced],
    )
    cursor.execute(sql.SQL("DELETE FROM {table} WHERE lake_path = ANY(%s)").format(**names), [removed])


def _append(lake: Lake, group: Sequence[Path], target: Path) -> tuple[list[_PageMove], int]:
    """Write the pages of all files, each page once; returns the new positions and the number of pages."""
    moves: list[_PageMove] = []
    known: dict[bytes, int] = {}
    written = 0
    with target.open("wb") as stream:
        options = {"compression": "zstd", "compression_level": 1, "use_dictionary": False, "write_statistics": False}
        with pq.ParquetWriter(stream, pq.read_schema(group[0]), **options) as writer:
            for path in group:
                name = lake.name_of(path)
                for batch in _batches(path):
                    rows: list[int] = []
                    for row, digest in enumerate(batch["digest"].to_pylist()):
                        # The first file keeps even its duplicates, and so the positions of all its pages: references
                        # to them are correct also before the transaction.
                        if path == group[0] or digest not in known:
                            known.setdefault(digest, written + len(rows))
                            rows.append(row)
                        moves.append(_PageMove(name, batch["page"][row].as_py(), known[digest]))
                    if rows:
                        writer.write_batch(_renumbered(batch.take(pa.array(rows)), written))
                        written += len(rows)
        stream.flush()
        os.fsync(stream.fileno())
    return moves, written


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, memory_map=True) as file:
        yield from file.iter_batches(batch_size=_ROW_GROUP_PAGES)


def _renumbered(batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
    numbers = pa.array(range(first, first + batch.num_rows), type=pa.int32())
    return batch.set_column(batch.schema.get_field_index("page"), batch.schema.field("page"), numbers)


def _delete_file_rows(connection: psycopg.Connection, names: set[str]) -> None:
    """Delete the rows of files that no longer exist."""
    connection.execute("DELETE FROM ops.lake_files WHERE path = ANY(%s)", [sorted(names)])


def _day(path: Path) -> date:
    return date.fromisoformat(path.parent.name.removeprefix("date="))


@contextmanager
def _lake_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        path.with_suffix(".unfinished").unlink(missing_ok=True)
        raise LakeError(
            f"cannot compact {path.parent}: {error}", "free space or check the files, and run `ladder compact` again"
        ) from None
