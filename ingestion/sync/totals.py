"""Comparison of a source's own totals of a player with the totals of the stored matches.

A player's totals are compared once a day, and after a full scan of the history. After a difference, the history is
scanned in full once more. A difference that remains is stored with both figures (`ops.source_totals`), and triggers
another full scan only when its size changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.sync.selection import SelectionContext, is_due
from warehouse.ops.state import Cursor

__all__ = ["compare_totals", "full_scan_times", "is_due_for_comparison", "open_differences"]

_COMPARISON_INTERVAL = timedelta(days=1)
#: Stores one measure. A difference that has the same size as before a full scan is one that remains.
_UPSERT_TOTALS = """
INSERT INTO ops.source_totals AS kept (source, player_id, measure, theirs, ours, compared_at, differs_since)
VALUES (
    %(source)s, %(player)s, %(measure)s, %(theirs)s, %(ours)s, %(now)s,
    CASE WHEN %(theirs)s::bigint <> %(ours)s::bigint THEN %(now)s::timestamptz END
)
ON CONFLICT (source, player_id, measure) DO UPDATE
SET theirs = excluded.theirs,
    ours = excluded.ours,
    compared_at = excluded.compared_at,
    differs_since = CASE
        WHEN excluded.theirs <> excluded.ours AND kept.theirs - kept.ours = excluded.theirs - excluded.ours
            THEN kept.differs_since
        ELSE excluded.differs_since
    END,
    reread_for = CASE
        WHEN excluded.theirs <> excluded.ours AND kept.theirs - kept.ours = excluded.theirs - excluded.ours
            AND kept.differs_since < %(whole_at)s::timestamptz
            THEN excluded.theirs - excluded.ours
        WHEN excluded.theirs <> excluded.ours THEN kept.reread_for
    END
WHERE kept.compared_at <= excluded.compared_at
"""


def is_due_for_comparison(cursor: Cursor | None, full_scan_at: datetime | None, now: datetime) -> bool:
    """Whether a player's totals are due to be compared: once a day, and after a full scan of the history.

    Args:
        cursor: cursor of the player's totals.
        whole_at: time of the last full scan of the player's history.
        now: the current time, UTC.
    """
    is_whole = cursor is not None and full_scan_at is not None and full_scan_at > cursor.observed_at
    return is_whole or is_due(cursor, _COMPARISON_INTERVAL, now)


def open_differences(context: SelectionContext, source: str) -> dict[tuple[str, str], datetime]:
    """Differences that no full scan followed yet: since when they exist, by player and measure.

    One full scan after that time is enough, even if the totals cannot be compared afterwards.
    """
    rows = context.connection.execute(
        "SELECT player_id, measure, differs_since FROM ops.source_totals WHERE source = %s "
        "AND differs_since IS NOT NULL AND reread_for IS DISTINCT FROM theirs - ours",
        [source],
    )
    return {(player_id, measure): since for player_id, measure, since in rows}


def compare_totals(
    context: SelectionContext,
    source: str,
    query: bytes,
    reported: Mapping[str, Mapping[str, int]],
    full_scan_at: Mapping[str, datetime],
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Compare reported totals with those of the stored matches, and store both in `ops.source_totals`.

    Args:
        context: a login that may write `ops` (`ladder_ingest`), and the time of the comparison.
        source: name of the source.
        query: query that takes `players`, `matches` and `wins` as arrays and selects
            `player_id, measure, theirs, ours`.
        reported: `matches` and `wins` as the source reports them, by player.
        whole_at: time of the last full scan of a player's history.
        parameters: further parameters of the query.
    """
    given = {
        "players": list(reported),
        "matches": [totals["matches"] for totals in reported.values()],
        "wins": [totals["wins"] for totals in reported.values()],
        **(parameters or {}),
    }
    for player, measure, theirs, ours in context.connection.execute(query, given).fetchall():
        context.connection.execute(
            _UPSERT_TOTALS,
            {
                "source": source,
                "player": player,
                "measure": measure,
                "theirs": theirs,
                "ours": ours,
                "now": context.now,
                "whole_at": full_scan_at.get(player),
            },
        )


def full_scan_times(cursors: Mapping[str, Cursor], prefix: str) -> dict[str, datetime]:
    """Times of the last full scans, by player; cursors hold them as `whole_at` (s) or `rescanned_at` (ISO 8601)."""
    found = {}
    for name, cursor in cursors.items():
        at, iso = cursor.value.get("whole_at"), cursor.value.get("rescanned_at")
        if at is not None and "walk" not in cursor.value:
            found[name.removeprefix(prefix)] = datetime.fromtimestamp(at, UTC)
        elif iso is not None and cursor.value.get("newest_match_id") is not None:
            # An empty history is scanned in full by each run, and does not count.
            found[name.removeprefix(prefix)] = datetime.fromisoformat(iso).astimezone(UTC)
    return found
