"""Ages of staging tables and of the published marts since their last confirmation, and which of them are late.

Data that is received again unchanged leaves no new row or materialization. Ages are therefore measured from
`ops.confirmations`, which records each sync to which the source responded, and from `ops.generations.confirmed_at`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg

from orchestration.dbt.graph import Source
from warehouse.publication.generations import Generation

__all__ = ["MARTS_LATE_AFTER", "TableAge", "are_marts_late", "table_ages"]

#: Marts that were not confirmed for longer than this are late. The job `transform` runs every hour.
MARTS_LATE_AFTER = timedelta(hours=3)

#: The age of a table whose stream has never selected work items is measured from the first tracked entity of its
#: source.
_AGES: LiteralString = """
SELECT
    wanted.source,
    wanted.table_name,
    known.confirmed_at,
    CASE
        WHEN known.source IS NULL THEN tracked.since
        WHEN known.awaited_since IS NOT NULL THEN greatest(known.confirmed_at, known.awaited_since)
    END
FROM unnest(%s::text[], %s::text[]) AS wanted (source, table_name)
LEFT JOIN ops.confirmations AS known ON known.source = wanted.source AND known.table_name = wanted.table_name
LEFT JOIN (
    SELECT source, min(added_at) AS since FROM ops.tracked WHERE removed_at IS NULL GROUP BY source
) AS tracked ON tracked.source = wanted.source
"""


@dataclass(frozen=True)
class TableAge:
    """Age of a staging table, compared with the limits of the dbt project.

    Args:
        source: the table, with its limits.
        confirmed_at: end of the last sync to which its source responded; None before the first one.
        age_s: seconds since then, or since data is expected in the table; None if no data is expected.
    """

    source: Source
    confirmed_at: datetime | None
    age_s: float | None

    @property
    def is_error(self) -> bool:
        """Whether its age exceeds the limit for errors."""
        return self._is_past(self.source.freshness.error_s if self.source.freshness else None)

    @property
    def is_late(self) -> bool:
        """Whether its age exceeds the limit for errors or for warnings."""
        return self.is_error or self._is_past(self.source.freshness.warn_s if self.source.freshness else None)

    def _is_past(self, limit_s: int | None) -> bool:
        return self.age_s is not None and limit_s is not None and self.age_s > limit_s


def table_ages(connection: psycopg.Connection, sources: Sequence[Source]) -> list[TableAge]:
    """Ages of the tables for which the dbt project sets a limit.

    Args:
        connection: a login that reads `ops.confirmations` and `ops.tracked`.
        sources: tables that models read.
    """
    limited = {(one.source, one.name): one for one in sources if one.freshness is not None}
    names = [[source for source, _ in limited], [name for _, name in limited]]
    now = datetime.now(UTC)
    return [
        TableAge(limited[source, name], confirmed_at, (now - since).total_seconds() if since else None)
        for source, name, confirmed_at, since in connection.execute(_AGES, names).fetchall()
    ]


def are_marts_late(generation: Generation | None) -> bool:
    """Whether no run has confirmed the published marts within the limit, or nothing was ever published."""
    return generation is None or datetime.now(UTC) - generation.confirmed_at > MARTS_LATE_AFTER
