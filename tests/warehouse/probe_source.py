"""A source for tests: a table of numbers, a table with text, and pages that fill them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from warehouse.model.source import CursorUpdate, Endpoint, Page, Source
from warehouse.model.tables import Column, Table
from warehouse.staging.decode import decode_records

SCORES = Table(
    "probe",
    "scores",
    key=("player", "game"),
    description="numbers only",
    columns=(
        Column("player", "bigint", "player", from_request=True),
        Column("game", "bigint", "game"),
        Column("points", "integer", "points"),
        Column("won", "boolean", "won"),
    ),
)
NAMES = Table(
    "probe",
    "names",
    key=("id",),
    description="text",
    columns=(Column("id", "bigint", "id"), Column("name", "text", "name"), Column("tags", "jsonb", "tags")),
)
SOURCE = Source(
    "probe",
    {
        "scores": Endpoint("scores", (SCORES,), lambda page: decode_records(SCORES, page.body, page.params)),
        "names": Endpoint(
            "names", (NAMES,), lambda page: decode_records(NAMES, page.body, page.params), frozenset({"chat"})
        ),
    },
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def page(
    endpoint: str, records: Sequence[Any], *, hour: int = 0, player: int = 1, cursor: CursorUpdate | None = None
) -> Page:
    """A response observed some hours after the start."""
    return Page(
        endpoint=endpoint,
        request=f"/{endpoint}/{player}",
        params={"player": player},
        status=200,
        observed_at=START + timedelta(hours=hour),
        body=msgspec.json.encode(records),
        cursor=cursor,
    )


def deletion(endpoint: str, table: str, keys: Sequence[dict[str, Any]], *, hour: int) -> Page:
    """A deletion observed some hours after the start."""
    return Page(
        endpoint=endpoint,
        request="",
        params={},
        status=200,
        observed_at=START + timedelta(hours=hour),
        body=msgspec.json.encode({"table": table, "keys": keys}),
        kind="deletion",
    )


def contents(connection: psycopg.Connection, source: Source = SOURCE) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every staging table in key order, without their batch and load time."""
    found = {}
    for table in source.tables:
        columns = sql.SQL(", ").join(map(sql.Identifier, [*table.column_names, "_observed_at", "_deleted_at"]))
        order = sql.SQL(", ").join(map(sql.Identifier, table.key))
        query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(columns, table.identifier, order)
        found[table.name] = connection.execute(query).fetchall()
    connection.commit()
    return found


def written(connection: psycopg.Connection, source: Source = SOURCE) -> int:
    """Number of tuples written to the source's staging tables and feeds, by the server's statistics."""
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute(
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_all_tables WHERE schemaname = %s",
        [f"staging_{source.name}"],
    ).fetchone()
    connection.commit()
    assert row is not None
    return int(row[0])


def clear(admin_url: str) -> None:
    """Delete all rows and page digests, as if nothing had been loaded."""
    with psycopg.connect(admin_url) as connection:
        for table in SOURCE.tables:
            connection.execute(sql.SQL("TRUNCATE {}, {}").format(table.identifier, table.feed_identifier))
        connection.execute("DELETE FROM ops.lake_pages")
