"""Locks of the warehouse, in the order in which they are acquired. They are locks on tables and rows of `ops`.

Advisory locks would be simpler, but any login can acquire them and so block others. Locking a table or a row requires
write privileges, which analysts do not have. Each lock belongs to a transaction, so it is released when the session
ends for any reason, and also if a pooler reuses the session.

    public.ladder_migrations  one process at a time changes roles, schemas and definitions
    ops.build_lock            exclusive for a build, shared by loads: while a build runs, batches land but wait to load
    ops.load_locks            one row per source: one load of a source at a time
    ops.turn_lock             exclusive while views are promoted, shared by checks for damage
"""

from __future__ import annotations

import logging
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg

from warehouse.core.errors import DatabaseError
from warehouse.database.connections import connect

__all__ = [
    "SHARE_VIEW_LOCK",
    "acquire_build_lock",
    "acquire_load_lock",
    "acquire_migration_lock",
    "acquire_view_lock",
    "hold_build_lock",
    "registered_build",
    "share_build_lock",
]

#: Checks for damage run this in their transaction, so that they do not run while views are being replaced.
SHARE_VIEW_LOCK: LiteralString = "LOCK TABLE ops.turn_lock IN ACCESS SHARE MODE"
_LOG_WAIT_AFTER_S = 2.0
#: Sessions that block a session: application name or user, and process id.
_BLOCKERS = """
SELECT DISTINCT coalesce(nullif(application_name, ''), usename::text, 'a session'), pid
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(%s)) ORDER BY pid
"""
_log = logging.getLogger(__name__)


def acquire_migration_lock(connection: psycopg.Connection) -> None:
    """Prevent other processes from changing roles, schemas and definitions until the transaction ends."""
    _acquire(connection, "LOCK TABLE public.ladder_migrations IN EXCLUSIVE MODE", "another set-up of the warehouse")


def acquire_build_lock(connection: psycopg.Connection) -> None:
    """Acquire the build lock until the transaction ends: wait for running loads and builds, and block later ones."""
    _acquire(connection, "LOCK TABLE ops.build_lock IN EXCLUSIVE MODE", "a load or a build")


def share_build_lock(connection: psycopg.Connection) -> None:
    """Share the build lock until the transaction ends: wait for a running build, and block later builds."""
    _acquire(connection, "LOCK TABLE ops.build_lock IN SHARE MODE", "a build")


def acquire_load_lock(connection: psycopg.Connection, source: str) -> None:
    """Acquire the load lock of a source until the transaction ends, so that no file is loaded twice."""
    found = _acquire(
        connection, "SELECT FROM ops.load_locks WHERE source = %s FOR UPDATE", f"a load of {source}", source
    )
    if found != 1:
        raise DatabaseError(f"the tables of {source} are not set up", "run `ladder doctor`")


def acquire_view_lock(connection: psycopg.Connection) -> None:
    """Acquire the lock of the views until the transaction ends: checks for damage wait."""
    connection.execute("LOCK TABLE ops.turn_lock IN ACCESS EXCLUSIVE MODE")


@contextmanager
def hold_build_lock(
    database_url: str, *, source: str | None = None, timeout_s: float | None = None
) -> Iterator[psycopg.Connection]:
    """Hold a lock in a separate transaction while other connections work in any number of transactions.

    Args:
        database_url: a login that may write staging or marts.
        source: share the build lock and hold the load lock of this source; None holds the build lock exclusively.
        timeout_s: seconds to wait for each lock; None waits without a timeout.

    Raises:
        psycopg.errors.LockNotAvailable: the timeout was exceeded.
    """
    with connect(database_url) as holder:
        # A server may end long or idle transactions; this one is meant to be both.
        holder.execute(
            "SELECT set_config(name, '0', true) FROM pg_settings "
            "WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')"
        )
        if timeout_s is not None:
            holder.execute("SELECT set_config('lock_timeout', %s, true)", [f"{round(timeout_s * 1000)}ms"])
        if source is None:
            acquire_build_lock(holder)
        else:
            share_build_lock(holder)
            acquire_load_lock(holder, source)
        yield holder
        try:
            holder.rollback()
        except psycopg.OperationalError:
            raise DatabaseError("PostgreSQL ended the session that held a lock", "run again") from None


@contextmanager
def registered_build(connection: psycopg.Connection, place: str) -> Iterator[str]:
    """Register a dbt build; without a registration dbt only builds in a developer's schema. Yields a token for dbt.

    The registration is the `application_name` of a session, so it ends with the process that builds.

    Args:
        connection: the connection that `warehouse.publication.plan.build_session` yields.
        place: the dbt target: a colour, or `scratch`.
    """
    token = secrets.token_hex(8)
    name = connection.info.parameter_status("application_name") or ""
    connection.execute("SELECT set_config('application_name', %s, false)", [f"{place}:{token}"])
    try:
        yield token
    finally:
        if not connection.closed:
            connection.execute("SELECT set_config('application_name', %s, false)", [name])


def _acquire(connection: psycopg.Connection, statement: LiteralString, what: str, *values: str) -> int:
    """Wait for a lock; after two seconds log which sessions hold it. Returns the number of locked rows."""
    timer = threading.Timer(_LOG_WAIT_AFTER_S, _log_holders, (connection, what))
    timer.daemon = True
    timer.start()
    try:
        return connection.execute(statement, values or None).rowcount
    finally:
        timer.cancel()


def _log_holders(waiting: psycopg.Connection, what: str) -> None:
    """Log which sessions hold the lock, through another session, since the waiting one is blocked."""
    info = waiting.info
    try:
        with psycopg.connect(info.dsn, password=info.password, autocommit=True) as connection:
            found = connection.execute(_BLOCKERS, [info.backend_pid]).fetchall()
    except psycopg.Error:
        found = []
    holders = ", ".join(f"{name} (PostgreSQL process {pid})" for name, pid in found)
    line = f"waiting for {what}" + (f": {holders}" if holders else "")
    _log.warning(line)
    sys.stderr.write(f"{line}\n")
