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
from serving.endpoints.generations import Published
from serving.errors import Unavailable
from warehouse.database.locks import SHARE_VIEW_LOCK
from warehouse.publication.damage import DAMAGE_QUERY, DamagedMart

__all__ = ["READ_LIMIT_S", "Database", "DatabaseDown", "Reading"]

_POOL_SIZE = 4
_QUERY_LIMIT_S = 3
_POOL_WAIT_S = 2
_WATCH_LIMIT_S = 1.5
READ_LIMIT_S = _POOL_WAIT_S + 2 * _QUERY_LIMIT_S
"""No reading takes longer: a wait for a connection, the rows, and whether there is such a subject."""

_OPTIONS = (
    f"-c timezone=UTC -c statement_timeout={_QUERY_LIMIT_S}s -c idle_in_transaction_session_timeout={_QUERY_LIMIT_S}s "
    "-c default_transaction_read_only=on"
)
_CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 2,
    "options": _OPTIONS,
    "application_name": "ladderhouse-api",
    # Plans of queries with optional filters are worth more than the time to make them.
    "prepare_threshold": None,
}
_LOOK_LIMIT = "SET LOCAL lock_timeout = '200ms'"
_NEWEST = "SELECT generation, as_of_date, published_at FROM ops.generations ORDER BY generation DESC LIMIT 1"


Result = TypeVar("Result")


class DatabaseDown(Exception):
    """PostgreSQL cannot be reached, or broke off."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a query found.

    Args:
        published: the generation that the rows belong to.
        rows: the rows.
        is_known: whether the subject exists; only false when there is no row.
    """

    published: Published
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
            timeout=_POOL_WAIT_S,
            # Short: the watcher finds out when the server is back, and the next request makes the pool try again.
            reconnect_timeout=1,
            configure=_configure,
            kwargs=_CONNECTION,
        )
        self._watching: AsyncConnection | None = None
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Begin to connect; does not wait for the server."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()
        await self._stop_watching()

    async def recover(self) -> None:
        """Replace the connections that an outage broke, before a request meets them."""
        await self._pool.check()

    async def newest(self) -> Published | None:
        """The published generation; None before the first.

        Raises:
            DatabaseDown: PostgreSQL does not answer in time.
        """
        try:
            return await self._within(_WATCH_LIMIT_S, self._newest())
        except psycopg.errors.UndefinedTable:
            return None
        except (psycopg.Error, DatabaseDown) as error:
            await self._stop_watching()
            raise DatabaseDown from error

    async def damaged(self) -> list[DamagedMart] | None:
        """Marts that were changed by hand since they were published; none where that is not recorded.

        None in place of a list where the catalogue cannot be looked at now: views turn, a mart is locked, a view was
        removed at that very time, every connection is in use, or PostgreSQL does not answer, which the watcher notices.
        """
        try:
            return await self._within(_WATCH_LIMIT_S, self._damaged())
        except psycopg.errors.UndefinedTable:
            return []
        except (psycopg.OperationalError, psycopg.errors.InternalError_, DatabaseDown):
            return None

    async def read(self, endpoint: Endpoint, values: Mapping[str, Any]) -> Reading:
        """Run an endpoint's query in the snapshot that its generation is read from.

        Raises:
            DatabaseDown: PostgreSQL cannot be reached.
            Unavailable: it is too busy, the query took too long, or nothing is published.
        """
        try:
            return await self._within(READ_LIMIT_S, self._read(endpoint, values))
        except PoolTimeout:
            raise Unavailable("overloaded", "too many queries at once; ask again", 1) from None
        except psycopg.errors.QueryCanceled:
            raise Unavailable("query_timeout", f"the query took longer than {_QUERY_LIMIT_S} s", 5) from None
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            raise Unavailable(
                "mart_missing", f"{endpoint.mart} is not published in the form this API reads", 30
            ) from None
        except psycopg.OperationalError as error:
            raise DatabaseDown from error

    async def _newest(self) -> Published | None:
        if self._watching is None:
            self._watching = await AsyncConnection.connect(self._url, **_CONNECTION)
        row = await (await self._watching.execute(_NEWEST)).fetchone()
        return None if row is None else Published(*row)

    async def _damaged(self) -> list[DamagedMart]:
        # Not on the watcher's connection: a look that waits for a lock must not keep the watcher from its own.
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_LOOK_LIMIT)
            await connection.execute(SHARE_VIEW_LOCK)
            rows = await (await connection.execute(DAMAGE_QUERY, {"colour": None})).fetchall()
        return [DamagedMart(*row) for row in rows]

    async def _read(self, endpoint: Endpoint, values: Mapping[str, Any]) -> Reading:
        async with self._pool.connection() as connection:
            return await _read(connection, endpoint, values)

    async def _within(self, limit_s: float, work: Coroutine[Any, Any, Result]) -> Result:
        """Do some work, or abandon it: psycopg itself waits ten more seconds for a server that hangs to say good-bye.

        Raises:
            DatabaseDown: it took too long.
        """
        task = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=limit_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            return task.result()
        task.cancel()
        self._abandoned.add(task)
        task.add_done_callback(self._forget)
        raise DatabaseDown

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()

    async def _stop_watching(self) -> None:
        if self._watching is not None:
            connection, self._watching = self._watching, None
            await connection.close()


async def _configure(connection: AsyncConnection) -> None:
    """JSON has no decimals; what the marts round fits a float."""
    connection.adapters.register_loader("numeric", FloatLoader)


async def _read(connection: AsyncConnection, endpoint: Endpoint, values: Mapping[str, Any]) -> Reading:
    # A view is looked up as it is now, not as the snapshot saw it: without the locks, a turn between the snapshot and
    # the query would give the old generation's number to the new generation's rows. Locking takes no snapshot.
    opening = sql.SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {} IN ACCESS SHARE MODE; {}").format(
        sql.SQL(", ").join(sql.Identifier("marts", name) for name in endpoint.reads), sql.SQL(_NEWEST)
    )
    try:
        cursor = await connection.execute(opening)
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
    return Reading(Published(*newest), rows, is_known)


async def _is_known(connection: AsyncConnection, endpoint: Endpoint, values: Mapping[str, Any]) -> bool:
    if not endpoint.known:
        return endpoint.is_list
    found = await (await connection.execute(endpoint.known, values)).fetchone()
    return found is not None and bool(found[0])
