"""Pooled connections whose server may have been restarted while they were idle."""

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
    """Ping a connection before it is reused after a second of idle time; if it is broken, open new ones.

    SQLAlchemy's own `pool_pre_ping` pings at every checkout, of which a run has hundreds.
    """

    @event.listens_for(engine, "checkin")
    def record_checkin(_connection: Any, record: Any) -> None:
        record.info[_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping_if_idle(connection: Any, record: Any, _fairy: Any) -> None:
        since = record.info.pop(_SINCE, None)
        if since is None or time.monotonic() - since < _IDLE_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise InvalidatePoolError from None
