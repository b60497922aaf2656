"""Connections of a pool whose server may have been restarted while they were idle."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import InvalidatePoolError

__all__ = ["check_idle_connections"]

_IDLE_S = 1.0
_SINCE = "idle_since"


def check_idle_connections(engine: Engine) -> None:
    """Check a connection that was idle for a second before it is used again; where it is broken, open new ones.

    SQLAlchemy's own `pool_pre_ping` checks each time, and a run takes hundreds from the pool.
    """

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info[_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def check(connection: Any, record: Any, _fairy: Any) -> None:
        since = record.info.pop(_SINCE, None)
        if since is None or time.monotonic() - since < _IDLE_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise InvalidatePoolError from None
