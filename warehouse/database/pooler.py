"""Reject connection poolers that share a PostgreSQL session among clients.

Builds and loads hold locks, set roles and settings, and create temporary tables for the length of a connection. Behind
PgBouncer in transaction mode the session may belong to another client after the next statement.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from warehouse.core.errors import DatabaseError

__all__ = ["reject_shared_sessions"]

_HINT = "set LADDER_DATABASE_URL to PostgreSQL itself, or to a pool in session mode that passes `options` on"
#: Another client of the pool may use the session between two checks, so that one check may find nothing.
_ATTEMPTS = 5


def reject_shared_sessions(connection: psycopg.Connection, connect_again: Callable[[], psycopg.Connection]) -> None:
    """Check that the connection has a session of its own, in UTC.

    A pooler sends its clients a process id of its own. If that differs from the server's, a second connection shows
    whether both share a session. The connection is outside a transaction before and after.

    Args:
        connection: a new connection.
        connect_again: opens another connection with the same parameters.

    Raises:
        DatabaseError: the session is shared, or the pooler has dropped the startup options.
    """
    process, zone = _session(connection)
    if zone != "UTC":
        raise DatabaseError("a connection pooler drops the startup parameter `options`", _HINT)
    if process == connection.info.backend_pid:
        return
    with connect_again() as other:
        own, others = {process}, set[int]()
        for _ in range(_ATTEMPTS):
            others.add(_session(other)[0])
            own.add(_session(connection)[0])
            if len(own) > 1 or len(others) > 1 or own & others:
                raise DatabaseError(
                    "LADDER_DATABASE_URL points to a connection pooler in transaction mode, which shares sessions",
                    _HINT,
                )


def _session(connection: psycopg.Connection) -> tuple[int, str]:
    row = connection.execute("SELECT pg_backend_pid(), current_setting('TimeZone')").fetchone()
    assert row is not None  # a SELECT without FROM always returns a row
    if not connection.autocommit:
        connection.rollback()
    return row
