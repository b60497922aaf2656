"""Sessions of dbt in PostgreSQL that end with the command that a signal interrupts.

dbt tries to end them too, but acts as the marts' owner there, which may not signal sessions of the login: the attempt
fails, and its threads go on with their statements. Sessions of the login itself may signal each other.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.dummy import DummyProcess

import psycopg

from warehouse.database import connect
from warehouse.errors import LadderError

__all__ = ["ended_when_interrupted", "session_name"]

#: A thread whose session has ended is over as soon as dbt has noted the failure of its node.
_LIMIT_S = 10.0
_POLL_S = 0.1
_log = logging.getLogger(__name__)


def session_name() -> str:
    """A name for the sessions of one dbt command, which its profile gives them."""
    return f"dbt {secrets.token_hex(8)}"


@contextmanager
def ended_when_interrupted(database_url: str, name: str) -> Iterator[None]:
    """Where an interrupt ends a dbt command, end its sessions and wait for its threads.

    Args:
        database_url: the login that the command uses; empty where it connects to nothing.
        name: what `session_name` has returned for it.
    """
    before = set(threading.enumerate())
    try:
        yield
    except Exception:
        raise
    except BaseException:
        if database_url:
            _end(database_url, name, before)
        raise


def _end(database_url: str, name: str, before: set[threading.Thread]) -> None:
    """End sessions again and again: a thread may be about to open one."""
    deadline = time.monotonic() + _LIMIT_S
    try:
        with connect(database_url, autocommit=True) as connection:
            while True:
                # Those that dbt runs its nodes in; other threads of this process go on.
                threads = [one for one in set(threading.enumerate()) - before if isinstance(one, DummyProcess)]
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = %s AND usename = session_user",
                    [name],
                )
                if not threads:
                    return
                if time.monotonic() > deadline:
                    _log.warning("%s threads of dbt have not ended", len(threads))
                    return
                time.sleep(_POLL_S)
    except (LadderError, psycopg.Error) as error:
        _log.warning("dbt's sessions are not ended: %s", error)
