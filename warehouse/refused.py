"""What PostgreSQL could not do, in one line that says what to do: above all that it has run out of something.

Errors come as psycopg's, as psycopg2's (Dagster's storage) and as text (dbt). The class 53 of SQLSTATE, insufficient
resources, is what a person can mend without looking into the warehouse.
"""

from __future__ import annotations

import re
from typing import Any

from warehouse.errors import DatabaseError

__all__ = ["SERVER_AWAY", "advice_on", "refused"]

#: What to say of a session that the server ended, or that could not begin.
SERVER_AWAY = ("PostgreSQL", "see that it runs, has room and grants what is needed, then try again")
_ROOM = "free some space and run again; nothing is lost"
_MEMORY = "give the server memory, or end other work on it, and run again; nothing is lost"
_CONNECTIONS = "end other sessions, or raise max_connections, and run again; nothing is lost"
#: By SQLSTATE: what has run out, and what to do.
_RUN_OUT = {
    "53100": ("PostgreSQL has no space left", _ROOM),
    "53200": ("PostgreSQL is out of memory", _MEMORY),
    "53300": ("PostgreSQL has no connection left", _CONNECTIONS),
}
#: The same by what the server says, for errors that come as text, or before a session has begun.
_SAID = (
    (re.compile(r"no space left on device|disk full|could not extend file", re.IGNORECASE), "53100"),
    (re.compile(r"out of (shared )?memory", re.IGNORECASE), "53200"),
    (re.compile(r"too many (clients|connections)|connection slots are reserved", re.IGNORECASE), "53300"),
)


def refused(error: Any, otherwise: tuple[str, str]) -> DatabaseError:
    """An error of psycopg or psycopg2 as one line.

    Args:
        error: what was raised.
        otherwise: what to put before its text, and what to do, where nothing has run out.
    """
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    reason = " ".join(said.split())
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    what, advice = _RUN_OUT.get(state or _state_said(reason) or "", otherwise)
    return DatabaseError(f"{what}: {reason}", advice)


def advice_on(said: str) -> str | None:
    """What to do about a text that says that the server has run out of something; None about any other."""
    state = _state_said(said)
    return _RUN_OUT[state][1] if state else None


def _state_said(text: str) -> str | None:
    return next((state for pattern, state in _SAID if pattern.search(text)), None)
