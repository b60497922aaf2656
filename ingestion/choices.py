"""What a pass chooses to read, and by what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from ingestion.reports import Failure
from warehouse.settings import Settings
from warehouse.state import Cursor

__all__ = ["Choice", "Item", "Situation"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What a choice depends on.

    Args:
        connection: the warehouse, to read from.
        settings: the configuration.
        now: this moment, UTC.
    """

    connection: psycopg.Connection
    settings: Settings
    now: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """A thing to read.

    Args:
        name: what it is, e.g. `player 7`.
        id: its id in paths; empty for a thing that has none.
        cursor: how far it was read before.
        facts: what else the choice knows about it.
        endpoints: endpoints it will ask at the least, once for each request.
        advice: next step when the source does not know it.
    """

    name: str
    id: str
    cursor: Cursor | None
    endpoints: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a pass has to do.

    Args:
        items: things to read, in this order.
        skipped: number of things that are not due.
        failures: things that cannot be asked for.
    """

    items: Sequence[Item]
    skipped: int = 0
    failures: tuple[Failure, ...] = ()
