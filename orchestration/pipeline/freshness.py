"""How long ago each staging table and the published marts were confirmed, and which of them are late.

What comes again unchanged leaves nothing new behind. So ages are counted from `ops.confirmations`, where each pass that
the source answered is recorded, and from `ops.generations.confirmed_at`, and not from rows or materializations.
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

#: Marts that were not confirmed for this long are late; transformation runs every hour.
MARTS_LATE_AFTER = timedelta(hours=3)

#: A table whose pass never got as far as to choose what to read is waited for since something of its source is tracked.
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
    """When a staging table was last confirmed, against the limits of the dbt project.

    Args:
        source: the table, and its limits.
        confirmed_at: end of the last pass that its source answered; None before the first.
        age_s: seconds since then, or since the table is waited for; None where nothing is to be read into it.
    """

    source: Source
    confirmed_at: datetime | None
    age_s: float | None

    @property
    def is_error(self) -> bool:
        """Whether it is later than the limit for an error."""
        return self._is_past(self.source.freshness.error_s if self.source.freshness else None)

    @property
    def is_late(self) -> bool:
        """Whether it is later than either limit."""
        return self.is_error or self._is_past(self.source.freshness.warn_s if self.source.freshness else None)

    def _is_past(self, limit_s: int | None) -> bool:
        return self.age_s is not None and limit_s is not None and self.age_s > limit_s


def table_ages(connection: psycopg.Connection, sources: Sequence[Source]) -> list[TableAge]:
    """Ages of those tables to which the dbt project gives a limit.

    Args:
        connection: any login that reads `ops.confirmations` and `ops.tracked`.
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
    """Whether no run has confirmed the published marts for too long, or nothing was ever published."""
    return generation is None or datetime.now(UTC) - generation.confirmed_at > MARTS_LATE_AFTER
