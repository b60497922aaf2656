"""Convert errors of PostgreSQL into one line with a hint, especially for exhausted resources.

Errors come from psycopg, from psycopg2 (Dagster's storage) and as text (dbt). Users can fix errors of SQLSTATE class
53, insufficient resources, without knowing the warehouse.
"""

from __future__ import annotations

import re
from typing import Any

from warehouse.core.errors import DatabaseError

__all__ = ["SERVER_UNAVAILABLE", "hint_for", "to_database_error"]

#: Message and hint for a session that the server ended, or that could not be opened.
SERVER_UNAVAILABLE = (
    "PostgreSQL",
    "check that it runs, has free disk space and grants the needed rights, then try again",
)
_ROOM = "free some space and run again; nothing is lost"
_MEMORY = "give the server memory, or end other work on it, and run again; nothing is lost"
_CONNECTIONS = "end other sessions, or raise max_connections, and run again; nothing is lost"
_SESSIONS = "end other sessions of this login, and run again; nothing is lost"
_LOCKS = "raise max_locks_per_transaction, and run again; nothing is lost"
_SEGMENTS = "give /dev/shm more room, and run again; nothing is lost"
_NO_CONNECTION = "PostgreSQL has no connection left"
#: Message and hint by SQLSTATE.
_EXHAUSTED = {
    "53100": ("PostgreSQL has no space left", _ROOM),
    "53200": ("PostgreSQL is out of memory", _MEMORY),
    "53300": (_NO_CONNECTION, _CONNECTIONS),
}
#: The same by the server's message, which distinguishes errors with the same SQLSTATE, and which is all that is known
#: of errors that come as text or before a session has begun. The first match counts.
_MESSAGE_PATTERNS = (
    (r"could not resize shared memory", ("PostgreSQL has no shared memory left", _SEGMENTS)),
    (r"no space left on device|disk full|could not extend file", _EXHAUSTED["53100"]),
    (r"out of shared memory", ("PostgreSQL has no room for locks left", _LOCKS)),
    (r"out of memory", _EXHAUSTED["53200"]),
    (r"too many connections for role", (_NO_CONNECTION, _SESSIONS)),
    (r"too many (clients|connections)|connection slots are reserved", _EXHAUSTED["53300"]),
)


def to_database_error(error: Any, fallback: tuple[str, str]) -> DatabaseError:
    """Convert an error of psycopg or psycopg2 into a `DatabaseError` with a one-line message.

    Args:
        error: the exception.
        fallback: prefix of the message, and hint, if no resource is exhausted.
    """
    message = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    reason = " ".join(message.split())
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    summary, hint = _find_exhausted(reason) or _EXHAUSTED.get(state or "", fallback)
    return DatabaseError(f"{summary}: {reason}", hint)


def hint_for(message: str) -> str | None:
    """The hint for a message about an exhausted resource; None for any other message."""
    found = _find_exhausted(message)
    return found[1] if found else None


def _find_exhausted(message: str) -> tuple[str, str] | None:
    return next((found for pattern, found in _MESSAGE_PATTERNS if re.search(pattern, message, re.IGNORECASE)), None)
