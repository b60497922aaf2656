"""PostgreSQL, as the login `ladder_serving`: one bounded query for an answer, and what is published."""

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
from warehouse.database.locks import AWAIT_VIEWS
from warehouse.publication.damage import DAMAGE_QUERY, DamagedMart

__all__ = ["READ_TIMEOUT_S", "Database", "DatabaseDown", "QueryResult"]

_POOL_SIZE = 4
_QUERY_TIMEOUT_S = 3
_POOL_TIMEOUT_S = 2
_WATCH_TIMEOUT_S = 1.5
READ_TIMEOUT_S = _POOL_TIMEOUT_S + 2 * _QUERY_TIMEOUT_S
"""No reading takes longer: a wait for a connection, the rows, and whether there is such a subject."""

_OPTIONS = (
    f"-c timezone=UTC -c statement_timeout={_QUERY_TIMEOUT_S}s "
    f"-c idle_in_transaction_session_timeout={_QUERY_TIMEOUT_S}s -c default_transaction_read_only=on"
)
_CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 2,
    "options": _OPTIONS,
    "application_name": "ladderhouse-api",
    # Plans of queries with optional filters are worth more than the time to make them.
    "prepare_threshold": None,
}
_DAMAGE_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '200ms'"
_NEWEST_GENERATION = "SELECT generation, as_of_date, published_at FROM ops.generations ORDER BY generation DESC LIMIT 1"


Result = TypeVar("Result")


class DatabaseDown(Exception):
    """PostgreSQL cannot be reached, or broke off."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query found.

    Args:
        published: the generation that the rows belong to.
        rows: the rows.
        is_known: whether the subject exists; only false when there is no row.
    """

    published: PublishedGeneration
    rows: list[dict[str, Any]]
    is_known: bool


class Database:
    """A pool for answers, and a connection of its own for what is published, which long queries cannot starve.

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
            # Short: the watcher finds out when the server is back, and the next request makes the pool try again.
            reconnect_timeout=1,
            configure=_configure,
            kwargs=_CONNECTION,
        )
        self._watch_connection: AsyncConnection | None = None
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Begin to connect; does not wait for the server."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()
        await self._close_watch_connection()

    async def recover(self) -> None:
        """Replace the connections that an outage broke, before a request meets them."""
        await self._pool.check()

    async def newest(self) -> PublishedGeneration | None:
        """The published generation; None before the first.

        Raises:
            DatabaseDown: PostgreSQL does not answer in time.
        """
        try:
            return await self._within(_WATCH_TIMEOUT_S, self._newest())
        except psycopg.errors.UndefinedTable:
            return None
        except (psycopg.Error, DatabaseDown) as error:
            await self._close_watch_connection()
            raise DatabaseDown from error

    async def damaged(self) -> list[DamagedMart] | None:
        """Marts that were changed by hand since they were published; none where that is not recorded.

        None in place of a list where the catalogue cannot be looked at now: views turn, a mart is locked, a view was
        removed at that very time, every connection is in use, or PostgreSQL does not answer, which the watcher notices.
        """
        try:
            return await self._within(_WATCH_TIMEOUT_S, self._damaged())
        except psycopg.errors.UndefinedTable:
            return []
        except (psycopg.OperationalError, psycopg.errors.InternalError_, DatabaseDown):
            return None

    async def read(self, endpoint: Endpoint, values: Mapping[str, Any]) -> QueryResult:
        """Run an endpoint's query in the snapshot that its generation is read from.

        Raises:
            DatabaseDown: PostgreSQL cannot be reached.
            Unavailable: it is too busy, the query took too long, or nothing is published.
        """
        try:
            return await self._within(READ_TIMEOUT_S, self._read(endpoint, values))
        except PoolTimeout:
            raise Unavailable("overloaded", "too many queries at once; ask again", 1) from None
        except psycopg.errors.QueryCanceled:
            raise Unavailable("query_timeout", f"the query took longer than {_QUERY_TIMEOUT_S} s", 5) from None
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            raise Unavailable(
                "mart_missing", f"{endpoint.mart} is not published in the form this API reads", 30
            ) from None
        except psycopg.OperationalError as error:
            raise DatabaseDown from error

    async def _newest(self) -> PublishedGeneration | None:
        if self._watch_connection is None:
            self._watch_connection = await AsyncConnection.connect(self._url, **_CONNECTION)
        row = await (await self._watch_connection.execute(_NEWEST_GENERATION)).fetchone()
        return None if row is None else PublishedGeneration(*row)

    async def _damaged(self) -> list[DamagedMart]:
        # Not on the watcher's connection: a look that waits for a lock must not keep the watcher from its own.
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_DAMAGE_LOCK_TIMEOUT)
            await connection.execute(AWAIT_VIEWS)
            rows = await (await connection.execute(DAMAGE_QUERY, {"colour": None})).fetchall()
        return [DamagedMart(*row) for row in rows]

    async def _read(self, endpoint: Endpoint, values: Mapping[str, Any]) -> QueryResult:
        async with self._pool.connection() as connection:
            return await _read(connection, endpoint, values)

    async def _within(self, timeout_s: float, work: Coroutine[Any, Any, Result]) -> Result:
        """Do some work, or abandon it: psycopg itself waits ten more seconds for a server that hangs to say good-bye.

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
    """JSON has no decimals; what the marts round fits a float."""
    connection.adapters.register_loader("numeric", FloatLoader)


async def _read(connection: AsyncConnection, endpoint: Endpoint, values: Mapping[str, Any]) -> QueryResult:
    # A view is looked up as it is now, not as the snapshot saw it: without the locks, a turn between the snapshot and
    # the query would give the old generation's number to the new generation's rows. Locking takes no snapshot.
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
