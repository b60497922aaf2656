"""Merge rows from a temporary table into a staging table; the newest observation of each key wins.

The result does not depend on the order in which observations arrive. Of two observations with the same time and
different content, the one with the greater content hash wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from warehouse.model.tables import Table
from warehouse.staging import copy
from warehouse.staging.prepare import Rows

__all__ = ["MergeCounts", "merge"]

_COMMA = sql.SQL(", ")
#: Number of rows from which rows that appear to be new are copied directly into the table.
_BULK_ROWS = 10_000
#: Share of known keys from which rows that are not newer are removed before the merge.
_PREFILTER_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """Counts of a merge: rows inserted, updated, deleted, and observed again unchanged at a later time."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    reobserved: int = 0

    @property
    def changed(self) -> int:
        """Rows inserted, updated or deleted."""
        return self.inserted + self.updated + self.deleted

    def __add__(self, other: MergeCounts) -> MergeCounts:
        """Sum of two merges."""
        return MergeCounts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.deleted + other.deleted,
            self.reobserved + other.reobserved,
        )


def merge(connection: psycopg.Connection, rows: Rows) -> MergeCounts:
    """Merge rows into their staging table.

    The caller holds a lock on the table that blocks other writers, and has set `ladder.batch_id`.
    """
    known = _known_share(connection, rows)
    if rows.count >= _BULK_ROWS and not rows.has_duplicates and known == 0:
        try:
            with connection.transaction():
                _copy(connection, rows, rows.table.identifier)
        except psycopg.errors.UniqueViolation:
            pass  # The sample contained no known key, but the rows do: merge them.
        else:
            return MergeCounts(inserted=rows.count)
    _create_incoming(connection, rows.table)
    _copy(connection, rows, _incoming(rows.table))
    return _merge_incoming(connection, rows, is_mostly_known=known > _PREFILTER_SHARE)


def _known_share(connection: psycopg.Connection, rows: Rows) -> float:
    """Share of a sample of keys that are already in the table."""
    table = rows.table
    query = sql.SQL("SELECT count(*) FROM unnest({arrays}) AS n ({key}) JOIN {target} AS t USING ({key})").format(
        arrays=_COMMA.join(
            sql.SQL("%s::{}[]").format(sql.SQL(column.type))
            for name in table.key
            for column in table.columns
            if column.name == name
        ),
        key=_COMMA.join(map(sql.Identifier, table.key)),
        target=table.identifier,
    )
    row = connection.execute(query, [rows.sample[name].to_list() for name in table.key]).fetchone()
    assert row is not None  # an aggregate without GROUP BY always returns a row
    return float(row[0]) / rows.sample.height


def _create_incoming(connection: psycopg.Connection, table: Table) -> None:
    """Create the session's temporary table, or empty it if it exists."""
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ({}) ON COMMIT DELETE ROWS").format(
            _incoming(table),
            _COMMA.join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(type_))
                for name, type_ in _incoming_columns(table)
            ),
        )
    )
    connection.execute(sql.SQL("TRUNCATE {}").format(_incoming(table)))


def _copy(connection: psycopg.Connection, rows: Rows, target: sql.Identifier) -> None:
    columns = _incoming_columns(rows.table)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        target, _COMMA.join(sql.Identifier(name) for name, _ in columns)
    )
    with connection.cursor().copy(statement) as stream:
        if rows.encoded is not None:
            stream.write(copy.HEADER)
            for part in rows.encoded:
                stream.write(part)
            stream.write(copy.TRAILER)
        elif rows.frame is not None:
            copy.write_rows(stream, rows.frame, [type_ for _, type_ in columns])


def _merge_incoming(connection: psycopg.Connection, rows: Rows, *, is_mostly_known: bool) -> MergeCounts:
    """Merge the session's temporary table into the staging table."""
    table = rows.table
    names = _names(table)
    # Each incoming row is looked up by its key, so that the cost of a load does not depend on the size of the table.
    connection.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
    count = rows.count
    if rows.has_duplicates:
        count -= connection.execute(
            sql.SQL(
                "DELETE FROM {incoming} WHERE ctid IN (SELECT duplicate FROM (SELECT n.ctid AS duplicate, "
                "row_number() OVER (PARTITION BY {key} ORDER BY _observed_at DESC, {new_hash} DESC, n.ctid) AS place "
                "FROM {incoming} AS n) AS ranked WHERE place > 1)"
            ).format(**names)
        ).rowcount
    if is_mostly_known:
        count -= connection.execute(
            sql.SQL("DELETE FROM {incoming} AS n USING {target} AS t WHERE {same_key} AND NOT {is_newer}").format(
                **names
            )
        ).rowcount
        if count == 0:
            return MergeCounts()
    inserted = connection.execute(
        sql.SQL(
            "INSERT INTO {target} ({columns}, _observed_at, _deleted_at) "
            "SELECT {columns}, _observed_at, _deleted_at FROM {incoming} ON CONFLICT ({key}) DO NOTHING"
        ).format(**names)
    ).rowcount
    if inserted == count:
        return MergeCounts(inserted=inserted)
    return MergeCounts(inserted=inserted) + _merge_known(connection, table, names)


