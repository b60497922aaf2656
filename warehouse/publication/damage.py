"""Find damaged marts: a view or table was removed, replaced or changed by hand since its publication.

A check is one query of the catalogue, independent of the size of the marts. It compares names and definitions, so that
a copy of the database or a restored dump is not damaged. `ladder verify` compares rows.
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
#: Selects mart and problem, for the colour `%(colour)s` or, if that is null, the published generation and its views.
DAMAGE_QUERY = (_SQL / "damaged.sql").read_bytes()
_RECORD = (_SQL / "record.sql").read_bytes()
_MAX_ATTEMPTS = 3
_DBT_TIMEOUT_S = 2.0

_PROBLEMS = {
    "table_missing": "its table is missing",
    "table_replaced": "its table was replaced",
    "columns_changed": "its columns were changed",
    "emptied": "its rows were removed",
    "rows_changed": "its rows were changed outside a build",
    "view_missing": "its view is missing",
    "view_changed": "its view was changed",
}


@dataclass(frozen=True, slots=True)
class DamagedMart:
    """A mart that was changed by hand since it was published.

    Args:
        mart: its name.
        problem: the first that applies of `table_missing`, `table_replaced`, `columns_changed`, `emptied`,
            `view_missing`, `view_changed` and `rows_changed`.
    """

    mart: str
    problem: str

    @property
    def is_view_only(self) -> bool:
        """Whether its table is intact, so that a new view repairs it."""
        return self.problem.startswith("view_")

    @property
    def is_readable(self) -> bool:
        """Whether queries of its published columns still return rows of this generation, though some may be wrong."""
        return self.problem == "rows_changed"

    @property
    def message(self) -> str:
        """The mart and a description of its problem."""
        return f"{self.mart}: {_PROBLEMS[self.problem]}"


def damaged_marts(connection: psycopg.Connection, colour: str | None = None) -> list[DamagedMart]:
    """Marts that differ from their published state, by name. Waits while views are promoted.

    Args:
        connection: any login that can read `ops.published_marts`.
        colour: check the tables of this colour; by default those of the published generation, and its views.
    """
    for attempt in range(_MAX_ATTEMPTS):
        try:
            with connection.transaction():
                connection.execute(SHARE_VIEW_LOCK)
                return [DamagedMart(*row) for row in connection.execute(DAMAGE_QUERY, {"colour": colour}).fetchall()]
        except psycopg.errors.InternalError_:
            # A view was removed by hand at the same time: its definition is read after its name.
            if attempt == _MAX_ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def record_marts(connection: psycopg.Connection, colour: str, marts: Sequence[str]) -> None:
    """Record the state of the marts of a colour after their publication.

    Args:
        connection: a transaction with the role of the owner of the marts; no build is running.
        colour: the published colour.
        marts: names of the marts.
    """
    values: dict[str, Any] = {
        "colour": colour,
        "marts": list(marts),
        "are_writes_counted": dbt_sessions_ended(connection),
    }
    connection.execute("DELETE FROM ops.published_marts WHERE colour = %(colour)s", values)
    connection.execute(_RECORD, values)


def dbt_sessions_ended(connection: psycopg.Connection) -> bool:
    """Wait up to two seconds until dbt's sessions have ended, so that their writes are counted; false if some remain.

    The application name of dbt's sessions is `dbt` followed by an id of the command.
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
