"""Load landed files into staging tables, exactly once in effect.

Each group of files is loaded in one transaction: wait for a running build, lock the tables in name order, take a batch
id, COPY, merge, and write feed, cursors and load ledger. While the server merges one group, this process decodes the
next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from warehouse.core.errors import DatabaseError
from warehouse.database.connections import connect
from warehouse.database.error_messages import to_database_error
from warehouse.database.locks import acquire_load_lock, share_build_lock
from warehouse.lake.files import Lake
from warehouse.lake.pending import needs_listing, record_listing
from warehouse.model.source import Source
from warehouse.staging.ledger import LoadReport, write_ledger
from warehouse.staging.merge import MergeCounts, merge
from warehouse.staging.page_rejects import DATA_ERRORS, load_without_rejected_pages
from warehouse.staging.prepare import PreparedGroup, prepare

__all__ = ["LoadReport", "load_files", "load_pending", "pending_files"]


def load_pending(database_url: str, lake: Lake, source: Source, endpoints: Sequence[str] | None = None) -> LoadReport:
    """Load all landed files of a source that are not loaded yet. Its cost does not depend on the size of the lake.

    Args:
        database_url: a login that may write staging tables (`ladder_ingest`).
        lake: the lake.
        source: the source of the files.
        endpoints: only these endpoints; all by default.

    Raises:
        DatabaseError: the database cannot be reached or written; committed batches stay, other files stay pending.
        LakeError: a file cannot be read.
    """
    with connect(database_url) as connection:
        # Read the markers first, so that those of files that are landed meanwhile are kept.
        marked = lake.marked_pending(source.name)
        files = pending_files(connection, lake, source)
        record_listing(connection, lake, source.name, files)
        if endpoints is not None:
            files = [path for path in files if lake.endpoint_of(path) in endpoints]
        report = load_files(connection, lake, source, files)
        seen = list(dict.fromkeys((*marked, *files)))
        with connection.transaction():
            loaded = _loaded_files(connection, [lake.name_of(path) for path in seen])
            if endpoints is None:
                # All files that a killed replay had not loaded yet are loaded now.
                connection.execute("DELETE FROM ops.replays WHERE source = %s", [source.name])
        lake.clear_pending([path for path in seen if lake.name_of(path) in loaded])
        return report


def pending_files(connection: psycopg.Connection, lake: Lake, source: Source) -> list[Path]:
    """Landed files that are not loaded yet, in landing order. Writes nothing."""
    if needs_listing(connection, lake, source.name):
        landed = [path for endpoint in source.endpoints for path in lake.files(source.name, endpoint)]
        landed.sort(key=lambda path: path.name)
    else:
        marked = lake.marked_pending(source.name)
        landed = [path for path in marked if lake.endpoint_of(path) in source.endpoints and path.exists()]
    loaded = _loaded_files(connection, [lake.name_of(path) for path in landed])
    connection.commit()
    return [path for path in landed if lake.name_of(path) not in loaded]


def load_files(
    connection: psycopg.Connection,
    lake: Lake,
    source: Source,
    files: Sequence[Path],
    *,
    is_reload: bool = False,
    has_build_lock: bool = False,
    on_batch: Callable[[LoadReport], None] | None = None,
) -> LoadReport:
    """Load files, one transaction per group.

    Args:
        connection: a connection outside a transaction.
        lake: the lake.
        source: the source of the files.
        files: the files to load.
        is_reload: also load files that are already loaded, to try their rejects again.
        has_build_lock: the caller holds the build lock, in another connection.
        on_batch: called with the report of each committed batch.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("a load needs a connection outside a transaction: it commits batch by batch")
    total = LoadReport()
    if not files:
        return total
    connection.execute("SET temp_buffers = '64MB'")
    connection.commit()
    known = frozenset() if is_reload else _known_files(connection, lake, source, files)
    for prepared in _prefetch(prepare(lake, source, files, known)):
        try:
            report = _load_or_reject_pages(
                connection, lake, source, prepared, is_reload=is_reload, has_build_lock=has_build_lock
            )
        except psycopg.Error as error:
            raise _load_error(error) from error
        if report is None:
            # Another process has loaded some of these files since; the other files are prepared again.
            names = [name for name, _, _ in prepared.files]
            with connection.transaction():
                loaded = _loaded_files(connection, names)
            rest = [lake.root / name for name in names if name not in loaded]
            report = load_files(connection, lake, source, rest, has_build_lock=has_build_lock)
        total += report
        if on_batch is not None:
            on_batch(report)
    # A build that starts immediately needs the counts of changed rows, to decide which tables to analyse.
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()
    return total


