"""Promote a colour: one transaction replaces every view of `marts` and writes the new generation.

A reader sees the old marts or the new ones, never some of each.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

import psycopg
from psycopg import sql

from warehouse.core.errors import PublicationError
from warehouse.database.locks import acquire_view_lock
from warehouse.database.role_names import SET_ROLE_MARTS_OWNER, find_suffix, qualify_role_names
from warehouse.publication.damage import damaged_marts, record_marts
from warehouse.publication.generations import Colour, Generation, write_generation

__all__ = ["promote", "restore_views", "rollback"]

_PROMOTE_ATTEMPTS = 20
_PROMOTE_LOCK_TIMEOUT_MS = 500


def promote(
    connection: psycopg.Connection, colour: Colour, marts: Sequence[str], *, confirmed_at: datetime | None = None
) -> Generation:
    """Promote a colour: replace the views of `marts` and write the new generation, in one transaction.

    Args:
        connection: a login of `ladder_transform`, in autocommit, that holds the build lock.
        colour: the colour to promote.
        marts: names of all marts; views with other names are dropped.
        confirmed_at: when a run last confirmed that the colour contains all loaded data; None means now.

    Raises:
        PublicationError: a mart is missing, the colour was never built, or readers lock the views for too long.
    """
    for attempt in range(_PROMOTE_ATTEMPTS):
        try:
            with connection.transaction():
                connection.execute(SET_ROLE_MARTS_OWNER)
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_PROMOTE_LOCK_TIMEOUT_MS)))
                acquire_view_lock(connection)
                _promote_views(connection, colour, marts)
                generation = write_generation(connection, colour, confirmed_at)
        except psycopg.errors.LockNotAvailable:
            # Waiting for a long reader would block every later reader of the view; let them run, then try again.
            time.sleep(0.05 * (attempt + 1))
            continue
        # In a separate transaction, since readers wait while the views are promoted.
        with connection.transaction():
            connection.execute(SET_ROLE_MARTS_OWNER)
            record_marts(connection, colour, marts)
        return generation
    raise PublicationError("a reader locks the marts for too long", "end long queries and try again")


def rollback(connection: psycopg.Connection, marts: Sequence[str]) -> Generation:
    """Roll back to the previous generation, under a new number.

    Raises:
        PublicationError: there is none, its colour has been rebuilt since, or its marts are damaged.
    """
    row = connection.execute(
        "SELECT g.colour, i.begun_at <= g.published_at, g.confirmed_at FROM (SELECT colour, "
        "max(published_at) AS published_at, max(confirmed_at) AS confirmed_at "
        "FROM ops.generations GROUP BY colour) AS g JOIN ops.build_state USING (colour) "
        "JOIN ops.build_inputs AS i USING (colour) "
        "WHERE colour <> (SELECT colour FROM ops.generations ORDER BY generation DESC LIMIT 1)"
    ).fetchone()
    if row is None:
        raise PublicationError(
            "there is no earlier generation to roll back to", "run `ladder run` to build a newer one"
        )
    if not row[1]:
        raise PublicationError("the earlier generation has been overwritten", "run `ladder run` to build a newer one")
    damaged = damaged_marts(connection, row[0])
    if damaged:
        raise PublicationError(
            f"the earlier generation is damaged ({damaged[0].message})", "run `ladder run` to build a newer one"
        )
    # Data that was loaded since is not in it, so its confirmation time does not change.
    return promote(connection, row[0], marts, confirmed_at=row[2])


def restore_views(connection: psycopg.Connection, live: Generation) -> Generation:
    """Recreate the views of the published generation, whose tables are intact, under a new number.

    Raises:
        PublicationError: a table is missing, or readers lock the views for too long.
    """
    marts = connection.execute("SELECT mart FROM ops.published_marts WHERE colour = %s", [live.colour]).fetchall()
    return promote(connection, live.colour, [mart for (mart,) in marts], confirmed_at=live.confirmed_at)


def _promote_views(connection: psycopg.Connection, colour: Colour, marts: Sequence[str]) -> None:
    schema = f"marts_{colour}"
    tables = _columns(connection, schema)
    missing = sorted(set(marts) - tables.keys())
    if missing:
        raise PublicationError(f"{schema} lacks {', '.join(missing)}", "run `ladder run --full-refresh`")
    for name, columns in _columns(connection, "marts").items():
        if name not in marts or columns != tables[name]:
            connection.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier("marts", name)))
    for name in sorted(marts):
        view, table = sql.Identifier("marts", name), sql.Identifier(schema, name)
        selected = sql.SQL(", ").join(sql.Identifier(column) for column, _ in tables[name])
        connection.execute(sql.SQL("CREATE OR REPLACE VIEW {} AS SELECT {} FROM {}").format(view, selected, table))
    grant = "GRANT SELECT ON ALL TABLES IN SCHEMA marts TO ladder_analyst, ladder_developer, ladder_serving"
    connection.execute(qualify_role_names(grant, find_suffix(connection) or "").encode())
    _copy_comments(connection, schema)


def _columns(connection: psycopg.Connection, schema: str) -> dict[str, list[tuple[str, str]]]:
    """Names and types of the columns of each table and view in a schema."""
    found: dict[str, list[tuple[str, str]]] = {}
    rows = connection.execute(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'v') ORDER BY c.relname, a.attnum",
        [schema],
    )
    for relation, column, type_ in rows:
        found.setdefault(relation, []).append((column, type_))
    return found


def _copy_comments(connection: psycopg.Connection, schema: str) -> None:
    """Copy the descriptions of tables and columns to the views, where they differ."""
    rows = connection.execute(
        "SELECT v.relname, a.attname, d.description FROM pg_class AS v "
        "JOIN pg_class AS t ON t.relname = v.relname AND t.relnamespace = to_regnamespace(%s) "
        "JOIN pg_description AS d ON d.objoid = t.oid AND d.classoid = 'pg_class'::regclass "
        "LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.objsubid AND a.attnum > 0 "
        "LEFT JOIN pg_attribute AS va ON va.attrelid = v.oid AND va.attname = a.attname "
        "LEFT JOIN pg_description AS e ON e.objoid = v.oid AND e.classoid = d.classoid "
        "AND e.objsubid = coalesce(va.attnum, 0) "
        "WHERE v.relnamespace = to_regnamespace('marts') AND v.relkind = 'v' "
        "AND e.description IS DISTINCT FROM d.description",
        [schema],
    )
    for view, column, text in rows.fetchall():
        if column is None:
            target = sql.SQL("VIEW {}").format(sql.Identifier("marts", view))
        else:
            target = sql.SQL("COLUMN {}").format(sql.Identifier("marts", view, column))
        connection.execute(sql.SQL("COMMENT ON {} IS {}").format(target, sql.Literal(text)))
