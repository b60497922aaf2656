"""Marts that are no longer as they were published: a view or table is gone, leads elsewhere, or was changed by hand.

A look costs one query of the catalogue, whatever the size of the marts. It compares names and definitions, so that a
copy of the database, or a dump that was restored, is as sound as what it was made from. `ladder verify` compares rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg

from warehouse.database.locks import SHARE_VIEW_LOCK

__all__ = ["DAMAGE_QUERY", "DamagedMart", "damaged_marts", "dbt_sessions_ended", "record_marts"]

_SQL = resources.files("warehouse.publication") / "damage_queries"
#: Selects mart and problem, for the colour `%(colour)s` or, where that is null, for what readers see.
DAMAGE_QUERY = (_SQL / "damaged.sql").read_bytes()
_RECORD = (_SQL / "record.sql").read_bytes()
_MAX_ATTEMPTS = 3
_DBT_TIMEOUT_S = 2.0

_PROBLEMS = {
    "table_missing": "its table is gone",
    "table_replaced": "its table was replaced",
    "columns_changed": "its columns were changed",
    "emptied": "its rows were removed",
    "rows_changed": "its rows were changed outside a build",
    "view_missing": "its view is gone",
    "view_changed": "its view reads something else",
}


@dataclass(frozen=True, slots=True)
class DamagedMart:
    """A mart that was changed by hand since it was published.

    Args:
        mart: its name.
        problem: `table_missing`, `table_replaced`, `columns_changed`, `emptied`, `rows_changed`, `view_missing` or
            `view_changed`; of several the first.
    """

    mart: str
    problem: str

    @property
    def is_view_only(self) -> bool:
        """Whether its table is sound, so that a new view mends it."""
        return self.problem.startswith("view_")

    @property
    def is_readable(self) -> bool:
        """Whether queries of its published columns still find rows of this generation, maybe wrong ones."""
        return self.problem == "rows_changed"

    @property
    def message(self) -> str:
        """The mart and its problem, in words."""
        return f"{self.mart}: {_PROBLEMS[self.problem]}"


def damaged_marts(connection: psycopg.Connection, colour: str | None = None) -> list[DamagedMart]:
    """Marts that are not as they were published, by name. Waits while a publication turns the views.

    Args:
        connection: any login that reads `ops.published_marts`.
        colour: whose tables to look at; by default those of the published generation, and its views.
    """
    for attempt in range(_MAX_ATTEMPTS):
        try:
            with connection.transaction():
                connection.execute(SHARE_VIEW_LOCK)
                return [DamagedMart(*row) for row in connection.execute(DAMAGE_QUERY, {"colour": colour}).fetchall()]
        except psycopg.errors.InternalError_:
            # A view was removed by hand at that very time: its definition is read later than its name.
            if attempt == _MAX_ATTEMPTS - 1:
                raise
    raise AssertionError("the last look returns or raises")


def record_marts(connection: psycopg.Connection, colour: str, marts: Sequence[str]) -> None:
    """Note how the marts of a colour are now that they are published.

    Args:
        connection: acts as the owner of the marts, in a transaction; its builds are over.
        colour: where they are.
        marts: their names.
    """
    values: dict[str, Any] = {"colour": colour, "marts": list(marts), "is_settled": dbt_sessions_ended(connection)}
    connection.execute("DELETE FROM ops.published_marts WHERE colour = %(colour)s", values)
    connection.execute(_RECORD, values)


def dbt_sessions_ended(connection: psycopg.Connection) -> bool:
    """Whether the sessions that built are over, after two seconds at the latest: then what they wrote is counted.

    dbt's profile names its sessions `dbt`, with an id of the command after it.
    """
    deadline = time.monotonic() + _DBT_TIMEOUT_S
    while True:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND usename = session_user AND starts_with(application_name, 'dbt')"
        ).fetchone()
        if row is not None and row[0] == 0:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
