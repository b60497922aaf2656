"""Locks of the warehouse, in the order in which they are taken. They are tables and rows of `ops`.

Advisory locks would be shorter, but any login may take any of them, and hold up what waits for it. A table or a row is
locked by a login with rights to write it, and an analyst has none. A lock is of a transaction, so that it ends with its
session, however that ends, and also where a pooler hands sessions on.

    public.ladder_migrations  one process at a time changes roles, schemas and definitions
    ops.build_lock            held alone by a build, shared by loads: while a build runs, batches land but wait to load
    ops.load_locks            a row for each source: one load of it at a time
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

#: Checks for damage run this in their transaction: one during the replacement of the views would find half of them.
SHARE_VIEW_LOCK: LiteralString = "LOCK TABLE ops.turn_lock IN ACCESS SHARE MODE"
_LOG_WAIT_AFTER_S = 2.0
#: Who blocks a session: what it calls itself, and since when it is connected where this login may see that.
_BLOCKERS = """
SELECT DISTINCT coalesce(nullif(application_name, ''), usename::text, 'a session'), pid
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(%s)) ORDER BY pid
"""
_log = logging.getLogger(__name__)


def acquire_migration_lock(connection: psycopg.Connection) -> None:
    """Change roles, schemas and definitions alone, until the transaction ends."""
    _acquire(connection, "LOCK TABLE public.ladder_migrations IN EXCLUSIVE MODE", "another set-up of the warehouse")


def acquire_build_lock(connection: psycopg.Connection) -> None:
    """Build alone, until the transaction ends: loads in flight end first, later ones wait, and so do other builds."""
    _acquire(connection, "LOCK TABLE ops.build_lock IN EXCLUSIVE MODE", "a load or a build")


def share_build_lock(connection: psycopg.Connection) -> None:
    """Keep builds away until the transaction ends, beside others that do so."""
    _acquire(connection, "LOCK TABLE ops.build_lock IN SHARE MODE", "a build")


def acquire_load_lock(connection: psycopg.Connection, source: str) -> None:
    """Load a source alone, until the transaction ends, so that no file is loaded twice even if it fills no table."""
    found = _acquire(
        connection, "SELECT FROM ops.load_locks WHERE source = %s FOR UPDATE", f"a load of {source}", source
    )
    if found != 1:
        raise DatabaseError(f"the tables of {source} are not set up", "run `ladder doctor`")


def acquire_view_lock(connection: psycopg.Connection) -> None:
    """Replace views alone, until the transaction ends: checks for damage wait."""
    connection.execute("LOCK TABLE ops.turn_lock IN ACCESS EXCLUSIVE MODE")


@contextmanager
def hold_build_lock(
    database_url: str, *, source: str | None = None, timeout_s: float | None = None
) -> Iterator[psycopg.Connection]:
    """A transaction of its own that holds a lock while another connection works, in as many transactions as it likes.

    Args:
        database_url: a login that may write staging or marts.
        source: share the build lock, and load this source alone; otherwise hold the build lock alone.
        limit_s: seconds to wait for each lock; None for as long as it takes.

    Raises:
        psycopg.errors.LockNotAvailable: `limit_s` is over.
    """
    with connect(database_url) as holder:
        # A server may end transactions that last, or in which nothing happens; this one does its work that way.
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
    """Register a build of dbt, which builds nowhere but in a developer's schema without; what to pass to it.

    It is the name of a session, so that it ends with the process that builds, however that ends.

    Args:
        connection: what `warehouse.publication.plan.build_session` yields.
        place: the target: a colour, or `scratch`.
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
    """Wait for a lock; after two seconds log which sessions hold it. Returns how many rows were locked."""
    timer = threading.Timer(_LOG_WAIT_AFTER_S, _log_holders, (connection, what))
    timer.daemon = True
    timer.start()
    try:
        return connection.execute(statement, values or None).rowcount
    finally:
        timer.cancel()


def _log_holders(waiting: psycopg.Connection, what: str) -> None:
    """One line about which sessions hold the lock, from another session: the waiting one takes no statement."""
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
