"""What the warehouse remembers of its sources: tracked things, cursors, passes."""

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

#: Beginning of the name of a cursor that is a note of something to be read again: `ops.rereads` holds these.
REREAD_PREFIX = "reread/"
#: An unfinished pass older than this is not resumed: what it fetched is stale anyway.
_MAX_RESUME_AGE = timedelta(hours=6)
#: Passes whose failures count for the order in which things take turns.
_FAILURE_HISTORY = 100


@dataclass(frozen=True, slots=True)
class TrackedEntity:
    """A thing that is tracked."""

    id: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far something has been read, and when that was observed."""

    value: Mapping[str, Any]
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Reread:
    """What the books hold of something that was not settled when it was read.

    Args:
        reason: why; None once it is settled.
        tries: how often it was read for this reason.
        first_at: when it was first read for this reason, UTC.
        last_at: when it was read last, UTC.
    """

    reason: str | None
    tries: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Sync:
    """A pass over a source. What a cursor has observed since `started_at` is done already."""

    pass_id: int
    started_at: datetime
    is_resumed: bool


def tracked_entities(connection: psycopg.Connection, source: str, kind: str) -> list[TrackedEntity]:
    """Things of a kind that are tracked now, longest tracked first."""
    rows = connection.execute(
        "SELECT id, added_at FROM ops.tracked WHERE source = %s AND kind = %s AND removed_at IS NULL "
        "ORDER BY added_at, id",
        [source, kind],
    )
    return [TrackedEntity(id_, added_at) for id_, added_at in rows]


def track(connection: psycopg.Connection, source: str, kind: str, ids: Sequence[str]) -> int:
    """Begin to track things; returns how many were not tracked before."""
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
    """Stop tracking things, keeping what is stored; returns how many were tracked."""
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
    """Begin a pass, or resume the newest one that did not end."""
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
    assert row is not None  # an INSERT with RETURNING always answers
    return Sync(row[0], row[1], is_resumed=False)


def failed_in_last_sync(connection: psycopg.Connection, source: str, name: str) -> set[str]:
    """What could not be read in the newest ended pass of a name, e.g. `player 7`."""
    rows = connection.execute(
        "SELECT failure ->> 'item' FROM jsonb_array_elements((SELECT report -> 'failures' FROM ops.passes "
        "WHERE source = %s AND name = %s AND report IS NOT NULL ORDER BY pass_id DESC LIMIT 1)) AS failure",
        [source, name],
    )
    return {item for (item,) in rows}


def last_failures(connection: psycopg.Connection, source: str, name: str) -> dict[str, datetime]:
    """When things could not be read last, in the newest hundred ended passes of a name, by name, e.g. `player 7`."""
    rows = connection.execute(
        "SELECT failure ->> 'item', max(newest.finished_at) FROM (SELECT finished_at, report -> 'failures' AS failures "
        "FROM ops.passes WHERE source = %s AND name = %s AND report IS NOT NULL ORDER BY pass_id DESC LIMIT %s) "
        "AS newest CROSS JOIN LATERAL jsonb_array_elements(newest.failures) AS failure GROUP BY 1",
        [source, name, _FAILURE_HISTORY],
    )
    return dict(rows.fetchall())


def finish_sync(connection: psycopg.Connection, sync: Sync, report: Mapping[str, Any]) -> None:
    """End a pass, and with it any older one of its name that never ended."""
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
    """Record what a pass found about the tables that it fills.

    Args:
        connection: a login that may write `ops` (`ladder_ingest`).
        source: their source.
        tables: their names.
        is_awaited: whether there was anything to read; tables for which there is nothing are not late.
        is_confirmed: whether the source answered and everything landed is loaded.
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
