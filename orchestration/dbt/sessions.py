"""Sessions of dbt in PostgreSQL that end as soon as a signal interrupts the command.

dbt tries to end them too, but acts as the marts' owner there, which may not signal sessions of the login. The attempt
fails, its threads go on, and dbt waits until their statements are done. Sessions of the login may signal each other.
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

#: A thread whose session has ended is over as soon as dbt has noted the failure of its node.
_LIMIT_S = 10.0
_POLL_S = 0.1
_log = logging.getLogger(__name__)


def session_name() -> str:
    """A name for the sessions of one dbt command, which its profile gives them."""
    return f"dbt {secrets.token_hex(8)}"


@contextmanager
def terminate_sessions_on_interrupt(database_url: str, name: str) -> Iterator[Callable[[], None]]:
    """Be ready to end the sessions of a dbt command, and wait for its threads where that was done.

    Args:
        database_url: the login that the command uses; empty where it connects to nothing.
        name: what `session_name` has returned for it.

    Yields:
        What ends the sessions from now on. It returns at once, and may be called in the handler of a signal.
    """
    if not database_url:
        yield lambda: None
        return
    wanted, returned = threading.Event(), threading.Event()
    before = set(threading.enumerate())

    def end() -> None:
        wanted.wait()
        if not returned.is_set():
            _end(database_url, name, before, returned)

    # Begun here: a handler may not start a thread, since it may interrupt the start of another.
    ending = threading.Thread(target=end, name="dbt sessions", daemon=True)
    ending.start()
    try:
        yield wanted.set
    finally:
        returned.set()
        wanted.set()
        # A server that hangs must not hold the command as well.
        ending.join(_LIMIT_S)


def _end(database_url: str, name: str, before: set[threading.Thread], returned: threading.Event) -> None:
    """End sessions until dbt has returned and its threads are gone: each may be about to open another one."""
    deadline = None
    try:
        with connect(database_url, autocommit=True) as connection:
            while True:
                is_over = returned.is_set()
                # Those that dbt runs its nodes in; other threads of this process go on.
                threads = [one for one in set(threading.enumerate()) - before if isinstance(one, DummyProcess)]
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = %s AND usename = session_user",
                    [name],
                )
                if is_over and not threads:
                    return
                if is_over and deadline is None:
                    deadline = time.monotonic() + _LIMIT_S
                if deadline is not None and time.monotonic() > deadline:
                    _log.warning("%s threads of dbt have not ended", len(threads))
                    return
                time.sleep(_POLL_S)
    except (LadderError, psycopg.Error) as error:
        _log.warning("dbt's sessions are not ended: %s", error)
