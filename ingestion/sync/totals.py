"""A source's own totals of a player beside those of the matches that are stored.

They are compared once a day a player, and after a whole history was read. Where they differ, the whole history is read
once more. A difference that remains is kept with both figures (`ops.source_totals`), and is worth another reading only
when it becomes another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.sync.selection import SelectionContext, is_due
from warehouse.ops.state import Cursor

__all__ = ["compare_totals", "full_scan_times", "is_due_for_comparison", "open_differences"]

_COMPARISON_INTERVAL = timedelta(days=1)
#: The statement for one measure. A difference of the size that stood before a whole reading is one that remains.
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


def is_due_for_comparison(cursor: Cursor | None, whole_at: datetime | None, now: datetime) -> bool:
    """Whether a player's totals are to be compared: once a day, and after the whole history was read.

    Args:
        cursor: of the player's totals.
        whole_at: when the player's whole history was read last.
        now: the current time, UTC.
    """
    is_whole = cursor is not None and whole_at is not None and whole_at > cursor.observed_at
    return is_whole or is_due(cursor, _COMPARISON_INTERVAL, now)


def open_differences(context: SelectionContext, source: str) -> dict[tuple[str, str], datetime]:
    """Players and measures that differ in a way for which the history was not read again, and since when they do.

    One reading after that time is enough, also where the totals cannot be compared after it.
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
    found: Mapping[str, Mapping[str, int]],
    whole_at: Mapping[str, datetime],
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Compare totals with those of what is stored, and write both into the books.

    Args:
        situation: a login that may write `ops` (`ladder_ingest`), and the time of the comparison.
        source: the source.
        query: given `players`, `matches` and `wins` as arrays, has `player_id, measure, theirs, ours`.
        found: `matches` and `wins` as the source shows them, by player.
        whole_at: when a player's whole history was read last.
        parameters: the query's own parameters.
    """
    given = {
        "players": list(found),
        "matches": [totals["matches"] for totals in found.values()],
        "wins": [totals["wins"] for totals in found.values()],
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
                "whole_at": whole_at.get(player),
            },
        )


def full_scan_times(cursors: Mapping[str, Cursor], prefix: str) -> dict[str, datetime]:
    """When histories were read whole, by player; cursors hold it as `whole_at` (s) or `rescanned_at` (ISO 8601)."""
    found = {}
    for name, cursor in cursors.items():
        at, iso = cursor.value.get("whole_at"), cursor.value.get("rescanned_at")
        if at is not None and "walk" not in cursor.value:
            found[name.removeprefix(prefix)] = datetime.fromtimestamp(at, UTC)
        elif iso is not None and cursor.value.get("newest_match_id") is not None:
            # A history that shows nothing is read whole at each run.
            found[name.removeprefix(prefix)] = datetime.fromisoformat(iso).astimezone(UTC)
    return found
