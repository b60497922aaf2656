"""The load ledger: batch, files, rejects, field rejects, cursors, rereads and drift, in the load's own transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field
from datetime import datetime

import psycopg
from psycopg.types.json import Jsonb

from warehouse.model.source import Source
from warehouse.ops.state import REREAD_PREFIX
from warehouse.staging.decode import unknown_fields_key
from warehouse.staging.prepare import PreparedGroup

__all__ = ["LoadReport", "write_ledger"]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Counts of a load, summed over its batches.

    Args:
        batches: transactions committed.
        files: lake files loaded.
        pages: pages in these files.
        records: rows passed to the merge.
        inserted: new rows.
        updated: rows whose content changed.
        deleted: rows that became tombstones.
        reobserved: rows that were observed again, unchanged, at a later time.
        rejected: records that could not be loaded as rows.
        field_rejects: unreadable fields in records that were loaded.
        changed: rows inserted, updated or deleted, by table; tables without changes are left out.
    """

    batches: int = 0
    files: int = 0
    pages: int = 0
    records: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    reobserved: int = 0
    rejected: int = 0
    field_rejects: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: LoadReport) -> LoadReport:
        """Sum of two loads."""
        mine, theirs = self.counts, other.counts
        changed = Counter(self.changed)
        changed.update(other.changed)
        return LoadReport(**{name: mine[name] + theirs[name] for name in mine}, changed=dict(changed))

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, without those by table."""
        return {name: value for name, value in asdict(self).items() if name != "changed"}


#: Unknown fields of a table that `ops.drift` stores by name.
_MAX_DRIFT_FIELDS = 200

_BATCH = """
INSERT INTO ops.batches (batch_id, source, loaded_at, files, pages, records, inserted, updated, deleted, reobserved,
                         rejected)
VALUES (%(batch_id)s, %(source)s, %(loaded_at)s, %(files)s, %(pages)s, %(records)s, %(inserted)s, %(updated)s,
        %(deleted)s, %(reobserved)s, %(rejected)s)
"""
_FILE = """
INSERT INTO ops.lake_files (path, source, endpoint, pages, batch_id) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (path) DO NOTHING
"""
_PAGES = """
INSERT INTO ops.lake_pages (source, digest, batch_id) SELECT %s, digest, %s FROM unnest(%s::bytea[]) AS digest
ON CONFLICT (source, digest) DO NOTHING
"""
_REJECT = """
INSERT INTO ops.rejects (source, lake_path, page, table_name, record_index, endpoint, field_path, reason, record,
                         batch_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (source, lake_path, page, table_name, record_index) DO UPDATE
SET field_path = excluded.field_path, reason = excluded.reason, batch_id = excluded.batch_id, replayed_at = NULL
"""
_DELETE_FIELD_REJECTS = "DELETE FROM ops.field_rejects WHERE source = %s AND lake_path = ANY(%s)"
_FIELD_REJECT = """
INSERT INTO ops.field_rejects (source, lake_path, page, table_name, field_path, reason, records, record_index, endpoint,
                               batch_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_RESOLVED_REJECTS = """
UPDATE ops.rejects SET replayed_at = %s
WHERE source = %s AND lake_path = ANY(%s) AND replayed_at IS NULL AND batch_id <> %s
"""
_CURSOR = """
INSERT INTO ops.cursors (source, name, value, observed_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (source, name) DO UPDATE SET value = excluded.value, observed_at = excluded.observed_at
WHERE ops.cursors.observed_at <= excluded.observed_at
"""
_REREAD = """
INSERT INTO ops.rereads (source, endpoint, id, reason, tries, first_at, last_at, due_at)
VALUES (%(source)s, %(endpoint)s, %(id)s, %(reason)s, %(tries)s, %(first_at)s, %(last_at)s, %(due_at)s)
ON CONFLICT (source, endpoint, id) DO UPDATE
SET reason = excluded.reason, tries = excluded.tries, first_at = excluded.first_at, last_at = excluded.last_at,
    due_at = excluded.due_at
WHERE ops.rereads.last_at <= excluded.last_at
"""
_KNOWN_DRIFT = "SELECT field FROM ops.drift WHERE source = %s"
_DRIFT = """
INSERT INTO ops.drift (source, field, pages, first_batch_id, last_batch_id) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (source, field) DO UPDATE
SET pages = ops.drift.pages + excluded.pages, last_batch_id = excluded.last_batch_id
"""


def write_ledger(
    connection: psycopg.Connection,
    source: Source,
    prepared: PreparedGroup,
    report: LoadReport,
    *,
    batch_id: int,
    loaded_at: datetime,
) -> None:
    """Write the ledger of a load to `ops`.

    Rejects of these files that no longer occur are marked as replayed. Field rejects of these files are replaced by
    those of this load.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BATCH, {**report.counts, "batch_id": batch_id, "source": source.name, "loaded_at": loaded_at})
        cursor.executemany(
            _FILE,
            [(name, source.name, endpoint, pages, batch_id) for name, endpoint, pages in prepared.files],
        )
        cursor.execute(_PAGES, [source.name, batch_id, prepared.digests])
        cursor.executemany(
            _REJECT,
            [
                (
                    source.name,
                    located.path,
                    located.page,
                    located.reject.table,
                    located.reject.record_index,
                    located.endpoint,
                    located.reject.field_path,
                    located.reject.reason,
                    located.reject.record.replace("\x00", "\ufffd"),
                    batch_id,
                )
                for located in prepared.rejects
            ],
        )
        names = [name for name, _, _ in prepared.files]
        cursor.execute(_RESOLVED_REJECTS, [loaded_at, source.name, names, batch_id])
        cursor.execute(_DELETE_FIELD_REJECTS, [source.name, names])
        cursor.executemany(
            _FIELD_REJECT,
            [
                (
                    source.name,
                    located.path,
                    located.page,
                    located.field.table,
                    located.field.field_path,
                    located.field.reason,
                    located.records,
                    located.record_index,
                    located.endpoint,
                    batch_id,
                )
                for located in prepared.field_rejects
            ],
        )
        cursor.executemany(
            _CURSOR,
            [
                (source.name, name, Jsonb(value), observed_at)
                for name, (value, observed_at) in prepared.cursors.items()
                if not name.startswith(REREAD_PREFIX)
            ],
        )
        cursor.executemany(
            _REREAD,
            [
                {"source": source.name, "endpoint": endpoint, "id": id_, "last_at": observed_at, **value}
                for name, (value, observed_at) in prepared.cursors.items()
                if name.startswith(REREAD_PREFIX)
                for endpoint, _, id_ in [name.removeprefix(REREAD_PREFIX).partition("/")]
            ],
        )
        known = {field for (field,) in cursor.execute(_KNOWN_DRIFT, [source.name])} if prepared.drift else set()
        drift = _limit_names(known, prepared.drift)
        cursor.executemany(
            _DRIFT,
            [(source.name, field, pages, batch_id, batch_id) for field, pages in drift.items()],
        )


def _limit_names(known: Set[str], found: Counter[str]) -> Counter[str]:
    """Counts of unknown fields by name, up to a limit for each table; further fields are counted together."""
    named = Counter(name.partition(".")[0] for name in known)
    limited: Counter[str] = Counter()
    for name, times in sorted(found.items()):
        table = name.partition(".")[0]
        if name not in known:
            named[table] += 1
        is_named = name in known or named[table] <= _MAX_DRIFT_FIELDS
        limited[name if is_named else unknown_fields_key(table)] += times
    return limited
