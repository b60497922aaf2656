"""Create staging tables from their definitions, and add the columns and indexes of newer definitions."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from warehouse.core.errors import DatabaseError
from warehouse.database.role_names import qualify_role_names, role_name
from warehouse.model.source import Source
from warehouse.model.tables import METADATA_COLUMNS, Table

__all__ = ["set_up_staging"]


@dataclass
class _Existing:
    """An existing staging table: types of its columns by name, its key, names of its indexes."""

    columns: dict[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    key_name: str = ""
    indexes: frozenset[str] = frozenset()


def set_up_staging(connection: psycopg.Connection, source: Source, suffix: str) -> None:
    """Create or extend the staging tables of a source, and grant the privileges that roles need.

    Args:
        connection: the administrator's, in a transaction.
        source: the source.
        suffix: suffix of the role names.

    Raises:
        DatabaseError: a table has another structure, which cannot be changed to its definition without data loss.
    """
    schema = sql.Identifier(f"staging_{source.name}")
    owner = sql.Identifier(role_name("owner", suffix))
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(schema, owner))
    existing = _existing_tables(connection, source)
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(owner))
    for table in source.tables:
        found = existing.get(table.name)
        if found is None:
            for statement in table.create_statements():
                connection.execute(statement)
        else:
            _add_missing_columns(connection, table, found.columns)
            _add_missing_indexes(connection, table, found)
    grants = """
        GRANT USAGE ON SCHEMA {schema} TO ladder_ingest, ladder_transform, ladder_developer, ladder_marts_owner;
        GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {schema} TO ladder_ingest;
        GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO ladder_transform, ladder_developer, ladder_marts_owner;
        GRANT DELETE ON {feeds} TO ladder_marts_owner;
        REVOKE UPDATE ON {feeds} FROM ladder_ingest;
    """
    feeds = sql.SQL(", ").join(table.feed_identifier for table in source.tables)
    connection.execute(sql.SQL(qualify_role_names(grants, suffix)).format(schema=schema, feeds=feeds))
    connection.execute(
        "INSERT INTO ops.load_locks (source) SELECT %s WHERE NOT EXISTS (SELECT FROM ops.load_locks WHERE source = %s)",
        [source.name, source.name],
    )
    connection.execute("RESET ROLE")


def _existing_tables(connection: psycopg.Connection, source: Source) -> dict[str, _Existing]:
    """Existing staging tables of a source, by name."""
    rows = connection.execute(
        "SELECT c.relname, jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)), "
        "(SELECT array_agg(x.relname::text) FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid "
        "WHERE i.indrelid = c.oid), "
        "(SELECT conname FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p'), "
        "(SELECT array_agg(n.attname::text ORDER BY place) FROM pg_constraint AS k "
        "CROSS JOIN unnest(k.conkey) WITH ORDINALITY AS o (number, place) "
        "JOIN pg_attribute AS n ON n.attrelid = c.oid AND n.attnum = o.number "
        "WHERE k.conrelid = c.oid AND k.contype = 'p') "
        "FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r' GROUP BY c.oid, c.relname",
        [f"staging_{source.name}"],
    )
    return {
        name: _Existing(columns, tuple(key or ()), key_name or "", frozenset(indexes or ()))
        for name, columns, indexes, key_name, key in rows
    }


def _add_missing_indexes(connection: psycopg.Connection, table: Table, found: _Existing) -> None:
    """Create the indexes of a newer definition, and recreate the key if its columns have another order."""
    if found.key != table.key and sorted(found.key) == sorted(table.key):
        connection.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}, ADD PRIMARY KEY ({})").format(
                table.identifier,
                sql.Identifier(found.key_name),
                sql.SQL(", ").join(map(sql.Identifier, table.key)),
            )
        )
    for name, statement in table.index_statements().items():
        if name not in found.indexes:
            connection.execute(statement)


def _add_missing_columns(connection: psycopg.Connection, table: Table, existing: dict[str, str]) -> None:
    """Add the columns of a newer definition; no other change is made without the user.

    Raises:
        DatabaseError: a column has another type, or a key or metadata column is missing.
    """
    for column in table.columns:
        if column.name not in existing:
            if column.name in table.key:
                raise DatabaseError(
                    f"{table} lacks its key column {column.name}", "restore it, or set up a new database"
                )
            for identifier in (table.identifier, table.feed_identifier):
                connection.execute(
                    sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                        identifier, sql.Identifier(column.name), sql.SQL(column.type)
                    )
                )
        elif existing[column.name] != column.type:
            raise DatabaseError(
                f"{table}.{column.name} is {existing[column.name]}, expected {column.type}",
                "restore its type, or set up a new database and run `ladder replay`",
            )
    missing = {name for name, _ in METADATA_COLUMNS} - existing.keys()
    if missing:
        raise DatabaseError(
            f"{table} lacks {', '.join(sorted(missing))}", "set up a new database and run `ladder replay`"
        )