def _prefetch(groups: Iterator[PreparedGroup]) -> Iterator[PreparedGroup]:
    """Prepare the next group in a thread while the current one is loaded: at most two groups are in memory."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare") as executor:
        upcoming = executor.submit(next, groups, None)
        while (group := upcoming.result()) is not None:
            upcoming = executor.submit(next, groups, None)
            yield group


def _load_or_reject_pages(
    connection: psycopg.Connection,
    lake: Lake,
    source: Source,
    prepared: PreparedGroup,
    *,
    is_reload: bool,
    has_build_lock: bool,
) -> LoadReport | None:
    """Load a group in a transaction; if its data cause an error, without the pages that contain them."""

    def load(group: PreparedGroup) -> LoadReport | None:
        return _load_group(connection, source, group, is_reload=is_reload, has_build_lock=has_build_lock)

    try:
        with connection.transaction():
            return load(prepared)
    except DATA_ERRORS:
        return load_without_rejected_pages(connection, lake, source, prepared, load)


def _load_group(
    connection: psycopg.Connection, source: Source, prepared: PreparedGroup, *, is_reload: bool, has_build_lock: bool
) -> LoadReport | None:
    """Load a group inside the caller's transaction; None if some of its files are already loaded."""
    if not has_build_lock:
        share_build_lock(connection)
    acquire_load_lock(connection, source.name)
    names = [name for name, _, _ in prepared.files]
    if not is_reload and _loaded_files(connection, names):
        return None
    for name in sorted(prepared.rows):
        table = prepared.rows[name].table
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table.identifier))
    batch_id, loaded_at = _begin_batch(connection)
    by_table = {name: merge(connection, prepared.rows[name]) for name in sorted(prepared.rows)}
    merged = sum(by_table.values(), MergeCounts())
    changed = {name: counts.changed for name, counts in by_table.items() if counts.changed}
    report = LoadReport(
        batches=1,
        files=len(prepared.files),
        pages=sum(pages for _, _, pages in prepared.files),
        records=sum(rows.count for rows in prepared.rows.values()),
        rejected=len(prepared.rejects),
        field_rejects=sum(located.records for located in prepared.field_rejects),
        **asdict(merged),
        changed=changed,
    )
    if is_reload:
        prepared.drift.clear()  # It was counted when the pages were first loaded.
    write_ledger(connection, source, prepared, report, batch_id=batch_id, loaded_at=loaded_at)
    return report


def _loaded_files(connection: psycopg.Connection, names: Sequence[str]) -> set[str]:
    rows = connection.execute("SELECT path FROM ops.lake_files WHERE path = ANY(%s)", [list(names)])
    return {row[0] for row in rows}


def _known_files(connection: psycopg.Connection, lake: Lake, source: Source, files: Sequence[Path]) -> frozenset[Path]:
    """Files whose pages have all been loaded before, from other files.

    The same response with the same observation time cannot change any row, so these files need not be decoded.
    """
    digests = {path: set(lake.digests(path)) for path in files}
    rows = connection.execute(
        "SELECT digest FROM ops.lake_pages WHERE source = %s AND digest = ANY(%s)",
        [source.name, list(set().union(*digests.values()))],
    )
    loaded = {row[0] for row in rows}
    connection.commit()
    return frozenset(path for path, pages in digests.items() if pages <= loaded)


def _begin_batch(connection: psycopg.Connection) -> tuple[int, datetime]:
    """Take a batch id and set it in the transaction, from where the defaults of staging tables read it."""
    row = connection.execute(
        "SELECT set_config('ladder.batch_id', nextval('ops.batch_ids')::text, true)::bigint, now()"
    ).fetchone()
    assert row is not None  # a SELECT without FROM always returns a row
    return row


def _load_error(error: psycopg.Error) -> DatabaseError:
    if isinstance(error, psycopg.errors.InsufficientPrivilege | psycopg.errors.UndefinedTable):
        return to_database_error(error, ("the load was not permitted", "run `ladder doctor`"))
    return to_database_error(
        error, ("the load stopped", "run again; what was landed is in the lake and is loaded then")
    )
