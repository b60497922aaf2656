"""Termination of dbt's PostgreSQL sessions when a signal interrupts a dbt command.

dbt itself tries to terminate them, but in the role of the marts' owner, which may not signal sessions of the login. The
attempt fails, the threads continue, and dbt waits until their statements are done. A session of the login may terminate
other sessions of the login.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.dummy import DummyProcess

import psycopg

from warehouse.core.errors import LadderError
from warehouse.database.connections import connect

__all__ = ["session_name", "terminate_sessions_on_interrupt"]

#: Threads of terminated sessions end as soon as dbt has recorded the failure of their node.
_THREADS_TIMEOUT_S = 10.0
_POLL_S = 0.1
_log = logging.getLogger(__name__)


def session_name() -> str:
    """A unique name for the sessions of one dbt command; the dbt profile sets it as `application_name`."""
    return f"dbt {secrets.token_hex(8)}"


@contextmanager
def terminate_sessions_on_interrupt(database_url: str, name: str) -> Iterator[Callable[[], None]]:
    """For the length of a dbt command, allow termination of its sessions; after a termination, wait for its threads.

    Args:
        database_url: the login that the command uses; empty if it needs no connection.
        name: the value of `session_name` for the command.

    Yields:
        A function that starts the termination. It returns immediately, and may be called in a signal handler.
    """
    if not database_url:
        yield lambda: None
        return
    requested, returned = threading.Event(), threading.Event()
    before = set(threading.enumerate())

    def terminate() -> None:
        requested.wait()
        if not returned.is_set():
            _terminate_sessions(database_url, name, before, returned)

    # Started in advance: a signal handler cannot start a thread, because it may interrupt the start of another one.
    thread = threading.Thread(target=terminate, name="dbt sessions", daemon=True)
    thread.start()
    try:
        yield requested.set
    finally:
        returned.set()
        requested.set()
        # The timeout keeps a server that hangs from blocking the command.
        thread.join(_THREADS_TIMEOUT_S)


def _terminate_sessions(database_url: str, name: str, before: set[threading.Thread], returned: threading.Event) -> None:
    """Terminate sessions until dbt has returned and its threads have ended; each thread may open another session."""
    deadline = None
    try:
        with connect(database_url, autocommit=True) as connection:
            while True:
                is_over = returned.is_set()
                # Only threads in which dbt runs nodes; other threads of this process continue.
                threads = [one for one in set(threading.enumerate()) - before if isinstance(one, DummyProcess)]
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = %s AND usename = session_user",
                    [name],
                )
                if is_over and not threads:
                    return
                if is_over and deadline is None:
                    deadline = time.monotonic() + _THREADS_TIMEOUT_S
                if deadline is not None and time.monotonic() > deadline:
                    _log.warning("%s threads of dbt have not ended", len(threads))
                    return
                time.sleep(_POLL_S)
    except (LadderError, psycopg.Error) as error:
        _log.warning("dbt's sessions cannot be terminated: %s", error)
