"""State of sources in `ops`: tracked entities, cursors and syncs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

__all__ = [
    "REREAD_PREFIX",
    "Cursor",
    "Reread",
    "Sync",
    "TrackedEntity",
    "confirm_tables",
    "failed_in_last_sync",
    "finish_sync",
    "last_failures",
    "read_cursors",
    "start_sync",
    "track",
    "tracked_entities",
    "untrack",
]

#: Prefix of the names of cursors that record work items to be read again; they are stored in `ops.rereads`.
REREAD_PREFIX = "reread/"
#: An unfinished sync older than this is not resumed, since its data is stale.
_MAX_RESUME_AGE = timedelta(hours=6)
#: Number of syncs whose failures determine the order of work items.
_FAILURE_HISTORY = 100


@dataclass(frozen=True, slots=True)
class TrackedEntity:
    """An entity that is tracked."""

    id: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a work item has been read, and when that was observed."""

    value: Mapping[str, Any]
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Reread:
    """The row in `ops.rereads` of a work item that was incomplete when it was read.

    Args:
        reason: why it is incomplete; None once it is complete.
        tries: number of reads for this reason.
        first_at: first read for this reason, UTC.
        last_at: last read, UTC.
    """

    reason: str | None
    tries: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync of a stream. Work items with a cursor that was observed since `started_at` are complete."""

    pass_id: int
    started_at: datetime
    is_resumed: bool


def tracked_entities(connection: psycopg.Connection, source: str, kind: str) -> list[TrackedEntity]:
    """Entities of a kind that are tracked now, ordered by the time since they are tracked, longest first."""
    rows = connection.execute(
        "SELECT id, added_at FROM ops.tracked WHERE source = %s AND kind = %s AND removed_at IS NULL "
        "ORDER BY added_at, id",
        [source, kind],
    )
    return [TrackedEntity(id_, added_at) for id_, added_at in rows]


def track(connection: psycopg.Connection, source: str, kind: str, ids: Sequence[str]) -> int:
    """Track entities; returns how many were not tracked before."""
    with connection.cursor() as cursor:
        added = 0
        for id_ in ids:
            cursor.execute(
                "INSERT INTO ops.tracked (source, kind, id) VALUES (%s, %s, %s) ON CONFLICT (source, kind, id) "
                "DO UPDATE SET added_at = now(), removed_at = NULL WHERE ops.tracked.removed_at IS NOT NULL",
                [source, kind, id_],
            )
            added += cursor.rowcount
    connection.commit()
    return added


def untrack(connection: psycopg.Connection, source: str, kind: str, ids: Sequence[str]) -> int:
    """Stop tracking entities, whose stored data is kept; returns how many were tracked."""
    count = connection.execute(
        "UPDATE ops.tracked SET removed_at = now() "
        "WHERE source = %s AND kind = %s AND id = ANY(%s) AND removed_at IS NULL",
        [source, kind, list(ids)],
    ).rowcount
    connection.commit()
    return count


def read_cursors(connection: psycopg.Connection, source: str, prefix: str) -> dict[str, Cursor]:
    """Cursors of a source whose name begins with a prefix, by name."""
    rows = connection.execute(
        "SELECT name, value, observed_at FROM ops.cursors WHERE source = %s AND starts_with(name, %s)",
        [source, prefix],
    )
    return {name: Cursor(value, observed_at) for name, value, observed_at in rows}


def start_sync(connection: psycopg.Connection, source: str, name: str) -> Sync:
    """Start a sync of a stream, or resume the newest unfinished one."""
    row = connection.execute(
        "SELECT pass_id, started_at FROM ops.passes WHERE source = %s AND name = %s AND finished_at IS NULL "
        "AND started_at > %s ORDER BY started_at DESC LIMIT 1",
        [source, name, datetime.now(UTC) - _MAX_RESUME_AGE],
    ).fetchone()
    if row is not None:
        connection.commit()
        return Sync(row[0], row[1], is_resumed=True)
    row = connection.execute(
        "INSERT INTO ops.passes (source, name, started_at) VALUES (%s, %s, clock_timestamp()) "
        "RETURNING pass_id, started_at",
        [source, name],
    ).fetchone()
    connection.commit()
    assert row is not None  # an INSERT with RETURNING always returns a row
    return Sync(row[0], row[1], is_resumed=False)


def failed_in_last_sync(connection: psycopg.Connection, source: str, name: str) -> set[str]:
    """Names of work items, e.g. `player 7`, that failed in the newest finished sync of a stream."""
    rows = connection.execute(
        "SELECT failure ->> 'item' FROM jsonb_array_elements((SELECT report -> 'failures' FROM ops.passes "
        "WHERE source = %s AND name = %s AND report IS NOT NULL ORDER BY pass_id DESC LIMIT 1)) AS failure",
        [source, name],
    )
    return {item for (item,) in rows}


def last_failures(connection: psycopg.Connection, source: str, name: str) -> dict[str, datetime]:
    """Time of the last failure by work item, e.g. `player 7`, in the newest 100 finished syncs of a stream."""
    rows = connection.execute(
        "SELECT failure ->> 'item', max(newest.finished_at) FROM (SELECT finished_at, report -> 'failures' AS failures "
        "FROM ops.passes WHERE source = %s AND name = %s AND report IS NOT NULL ORDER BY pass_id DESC LIMIT %s) "
        "AS newest CROSS JOIN LATERAL jsonb_array_elements(newest.failures) AS failure GROUP BY 1",
        [source, name, _FAILURE_HISTORY],
    )
    return dict(rows.fetchall())


def finish_sync(connection: psycopg.Connection, sync: Sync, report: Mapping[str, Any]) -> None:
    """Finish a sync, and any older unfinished sync of the same stream."""
    connection.execute(
        "UPDATE ops.passes SET finished_at = clock_timestamp(), report = CASE WHEN pass_id = %(pass_id)s "
        "THEN %(report)s::jsonb END WHERE finished_at IS NULL AND (source, name) = "
        "(SELECT source, name FROM ops.passes WHERE pass_id = %(pass_id)s) AND started_at <= %(started_at)s",
        {"pass_id": sync.pass_id, "report": Jsonb(dict(report)), "started_at": sync.started_at},
    )
    connection.commit()


def confirm_tables(
    connection: psycopg.Connection, source: str, tables: Sequence[str], *, is_awaited: bool, is_confirmed: bool
) -> None:
    """Record whether a sync confirmed that the tables which it fills are up to date.

    Args:
        connection: a login that may write `ops` (`ladder_ingest`).
        source: source of the tables.
        tables: names of the tables.
        is_awaited: whether there was anything to read; otherwise the tables are not late.
        is_confirmed: whether the source responded and all landed files are loaded.
    """
    connection.execute(
        "INSERT INTO ops.confirmations AS known (source, table_name, confirmed_at, awaited_since) "
        "SELECT %(source)s, name, CASE WHEN %(is_confirmed)s THEN clock_timestamp() END, "
        "CASE WHEN %(is_awaited)s THEN clock_timestamp() END FROM unnest(%(tables)s::text[]) AS name "
        "ON CONFLICT (source, table_name) DO UPDATE SET "
        "confirmed_at = coalesce(excluded.confirmed_at, known.confirmed_at), "
        "awaited_since = CASE WHEN %(is_awaited)s THEN coalesce(known.awaited_since, excluded.awaited_since) END",
        {"source": source, "tables": list(tables), "is_awaited": is_awaited, "is_confirmed": is_confirmed},
    )
    connection.commit()
