"""The merge: rows from a temporary table into a staging table, the newest observation of each key winning.

Order does not matter: whatever way the same observations arrive, the same rows stand in the end. Of two observations of
one moment with different content, the one with the greater content hash wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from warehouse import copy
from warehouse.prepare import Rows
from warehouse.tables import Table

__all__ = ["MergeCounts", "copy_incoming", "merge_incoming"]

_COMMA = sql.SQL(", ")


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What a merge did: rows inserted, updated, deleted, and seen again unchanged at a later time."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    reobserved: int = 0

    def __add__(self, other: MergeCounts) -> MergeCounts:
        """Sum of two merges."""
        return MergeCounts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.deleted + other.deleted,
            self.reobserved + other.reobserved,
        )


def copy_incoming(connection: psycopg.Connection, rows: Rows) -> None:
    """COPY rows into the session's temporary table for their staging table."""
    table = rows.table
    incoming = _incoming(table)
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ({}) ON COMMIT DELETE ROWS").format(
            incoming,
            _COMMA.join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(type_))
                for name, type_ in _incoming_columns(table)
            ),
        )
    )
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(incoming)
    with connection.cursor().copy(statement) as stream:
        if rows.encoded is not None:
            stream.write(copy.HEADER)
            for part in rows.encoded:
                stream.write(part)
            stream.write(copy.TRAILER)
        elif rows.frame is not None:
            copy.write_rows(stream, rows.frame, [type_ for _, type_ in _incoming_columns(table)])


def merge_incoming(connection: psycopg.Connection, rows: Rows, *, batch_id: int, loaded_at: datetime) -> MergeCounts:
    """Merge the session's temporary table into the staging table.

    The caller holds a lock on the staging table that keeps other writers out.
    """
    table = rows.table
    names = {
        "target": table.identifier,
        "feed": table.feed_identifier,
        "incoming": _incoming(table),
        "columns": _COMMA.join(map(sql.Identifier, table.column_names)),
        "key": _COMMA.join(map(sql.Identifier, table.key)),
        "batch": sql.Literal(batch_id),
        "loaded_at": sql.Literal(loaded_at),
    }
    count = rows.count
    if rows.has_duplicates:
        count -= connection.execute(
            sql.SQL(
                "DELETE FROM {incoming} WHERE ctid IN (SELECT duplicate FROM (SELECT i.ctid AS duplicate, "
                "row_number() OVER (PARTITION BY {key} ORDER BY _observed_at DESC, {hash} DESC, i.ctid) AS place "
                "FROM {incoming} AS i) AS ranked WHERE place > 1)"
            ).format(**names, hash=_hash(table, "i"))
        ).rowcount
    inserted = connection.execute(
        sql.SQL(
            "INSERT INTO {target} ({columns}, _batch_id, _observed_at, _loaded_at, _deleted_at) "
            "SELECT {columns}, {batch}, _observed_at, {loaded_at}, _deleted_at FROM {incoming} "
            "ON CONFLICT ({key}) DO NOTHING"
        ).format(**names)
    ).rowcount
    if inserted == count:
        return MergeCounts(inserted=inserted)
    return MergeCounts(inserted=inserted) + _merge_known(connection, table, names)


def _merge_known(connection: psycopg.Connection, table: Table, names: dict[str, sql.Composable]) -> MergeCounts:
    """Bring rows that stood before up to newer observations, keeping the old image of each changed one."""
    content = [*table.content_names]
    both = {
        "same_key": sql.SQL(" AND ").join(sql.SQL("n.{0} = t.{0}").format(sql.Identifier(name)) for name in table.key),
        "new_content": _row(content, "n"),
        "old_content": _row(content, "t"),
        "new_hash": _hash(table, "n"),
        "old_hash": _hash(table, "t"),
    }
    newer = connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE newer ON COMMIT DROP AS "
            "SELECT n.*, t.ctid AS standing, {new_content} IS DISTINCT FROM {old_content} AS is_changed "
            "FROM {incoming} AS n JOIN {target} AS t ON {same_key} "
            "WHERE t._batch_id <> {batch} AND (n._observed_at > t._observed_at OR (n._observed_at = t._observed_at "
            "AND {new_content} IS DISTINCT FROM {old_content} AND {new_hash} > {old_hash}))"
        ).format(**names, **both)
    ).rowcount
    if not newer:
        connection.execute("DROP TABLE newer")
        return MergeCounts()
    deleted = connection.execute(
        sql.SQL(
            "INSERT INTO {feed} "
            "(_feed_batch_id, _operation, {columns}, _batch_id, _observed_at, _loaded_at, _deleted_at) "
            "SELECT {batch}, CASE WHEN n._deleted_at IS NULL THEN 'update' ELSE 'delete' END, {old_columns}, "
            "t._batch_id, t._observed_at, t._loaded_at, t._deleted_at "
            "FROM newer AS n JOIN {target} AS t ON t.ctid = n.standing WHERE n.is_changed "
            "RETURNING (_operation = 'delete')::integer"
        ).format(**names, old_columns=_COMMA.join(sql.Identifier("t", name) for name in table.column_names))
    )
    operations = [row[0] for row in deleted]
    assignments = [
        sql.SQL("{0} = n.{0}").format(sql.Identifier(name)) for name in [*content, "_observed_at", "_deleted_at"]
    ]
    connection.execute(
        sql.SQL(
            "UPDATE {target} AS t SET {assignments}, _batch_id = {batch}, _loaded_at = {loaded_at} "
            "FROM newer AS n WHERE t.ctid = n.standing AND n.is_changed"
        ).format(**names, assignments=_COMMA.join(assignments))
    )
    reobserved = connection.execute(
        sql.SQL(
            "UPDATE {target} AS t SET _observed_at = n._observed_at "
            "FROM newer AS n WHERE t.ctid = n.standing AND NOT n.is_changed"
        ).format(**names)
    ).rowcount
    connection.execute("DROP TABLE newer")
    erased = sum(operations)
    return MergeCounts(updated=len(operations) - erased, deleted=erased, reobserved=reobserved)


def _incoming(table: Table) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"incoming_{table.source}_{table.name}")


def _incoming_columns(table: Table) -> list[tuple[str, str]]:
    columns = [(column.name, str(column.type)) for column in table.columns]
    return [*columns, ("_observed_at", "timestamptz"), ("_deleted_at", "timestamptz")]


def _row(names: list[str], alias: str) -> sql.Composed:
    """The content of a row as a value to compare; being deleted is part of it, when it was seen is not."""
    parts: list[sql.Composable] = [sql.Identifier(alias, name) for name in names]
    parts.append(sql.SQL("({} IS NULL)").format(sql.Identifier(alias, "_deleted_at")))
    return sql.SQL("ROW({})").format(_COMMA.join(parts))


def _hash(table: Table, alias: str) -> sql.Composed:
    return sql.SQL('md5({}::text) COLLATE "C"').format(_row(list(table.content_names), alias))