def _merge_known(connection: psycopg.Connection, table: Table, names: dict[str, sql.Composable]) -> MergeCounts:
    """Update existing rows with newer observations, and write the old image of each changed row to the feed."""
    newer = connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE newer ON COMMIT DROP AS "
            "SELECT n.*, t.ctid AS current_ctid, {new_content} *<> {old_content} AS is_changed "
            "FROM {incoming} AS n JOIN {target} AS t ON {same_key} WHERE t._batch_id <> {batch} AND {is_newer}"
        ).format(**names)
    ).rowcount
    try:
        if not newer:
            return MergeCounts()
        return _apply_newer(connection, table, names)
    finally:
        connection.execute("DROP TABLE newer")


def _apply_newer(connection: psycopg.Connection, table: Table, names: dict[str, sql.Composable]) -> MergeCounts:
    fed_rows = connection.execute(
        sql.SQL(
            "INSERT INTO {feed} "
            "(_feed_batch_id, _operation, {columns}, _batch_id, _observed_at, _loaded_at, _deleted_at) "
            "SELECT {batch}, CASE WHEN n._deleted_at IS NULL THEN 'update' ELSE 'delete' END, {old_columns}, "
            "t._batch_id, t._observed_at, t._loaded_at, t._deleted_at "
            "FROM newer AS n JOIN {target} AS t ON t.ctid = n.current_ctid WHERE n.is_changed "
            "RETURNING (_operation = 'delete')::integer"
        ).format(**names, old_columns=_COMMA.join(sql.Identifier("t", name) for name in table.column_names))
    )
    is_deletion = [row[0] for row in fed_rows]
    assigned = [*table.content_names, "_observed_at", "_deleted_at"]
    connection.execute(
        sql.SQL(
            "UPDATE {target} AS t SET {assignments}, _batch_id = {batch}, _loaded_at = now() "
            "FROM newer AS n WHERE t.ctid = n.current_ctid AND n.is_changed"
        ).format(
            **names, assignments=_COMMA.join(sql.SQL("{0} = n.{0}").format(sql.Identifier(name)) for name in assigned)
        )
    )
    reobserved = connection.execute(
        sql.SQL(
            "UPDATE {target} AS t SET _observed_at = n._observed_at, _deleted_at = n._deleted_at "
            "FROM newer AS n WHERE t.ctid = n.current_ctid AND NOT n.is_changed"
        ).format(**names)
    ).rowcount
    deleted = sum(is_deletion)
    return MergeCounts(updated=len(is_deletion) - deleted, deleted=deleted, reobserved=reobserved)


def _names(table: Table) -> dict[str, sql.Composable]:
    """Fragments of the statements of a merge: `n` is an incoming row, `t` the existing one."""
    new_content, old_content = _row(table, "n"), _row(table, "t")
    return {
        "target": table.identifier,
        "feed": table.feed_identifier,
        "incoming": _incoming(table),
        "columns": _COMMA.join(map(sql.Identifier, table.column_names)),
        "key": _COMMA.join(map(sql.Identifier, table.key)),
        "batch": sql.SQL("current_setting('ladder.batch_id')::bigint"),
        "same_key": sql.SQL(" AND ").join(sql.SQL("n.{0} = t.{0}").format(sql.Identifier(name)) for name in table.key),
        "new_content": new_content,
        "old_content": old_content,
        "new_hash": _hash(new_content),
        "is_newer": sql.SQL(
            "(n._observed_at > t._observed_at OR (n._observed_at = t._observed_at "
            "AND {new} *<> {old} AND {new_hash} > {old_hash}))"
        ).format(new=new_content, old=old_content, new_hash=_hash(new_content), old_hash=_hash(old_content)),
    }


def _incoming(table: Table) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"incoming_{table.source}_{table.name}")


def _incoming_columns(table: Table) -> list[tuple[str, str]]:
    columns = [(column.name, str(column.type)) for column in table.columns]
    return [*columns, ("_observed_at", "timestamptz"), ("_deleted_at", "timestamptz")]


def _row(table: Table, alias: str) -> sql.Composed:
    """The content of a row as a value to compare; it includes whether the row is deleted, but not the observation time.

    It is compared by binary image (`*<>`), since 1 and 1.0 are equal numbers in JSON but different content.
    """
    parts: list[sql.Composable] = [sql.Identifier(alias, name) for name in table.content_names]
    parts.append(sql.SQL("({} IS NULL)").format(sql.Identifier(alias, "_deleted_at")))
    return sql.SQL("ROW({})::record").format(_COMMA.join(parts))


def _hash(content: sql.Composed) -> sql.Composed:
    return sql.SQL('md5({}::text) COLLATE "C"').format(content)
