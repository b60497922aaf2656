"""PostgreSQL with the login `ladder_serving`: one bounded query per response, and the published generation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import dict_row
from psycopg.types.numeric import FloatLoader
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from serving.endpoints import Endpoint
from serving.endpoints.generations import PublishedGeneration
from serving.errors import Unavailable
from warehouse.database.locks import SHARE_VIEW_LOCK
from warehouse.publication.damage import DAMAGE_QUERY, DamagedMart

__all__ = ["READ_TIMEOUT_S", "Database", "DatabaseDown", "QueryResult"]

_POOL_SIZE = 4
_QUERY_TIMEOUT_S = 3
_POOL_TIMEOUT_S = 2
_WATCH_TIMEOUT_S = 1.5
READ_TIMEOUT_S = _POOL_TIMEOUT_S + 2 * _QUERY_TIMEOUT_S
"""Longest duration of a read: the wait for a connection, the query, and the query whether the subject exists."""

_OPTIONS = (
    f"-c timezone=UTC -c statement_timeout={_QUERY_TIMEOUT_S}s "
    f"-c idle_in_transaction_session_timeout={_QUERY_TIMEOUT_S}s -c default_transaction_read_only=on"
)
_CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 2,
    "options": _OPTIONS,
    "application_name": "ladderhouse-api",
    # Queries with optional filters need a plan of their own values; planning is cheaper than a generic plan.
    "prepare_threshold": None,
}
_DAMAGE_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '200ms'"
_NEWEST_GENERATION = "SELECT generation, as_of_date, published_at FROM ops.generations ORDER BY generation DESC LIMIT 1"


Result = TypeVar("Result")


class DatabaseDown(Exception):
    """PostgreSQL cannot be reached, or closed the connection."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of an endpoint's query.

    Args:
        published: the generation that the rows belong to.
        rows: the rows.
        is_known: whether the subject exists; false only if there is no row.
    """

    published: PublishedGeneration
    rows: list[dict[str, Any]]
    is_known: bool


class Database:
    """A connection pool for responses, and a separate connection for the generation that long queries cannot block.

    Args:
        url: login of `ladder_serving`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=_POOL_SIZE,
            open=False,
            timeout=_POOL_TIMEOUT_S,
            # Short: the watcher notices when the server is back, and the next request makes the pool connect again.
            reconnect_timeout=1,
            configure=_configure,
            kwargs=_CONNECTION,
        )
        self._watch_connection: AsyncConnection | None = None
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Start to connect; does not wait for the server."""
        await self._pool.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()
        await self._close_watch_connection()

    async def recover(self) -> None:
        """Replace connections that broke in an outage, before a request uses them."""
        await self._pool.check()

    async def newest(self) -> PublishedGeneration | None:
        """The published generation; None before the first.

        Raises:
            DatabaseDown: PostgreSQL does not reply in time.
        """
        try:
            return await self._within(_WATCH_TIMEOUT_S, self._newest())
        except psycopg.errors.UndefinedTable:
            return None
        except (psycopg.Error, DatabaseDown) as error:
            await self._close_watch_connection()
            raise DatabaseDown from error

    async def damaged(self) -> list[DamagedMart] | None:
        """Marts that were changed outside a build since they were published; an empty list if nothing is recorded.

        None when the catalogue cannot be read now: a promotion is running, a mart is locked, a view was dropped
        concurrently, all connections are in use, or PostgreSQL does not reply, which the watcher notices.
        """
        try:
            return await self._within(_WATCH_TIMEOUT_S, self._damaged())
        except psycopg.errors.UndefinedTable:
            return []
        except (psycopg.OperationalError, psycopg.errors.InternalError_, DatabaseDown):
            return None

    async def read(self, endpoint: Endpoint, values: Mapping[str, Any]) -> QueryResult:
        """Run an endpoint's query in the same snapshot as the query for the generation.

        Raises:
            DatabaseDown: PostgreSQL cannot be reached.
            Unavailable: all connections are busy, the query took too long, or nothing is published.
        """
        try:
            return await self._within(READ_TIMEOUT_S, self._read(endpoint, values))
        except PoolTimeout:
            raise Unavailable("overloaded", "too many concurrent queries; try again", 1) from None
        except psycopg.errors.QueryCanceled:
            raise Unavailable("query_timeout", f"the query took longer than {_QUERY_TIMEOUT_S} s", 5) from None
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            raise Unavailable(
                "mart_missing", f"{endpoint.mart} is not published with the columns that this API reads", 30
            ) from None
        except psycopg.OperationalError as error:
            raise DatabaseDown from error

    async def _newest(self) -> PublishedGeneration | None:
        if self._watch_connection is None:
            self._watch_connection = await AsyncConnection.connect(self._url, **_CONNECTION)
        row = await (await self._watch_connection.execute(_NEWEST_GENERATION)).fetchone()
        return None if row is None else PublishedGeneration(*row)

    async def _damaged(self) -> list[DamagedMart]:
        # Not on the watcher's connection, which must not wait for this lock.
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_DAMAGE_LOCK_TIMEOUT)
            await connection.execute(SHARE_VIEW_LOCK)
            rows = await (await connection.execute(DAMAGE_QUERY, {"colour": None})).fetchall()
        return [DamagedMart(*row) for row in rows]

    async def _read(self, endpoint: Endpoint, values: Mapping[str, Any]) -> QueryResult:
        async with self._pool.connection() as connection:
            return await _read(connection, endpoint, values)

    async def _within(self, timeout_s: float, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine with a timeout, then abandon it: psycopg would wait ten more seconds for a hung server.

        Raises:
            DatabaseDown: it took too long.
        """
        task = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=timeout_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            return task.result()
        task.cancel()
        self._abandoned.add(task)
        task.add_done_callback(self._on_abandoned_done)
        raise DatabaseDown

    def _on_abandoned_done(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()

    async def _close_watch_connection(self) -> None:
        if self._watch_connection is not None:
            connection, self._watch_connection = self._watch_connection, None
            await connection.close()


async def _configure(connection: AsyncConnection) -> None:
    """JSON has no decimals; the rounded values of the marts fit a float."""
    connection.adapters.register_loader("numeric", FloatLoader)


async def _read(connection: AsyncConnection, endpoint: Endpoint, values: Mapping[str, Any]) -> QueryResult:
    # PostgreSQL resolves a view by its current definition, not by that of the snapshot. Without the locks, a promotion
    # between snapshot and query would combine the old generation's number with the new generation's rows. LOCK TABLE
    # takes no snapshot.
    begin = sql.SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {} IN ACCESS SHARE MODE; {}").format(
        sql.SQL(", ").join(sql.Identifier("marts", name) for name in endpoint.reads), sql.SQL(_NEWEST_GENERATION)
    )
    try:
        cursor = await connection.execute(begin)
        while cursor.nextset():
            pass
        newest = await cursor.fetchone()
        if newest is None:
            raise Unavailable("not_published", "nothing is published yet", 5)
        rows = await (await connection.cursor(row_factory=dict_row).execute(endpoint.sql, values)).fetchall()
        is_known = bool(rows) or await _is_known(connection, endpoint, values)
    finally:
        if not connection.closed:
            await connection.execute("ROLLBACK")
    return QueryResult(PublishedGeneration(*newest), rows, is_known)


async def _is_known(connection: AsyncConnection, endpoint: Endpoint, values: Mapping[str, Any]) -> bool:
    if not endpoint.exists_sql:
        return endpoint.is_list
    found = await (await connection.execute(endpoint.exists_sql, values)).fetchone()
    return found is not None and bool(found[0])
