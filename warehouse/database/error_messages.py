"""What PostgreSQL could not do, in one line that says what to do: above all that it has run out of something.

Errors come as psycopg's, as psycopg2's (Dagster's storage) and as text (dbt). The class 53 of SQLSTATE, insufficient
resources, is what a person can mend without looking into the warehouse.
"""

from __future__ import annotations

import re
from typing import Any

from warehouse.core.errors import DatabaseError

__all__ = ["SERVER_UNAVAILABLE", "hint_for", "to_database_error"]

#: What to say of a session that the server ended, or that could not begin.
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
#: By SQLSTATE: what has run out, and what to do.
_EXHAUSTED = {
    "53100": ("PostgreSQL has no space left", _ROOM),
    "53200": ("PostgreSQL is out of memory", _MEMORY),
    "53300": (_NO_CONNECTION, _CONNECTIONS),
}
#: The same by what the server says, which tells apart what shares a SQLSTATE, and is all there is of errors that come
#: as text or before a session has begun. The first that fits counts.
_MESSAGE_PATTERNS = (
    (r"could not resize shared memory", ("PostgreSQL has no shared memory left", _SEGMENTS)),
    (r"no space left on device|disk full|could not extend file", _EXHAUSTED["53100"]),
    (r"out of shared memory", ("PostgreSQL has no room for locks left", _LOCKS)),
    (r"out of memory", _EXHAUSTED["53200"]),
    (r"too many connections for role", (_NO_CONNECTION, _SESSIONS)),
    (r"too many (clients|connections)|connection slots are reserved", _EXHAUSTED["53300"]),
)


def to_database_error(error: Any, otherwise: tuple[str, str]) -> DatabaseError:
    """An error of psycopg or psycopg2 as one line.

    Args:
        error: what was raised.
        otherwise: what to put before its text, and what to do, where nothing has run out.
    """
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    reason = " ".join(said.split())
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    what, advice = _find_exhausted(reason) or _EXHAUSTED.get(state or "", otherwise)
    return DatabaseError(f"{what}: {reason}", advice)


def hint_for(said: str) -> str | None:
    """What to do about a text that says that the server has run out of something; None about any other."""
    found = _find_exhausted(said)
    return found[1] if found else None


def _find_exhausted(said: str) -> tuple[str, str] | None:
    return next((found for pattern, found in _MESSAGE_PATTERNS if re.search(pattern, said, re.IGNORECASE)), None)
