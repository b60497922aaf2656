"""Refuse a connection pooler that hands one session of PostgreSQL to several clients.

Builds and loads hold locks, set roles and settings, and make temporary tables for as long as they are connected. Behind
PgBouncer in transaction mode that would be another client's session after the next statement.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from warehouse.core.errors import DatabaseError

__all__ = ["reject_shared_sessions"]

_HINT = "let LADDER_DATABASE_URL name PostgreSQL itself, or a pool in session mode that passes `options` on"
#: Another client of the pool may come between two looks, so that one look finds nothing.
_ATTEMPTS = 5


def reject_shared_sessions(connection: psycopg.Connection, connect_again: Callable[[], psycopg.Connection]) -> None:
    """Look whether the connection is alone in its session, and in UTC.

    A pooler gives its clients a process number of its own. Where that is not the server's, a second connection shows
    whether both are in one session. The connection is outside a transaction before and after.

    Args:
        connection: as it was just opened.
        connect_again: opens another one like it.

    Raises:
        DatabaseError: it shares its session, or its session does not begin as it should.
    """
    process, zone = _session(connection)
    if zone != "UTC":
        raise DatabaseError("a connection pooler leaves out how sessions begin (`options`)", _HINT)
    if process == connection.info.backend_pid:
        return
    with connect_again() as other:
        own, others = {process}, set[int]()
        for _ in range(_ATTEMPTS):
            others.add(_session(other)[0])
            own.add(_session(connection)[0])
            if len(own) > 1 or len(others) > 1 or own & others:
                raise DatabaseError(
                    "LADDER_DATABASE_URL leads to a connection pooler in transaction mode, which shares sessions", _HINT
                )


def _session(connection: psycopg.Connection) -> tuple[int, str]:
    row = connection.execute("SELECT pg_backend_pid(), current_setting('TimeZone')").fetchone()
    assert row is not None  # a SELECT without FROM always answers
    if not connection.autocommit:
        connection.rollback()
    return row
